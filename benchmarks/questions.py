"""The workloads of small calls: properties, listings, and what an import takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from benchmarks.measuring import Figures, Run, Workload, client, run, run_all, whole
from benchmarks.nginx import MANY, SMALL
from benchmarks.programs import need
from benchmarks.servers import emulator
from benchmarks.stage import Stage

TASKS: Final = 64
"""Tasks that ask at once."""

COLD: Final = 20
"""Calls that a client lives for, where clients are made anew."""


def workloads(stage: Stage) -> list[Workload]:
    """All of them, in the order in which they are measured."""
    calls, tags = f"{stage.scale.calls:,} small calls", f"{stage.scale.tags:,} tags"
    once = f"a new client for each {COLD}"
    guarded = "TLS and tokens as ACR has them, nginx"
    return [
        Workload("calls", f"{calls}, HTTP, no token asked for, nginx", "calls", lambda: _calls(stage)),
        Workload("calls-cold", f"{calls}, {once}, HTTP, nginx", "calls", lambda: _calls(stage, every=COLD)),
        Workload("calls-guarded", f"{calls}, {guarded}", "calls", lambda: _guarded(stage)),
        Workload("calls-guarded-cold", f"{calls}, {once}, {guarded}", "calls", lambda: _guarded(stage, every=COLD)),
        Workload("calls-emulator", f"{calls}, TLS, the emulator", "calls", lambda: _emulator(stage)),
        Workload("calls-async", f"{calls}, {TASKS} at once, HTTP, nginx", "calls", lambda: _calls_async(stage)),
        Workload("tags", f"{tags} in pages of 100, {guarded}", "tags", lambda: _tags(stage, page_size=100)),
        Workload("tags-1000", f"{tags} in pages of 1,000, {guarded}", "tags", lambda: _tags(stage, page_size=1000)),
        Workload("parse", "A page of 1,000 tags, from bytes to Python; processor time", "tags", _parse),
        Workload("import", "Start Python and import", "", _imports),
    ]


def _microsoft(command: list[str]) -> Figures:
    need("azure.containerregistry")
    return run(command)


@contextmanager
def _calls(stage: Stage, every: int = 0) -> Iterator[Mapping[str, Run]]:
    def command(name: str) -> list[str]:
        return client(name, "calls", stage.nginx.http, SMALL, count=stage.scale.calls, fresh_every=every)

    yield {
        "acr": lambda: run(command("ours")),
        "httpx": lambda: run(command("plain_httpx")),
        "Microsoft": lambda: _microsoft(command("microsoft")),
    }


@contextmanager
def _guarded(stage: Stage, every: int = 0) -> Iterator[Mapping[str, Run]]:
    yield _with_tokens(stage, stage.nginx.guarded, stage.nginx.token, every)


@contextmanager
def _emulator(stage: Stage) -> Iterator[Mapping[str, Run]]:
    with stage.scratch() as folder, emulator(folder, stage.tls, SMALL) as server:
        yield _with_tokens(stage, server.url, server.token, 0)


def _with_tokens(stage: Stage, url: str, token: str, every: int) -> Mapping[str, Run]:
    """The clients each find their own token, but httpx, which is given one."""

    def command(name: str, **options: str | bool) -> list[str]:
        return client(
            name, "calls", url, SMALL, count=stage.scale.calls, fresh_every=every, certificate=stage.tls[0], **options
        )

    return {
        "acr": lambda: run(command("ours", signs_in=True)),
        "httpx": lambda: run(command("plain_httpx", token=token)),
        "Microsoft": lambda: _microsoft(command("microsoft")),
    }


@contextmanager
def _calls_async(stage: Stage) -> Iterator[Mapping[str, Run]]:
    def command(name: str, verb: str = "async-calls") -> list[str]:
        return client(name, verb, stage.nginx.http, SMALL, count=stage.scale.calls, tasks=TASKS)

    yield {
        "acr async": lambda: run(command("ours_async", "calls")),
        "httpx async": lambda: run(command("plain_httpx")),
        "Microsoft async": lambda: _microsoft(command("microsoft")),
    }


@contextmanager
def _tags(stage: Stage, page_size: int = 0) -> Iterator[Mapping[str, Run]]:
    server = stage.nginx

    def command(name: str, **options: str | bool) -> list[str]:
        return client(
            name, "tags", server.guarded, MANY, page_size=page_size, certificate=server.certificate, **options
        )

    yield {
        "acr": lambda: run(command("ours", signs_in=True)),
        "httpx": lambda: run(command("plain_httpx", token=server.token)),
        "Microsoft": lambda: _microsoft(command("microsoft")),
    }


@contextmanager
def _parse() -> Iterator[Mapping[str, Run]]:
    told: dict[str, Figures] = {}

    def subject(name: str) -> Run:
        def measured() -> Figures:
            if name not in told:  # one process tells of all three
                told.update(run_all([sys.executable, "-m", "benchmarks.clients.parsing"]))
            return told.pop(name)

        return measured

    yield {name: subject(name) for name in ("acr", "acr_rest", "json.loads")}


@contextmanager
def _imports() -> Iterator[Mapping[str, Run]]:
    def importing(statement: str, *packages: str) -> Run:
        def measured() -> Figures:
            for package in packages:
                need(package)
            return run(whole([sys.executable, "-c", statement]))

        return measured

    yield {
        "Python": importing("pass"),
        "import acr": importing("import acr"),
        "from acr import Registry": importing("from acr import Registry"),
        "from acr import AsyncRegistry": importing("from acr import AsyncRegistry"),
        "httpx": importing("import httpx"),
        "Microsoft": importing("import azure.containerregistry", "azure.containerregistry"),
        "oras-py": importing("import oras.client", "oras"),
    }

"""The servers of the benchmarks: each a context manager that takes a free port, waits until it answers, and ends it."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

import acr
from benchmarks.programs import find, limit

_START: Final = 20.0
"""Seconds until a server answers, at the most."""


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a folder, whose `log` gets what it says on stderr.

    Args:
        command: to run.
        folder: that it runs in; it is made.
        port: to wait for; None where it says on stdout when it is ready.
        env: to add to the environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        if port is not None:
            _wait_for(process, port, folder / "log")
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait_for(process: subprocess.Popen[str], port: int, log: Path) -> None:
    until = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"a server does not answer: {log.read_text()[-2000:]}")


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@attrs.frozen
class Sink:
    """The server that takes uploads and forgets them."""

    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def received(self) -> int:
        """Bytes of bodies that have come in all."""
        with urllib.request.urlopen(f"{self.url}/received") as answer:
            return int(answer.read())


@contextmanager
def sink(folder: Path) -> Iterator[Sink]:
    """Run the sink."""
    with running([limit("sink")], folder) as process:
        yield Sink(int(_line(process)))


@contextmanager
def distribution(folder: Path) -> Iterator[str]:
    """Run CNCF distribution with a store in a folder; gives its URL."""
    program = find("docker-registry")
    (port,) = free_ports(1)
    settings = {  # it wants YAML, and JSON is that, too
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "relativeurls": True,
        },  # as ACR's, and the only ones Microsoft's SDK takes
    }
    folder.mkdir(parents=True)
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    with running([program, "serve", config], folder, port=port, env={"OTEL_TRACES_EXPORTER": "none"}):
        yield f"http://127.0.0.1:{port}"


@attrs.frozen
class RunningEmulator:
    """The emulator in a process of its own, by TLS, with a tag `v1` in a repository."""

    url: str
    token: str = attrs.field(repr=False)
    """An access token for that repository, for clients that cannot get one."""


@contextmanager
def emulator(folder: Path, tls: tuple[Path, Path], repository: str) -> Iterator[RunningEmulator]:
    """Run the emulator."""
    with running([sys.executable, "-m", "acr.emulator", "--tls", *tls], folder) as process:
        url, welcome = _line(process), _line(process)
        found = re.search(r"as (\S+) with the password (\S+);", welcome)
        assert found is not None, welcome
        trust = ssl.create_default_context(cafile=tls[0])
        with acr.Registry(url, acr.UsernamePassword(*found.groups()), ssl_context=trust) as registry:
            registry.repository(repository).push_artifact([], tag="v1")
            yield RunningEmulator(url, registry.access_token([f"repository:{repository}:metadata_read"]))

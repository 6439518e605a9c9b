"""Measuring: a process is run and tells what it cost; subjects take turns, so that a slow minute is one of them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import attrs

from benchmarks.clients.job import CANNOT
from benchmarks.programs import CACHE, ROOT, Missing

_TIMEOUT: Final = 900
"""Seconds that one measurement may take."""

WHOLLY: Final = "all"
"""Stands for all subjects, where a workload cannot be prepared."""


@attrs.frozen
class Figures:
    """What one run has cost.

    Args:
        seconds: that it took.
        count: bytes that were moved, or calls that were made.
        rss_kib: memory of the process at its peak.
        more: other figures, such as `growth_kib`.
    """

    seconds: float
    count: int
    rss_kib: int
    more: Mapping[str, float] = attrs.field(factory=dict)


Run: TypeAlias = Callable[[], Figures]
"""Runs a subject once. Raises Missing where it cannot be run here, and RuntimeError where it fails."""


@attrs.frozen
class Workload:
    """Something that several subjects do.

    Args:
        name: short, for `--only`.
        title: for readers.
        unit: what is counted: `MiB`, `calls`, `tags`, or nothing.
        prepare: makes what is needed, and gives the subjects by name.
    """

    name: str
    title: str
    unit: str
    prepare: Callable[[], AbstractContextManager[Mapping[str, Run]]]


@attrs.define
class Result:
    """What the runs of one subject have cost; or why there are none."""

    runs: list[Figures] = attrs.field(factory=list)
    missing: str = ""
    failed: bool = False
    """Whether it is missing since it went wrong, and not since it is not there."""

    @property
    def why(self) -> str:
        """Why there are none, in a line."""
        return self.missing.strip().rpartition("\n")[2]

    def median(self, figure: str = "seconds") -> float:
        """The median of a figure."""
        return median(self.all(figure))

    def all(self, figure: str) -> list[float]:
        """A figure of all runs."""
        return [run.more[figure] if figure in run.more else getattr(run, figure) for run in self.runs]


def measure(workload: Workload, rounds: int, say: Callable[[str], None]) -> dict[str, Result]:
    """Measure all subjects of a workload.

    Args:
        workload: what they do.
        rounds: how often each.
        say: is told how it goes on.
    """
    results: dict[str, Result] = {}
    try:
        with workload.prepare() as subjects:
            results = {name: Result() for name in subjects}
            for number in range(rounds):
                for name, run in subjects.items():
                    _once(results[name], run)
                    say(f"{workload.name}, round {number + 1} of {rounds}: {name}: {_told(results[name])}")
    except Missing as error:
        say(f"{workload.name}: {error}")
        results = {WHOLLY: Result(missing=str(error))}
    return results


def _once(result: Result, run: Run) -> None:
    if result.missing:
        return
    try:
        result.runs.append(run())
    except Missing as error:
        result.missing = str(error)
    except RuntimeError as error:
        result.missing, result.failed = str(error), True


def _told(result: Result) -> str:
    if result.missing:
        return result.missing
    last = result.runs[-1]
    return f"{last.seconds:.3f} s, {last.rss_kib / 1024:.0f} MiB"


def client(name: str, verb: str, url: str, repository: str, **options: str | Path | int | bool | None) -> list[str]:
    """The command of a client in `benchmarks.clients`; its options are those of `Job`."""
    command = [sys.executable, "-m", f"benchmarks.clients.{name}", verb, url, repository]
    for option, value in options.items():
        flag = f"--{option.replace('_', '-')}"
        if value is True:
            command.append(flag)
        elif value is not None and value is not False:
            command += [flag, str(value)]
    return command


def run(command: Sequence[str | Path], *, digest: str | None = None) -> Figures:
    """Run a command that tells its figures.

    Args:
        command: to run.
        digest: that it has to find out, if it tells one.

    Raises:
        Missing: it says that it cannot do it.
        RuntimeError: it failed; the last line says why.
    """
    told = _told_by(command)
    if digest is not None and told.pop("digest", digest) != digest:
        raise RuntimeError("what came is not of the digest")
    return Figures(told.pop("seconds"), told.pop("count"), told.pop("rss_kib"), told)


def run_all(command: Sequence[str | Path]) -> dict[str, Figures]:
    """Run a command that tells the figures of several subjects, by their names. Raises as `run`."""
    told = _told_by(command)
    return {name: Figures(one["seconds"], one["count"], one["rss_kib"]) for name, one in told.items()}


def _told_by(command: Sequence[str | Path]) -> dict[str, Any]:
    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    # Modules are compiled once, also where the caller wants no such files beside the sources.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "PYTHONPYCACHEPREFIX": str(CACHE / "pycache"),
    }
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took more than {_TIMEOUT} s") from None
    said = done.stderr.strip().splitlines()[-12:] or ["without a word"]
    if done.returncode == CANNOT:
        raise Missing(said[-1])
    if done.returncode != 0:
        raise RuntimeError("\n".join([*said[:-1], f"failed: {said[-1]}"]))
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def whole(command: Sequence[str | Path]) -> list[str | Path]:
    """A command that is measured from its start to its end."""
    return [sys.executable, "-I", "-S", Path(__file__).parent / "clients" / "whole.py", *command]

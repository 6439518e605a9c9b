"""The rows that were measured, kept in a file: what is there is not measured again."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.measuring import Figures, Result
from benchmarks.network.jobs import Job, Scene
from benchmarks.network.line import Setting
from benchmarks.network.tools import ONCE, Tool
from benchmarks.programs import Missing, commit

LONG: Final = 20.0
"""Seconds of a run, from which on there are fewer rounds."""

NO_SUCH_JOB: Final = "has no such job"


@attrs.frozen
class Rounds:
    """How often a client is measured.

    Args:
        usual: as a rule.
        long: if a run takes more than `LONG` seconds.
    """

    usual: int = 5
    long: int = 3

    def of(self, subject: str, result: Result) -> int:
        """For one client, as far as its runs tell."""
        if subject in ONCE:
            return 1
        is_long = any(run.seconds > LONG for run in result.runs)
        return min(self.long, self.usual) if is_long else self.usual


@attrs.frozen
class Row:
    """What all clients needed for a job on a line.

    Args:
        results: by client.
        when: the date.
        load: of the machine before and after it, as the average of one minute.
        commit: of this project.
    """

    results: Mapping[str, Result]
    when: str
    load: tuple[float, float]
    commit: str

    def to_json(self) -> dict[str, Any]:
        """For the file."""
        results = {
            name: {
                "runs": [attrs.asdict(run) for run in result.runs],
                "missing": result.missing,
                "failed": result.failed,
            }
            for name, result in self.results.items()
        }
        return {"results": results, "when": self.when, "load": list(self.load), "commit": self.commit}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Row:
        """Of the file."""
        results = {
            name: Result([Figures(**run) for run in one["runs"]], one["missing"], one["failed"])
            for name, one in told["results"].items()
        }
        before, after = told["load"]
        return cls(results, told["when"], (before, after), told["commit"])


def name_of(setting: Setting, job: Job) -> str:
    """What a row is called."""
    return f"{setting.name}/{job.name}"


class Kept:
    """The file of the rows.

    Args:
        path: of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        found = json.loads(path.read_text()) if path.exists() else {}
        self.rows: dict[str, Row] = {name: Row.from_json(row) for name, row in found.items()}

    def keep(self, name: str, row: Row) -> None:
        """Keep a row; the file is whole at any time."""
        self.rows[name] = row
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({name: row.to_json() for name, row in self.rows.items()}, indent=1))
        new.replace(self._path)


def measure(scene: Scene, job: Job, tools: Mapping[str, Tool], rounds: Rounds, say: Callable[[str], None]) -> Row:
    """Let all clients do a job, in turn.

    Args:
        scene: with the line as it has to be.
        job: what they do.
        tools: the clients.
        rounds: how often.
        say: is told how it goes on.

    Raises:
        Missing: there is no line or no registry on this machine.
    """
    before = os.getloadavg()[0]
    scene.open()
    results = {name: Result() for name in tools}
    for number in range(rounds.usual):
        for name, tool in tools.items():
            result = results[name]
            if result.missing or number >= rounds.of(name, result):
                continue
            _once(result, lambda tool=tool: job.do(scene, tool))  # type: ignore[misc]
            say(f"{job.name}, round {number + 1}: {name}: {_told(result)}")
    return Row(results, str(datetime.datetime.now(datetime.UTC).date()), (before, os.getloadavg()[0]), commit())


def _once(result: Result, run: Callable[[], Figures | None]) -> None:
    try:
        figures = run()
    except Missing as error:
        result.missing = str(error)
    except RuntimeError as error:
        result.missing, result.failed = str(error), True
    else:
        if figures is None:
            result.missing = NO_SUCH_JOB
        else:
            result.runs.append(figures)


def _told(result: Result) -> str:
    if result.missing:
        return result.missing
    last = result.runs[-1]
    return f"{last.seconds:.3f} s, {last.more['requests']:.0f} requests, {last.more['connections']:.0f} connections"

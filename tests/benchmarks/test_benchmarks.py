"""The benchmarks run, at a tiny size, with what this machine has: what they measure is no matter here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import commands, questions, report, transfers
from benchmarks.__main__ import main
from benchmarks.measuring import Figures, Result, Workload, measure
from benchmarks.required import REQUIRED, rows
from benchmarks.stage import Scale, Stage

NAMES = ["download-file", "upload", "pull", "push-small", "calls-guarded-cold", "calls-async", "tags", "parse"]
"""Each kind of server, and each verb of our clients; `make test-peers` runs them all, with all peers."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with closing(Stage(Scale(1))) as stage:
        yield stage


def workloads(stage: Stage) -> dict[str, Workload]:
    return {workload.name: workload for workload in (*questions.workloads(stage), *transfers.workloads(stage))}


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_runs(name: str, stage: Stage, tmp_path: Path) -> None:
    workload = workloads(stage)[name]
    results = measure(workload, 1, lambda _: None)
    assert {subject: result.missing for subject, result in results.items() if result.failed} == {}
    report.write(tmp_path / "results.md", stage.scale, 1, (0, 0, 0), [workload], {name: results})
    text = (tmp_path / "results.md").read_text()
    assert workload.title in text
    assert all(f"| {subject} |" in text for subject in results)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "download-tls" in capsys.readouterr().out
    output = tmp_path / "results.md"
    assert main(["--size", "1", "--rounds", "1", "--only", "import", "--output", str(output)]) == 0
    text = output.read_text()
    assert "from acr import Registry" in text
    assert text.index("| a blob of 1 GiB into a file | 20ms |") < text.index("## On this machine alone")
    assert main(["--only", "nothing"]) == 2


def test_what_is_required_is_measured(stage: Stage) -> None:
    assert {one.workload for one in REQUIRED} <= workloads(stage).keys()


def test_the_table_judges() -> None:
    def result(seconds: float, growth: float = 0) -> Result:
        return Result([Figures(seconds, 100, 1, {"growth_kib": growth})])

    good = rows({"tags": {"acr": result(1, 20 * 1024), "Microsoft": result(5)}})
    assert [(row.measured, row.met) for row in good] == [("5.00", True), ("20 MiB", True)]
    bad = rows({"tags": {"acr": result(1, 21 * 1024), "Microsoft": result(4.9)}})
    assert [(row.measured, row.met) for row in bad] == [("4.90", False), ("21 MiB", False)]
    absent = rows({"tags": {"acr": result(1), "Microsoft": Result(missing="is not here")}})
    assert next(absent).met is None


@pytest.mark.skipif(os.name == "nt" or shutil.which("jq") is None, reason="the jobs are lines of a shell with jq")
@pytest.mark.parametrize("job", [job for job in commands.JOBS if "acr" in job.lines], ids=lambda job: job.title)
def test_each_job_of_the_command_line_is_done(job: commands.Job) -> None:
    run = commands.measure(job, "acr", commands.programs()["acr"])
    assert run.starts <= 2
    page = commands.page([{"acr": run} if one is job else {} for one in commands.JOBS], {}, 1)
    assert job.lines["acr"].replace("|", "\\|") in page

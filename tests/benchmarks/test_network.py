"""The benchmark on a line with latency: the line delays, rows are measured once, and the page does its sums."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.measuring import Figures, Result
from benchmarks.network import __main__ as command, page, rows
from benchmarks.network.jobs import Job, jobs
from benchmarks.network.line import SERVERS, SETTINGS, Line, line
from benchmarks.network.required import Best, required
from benchmarks.network.tools import TOOLS, Task, ours
from benchmarks.programs import ROOT, Missing
from benchmarks.required import rows as judged
from benchmarks.stage import Scale
from tests.patience import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


# The line.


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Line]:
    try:
        with line({"far.example": SERVERS[0]}, tmp_path) as made:
            yield made
    except Missing as error:
        pytest.skip(str(error))


_LISTEN = """
import socket, sys
server = socket.create_server(("0.0.0.0", 443))
print("ready", flush=True)
sys.stdin.read()
"""

_CONNECT = """
import socket, struct
there = socket.create_connection(("far.example", 443))
print(struct.unpack_from("I", there.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 68)[0])
"""
"""Prints the round trip in microseconds, as the kernel has measured it."""


@pytest.mark.parametrize("name", ["2ms", "20ms", "20ms-loss", "20ms-line"])
def test_the_line_delays(wire: Line, name: str) -> None:
    (setting,) = [one for one in SETTINGS if one.name == name]
    wire.set(setting)
    with subprocess.Popen(
        wire.at("server", [sys.executable, "-c", _LISTEN]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        told = subprocess.run(
            wire.at("client", [sys.executable, "-c", _CONNECT]), capture_output=True, text=True, check=True
        )
        server.terminate()
    assert int(told.stdout) >= setting.rtt_ms * 1000


def test_the_line_leads_nowhere_else(wire: Line) -> None:
    told = subprocess.run(wire.at("client", ["cat", "/proc/net/route"]), capture_output=True, text=True, check=True)
    assert [row.split()[1] for row in told.stdout.splitlines()[1:]] == ["00004D0A"]  # 10.77.0.0, and no default


_ENDLESS = """
import subprocess, sys
from pathlib import Path
from benchmarks.network.line import line
with line({}, Path(sys.argv[1])) as made:
    inside = subprocess.Popen(made.at("client", ["sleep", "1000"]))
    print(made._process.pid, inside.pid, flush=True)
    inside.wait()
"""


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.usefixtures("wire")
def test_all_ends_with_its_parent(tmp_path: Path) -> None:
    command_line = [sys.executable, "-c", _ENDLESS, str(tmp_path)]
    with subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    for pid in pids:
        until(lambda pid=pid: _is_gone(pid))  # type: ignore[misc]


# The rows.


def test_a_job_is_measured(tmp_path: Path) -> None:
    kept, output = tmp_path / "kept.json", tmp_path / "page.md"
    options = ["--size", "1", "--rounds", "1", "--kept", str(kept), "--output", str(output)]
    wanted = ["--settings", "2ms", "--jobs", "pull-small", "--clients", "acr", "crane", "skopeo"]
    assert command.main([*options, *wanted]) == 0
    text = output.read_text()
    if "Not measured on this machine" in text:
        assert not kept.exists()
        pytest.skip(text)
    (result,) = [row["results"]["acr"] for row in json.loads(kept.read_text()).values()]
    assert result["missing"] == ""
    assert result["runs"][0]["more"]["requests"] >= 11
    assert "### Pull of 4 layers of 64 KiB, 2ms" in text


def _result(*seconds: float, requests: float = 3, at_once: float = 1) -> Result:
    more = {"requests": requests, "connections": 1.0, "at_once": at_once, "sent": 0.0, "received": 0.0}
    return Result([Figures(one, 1, 2048, more) for one in seconds])


class FakeScene:
    """A scene without a line."""

    def __init__(self, *_: object) -> None:
        self.line = self

    def set(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_row_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(_: object, job: Job, *__: object) -> rows.Row:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(job.name)
        return rows.Row({"acr": _result(1)}, "2026-01-02", (0, 0), "abc")

    monkeypatch.setattr(command, "Scene", FakeScene)
    monkeypatch.setattr(command, "measure", measure)
    kept, output = str(tmp_path / "kept.json"), str(tmp_path / "page.md")
    options = ["--size", "1", "--settings", "2ms", "--kept", kept, "--output", output]
    with pytest.raises(KeyboardInterrupt):
        command.main(options)
    assert measured == ["pull-small", "push-small"]
    measured.clear()
    assert command.main(options) == 0
    assert measured == ["pull-large", "push-large"]
    measured.clear()
    assert command.main(options) == 0
    assert measured == []
    assert command.main([*options, "--again", "--jobs", "push-small"]) == 0
    assert measured == ["push-small"]
    assert rows.Kept(Path(kept)).rows["2ms/push-large"].results["acr"].median() == 1


def test_without_a_line_the_page_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> rows.Row:
        raise Missing("there is no line here")

    monkeypatch.setattr(command, "Scene", FakeScene)
    monkeypatch.setattr(command, "measure", measure)
    output = tmp_path / "page.md"
    options = ["--size", "1", "--kept", str(tmp_path / "kept.json"), "--output", str(output)]
    assert command.main(options) == 0
    assert "- Not measured on this machine: there is no line here" in output.read_text()


def test_there_are_fewer_rounds_of_what_takes_long() -> None:
    rounds = rows.Rounds(5, 3)
    assert rounds.of("acr", _result(19.9)) == 5
    assert rounds.of("acr", _result(19.9, 20.1)) == 3
    assert rounds.of("Microsoft", _result()) == 1
    assert rows.Rounds(1, 3).of("acr", _result(30)) == 1


def test_the_page_does_its_sums() -> None:
    found = {
        "acr": _result(2.0, 1.0, 3.0),
        "crane": _result(5.0),
        "oras": _result(1.0),
        "skopeo": Result(missing="a|b", failed=True),
        "curl": Result(missing=rows.NO_SUCH_JOB),
    }
    row = rows.Row(found, "2026-01-02", (1.0, 2.0), "abc")
    assert rows.Row.from_json(json.loads(json.dumps(row.to_json()))) == row
    text = "\n".join(page.page(jobs(Scale()), {"20ms/pull-small": row}))
    assert "| pull of 200 layers of 64 KiB | 20ms | 2.00 | 5.00 (2.50) | 1.00 (0.50) | failed |  |" in text
    assert "| acr | 2.00 | 1.00 to 3.00 | 3 | 1.00 | 3 | 1 | 1 | 0.0 | 0.0 | 2 |" in text
    assert "| crane | 5.00 | 5.00 to 5.00 | 1 | 2.50 |" in text
    assert "| skopeo | a b |" in text
    assert "\n| curl |" not in text
    assert "| pull of 200 layers of 64 KiB, 20 ms | acr : crane | ≥ 2.00 | 2.50 | yes |" in text
    assert "| pull of 200 layers of 64 KiB, 20 ms | acr : oras | ≥ 2.00 | 0.50 | **no** |" in text


def test_ours_is_judged_by_the_best() -> None:
    best = Best("an index", "20ms/pull-index", "oras", 0.95)
    found = {"acr": _result(1.0), "crane": _result(0.9), "oras": _result(2.0), "regctl": Result(missing="is not here")}
    ((row,)) = list(judged({"20ms/pull-index": found}, [best]))
    assert (row.measured, row.met) == ("0.90 (crane)", False)


def test_what_is_required_is_measured() -> None:
    known = {rows.name_of(setting, job) for job in jobs(Scale()) for setting in SETTINGS if job.fits(setting)}
    assert {one.workload for one in required({job.name: job.title for job in jobs(Scale()) if job.is_plain})} <= known


def test_another_tree_is_run_by_its_own_code(tmp_path: Path) -> None:
    task = Task(verb="first", host="there.example", repository="x")
    command_line = ours(tmp_path)(task)
    assert command_line is not None
    assert f"PYTHONPATH={tmp_path}:{tmp_path / 'generated'}" in command_line
    (tmp_path / "acr").mkdir()
    (tmp_path / "acr" / "__init__.py").write_text("raise SystemExit('the other tree')")
    done = subprocess.run(command_line, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.stderr == "the other tree\n"
    assert "acr" not in TOOLS

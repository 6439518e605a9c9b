"""NETWORK.md: what the rows say, for readers."""

from __future__ import annotations

import datetime
import platform
import ssl
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks import programs
from benchmarks.measuring import Result
from benchmarks.network.jobs import Job
from benchmarks.network.line import SETTINGS, Setting
from benchmarks.network.required import required
from benchmarks.network.rows import NO_SUCH_JOB, Row, name_of
from benchmarks.report import GOALS, machine
from benchmarks.required import rows as judged

_MIB: Final = 1024 * 1024

_WORDS: Final = """\
Two network namespaces of this machine are joined by a program (`benchmarks/network/line.c`). It holds each packet for
half the round trip, and it limits each TCP connection in each direction. The kernel's own TCP is at both ends. Nothing
leaves the namespaces. The registry at the far end (`benchmarks/network/registry/`) speaks HTTP/1.1 over TLS. It wants a
token for each scope, redirects blobs to a storage on another address, has upload sessions and pages, and counts what it
sees. It does not hash blobs. It keeps all content in memory, and files are on tmpfs.

- Each figure is that of a whole process, from its start to its end, at its defaults. Clients take turns. The median
  counts. A client whose run took more than 20 seconds has fewer rounds; n says how many. skopeo and Microsoft's SDK
  run once.
- *ratio* is the client's time by ours: 2.00 means that ours is twice as fast.
- *requests* and *connections* are what the registry and its storage saw in the median run. *at once* is the most
  connections that one host had open at the same time.
- *acr* is a script of a few lines (`ours.py`). It signs in by name and password, as crane, oras, regctl and skopeo do.
  Microsoft's SDK and the Go module exchange a token of Entra: a request more.
- *acr, other tree* is another state of this project, measured beside it (`--tree`): 855c769, from before this network
  was built.
- Lines: {lines}.
- skopeo gets an empty cache for each run. Otherwise it would mount what it should push.
- Before each run over a large blob, eight curls fetch it, which is not counted: the memory of a virtual machine that
  has rested is slow at first, and that would be at the cost of whoever comes after a slow client.
- The line, the registry and the clients go before other processes of the machine (autogroup and nice, -20).
- curl and the limits verify nothing, or know no registry. The eight curls leave eight files.
- Without loss and without a limit of the whole line, large packets pass whole (GSO), because the system calls of small
  ones would be the limit. With these, packets have 1,500 bytes.
"""


def write(path: Path, jobs: Sequence[Job], rows: Mapping[str, Row], *, missing: str = "", small: bool = False) -> None:
    """Write the page.

    Args:
        path: of it.
        jobs: in their order.
        rows: that were measured, by name.
        missing: why the others were not, if this machine cannot measure them.
        small: whether less was moved than is meant to be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(page(jobs, rows, missing=missing, small=small)) + "\n")


def page(jobs: Sequence[Job], rows: Mapping[str, Row], *, missing: str = "", small: bool = False) -> Iterator[str]:
    """The lines of the page."""
    yield "# On a line with latency\n"
    today = datetime.datetime.now(datetime.UTC).date()
    yield f"Written by `make bench-network` on {today}. Do not edit.\n"
    if small:
        yield "**A small run, for trying things out: its figures say nothing.**\n"
    yield f"- Machine: {machine()}; congestion control {_congestion_control()}"
    yield f"- Versions: {'; '.join(_versions())}"
    if missing:
        yield f"- Not measured on this machine: {missing}"
    lines = "; ".join(f"*{setting.name}*: {setting.title}" for setting in SETTINGS)
    yield f"\n{_WORDS.format(lines=lines)}"
    yield from _summary(jobs, rows)
    yield from _required(jobs, rows)
    for setting in SETTINGS:
        found = [(job, rows[name_of(setting, job)]) for job in jobs if name_of(setting, job) in rows]
        if found:
            yield f"\n## {setting.title[0].upper()}{setting.title[1:]}"
        for job, row in found:
            yield from _details(setting, job, row)


def ratio(result: Result, to: Result) -> float | None:
    """A time by ours; None if one of them is not there."""
    return result.median() / to.median() if result.runs and to.runs else None


def _ours(row: Row) -> Result:
    return row.results.get("acr", Result())


def _summary(jobs: Sequence[Job], rows: Mapping[str, Row]) -> Iterator[str]:
    """A table of medians, with the ratio in brackets: a line for each row, and a column for each client."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row.results if not name.startswith("limit")))
    if not names:
        return
    yield "## Seconds, and in brackets the ratio to ours\n"
    yield f"| job | line | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}"
    for job in jobs:
        for setting in SETTINGS:
            row = rows.get(name_of(setting, job))
            if row is not None:
                cells = [_cell(row.results.get(name, Result()), _ours(row)) for name in names]
                yield f"| {job.title} | {setting.name} | {' | '.join(cells)} |"


def _cell(result: Result, ours: Result) -> str:
    if not result.runs:
        return "failed" if result.failed else ""
    by = ratio(result, ours)
    return _seconds(result) if result is ours or by is None else f"{_seconds(result)} ({by:.2f})"


def _seconds(result: Result) -> str:
    return f"{result.median():.2f}"


def _required(jobs: Sequence[Job], rows: Mapping[str, Row]) -> Iterator[str]:
    results = {name: row.results for name, row in rows.items()}
    found = list(judged(results, required({job.name: job.title for job in jobs if job.is_plain})))
    if found:
        yield f"\n## Goals\n\n{GOALS}\n"
        yield "| work | compared | required | measured | met |\n|---|---|---|---|---|"
    for row in found:
        met = "not measured" if row.met is None else "yes" if row.met else "**no**"
        yield f"| {row.work} | {row.compared} | {row.required} | {row.measured} | {met} |"


_HEADS: Final = (
    "", "median s", "range", "n", "ratio", "requests", "connections", "at once", "MiB sent", "MiB received", "peak MiB"
)  # fmt: skip


def _details(setting: Setting, job: Job, row: Row) -> Iterator[str]:
    yield f"\n### {job.title[0].upper()}{job.title[1:]}, {setting.name}\n"
    before, after = row.load
    at = row.commit or "an unknown commit"
    yield f"`{name_of(setting, job)}`, on {row.when}, at {at}; load average {before:.1f} before, {after:.1f} after.\n"
    yield f"| {' | '.join(_HEADS)} |\n|{'---|' * len(_HEADS)}"
    for name, result in row.results.items():
        if result.runs:
            yield f"| {name} | {' | '.join(_figures(result, _ours(row)))} |"
        elif result.missing != NO_SUCH_JOB:
            yield f"| {name} | {result.why.replace('|', ' ')} |{' |' * (len(_HEADS) - 2)}"


def _figures(result: Result, ours: Result) -> Iterator[str]:
    """The cells of a client."""
    seconds, by = result.all("seconds"), ratio(result, ours)
    yield f"{result.median():.2f}"
    yield f"{min(seconds):.2f} to {max(seconds):.2f}"
    yield str(len(seconds))
    yield "" if by is None else f"{by:.2f}"
    yield from (f"{result.median(figure):.0f}" for figure in ("requests", "connections", "at_once"))
    # What the registry sends is what the client receives.
    yield from (f"{result.median(figure) / _MIB:.1f}" for figure in ("received", "sent"))
    yield f"{max(result.all('rss_kib')) / 1024:.0f}"


def _congestion_control() -> str:
    try:
        return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    except OSError:
        return "unknown"


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}"
    try:
        yield f"azure-containerregistry {version('azure-containerregistry')}"
    except PackageNotFoundError:
        yield "azure-containerregistry not installed"
    yield f"crane {programs.version('crane', 'version')}"
    yield f"oras {programs.version('oras', 'version').removeprefix('Version:').strip()}"
    yield f"regctl {programs.version('regctl', 'version', '--format', '{{.VCSTag}}')}"
    yield programs.version("skopeo", "--version")
    yield programs.version("curl", "--version").partition(" (")[0]
    pinned = (Path(__file__).parent / "gomodule" / "go.mod").read_text()
    yield " ".join(line.rpartition("/")[2] for line in pinned.splitlines() if "azcontainerregistry" in line)

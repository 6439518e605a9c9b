"""The results as a document."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks import programs
from benchmarks.measuring import Result, Workload
from benchmarks.required import rows
from benchmarks.stage import FULL, Scale

_MIB: Final = 1024 * 1024

_PACKAGES: Final = (
    "acr-client", "attrs", "httpx", "httpcore", "h11", "azure-containerregistry", "azure-core", "aiohttp", "requests",
    "oras",
)  # fmt: skip

_NETWORK: Final = Path(__file__).with_name("NETWORK.md")
_SECTION: Final = "\n## "
_SECONDS: Final = f"{_SECTION}Seconds, and in brackets the ratio to ours\n"

GOALS: Final = """\
This project has set them itself, before it measured. *no* is a goal that it has not reached on this machine."""
"""What the table of goals begins with."""

_WORDS: Final = """\
Each measurement is a process of its own. The subjects of a workload take turns, one round after another; tables give
the median. A ratio is the other's time by ours: 2.00 means that ours is twice as fast, 1.00 as fast. *limit* is a
program in C that does the same with two threads (`benchmarks/limits/`). Time of Python clients begins when the client
is made, after the imports; that of programs (skopeo, crane, oras) is the whole process, and they are compared with
our whole process, *acr, whole process*. Client and server share the machine. All files are on tmpfs, so no disk is
measured. Peak memory is that of the process with its interpreter; where a blob is sent from memory, the blob is in
it.

Small calls ask for the properties of a tag. nginx gives the answer from a file, since the emulator (Python) takes
longer for an answer than the clients for the question; with *tokens as ACR has them* nginx sends a challenge,
exchanges and gives tokens like ACR, and each client finds its way, but httpx, which has a token from the beginning.
"""


def write(
    path: Path,
    scale: Scale,
    rounds: int,
    load: tuple[float, ...],
    workloads: Sequence[Workload],
    results: Mapping[str, Mapping[str, Result]],
) -> None:
    """Write the document.

    Args:
        path: of it.
        scale: how much was moved.
        rounds: how often.
        load: of the machine before it began: of 1, 5 and 15 minutes.
        workloads: that were measured, in their order.
        results: by workload and subject.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_document(scale, rounds, load, workloads, results)) + "\n")


def _document(
    scale: Scale,
    rounds: int,
    load: tuple[float, ...],
    workloads: Sequence[Workload],
    results: Mapping[str, Mapping[str, Result]],
) -> Iterator[str]:
    yield "# Benchmarks\n"
    today = datetime.datetime.now(datetime.UTC).date()
    yield f"Written by `make bench` on {today}; {rounds} rounds. Do not edit.\n"
    if scale.mib != FULL:
        yield f"**A small run, of {scale.mib} MiB, for trying things out: its figures say nothing.**\n"
    yield f"- State: {programs.commit() or 'unknown'}"
    yield f"- Machine: {machine()}; load average {load[0]:.2f} before, {os.getloadavg()[0]:.2f} after"
    yield "- Versions: " + "; ".join(_versions()) + "\n"
    yield from _network(_NETWORK)
    yield "## On this machine alone\n"
    yield _WORDS
    yield f"## Goals\n\n{GOALS}\n"
    yield "| work | compared | required | measured | met |\n|---|---|---|---|---|"
    for row in rows(results):
        met = "not measured" if row.met is None else "yes" if row.met else "**no**"
        yield f"| {row.work} | {row.compared} | {row.required} | {row.measured} | {met} |"
    for workload in workloads:
        yield from _details(workload, results[workload.name])


def _network(page: Path) -> Iterator[str]:
    """The table of whole jobs on a line with latency, as its page has it. Users sit behind such a line."""
    text = page.read_text() if page.is_file() else ""
    _, found, rest = text.partition(_SECONDS)
    if found:
        yield "## On a line with latency: seconds, and in brackets the ratio to ours\n"
        yield f"{rest.partition(_SECTION)[0].strip()}\n"
        yield "[NETWORK.md](NETWORK.md) says how this was measured, and has the details.\n"


def _details(workload: Workload, results: Mapping[str, Result]) -> Iterator[str]:
    """A table of one workload. The ratio is to the first of ours in it."""
    more = sorted({figure for result in results.values() for one in result.runs for figure in one.more})
    ours = next((name for name, result in results.items() if name.startswith("acr") and result.runs), None)
    limit = results["limit"].median() if "limit" in results and results["limit"].runs else None
    rate = {"MiB": "MiB/s", "calls": "µs a call", "tags": "tags/s"}.get(workload.unit)
    heads = ["", "median s", "range", "peak MiB", *more]
    heads[3:3] = [*([rate] if rate else []), *(["ratio"] if ours else []), *(["of the limit"] if limit else [])]
    yield f"\n## {workload.title}\n\n`--only {workload.name}`\n"
    yield f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}"
    for name, result in results.items():
        if not result.runs:
            yield f"| {name} | {result.why} |{' |' * (len(heads) - 2)}"
            continue
        seconds, count = result.median(), result.runs[0].count
        cells = [name, f"{seconds:.3f}", f"{min(result.all('seconds')):.3f} to {max(result.all('seconds')):.3f}"]
        if rate:
            cells.append("" if count == 1 else _rate(workload.unit, seconds, count))
        if ours:
            cells.append(f"{seconds / results[ours].median():.2f}")
        if limit:
            cells.append(f"{limit / seconds:.2f}")
        cells.append(f"{max(result.all('rss_kib')) / 1024:.0f}")
        cells += [f"{result.median(figure):.4g}" if figure in result.runs[0].more else "" for figure in more]
        yield f"| {' | '.join(cells)} |"


def _rate(unit: str, seconds: float, count: int) -> str:
    if unit == "MiB":
        return f"{count / _MIB / seconds:.0f}"
    return f"{seconds / count * 1e6:.0f}" if unit == "calls" else f"{count / seconds:.0f}"


def machine() -> str:
    """The machine, in a line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model}, {os.cpu_count()} cores; {platform.system()} {platform.release()}, {platform.machine()}"


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} not installed"
    yield programs.version("nginx", "-v").removeprefix("nginx version: ")
    yield f"distribution {programs.version('docker-registry', '--version').split()[-1]}"
    yield programs.version("skopeo", "--version")
    yield f"crane {programs.version('crane', 'version')}"
    yield f"oras {programs.version('oras', 'version').removeprefix('Version:').strip()}"
    yield programs.version("cc", "--version")

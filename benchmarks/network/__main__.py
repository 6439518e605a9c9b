"""`python -m benchmarks.network`: measures what is not measured yet, and writes NETWORK.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.network import page
from benchmarks.network.jobs import Job, Scene, jobs
from benchmarks.network.line import SETTINGS, Setting
from benchmarks.network.required import OLD
from benchmarks.network.rows import Kept, Rounds, measure, name_of
from benchmarks.network.tools import TOOLS, Tool, ours
from benchmarks.programs import CACHE, Missing
from benchmarks.stage import FULL, Scale

_PAGE: Final = Path(__file__).parent.parent / "NETWORK.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; gives the exit code, which says nothing of how it came out."""
    options = _parser().parse_args(arguments)
    scale = Scale(options.size)
    wanted = list(_wanted(options, jobs(scale)))
    if options.list:
        for setting, job in wanted:
            print(f"{name_of(setting, job):24} {job.title}")
        return 0
    if not wanted:
        print("there is no such row; --list tells which there are", file=sys.stderr)
        return 2
    small = options.size != FULL
    kept = Kept(options.kept or CACHE / ("network-small.json" if small else "network.json"))
    missing = "" if options.report else _measure(options, scale, wanted, kept)
    output = options.output or (CACHE / "NETWORK.md" if small else _PAGE)
    page.write(output, jobs(scale), kept.rows, missing=missing, small=small)
    _say(f"written: {output}")
    return 0


def _wanted(options: argparse.Namespace, known: Sequence[Job]) -> Iterator[tuple[Setting, Job]]:
    for setting in SETTINGS:
        for job in known:
            named = not options.jobs or job.name in options.jobs
            if setting.name in options.settings and named and job.fits(setting):
                yield setting, job


def _tools(options: argparse.Namespace) -> Mapping[str, Tool]:
    mine = {"acr": ours(), **({OLD: ours(options.tree.resolve())} if options.tree else {})}
    return {name: tool for name, tool in {**mine, **TOOLS}.items() if not options.clients or name in options.clients}


def _measure(options: argparse.Namespace, scale: Scale, wanted: Sequence[tuple[Setting, Job]], kept: Kept) -> str:
    """Measure the rows that are not kept; gives the reason if this machine cannot."""
    rows = [(setting, job) for setting, job in wanted if options.again or name_of(setting, job) not in kept.rows]
    _say(f"{len(rows)} rows to measure, {len(wanted) - len(rows)} are kept")
    with closing(Scene(scale)) as scene:
        for setting, job in rows:
            try:
                scene.line.set(setting)
                _say(f"{name_of(setting, job)}: {job.title}")
                row = measure(scene, job, _tools(options), Rounds(options.rounds, options.long), _say)
            except Missing as error:
                _say(str(error))
                return str(error)
            kept.keep(name_of(setting, job), row)
    return ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    names = [setting.name for setting in SETTINGS]
    parser = argparse.ArgumentParser(
        "python -m benchmarks.network", description="Measure whole jobs on a line with latency, and write NETWORK.md."
    )
    parser.add_argument("--settings", nargs="+", default=names, choices=names, help="of the line (all)")
    parser.add_argument("--jobs", nargs="+", default=[], metavar="JOB", help="only these jobs")
    parser.add_argument("--clients", nargs="+", default=[], metavar="NAME", help="only these clients")
    parser.add_argument("--rounds", type=int, default=5, help="how often each client is measured (%(default)s)")
    parser.add_argument("--long", type=int, default=3, help="how often if a run takes over 20 s (%(default)s)")
    parser.add_argument("--tree", type=Path, help="another state of this project, to be measured beside this one")
    parser.add_argument("--again", action="store_true", help="measure rows anew that are kept")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the page from what is kept")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--kept", type=Path, help="the file of the rows (.cache/bench/network.json)")
    parser.add_argument(
        "--size", type=int, default=FULL, metavar="MIB", help="of the large blob, all else in proportion (%(default)s)"
    )
    parser.add_argument("--output", type=Path, help="the page (benchmarks/NETWORK.md)")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # gigabytes on tmpfs are given back then, too
    sys.exit(main())

"""`python -m benchmarks`: measures, and writes the results. `make bench` brings the environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import questions, report, transfers
from benchmarks.measuring import Result, measure
from benchmarks.programs import CACHE
from benchmarks.required import rows
from benchmarks.stage import FULL, Scale, Stage

_RESULTS = Path(__file__).with_name("RESULTS.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; gives the exit code, which says nothing of how they came out."""
    options = _parser().parse_args(arguments)
    load = os.getloadavg()
    with closing(Stage(Scale(options.size))) as stage:
        known = [*questions.workloads(stage), *transfers.workloads(stage)]
        if options.list:
            for workload in known:
                print(f"{workload.name:20} {workload.title}")
            return 0
        unknown = set(options.only) - {workload.name for workload in known}
        if unknown:
            print(f"there is no workload {', '.join(sorted(unknown))}; --list tells which there are", file=sys.stderr)
            return 2
        wanted = [workload for workload in known if not options.only or workload.name in options.only]
        results = {workload.name: measure(workload, options.rounds, _say) for workload in wanted}
        output = options.output or (_RESULTS if _is_whole(options) else CACHE / "RESULTS.md")
        report.write(output, stage.scale, options.rounds, load, wanted, results)
    _sum_up(results, output)
    return 0


def _is_whole(options: argparse.Namespace) -> bool:
    """Whether this run is one to be shown."""
    return not options.only and options.size == FULL and options.rounds >= 5


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _sum_up(results: dict[str, dict[str, Result]], output: Path) -> None:
    for row in rows(results):
        mark = {True: "yes", False: "NO", None: "?"}[row.met]
        _say(f"{mark:3} {row.work}, {row.compared}: {row.measured} (required {row.required})")
    _say(f"written: {output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Measure this project beside others, and write what came out."
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (%(default)s)")
    parser.add_argument(
        "--size", type=int, default=FULL, metavar="MIB", help="of the blob, all else in proportion (%(default)s)"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these workloads")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write; by default RESULTS.md here after a whole run, and in .cache/bench else",
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # gigabytes on tmpfs are given back then, too
    sys.exit(main())

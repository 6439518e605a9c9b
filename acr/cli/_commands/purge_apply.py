"""Carry a plan of `acr purge plan` out: delete the tags and manifests that it lists, and nothing else.

It compares each line with the registry just before it deletes it. What has changed since is kept, with all that it
needs, and what turns out to be needed is put back. The journal has what goes: bytes, tags and locks. If the work is
interrupted, the same command goes on. A plan that is older than --max-age or exceeds a limit is refused as a whole. The
registry is the one that you name: a plan names none to be trusted. It exits with 3 if something is not whole.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import acr
from acr.cli import _filters
from acr.cli._actions import COLUMNS as ACTIONS, Status, planned, print_outcomes
from acr.cli._asking import confirm
from acr.cli._commands.purge_plan import say
from acr.cli._context import Context, path_arguments
from acr.cli._exits import DONE, INCOMPLETE, Usage
from acr.cli._output.rows import Row, size_of
from acr.cli._parsing import add_common, add_danger, add_output

EXAMPLES = (
    "acr purge apply plan.json --dry-run",
    "acr purge apply plan.json --yes",
    "acr purge apply plan.json --registry my.azurecr.io --max-deletions 5000 --yes -o json",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("plan", metavar="PLAN", help="the file that `acr purge plan --out` has written")
    parser.add_argument(
        "--journal", metavar="FILE", help="where to keep what goes; the default is PLAN with the ending .journal"
    )
    group = parser.add_argument_group("limits")
    group.add_argument(
        "--max-age", type=_filters.duration, default=timedelta(days=1), metavar="AGE",
        help="how old the plan may be, such as 12h or 7d; the default is 1d",
    )  # fmt: skip
    group.add_argument("--max-deletions", type=_filters.count, metavar="N", help="how many lines the plan may have")
    group.add_argument(
        "--max-share", type=_share, metavar="PART", help="which part of a repository's manifests may go, from 0 to 1"
    )
    group.add_argument(
        "--rate", type=_filters.number, default=250, metavar="N",
        help="deletions a minute; 0 sets no limit (%(default)s)",
    )  # fmt: skip
    add_danger(parser)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Carry it out."""
    options = context.options
    path = path_arguments([options.plan])[0]
    plan = acr.load_plan(path)
    journal = path_arguments([options.journal or str(_beside(path))])[0]
    host = context.names.default_host()
    registry = context.clients.registry(host)
    if registry.login_server != plan.registry:
        raise Usage(
            f"the plan is for {plan.registry}, and the registry that you name is {registry.login_server}",
            hint=f"if that is meant, pass --registry {plan.registry}",
        )
    say(context, plan)
    if options.dry_run:
        print_outcomes(context, [planned("delete", line.reference, line.digest) for line in plan.deletions])
        return DONE
    if plan.deletions:
        tags = sum(line.kind == "tag" for line in plan.deletions)
        count = f"{_counted(tags, 'tag')} and {_counted(len(plan.deletions) - tags, 'manifest')}"
        confirm(context, f"Delete {count} of {plan.registry}, which frees {size_of(plan.frees)} at the most?")
    report = _purge(context, registry, plan, journal)
    for text in report.notes:
        context.terminal.warn(text)
    print_outcomes(context, list(_rows(report, plan)))
    if not report.is_whole:
        context.terminal.warn(f"not whole; the same command goes on, and {journal} has what was deleted")
    return DONE if report.is_whole else INCOMPLETE


def _purge(context: Context, registry: acr.Registry, plan: acr.Plan, journal: str) -> acr.PurgeReport:
    options = context.options
    try:
        with context.reading() as progress:
            return registry.purge(
                plan,
                journal=journal,
                rate=options.rate or None,
                max_age=options.max_age,
                max_deletions=options.max_deletions,
                max_share=options.max_share,
                progress=progress.counted("lines"),
            )
    except KeyboardInterrupt:
        context.terminal.warn(f"{journal} has what was deleted; the same command goes on")
        raise


def _beside(path: str) -> Path:
    plan = Path(path)
    return plan.with_name(f"{plan.stem}.journal")


def _rows(report: acr.PurgeReport, plan: acr.Plan) -> Iterator[Row]:
    """What came of each line of the plan, and what else there is to say."""
    digests = {line.reference: line.digest for line in plan.deletions}

    def row(action: str, reference: str, status: Status, reason: str | None = None) -> Row:
        return {**planned(action, reference, digests.get(reference)), "status": status, "reason": reason}

    yield from (row("delete", reference, "done") for reference in report.deleted)
    yield from (row("delete", reference, "skipped", "it was gone already") for reference in report.absent)
    yield from (row("delete", one.reference, "skipped", one.why) for one in report.kept)
    yield from (row("put back", one.reference, "done", one.why) for one in report.put_back)
    yield from (row("keep", one.reference, "failed", one.why) for one in report.not_whole)
    yield from (row("delete", name, "failed", why) for name, why in report.unfinished.items())


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a part from 0 to 1, such as 0.5")
    return share

"""Carry a plan of `acr purge plan` out: delete the tags and manifests that it lists, and nothing else.

It compares each line with the registry just before it deletes it. What has changed since is kept, with all that it
needs, and what turns out to be needed is put back. What is locked goes only if the policy names it and --unlock does,
too. The journal has what goes: bytes, tags and locks. If the work is interrupted, the same command goes on. A plan that
is older than --max-age or exceeds a limit is refused as a whole. The registry is the one that you name: a plan names
none to be trusted. It exits with 3 if something is not whole, or was kept because it has changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

import acr
from acr.cli import _filters
from acr.cli._actions import COLUMNS as ACTIONS, Status, planned, print_outcomes
from acr.cli._asking import confirm
from acr.cli._commands.purge_plan import say
from acr.cli._context import Context, files_there, path_arguments
from acr.cli._errors import as_command, reason
from acr.cli._exits import DONE, INCOMPLETE, Usage
from acr.cli._output.rows import Row, size_of
from acr.cli._output.words import counted
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._unfinished import beside, how_to_go_on

EXAMPLES = (
    "acr purge apply plan.json --dry-run",
    "acr purge apply plan.json --yes",
    "acr purge apply plan.json --registry my.azurecr.io --max-deletions 5000 --yes -o json",
)

COLUMNS = ACTIONS
_WITH_ATTACHMENT: Final = "it is on an attachment of"
"""The reason of a tag that goes although what it is attached to may stay."""


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("plan", metavar="PLAN", help="the file that `acr purge plan --out` has written")
    parser.add_argument(
        "--journal", metavar="FILE", help="where to keep what goes; the default is PLAN with the ending .journal"
    )
    parser.add_argument(
        "--unlock", action="append", default=[], metavar="REF",
        help="delete this, although it is locked, if the plan says so; may be repeated",
    )  # fmt: skip
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
    path = files_there([options.plan])[0]
    plan = acr.load_plan(path)
    journal = path_arguments([options.journal or str(beside(path))])[0]
    host = context.names.default_host()
    registry = context.clients.registry(host)
    if registry.login_server != plan.registry:
        raise Usage(
            f"the plan is for {plan.registry}, and the registry that you name is {registry.login_server}",
            hint=f"if that is meant, pass --registry {plan.registry}",
        )
    unlock = _named(options.unlock, plan)
    say(context, plan)
    unnamed = [name for name in plan.unlocks if name not in unlock]
    kept = _kept(plan, unnamed)
    if unnamed:
        context.terminal.warn(
            f"locked, and kept with all that it needs, because --unlock does not name it: {', '.join(unnamed)}"
        )
    if options.dry_run:
        print_outcomes(context, [_planned(line, kept) for line in plan.deletions])
        context.terminal.note(
            "nothing was compared with the registry: what has changed since the plan was made will be kept, and told"
        )
        return DONE
    if plan.deletions:
        going = [line for line in plan.deletions if line.reference not in kept]
        tags = sum(line.kind == "tag" for line in going)
        count = f"{counted(tags, 'tag')} and {counted(len(going) - tags, 'manifest')}"
        locks = f"Unlock {', '.join(sorted(unlock))}? " if unlock else ""
        frees = size_of(sum(line.frees for line in going))
        confirm(context, f"{locks}Delete {count} of {plan.registry}, which frees {frees} at the most?")
    report = _purge(context, registry, plan, journal, unlock)
    for text in report.notes:
        context.terminal.warn(text)
    print_outcomes(context, list(_rows(report, plan)))
    if not report.is_whole:
        context.terminal.warn(f"not whole; the same command goes on, and {journal} has what was deleted")
    changed = sum(not one.is_withheld for one in report.kept)
    if changed and report.is_whole:
        context.terminal.warn(f"kept, because of what has changed since the plan was made: {counted(changed, 'line')}")
    return DONE if report.is_whole and not changed else INCOMPLETE


def _named(given: Iterable[str], plan: acr.Plan) -> frozenset[str]:
    """What the user lets it unlock, as the plan writes it."""
    names = frozenset(name.removeprefix(f"{plan.registry}/") for name in given)
    for name in sorted(names - set(plan.unlocks)):
        hint = "write unlock = [...] in the policy, and plan again"
        hint = f"it unlocks {', '.join(plan.unlocks)}; for others, {hint}" if plan.unlocks else hint
        raise Usage(f"--unlock {name}: the plan does not unlock it", hint=hint)
    return names


def _kept(plan: acr.Plan, unnamed: Collection[str]) -> Mapping[str, str]:
    """What stays because `--unlock` does not name it, or something that leads to it, each with the reason."""
    kept = dict.fromkeys(unnamed, "it is locked, and --unlock does not name it")
    before = 0
    while before < len(kept):  # what is kept may come behind what it keeps
        before = len(kept)
        for line in plan.deletions:
            manifest = f"{line.repository}@{line.digest}"
            via = line.via or ""
            leader = f"{line.repository}{'@' if ':' in via else ':'}{via}"
            if line.reference in kept:
                if line.kind == "tag":
                    kept.setdefault(manifest, f"{line.reference} is kept")
            elif leader in kept and line.why != _WITH_ATTACHMENT:
                kept[line.reference] = f"{leader} is kept"
            elif manifest in unnamed:
                kept[line.reference] = f"{manifest} is kept"
    return kept


def _planned(line: acr.Deletion, kept: Mapping[str, str]) -> Row:
    row = planned("delete", line.reference, line.digest)
    if line.reference not in kept:
        return row
    return {**row, "status": "skipped", "reason": kept[line.reference]}


def _purge(
    context: Context, registry: acr.Registry, plan: acr.Plan, journal: str, unlock: Iterable[str]
) -> acr.PurgeReport:
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
                unlock=unlock,
                progress=progress.counted("lines"),
            )
    except KeyboardInterrupt:
        context.terminal.warn(f"{journal} has what was deleted and unlocked; the same command goes on")
        raise
    except acr.InvalidInput as error:
        is_of_another = "another plan, which did not come to its end" in str(error)
        hint = how_to_go_on(options.plan, journal) if is_of_another else None
        if hint is None:
            raise
        raise Usage(reason(error), hint=hint) from None


def _rows(report: acr.PurgeReport, plan: acr.Plan) -> Iterator[Row]:
    """What came of each line of the plan, and what else there is to say."""
    digests = {line.reference: line.digest for line in plan.deletions}

    def row(action: str, reference: str, status: Status, reason: str | None = None) -> Row:
        return {**planned(action, reference, digests.get(reference)), "status": status, "reason": reason}

    yield from (row("delete", reference, "done") for reference in report.deleted)
    yield from (row("delete", reference, "skipped", "it was gone already") for reference in report.absent)
    for one in report.kept:
        repository = one.reference.partition("@")[0].partition(":")[0]
        is_changed = not one.is_withheld and repository not in report.unfinished
        yield row("delete", one.reference, "changed" if is_changed else "skipped", as_command(one.why))
    yield from (row("put back", one.reference, "done", one.why) for one in report.put_back)
    yield from (row("keep", one.reference, "failed", one.why) for one in report.not_whole)
    yield from (row("delete", name, "failed", why) for name, why in report.unfinished.items())


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a part from 0 to 1, such as 0.5")
    return share

"""Bring deleted tags and manifests back, if soft delete is on, with all that belongs to them.

That is what an index lists, what is attached to any of it, and the tags of these. The trash does not say what was
attached: the client knows it of what an inventory has read before (`acr du`, `acr fsck`, `acr purge plan`), and of what
`acr purge apply` has deleted (--journal). What it does not know is told, and the exit code is 3. --alone brings back
the manifest alone. `acr trash REPO` lists what there is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import acr
from acr.cli._actions import COLUMNS as ACTIONS, Status, planned, print_outcomes
from acr.cli._context import Context, files_there
from acr.cli._errors import as_command, exit_code, reason, tell
from acr.cli._exits import DONE, INCOMPLETE, CommandError
from acr.cli._missing import explained
from acr.cli._output.rows import Row
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr restore team/app:gone",
    "acr restore team/app:gone --dry-run -o json",
    "acr restore my.azurecr.io/team/app:gone --alone --force",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("references", nargs="+", metavar="REF", help="[HOST/]REPO:TAG or [HOST/]REPO@DIGEST")
    parser.add_argument("--alone", action="store_true", help="without what belongs to it, which may stay missing")
    parser.add_argument(
        "--force", action="store_true", help="let the tag point to it again, though it points elsewhere"
    )
    parser.add_argument(
        "--journal", metavar="FILE", help="the journal of `acr purge apply`, which knows what it deleted"
    )
    parser.add_argument("--no-cache", action="store_true", help="do not use the manifests that inventories have kept")
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Restore."""
    options = context.options
    journal = None if options.journal is None else files_there([options.journal])[0]
    places = [context.names.exactly(text, "restore") for text in dict.fromkeys(options.references)]
    context.clients.expect(*(place.host for place in places))
    if options.dry_run:
        print_outcomes(context, [planned("restore", str(place), place.digest) for place in places])
        return DONE
    codes: list[int] = []

    def rows() -> Iterator[Row]:
        for place in places:
            for row, code in _restored(context, place, journal):
                codes.append(code)
                yield row

    print_outcomes(context, rows(), ahead=[planned("restore", str(place), place.digest) for place in places])
    bad = {code for code in codes if code != DONE}
    if not bad:
        return DONE
    return INCOMPLETE if DONE in codes or len(bad) > 1 else bad.pop()


def _restored(context: Context, place: Place, journal: str | None) -> Iterator[tuple[Row, int]]:
    options = context.options
    whole = planned("restore", str(place), place.digest)
    try:
        found = context.clients.repository(place).restore(
            place.reference or "", deep=not options.alone, force=options.force, cache=not options.no_cache,
            journal=journal,
        )  # fmt: skip
    except acr.AcrError as raised:
        error = explained(context, raised)
        if error is raised and isinstance(raised, acr.NotFound) and not raised.hint:
            name = place.named(None)
            hint = f"`acr trash {name}` lists its trash, and `acr ls {name}` its tags"
            error = CommandError(reason(raised), hint=hint)
        tell(context.terminal, error, f"restore {place}")
        yield {**whole, "status": "failed", "reason": reason(error)}, exit_code(error)
        return

    def row(reference: str, status: Status, why: str | None = None) -> Row:
        digest = reference if ":" in reference else found.digest if reference == place.tag else None
        return {**planned("restore", place.named(reference), digest), "status": status, "reason": why}

    back = [*found.tags, *found.manifests]
    yield from ((row(one, "done"), DONE) for one in back)
    if found.was_live and found.in_trash is not None:
        context.terminal.warn(
            f"{place} is live at {found.digest}, and stays there; --force lets it point to {found.in_trash}, which is"
            " in the trash"
        )
    if not back:
        why = f"it is live at {found.digest}; nothing was restored"
        yield {**whole, "digest": found.digest, "status": "skipped", "reason": why}, DONE
    yield from ((row(one, "failed", as_command(why)), INCOMPLETE) for one, why in found.missing.items())
    if options.alone:
        return
    unknown = "nobody knows whether it belongs to it; restore it by its digest if it does"
    yield from ((row(one, "skipped", unknown), INCOMPLETE) for one in found.unknown)

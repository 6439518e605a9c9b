"""Delete tags. What they point to stays, with its other tags.

It asks on a terminal, and needs `--yes` elsewhere. It looks at each tag again just before it deletes it: one that has
moved meanwhile is left, and the exit code is 3.
"""

from __future__ import annotations

import argparse
from functools import partial

import acr
from acr.cli._actions import COLUMNS as ACTIONS, Action, Changed, Outcome, perform
from acr.cli._asking import confirm
from acr.cli._context import Context
from acr.cli._exits import CommandError, Usage
from acr.cli._missing import explained
from acr.cli._output.words import counted, listed
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr untag team/app:v1.0 --dry-run",
    "acr untag team/app:v1.0 team/app:v1.1 --yes",
    "acr untag my.azurecr.io/team/app:latest --yes -o json",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("references", nargs="+", metavar="REF", help="[HOST/]REPO:TAG")
    add_danger(parser)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Delete tags."""
    places = [context.names.exactly(text, "untag") for text in dict.fromkeys(context.options.references)]
    for place in places:
        if place.tag is None:
            raise Usage(f"{str(place)!r} has no tag to delete", hint="`acr rm` deletes a manifest by its digest")
    context.clients.expect(*(place.host for place in places))
    found = [(place, tag_now(context, place)) for place in places]
    if not context.options.dry_run:
        confirm(context, f"Delete {counted(len(places), 'tag')} ({listed([str(place) for place in places])})?")
    return perform(context, [removal(context, place, digest) for place, digest in found])


def tag_now(context: Context, place: Place) -> acr.Digest:
    """What a tag points to.

    Raises:
        CommandError: there is no such tag.
    """
    try:
        return context.clients.repository(place).tag(place.tag or "").properties().digest
    except acr.NotFound as error:
        told = explained(context, error)
        if not isinstance(told, CommandError):
            raise
        told.hint = f"nothing was done; {told.hint}"
        raise told from error


def removal(context: Context, place: Place, digest: acr.Digest) -> Action:
    """The deletion of a tag, if it still points to a digest."""
    return Action("untag", str(place), digest, partial(_remove, context, place, digest))


def _remove(context: Context, place: Place, digest: acr.Digest) -> Outcome:
    tag = context.clients.repository(place).tag(place.tag or "")
    try:
        now = tag.properties().digest
    except acr.NoMetadataApi:
        raise
    except acr.NotFound:
        return Outcome(skipped="it was gone already")
    if now != digest:
        raise Changed(f"the tag now points to {now}, so it was left")
    tag.delete(missing_ok=True)
    return Outcome()

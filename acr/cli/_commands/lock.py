"""Forbid to change and delete a tag or a manifest.

`acr lock REPO:TAG` locks the tag: it can neither move nor be deleted. Its manifest has a lock of its own:
`acr lock REPO@DIGEST`. The platforms of an index have their own, too. --deep locks all of it: the tag, its manifest,
what that lists and what is attached to any of it, so that no clean-up breaks it. --state keeps what was before, for
`acr unlock --state`. `acr unlock` allows it again.
"""

from __future__ import annotations

import argparse
from functools import partial

import acr
from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._context import Context
from acr.cli._deep_locks import run_deep
from acr.cli._exits import Usage
from acr.cli._locks import WHAT, locks_of
from acr.cli._parsing import add_common, add_danger, add_output, several
from acr.cli._references import Place

EXAMPLES = (
    "acr lock team/app:v1.0",
    "acr lock team/app:v1.0 --deep --state v1.0.locks",
    "acr lock my.azurecr.io/team/app:v1.0 my.azurecr.io/team/app:v1.1 --what delete -o json",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser, verb: str = "lock") -> None:
    """Fill the parser."""
    parser.add_argument(
        "references", nargs="*" if verb == "unlock" else "+", metavar="REF",
        help="[HOST/]REPO:TAG or [HOST/]REPO@DIGEST",
    )  # fmt: skip
    parser.add_argument(
        "--what", type=_what, metavar="A,B",
        help=f"what to {verb}: some of {', '.join(WHAT)}; the default is write,delete",
    )  # fmt: skip
    parser.add_argument("--deep", action="store_true", help=f"also {verb} what belongs to it, against write and delete")
    about = "put back what was before" if verb == "unlock" else "with --deep: keep what was before"
    parser.add_argument("--state", metavar="FILE", help=f"{about}; the file is of `acr lock --deep`, and of one REF")
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context, *, allowed: bool = False) -> int:
    """Lock, or unlock if it is to be allowed."""
    verb = "unlock" if allowed else "lock"
    if context.options.deep or context.options.state is not None:
        return run_deep(context, verb)
    if not context.options.references:
        raise Usage(f"what is to be {verb}ed?", hint="write REPO:TAG, or pass --state FILE")
    what = context.options.what or WHAT[:2]
    places = [context.names.exactly(text, verb) for text in dict.fromkeys(context.options.references)]
    context.clients.expect(*(place.host for place in places))
    named = {place.named(place.digest) for place in places if place.digest is not None}
    actions = []
    for place in places:
        item = _item(context, place)
        digest = place.digest or item.properties().digest
        actions.append(Action(verb, str(place), digest, partial(_change, item, what, allowed=allowed)))
        if place.tag is None or place.named(digest) in named:
            continue
        if not allowed or (stays := _stays(context, place, digest, what)) is None:
            stays = f"this is the {verb} of the tag; `acr {verb} {place.named(digest)}` is that of its manifest"
        if stays:
            context.terminal.note(stays)
    return perform(context, actions)


def _stays(context: Context, place: Place, digest: acr.Digest, what: tuple[str, ...]) -> str | None:
    """What to say of the manifest's own lock when a tag is unlocked: nothing if it has none; None if nobody knows."""
    try:
        locks = locks_of(context.clients.repository(place).manifest(digest).properties())
    except acr.AcrError:
        return None
    still = [lock for lock in locks if lock in what]
    if not still:
        return ""
    told = f"the manifest of {place} is locked, too, and stays so"
    if set(still) <= set(WHAT[:2]):
        return f"{told}, as what belongs to it may; `acr unlock --deep {place}` unlocks all of it"
    return f"{told}; `acr unlock {place.named(digest)} --what {','.join(still)}` unlocks it"


def _item(context: Context, place: Place) -> acr.RepositoryTag | acr.RepositoryManifest:
    repository = context.clients.repository(place)
    return repository.manifest(place.digest) if place.digest is not None else repository.tag(place.tag or "")


def _change(item: acr.RepositoryTag | acr.RepositoryManifest, what: tuple[str, ...], *, allowed: bool) -> Outcome:
    now = item.properties()
    if all(getattr(now, f"can_{one}") is allowed for one in what):
        return Outcome(skipped="it was so already")
    wanted = {one: allowed if one in what else None for one in WHAT}
    item.update(
        can_write=wanted["write"], can_delete=wanted["delete"], can_read=wanted["read"], can_list=wanted["list"]
    )
    return Outcome()


def _what(text: str) -> tuple[str, ...]:
    found = tuple(several(text))
    if not found or not set(found) <= set(WHAT):
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {','.join(WHAT)}")
    return found

"""Copy images within and between registries, layouts and tars, byte for byte.

The source is a reference, a reference with a pattern for tags (`team/app:v1.*`), a layout (`oci:FOLDER[:TAG]`,
`oci:FILE.tar[:TAG]`) or what `docker save` wrote (`docker-archive:FILE`). The target is a reference or a layout.
Without a tag it gets that of the source, if that has one. Within a registry no bytes move. What the target has is not
copied again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Literal

import acr
from acr.cli import _filters
from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._context import Context
from acr.cli._exits import CommandError, Usage
from acr.cli._local import LocalPlace, exists, local_place, nothing_left
from acr.cli._output.rows import walk
from acr.cli._output.words import counted
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr cp team/app:v1.0 prod/app --referrers",
    "acr cp 'team/app:v1.*' oci:images --platform linux/arm64",
    "acr cp my.azurecr.io/team/app:v1.0 my.azurecr.io/team/app:stable --no-clobber",
)

COLUMNS = ACTIONS

Referrers = Literal["all", False]


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("source", metavar="SOURCE", help="reference, pattern of tags, layout or archive")
    parser.add_argument("target", metavar="TARGET", help="reference or layout")
    add_moving(parser)
    add_no_clobber(parser)
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def add_no_clobber(parser: argparse.ArgumentParser) -> None:
    """Add the option of commands that move tags."""
    parser.add_argument("--no-clobber", action="store_true", help="leave a tag that exists, and names something else")


def add_moving(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that move images."""
    parser.add_argument("--platform", metavar="OS/ARCH", help="only this platform of an index")
    parser.add_argument("--referrers", action="store_true", help="also what is attached, such as signatures and SBOMs")
    parser.add_argument(
        "-j",
        "--concurrency",
        type=_filters.count,
        default=16,
        metavar="N",
        help="connections to a registry (%(default)s)",
    )


def run(context: Context) -> int:
    """Copy."""
    options = context.options
    source, target = local_place(options.source), local_place(options.target)
    if source is not None and target is not None:
        hint = "copy a layout with `cp -r`; for one of another kind push to a registry, and pull from there"
        raise Usage("both are on this machine", hint=hint)
    if target is not None:
        target.check_target()
    if source is not None:
        return _from_local(context, source)
    if target is not None:
        return _to_local(context, target)
    return _between(context)


def _between(context: Context) -> int:
    options = context.options
    there = context.names.target(options.target)
    if there.digest is not None:
        raise Usage(f"{options.target!r}: the digest is that of what is copied: name a tag, or none")
    places = list(_sources(context, options.source, there.host))
    if there.tag is not None and len(places) > 1:
        raise Usage(
            f"{options.source!r} is {counted(len(places), 'tag')}, and the target has one: name it without a tag"
        )
    actions = []
    for place in places:
        tag = there.tag or place.tag
        digest = context.clients.repository(place).manifest(context.or_latest(place)).head().digest
        do = partial(_copy, context, place, digest, there, tag)
        actions.append(Action("copy", there.named(tag) if tag else there.named(digest), digest, do))
    return perform(context, actions)


def _sources(context: Context, text: str, other: str) -> Iterator[Place]:
    """The reference, or those that its pattern fits."""
    start, colon, end = text.rpartition(":")
    if not (colon and _filters.is_pattern(end) and "/" not in end):
        place = context.names.place(text)
        context.clients.expect(place.host, other)
        context.or_latest(place)
        yield place
        return
    place = context.names.repository(start)
    context.clients.expect(place.host, other)
    fits = _filters.matcher([_filters.glob(end)])
    listing = context.clients.repository(place).tag_names()
    found = [name for name in walk(listing, f"the list of tags of {place}") if fits(name)]
    if not found:
        raise CommandError(f"no tag of {place} fits {end!r}", hint=f"`acr ls {place}` lists its tags")
    for name in found:
        yield Place(place.host, place.repository, acr.Reference("any", name).tag, None, place.prefix)


def _copy(context: Context, here: Place, digest: acr.Digest, there: Place, tag: str | None) -> Outcome:
    if (kept := kept_tag(context, there, tag, digest)) is not None:
        return kept
    one, other = context.clients.registry(here.host), context.clients.registry(there.host)
    with context.progress() as progress:
        copied = one.copy(
            f"{here.repository}@{digest}",
            f"{there.repository}:{tag}" if tag else there.repository,
            to=other,
            platform=context.options.platform,
            referrers=_referrers(context),
            concurrency=context.options.concurrency,
            progress=progress,
        )
    return Outcome(digest=copied.digest, reason=progress.nothing_moved)


def kept_tag(context: Context, there: Place, tag: str | None, digest: acr.Digest | None) -> Outcome | None:
    """Why a tag of the target is left, if `--no-clobber` says so.

    Args:
        context: of the command, which has the option of `add_no_clobber`.
        there: the repository.
        tag: the tag, if there is one.
        digest: what it may name; None if that is not known yet.
    """
    if not context.options.no_clobber or tag is None:
        return None
    try:
        now = context.clients.repository(there).manifest(tag).head().digest
    except acr.NotFound:
        return None
    return None if now == digest else Outcome(skipped=f"the tag exists, and names {now}", digest=now)


def _referrers(context: Context) -> Referrers:
    return "all" if context.options.referrers else False


def _to_local(context: Context, target: LocalPlace) -> int:
    options = context.options
    places = list(_sources(context, options.source, ""))
    for place in places:
        if target.reference not in (None, place.tag):
            raise Usage("an image keeps its tag in a layout", hint=f"write oci:{target.path}")
    actions = []
    for place in places:
        name = f"oci:{target.path}{f':{place.tag}' if place.tag else ''}"
        actions.append(Action("copy", name, None, partial(pull_layout, context, place, target)))
    return perform(context, actions)


def pull_layout(context: Context, place: Place, target: LocalPlace) -> Outcome:
    """Pull an image into a layout.

    Args:
        context: of the command, which has the options of `add_moving`.
        place: the image.
        target: the layout.
    """
    repository = context.clients.repository(place)
    with ExitStack() as stack:
        stack.enter_context(nothing_left(target.path))
        progress = stack.enter_context(context.progress())
        pulled = repository.pull(
            context.or_latest(place),
            target.open(),
            platform=context.options.platform,
            referrers=_referrers(context),
            concurrency=context.options.concurrency,
            progress=progress,
        )
    return Outcome(digest=pulled.digest, reason=progress.nothing_moved)


def _from_local(context: Context, source: LocalPlace) -> int:
    there = context.names.target(context.options.target)
    return perform(context, [push_layout(context, source, there)])


def push_layout(context: Context, source: LocalPlace, there: Place) -> Action:
    """The push of an image of a layout.

    Args:
        context: of the command, which has the options of `add_moving`.
        source: the layout or archive.
        there: the target; without a tag it gets the tag of the source.

    Raises:
        Usage: the target has a digest, or there is no source.
        TransferError: the source cannot be read, or has no such image.
    """
    if there.digest is not None:
        raise Usage(f"{str(there)!r}: the digest is that of what is pushed: name a tag, or none")
    if not exists(source.path):
        raise Usage(
            f"there is no {source.path}", hint="write oci:FOLDER[:TAG], oci:FILE.tar[:TAG] or docker-archive:FILE"
        )
    store = source.open()
    found = store.resolve(source.reference)
    tag = there.tag or _own_tag(context, source, store, found.digest)

    def do() -> Outcome:
        if (kept := kept_tag(context, there, tag, found.digest)) is not None:
            return kept
        with context.progress() as progress:
            pushed = context.clients.repository(there).push(
                store,
                source.reference,
                tag=tag,
                platform=context.options.platform,
                referrers=_referrers(context),
                concurrency=context.options.concurrency,
                progress=progress,
            )
        return Outcome(digest=pushed.digest, reason=progress.nothing_moved)

    return Action("copy", there.named(tag) if tag else there.named(found.digest), found.digest, do)


def _own_tag(
    context: Context, source: LocalPlace, store: acr.Layout | acr.DockerArchive, digest: acr.Digest
) -> str | None:
    """The tag of what is pushed, as the source has it: the one that was named, or the only one of the only image."""
    if source.reference is not None:
        return None if ":" in source.reference else source.reference
    tags = {name.rpartition(":")[2]: None for name in store.tags() if store.resolve(name).digest == digest}
    found = [tag for tag in tags if _is_tag(tag)]
    if len(found) > 1:
        context.terminal.note(f"{source} has several tags of this image, so it gets none: {', '.join(found)}")
    return found[0] if len(found) == 1 else None


def _is_tag(name: str) -> bool:
    """Whether a name of a layout, which may be any text, can be a tag."""
    try:
        acr.Reference("any", name)
    except acr.InvalidReference:
        return False
    return True

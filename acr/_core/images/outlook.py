"""Outlook: what the target of a copy is likely to lack, told by a few requests before it is asked for each blob.

A registry that has neither a manifest nor its config has hardly any of its layers. So what is sent there may open its
upload session at once. What the registry has after all, it says then (`uploads.upload`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import attrs

from acr._core.images.ends import Order, Outlook
from acr._core.images.graph import Parts
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest

T = TypeVar("T")

Gather = Callable[[Sequence[Callable[[], Awaitable[bool]]]], Awaitable[list[bool]]]
"""Runs tasks at the same time, as many as the copy may."""


@attrs.frozen
class Asking:
    """How a target is asked. What it has is noted, and told.

    Args:
        manifest: whether it has a manifest.
        blob: whether it has a blob.
        gather: asks several things at the same time.
    """

    manifest: Callable[[Digest], Awaitable[bool]]
    blob: Callable[[Descriptor], Awaitable[bool]]
    gather: Gather


@attrs.frozen
class Findings:
    """What the target has said, and what follows for the blobs.

    Args:
        asked: manifests that need not be asked for any more: they were, or what they list was.
        blobs: what is known of a blob; nothing, if it is not here.
        there: blobs that the target has, so that nothing is to be done.
    """

    asked: Collection[Digest] = ()
    blobs: Mapping[Digest, Outlook] = attrs.field(factory=dict)
    there: Collection[Digest] = ()

    def of(self, blob: Descriptor) -> Outlook:
        """What is known of a blob."""
        return self.blobs.get(blob.digest, Outlook.OPEN)


async def look_ahead(
    order: Order,
    tops: Collection[Digest],
    nodes: Mapping[Digest, Parts],
    wanted: Collection[Digest],
    asking: Asking,
) -> Findings:
    """Ask a target for what tells most, as far as that saves requests.

    Args:
        order: what it is asked for first.
        tops: the manifests that the others are below.
        nodes: all manifests, with what they lead to.
        wanted: the blobs that are to be brought. Others came before.
        asking: asks it.
    """
    if order is Order.AT_ONCE or not tops:
        return Findings()
    there = _below(await _held(asking, asking.manifest, {top: top for top in tops}), nodes)
    if order is Order.MANIFESTS:
        return Findings(tops, dict.fromkeys(_blobs(there, nodes), Outlook.THERE))
    configs = {digest: parts.config for digest, parts in nodes.items() if digest not in there and parts.config}
    unique = {config.digest: config for config in configs.values() if config.digest in wanted}
    held = await _held(asking, asking.blob, unique)
    missing = unique.keys() - held
    new = {digest for digest, config in configs.items() if config.digest in missing}
    known = dict.fromkeys(_blobs(new, nodes), Outlook.NEW)
    # A layer that another manifest lists, too, of which nothing says that it is new, is asked for as usual.
    known |= dict.fromkeys(_blobs(nodes.keys() - new, nodes), Outlook.OPEN)
    known |= dict.fromkeys(missing, Outlook.MISSING)
    return Findings({*tops, *new}, known, held)


async def _held(asking: Asking, ask: Callable[[T], Awaitable[bool]], things: Mapping[Digest, T]) -> set[Digest]:
    """Those of some things that the target has."""
    found = await asking.gather([partial(ask, thing) for thing in things.values()])
    return {digest for digest, is_there in zip(things, found, strict=True) if is_there}


def _blobs(manifests: Iterable[Digest], nodes: Mapping[Digest, Parts]) -> Iterator[Digest]:
    """The blobs that some manifests list."""
    return (blob.digest for digest in manifests for blob in nodes[digest].blobs)


def _below(tops: Iterable[Digest], nodes: Mapping[Digest, Parts]) -> set[Digest]:
    """Some manifests, and all that they lead to."""
    found: set[Digest] = set()
    level = set(tops)
    while level:
        found |= level
        level = {child.digest for digest in level for child in nodes[digest].manifests if child.digest in nodes} - found
    return found

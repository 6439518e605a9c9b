"""Progress of transfers: typed events, handed to a callback."""

from collections.abc import Callable

import attrs

from acr._values.digest import Digest
from acr._values.home import public_in


@public_in("acr")
@attrs.frozen
class Item:
    """What moves.

    Args:
        name: of a file, or the digest, for people to read.
        size: bytes, where that is known beforehand.
        digest: its identity, where that is known beforehand.
    """

    name: str
    size: int | None = None
    digest: Digest | None = None


@public_in("acr")
@attrs.frozen
class Started:
    """It begins to move; its first `offset` bytes were moved by an earlier run."""

    item: Item
    offset: int = 0


@public_in("acr")
@attrs.frozen
class Moved:
    """`count` more bytes of it have moved."""

    item: Item
    count: int


@public_in("acr")
@attrs.frozen
class Skipped:
    """It was there already."""

    item: Item


@public_in("acr")
@attrs.frozen
class Mounted:
    """It was taken over from another repository of the registry, without moving its bytes."""

    item: Item


@public_in("acr")
@attrs.frozen
class Retried:
    """Something of it failed and is done again from `offset`; bytes reported beyond it will be reported once more."""

    item: Item
    offset: int
    reason: str


@public_in("acr")
@attrs.frozen
class Done:
    """It is there, and its digest is right."""

    item: Item


ProgressEvent = Started | Moved | Skipped | Mounted | Retried | Done
"""What a callback is called with. Calls come one at a time for one item, but from several threads in sync code."""

Progress = Callable[[ProgressEvent], None]


def tell(progress: Progress | None, event: ProgressEvent) -> None:
    """Call the callback, where there is one."""
    if progress is not None:
        progress(event)

"""Progress of transfers: the events that a callback receives."""

from collections.abc import Callable

import attrs

from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain


@public_in("acr")
@attrs.frozen
class Item(Plain):
    """A file, blob or manifest that moves.

    Args:
        name: the name of the file, or the digest, for people to read.
        size: its size in bytes, if that is known beforehand.
        digest: its digest, if that is known beforehand.
    """

    name: str
    size: int | None = None
    digest: Digest | None = None


@public_in("acr")
@attrs.frozen
class Started(Plain):
    """The item begins to move.

    Args:
        item: the item.
        offset: bytes that an earlier run has moved already.
    """

    item: Item
    offset: int = 0


@public_in("acr")
@attrs.frozen
class Moved(Plain):
    """More bytes of the item have moved.

    Args:
        item: the item.
        count: bytes since the last event.
    """

    item: Item
    count: int


@public_in("acr")
@attrs.frozen
class Skipped(Plain):
    """The target had the item already.

    Args:
        item: the item.
    """

    item: Item


@public_in("acr")
@attrs.frozen
class Mounted(Plain):
    """The registry took the item over from another of its repositories. No bytes moved.

    Args:
        item: the item.
    """

    item: Item


@public_in("acr")
@attrs.frozen
class Retried(Plain):
    """A part of the item failed, and the client does it again.

    Args:
        item: the item.
        offset: the byte to continue from. `Moved` will count the bytes after it once more.
        reason: what failed.
    """

    item: Item
    offset: int
    reason: str


@public_in("acr")
@attrs.frozen
class Done(Plain):
    """The item is at the target, and its digest is right.

    Args:
        item: the item.
    """

    item: Item


ProgressEvent = Started | Moved | Skipped | Mounted | Retried | Done
"""The events that a `Progress` callback receives."""

Progress = Callable[[ProgressEvent], None]
"""A callback for the progress of a transfer. The client calls it for one event of an item at a time. In sync code the
calls for several items come from several threads."""


def tell(progress: Progress | None, event: ProgressEvent) -> None:
    """Call the callback, if there is one."""
    if progress is not None:
        progress(event)

"""Ends of a copy: what one asks of the store that it reads from, and of the store that it writes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Final, Protocol

import attrs

from acr._core.storage import Source
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.progress import Progress
from acr.protocols import Sink


@attrs.frozen
class Missed:
    """What a store has said that it lacks, although it had been brought.

    Args:
        times: how often it has said so.
        digests: what it named.
    """

    times: int = 0
    digests: frozenset[str] = frozenset()


NOTHING: Final = Missed()


class Order(Enum):
    """What a store is best asked for before the blobs, so that few requests tell what it lacks."""

    AT_ONCE = auto()
    """Nothing: manifests and blobs are asked for side by side."""
    MANIFESTS = auto()
    """The manifests that all others are below."""
    CONFIGS = auto()
    """These; and if one is not there, the configs that it leads to."""


class Outlook(Enum):
    """What is known of a blob before a store takes it."""

    OPEN = auto()
    """Nothing."""
    THERE = auto()
    """The store has a manifest that leads to it, and so is likely to have it."""
    NEW = auto()
    """The store has neither the manifest that lists it nor that one's config, and so is likely to lack it."""
    MISSING = auto()
    """The store has said that it lacks it."""


Mend = Callable[[Missed], Awaitable[None]]
"""Brings again what a store has missed."""


class Store(Protocol):
    """One end of a copy."""

    @property
    def name(self) -> str:
        """What it is, for errors."""
        ...

    @property
    def large(self) -> int:
        """How many large blobs to move at a time."""
        ...

    def width(self, limit: int, *, reads: bool) -> int:
        """How many of `limit` requests it bears at the same time at present.

        Args:
            limit: as many as the caller allows.
            reads: whether blobs are read from it.
        """
        ...

    async def manifest(self, digest: Digest) -> Manifest:
        """The exact bytes of a manifest, verified."""
        ...

    async def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """The manifests that are attached to one."""
        ...

    async def cosigned(self, subject: Digest) -> Sequence[tuple[str, Descriptor]]:
        """The tags by which cosign has attached to a manifest, and the manifests behind them."""
        ...

    def source(self, blob: Descriptor) -> Source:
        """The bytes of a blob, not verified. Nothing is opened before the first of them is read."""
        ...

    async def download(self, blob: Descriptor, open_sink: Callable[[Digest], Sink], progress: Progress | None) -> None:
        """Write a blob into a sink, verified."""
        ...

    async def has(self, manifest: Descriptor) -> bool:
        """Whether a manifest is here, and need not be put again. It says nothing of what the manifest leads to."""
        ...

    def order(self, source: Store) -> Order:
        """What it is best asked for first, if the blobs come from that store."""
        ...

    async def has_blob(self, blob: Descriptor, progress: Progress | None) -> bool:
        """Whether a blob is here; if so, that is told."""
        ...

    async def take(
        self,
        blob: Descriptor,
        source: Store,
        progress: Progress | None,
        missed: Missed = NOTHING,
        outlook: Outlook = Outlook.OPEN,
    ) -> None:
        """Take over a blob of another store, unless it is here already.

        Args:
            blob: which one.
            source: the other store.
            progress: is told.
            missed: what this store has said that it lacks, although it had been brought.
            outlook: what is known of the blob already.
        """
        ...

    async def put(self, manifest: Manifest, mend: Mend) -> None:
        """Put a manifest, behind all that it lists.

        Args:
            manifest: the manifest.
            mend: brings again what is missing of it, if it turns out that something is.
        """
        ...

    async def put_root(self, manifest: Manifest, tag: str | None, mend: Mend) -> None:
        """Put the manifest that all others are behind, and name it."""
        ...

    async def commit(self) -> None:
        """All is here."""
        ...

    def abort(self) -> None:
        """Leave behind no more than what a later copy can use. It does not wait: its task may be cancelled already."""
        ...

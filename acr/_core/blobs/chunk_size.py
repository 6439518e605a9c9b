"""Chunk size: how large the next chunk of an upload is to be, by how the ones before it went."""

from __future__ import annotations

from typing import Final

import attrs

from acr._core.talk.chunking import LARGEST
from acr._values.options import CHUNK_SIZE

_SMALLEST: Final = 64 * 1024
_QUICK: Final = 4.0
"""Seconds that a chunk may take for the next one to be larger; losing one costs no more than twice that."""


@attrs.define
class ChunkSize:
    """The size of the next chunk.

    Larger chunks are fewer requests; but a chunk is what is lost with a connection, and a registry, or a proxy before
    it, may refuse large ones.

    Args:
        current: bytes of the next chunk.
        largest: bytes that it may grow to.
        usual: bytes of the first chunk, to which it falls back when a connection is lost.
        least: bytes that the registry asks for; the last chunk may have fewer.
        proved: bytes of the largest chunk that was taken.
        borne: bytes of the largest chunk, if a larger one was refused as too large.

    >>> size = ChunkSize.of(None)
    >>> size.went_well(1.0, 2**22); size.went_well(1.0, 2**23); size.current // 2**20
    16
    >>> size.lost(); size.current // 2**20
    4
    >>> size.refused(3_000_000); size.current
    1500000
    >>> size.went_well(1.0, 1_500_000); size.current
    1500000
    """

    current: int
    largest: int
    usual: int
    least: int = 1
    proved: int = 0
    borne: int | None = None

    @classmethod
    def of(cls, wanted: int | None, *, first: int = CHUNK_SIZE, largest: int = LARGEST) -> ChunkSize:
        """The size of the first chunk.

        Args:
            wanted: bytes of the first and of the largest chunk; None to grow.
            first: bytes of the first if the size grows: what went well in an earlier upload, or 4 MiB.
            largest: bytes of the largest if the size grows.
        """
        return cls(min(first, largest), largest, CHUNK_SIZE) if wanted is None else cls(wanted, wanted, wanted)

    def at_least(self, size: int) -> None:
        """The registry asks for chunks of so many bytes (OCI distribution spec, "Pushing a blob in chunks")."""
        self.least = max(1, size)
        self.usual = max(self.usual, self.least)
        self.current = max(self.current, self.least)
        self.largest = max(self.largest, self.least)

    def went_well(self, seconds: float, size: int) -> None:
        """A chunk of this size was taken, after so many seconds.

        Args:
            seconds: that it took.
            size: bytes that it had.
        """
        self.proved = max(self.proved, size)
        if seconds < _QUICK:
            self.current = min(2 * self.current, self.largest)

    def lost(self) -> None:
        """The connection was lost with a chunk; the second time it was perhaps too large for the way."""
        if self.current > self.usual:
            self.current = self.usual
        else:
            self.current = max(self.current // 2, min(self.current, _SMALLEST), self.least)

    def can_shrink(self, size: int) -> bool:
        """Whether a chunk smaller than `size` bytes is worth a try."""
        return size > max(_SMALLEST, self.least)

    def refused(self, size: int) -> None:
        """A chunk of `size` bytes was too large: halve it."""
        self.largest = self.current = self.borne = max(size // 2, _SMALLEST, self.least)

    def is_outgrown(self, size: int) -> bool:
        """Whether a chunk of `size` bytes, which was refused for some reason, may have been too large.

        That is so if it is larger than one that was taken, or than what is usual: GHCR says 416 to what has over 4 MiB.

        >>> size = ChunkSize.of(None)
        >>> size.is_outgrown(2**22), size.is_outgrown(2**23)
        (False, True)
        """
        return (size > self.proved > 0 or size > CHUNK_SIZE) and self.can_shrink(size)

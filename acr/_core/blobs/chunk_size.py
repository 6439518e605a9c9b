"""Chunk size: how large the next chunk of an upload is to be, by how the ones before it went."""

from __future__ import annotations

from typing import Final

import attrs

from acr._values.options import CHUNK_SIZE

_LARGEST: Final = 64 * 1024 * 1024
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

    >>> size = ChunkSize.of(None)
    >>> size.went_well(1.0); size.went_well(1.0); size.current // 2**20
    16
    >>> size.lost(); size.current // 2**20
    4
    >>> size.refused(3_000_000), size.current
    (True, 1500000)
    >>> size.went_well(1.0); size.current
    1500000
    """

    current: int
    largest: int
    usual: int

    @classmethod
    def of(cls, wanted: int | None, *, first: int = CHUNK_SIZE, largest: int = _LARGEST) -> ChunkSize:
        """The size of the first chunk.

        Args:
            wanted: bytes of the first and of the largest chunk; None to grow.
            first: bytes of the first where the size grows: what went well in an earlier upload, or 4 MiB.
            largest: bytes of the largest where the size grows.
        """
        return cls(min(first, largest), largest, CHUNK_SIZE) if wanted is None else cls(wanted, wanted, wanted)

    def went_well(self, seconds: float) -> None:
        """A chunk of this size was taken, after so many seconds."""
        if seconds < _QUICK:
            self.current = min(2 * self.current, self.largest)

    def lost(self) -> None:
        """The connection was lost with a chunk; the second time it was perhaps too large for the way."""
        if self.current > self.usual:
            self.current = self.usual
        else:
            self.current = max(self.current // 2, min(self.current, _SMALLEST))

    def refused(self, size: int) -> bool:
        """A chunk of `size` bytes was too large (413); whether a smaller one is worth a try."""
        if size <= _SMALLEST:
            return False
        self.largest = self.current = max(size // 2, _SMALLEST)
        return True

"""Cutting: which blobs are fetched over several connections, and how they are cut into ranges."""

from __future__ import annotations

from typing import Final

import attrs

_MIB: Final = 1024 * 1024

_SHARE: Final = 64
"""Ranges of a blob: four for each of 16 connections, so that none is waited for alone for long."""


@attrs.frozen
class Cutting:
    """When a blob is fetched by several connections, and how it is cut.

    Args:
        threshold: bytes that must be missing. Fewer come so soon that a second connection is hardly open by then.
        least: bytes of a range, at the least: a request takes a round trip, which is a small part of what 16 MiB take.
        most: bytes of a range, at the most: it is what a killed process may have to fetch again on each connection.
        worth: what more connections have to bring, of what they could: twice as many must be a fifth faster.
        fast: bytes a second of a connection that nobody limits. Storage gives a connection half of it.
        plenty: bytes a second of a whole call that are enough. A core hashes about as many.
        others: connections of other blobs of the call beside which a blob keeps its only one. To have a second one it
            must leave its first answer, and all together would hardly be faster.
        span: seconds that a rate is taken over, at the least.
    """

    threshold: int = 64 * _MIB
    least: int = 16 * _MIB
    most: int = 64 * _MIB
    worth: float = 0.2
    fast: float = 192.0 * _MIB
    plenty: float = 512.0 * _MIB
    others: int = 4
    span: float = 0.2

    def length(self, size: int) -> int:
        """Bytes of the ranges of a blob.

        >>> [Cutting().length(size * _MIB) // _MIB for size in (100, 2048, 10_000)]
        [16, 32, 64]
        """
        return max(self.least, min(self.most, size // _SHARE))

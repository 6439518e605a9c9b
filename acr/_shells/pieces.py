"""The pieces of a body: a server that sends it byte by byte must not keep a processor busy for minutes.

Each chunk of a body costs the HTTP stack some 20 microseconds, however small it is. A page of 16 MiB in chunks of a
byte takes minutes of computing, and no time-out sees it: the network is never waited for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from typing import Final

import attrs
import httpcore

FREE: Final = 50_000
"""Pieces of one body that may have any size: an encoder that sends each token by itself needs as many for a page."""

LEAST: Final = 16
"""Bytes that each piece must have on the average, if there are more."""


@attrs.define
class Pieces:
    """Counts the pieces of one body.

    >>> pieces = Pieces(free=2)
    >>> pieces.count(b"a"), pieces.count(b"a" * 47), pieces.count(b"")
    (None, None, None)
    >>> pieces.count(b"a")
    Traceback (most recent call last):
    httpcore.RemoteProtocolError: a body of 49 bytes so far came in 4 pieces
    """

    free: int = FREE
    number: int = 0
    size: int = 0

    def count(self, piece: bytes) -> None:
        """Count one more.

        Raises:
            httpcore.RemoteProtocolError: they are too many for their size.
        """
        self.number += 1
        self.size += len(piece)
        if self.number > self.free and self.size < LEAST * self.number:
            raise httpcore.RemoteProtocolError(f"a body of {self.size} bytes so far came in {self.number} pieces")


def counted(body: Iterable[bytes]) -> Iterator[bytes]:
    """A body whose pieces are counted. Raises httpcore.RemoteProtocolError if they are too many."""
    pieces = Pieces()
    for piece in body:
        pieces.count(piece)
        yield piece


async def counted_async(body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """As `counted`."""
    pieces = Pieces()
    async for piece in body:
        pieces.count(piece)
        yield piece

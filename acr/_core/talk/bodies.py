"""Bodies: read into memory, with the size counted while reading, since a Content-Length is but a claim."""

from __future__ import annotations

from contextlib import suppress

from acr._core.runtime import Incoming
from acr.errors import LimitExceeded, TransportError


async def read(incoming: Incoming, limit: int, what: str) -> bytes:
    """Read a body to its end.

    Raises:
        LimitExceeded: it is larger than `limit` bytes; `what` begins the text.
    """
    parts = bytearray()
    async for chunk in incoming.chunks():
        parts += chunk
        if len(parts) > limit:
            raise LimitExceeded(what, limit=limit)
    return bytes(parts)


async def read_at_most(incoming: Incoming, limit: int) -> bytes:
    """Read a body to its end, or its first `limit` bytes, or what came before the connection was lost."""
    parts = bytearray()
    with suppress(TransportError):
        async for chunk in incoming.chunks():
            parts += chunk
            if len(parts) >= limit:
                break
    return bytes(parts[:limit])

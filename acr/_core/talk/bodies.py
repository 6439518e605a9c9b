"""Bodies: read into memory, with the size counted while reading, since a Content-Length is but a claim."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final

from acr._core.runtime import Incoming
from acr.errors import LimitExceeded, ProtocolViolation, TransportError

_GZIP: Final = b"\x1f\x8b"
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3

_SIZE: Final = re.compile(r"[0-9]{1,18}")


async def read(incoming: Incoming, limit: int, what: Callable[[], str], *, option: str | None = None) -> bytes:
    """Read a body to its end.

    Args:
        incoming: the answer.
        limit: the bytes that it may have.
        what: gives its name, for an error.
        option: the option that sets the limit, or None.

    Raises:
        LimitExceeded: the body is larger.
    """
    parts = bytearray()
    async with aclosing(incoming.chunks()) as chunks:  # left open, it would keep a chunk until an event loop closes it
        async for chunk in chunks:
            parts += chunk
            if len(parts) > limit:
                raise LimitExceeded(what(), limit=limit, option=option)
    return bytes(parts)


def decoded(body: bytes, coding: str | None, limit: int, what: str, *, option: str | None = None) -> bytes:
    """A body without the gzip that a proxy has put around it, although identity was asked for.

    What is only labelled so stays as it is.

    Raises:
        LimitExceeded: it has more than `limit` bytes then; `what` begins the text, which names the option.
        ProtocolViolation: it is not a whole gzip.
    """
    if coding is None or coding.strip().lower() not in _GZIP_NAMES or not body.startswith(_GZIP):
        return body
    plain = bytearray()
    while body.startswith(_GZIP):  # there may be several, one behind the other
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain += unpacker.decompress(body, limit + 1 - len(plain))
        except zlib.error:
            raise ProtocolViolation(f"{what} is labelled {coding!r}, but is not gzip") from None
        if len(plain) > limit:
            raise LimitExceeded(what, limit=limit, option=option)
        if not unpacker.eof:
            raise ProtocolViolation(f"{what} is labelled {coding!r}, and breaks off")
        body = unpacker.unused_data
    return bytes(plain)


def size(header: str | None) -> int | None:
    """The size that a Content-Length claims; None if it does not.

    >>> size("12"), size("-1"), size("9" * 5000)
    (12, None, None)
    """
    return int(header) if header is not None and _SIZE.fullmatch(header) else None


async def read_at_most(incoming: Incoming, limit: int) -> bytes:
    """Read a body to its end, or its first `limit` bytes, or what came before the connection was lost."""
    parts = bytearray()
    with suppress(TransportError):
        async with aclosing(incoming.chunks()) as chunks:
            async for chunk in chunks:
                parts += chunk
                if len(parts) >= limit:
                    break
    return bytes(parts[:limit])

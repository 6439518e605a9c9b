"""Weight: how much memory a JSON text takes once it is parsed. A hostile one takes fifty times its bytes."""

from __future__ import annotations

from typing import Final

from acr.errors import LimitExceeded

_LIGHT: Final = 1024 * 1024
"""Bytes of a text that is not worth weighing: whatever it is, it takes some 50 MiB at the most."""

_ALLOWED: Final = 64 * 1024 * 1024
_TIMES: Final = 6
"""Bytes that a parsed text may take in any case, and how many times the bytes that are allowed for the text."""

# Of CPython 3.11 to 3.14 on 64 bits, each with its place in what holds it. A member of an object counts for its key, in
# the object and among the keys that the parser remembers; what it becomes in models and values is not more.
_OBJECT: Final = 200
_ARRAY: Final = 96
_MEMBER: Final = 64
_VALUE: Final = 72


def weight(content: bytes) -> int:
    """Bytes that a JSON text takes when it is parsed, at the most. Punctuation within strings counts, too.

    >>> weight(b'{"name":"app","tags":["v1","v2"]}')
    634
    """
    width = 1 if content.isascii() else 4  # one wide character makes all of a string wide
    return (
        2 * width * len(content)  # the text, and its parts
        + _OBJECT * content.count(b"{")
        + _ARRAY * content.count(b"[")
        + _MEMBER * content.count(b":")
        + _VALUE * content.count(b",")
    )


def check_weight(content: bytes, what: str, *, limit: int = 0, option: str | None = None) -> None:
    """See that a JSON text can be parsed without taking too much memory.

    Args:
        content: the text.
        what: it is, for the error.
        limit: bytes that the text itself may have, if that can be set.
        option: what sets it.

    Raises:
        LimitExceeded: it takes too much.
    """
    allowed = max(_ALLOWED, _TIMES * limit)
    if len(content) > _LIGHT and weight(content) > allowed:
        raise LimitExceeded(f"{what}, parsed,", limit=allowed, option=option)

"""Weight: the memory that a JSON text takes once it is parsed. A hostile one takes fifty times its bytes."""

from __future__ import annotations

from typing import Final

from acr.errors import LimitExceeded

_LIGHT: Final = 1024 * 1024
"""Bytes of a text that is always parsed: it takes at most some 50 MiB."""

_ALLOWED: Final = 64 * 1024 * 1024
"""Bytes that each parsed text may take."""

_TIMES: Final = 5
"""How many times the limit of a text its parsed form may take, if that is more."""

# Bytes that CPython 3.11 to 3.14 takes on 64 bits, with the place in the list or object around it. For a member: the
# key, also among the keys that the parser remembers. The models and values that are made of it take no more.
# `make test-limits` measures that.
_OBJECT: Final = 200
_ARRAY: Final = 96
_MEMBER: Final = 64
_VALUE: Final = 72


def weight(content: bytes) -> int:
    """The bytes that a JSON text takes at most when it is parsed. It counts punctuation in strings, too.

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
    """Refuse a JSON text that would take too much memory when it is parsed.

    Args:
        content: the text.
        what: its name, which begins the text of the error.
        limit: the bytes that the text itself may have, if a user can set them.
        option: the option that sets them.

    Raises:
        LimitExceeded: it would take more than 64 MiB, and more than five times `limit`.
    """
    allowed = max(_ALLOWED, _TIMES * limit)
    if len(content) > _LIGHT and weight(content) > allowed:
        raise _too_heavy(what, allowed, option)


def _too_heavy(what: str, allowed: int, option: str | None) -> LimitExceeded:
    is_of_option = option is not None and allowed > _ALLOWED
    text = f"{what}, parsed, would take more than {allowed} bytes of memory"
    if is_of_option:
        text = f"{text}, five times {option}"
    return LimitExceeded(what, limit=allowed, option=option if is_of_option else None, text=text)

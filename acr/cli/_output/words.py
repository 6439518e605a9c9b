"""Words: numbers of things, and names, in sentences for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_DIGEST: Final = re.compile(r"(sha256[:-][0-9a-f]{12})[0-9a-f]{52}|(sha512[:-][0-9a-f]{12})[0-9a-f]{116}")


def counted(number: int, what: str) -> str:
    """A number of things.

    Args:
        number: how many.
        what: one of them, such as `more tag`.

    >>> counted(1, "finding"), counted(0, "finding"), counted(1200, "repository")
    ('1 finding', '0 findings', '1,200 repositories')
    """
    if number != 1:
        what = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what}"


def listed(names: Sequence[str], most: int = 5, *, apart: str = ", ") -> str:
    """Some names: all of them if they are few.

    >>> listed(["a", "b"]), listed(["a", "b", "c"], 1)
    ('a, b', 'a and 2 more')
    """
    return apart.join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def with_short_digests(text: str) -> str:
    """A text with the beginnings of its digests, for tables.

    >>> with_short_digests(f"it is part of sha256:{'0' * 64}")
    'it is part of sha256:000000000000'
    """
    return _DIGEST.sub(lambda found: found[1] or found[2], text)

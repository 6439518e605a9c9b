"""Durations: how long something lasts, as a policy says it. There is one grammar, and it never guesses."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from acr.errors import InvalidInput

_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHORT: Final = re.compile(r"(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_ISO_WEEKS: Final = re.compile(r"P([0-9]+)W")
_ISO: Final = re.compile(r"P(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?")
_WORD: Final = re.compile(r"([0-9]+) *(?:([wdhs])[a-z]*|(min)[a-z]*)", re.IGNORECASE)
_LONGEST: Final = 36_525 * 86_400
"""Seconds of a hundred years. What is longer is a slip, and a deletion after a slip cannot be undone."""

_EXPECTED: Final = "expected whole numbers with w, d, h, m or s, such as 7d, 2w or 1d12h; or ISO 8601, such as P7D"


def parse_duration(text: object) -> timedelta:
    """Read a duration: whole numbers with their units, the larger units first, or ISO 8601 without months and years.

    Args:
        text: such as `7d`, `1d12h` or `P7D`. `m` is minutes. A month and a year have no fixed length.

    Raises:
        InvalidInput: it is something else. The text of the error shows how to write it.

    >>> parse_duration("1w2d"), parse_duration("PT36H")
    (datetime.timedelta(days=9), datetime.timedelta(days=1, seconds=43200))
    >>> parse_duration("7days")
    Traceback (most recent call last):
    acr.errors.InvalidInput: '7days' is no duration: write 7d
    """
    if isinstance(text, bool) or not isinstance(text, str):
        shown = text if isinstance(text, int | float) and not isinstance(text, bool) else type(text).__name__
        hint = f': write "{text}d" for days' if isinstance(text, int) and not isinstance(text, bool) else ""
        raise InvalidInput(f"{str(shown)[:40]} is no duration{hint or f': {_EXPECTED}'}")
    seconds = _seconds(text)
    if seconds is None:
        raise InvalidInput(f"{text[:40]!r} is no duration: {_hint(text)}")
    if seconds > _LONGEST:
        raise InvalidInput(f"{text[:40]!r} is longer than a hundred years: write what you mean, such as 90d")
    return timedelta(seconds=seconds)


def _seconds(text: str) -> int | None:
    """The seconds of a duration; None if it is none. What is far too long counts as a little too long."""
    if not text or len(text) > 100:
        return None
    if short := _SHORT.fullmatch(text):
        return _sum(short.groups(), _UNITS.values())
    if weeks := _ISO_WEEKS.fullmatch(text):
        return _sum(weeks.groups(), [_UNITS["w"]])
    if len(text) > 1 and (iso := _ISO.fullmatch(text)):
        return _sum(iso.groups(), list(_UNITS.values())[1:])
    return None


def _sum(numbers: tuple[str | None, ...], units: object) -> int:
    return sum(int(number) * unit for number, unit in zip(numbers, units, strict=True) if number)  # type: ignore[call-overload]


def _hint(text: str) -> str:
    """How to write what was probably meant."""
    bare = text.strip()
    if len(bare) > 40:
        return _EXPECTED
    if re.fullmatch("[0-9]+", bare):
        return f"a number needs a unit: write {bare}d for days"
    if bare.startswith(("-", "+")):
        return "it has a sign, and an age has none: write 1d for one day"
    if re.search(r"[0-9][.,][0-9]", bare):
        return "it has a fraction: write 1d12h for a day and a half"
    if re.fullmatch(r"[0-9]+ *(?:mo[a-z]*|y[a-z]*)|P[0-9]+[MY].*", bare, re.IGNORECASE):
        return "a month and a year have no fixed length: write days, such as 30d"
    if word := _WORD.fullmatch(bare):
        return f"write {word[1]}{(word[2] or 'm').lower()}"
    return _EXPECTED


def shown_duration(seconds: float) -> str:
    """A duration for people, in its largest unit, rounded down.

    >>> [shown_duration(one) for one in (0, 59, 3_599, 86_399, 86_400, 12.5 * 86_400)]
    ['0s', '59s', '59m', '23h', '1d', '12d']
    """
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit]:
            return f"{int(seconds // _UNITS[unit]):,}{unit}"
    return f"{int(max(seconds, 0))}s"


def exact_duration(length: timedelta) -> str:
    """A duration as a policy says it.

    >>> exact_duration(timedelta(days=7)), exact_duration(timedelta(hours=36)), exact_duration(timedelta())
    ('7d', '1d12h', '0s')
    """
    left, parts = int(length.total_seconds()), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"

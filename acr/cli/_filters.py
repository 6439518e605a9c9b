"""Filters: which items of a listing are meant. The grammars are strict: what is odd is an error that shows how."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from itertools import islice
from typing import Any, Final, TypeVar

T = TypeVar("T")

_DURATION: Final = re.compile(
    r"(?:([1-9][0-9]{0,5})w)?(?:([1-9][0-9]{0,5})d)?(?:([1-9][0-9]{0,5})h)?(?:([1-9][0-9]{0,5})m)?"
)
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_NEARLY: Final = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{1,3})")
_UNITS: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_MOST_WILDCARDS: Final = 16


def duration(text: str) -> timedelta:
    """Read a duration.

    >>> duration("30d"), duration("1w12h")
    (datetime.timedelta(days=30), datetime.timedelta(days=7, seconds=43200))
    >>> duration("7days")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: '7days' is no duration: expected such as 30d, 12h or 1w2d, of the units w d h m
    """
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ArgumentTypeError(f"{text!r} is no duration: expected such as 30d, 12h or 1w2d, of the units w d h m")
    weeks, days, hours, minutes = (int(number or 0) for number in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)


def size(text: str) -> int:
    """Read a number of bytes.

    >>> size("10MiB"), size("5 kB")
    (10485760, 5000)
    >>> size("10M")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: '10M' is no size: did you mean 10MB or 10MiB? expected such as 10MiB, 500kB or 1GB, \
of the units B kB MB GB TB KiB MiB GiB TiB
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(
            f"{text!r} is no size: {_meant(text)}expected such as 10MiB, 500kB or 1GB, of the units {' '.join(_UNITS)}"
        )
    return int(found[1]) * _UNITS[found[2]]


def _meant(text: str) -> str:
    """What somebody may have meant who wrote a unit in short, or with letters of another case.

    >>> _meant("1KB"), _meant("1 gib"), _meant("1")
    ('did you mean 1kB or 1KiB? ', 'did you mean 1GiB? ', '')
    """
    found = _NEARLY.fullmatch(text)
    if found is None:
        return ""
    number, unit = found[1], found[2].lower()
    near = [one for one in _UNITS if one.lower().startswith(unit) or one.lower().replace("i", "").startswith(unit)]
    return f"did you mean {' or '.join(f'{number}{one}' for one in near)}? " if near else ""


def count(text: str) -> int:
    """Read a number of items, from 1 on."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:18]) <= 10**9):
        raise ArgumentTypeError(f"{text!r}: expected a number from 1 on")
    return int(text[:18])


def number(text: str) -> int:
    """Read a number, from 0 on."""
    return 0 if text == "0" else count(text)


def glob(text: str) -> str:
    """Read a pattern of names: `*` is any text, `?` one character, `[ab]` one of these."""
    if not text or sum(text.count(one) for one in "*[") > _MOST_WILDCARDS:
        raise ArgumentTypeError(
            f"{text[:100]!r}: expected a pattern such as v1.*, with {_MOST_WILDCARDS} wildcards at most"
        )
    return text


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name matches one of some patterns, as a whole. Without a pattern each name does.

    >>> list(filter(matcher(["v1.*"]), ["v1.0", "xv1.0", "v2"]))
    ['v1.0']
    """
    compiled = [re.compile(translate(pattern)) for pattern in patterns]
    return lambda name: not compiled or any(one.match(name) is not None for one in compiled)


def is_pattern(text: str) -> bool:
    """Whether a text has wildcards."""
    return any(one in text for one in "*?[")


def aged(options: Any, updated: Callable[[T], datetime], now: Callable[[], datetime]) -> Callable[[T], bool]:
    """Whether an item is as old as `--older-than` and `--newer-than` say.

    Args:
        options: of the command line.
        updated: when an item was updated.
        now: the time of the registry's clock, which is known once it has answered.
    """

    def fits(item: T) -> bool:
        moment = updated(item)
        age = now() - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if options.older_than is not None and age <= options.older_than:
            return False
        return options.newer_than is None or age < options.newer_than

    return fits


def limited(items: Iterable[T], most: int | None) -> Iterator[T]:
    """The first items, as `--limit` says."""
    return iter(items) if most is None else islice(items, most)

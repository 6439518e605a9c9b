"""Counts what was compared, for the lines at the end of the test run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

Direction = str

_files: Final[Counter[Direction]] = Counter()
_entries: Final[dict[Direction, Counter[str]]] = {}


def add(direction: Direction, **entries: int) -> None:
    """Count a file of one direction, and its entries by what became of them."""
    _files[direction] += 1
    _entries.setdefault(direction, Counter()).update(entries)


def lines(of: int) -> Iterator[str]:
    """A line for each direction, out of so many files."""
    for direction, count in sorted(_files.items()):
        parts = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in _entries[direction].items())
        yield f"{direction}: {count} of {of} files; entries: {parts}"

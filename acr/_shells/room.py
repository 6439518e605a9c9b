"""Room: which task of a gather may begin next. Small ones are bounded by their number, large ones by memory as well."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from acr._core.runtime import MOST_LARGE, Lines

SMALL: Final = 1024 * 1024
"""Bytes up to which a task counts as small."""

_HELD: Final = 8 * 1024 * 1024
"""Bytes that a large task has in memory at the most, whatever it moves."""


class Room:
    """The tasks of one gather that have not begun, and the room for those that run.

    Args:
        limit: how many run at a time, at the most.
        count: how many there are.
        width: how many of the limit run at a time at present; None for all.
        sizes: bytes that each moves; None if all are small.
        large: how many of the largest have room in memory at the same time.
        lines: connections that they share with other tasks; None if they need not share any.
    """

    def __init__(
        self,
        limit: int,
        count: int,
        width: Callable[[int], int] | None = None,
        sizes: Sequence[int] | None = None,
        large: int = MOST_LARGE,
        lines: Lines | None = None,
    ) -> None:
        self._limit = limit
        self._most_held = large * _HELD
        self._width = width
        self._lines = lines
        self._held = {
            index: min(size, _HELD) for index, size in enumerate(() if sizes is None else sizes) if size > SMALL
        }
        self._large = deque(self._held)
        self._small = deque(index for index in range(count) if index not in self._held)
        self._running = 0
        self._in_memory = 0

    @property
    def is_empty(self) -> bool:
        """Whether all tasks have begun."""
        return not (self._large or self._small)

    def begin(self) -> int | None:
        """The number of a task to begin now; None if none may. Large ones go first, as they take longest."""
        if self._running >= (self._limit if self._width is None else self._width(self._limit)):
            return None
        takes_large = bool(self._large) and self._fits(self._held[self._large[0]])
        if not (takes_large or self._small):
            return None
        if self._lines is not None and not self._lines.take(must=not self._running):
            return None
        index = (self._large if takes_large else self._small).popleft()
        self._in_memory += self._held.get(index, 0)
        self._running += 1
        return index

    def end(self, index: int) -> None:
        """A task has ended."""
        self._running -= 1
        if self._lines is not None:
            self._lines.give_back()
        self._in_memory -= self._held.get(index, 0)

    def _fits(self, size: int) -> bool:
        return not self._in_memory or self._in_memory + size <= self._most_held

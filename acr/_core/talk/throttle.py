"""Throttle: less at once while a registry asks for it, and more again while it answers."""

from __future__ import annotations

from typing import Final

_WHOLE: Final = 16
"""Parts that the whole width is counted in."""

_GOOD: Final = 16
"""Answers in a row that widen it by one part."""

_REFUSALS: Final = frozenset({429, 503})


class Throttle:
    """How much of what a caller allows goes at once. All calls of a client share one, in all their threads.

    It counts answers, and needs no clock: how long to wait is what the retries know. A count that two threads write at
    the same time may be lost, which does no harm.
    """

    def __init__(self) -> None:
        self.era: int = 0
        self._parts = _WHOLE
        self._good = 0

    def width(self, limit: int) -> int:
        """How many of `limit` may go at once, at least 1."""
        return max(1, limit * self._parts // _WHOLE)

    def note(self, era: int, status: int) -> None:
        """Take note of an answer.

        Args:
            era: what `era` was when the request went out. The refusals of all that were under way together are one:
                none of them can know that there are fewer now.
            status: the HTTP status.
        """
        if era != self.era:
            return
        if status in _REFUSALS:
            self.era += 1
            self._parts = max(1, self._parts // 2)
            self._good = 0
        elif self._parts < _WHOLE:
            self._good += 1
            if self._good == _GOOD:
                self._parts += 1
                self._good = 0

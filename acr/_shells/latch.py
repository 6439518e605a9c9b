"""A latch: something that happens once, and that threads wait for, also if a Ctrl-C comes in the middle of it."""

from __future__ import annotations

import threading
from typing import Final

_LOOKS_UP: Final = 0.2
"""Seconds that a thread waits for others at a time: a Ctrl-C that comes just before a wait does not end it."""


class Latch:
    """Something that happens once, and that threads wait for. An Event may stay locked after a Ctrl-C in the middle.

    Only one thread at a time may set it.
    """

    def __init__(self) -> None:
        self.is_set: bool = False
        self._shut = threading.Lock()  # until it is set
        self._shut.acquire()

    def set(self) -> None:
        """It has happened."""
        if not self.is_set:
            self.is_set = True
            self._shut.release()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has happened, at most so long. Returns whether it has."""
        if seconds is not None:
            self._look(min(max(0, seconds), threading.TIMEOUT_MAX))
        while seconds is None and not self.is_set:
            self._look(_LOOKS_UP)
        return self.is_set

    def _look(self, seconds: float) -> None:
        if self._shut.acquire(timeout=seconds):
            self._shut.release()  # for the next one who waits

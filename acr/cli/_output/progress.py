"""Progress: one line on a terminal that says what moves, how fast, and how long it still takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import ceil
from types import TracebackType
from typing import Final, Self

import acr
from acr.cli._output.rows import size_of
from acr.cli._output.terminal import Terminal, shortened

_EVERY: Final = 0.1
"""Seconds between two lines."""

_WINDOW: Final = 5.0
"""Seconds over which the speed is taken."""


class Progress:
    """A callback for the events of a transfer. In sync code they come from several threads.

    Args:
        terminal: where to draw.
        enabled: whether to draw.
        clock: seconds that only go forward.
    """

    def __init__(self, terminal: Terminal, *, enabled: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._enabled = enabled
        self._clock = clock
        self._lock = threading.Lock()
        self._items: dict[acr.Item, int] = {}  # bytes that have moved
        self._open: set[acr.Item] = set()
        self._marks: list[tuple[float, int]] = []
        self._shown = 0.0
        self.moved = 0
        self.skipped = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clear()

    def __call__(self, event: acr.ProgressEvent) -> None:
        """Take an event of the client."""
        with self._lock:
            self._count(event)
            if self._enabled and self._items:
                self._draw()

    def _count(self, event: acr.ProgressEvent) -> None:
        item = event.item
        if isinstance(event, acr.Started):
            self._items[item] = event.offset
            self._open.add(item)
        elif isinstance(event, acr.Moved):
            self._items[item] = self._items.get(item, 0) + event.count
            self.moved += event.count
        elif isinstance(event, acr.Retried):
            self.moved -= max(0, self._items.get(item, 0) - event.offset)
            self._items[item] = event.offset
        elif isinstance(event, acr.Done):
            self._open.discard(item)
        else:
            self.skipped += 1
            self._open.discard(item)

    def _draw(self) -> None:
        now = self._clock()
        if now - self._shown < _EVERY and self._marks:
            return
        self._shown = now
        self._marks = [mark for mark in self._marks if now - mark[0] <= _WINDOW] + [(now, self.moved)]
        line = shortened(acr.printable(self._line()), self._terminal.width - 1)
        self._terminal.say(f"\r\x1b[2K{line}", end="")

    def _line(self) -> str:
        moving = [item for item in self._items if item in self._open]
        done = sum(self._items.values())
        total = sum(max(item.size or 0, moved) for item, moved in self._items.items())
        (first, before), (last, moved) = self._marks[0], self._marks[-1]
        speed = (moved - before) / (last - first) if last > first else 0.0
        parts = [f"{len(self._items) - len(moving)}/{len(self._items)} blobs", f"{size_of(done)} of {size_of(total)}"]
        if speed > 0:
            left = ceil((total - done) / speed)
            parts += [f"{size_of(int(speed))}/s", f"{left // 60}:{left % 60:02} left"]
        if moving:
            parts.append(moving[-1].name)
        return "  ".join(parts)

    def _clear(self) -> None:
        with self._lock:
            if self._enabled and self._marks:
                self._terminal.say("\r\x1b[2K", end="")
            self._enabled = False

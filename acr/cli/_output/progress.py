"""Progress: one line on a terminal that says what moves, how long it still takes, and how fast.

What matters most comes first: on a narrow terminal the end is left out, and bytes are a percentage.
"""

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
from acr.cli._output.words import counted

_EVERY: Final = 0.1
"""Seconds between two lines."""

_WINDOW: Final = 5.0
"""Seconds over which the speed is taken."""


class _Line:
    """A line that is drawn over itself, and is gone after the `with` statement. Events come from several threads.

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
        self._marks: list[tuple[float, int]] = []
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            if self._enabled and self._marks:
                self._terminal.say("\r\x1b[2K", end="")
            self._enabled = False

    def _draw(self, done: int, line: Callable[[], str]) -> None:
        """Draw the line anew, if it is time. `done` counts what moves, and only grows."""
        now = self._clock()
        if not self._enabled or (now - self._shown < _EVERY and self._marks):
            return
        self._shown = now
        self._marks = [mark for mark in self._marks if now - mark[0] <= _WINDOW] + [(now, done)]
        shown = shortened(acr.printable(line()), self._terminal.width - 1)
        self._terminal.say(f"\r\x1b[2K{shown}", end="")

    @property
    def _speed(self) -> float:
        """How much was done in a second, lately; 0 if nobody knows yet."""
        (first, before), (last, done) = self._marks[0], self._marks[-1]
        return (done - before) / (last - first) if last > first else 0.0


class Progress(_Line):
    """A callback for the events of a transfer.

    Args:
        terminal: where to draw.
        enabled: whether to draw.
        clock: seconds that only go forward.
    """

    def __init__(self, terminal: Terminal, *, enabled: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(terminal, enabled=enabled, clock=clock)
        self._items: dict[acr.Item, int] = {}  # bytes that have moved
        self._open: set[acr.Item] = set()
        self.moved = 0
        self._skips = False
        self._mounts = False

    @property
    def nothing_moved(self) -> str | None:
        """That all was there already, if it was. Manifests count as well, so there is no number of blobs to tell."""
        is_all_there = self._skips and not (self._mounts or self._items)
        return "all of it was there already" if is_all_there else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if error is None and (said := self.nothing_moved) is not None:
            self._terminal.note(f"nothing was moved: {said}")

    def __call__(self, event: acr.ProgressEvent) -> None:
        """Take an event of the client."""
        with self._lock:
            self._count(event)
            if self._items:
                self._draw(self.moved, self._line)

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
            self._skips |= isinstance(event, acr.Skipped)
            self._mounts |= isinstance(event, acr.Mounted)
            self._open.discard(item)

    def _line(self) -> str:
        moving = [item for item in self._items if item in self._open]
        done = sum(self._items.values())
        total = sum(max(item.size or 0, moved) for item, moved in self._items.items())
        parts = [f"{size_of(done)} of {size_of(total)}"]
        if (speed := self._speed) > 0:
            parts += [_left((total - done) / speed), f"{size_of(int(speed))}/s"]
        if len("  ".join(parts)) >= self._terminal.width:
            parts[0] = f"{100 * done // (total or 1)}%"  # so that time and speed have room
        parts.append(f"{len(self._items) - len(moving):,}/{counted(len(self._items), 'blob')}")
        if moving:
            parts.append(moving[-1].name)
        return "  ".join(parts)


class Reading(_Line):
    """A callback for the reading of an inventory, and one for what is done item by item."""

    def __call__(self, event: acr.InventoryProgress) -> None:
        """Take an event of the client."""
        with self._lock:
            self._draw(event.requests, lambda: _of_inventory(event))

    def counted(self, what: str) -> Callable[[int, int], None]:
        """A callback that gets how many items are done, and how many there are.

        Args:
            what: the items, such as `blobs`.
        """

        def take(done: int, total: int) -> None:
            def line() -> str:
                left = [_left((total - done) / self._speed)] if self._speed > 0 else []
                return "  ".join([f"{done:,}/{total:,} {what}", *left])

            with self._lock:
                self._draw(done, line)

        return take


def _of_inventory(event: acr.InventoryProgress) -> str:
    left = [] if event.seconds_left is None else [_left(event.seconds_left)]
    numbers = [counted(event.manifests, "manifest"), counted(event.requests, "request")]
    done = f"{event.repositories_done:,}/{counted(event.repositories, 'repository')}"
    return "  ".join([done, *left, *numbers])


def _left(seconds: float) -> str:
    """How long it still takes.

    >>> _left(61.2)
    '1:02 left'
    """
    whole = ceil(seconds)
    return f"{whole // 60}:{whole % 60:02} left"

"""Pools: the blocking shell's connections to one place, each for one request at a time.

httpcore's pool has a lock that each of its requests takes. In a child process that lock may be held for ever, by a
thread that only the parent has; and an answer that was open at the fork could not even be closed. Here each connection
is one of httpcore's own, whose lock only the request that has it takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

import httpcore

from acr._shells.http import KEPT


class Way(Protocol):
    """A way to a place, for one request at a time."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Pool:
    """Connections to one place.

    Args:
        make: makes one.
        limit: of them.
        clock: seconds that only go forward.
    """

    def __init__(self, make: Callable[[], Way], limit: int, clock: Callable[[], float]) -> None:
        self._make = make
        self._limit = limit
        # One item for each connection that may be made or taken. A Ctrl-C in the middle of Python's own Semaphore would
        # leave it locked.
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._room.put(None)
        self._clock = clock
        self._idle: deque[tuple[float, Way]] = deque()
        self._ways: set[Way] = set()
        self._closed = False
        self._left = False

    def take(self, timeout: float | None) -> Way:
        """A way for one request, the one that was given back last.

        Args:
            timeout: seconds to wait until one is free.

        Raises:
            httpcore.PoolTimeout: none was.
        """
        try:
            self._room.get(timeout=timeout)
        except Empty:
            raise httpcore.PoolTimeout(f"all {self._limit} connections to this place are in use") from None
        try:
            try:
                return self._idle.pop()[1]
            except IndexError:
                way = self._make()
                self._ways.add(way)
                return way
        except BaseException:
            self._room.put(None)
            raise

    def give_back(self, way: Way, *, is_well: bool) -> None:
        """Its request is over.

        Args:
            way: the way.
            is_well: whether its answer was closed. If the request failed, or Ctrl-C came while the answer was closed,
                nobody knows whether the way takes another request.
        """
        if self._left:
            return
        now = self._clock()
        if self._closed or not is_well:
            self._end(way)
        else:
            self._idle.append((now, way))
        self._room.put(None)
        with suppress(IndexError):  # another thread took the last one just now
            if now - self._idle[0][0] > KEPT:
                self._end(self._idle.popleft()[1])

    def close(self) -> None:
        """Close all, also those that are in use."""
        self._closed = True
        for way in list(self._ways):
            way.close()

    def leave(self) -> None:
        """Leave all to the parent process. In this one their sockets were closed, and none of their locks is taken."""
        self._left = True

    def _end(self, way: Way) -> None:
        self._ways.discard(way)
        way.close()

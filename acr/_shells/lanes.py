"""Lanes: the async shell's connections, each for one request at a time.

httpcore's pool goes through all its requests and connections whenever one begins or ends: with 64 at once that takes
71 % of the time. A lane has nothing to look through.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import httpcore

from acr._shells.http import KEPT


class Lane(Protocol):
    """A way to a place, for one request at a time."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class Lanes:
    """Connections to one place.

    Args:
        make: makes one.
        limit: of them.
        clock: seconds that only go forward.
    """

    def __init__(self, make: Callable[[], Lane], limit: int, clock: Callable[[], float]) -> None:
        self._make = make
        self._limit = limit
        self._room = asyncio.Semaphore(limit)
        self._clock = clock
        self._idle: deque[tuple[float, Lane]] = deque()
        self._closed = False

    async def take(self, timeout: float | None) -> Lane:  # noqa: ASYNC109 - as httpcore calls it
        """A way for one request, the one that was given back last.

        Args:
            timeout: seconds to wait until one is free.

        Raises:
            httpcore.PoolTimeout: none was.
        """
        if self._room.locked():
            try:
                async with asyncio.timeout(timeout):
                    await self._room.acquire()
            except TimeoutError:
                raise httpcore.PoolTimeout(f"all {self._limit} connections to this place are in use") from None
        else:
            await self._room.acquire()  # at once
        try:
            return self._idle.pop()[1] if self._idle else self._make()
        except BaseException:
            self._room.release()
            raise

    async def give_back(self, lane: Lane, is_well: bool) -> None:
        """Its request is over.

        Args:
            lane: the way.
            is_well: whether its answer was closed. If the request failed, or its task was cancelled while it closed the
                answer, nobody knows whether the way takes another request: httpcore's, through a proxy, may not.
        """
        if self._closed or not is_well:
            self._room.release()
            await lane.aclose()
            return
        now = self._clock()
        self._idle.append((now, lane))
        self._room.release()
        if now - self._idle[0][0] > KEPT:
            _, stale = self._idle.popleft()
            await stale.aclose()

    async def aclose(self) -> None:
        """Close all that are not in use; the others when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[1].aclose()

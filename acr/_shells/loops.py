"""Loops: what belongs to one event loop of asyncio, and is of no use in another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import sniffio

from acr._shells.lanes import Lanes
from acr._values.reference import Endpoint
from acr.errors import InvalidInput


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of asyncio that runs here.

    Raises:
        InvalidInput: there is none.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    try:
        other = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        how = "call AsyncRegistry in a coroutine that asyncio.run runs, or use Registry"
        raise InvalidInput(f"no event loop of asyncio runs here: {how}") from None
    raise InvalidInput(f"AsyncRegistry works on asyncio, not on {other}: use Registry, in a thread of {other}'s")


class Home:
    """What a client has in one event loop: its connections, by place."""

    def __init__(self) -> None:
        self._lanes: dict[Endpoint, Lanes] = {}
        self._guard: AsyncGenerator[None, None] | None = None

    async def lanes_to(self, place: Endpoint, make: Callable[[], Lanes]) -> Lanes:
        """The connections to a place, made by `make` the first time."""
        lanes = self._lanes.get(place)
        if lanes is None:
            lanes = self._lanes[place] = make()
        if self._guard is None:
            self._guard = _until_the_end(self._lanes)
            await anext(self._guard)
        return lanes

    async def aclose(self) -> None:
        """Close all connections."""
        if self._guard is not None:
            await self._guard.aclose()


async def _until_the_end(lanes: dict[Endpoint, Lanes]) -> AsyncGenerator[None, None]:
    """Close connections when the event loop ends: asyncio.run closes an async generator that still waits then."""
    try:
        yield
    finally:
        for one in list(lanes.values()):
            await one.aclose()


class Homes:
    """What a client has in each event loop."""

    def __init__(self) -> None:
        self._homes: dict[asyncio.AbstractEventLoop, Home] = {}

    def here(self) -> Home:
        """What it has in the loop that runs here.

        Raises:
            InvalidInput: none runs here.
        """
        loop = running_loop()
        home = self._homes.get(loop)
        if home is None:
            for other in [other for other in list(self._homes) if other.is_closed()]:
                self._homes.pop(other, None)  # dropped as it is: nobody is left who could close a connection of it
            home = self._homes[loop] = Home()
        return home

    def find(self) -> Home | None:
        """The same; None if no loop runs here. Then nothing was sent from here either."""
        try:
            return self.here()
        except InvalidInput:
            return None

"""One fetches, the others wait and share; and whoever comes later fetches anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from acr._core.talk.flight import Flight
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.http import Network
from acr._values.options import Timeouts
from acr.errors import AcrError, CredentialError


class Fetching:
    """Something that takes a while to fetch, and may fail."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.count = 0

    async def __call__(self) -> int:
        self.count += 1
        count = self.count
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return count


def flying(test: Callable[[Flight[int]], Awaitable[None]]) -> None:
    async def fly() -> None:
        await test(Flight(AsyncioRuntime(Network(timeouts=Timeouts()))))

    asyncio.run(fly())


def test_those_who_wait_share_what_one_fetches() -> None:
    async def test(flight: Flight[int]) -> None:
        fetch = Fetching()
        assert await asyncio.gather(*(flight.join("key", fetch) for _ in range(5))) == [1] * 5
        assert await flight.join("key", fetch) == 2
        assert await asyncio.gather(*(flight.join("key", fetch) for _ in range(5))) == [3] * 5

    flying(test)


def test_those_who_wait_share_a_failure_of_ours_each_with_an_error_of_its_own() -> None:
    async def test(flight: Flight[int]) -> None:
        fetch = Fetching(CredentialError("refused"))
        waiting = [flight.join("key", fetch) for _ in range(3)]
        failed: list[int | BaseException] = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in failed] == ["refused"] * 3
        assert len({id(error) for error in failed}) == 3
        assert fetch.count == 1
        fetch.error = None
        assert await flight.join("key", fetch) == 2

    flying(test)


def test_any_other_failure_is_of_the_one_alone() -> None:
    """Such as a cancelled task: it says nothing about what the others want."""

    async def test(flight: Flight[int]) -> None:
        fetch = Fetching(asyncio.CancelledError())
        first, second = (asyncio.ensure_future(flight.join("key", fetch)) for _ in range(2))
        with pytest.raises(asyncio.CancelledError):
            await first
        fetch.error = None
        assert await second == 2

    flying(test)


def test_each_key_is_a_flight_of_its_own() -> None:
    async def test(flight: Flight[int]) -> None:
        fetch = Fetching()
        assert await asyncio.gather(*(flight.join(key, fetch) for key in "abc")) == [1, 2, 3]
        with pytest.raises(AcrError, match="refused"):
            await flight.join("d", Fetching(CredentialError("refused")))

    flying(test)


def test_a_key_that_is_forgotten_is_not_kept() -> None:
    async def test(flight: Flight[int]) -> None:
        for key in "ab":
            await flight.join(key, Fetching())
        flight.forget("a")
        flight.forget("never seen")
        assert [key for states in flight._homes.values() for key in states] == ["b"]

    flying(test)

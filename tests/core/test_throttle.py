"""A client that is told to slow down does so, and comes back to its pace by and by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from acr._core.runtime import Runtime
from acr._core.talk.throttle import Throttle
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.blocking import BlockingRuntime, run
from acr._shells.http import Network
from acr._values.options import Timeouts
from tests.patience import PATIENCE


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_halves_the_width_down_to_one(status: int) -> None:
    throttle = Throttle()
    widths = [throttle.width(8)]
    for _ in range(5):
        throttle.note(throttle.era, status)
        widths.append(throttle.width(8))
    assert widths == [8, 4, 2, 1, 1, 1]


def test_refusals_of_what_was_under_way_together_count_once() -> None:
    throttle = Throttle()
    era = throttle.era
    for _ in range(4):
        throttle.note(era, 429)
    assert throttle.width(16) == 8
    throttle.note(era, 429)
    assert throttle.width(16) == 8


@pytest.mark.parametrize("status", [200, 404, 500, 401])
def test_answers_widen_it_again_slowly_up_to_the_whole(status: int) -> None:
    throttle = Throttle()
    throttle.note(throttle.era, 429)
    for _ in range(15):
        throttle.note(throttle.era, status)
    assert throttle.width(16) == 8
    throttle.note(throttle.era, status)
    assert throttle.width(16) == 9
    for _ in range(16 * 20):
        throttle.note(throttle.era, status)
    assert throttle.width(16) == 16


def test_a_refusal_begins_the_count_anew() -> None:
    throttle = Throttle()
    throttle.note(throttle.era, 429)
    for _ in range(15):
        throttle.note(throttle.era, 200)
    throttle.note(throttle.era, 429)
    throttle.note(throttle.era, 200)
    assert throttle.width(16) == 4


@pytest.fixture(params=["sync", "async"])
def gather(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """The `gather` of both shells."""

    def gathered(limit: int, tasks: list[Callable[[Runtime], Awaitable[Any]]], **options: Any) -> list[Any]:
        network = Network(timeouts=Timeouts(), proxy=None, ssl_context=None)
        if request.param == "sync":
            blocking = BlockingRuntime(network)
            return run(blocking.gather(limit, [partial(task, blocking) for task in tasks], **options))

        async def body() -> list[Any]:
            runtime = AsyncioRuntime(network)
            try:
                return await runtime.gather(limit, [partial(task, runtime) for task in tasks], **options)
            finally:
                await runtime.aclose()

        return asyncio.run(body())

    return gathered


class Crowd:
    """Counts how many are in it at the same time. Whoever comes waits until as many are in it as there should be."""

    def __init__(self, *together: int) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._together = [full for count in together for full in [threading.Barrier(count)] * count]
        self.seen: list[int] = []

    async def visit(self, runtime: Runtime) -> None:
        with self._lock:
            full = self._together[len(self.seen)]
            self._inside += 1
            self.seen.append(self._inside)
        await runtime.blocking(full.wait, PATIENCE)
        with self._lock:
            self._inside -= 1


def test_no_more_than_the_limit_go_at_once(gather: Callable[..., list[Any]]) -> None:
    crowd = Crowd(3, 3, 3, 3)
    assert len(gather(3, [crowd.visit] * 12)) == 12
    assert max(crowd.seen) == 3


def test_the_width_is_asked_for_while_they_run(gather: Callable[..., list[Any]]) -> None:
    """Down to one, then up again: those that were held back go on."""
    crowd = Crowd(4, 1, 1, 1, 1, 4, 4, 4)

    def width(limit: int) -> int:
        return 1 if 4 <= len(crowd.seen) < 8 else limit

    assert len(gather(4, [crowd.visit] * 20, width=width)) == 20
    assert len(crowd.seen) == 20
    assert crowd.seen[4:8] == [1, 1, 1, 1]
    assert max(crowd.seen[8:]) == 4


def test_results_come_in_order_whoever_is_first(gather: Callable[..., list[Any]]) -> None:
    """Of each four that go at once, the last ends first."""
    ended = [threading.Event() for _ in range(8)]

    def waits(number: int) -> Callable[[Runtime], Awaitable[int]]:
        async def task(runtime: Runtime) -> int:
            if number % 4 < 3:
                assert await runtime.blocking(ended[number + 1].wait, PATIENCE)
            ended[number].set()
            return number

        return task

    assert gather(4, [waits(number) for number in range(8)]) == list(range(8))


def test_the_first_failure_keeps_the_rest_from_beginning(gather: Callable[..., list[Any]]) -> None:
    together = threading.Barrier(2)
    begun = []

    async def fails(runtime: Runtime) -> None:
        begun.append(1)
        await runtime.blocking(together.wait, PATIENCE)
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        gather(2, [fails] * 10)
    assert len(begun) == 2

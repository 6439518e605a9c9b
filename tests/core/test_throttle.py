"""A client that is told to slow down does so, and comes back to its pace by and by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from acr._core.runtime import Runtime
from acr._core.talk.throttle import Throttle, Throttles
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import run
from acr._values.options import Timeouts
from acr._values.reference import Endpoint
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


MIB = 1024 * 1024


def test_of_large_tasks_fewer_go_at_once(gather: Callable[..., list[Any]]) -> None:
    """Eight at a time, whatever their size is, and small ones beside them."""
    crowd = Crowd(8, 8)
    assert len(gather(16, [crowd.visit] * 16, sizes=[1024 * MIB] * 16)) == 16
    assert max(crowd.seen) == 8
    beside = Crowd(16)
    assert len(gather(16, [beside.visit] * 16, sizes=[64 * MIB] * 8 + [MIB] * 8)) == 16


def test_tasks_of_a_middle_size_go_by_what_they_have_in_memory(gather: Callable[..., list[Any]]) -> None:
    crowd = Crowd(16, 16)
    assert len(gather(32, [crowd.visit] * 32, sizes=[4 * MIB] * 32)) == 32
    assert max(crowd.seen) == 16


def test_large_tasks_begin_first_and_results_come_in_order(gather: Callable[..., list[Any]]) -> None:
    begun: list[int] = []

    def task(number: int) -> Callable[[Runtime], Awaitable[int]]:
        async def noted(runtime: Runtime) -> int:
            begun.append(number)
            return number

        return noted

    sizes = [0, 9 * MIB, 1, 8 * MIB]
    assert gather(1, [task(number) for number in range(4)], sizes=sizes) == [0, 1, 2, 3]
    assert begun == [1, 3, 0, 2]


def test_one_task_goes_whatever_its_size_is(gather: Callable[..., list[Any]]) -> None:
    crowd = Crowd(1, 1)
    assert len(gather(1, [crowd.visit] * 2, sizes=[2**60] * 2)) == 2


def test_the_failure_of_the_first_task_is_told_though_another_failed_before(gather: Callable[..., list[Any]]) -> None:
    failed = threading.Event()

    async def late(runtime: Runtime) -> None:
        await runtime.blocking(failed.wait, PATIENCE)
        raise ValueError("the first")

    async def early(runtime: Runtime) -> None:
        failed.set()
        raise ValueError("the second")

    with pytest.raises(ValueError, match="the"):
        gather(2, [late, early])


def test_each_host_has_a_throttle_of_its_own() -> None:
    registry, one, other = map(Endpoint.parse, ("r.azurecr.io", "one.example", "other.example"))
    throttles = Throttles()
    for store in (one, other):
        throttles.leads_to(store)
    stores = [throttles.of(place, is_home=False) for place in (one, other)]
    stores[0].note(0, 503)
    assert (throttles.width(16), throttles.reading(16)) == (16, 8)
    stores[1].note(0, 429)
    stores[1].note(1, 429)
    assert (throttles.width(16), throttles.reading(16)) == (16, 4)
    home = throttles.of(registry, is_home=True)
    for _ in range(3):
        home.note(home.era, 429)
    assert (throttles.width(16), throttles.reading(16)) == (2, 2)


def test_another_host_that_has_no_blobs_narrows_nothing() -> None:
    throttles = Throttles()
    throttles.of(Endpoint.parse("tokens.example"), is_home=False).note(0, 429)
    assert (throttles.width(16), throttles.reading(16)) == (16, 16)


def test_a_registry_that_leads_to_ever_other_hosts_is_not_remembered_without_end() -> None:
    throttles = Throttles()
    for number in range(1000):
        place = Endpoint.parse(f"s{number}.example")
        throttles.leads_to(place)
        throttles.of(place, is_home=False).note(0, 503)
    assert len(throttles._stores) == 64

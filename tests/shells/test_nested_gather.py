"""A gather within a task of another one, in threads: what stops the outer one stops the inner one."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from acr._core.runtime import Lines
from acr._shells.blocking import BlockingRuntime
from acr._shells.gathering import GATHERING
from acr._shells.http import Network
from acr._shells.room import Room
from acr._shells.stepping import run
from acr._values.options import Timeouts
from tests.patience import PATIENCE


def task(function: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def call() -> object:
        return function()

    return call


def test_a_failure_outside_ends_what_goes_on_inside() -> None:
    runtime = BlockingRuntime(Network(timeouts=Timeouts()))
    inside = threading.Barrier(3)
    begun: list[int] = []

    async def inner(number: int) -> None:
        begun.append(number)
        if number < 2:
            inside.wait(10)
        await runtime.sleep(60)

    async def nested() -> None:
        await runtime.gather(2, [partial(inner, number) for number in range(4)])

    def fails() -> None:
        inside.wait(10)
        raise ValueError("outside")

    with pytest.raises(ValueError, match="outside"):
        run(runtime.gather(2, [nested, task(fails)]))
    assert sorted(begun) == [0, 1]


def test_a_gather_that_begins_after_the_outer_one_was_stopped_ends_at_once() -> None:
    """It had waited for ever: its first thread found nothing to do, and told nobody."""
    runtime = BlockingRuntime(Network(timeouts=Timeouts()))
    is_stopped = threading.Event()
    done: list[object] = []

    async def nested() -> None:
        stop = GATHERING.stop
        assert stop is not None
        is_stopped.set()
        assert stop.wait(PATIENCE)
        await runtime.gather(2, [task(lambda: done.append(1))] * 3)
        done.append("went on")

    def fails() -> None:
        assert is_stopped.wait(PATIENCE)
        raise ValueError("outside")

    ended = threading.Event()

    def all_of_it() -> None:
        with pytest.raises(ValueError, match="outside"):
            run(runtime.gather(2, [nested, task(fails)]))
        ended.set()

    threading.Thread(target=all_of_it, daemon=True).start()
    assert ended.wait(PATIENCE)
    assert done == []


def test_tasks_share_lines_and_one_of_them_always_goes() -> None:
    lines = Lines(3)
    outer, inner = Room(8, 8, lines=lines), Room(8, 8, lines=Lines(8, lines))
    assert [outer.begin() for _ in range(4)] == [0, 1, 2, None]
    assert [inner.begin(), inner.begin()] == [0, None]  # the first one has the connection of its own task
    assert lines.free == 0
    outer.end(1)
    assert (inner.begin(), inner.begin(), outer.begin()) == (1, None, None)
    inner.end(0)
    assert (outer.begin(), lines.free) == (3, 0)
    inner.end(1)
    assert (inner.begin(), inner.begin()) == (2, None)
    assert Room(1, 1, lines=lines).begin() == 0  # all are used, but nobody else would ever wake it


def test_what_is_taken_has_room_everywhere() -> None:
    call, client = Lines(4), Lines(3)
    one, other = Lines(4, call, client), Lines(4, call, client)
    assert [one.take() for _ in range(5)] == [True, True, True, True, False]  # its own, and three of the client's
    assert [other.take(), other.take()] == [True, False]
    assert (one.free, other.free, call.free, client.free) == (0, 0, 1, 0)
    one.give_back()
    assert other.take()
    assert (call.free, client.free) == (1, 0)
    for _ in range(3):
        one.give_back()
    for _ in range(2):
        other.give_back()
    assert (call.free, client.free) == (4, 3)

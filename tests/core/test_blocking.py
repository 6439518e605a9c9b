"""The blocking shell steps the core's coroutines to their end, without an event loop."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from functools import partial
from types import FrameType

import pytest

from acr._core.runtime import Outgoing
from acr._shells.blocking import BlockingRuntime
from acr._shells.gathering import GATHERING, Stop, gathered
from acr._shells.http import Network
from acr._shells.room import Room
from acr._shells.stepping import run
from acr._values.options import Timeouts
from acr._values.reference import Endpoint
from tests.interruptions import Interrupted
from tests.patience import PATIENCE


class Ready(Awaitable[int]):
    """Something to be awaited that is no coroutine."""

    def __await__(self) -> Generator[None, None, int]:
        return 7
        yield


def test_what_can_be_awaited_is_stepped_to_its_end() -> None:
    assert run(Ready()) == 7


def test_a_core_that_suspends_would_be_a_fault_of_ours_and_does_not_hang() -> None:
    with pytest.raises(RuntimeError, match="suspended on the blocking runtime"):
        run(asyncio.sleep(0))


def test_what_is_done_to_the_end_is_not_stopped_by_a_failure_elsewhere() -> None:
    runtime = BlockingRuntime(Network(timeouts=Timeouts()))
    begun = threading.Event()
    done: list[str] = []

    async def clean_up(stopped: Stop) -> None:
        begun.set()
        assert stopped.wait(5)
        await runtime.blocking(done.append, "cleaned up")

    async def careful() -> None:
        assert GATHERING.stop is not None
        await runtime.to_the_end(partial(clean_up, GATHERING.stop))
        done.append("returned")
        await runtime.blocking(done.append, "gone on")

    async def failing() -> None:
        begun.wait(5)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(runtime.gather(2, [careful, failing]))
    assert done == ["cleaned up", "returned"]


@pytest.mark.parametrize("step", ["send", "sleep", "blocking", "result"])
def test_whatever_a_task_does_next_it_does_not_after_a_failure_elsewhere(step: str) -> None:
    """Also a task that is between two requests."""
    slept: list[float] = []
    runtime = BlockingRuntime(Network(timeouts=Timeouts()), sleep=slept.append)
    begun = threading.Event()
    done: list[object] = []

    async def gone_on() -> None:
        begun.set()
        assert GATHERING.stop is not None
        assert GATHERING.stop.wait(PATIENCE)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "send": partial(runtime.send, Outgoing("GET", Endpoint.parse("http://127.0.0.1:1"), "/v2/", {}, None)),
            "sleep": partial(runtime.sleep, 1),
            "blocking": lambda: runtime.blocking(done.append, "blocking"),
            "result": lambda: runtime.result(finished),
        }
        done.append(await steps[step]())

    async def failing() -> None:
        assert begun.wait(PATIENCE)
        raise LookupError("mine")

    finished: Future[int] = Future()
    finished.set_result(7)
    with pytest.raises(LookupError, match="mine"):
        run(runtime.gather(2, [gone_on, failing]))
    assert done == []


def gathers(frame: FrameType) -> bool:
    return frame.f_code is gathered.__code__


def test_a_gather_ends_wherever_it_is_interrupted() -> None:
    """It had waited for ever: the lock of an executor was taken, and nobody left to give it back."""
    begun, ended = [0], [0]

    def work() -> None:
        begun[0] += 1
        stop = GATHERING.stop
        assert stop is not None
        stop.wait(0)
        ended[0] += 1

    for number in itertools.count():
        begun[0] = ended[0] = 0
        interrupted = Interrupted(number, gathers)
        interrupted.run(lambda: gathered([work] * 4, Room(4, 4), 4))
        assert isinstance(interrupted.error, KeyboardInterrupt) == interrupted.was_reached
        assert begun == ended  # nothing goes on
        if not interrupted.was_reached:
            assert number > 20
            assert begun == [4]
            break


def test_a_gather_does_with_the_threads_that_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may allow so many processes and threads, and no more."""
    start = threading.Thread.start
    left = [2]

    def start_two(self: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    both = threading.Barrier(2)
    assert gathered([lambda: both.wait(PATIENCE) >= 0] * 6, Room(4, 6), 4) == [True] * 6
    assert left == [0]
    with pytest.raises(RuntimeError, match="new thread"):
        gathered([lambda: True] * 2, Room(2, 2), 2)

"""The blocking shell steps the core's coroutines to their end, without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from functools import partial

import pytest

from acr._core.runtime import Outgoing
from acr._shells.blocking import BlockingRuntime, run
from acr._shells.gathering import GATHERING, Stop
from acr._shells.http import Network
from acr._values.options import Timeouts
from acr._values.reference import Endpoint
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

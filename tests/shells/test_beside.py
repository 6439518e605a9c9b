"""A thread beside the network: what it is given is done, in order, and it ends."""

from __future__ import annotations

import asyncio
import gc
import itertools
import subprocess
import sys
import threading
import weakref
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.beside import Beside
from acr._shells.http import Network
from acr._values.options import Timeouts
from tests.interruptions import Interrupted
from tests.patience import PATIENCE, loop_turns, until, until_in_loop


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "acr-beside"]


def test_what_it_is_given_is_done_in_order_before_it_ends() -> None:
    done: list[int] = []
    with Beside() as thread:
        results = [thread.submit(done.append, number) for number in range(100)]
    assert done == list(range(100))
    assert [result.result() for result in results] == [None] * 100
    until(lambda: not names())


def test_an_error_is_that_of_its_result_and_the_next_is_done() -> None:
    with Beside() as thread:
        broken, whole = thread.submit(int, "x"), thread.submit(int, "7")
    with pytest.raises(ValueError, match="'x'"):
        broken.result()
    assert whole.result() == 7


def test_it_is_ended_twice_and_without_having_begun() -> None:
    with Beside() as thread:
        thread.submit(int)
        thread.shutdown(wait=False)
        thread.shutdown()
        with pytest.raises(RuntimeError, match="was ended"):
            thread.submit(int)
    until(lambda: not names())
    with Beside():
        assert not names()


def test_it_ends_with_who_forgets_it() -> None:
    Beside().submit(int).result()
    gc.collect()
    until(lambda: not names())


def test_what_was_given_cannot_be_cancelled_and_is_waited_for_so_long() -> None:
    may_end = threading.Event()
    with Beside() as thread:
        waits, waiting = thread.submit(may_end.wait, PATIENCE), thread.submit(int, "7")
        assert not waits.cancel()
        assert not waiting.cancel()
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0)
        assert not waiting.done()
        may_end.set()
    assert waiting.done()
    assert waiting.result(timeout=0) == 7


def test_threads_that_begin_at_once_have_one_thread() -> None:
    for _ in range(20):
        at_once = threading.Barrier(4)
        with Beside() as thread:

            def submit(at_once: threading.Barrier = at_once, thread: Beside = thread) -> None:
                at_once.wait(PATIENCE)
                thread.submit(threading.get_ident).result()

            asking = [threading.Thread(target=submit) for _ in range(4)]
            for one in asking:
                one.start()
            for one in asking:
                one.join()
            assert len(names()) == 1
        until(lambda: not names())


def test_what_failed_keeps_nothing_alive() -> None:
    class Block:
        def take(self) -> None:
            raise LookupError

    block = Block()
    known = weakref.ref(block)
    gc.disable()
    try:
        with Beside() as thread:
            result = thread.submit(block.take)
        with pytest.raises(LookupError):
            result.result()
        del block, result
        assert known() is None
    finally:
        gc.enable()


def test_what_fails_after_its_task_was_cancelled_is_no_news() -> None:
    """Asyncio told of it on standard error: nobody had taken the error."""

    async def main() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        runtime, may_fail = AsyncioRuntime(Network(timeouts=Timeouts())), threading.Event()

        def fails() -> None:
            may_fail.wait(PATIENCE)
            raise OSError("the disk is full")

        with runtime.thread() as thread:
            job = thread.submit(fails)
            waiting = asyncio.ensure_future(runtime.result(job))
            await loop_turns()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            may_fail.set()
            await until_in_loop(job.done)
            await loop_turns()
        await runtime.aclose()
        del waiting, job
        gc.collect()
        return told

    assert asyncio.run(main()) == []


def test_a_program_that_ends_does_first_what_was_given(tmp_path: Path) -> None:
    """Such as the removal of a file that is a user's, packed."""
    code = """
import sys, time
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.beside import Beside
from acr._shells.http import Network
from acr._values.options import Timeouts

def remove():
    time.sleep(0.1)
    open(sys.argv[1], "w").close()

ended, forgotten = Beside(), Beside()
ended.submit(remove)
ended.shutdown(wait=False)
forgotten.submit(int)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "done")], check=True, timeout=PATIENCE)
    assert (tmp_path / "done").exists()


def uses(frame: FrameType) -> bool:
    return frame.f_code is use.__code__


def use(done: list[int]) -> None:
    with Beside() as thread:
        first = thread.submit(done.append, 1)
        second = thread.submit(done.append, 2)
        first.done()
        second.result()
        first.result()
        thread.submit(done.append, 3).result()


def test_it_ends_wherever_it_is_interrupted() -> None:
    """With a ThreadPoolExecutor it waited for ever at some steps, and raised a RuntimeError of a lock at others."""
    left: list[tuple[list[int], int]] = []
    for number in itertools.count():
        done: list[int] = []
        interrupted = Interrupted(number, uses)
        interrupted.run(partial(use, done))
        assert isinstance(interrupted.error, KeyboardInterrupt) == interrupted.was_reached
        left.append((done, len(done)))
        if not interrupted.was_reached:
            assert number > 20
            assert done == [1, 2, 3]
            break
    gc.collect()
    until(lambda: not names())
    assert all(len(done) == count for done, count in left)  # nothing went on after it was left

"""A thread beside the network: what it is given is done, in order, and it ends."""

from __future__ import annotations

import gc
import itertools
import threading
from functools import partial
from types import FrameType

import pytest

from acr._shells.beside import Beside
from tests.interruptions import Interrupted
from tests.patience import until


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
    until(lambda: not names())
    with Beside():
        assert not names()


def test_it_ends_with_who_forgets_it() -> None:
    Beside().submit(int).result()
    gc.collect()
    until(lambda: not names())


def uses(frame: FrameType) -> bool:
    return frame.f_code is use.__code__


def use(done: list[int]) -> None:
    with Beside() as thread:
        first = thread.submit(done.append, 1)
        second = thread.submit(done.append, 2)
        second.result()
        first.result()
        thread.submit(done.append, 3).result()


def test_it_ends_wherever_it_is_interrupted() -> None:
    """Once it had waited for ever, and now and then told of a lock in the place of the Ctrl-C."""
    left: list[tuple[list[int], int]] = []
    for number in itertools.count():
        done: list[int] = []
        interrupted = Interrupted(number, uses)
        interrupted.run(partial(use, done))
        assert isinstance(interrupted.error, KeyboardInterrupt) == interrupted.was_reached
        left.append((done, len(done)))
        if not interrupted.was_reached:
            break
    assert number > 20
    assert done == [1, 2, 3]
    gc.collect()
    until(lambda: not names())
    assert all(len(done) == count for done, count in left)  # nothing went on after it was left

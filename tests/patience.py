"""How long a test waits for what must come, before it has failed. Nothing is measured by it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE: Final = 10.0
"""Seconds."""


def until(condition: Callable[[], object]) -> None:
    """Wait for what gives no sign when it comes."""
    for _ in range(int(PATIENCE * 1000)):
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("this never came")


async def until_in_loop(condition: Callable[[], object]) -> None:
    """The same while the other tasks of an event loop go on."""
    while not condition():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)


async def loop_turns() -> None:
    """Let an event loop see what has come, and do what it puts off to its next turns, such as closing a transport."""
    for _ in range(10):
        await asyncio.sleep(0)


@contextmanager
def no_backtracking() -> Iterator[None]:
    """Fail instead of hanging in a regular expression that tries ever more ways: that would take minutes or years."""
    if not hasattr(signal, "SIGALRM"):  # not on Windows
        yield
        return

    def give_up(*_: object) -> None:
        raise AssertionError("a regular expression backtracks")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

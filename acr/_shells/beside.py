"""Beside: a thread of a call's own, which hashes or writes beside the network. A child process does not have it.

Python's ThreadPoolExecutor is not taken: a Ctrl-C in the middle of its `submit`, or of a wait for its result, may leave
one of its locks taken, and then nothing ends any more. The main thread touches a queue in C and a plain lock here. A
submission is cheaper as well, and there is one for each megabyte.

This file is loaded when it is needed: most programs do without threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar
from weakref import finalize

from acr._forks import Origin
from acr._shells.gathering import LOOKS_UP
from acr.errors import InvalidInput

P = ParamSpec("P")
T = TypeVar("T")


class Result(Future[T]):
    """What comes of something that the thread does.

    Args:
        origin: the process of the thread.
    """

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self._there = threading.Lock()  # until it is there
        self._there.acquire()

    def check(self) -> None:
        """Raise InvalidInput in a child process, which does not have the thread."""
        _check(self._origin)

    def result(self, timeout: float | None = None) -> T:
        """Wait until it is there, and return it. Ctrl-C ends the wait, and harms nobody else.

        Args:
            timeout: has no effect: what was given is done.

        Raises:
            InvalidInput: this is a child process.
        """
        self.check()
        while not self._there.acquire(timeout=LOOKS_UP):
            pass
        self._there.release()
        return super().result()

    def make(self, function: Callable[[], T]) -> None:
        """Do it, in the thread."""
        try:
            self.set_result(function())
        except BaseException as error:  # noqa: BLE001 - who waits raises it
            self.set_exception(error)
        finally:
            self._there.release()


_Queue: TypeAlias = SimpleQueue[tuple[Result[Any], Callable[[], Any]] | None]


class Beside(Executor):
    """One thread, for one thing after another, in the process that made it."""

    def __init__(self) -> None:
        self._origin: Final = Origin()
        self._queue: Final[_Queue] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_ended = False
        finalize(self, self._queue.put, None)  # also if nobody ends it

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Result[T]:
        """Let the thread do something. Raises InvalidInput in a child process."""
        _check(self._origin)
        if self._thread is None:
            thread = threading.Thread(target=_work, args=(self._queue,), name="acr-beside", daemon=True)
            thread.start()
            self._thread = thread
        return self._put(partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread, when all that it was given is done.

        Args:
            wait: until it has ended.
            cancel_futures: has no effect: what was given is done.
        """
        is_to_wait = wait and not self._is_ended and self._thread is not None and self._origin.is_here
        try:
            last = self._put(lambda: None) if is_to_wait else None
        finally:
            self._is_ended = True
            self._queue.put(None)
        if last is not None:
            last.result()

    def _put(self, function: Callable[[], T]) -> Result[T]:
        result: Result[T] = Result(self._origin)
        self._queue.put((result, function))
        return result


def _work(queue: _Queue) -> None:
    while (one := queue.get()) is not None:
        result, function = one
        result.make(function)
        del one, result, function  # they may hold much


def _check(origin: Origin) -> None:
    if not origin.is_here:
        raise InvalidInput(
            "this transfer was begun by the parent process, and goes on there: begin one in each process"
        )

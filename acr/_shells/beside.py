"""Beside: a thread of a call's own, which hashes or writes beside the network. A child process does not have it.

Python's ThreadPoolExecutor is not taken: a Ctrl-C in the middle of its `submit`, or of a wait for its result, may leave
one of its locks taken, and then nothing ends any more. Here the thread that submits and waits touches a queue in C and
plain locks. A submission is cheaper as well, and there is one for each megabyte.

What was given is done, whoever waits for it: a task may be cancelled, and the program may be about to end.

This file is loaded when it is needed: most programs do without threads.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar
from weakref import finalize

from acr._forks import Origin
from acr._shells.latch import Latch
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
        self.is_there: bool = False
        self.latch: Final = Latch()

    def check(self) -> None:
        """Raise InvalidInput in a child process, which does not have the thread."""
        _check(self._origin)

    def done(self) -> bool:
        """Whether it is there."""
        return self.is_there

    def cancel(self) -> bool:
        """Return False: what was given is done."""
        return False

    def result(self, timeout: float | None = None) -> T:
        """Wait until it is there, and return it. Ctrl-C ends the wait, and harms nobody else.

        Args:
            timeout: seconds to wait at the most; None for any time.

        Raises:
            InvalidInput: this is a child process.
            TimeoutError: it did not come in time.
        """
        self.check()
        if not self.latch.wait(timeout):
            raise TimeoutError
        try:
            return super().result()
        finally:
            del self  # an error knows this frame, and would be kept by it


_Queue: TypeAlias = SimpleQueue[tuple[Result[Any], Callable[[], Any]] | None]

_AT_WORK: Final[dict[threading.Thread, _Queue]] = {}
"""The threads that have not ended."""


class Beside(Executor):
    """One thread, for one thing after another, in the process that made it."""

    def __init__(self) -> None:
        self._origin: Final = Origin()
        self._queue: Final[_Queue] = SimpleQueue()
        self._starting = threading.Lock()
        self._is_started = False
        self._is_ended = False
        finalize(self, self._queue.put, None).atexit = False  # if nobody ends it

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Result[T]:
        """Let the thread do something.

        Raises:
            InvalidInput: this is a child process.
            RuntimeError: the thread was ended, or the system gives none.
        """
        _check(self._origin)
        if self._is_ended:
            raise RuntimeError("this thread was ended")
        with self._starting:
            if not self._is_started:
                _start(self._queue)
                self._is_started = True
        return self._put(partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread, when all that it was given is done.

        Args:
            wait: until it is done.
            cancel_futures: has no effect: what was given is done.
        """
        is_to_wait = wait and self._is_started and not self._is_ended and self._origin.is_here
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


def _start(queue: _Queue) -> None:
    # A daemon: if Ctrl-C came at its start, it might never end, and nor would the program.
    thread = threading.Thread(target=_work, args=(queue,), name="acr-beside", daemon=True)
    _AT_WORK[thread] = queue
    try:
        thread.start()
    except RuntimeError:
        del _AT_WORK[thread]
        raise


def _work(queue: _Queue) -> None:
    while (one := queue.get()) is not None:
        _make(*one)
        del one  # it may hold much
    del _AT_WORK[threading.current_thread()]


def _make(result: Result[T], function: Callable[[], T]) -> None:
    latch = result.latch
    try:
        value = function()
    except BaseException as error:  # noqa: BLE001 - who waits raises it
        result.is_there = True
        result.set_exception(error)
    else:
        result.is_there = True
        result.set_result(value)
    finally:
        latch.set()
        del result, function  # an error knows this frame, and would keep them


@atexit.register
def _finish() -> None:
    """See that what was given is done before the program ends."""
    for thread, queue in list(_AT_WORK.items()):
        queue.put(None)
        if thread.is_alive():  # it is not in a child process
            thread.join()


def _check(origin: Origin) -> None:
    if not origin.is_here:
        raise InvalidInput(
            "this transfer was begun by the parent process, and goes on there: begin one in each process"
        )

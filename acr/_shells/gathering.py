"""Gathering: tasks of the blocking shell in threads, and the first failure among them stops the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class _Stopped(BaseException):
    """Raised in a worker after another task of the same gather failed.

    It is a BaseException, so that only `finally` blocks see it.
    """


class _Gathering(threading.local):
    """The gather that this thread works for. It may belong to another client: a copy has two clients."""

    stop: threading.Event | None = None


GATHERING: Final = _Gathering()


def go_on() -> None:
    """Raise `_Stopped` if another task of this gather has failed.

    It is raised once for each thread, so that cleanup can still send requests.
    """
    stop = GATHERING.stop
    if stop is not None and stop.is_set():
        GATHERING.stop = None
        raise _Stopped


def gathered(limit: int, tasks: Sequence[Callable[[], T]], width: Callable[[int], int] | None) -> list[T]:
    """Run tasks in threads; see `acr._core.runtime.Runtime.gather`."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait  # not needed by most programs

    stop = threading.Event()

    def one(task: Callable[[], T]) -> T:
        GATHERING.stop = stop
        return task()

    left = iter(tasks)
    begun: list[Future[T]] = []
    running: set[Future[T]] = set()
    with ThreadPoolExecutor(min(limit, len(tasks)), thread_name_prefix="acr") as pool:
        try:
            while not stop.is_set():
                room = (limit if width is None else width(limit)) - len(running)
                # In the context of the caller: what goes on in a thread is of the same call (`_core/talk/deadline.py`).
                new = [pool.submit(copy_context().run, one, task) for task in islice(left, max(0, room))]
                begun += new
                running.update(new)
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                if any(future.exception() is not None for future in done):
                    stop.set()
        except BaseException:  # such as Ctrl-C, which this thread alone is told of
            stop.set()
            raise
    errors = [error for future in begun if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, _Stopped):
            raise error
    return [future.result() for future in begun]

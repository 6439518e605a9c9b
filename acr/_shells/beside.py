"""Beside: a thread of a call's own, which hashes or writes beside the network. A child process does not have it.

This file is loaded when it is needed: most programs do without threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from acr._forks import Origin
from acr.errors import InvalidInput

P = ParamSpec("P")
T = TypeVar("T")

_ORIGINS: Final[WeakKeyDictionary[Future[Any], Origin]] = WeakKeyDictionary()


class Beside(ThreadPoolExecutor):
    """One thread, for one thing after another, in the process that made it."""

    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="acr")
        self._origin = Origin()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let the thread do something. Raises InvalidInput in a child process."""
        _check(self._origin)
        future = super().submit(fn, *args, **kwargs)
        _ORIGINS[future] = self._origin
        return future


def check(future: Future[Any]) -> None:
    """See that a thread of this process has been given the work. Raises InvalidInput."""
    origin = _ORIGINS.get(future)
    if origin is not None:
        _check(origin)


def _check(origin: Origin) -> None:
    if not origin.is_here:
        raise InvalidInput(
            "this transfer was begun by the parent process, and goes on there: begin one in each process"
        )

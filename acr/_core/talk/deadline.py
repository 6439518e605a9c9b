"""Deadline: when a user's call must be over, with all its requests, tries and waits.

`Timeouts.total` bounds one call, and a call may make many requests, in several threads or tasks. The context
(`contextvars`) says to which call a request belongs. The outermost function that is marked `one_call` begins a call,
and all requests within it share its end. A request outside of every call is a call by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from acr._core.runtime import Lines, Runtime, Traffic

P = ParamSpec("P")
T = TypeVar("T")

_CLEANING: Final = 3.0
"""Seconds for cleaning up behind a call."""


class _Call:
    """A call, and when it ends for each client that takes part. A copy has two clients, whose totals may differ.

    Args:
        is_best_effort: whether it cleans up behind another one.
    """

    def __init__(self, *, is_best_effort: bool = False) -> None:
        self.is_best_effort = is_best_effort
        self.ends: dict[object, float] = {}
        self.traffic: Traffic = Traffic()
        self.written: set[tuple[object, str]] = set()
        self.lines: Lines | None = None


_CALL: Final[ContextVar[_Call | None]] = ContextVar("_CALL", default=None)


class _Within:
    """A call is the current one meanwhile. Each small call enters two: a generator would cost twice as much.

    Args:
        call: the call; None lets the current one go on.
    """

    __slots__ = ("_before", "_call")

    def __init__(self, call: _Call | None) -> None:
        self._call = call

    def __enter__(self) -> None:
        self._before = None if self._call is None else _CALL.set(self._call)

    def __exit__(self, *exc_info: object) -> None:
        if self._before is not None:
            with suppress(ValueError):  # Python closes an abandoned coroutine in another context
                _CALL.reset(self._before)


def calling() -> AbstractContextManager[None]:
    """Begin a call, unless there is one already. All requests within belong to it."""
    return _Within(_Call() if _CALL.get() is None else None)


def best_effort() -> AbstractContextManager[None]:
    """Clean up behind a call that failed or that the user stopped: all requests within end after 3 s together.

    The client sends each of them once. They have a time of their own, because that of the call may be over. They share
    3 s, or half of `Timeouts.total` if that is less.
    """
    return _Within(_Call(is_best_effort=True))


def is_best_effort() -> bool:
    """Whether the client cleans up, within `best_effort`."""
    call = _CALL.get()
    return call is not None and call.is_best_effort


def one_call(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Mark a coroutine function as one call: `Timeouts.total` bounds all that it does."""

    @wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with calling():
            return await function(*args, **kwargs)

    return call


def each_one_call(
    function: Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, AsyncGenerator[T, None]]:
    """Mark an async generator function: each of its items is a call. The time between two items does not count."""

    @wraps(function)
    async def calls(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        async with aclosing(function(*args, **kwargs)) as items:
            while True:
                with calling():
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        return
                yield item
                del item  # a page may be large, and is not kept while the next one comes

    return calls


def deadline(runtime: Runtime, total: float | None) -> float | None:
    """When the current call must be over, or None if it may take any time.

    Args:
        runtime: of the client that asks; a call has an end for each.
        total: the seconds that the client allows for a call, or None.
    """
    call = _CALL.get()
    is_cleaning = call is not None and call.is_best_effort
    seconds = (_CLEANING if total is None else min(_CLEANING, total / 2)) if is_cleaning else total
    if seconds is None:
        return None
    if call is None:
        return runtime.now() + seconds
    end = call.ends.get(runtime)
    return call.ends.setdefault(runtime, runtime.now() + seconds) if end is None else end


def writes(session: object, repository: str) -> None:
    """Note that the current call writes to a repository: its first token is good for that, too."""
    call = _CALL.get()
    if call is not None:
        call.written.add((session, repository))


def is_written(session: object, repository: str) -> bool:
    """Whether the current call writes to a repository."""
    call = _CALL.get()
    return call is not None and (session, repository) in call.written


def traffic() -> Traffic:
    """What moves for the current call."""
    call = _CALL.get()
    return Traffic() if call is None else call.traffic


def share(connections: int) -> Lines | None:
    """Let all tasks of the current call share so many connections. Give what `gather` bounds the tasks by."""
    call = _CALL.get()
    if call is not None:
        call.lines = Lines(connections)
    return lines()


def lines() -> Lines | None:
    """The connections that the tasks of the current call share; None if it is a task by itself."""
    call = _CALL.get()
    return None if call is None else call.lines

"""Deadline: when a user's call must be over, with all its requests, tries and waits.

`Timeouts.total` bounds one call, and a call may make many requests, in several threads or tasks. The context
(`contextvars`) says to which call a request belongs. The outermost function that is marked `one_call` begins a call,
and all requests within it share its end. A request outside of every call is a call by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from acr._core.runtime import Runtime

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


_CALL: Final[ContextVar[_Call | None]] = ContextVar("_CALL", default=None)


@contextmanager
def calling() -> Iterator[None]:
    """Begin a call, unless there is one already. All requests within belong to it."""
    if _CALL.get() is not None:
        yield
        return
    with _within(_Call()):
        yield


@contextmanager
def best_effort() -> Iterator[None]:
    """Clean up behind a call that failed or that the user stopped: all requests within end after 3 s together.

    The client sends each of them once. They have a time of their own, because that of the call may be over. They share
    3 s, or half of `Timeouts.total` if that is less.
    """
    with _within(_Call(is_best_effort=True)):
        yield


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


@contextmanager
def _within(call: _Call) -> Iterator[None]:
    before = _CALL.set(call)
    try:
        yield
    finally:
        with suppress(ValueError):  # Python closes an abandoned coroutine in another context
            _CALL.reset(before)

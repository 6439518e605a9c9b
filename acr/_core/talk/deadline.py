"""Deadline: when a call of the user's must be over, with all its requests, its tries and its waits.

`Timeouts.total` is of one call, and a call may be many requests, in several threads or tasks. What belongs to it is
told by the context (`contextvars`): the outermost function that is marked `one_call` begins one, and all requests that
are made within share its end. A request that is made outside of any is a call by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_HURRY: Final = 3.0
"""Seconds for cleaning up when somebody wants to leave."""


class _Call:
    """A call: when it ends, for each client that takes part. A copy has two, which may allow it different times.

    Args:
        is_hurried: whether it cleans up behind another one.
    """

    def __init__(self, *, is_hurried: bool = False) -> None:
        self.is_hurried = is_hurried
        self.ends: dict[object, float] = {}


_CALL: Final[ContextVar[_Call | None]] = ContextVar("_CALL", default=None)


@contextmanager
def calling() -> Iterator[None]:
    """What is done within is one call, or a part of the one that it is in."""
    if _CALL.get() is not None:
        yield
        return
    with _within(_Call()):
        yield


@contextmanager
def hurry() -> Iterator[None]:
    """What is done within is sent once, and takes 3 s at the most: for cleaning up when somebody wants to leave.

    That is beside the time of the call, which may be over. It is no more than half of that.
    """
    with _within(_Call(is_hurried=True)):
        yield


def is_hurried() -> bool:
    """Whether this is within `hurry`."""
    call = _CALL.get()
    return call is not None and call.is_hurried


def one_call(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Mark a coroutine function as one call: `Timeouts.total` is for all that it does."""

    @wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with calling():
            return await function(*args, **kwargs)

    return call


def each_one_call(
    function: Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, AsyncGenerator[T, None]]:
    """Mark an async generator function: each of its items is a call. What its user does between them takes no time."""

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

    return calls


def deadline(client: object, now: float, total: float | None) -> float | None:
    """When the call that is under way must be over.

    Args:
        client: whose clock and whose time it is.
        now: by its clock.
        total: seconds that it allows for a call; None for any time.
    """
    call = _CALL.get()
    hurried = call is not None and call.is_hurried
    seconds = (_HURRY if total is None else min(_HURRY, total / 2)) if hurried else total
    if seconds is None:
        return None
    return now + seconds if call is None else call.ends.setdefault(client, now + seconds)


@contextmanager
def _within(call: _Call) -> Iterator[None]:
    before = _CALL.set(call)
    try:
        yield
    finally:
        with suppress(ValueError):  # of a coroutine that is thrown away: that happens in another context
            _CALL.reset(before)

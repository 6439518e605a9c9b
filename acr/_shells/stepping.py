"""Stepping: a coroutine of the core is run to its end without an event loop. It loads nothing of an HTTP stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import TypeVar

T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    """Step a coroutine of the core to its end. On the blocking runtime nothing in it ever suspends."""
    coroutine = awaitable if isinstance(awaitable, Coroutine) else _wrapped(awaitable)
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("the core suspended on the blocking runtime")


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """An async generator of the core as an iterator. Closing one closes the other."""
    try:
        while True:
            try:
                item = run(anext(items))
            except StopAsyncIteration:
                return
            yield item
            del item  # a page may be large, and is not kept while the next one comes
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            run(close())


async def _wrapped(awaitable: Awaitable[T]) -> T:
    return await awaitable

"""One test for both colours: makes `AsyncRegistry` look like `Registry`, so that every test runs on each of them.

The proxy runs each coroutine to its end on an event loop of its own. It changes nothing else: names, arguments, results
and errors are those of the async code.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import acr

T = TypeVar("T")
Colour = Literal["sync", "async"]


class Twin:
    """A client factory of one colour."""

    def __init__(self, colour: Colour) -> None:
        self.colour: Colour = colour
        self._loop = asyncio.new_event_loop() if colour == "async" else None
        self._open: list[Any] = []

    def connect(self, endpoint: str, credential: acr.Credential | None = None, **options: Any) -> acr.Registry:
        """A client of this colour, closed when the test ends. Its sleeps are recorded, and take no time."""
        self.slept: list[float] = []
        if self._loop is None:
            options.setdefault("sleep", self.slept.append)
            registry = acr.Registry(endpoint, credential, **options)
            self._open.append(registry)
            return registry

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        options.setdefault("sleep", sleep)
        proxy = _Proxy(acr.AsyncRegistry(endpoint, credential, **options), self._loop)
        self._open.append(proxy)
        return proxy  # type: ignore[return-value]  # it has the same names

    @property
    def real_sleep(self) -> Callable[[float], Any]:
        """To be passed as `sleep=` in a test of what may cut a wait short."""
        return time.sleep if self._loop is None else asyncio.sleep

    def at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Run calls of the client at the same time: in threads, or in tasks. An error is raised when all have ended."""
        if self._loop is None:
            ready = threading.Barrier(len(calls))

            def one(call: Callable[[], T]) -> T:
                ready.wait()
                return call()

            with ThreadPoolExecutor(len(calls)) as pool:
                return list(pool.map(one, calls))

        async def gathered() -> list[T]:
            tasks = [asyncio.ensure_future(_Deferred.run(call)) for call in calls]
            await asyncio.wait(tasks)
            return [task.result() for task in tasks]

        return self._loop.run_until_complete(gathered())

    def close(self) -> None:
        """Close what the test has left open."""
        for registry in self._open:
            registry.close()
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


class _Deferred:
    """While it is active, proxies hand out coroutines instead of running them: for calls that go at once."""

    active = False

    @classmethod
    async def run(cls, call: Callable[[], Any]) -> Any:
        cls.active = True
        try:
            pending = call()
        finally:
            cls.active = False
        if isinstance(pending, _Proxy):
            pending = pending.unwrapped
        if hasattr(pending, "__aiter__"):
            return [item async for item in pending]
        return await pending


def _bare(value: Any) -> Any:
    return value.unwrapped if isinstance(value, _Proxy) else value


class _Proxy:
    """An async object with the manners of its sync twin."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.unwrapped = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.unwrapped, name)
        if not inspect.ismethod(value):
            return self._wrapped(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._wrapped(value(*map(_bare, args), **{key: _bare(arg) for key, arg in kwargs.items()}))

        return call

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, Coroutine):
            return value if _Deferred.active else self._wrapped(self._loop.run_until_complete(value))
        if type(value).__name__.startswith("Async"):
            return _Proxy(value, self._loop)
        if isinstance(value, AsyncIterator):
            return self._walk(value)
        return value

    def _walk(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._loop.run_until_complete(anext(items))
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                self._loop.run_until_complete(close())

    def __iter__(self) -> Iterator[Any]:
        return self._walk(aiter(self.unwrapped))

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(anext(self.unwrapped))
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Any:
        return self._wrapped(self._loop.run_until_complete(self.unwrapped.__aenter__()))

    def __exit__(self, *exc_info: object) -> None:
        self._loop.run_until_complete(self.unwrapped.__aexit__(*exc_info))

    def __repr__(self) -> str:
        return repr(self.unwrapped)

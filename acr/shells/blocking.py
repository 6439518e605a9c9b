"""The blocking shell: the core's coroutines, stepped to their end on threads, without an event loop."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeAlias, TypeVar

import httpx

from acr.core.ports import Incoming, Outgoing
from acr.shells.http import LIMITS, UNSENDABLE, Network, failed, headers_of, lower, pieces, unusable
from acr.values.errors import CredentialError, InvalidInput

P = ParamSpec("P")
T = TypeVar("T")

Transport: TypeAlias = httpx.BaseTransport


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
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            run(close())


async def _wrapped(awaitable: Awaitable[T]) -> T:
    return await awaitable


class _Stopped(BaseException):
    """Ends a task whose gathering has failed. No error: nobody is to handle it but what cleans up."""


class BlockingRuntime:
    """Implements `acr.core.ports.Runtime` with blocking calls.

    Args:
        network: how the registry is reached.
        transport: replaces httpx's own, for tests or special networks.
        clock: seconds that only go forward.
        sleep: waits.
    """

    def __init__(
        self,
        network: Network,
        transport: Transport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._network = network
        self._fixed = transport
        self._transports: dict[str | None, Transport] = {}
        self._making = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._clock = clock
        self._sleep = sleep

    async def send(self, request: Outgoing) -> Incoming:
        self._go_on()
        if self._closed:
            raise InvalidInput("the client is closed")
        try:
            outgoing = httpx.Request(
                request.method,
                request.url,
                headers=headers_of(request),
                content=None if request.content is None else pieces(request.content),
                extensions=self._network.extensions(request),
            )
            return _Answer(request, self._transport(request.url).handle_request(outgoing))
        except (httpx.TransportError, *UNSENDABLE) as error:
            raise failed(request, error) from (None if isinstance(error, UNSENDABLE) else error)

    async def sleep(self, seconds: float) -> None:
        self._sleep(seconds)

    def now(self) -> float:
        return self._clock()

    def lock(self) -> AbstractAsyncContextManager[None]:
        return _Lock()

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._go_on()
        return function(*args, **kwargs)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            result.close()
            raise CredentialError("an async credential needs AsyncRegistry; Registry takes the one of azure.identity")
        return result

    async def gather(self, limit: int, tasks: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
        todo = list(tasks)
        if len(todo) < 2:
            return [await task() for task in todo]
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # not needed by most programs

        stop = threading.Event()

        def one(task: Callable[[], Awaitable[T]]) -> T:
            self._local.stop = stop
            return run(task())

        with ThreadPoolExecutor(min(limit, len(todo)), thread_name_prefix="acr") as pool:
            futures = [pool.submit(one, task) for task in todo]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:  # also on Ctrl-C, which this thread alone is told of
                if not all(future.done() and future.exception() is None for future in futures):
                    stop.set()
                for future in futures:
                    future.cancel()
        errors = [error for future in futures if not future.cancelled() and (error := future.exception()) is not None]
        for error in errors:
            if not isinstance(error, _Stopped):
                raise error
        return [future.result() for future in futures]

    def _go_on(self) -> None:
        """Leave, if this thread's gathering has failed elsewhere. Only once: what cleans up behind it must go on."""
        stop: threading.Event | None = getattr(self._local, "stop", None)
        if stop is not None and stop.is_set():
            self._local.stop = None
            raise _Stopped

    async def aclose(self) -> None:
        self._closed = True
        for transport in self._transports.values():
            transport.close()
        if self._fixed is not None:
            self._fixed.close()

    def _transport(self, url: str) -> Transport:
        if self._fixed is not None:
            return self._fixed
        proxy = self._network.proxy_for(url)
        with self._making:
            if proxy not in self._transports:
                try:
                    made = httpx.HTTPTransport(verify=self._network.verify, proxy=proxy, limits=LIMITS)
                except (ImportError, ValueError):
                    raise unusable(proxy) from None
                self._transports[proxy] = made
            return self._transports[proxy]


class _Answer:
    """Implements `acr.core.ports.Incoming`."""

    def __init__(self, request: Outgoing, response: httpx.Response) -> None:
        self._request = request
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = lower(response.headers)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            if self._response.is_stream_consumed:  # as those of httpx's mock transport are from the beginning
                yield self._response.content
                return
            for chunk in self._response.iter_raw():
                yield chunk
        except httpx.TransportError as error:
            raise failed(self._request, error) from error

    async def aclose(self) -> None:
        self._response.close()


class _Lock:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._lock.release()

"""The asynchronous shell: the core's coroutines on asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeAlias, TypeVar

import httpx

from acr.core.ports import Incoming, Outgoing
from acr.shells.http import LIMITS, UNSENDABLE, Network, failed, headers_of, lower, pieces, unusable
from acr.values.errors import InvalidInput

P = ParamSpec("P")
T = TypeVar("T")

Transport: TypeAlias = httpx.AsyncBaseTransport


class AsyncioRuntime:
    """Implements `acr.core.ports.Runtime` on asyncio.

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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._network = network
        self._fixed = transport
        self._transports: dict[str | None, Transport] = {}
        self._closed = False
        self._clock = clock
        self._sleep = sleep

    async def send(self, request: Outgoing) -> Incoming:
        if self._closed:
            raise InvalidInput("the client is closed")
        try:
            outgoing = httpx.Request(
                request.method,
                request.url,
                headers=headers_of(request),
                content=None if request.content is None else _pieces(request.content),
                extensions=self._network.extensions(request),
            )
            return _Answer(request, await self._transport(request.url).handle_async_request(outgoing))
        except (httpx.TransportError, *UNSENDABLE) as error:
            raise failed(request, error) from (None if isinstance(error, UNSENDABLE) else error)

    async def sleep(self, seconds: float) -> None:
        await self._sleep(seconds)

    def now(self) -> float:
        return self._clock()

    def lock(self) -> AbstractAsyncContextManager[None]:
        return asyncio.Lock()

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(function, *args, **kwargs)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        result = await asyncio.to_thread(function, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def gather(self, limit: int, tasks: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
        room = asyncio.Semaphore(limit)

        async def one(task: Callable[[], Awaitable[T]]) -> T:
            async with room:
                return await task()

        running = [asyncio.ensure_future(one(task)) for task in tasks]
        try:
            return await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)  # let them clean up before the failure goes on

    async def aclose(self) -> None:
        self._closed = True
        for transport in self._transports.values():
            await transport.aclose()
        if self._fixed is not None:
            await self._fixed.aclose()

    def _transport(self, url: str) -> Transport:
        if self._fixed is not None:
            return self._fixed
        proxy = self._network.proxy_for(url)
        if proxy not in self._transports:
            try:
                made = httpx.AsyncHTTPTransport(verify=self._network.verify, proxy=proxy, limits=LIMITS)
            except (ImportError, ValueError):
                raise unusable(proxy) from None
            self._transports[proxy] = made
        return self._transports[proxy]


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(content):
        yield piece


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
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx.TransportError as error:
            raise failed(self._request, error) from error

    async def aclose(self) -> None:
        await self._response.aclose()

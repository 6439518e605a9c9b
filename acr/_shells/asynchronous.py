"""The asynchronous shell: the core's coroutines on asyncio."""

from __future__ import annotations

import asyncio
import inspect
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeAlias, TypeVar

import httpcore

from acr._core.runtime import Body, Incoming, Outgoing
from acr._shells.blocking import Answer, BlockingRuntime, run
from acr._shells.connections import Connection
from acr._shells.http import KEPT, LOST, MOST_CONNECTIONS, UNSENDABLE, Network, failed, lower, pieces
from acr._shells.lanes import Lane, Lanes
from acr._shells.sockets import Call
from acr._values.reference import Endpoint
from acr.errors import AcrError, InvalidInput, TransportError

if TYPE_CHECKING:
    import httpx

    from acr._shells.foreign import AsyncForeign

    Transport: TypeAlias = httpx.AsyncBaseTransport
else:
    Transport = object  # for `typing.get_type_hints`: httpx is loaded for those who bring a transport

P = ParamSpec("P")
T = TypeVar("T")


_THREADS: Final = 32
"""Threads of a client that wait for files and large bodies; not those of asyncio, which are few, and the program's."""

_PATIENCE: Final = 3.0
"""Seconds that a task which was cancelled waits for what must not be stopped in the middle."""

_PIECE: Final = 64 * 1024


class AsyncioRuntime:
    """Implements `acr._core.runtime.Runtime` on asyncio.

    Args:
        network: how the registry is reached.
        transport: of httpx; replaces our own, for tests or special networks.
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
        self._fixed = None if transport is None else _foreign(transport)
        self._lanes: dict[Endpoint, Lanes] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="acr")
        # Those that wait for a connection must not keep those waiting that would give theirs back.
        self._senders = ThreadPoolExecutor(_THREADS, thread_name_prefix="acr")
        self._blocking = BlockingRuntime(network)  # for large bodies
        self._closed = False
        self._clock = clock
        self._sleep = sleep

    async def send(self, request: Outgoing) -> Incoming:
        if self._closed:
            raise InvalidInput("the client is closed")
        if request.is_large and self._fixed is None:
            return await self._send_in_thread(request)
        try:
            outgoing = self._network.outgoing(request, _content(request.content))
            if self._fixed is not None:
                return _Answer(request, await self._fixed.handle_async_request(outgoing), None)
            lanes = self._lanes_to(request.endpoint)
            lane = await lanes.take(self._network.timeouts.pool)
            try:
                response = await lane.handle_async_request(outgoing)
            except BaseException:
                await lanes.give_back(lane)
                raise
            return _Answer(request, response, partial(lanes.give_back, lane))
        except (*LOST, *UNSENDABLE) as error:
            proxy = self._network.proxy_for(request.endpoint) if self._fixed is None else None
            raise failed(request, error, proxy) from (None if isinstance(error, UNSENDABLE) else error)

    async def sleep(self, seconds: float) -> None:
        await self._sleep(seconds)

    def now(self) -> float:
        return self._clock()

    def lock(self) -> AbstractAsyncContextManager[None]:
        return asyncio.Lock()

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(_submit(self._threads, partial(function, *args, **kwargs)))

    def thread(self) -> Executor:
        return ThreadPoolExecutor(1, thread_name_prefix="acr")

    async def result(self, future: Future[T]) -> T:
        return future.result() if future.done() else await asyncio.wrap_future(future)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        result = await asyncio.to_thread(function, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def to_the_end(
        self, task: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
    ) -> T:
        running = asyncio.ensure_future(task())
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running], timeout=_PATIENCE)
            if undo is not None and running.done() and not running.cancelled() and running.exception() is None:
                await undo(running.result())
            raise
        finally:
            running.cancel()

    async def gather(
        self,
        limit: int,
        tasks: Iterable[Callable[[], Awaitable[T]]],
        *,
        width: Callable[[int], int] | None = None,
    ) -> list[T]:
        left = iter(tasks)
        begun: list[asyncio.Future[T]] = []
        running: set[asyncio.Future[T]] = set()
        try:
            while True:
                room = (limit if width is None else width(limit)) - len(running)
                new = [asyncio.ensure_future(task()) for task in islice(left, max(0, room))]
                begun += new
                running.update(new)
                if not running:
                    return [task.result() for task in begun]
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)  # let them clean up before the failure goes on

    async def aclose(self) -> None:
        self._closed = True
        for lanes in self._lanes.values():
            await lanes.aclose()
        if self._fixed is not None:
            await self._fixed.aclose()
        await self._blocking.aclose()
        self._threads.shutdown(wait=False)
        self._senders.shutdown(wait=False)

    async def _send_in_thread(self, request: Outgoing) -> Incoming:
        """Send as the blocking shell does. A large body is read in a thread twice as fast as on the event loop."""
        call = Call()
        sending = _submit(self._senders, partial(self._blocking.send_for, call, request))
        try:
            return _Threaded(self._threads, await asyncio.wrap_future(sending))
        except asyncio.CancelledError:  # the thread does not know of it, and nobody is left to take its answer
            sending.add_done_callback(_close)
            call.cut()
            raise

    def _lanes_to(self, place: Endpoint) -> Lanes:
        lanes = self._lanes.get(place)
        if lanes is None:
            proxy = self._network.proxy_for(place)
            make = partial(_lane, place, self._network.context_for(place, proxy), proxy)
            lanes = self._lanes[place] = Lanes(make, MOST_CONNECTIONS, self._clock)
        return lanes


def _lane(place: Endpoint, context: ssl.SSLContext, proxy: str | None) -> Lane:
    if proxy is None:
        url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port)
        return Connection(url.origin, context, KEPT)
    from acr._shells.foreign import AsyncForeign

    return AsyncForeign.by_way_of(proxy, context)


def _foreign(transport: Transport) -> AsyncForeign:
    from acr._shells.foreign import AsyncForeign

    return AsyncForeign(transport)


def _content(content: bytes | Body | None) -> AsyncIterator[bytes] | None:
    if content is None:
        return None
    return aiter(content) if isinstance(content, Body) else _pieces(content)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(content):
        yield piece


class _Answer:
    """Implements `acr._core.runtime.Incoming`."""

    def __init__(
        self, request: Outgoing, response: httpcore.Response, leave: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._request = request
        self._response = response
        self._leave = leave
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._left = memoryview(b"")
        self._failure: TransportError | None = None
        self.status = response.status
        self.headers: Mapping[str, str] = lower(response.headers)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self._response.aiter_stream():
                yield chunk
        except LOST as error:
            raise failed(self._request, error) from error

    async def readinto(self, buffer: memoryview) -> int:
        if self._failure is not None:
            raise self._failure
        if self._chunks is None:
            self._chunks = self.chunks()
        filled = 0
        while filled < len(buffer):
            if not self._left:
                try:
                    self._left = memoryview(await anext(self._chunks, b""))
                except TransportError as error:
                    if not filled:
                        raise
                    self._failure = error
                if not self._left:
                    break
            count = min(len(self._left), len(buffer) - filled)
            buffer[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
        return filled

    async def aclose(self) -> None:
        leave, self._leave = self._leave, None
        try:
            if self._chunks is not None:
                await self._chunks.aclose()
            await self._response.aclose()
        finally:
            if leave is not None:
                await leave()


class _Threaded:
    """Implements `acr._core.runtime.Incoming` with an answer of the blocking shell, which is read in threads."""

    def __init__(self, threads: Executor, answer: Answer) -> None:
        self._threads = threads
        self._answer = answer
        self._reading: Future[int] | None = None
        self.status = answer.status
        self.headers = answer.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        buffer = bytearray(_PIECE)
        while count := await self.readinto(memoryview(buffer)):
            yield bytes(memoryview(buffer)[:count])

    async def readinto(self, buffer: memoryview) -> int:
        self._reading = _submit(self._threads, lambda: run(self._answer.readinto(buffer)))
        return await asyncio.wrap_future(self._reading)

    async def aclose(self) -> None:
        reading = self._reading
        if reading is None or reading.done():
            await self._answer.aclose()
            return
        # The task was cancelled, but not the thread; that closes it, also where this task is cancelled once more.
        reading.add_done_callback(lambda _: run(self._answer.aclose()))
        self._answer.cut()
        with suppress(AcrError):
            await asyncio.wrap_future(reading)


def _submit(threads: Executor, function: Callable[[], T]) -> Future[T]:
    try:
        return threads.submit(function)
    except RuntimeError:
        raise InvalidInput("the client is closed") from None


def _close(sending: Future[Answer]) -> None:
    if not sending.cancelled() and sending.exception() is None:
        run(sending.result().aclose())

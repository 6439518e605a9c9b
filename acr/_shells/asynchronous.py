"""The asynchronous shell: the core's coroutines on asyncio."""

from __future__ import annotations

import asyncio
import inspect
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeAlias, TypeVar

import httpcore

from acr._core.runtime import MOST_LARGE, Body, Incoming, Lines, Outgoing
from acr._forks import find_out, renew_in_children
from acr._shells.answers import Answer
from acr._shells.async_answers import AsyncAnswer, Threaded, submit
from acr._shells.beside import Beside, Result
from acr._shells.blocking import BlockingRuntime
from acr._shells.connections import AsyncSockets, Connection
from acr._shells.http import KEPT, LOST, MOST_CONNECTIONS, UNSENDABLE, Network, failed, pieces
from acr._shells.lanes import Lane, Lanes
from acr._shells.loops import Home, Homes, running_loop
from acr._shells.room import Room
from acr._shells.sockets import Call
from acr._shells.stepping import run
from acr._shells.tunnels import async_by_way_of
from acr._values.arguments import check_function, wrong_kind
from acr._values.reference import Endpoint
from acr.errors import InvalidInput

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

_BLOCKING_SLEEP: Final[object] = time.sleep

_PATIENCE: Final = 3.0
"""Seconds that a task which was cancelled waits for what must not be stopped in the middle."""

_OF_PARENTS: Final[list[Homes]] = []
"""What a child process keeps and never touches: collected, it would speak to the parent's event loops."""


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
        check_function("clock", clock)
        if not callable(sleep) or sleep is _BLOCKING_SLEEP:
            raise wrong_kind("sleep", sleep, "an async function, such as asyncio.sleep")
        self._network = network
        self._fixed = None if transport is None else _foreign(transport)
        self._homes = Homes()
        self._threads = _threads()
        # Those that wait for a connection must not keep those waiting that would give theirs back.
        self._senders = _threads()
        self._blocking = BlockingRuntime(network, clock=clock)  # for large bodies
        self._closed = False
        self._clock = clock
        self._sleep = sleep
        renew_in_children(self)

    def renew(self) -> None:
        _OF_PARENTS.append(self._homes)
        self._homes = Homes()
        if not self._closed:
            self._threads, self._senders = _threads(), _threads()

    @property
    def home(self) -> object:
        find_out()
        return self._homes.here()

    async def send(self, request: Outgoing) -> Incoming:
        find_out()
        home = self._homes.here()
        if self._closed:
            raise InvalidInput("the client is closed")
        if request.is_large and self._fixed is None:
            return await self._send_in_thread(request)
        is_here, watch = partial(self._is_here, home), self._network.watch(request, self._clock)
        try:
            extensions = watch.extensions(is_ours=self._fixed is None)
            outgoing = self._network.outgoing(request, _content(request.content), extensions)
            if self._fixed is not None:
                self._fixed.stay(home)
                return AsyncAnswer(request, await self._fixed.send(outgoing, watch), watch, None, is_here)
            lanes = await home.lanes_to(request.endpoint, partial(self._new_lanes, request.endpoint))
            lane = await lanes.take(watch.wait(self._network.timeouts.pool).seconds)
            try:
                response = await lane.handle_async_request(outgoing)
            except BaseException:
                await lanes.give_back(lane, is_well=False)
                raise
            answer = AsyncAnswer(request, response, watch, partial(lanes.give_back, lane), is_here)
            if self._closed:  # meanwhile, by another task
                await answer.aclose()
                raise InvalidInput("the client is closed")
            return answer
        except (*LOST, *UNSENDABLE) as error:
            proxy = self._network.proxy_for(request.endpoint) if self._fixed is None else None
            raise failed(request, error, watch, proxy) from (None if isinstance(error, UNSENDABLE) else error)

    async def connect(self, endpoint: Endpoint, deadline: float | None) -> None:
        if self._fixed is not None or self._closed:
            return
        lanes = await self._homes.here().lanes_to(endpoint, partial(self._new_lanes, endpoint))
        with suppress(*LOST, *UNSENDABLE):
            lane = await lanes.take(0)
            is_well = False
            try:
                if isinstance(lane, Connection):
                    await lane.connect(self._network.to_connect(deadline, self._clock))
                is_well = True
            finally:
                await lanes.give_back(lane, is_well)

    async def sleep(self, seconds: float) -> None:
        running_loop()
        await self._sleep(seconds)

    def now(self) -> float:
        return self._clock()

    def lock(self) -> AbstractAsyncContextManager[None]:
        return asyncio.Lock()

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        running_loop()
        return await asyncio.wrap_future(submit(self._threads, partial(function, *args, **kwargs)))

    def thread(self) -> Executor:
        return Beside()

    async def result(self, future: Future[T]) -> T:
        if isinstance(future, Result):
            future.check()
        if future.done():
            return future.result()
        # A task that is cancelled waits no more, and what it has given to a thread is done all the same: it may be the
        # removal of a file. Such a future cannot be cancelled.
        return await asyncio.wrap_future(future)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        running_loop()
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        result = await asyncio.to_thread(function, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def to_the_end(
        self, task: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
    ) -> T:
        running_loop()
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
        tasks: Sequence[Callable[[], Awaitable[T]]],
        *,
        width: Callable[[int], int] | None = None,
        sizes: Sequence[int] | None = None,
        large: int = MOST_LARGE,
        lines: Lines | None = None,
    ) -> list[T]:
        running_loop()
        room = Room(limit, len(tasks), width, sizes, large, lines)
        results: dict[int, T] = {}
        running: dict[asyncio.Future[T], int] = {}
        try:
            while True:
                while (index := room.begin()) is not None:
                    running[asyncio.ensure_future(tasks[index]())] = index
                if not running:
                    return [results[index] for index in range(len(tasks))]
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=running.__getitem__):
                    results[running[task]] = task.result()
                    room.end(running.pop(task))
        finally:
            for task in running:
                task.cancel()
            try:
                await asyncio.gather(*running, return_exceptions=True)  # let them clean up before the failure goes on
            finally:
                for index in running.values():
                    room.end(index)  # others may wait for their connections

    async def aclose(self) -> None:
        find_out()
        self._closed = True
        home = self._homes.find()
        if home is not None:
            await home.aclose()
        if self._fixed is not None and self._fixed.is_of(home):
            await self._fixed.aclose()
        await self._blocking.aclose()
        self._threads.shutdown(wait=False)
        self._senders.shutdown(wait=False)

    async def _send_in_thread(self, request: Outgoing) -> Incoming:
        """Send as the blocking shell does. A large body is read in a thread twice as fast as on the event loop."""
        call = Call()
        sending = submit(self._senders, partial(self._blocking.send_for, call, request))
        try:
            return Threaded(self._threads, request, await asyncio.wrap_future(sending))
        except asyncio.CancelledError:  # the thread does not know of it, and nobody is left to take its answer
            sending.add_done_callback(_close)
            call.cut()
            raise

    def _is_here(self, home: Home) -> bool:
        return self._homes.find() is home

    def _new_lanes(self, place: Endpoint) -> Lanes:
        proxy = self._network.proxy_for(place)
        make = partial(_lane, place, self._network.context_for(place, proxy), proxy)
        return Lanes(make, MOST_CONNECTIONS, self._clock)


def _threads() -> Executor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="acr")


def _lane(place: Endpoint, context: ssl.SSLContext, proxy: str | None) -> Lane:
    if proxy is None:
        url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port)
        return Connection(url.origin, context, KEPT)
    return async_by_way_of(proxy, context, AsyncSockets())


def _foreign(transport: Transport) -> AsyncForeign:
    if not callable(getattr(transport, "handle_async_request", None)):
        raise wrong_kind("transport", transport, "an httpx.AsyncBaseTransport, such as httpx.AsyncHTTPTransport()")
    from acr._shells.foreign import AsyncForeign

    return AsyncForeign(transport)


def _content(content: bytes | Body | None) -> AsyncIterator[bytes] | None:
    if content is None:
        return None
    return aiter(content) if isinstance(content, Body) else _pieces(content)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(content):
        yield piece


def _close(sending: Future[Answer]) -> None:
    if not sending.cancelled() and sending.exception() is None:
        run(sending.result().aclose())

"""The blocking shell: the core's coroutines, stepped to their end on threads, without an event loop."""

from __future__ import annotations

import inspect
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

import httpcore

from acr._core.runtime import MOST_LARGE, Body, Lines, Outgoing
from acr._forks import Lock, find_out, renew_in_children
from acr._shells.answers import Answer
from acr._shells.gathering import GATHERING, gathered, go_on
from acr._shells.http import KEPT, LOST, MOST_CONNECTIONS, UNSENDABLE, Network, failed, pieces
from acr._shells.patience import Patience
from acr._shells.pools import Pool, Way
from acr._shells.sockets import Call, Connection, Sockets
from acr._shells.stepping import iterate, run
from acr._shells.tunnels import by_way_of
from acr._values.arguments import check_function, wrong_kind
from acr._values.reference import Endpoint
from acr.errors import CredentialError, InvalidInput

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    import httpx

    from acr._shells.foreign import Foreign

    Transport: TypeAlias = httpx.BaseTransport
else:
    Transport = object  # for `typing.get_type_hints`: httpx is loaded for those who bring a transport

P = ParamSpec("P")
T = TypeVar("T")


def _run(task: Callable[[], Awaitable[T]]) -> T:
    return run(task())


class _Process:
    """Stands for this process: another one for each child."""


class BlockingRuntime:
    """Implements `acr._core.runtime.Runtime` with blocking calls.

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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_function("clock", clock)
        check_function("sleep", sleep)
        self._network = network
        self._fixed = None if transport is None else _foreign(transport)
        self._pools: dict[Endpoint, Pool] = {}
        self._making = Lock()
        self._sockets = Sockets()
        self._home = _Process()
        self._closed = False
        self._clock = clock
        self._sleep = sleep
        renew_in_children(self)

    def renew(self) -> None:
        for pool in self._pools.values():
            pool.leave()
        self._pools = {}
        self._home = _Process()

    @property
    def home(self) -> object:
        find_out()
        return self._home

    async def send(self, request: Outgoing) -> Answer:
        go_on()
        stop = GATHERING.stop
        if stop is None:
            return await self._send(request, None)
        call = stop.begin()
        end = partial(stop.end, call)
        try:
            with self._sockets.calling(call):
                return await self._send(request, end)
        except BaseException:
            end()
            raise

    def send_for(self, call: Call, request: Outgoing) -> Answer:
        """Send in this thread, so that another one can put an end to it."""
        with self._sockets.calling(call):
            try:
                return run(self.send(request))
            finally:
                call.end()

    async def _send(self, request: Outgoing, end: Callable[[], None] | None) -> Answer:
        """Send; the answer calls `end` when it is closed."""
        home = self.home
        if self._closed:
            raise InvalidInput("the client is closed")
        watch = self._network.watch(request, self._clock)
        try:
            extensions = watch.extensions(is_ours=self._fixed is None)
            patience = Patience.of(self._network.timeouts.read, watch)
            outgoing = self._network.outgoing(request, _content(request.content), extensions)
            if self._fixed is not None:
                self._fixed.stay(home)
                leave = None if end is None else (lambda _: end())
                return Answer(request, self._fixed.send(outgoing, watch), leave, patience)
            pool = self._pool_to(request.endpoint)
            way = pool.take(watch.wait(self._network.timeouts.pool).seconds)
            try:
                response = way.handle_request(outgoing)
            except BaseException:
                # httpcore takes a tunnel whose TLS handshake failed for busy, and would wait for it.
                pool.give_back(way, is_well=False)
                raise
            keep = way.keep if isinstance(way, Connection) else None
            answer = Answer(request, response, partial(_leave, pool, way, end), patience, keep)
            if self._closed:  # meanwhile, by another thread, which could not know of this connection
                await answer.aclose()
                raise InvalidInput("the client is closed")
            return answer
        except (*LOST, *UNSENDABLE) as error:
            go_on()  # it may have been cut
            proxy = self._network.proxy_for(request.endpoint) if self._fixed is None else None
            raise failed(request, error, watch, proxy) from (None if isinstance(error, UNSENDABLE) else error)

    async def connect(self, endpoint: Endpoint, deadline: float | None) -> None:
        go_on()
        if self._fixed is not None or self._closed:
            return
        pool = self._pool_to(endpoint)
        with suppress(*LOST, *UNSENDABLE), self._stoppable():
            way = pool.take(0)
            is_well = False
            try:
                if isinstance(way, Connection):
                    way.connect(self._network.to_connect(deadline, self._clock))
                is_well = True
            finally:
                pool.give_back(way, is_well=is_well)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """What this thread waits for meanwhile can be cut by a stop of its gather."""
        stop = GATHERING.stop
        if stop is None:
            yield
            return
        call = stop.begin()
        try:
            with self._sockets.calling(call):
                yield
        finally:
            stop.end(call)

    async def sleep(self, seconds: float) -> None:
        stop = GATHERING.stop
        if stop is not None and self._sleep is time.sleep:
            stop.wait(seconds)
        else:
            self._sleep(seconds)
        go_on()

    def now(self) -> float:
        return self._clock()

    def lock(self) -> AbstractAsyncContextManager[None]:
        return _Lock()

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        go_on()
        return function(*args, **kwargs)

    def thread(self) -> Executor:
        from acr._shells.beside import Beside  # not needed by most programs

        return Beside()

    async def result(self, future: Future[T]) -> T:
        go_on()
        return future.result()

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            result.close()
            raise CredentialError("an async credential needs AsyncRegistry; Registry takes the one of azure.identity")
        return result

    async def to_the_end(
        self, task: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
    ) -> T:
        stop, GATHERING.stop = GATHERING.stop, None
        try:
            return await task()
        finally:
            GATHERING.stop = stop

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
        if len(tasks) < 2:
            return [await _with_line(task, lines) for task in tasks]
        from acr._shells.room import Room  # not needed by most programs

        room = Room(limit, len(tasks), width, sizes, large, lines)
        return gathered([partial(_run, task) for task in tasks], room, limit)

    async def aclose(self) -> None:
        self._closed = True
        home = self.home
        with self._making:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        if self._fixed is not None and self._fixed.is_of(home):
            self._fixed.close()

    def _pool_to(self, place: Endpoint) -> Pool:
        pool = self._pools.get(place)
        if pool is not None:
            return pool
        with self._making:
            pool = self._pools.get(place)
            if pool is None:
                proxy = self._network.proxy_for(place)
                make = partial(_way, self._sockets, place, self._network.context_for(place, proxy), proxy)
                pool = self._pools[place] = Pool(make, MOST_CONNECTIONS, self._clock)
            return pool


def _way(sockets: Sockets, place: Endpoint, context: ssl.SSLContext, proxy: str | None) -> Way:
    if proxy is not None:
        return by_way_of(proxy, context, sockets)
    url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port)
    return Connection(url.origin, context, KEPT, sockets)


async def _with_line(task: Callable[[], Awaitable[T]], lines: Lines | None) -> T:
    """Run a task by itself; it has one of the connections meanwhile."""
    if lines is None:
        return await task()
    lines.take(must=True)
    try:
        return await task()
    finally:
        lines.give_back()


def _leave(pool: Pool, way: Way, end: Callable[[], None] | None, is_well: bool) -> None:
    if end is not None:
        end()  # before another call has the connection
    pool.give_back(way, is_well=is_well)


def _foreign(transport: Transport) -> Foreign:
    if not callable(getattr(transport, "handle_request", None)):
        raise wrong_kind("transport", transport, "an httpx.BaseTransport, such as httpx.HTTPTransport()")
    from acr._shells.foreign import Foreign

    return Foreign(transport)


def _content(content: bytes | Body | None) -> Iterator[bytes] | None:
    if content is None:
        return None
    return iterate(aiter(content)) if isinstance(content, Body) else pieces(content)


class _Lock:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._lock.release()

"""Connections: the async shell's way to one place, of httpcore's parts, on asyncio's own streams.

Made of httpcore's public connection and network backend, without its pool and without anyio, which together take about
half of the time of a small request (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import httpcore

from acr._forks import close_in_children
from acr._shells.http import CONNECTING, READING, WRITING
from acr._shells.patience import Patience
from acr._values.reference import Endpoint

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket

_DELAY: Final = 0.25
"""Seconds after which the next address of a host is tried beside the one before (RFC 8305, section 5)."""

_MUCH: Final = 64 * 1024
"""Bytes before and after whose sending it is seen whether an answer has come."""

_LEFT: Final = 64 * 1024
"""Bytes of an answer that are read from a connection that was lost."""


class Connection:
    """One connection to one place, for one request at a time. It is made again when it is gone.

    Args:
        origin: the place.
        context: for TLS.
        keepalive: seconds that it may be idle.
    """

    def __init__(self, origin: httpcore.Origin, context: ssl.SSLContext, keepalive: float) -> None:
        self._origin = origin
        self._context = context
        self._keepalive = keepalive
        self._connection: httpcore.AsyncConnectionInterface | None = None
        self._fresh: tuple[float, _Stream] | None = None  # connected, since when, and not used yet

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        connection = await self._ready()
        return await connection.handle_async_request(request)

    async def connect(self, timeout: float | None) -> None:  # noqa: ASYNC109 - as httpcore calls it
        """Connect before there is a request.

        Args:
            timeout: seconds for TCP, and as many for TLS.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: it cannot be done.
        """
        if self._connection is not None or self._fresh is not None:
            return
        host = self._origin.host.decode("ascii")
        stream = await AsyncSockets().connect_tcp(host, self._origin.port, timeout)
        if self._origin.scheme == b"https":
            self._context.set_alpn_protocols(["http/1.1"])  # as httpcore does
            stream = await stream.start_tls(self._context, host, timeout)
        self._fresh = time.monotonic(), stream

    async def aclose(self) -> None:
        """Close it."""
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            await fresh[1].aclose()
        if self._connection is not None:
            await self._connection.aclose()

    async def _ready(self) -> httpcore.AsyncConnectionInterface:
        if self._fresh is not None:
            since, stream = self._fresh
            # What has come of its own accord is no answer to what is asked next: mostly it is the end.
            is_well = time.monotonic() - since < self._keepalive and not await stream.has_come()
            self._fresh = None
            if is_well:
                self._connection = httpcore.AsyncHTTP11Connection(self._origin, stream, self._keepalive)
                return self._connection
            await stream.aclose()
        old = self._connection
        # A task that was cancelled while it let go of it may have left it in the midst of something.
        if old is not None and old.is_idle() and not (old.is_closed() or old.has_expired()):
            return old
        if old is not None:
            await old.aclose()
        self._connection = httpcore.AsyncHTTPConnection(
            self._origin,
            ssl_context=self._context,
            keepalive_expiry=self._keepalive,
            network_backend=AsyncSockets(),
        )
        return self._connection


class AsyncSockets(httpcore.AsyncNetworkBackend):
    """TCP, by asyncio's streams."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        patience = Patience.given(timeout)
        wait = patience.wait()
        with CONNECTING:
            async with asyncio.timeout(wait.seconds):
                # As asyncio.open_connection does it, but with a reader of our own.
                loop = asyncio.get_running_loop()
                reader = _Reader(loop=loop)
                protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
                # This machine refuses at once if nothing listens there. And asyncio may lose a socket, until it is
                # collected, when it is cancelled while it races.
                # uvloop knows no such delay.
                races = isinstance(loop, asyncio.BaseEventLoop) and not Endpoint("http", host, port).is_loopback
                options: dict[str, Any] = {"happy_eyeballs_delay": _DELAY} if races else {}
                transport, _ = await loop.create_connection(lambda: protocol, host, port, **options)
        reader.source = transport.get_extra_info("socket")
        close_in_children(reader.source)
        return _Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop), patience)


class _Reader(asyncio.StreamReader):
    """Tells whether something has come that was not read, and gives it even if the connection was lost thereafter.

    asyncio's own forgets it: the answer of a server that refuses a large request, and resets the connection. If asyncio
    writes before it reads, that answer is still in the socket.
    """

    unread = 0
    source: TransportSocket | None = None
    """The socket that carries what is said, and nothing else; None if it carries TLS, or has come to its end."""
    _lost: Exception | None = None

    def feed_data(self, data: Any) -> None:
        self.unread += len(data)
        super().feed_data(data)

    def feed_eof(self) -> None:
        self.source = None
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        if self.source is not None:
            with suppress(OSError), socket.fromfd(self.source.fileno(), self.source.family, self.source.type) as left:
                left.setblocking(False)  # whatever `socket.setdefaulttimeout` says
                self.feed_data(left.recv(_LEFT))
        if self.unread:
            self._lost = exc
        else:
            super().set_exception(exc)

    async def read(self, n: int = -1) -> bytes:
        data = await super().read(n)
        self.unread -= len(data)
        if self._lost is not None and not self.unread:
            super().set_exception(self._lost)
        return data


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter, patience: Patience) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience  # of who made it, for the handshake of SOCKS, which httpcore gives no time-out

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        wait = Patience.given(timeout, self._patience).wait()
        with READING:
            async with asyncio.timeout(wait.seconds):
                data = await self._reader.read(max_bytes)
        return wait.came(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        if not buffer:
            return
        patience = Patience.given(timeout, self._patience)
        with WRITING:
            if len(buffer) >= _MUCH and self.get_extra_info("is_readable"):
                await _see_what_came()
            self._writer.write(buffer)
            # Mostly the socket takes a small piece, such as the head of a request, at once.
            is_drained = len(buffer) < _MUCH and not (self._unsent() or self._writer.is_closing())
            while not is_drained:
                wait, before = patience.wait(), self._unsent()
                try:
                    async with asyncio.timeout(wait.seconds):
                        await self._writer.drain()
                    is_drained = True
                except TimeoutError:
                    if self._unsent() >= before:
                        raise
                wait.moved(before - self._unsent())
        if len(buffer) >= _MUCH:
            await _see_what_came()

    async def aclose(self) -> None:
        # The end of TLS is said, and its answer not waited for: the event loop may end before it comes, and asyncio
        # would then find the connection unclosed.
        self._writer.close()
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> _Stream:
        patience = Patience.given(timeout, self._patience)
        patience.watch.begin()  # what came before, if anything, was the answer of a proxy
        wait = patience.wait()
        self._reader.source = None
        with CONNECTING:
            try:
                async with asyncio.timeout(wait.seconds):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
            except BaseException:
                self._writer.close()
                raise
        return self

    async def has_come(self) -> bool:
        """Whether something has come that nobody asked for. What TLS sends for itself, a ticket, does not count."""
        await _see_what_came()
        return self._has_come()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: then it was closed, maybe with some last words
            return self._has_come() or _has_unread(self._writer.get_extra_info("socket").fileno())
        return self._writer.get_extra_info({"ssl_object": "ssl_object", "socket": "socket"}.get(info, info))

    def _has_come(self) -> bool:
        reader = self._reader
        is_read = reader.unread > 0 or reader.at_eof() or reader.exception() is not None
        return is_read or self._writer.is_closing()

    def _unsent(self) -> int:
        return self._writer.transport.get_write_buffer_size()


def _has_unread(socket: int) -> bool:
    """Whether something has come that the event loop has not read, because other code kept it busy."""
    if not hasattr(select, "poll"):  # on Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()  # a selector of the standard library takes five times as long
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


async def _see_what_came() -> None:
    """Let the event loop read: in one turn it hears of what has come, and in the next it has read it.

    A server may answer before it has the whole body, and reset the connection. If asyncio then wrote on at once, it
    would find the connection lost, and close it with the answer in it.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)

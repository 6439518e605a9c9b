"""Sockets: the blocking shell's connections, of httpcore's parts; another thread can cut one that is waited for.

And what is sent is not copied: httpcore copies the rest of a piece each time that the socket takes a part of it.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpcore

from acr._forks import close_in_children
from acr._shells.http import READING, WRITING
from acr._shells.patience import Patience

_RECORDS: Final = 64 * 1024
"""Bytes that TLS sends at once. With more of them the time-out of one wait would be for more than one wait."""

_FAIR: Final = 2.0
"""Seconds that each address of a host is given, if there are so many."""


class Call:
    """A blocking request in one thread that another thread can abort."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: httpcore.NetworkStream | None = None
        self._over = False
        self._is_cut = False

    def cut(self) -> None:
        """End the connection that the call waits for. After the call it does nothing: another call may have it then."""
        with self._lock:
            self._is_cut = True
            sock = None if self._over or self._stream is None else self._stream.get_extra_info("socket")
            if sock is not None:
                shut(sock)

    def use(self, stream: httpcore.NetworkStream) -> None:
        """It goes on with this connection. Raises httpcore.ReadError if it was cut before it had one."""
        with self._lock:
            self._stream = stream
            if self._is_cut:
                raise httpcore.ReadError("nobody waits for it any more")

    def end(self) -> None:
        """It is over: its connection is not to be cut any more."""
        with self._lock:
            self._over = True


class Sockets(httpcore.NetworkBackend):
    """TCP as httpcore has it, with a time-out that is for all addresses of a host together."""

    def __init__(self) -> None:
        self._tcp = httpcore.SyncBackend()
        self._local = threading.local()

    @contextmanager
    def calling(self, call: Call) -> Iterator[None]:
        """What this thread waits for meanwhile is the call."""
        outer = getattr(self._local, "call", None)  # an upload, whose source is downloaded meanwhile
        self._local.call = call
        try:
            yield
        finally:
            self._local.call = outer

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        try:
            addresses = list(dict.fromkeys(found[4][0] for found in socket.getaddrinfo(host, port)))
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        patience = Patience.given(timeout)
        seconds = patience.wait().seconds
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            address = addresses.pop(0)
            left = None if end is None else max(0.001, end - time.monotonic())
            if (
                left is not None and addresses
            ):  # as Go divides it, so that one that is silent leaves time for the others
                left = min(left, max(left / (len(addresses) + 1), _FAIR))
            try:
                stream = self._tcp.connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise
            else:
                close_in_children(stream.get_extra_info("socket"))
                return _Stream(stream, self._local, patience)


class Connection:
    """One connection to one place, for one request at a time. It is made again when it is gone.

    Args:
        origin: the place.
        context: for TLS.
        keepalive: seconds that it may be idle.
        sockets: makes the TCP connections.
    """

    def __init__(self, origin: httpcore.Origin, context: ssl.SSLContext, keepalive: float, sockets: Sockets) -> None:
        self._origin = origin
        self._context = context
        self._keepalive = keepalive
        self._sockets = sockets
        self._connection: httpcore.ConnectionInterface | None = None
        self._kept: tuple[float, _Stream] | None = None  # since when

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        return self._ready().handle_request(request)

    def connect(self, timeout: float | None) -> None:
        """Connect before there is a request.

        Args:
            timeout: seconds for TCP, and as many for TLS.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: it cannot be done.
        """
        if self._connection is not None or self._kept is not None:
            return
        host = self._origin.host.decode("ascii")
        stream = self._sockets.connect_tcp(host, self._origin.port, timeout)
        if self._origin.scheme == b"https":
            self._context.set_alpn_protocols(["http/1.1"])  # as httpcore does
            try:
                stream = stream.start_tls(self._context, host, timeout)
            except BaseException:
                stream.close()
                raise
        self._kept = time.monotonic(), stream

    def keep(self, stream: object) -> None:
        """Go on with a stream whose last answer was read to its end from the socket itself.

        httpcore takes that answer for one that is still to be read, and closes the stream with it. So the socket moves
        to a new stream, and the next request to a new connection on that.
        """
        if isinstance(stream, _Stream):
            self._kept = time.monotonic(), stream.moved()

    def close(self) -> None:
        """Close it."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[1].close()
        if self._connection is not None:
            self._connection.close()

    def _ready(self) -> httpcore.ConnectionInterface:
        old, kept = self._connection, self._kept
        if kept is None and old is not None and old.is_idle() and not (old.is_closed() or old.has_expired()):
            return old
        self._kept = None
        if old is not None:
            old.close()
        self._connection = self._new(*kept) if kept is not None else self._new()
        return self._connection

    def _new(self, since: float = 0.0, kept: _Stream | None = None) -> httpcore.ConnectionInterface:
        if kept is not None:
            # What has come of its own accord is no answer to what is asked next: mostly it is the end.
            if time.monotonic() - since < self._keepalive and not kept.has_come():
                return httpcore.HTTP11Connection(self._origin, kept, self._keepalive)
            kept.close()
        return httpcore.HTTPConnection(
            self._origin,
            ssl_context=self._context,
            keepalive_expiry=self._keepalive,
            network_backend=self._sockets,
        )


class _Stream(httpcore.NetworkStream):
    """A connection, or TLS on it."""

    _has_moved = False

    def __init__(self, stream: httpcore.NetworkStream, local: threading.local, patience: Patience) -> None:
        self._stream = stream
        self._local = local
        self._patience = patience  # of who made it, for the handshake of SOCKS, which httpcore gives no time-out
        self._own = own_socket(stream)

    def moved(self) -> _Stream:
        """The connection as a new stream. To close this one does nothing any more."""
        self._has_moved = True
        return _Stream(self._stream, self._local, self._patience)

    def has_come(self) -> bool:
        """Whether something has come that nobody asked for. What TLS sends for itself, a ticket, does not count."""
        if not self.get_extra_info("is_readable"):
            return False
        if isinstance(self._own, ssl.SSLSocket):
            self._own.settimeout(0)
            with suppress(OSError):
                try:
                    self._own.recv(1)
                except ssl.SSLWantReadError:
                    return False
        return True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._note()
        wait = Patience.given(timeout, self._patience).wait()
        sock = self._own
        if sock is None:
            return wait.came(self._stream.read(max_bytes, wait.seconds))
        with READING:
            allow(sock, wait.seconds)
            return wait.came(sock.recv(max_bytes))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:  # httpcore writes the end of a body, which is nothing, as well
            return
        self._note()
        left, sock = memoryview(buffer), self._own
        patience = Patience.given(timeout, self._patience)
        if sock is None:
            wait = patience.wait()
            self._stream.write(buffer, wait.seconds)
            wait.moved(len(left))
            return
        most = _RECORDS if isinstance(sock, ssl.SSLSocket) else len(left)
        with WRITING:
            while left:
                wait = patience.wait()
                allow(sock, wait.seconds)
                count = sock.send(left[:most])
                wait.moved(count)
                left = left[count:]

    def close(self) -> None:
        if not self._has_moved:
            self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        self._note()
        patience = Patience.given(timeout, self._patience)
        patience.watch.begin()  # what came before, if anything, was the answer of a proxy
        stream = self._stream.start_tls(ssl_context, server_hostname, patience.wait().seconds)
        close_in_children(stream.get_extra_info("socket"))
        return _Stream(stream, self._local, patience)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _note(self) -> None:
        call: Call | None = getattr(self._local, "call", None)
        if call is not None:
            call.use(self)


def own_socket(stream: httpcore.NetworkStream) -> socket.socket | None:
    """The socket that carries what is said, and nothing else; None if there is none.

    An SSLObject is TLS on top of another connection: then the socket carries what is still encrypted.
    """
    sock = stream.get_extra_info("socket")
    if isinstance(sock, socket.socket) and not isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
        return sock
    return None


def allow(sock: socket.socket, seconds: float | None) -> None:
    """Let a socket wait for so long.

    To tell it what it knows would be a system call, in which another thread gets Python's lock: with many threads a
    request takes longer for each. The socket is asked, since others set its time-out as well.
    """
    if sock.gettimeout() != seconds:
        sock.settimeout(seconds)


def shut(sock: socket.socket) -> None:
    """Shut the socket down, so that a thread blocked on it gets an error."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)

"""Sockets: the blocking shell's connections, of httpcore's parts; another thread can cut one that is waited for.

And what is sent is not copied: httpcore copies the rest of a piece each time that the socket takes a part of it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpcore

from acr._forks import close_in_children

_LARGE: Final = 64 * 1024


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
        """It goes on with this connection. Raises httpcore.ReadError where it was cut before it had one."""
        with self._lock:
            self._stream = stream
            if self._is_cut:
                raise httpcore.ReadError("nobody waits for it any more")

    def end(self) -> None:
        """It is over: its connection is not to be cut any more."""
        with self._lock:
            self._over = True


class Sockets(httpcore.NetworkBackend):
    """TCP as httpcore has it."""

    def __init__(self) -> None:
        self._tcp = httpcore.SyncBackend()
        self._local = threading.local()

    @contextmanager
    def calling(self, call: Call) -> Iterator[None]:
        """What this thread waits for meanwhile is the call."""
        self._local.call = call
        try:
            yield
        finally:
            self._local.call = None
            call.end()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._tcp.connect_tcp(host, port, timeout, local_address, socket_options)
        close_in_children(stream.get_extra_info("socket"))
        return _Stream(stream, self._local)


class _Stream(httpcore.NetworkStream):
    """A connection, or TLS on it."""

    def __init__(self, stream: httpcore.NetworkStream, local: threading.local) -> None:
        self._stream = stream
        self._local = local

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._note()
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._note()
        sock = self.get_extra_info("socket")
        if len(buffer) < _LARGE or not isinstance(sock, socket.socket):
            self._stream.write(buffer, timeout)
            return
        left = memoryview(buffer)
        try:
            sock.settimeout(timeout)
            while left:
                left = left[sock.send(left) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._note()
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        close_in_children(stream.get_extra_info("socket"))
        return _Stream(stream, self._local)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _note(self) -> None:
        call: Call | None = getattr(self._local, "call", None)
        if call is not None:
            call.use(self)


def shut(sock: socket.socket) -> None:
    """Shut the socket down, so that a thread blocked on it gets an error."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)

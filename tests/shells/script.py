"""A server of raw bytes on a real socket: what it does with each request is scripted by the test."""

from __future__ import annotations

import hashlib
import random
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import attrs

import acr

_PATIENCE: Final = 5.0
"""Seconds after which a test has failed that waits for something."""

CONTENT: Final = random.Random(5).randbytes(1024 * 1024 + 4321)
"""A body that is worth the direct way."""

ONCE: Final = acr.Retries(limit=0)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def head(size: int, *more: str, status: str = "200 OK") -> bytes:
    """The head of an answer with a body of that size."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", *more, "", ""]).encode()


@attrs.frozen
class Asked:
    """A request, as far as it was read: its body is not."""

    number: int
    """Of the connection that it came on, from 0."""
    method: str
    target: str
    headers: Mapping[str, str]


class Peer:
    """The server's end of one connection."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self._socket = sock
        self._came = b""
        self.is_open = True

    def greet(self) -> None:
        """The handshake, if there is TLS."""
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.do_handshake()
            except AttributeError:  # of Python's own, if the test ends and closes the socket just then
                if self.is_open:
                    raise

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own, as far as that can be said."""
        for piece in pieces:
            self._socket.sendall(piece)

    def close(self) -> None:
        self.is_open = False
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reset(self) -> None:
        """Close it with an RST, as a router does that has forgotten it."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_open = False
        self._socket.close()

    def has_come(self) -> bool:
        """Whether something has come, or does so very soon."""
        return bool(select.select([self._socket], [], [], 0.005)[0])

    def is_left(self) -> bool:
        """Whether the client closes it, without having sent anything more."""
        try:
            return self._socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True  # with an RST: not all was read

    def read(self, size: int) -> bytes:
        """That many bytes of a request's body."""
        while len(self._came) < size:
            self._came += self._more()
        body, self._came = self._came[:size], self._came[size:]
        return body

    def next(self) -> Asked | None:
        """The next request; None where the client has gone."""
        while b"\r\n\r\n" not in self._came:
            try:
                self._came += self._more()
            except OSError:
                return None
        top, _, self._came = self._came.partition(b"\r\n\r\n")
        line, *rows = top.decode().split("\r\n")
        method, target, _ = line.split()
        pairs = (row.partition(":") for row in rows)
        return Asked(self.number, method, target, {name.lower(): value.strip() for name, _, value in pairs})

    def _more(self) -> bytes:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the client has gone")
        return piece


Play = Callable[[Peer, Asked], None]
"""What is done with one request."""


class Script:
    """A server that plays one part for each request, in the order of their arrival. Use it as a context manager.

    Asked for /v2/ it says 200, which is no part of the script. The test fails if nobody asks for one of several parts.

    Args:
        parts: for one request each; the last is for all that follow, too.
        host: where it listens.
        tls: files of a certificate and its key.
        window: bytes that it takes in unread, or None for what the system thinks is right.
        greets: whether it answers /v2/ by itself; False if that is part of the script, too.
    """

    def __init__(
        self,
        *parts: Play,
        host: str = "127.0.0.1",
        tls: tuple[Path, Path] | None = None,
        window: int | None = None,
        greets: bool = True,
    ) -> None:
        self.asked: list[Asked] = []
        self.arrivals = threading.Semaphore(0)
        self.greeted = threading.Semaphore(0)  # connections that are made, TLS and all
        self.rejects = 0  # connections that are closed at once, behind the first
        self.rejected = threading.Semaphore(0)
        self.spoils: Callable[[Peer], None] | None = None
        """What is done once, with a connection that is asked for nothing while another one is."""
        self.is_spoilt = threading.Event()
        self.may_greet: threading.Event | None = None
        """Until then no connection is greeted."""
        self._greets = greets
        self._parts = list(parts)
        self._count = len(parts)
        self._lock = threading.Lock()
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        if window is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._problems: list[Exception] = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_PATIENCE)
        for peer in self._peers:  # also one whose handshake is under way: its thread waits in it
            peer.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive()
        if self._problems and exc_info[0] is None:
            raise self._problems[0]
        if self._count > 1 and exc_info[0] is None:
            assert len(self.asked) >= self._count, f"{len(self.asked)} of {self._count} parts were played"

    @property
    def connections(self) -> list[int]:
        """The connection of each request of the script."""
        return [asked.number for asked in self.asked]

    def wait(self, requests: int = 1) -> None:
        """Wait until that many more requests of the script have come."""
        for _ in range(requests):
            assert self.arrivals.acquire(timeout=_PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._peers and self.rejects:
                self.rejects -= 1
                sock.close()
                self.rejected.release()
                continue
            sock.settimeout(_PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                try:
                    sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                except OSError:  # it has gone already
                    sock.close()
                    continue
            peer = Peer(len(self._peers), sock)
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        try:
            if self.may_greet is not None:
                self.may_greet.wait(_PATIENCE)
            peer.greet()
            self.greeted.release()
            if self.spoils is not None and self._is_idle(peer):
                spoil, self.spoils = self.spoils, None
                spoil(peer)
                self.is_spoilt.set()
            while peer.is_open and (asked := peer.next()):
                if self._greets and asked.target.endswith("/v2/"):
                    peer.send(head(2) + b"{}")
                    continue
                with self._lock:
                    self.asked.append(asked)
                    part = self._parts.pop(0) if len(self._parts) > 1 else self._parts[0]
                self.arrivals.release()
                part(peer, asked)
        except OSError:  # the client has gone, or dislikes the certificate: the test sees what it makes of that
            pass
        except Exception as problem:  # noqa: BLE001 - raised where the test can see it
            self._problems.append(problem)
        finally:
            peer.close()

    def _is_idle(self, peer: Peer) -> bool:
        """Wait until one connection is asked for something, and tell whether it is another one."""
        while not peer.has_come():
            if self.asked:
                return True
        return False


def gives(*pieces: bytes, end: Play | None = None) -> Play:
    """Sends these bytes, and keeps the connection, or ends as it is told."""

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(*pieces)
        if end is not None:
            end(peer, asked)

    return play


def blob(content: bytes, end: Play | None = None, *, stop: int | None = None) -> Play:
    """Sends a blob, or the range of it that is asked for.

    Args:
        content: the blob.
        end: what is done when it is sent.
        stop: send no byte of the blob from here on.
    """

    def play(peer: Peer, asked: Asked) -> None:
        start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        place = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}"
        status = ("206 Partial Content", place) if start else ("200 OK",)
        peer.send(head(len(content) - start, *status[1:], status=status[0]) + content[start:stop])
        if end is not None:
            end(peer, asked)

    return play


def closes(peer: Peer, _: Asked) -> None:
    peer.close()


def resets(peer: Peer, _: Asked) -> None:
    peer.reset()


def falls_silent(peer: Peer, _: Asked) -> None:
    """Says nothing more until the client leaves, which it must."""
    assert peer.is_left()
    peer.close()


def ranges(asked: Iterable[Asked]) -> list[str | None]:
    return [one.headers.get("range") for one in asked]

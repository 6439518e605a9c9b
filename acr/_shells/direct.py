"""Direct: a large body read from the socket into buffers of the caller's, past httpcore and h11.

That is about twice as fast as their way, which makes and copies a `bytes` for every 64 KiB (benchmarks/RESULTS.md). It
uses public names only (httpcore's `network_stream` extension and its `get_extra_info("socket")`), yet no one has
promised that nothing is read ahead between the head and the body: so `Direct.of` looks at all that it depends on, and
gives None if anything is not as it should be. Then the body is read in the ordinary way. When all of it was read,
`Connection` goes on with the socket.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final

import httpcore

from acr._shells.http import LOST
from acr._shells.patience import Patience, Wait
from acr._shells.sockets import allow, own_socket

WORTH: Final = 1024 * 1024
"""Bytes of a body that is worth it."""


class Direct:
    """The body of an answer, read from its socket.

    Args:
        held: the ordinary way to the body. It is kept, since the socket is closed when it ends.
        first: what it gave first: all that came together with the head.
        sock: the connection.
        missing: bytes that are still to come behind the first.
        patience: for the next of them.
    """

    def __init__(
        self, held: Iterator[bytes], first: bytes, sock: socket.socket, missing: int, patience: Patience
    ) -> None:
        self._held = held
        self._first = memoryview(first)
        self._socket = sock
        self._missing = missing
        self._patience = patience
        self._failure: Exception | None = None

    @classmethod
    def of(cls, response: httpcore.Response, headers: Mapping[str, str], timeout: float | None) -> Direct | None:
        """The way to the body of an answer, if it can be read so. Its head was read, and nothing of its body.

        Args:
            response: the answer.
            headers: its headers, names in lower case.
            timeout: seconds to wait for the next bytes; `Patience`, for what comes in a call.

        Raises:
            Exception: one of LOST: the body's first bytes did not come.
        """
        length = headers.get("content-length", "")
        plain = (
            response.extensions.get("http_version") == b"HTTP/1.1"
            and "transfer-encoding" not in headers
            and length.isdecimal()
            and int(length) >= WORTH
        )
        stream = response.extensions.get("network_stream")
        if not plain or stream is None:
            return None
        sock = own_socket(stream)
        if sock is None:
            return None
        held = response.iter_stream()
        first = next(held, b"")
        return cls(held, first, sock, int(length) - len(first), Patience.given(timeout))

    @property
    def is_read(self) -> bool:
        """Whether all of the body was read, so that the connection is free."""
        return not (self._missing or self._first or self._failure)

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes. An error is raised when there is nothing to give before it.

        Raises:
            TimeoutError: nothing came in time.
            OSError: the connection was lost.
            EOFError: it was closed before all had come.
            httpcore.TimeoutException: it comes too slowly, or the call must be over.
        """
        if self._failure is not None:  # asked again, the socket would wait anew, or forget that it was reset
            raise self._failure
        filled = min(len(self._first), len(buffer))
        buffer[:filled] = self._first[:filled]
        self._first = self._first[filled:]
        end = min(len(buffer), filled + self._missing)
        wait: Wait | None = None
        while filled < end:
            try:
                if wait is None or wait.is_bounded:
                    wait = self._patience.wait()
                    allow(self._socket, wait.seconds)
                count = self._socket.recv_into(buffer[filled:end])
                if not count:
                    raise EOFError(f"closed {self._missing} bytes before its end")
                wait.moved(count)
            except (OSError, EOFError, httpcore.TimeoutException) as error:
                if not filled:
                    raise
                self._failure = error
                break
            filled += count
            self._missing -= count
        return filled


class Buffered:
    """The body of an answer in the ordinary way, with the same manners."""

    def __init__(self, held: Iterator[bytes]) -> None:
        self._held = held
        self._left = memoryview(b"")
        self._failure: Exception | None = None

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes. An error is raised when there is nothing to give before it.

        Raises:
            Exception: one of LOST: the connection was lost, or timed out.
        """
        if self._failure is not None:
            raise self._failure
        filled = 0
        while filled < len(buffer):
            if not self._left:
                try:
                    piece = next(self._held, None)
                except LOST as error:
                    if not filled:
                        raise
                    self._failure = error
                    break
                if piece is None:
                    break
                self._left = memoryview(piece)
            count = min(len(self._left), len(buffer) - filled)
            buffer[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
        return filled

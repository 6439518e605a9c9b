"""Foreign: transports of httpx that callers pass. Here they take httpcore's requests, and raise its errors.

Nothing else uses httpx, which takes some 15 ms to load. So this file is loaded when a caller passes a transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final, cast

import httpcore
import httpx

from acr._forks import close_in_children
from acr._shells.http import NO_TLS
from acr._shells.patience import Wait, Watch
from acr.errors import InvalidInput

_SAME: Final[Mapping[type, type[Exception]]] = {
    httpx.ConnectTimeout: httpcore.ConnectTimeout,
    httpx.ReadTimeout: httpcore.ReadTimeout,
    httpx.WriteTimeout: httpcore.WriteTimeout,
    httpx.PoolTimeout: httpcore.PoolTimeout,
    httpx.TimeoutException: httpcore.TimeoutException,
    httpx.ConnectError: httpcore.ConnectError,
    httpx.ReadError: httpcore.ReadError,
    httpx.WriteError: httpcore.WriteError,
    httpx.ProxyError: httpcore.ProxyError,
    httpx.LocalProtocolError: httpcore.LocalProtocolError,
    httpx.ProtocolError: httpcore.RemoteProtocolError,
    httpx.UnsupportedProtocol: httpcore.UnsupportedProtocol,
    ssl.SSLCertVerificationError: httpcore.ConnectError,  # as httpcore 1.0.0 leaves it in async code
}

_WITHOUT_CONNECTIONS: Final = (httpx.MockTransport, httpx.WSGITransport, httpx.ASGITransport)


class Foreign:
    """A transport of httpx that takes httpcore's requests, and raises its errors."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._home: object = None

    def send(self, request: httpcore.Request, watch: Watch) -> httpcore.Response:
        """Send a request, and wait for the head of its answer. Nothing can stop it before that comes."""
        content = iter(cast("Iterable[bytes]", request.stream)) if _has_body(request) else None
        with _mapped():
            response = self._transport.handle_request(_outgoing(request, content))
        incoming = _incoming(response, _Stream(cast("httpx.SyncByteStream", response.stream), watch))
        _close_in_children(incoming)
        incoming.extensions.pop("network_stream", None)  # so that nobody reads past the transport
        return incoming

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def is_of(self, home: object) -> bool:
        """Whether it can be used in this process."""
        return _is_of(self._transport, self._home, home)

    def stay(self, home: object) -> None:
        """Use it in this process, and no other. Raises InvalidInput."""
        self._home = _stayed(self._transport, self._home, home)


class AsyncForeign:
    """The same, async."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._home: object = None

    async def send(self, request: httpcore.Request, watch: Watch) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        content = aiter(cast("AsyncIterable[bytes]", request.stream)) if _has_body(request) else None
        async with _in_time(watch):
            with _mapped():
                response = await self._transport.handle_async_request(_outgoing(request, content))
        incoming = _incoming(response, _AsyncStream(cast("httpx.AsyncByteStream", response.stream), watch))
        _close_in_children(incoming)
        return incoming

    async def aclose(self) -> None:
        """Close it."""
        await self._transport.aclose()

    def is_of(self, home: object) -> bool:
        """Whether it can be used in this event loop."""
        return _is_of(self._transport, self._home, home)

    def stay(self, home: object) -> None:
        """Use it in this event loop, and no other. Raises InvalidInput."""
        self._home = _stayed(self._transport, self._home, home)


class _Stream:
    """The body of an answer."""

    def __init__(self, stream: httpx.SyncByteStream, watch: Watch) -> None:
        self._stream = stream
        self._watch = watch

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self._stream)
        while True:
            wait = self._watch.wait(None)
            with _mapped():
                piece = next(pieces, None)
            if piece is None:
                return
            wait.moved(len(piece))
            yield piece

    def close(self) -> None:
        self._stream.close()


class _AsyncStream:
    """The same, async."""

    def __init__(self, stream: httpx.AsyncByteStream, watch: Watch) -> None:
        self._stream = stream
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while True:
            async with _in_time(self._watch) as wait:
                with _mapped():
                    piece = await anext(pieces, None)
            if piece is None:
                return
            wait.moved(len(piece))
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _is_of(transport: object, before: object, home: object) -> bool:
    """Whether a transport has no connections of another place. Nobody but itself could renew them."""
    return before is None or before is home or type(transport) in _WITHOUT_CONNECTIONS


def _stayed(transport: object, before: object, home: object) -> object:
    if not _is_of(transport, before, home):
        raise InvalidInput(
            "the transport passed as transport= has connections of another process, or another event loop: make one in"
            " each process, with a client of its own"
        )
    return home


def _close_in_children(incoming: httpcore.Response) -> None:
    stream = incoming.extensions.get("network_stream")
    if stream is not None:
        close_in_children(stream.get_extra_info("socket"))


def _has_body(request: httpcore.Request) -> bool:
    return any(name.lower() == b"content-length" and value != b"0" for name, value in request.headers)


def _outgoing(request: httpcore.Request, content: Iterable[bytes] | AsyncIterable[bytes] | None) -> httpx.Request:
    url = request.url
    return httpx.Request(
        request.method.decode("ascii"),
        httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port, raw_path=url.target),
        headers=request.headers,
        content=content,
        extensions=request.extensions,
    )


def _incoming(response: httpx.Response, stream: _Stream | _AsyncStream) -> httpcore.Response:
    read = response.is_stream_consumed  # as those of httpx's mock transport are from the beginning
    return httpcore.Response(
        response.status_code,
        headers=response.headers.raw,
        content=response.content if read else stream,
        extensions=dict(response.extensions),
    )


@asynccontextmanager
async def _in_time(watch: Watch) -> AsyncIterator[Wait]:
    """Wait for the transport until the call must be over, at the longest."""
    wait = watch.wait(None)
    try:
        async with asyncio.timeout(wait.seconds):
            yield wait
    except TimeoutError as error:
        raise httpcore.TimeoutException(str(error)) from error


@contextmanager
def _mapped() -> Iterator[None]:
    """Errors of httpx as those of httpcore; one of the caller's own as what it is a kind of."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise httpcore.LocalProtocolError(str(error)) from error
    except (httpx.RequestError, OSError) as error:
        known = (_SAME[kind] for kind in type(error).__mro__ if kind in _SAME)
        no_tls = isinstance(error, ssl.SSLError) and error.reason in NO_TLS  # as httpcore 1.0.0 leaves it, too
        raise (httpcore.ConnectError if no_tls else next(known, httpcore.NetworkError))(str(error)) from error

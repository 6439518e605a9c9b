"""Foreign: transports of httpx, those that callers bring and those for proxies, spoken to in httpcore's language."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import cast

import httpcore
import httpx


class Foreign:
    """A transport of httpx, as what takes httpcore's requests. It raises the errors of httpx."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        content = iter(cast("Iterable[bytes]", request.stream)) if _has_body(request) else None
        return _incoming(self._transport.handle_request(_outgoing(request, content)))

    def close(self) -> None:
        """Close it."""
        self._transport.close()


class AsyncForeign:
    """The same, async."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and wait for the head of its answer."""
        content = aiter(cast("AsyncIterable[bytes]", request.stream)) if _has_body(request) else None
        return _incoming(await self._transport.handle_async_request(_outgoing(request, content)))

    async def aclose(self) -> None:
        """Close it."""
        await self._transport.aclose()


def _has_body(request: httpcore.Request) -> bool:
    return any(name.lower() == b"content-length" for name, _ in request.headers)


def _outgoing(request: httpcore.Request, content: Iterable[bytes] | AsyncIterable[bytes] | None) -> httpx.Request:
    url = request.url
    return httpx.Request(
        request.method.decode("ascii"),
        httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port, raw_path=url.target),
        headers=request.headers,
        content=content,
        extensions=request.extensions,
    )


def _incoming(response: httpx.Response) -> httpcore.Response:
    read = response.is_stream_consumed  # as those of httpx's mock transport are from the beginning
    return httpcore.Response(
        response.status_code,
        headers=response.headers.raw,
        content=response.content if read else cast("Iterable[bytes] | AsyncIterable[bytes]", response.stream),
        extensions=dict(response.extensions),
    )

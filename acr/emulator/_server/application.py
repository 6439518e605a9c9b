"""One origin as an ASGI application: counts what passes, adds the headers that every reply has, lets faults happen."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acr.emulator._access.limits import Limits
from acr.emulator._access.oauth_routes import OauthRoutes
from acr.emulator._routes.blob_routes import BlobRoutes
from acr.emulator._routes.manifest_routes import ManifestRoutes
from acr.emulator._routes.metadata_routes import MetadataRoutes
from acr.emulator._routes.registry import Registry
from acr.emulator._routes.storage import storage_headers
from acr.emulator._routes.trash_routes import TrashRoutes
from acr.emulator._server.faults import Fault, Faults
from acr.emulator._server.records import Origin, RequestRecord
from acr.emulator._settings import Settings
from acr.emulator._store.disk import takes_no_more
from acr.emulator._wire import Refusal, disk_full, page_not_found, registry_headers

_LARGEST_REST: Final = 256 * 1024 * 1024
"""Bytes of a request that are taken, and dropped, although its answer is known. Behind them, the connection is cut."""

Cut = Callable[[Scope], None]
"""Closes the connection that a request came on, after what was sent so far."""


class RegistryApplication:
    """The registry's routes. What they refuse becomes the answer."""

    def __init__(self, registry: Registry) -> None:
        self._gate = registry.gate
        self._limits = Limits(registry.settings)
        areas = (
            OauthRoutes(registry.tokens),
            TrashRoutes(registry),
            MetadataRoutes(registry),
            BlobRoutes(registry),
            ManifestRoutes(registry),
        )
        paths: dict[str, _Path] = {}
        for route in (route for area in areas for route in area.routes):
            paths.setdefault(route.path, _Path()).add(route)
        routes = [Route(path, operations) for path, operations in paths.items()]
        self._router = Router(routes, redirect_slashes=False, default=_unknown_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            if self._limits.are_there:
                self._limits.count(scope["method"], scope["path"], self._gate.identity(Request(scope)))
            await self._router(scope, receive, send)
        except Refusal as refused:
            await refused.response(scope, receive, send)
        except (OSError, sqlite3.Error) as error:
            if not takes_no_more(error):
                raise
            await disk_full().response(scope, receive, send)


class _Path:
    """The operations of one path. A method that is none of them is answered with all that are (RFC 9110, 15.5.6)."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {}

    def add(self, route: Route) -> None:
        """Take in one route, with its methods."""
        self._endpoints |= dict.fromkeys(route.methods or (), route.endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            raise Refusal(
                Response("Method Not Allowed", 405, {"Allow": ", ".join(sorted(self._endpoints))}, "text/plain")
            )
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    raise page_not_found()


def _in_origin_form(scope: Scope) -> Scope:
    """A request with the path alone, also if it came with a whole URL, as a proxy gets it (RFC 9112, 3.2.2)."""
    if not scope["raw_path"].startswith((b"http://", b"https://")):
        return scope
    _, _, raw = scope["raw_path"].partition(b"://")[2].partition(b"/")
    _, _, path = scope["path"].partition("://")[2].partition("/")
    return {**scope, "raw_path": b"/" + raw, "path": f"/{path}"}


class Front:
    """What stands before an origin."""

    def __init__(
        self,
        app: ASGIApp,
        origin: Origin,
        settings: Settings,
        records: deque[RequestRecord],
        faults: Faults,
        cut: Cut,
    ) -> None:
        self._app = app
        self._origin: Origin = origin
        self._settings = settings
        self._records = records
        self._faults = faults
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or let it go wrong."""
        scope = _in_origin_form(scope)
        exchange = _Exchange(scope, receive, send, self._origin, self._settings)
        self._records.append(exchange.record)
        fault = self._faults.take(scope["method"], (exchange.record.path, scope["path"]), self._origin)
        try:
            if fault is None:
                await self._app(scope, exchange.receive, exchange.send)
            else:
                await self._go_wrong(fault, exchange)
            if not exchange.arrived:
                self._cut(scope)
        except (ClientDisconnect, asyncio.CancelledError):
            pass  # the client went away, or the emulator stops: nobody waits for an answer

    async def _go_wrong(self, fault: Fault, exchange: _Exchange) -> None:
        await asyncio.sleep(fault.delay)
        scope = exchange.scope
        if fault.status is None and not fault.drop:
            send = exchange.send if fault.drop_after is None else self._cut_after(fault.drop_after, exchange)
            await self._app(scope, exchange.receive, send)
            return
        if fault.after:
            await self._app(scope, exchange.receive, _lose)
        await exchange.drain()
        if fault.status is None:
            await self._hang_up(exchange)
        else:
            response = Response(fault.body, fault.status, dict(fault.headers))
            await response(scope, exchange.receive, exchange.send)

    def _cut_after(self, count: int, exchange: _Exchange) -> Send:
        """A send that lets `count` bytes of body through. An answer that has no more comes whole."""

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                left = count - exchange.record.sent
                if len(message.get("body", b"")) > left:
                    await exchange.send({**message, "body": message["body"][:left], "more_body": True})
                    await self._hang_up(exchange)
                    raise ClientDisconnect
            await exchange.send(message)

        return send

    async def _hang_up(self, exchange: _Exchange) -> None:
        self._cut(exchange.scope)
        # The server takes an application that returns without an answer for broken, unless the connection is gone.
        while (await exchange.receive())["type"] != "http.disconnect":
            pass


async def _lose(message: Message) -> None:
    """Send nothing."""


class _Exchange:
    """A request and its answer, on their way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, origin: Origin, settings: Settings) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._origin = origin
        self._lock_refusals_as_seen = settings.lock_refusals_as_seen
        self._clock = settings.clock
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.arrived = False
        query: bytes = scope["query_string"]
        target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
        shown = dict(self._headers)
        if "authorization" in shown:
            shown["authorization"] = shown["authorization"].partition(" ")[0]
        self.record = RequestRecord(scope["method"], target.decode("latin-1"), shown, origin)

    async def receive(self) -> Message:
        """The next piece of the request."""
        message = await self._receive()
        self.record.received += len(message.get("body", b""))
        self.arrived = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Take what is left of the request, as far as that makes sense.

        A client that is still sending may not see an answer that comes earlier. But anybody can send without end.
        """
        enough = self.record.received + _LARGEST_REST
        while not self.arrived and self.record.received <= enough:
            await self.receive()

    async def send(self, message: Message) -> None:
        """A piece of the answer; the record is true before the client can see it."""
        if message["type"] == "http.response.start":
            await self.drain()
            self.record.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self._common_headers(message)]}
        elif self.record.method != "HEAD":
            self.record.sent += len(message.get("body", b""))
        await self._send(message)

    def _common_headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        if self._origin == "storage":
            return [*storage_headers(), (b"Date", formatdate(self._clock(), usegmt=True).encode())]
        plain = any(value.startswith(b"text/plain") for name, value in message["headers"] if name == b"content-type")
        path: str = self.scope["path"]
        found = registry_headers(
            self.record.method,
            path,
            message["status"],
            self._headers,
            plain=plain,
            lock_refusals_as_seen=self._lock_refusals_as_seen,
        )
        return [*found, (b"Date", formatdate(self._clock(), usegmt=True).encode())]

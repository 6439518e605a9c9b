"""The two origins on two ports, served by uvicorn in a thread of their own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib.util import find_spec
from typing import Final, Literal, TypeVar

import uvicorn
from starlette.types import ASGIApp, Scope

from acr.emulator._arguments import said
from acr.emulator._inherited import close_in_children

T = TypeVar("T")

_GRACE: Final = 0.05
"""Seconds that requests under way have to notice that their connection is gone."""


def reserve(host: str, port: int) -> socket.socket:
    """A socket that has an address; port 0 takes any free one.

    It listens only when it is served: until then the system refuses a client at once, whom nobody would answer.

    Raises:
        OSError: the address is taken, or not ours; the text names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off where the protocol is named, which saves 40 ms per answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # where SO_REUSEADDR lets several have the same address
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(error, host, port) from None
    close_in_children(listener)
    return listener


def begin_to_listen(listeners: Iterable[socket.socket]) -> None:
    """Let clients connect.

    Raises:
        OSError: somebody else has listened at the address since it was reserved.
    """
    for listener in listeners:
        try:
            listener.listen(128)
        except OSError as error:
            raise _cannot_listen(error, *listener.getsockname()[:2]) from None


def _cannot_listen(error: OSError, host: str, port: int) -> OSError:
    return said(error, f"cannot listen on {host} port {port}", "name another one; port 0 takes a free one")


class OriginServer(uvicorn.Server):
    """Serves one origin.

    Starts and stops at once: uvicorn's own loop and shutdown sleep for 100 ms at a time and wait for connections that
    are kept alive, which is too slow for an emulator per test.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools" if find_spec("httptools") else "h11",
                lifespan="off",
                ws="none",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,  # each origin names another server
                date_header=False,  # it is that of the emulator's clock
                proxy_headers=False,
                timeout_keep_alive=60,
            )
        )
        self._listener = listener
        self._tls = tls
        self._stop = asyncio.Event()

    async def begin(self) -> None:
        """Start to serve: what uvicorn's `serve` does before its loop, but for the signals."""
        self.config.load()
        self.config.ssl = self._tls
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[self._listener])

    async def serve_until_stopped(self) -> None:
        """Serve; `stop` ends it."""
        await self.main_loop()
        await self.shutdown()

    def stop(self) -> None:
        """Let `serve_until_stopped` end. Called in the serving thread."""
        self._stop.set()

    async def main_loop(self) -> None:
        """Do what uvicorn does again and again, until told to stop."""
        ticks = 0
        while not self._stop.is_set():
            await self.on_tick(ticks * 10)
            ticks += 1
            try:
                await asyncio.wait_for(self._stop.wait(), 1)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything, whatever is under way."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for grace in (_GRACE, None):
            tasks = set(self.server_state.tasks)
            if not tasks:
                break
            await asyncio.wait(tasks, timeout=grace)
            for task in tasks:
                task.cancel()

    def cut(self, scope: Scope) -> None:
        """Close the connection of a request, after what was sent so far."""
        for connection in self.server_state.connections:
            if getattr(connection, "client", None) == scope["client"]:
                connection.transport.close()
                return


class ServerThread:
    """Runs origins in an event loop of its own, once.

    Attributes:
        state: whether it serves.
    """

    def __init__(self) -> None:
        self.state: Literal["new", "serving", "stopped"] = "new"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[OriginServer] = []
        self._thread: threading.Thread | None = None

    def start(self, make: Callable[[], list[OriginServer]]) -> None:
        """Serve what `make` gives, which is called in the new thread, until `stop`."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(make, ready)), name="acr-emulator", daemon=True
        )
        self._thread.start()
        ready.result()
        self.state = "serving"

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the serving thread, between requests."""

        async def run() -> T:
            return function()

        if self._loop is None:
            return function()  # not started: nobody else is there
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def stop(self) -> None:
        """Close all connections and end the thread."""
        self.state = "stopped"
        if self._thread is None or self._loop is None:
            return
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.stop)
        self._thread.join()
        self._loop = self._thread = None

    async def _serve(self, make: Callable[[], list[OriginServer]], ready: Future[None]) -> None:
        try:
            self._servers = make()
            for server in self._servers:
                await server.begin()
        except BaseException as error:
            ready.set_exception(error)
            raise
        self._loop = asyncio.get_running_loop()
        ready.set_result(None)
        await asyncio.gather(*(server.serve_until_stopped() for server in self._servers))

"""A proxy between client and emulator that lets the network fail: both origins, by the weather it is given."""

from __future__ import annotations

import asyncio
import re
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from socket import SO_LINGER, SOL_SOCKET
from typing import Final, Literal

import attrs

from acr.emulator import Emulator
from acr.emulator._server.records import Origin
from tests.faults.weather import Asked, Fault, Weather

_PIECE: Final = 64 * 1024
_LARGEST_HEAD: Final = 256 * 1024
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding:[ \t]*chunked")
_UPLOAD_ID: Final = re.compile(rb"(?i)\r\ndocker-upload-uuid:[ \t]*([^\r]+)")
_UPLOAD_OF: Final = re.compile(r"/blobs/uploads/([^/?]+)")
_LOCATION: Final = re.compile(rb"(?i)(\r\nlocation:[ \t]*https?://[^/\r]*?:)(\d+)(?=/)")
_PENDING: Final = 10.0

Direction = Literal["up", "down"]
Moved = Callable[[Asked, Direction, int], None]
"""Told of bytes of a body before they are passed on: of which request, which way, how many."""


class _HangUp(Exception):
    """Ends a connection."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Clock:
    """The emulator's time."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@attrs.frozen
class _Message:
    """The head of a request or of an answer, and how its body ends: after so many bytes, or in chunks."""

    head: bytes
    length: int | None

    @classmethod
    async def read(cls, reader: asyncio.StreamReader, *, bodiless: bool = False) -> _Message:
        head = await reader.readuntil(b"\r\n\r\n")
        if bodiless:
            return cls(head, 0)
        if _CHUNKED.search(head):
            return cls(head, None)
        length = _LENGTH.search(head)
        return cls(head, int(length[1]) if length else 0)

    @property
    def words(self) -> list[str]:
        """The first line."""
        return self.head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)

    async def body(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """The bytes that follow the head, framing and all."""
        if self.length is None:
            while True:
                line = await reader.readuntil(b"\r\n")
                size = int(line.partition(b";")[0], 16)
                yield line + await reader.readexactly(size + 2)
                if size == 0:
                    return
        left = self.length
        while left:
            piece = await reader.read(min(left, _PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    def part(self, where: float) -> int:
        """How many bytes a part of it is, never all; of one in chunks, a part of its head."""
        return int(where * (len(self.head) + (self.length or 0)))


class FaultProxy:
    """Stands before an emulator. Use it as a context manager.

    Args:
        emulator: which one.
        weather: what goes wrong.
        clock: the emulator's, where it is to leap.
        moved: told of each piece of a body.

    Attributes:
        journal: what went wrong, in order.
    """

    def __init__(
        self, emulator: Emulator, weather: Weather, *, clock: Clock | None = None, moved: Moved | None = None
    ) -> None:
        self._behind: dict[Origin, int] = {
            "registry": int(emulator.login_server.rpartition(":")[2]),
            "storage": emulator._registry.storage_port,
        }
        self._weather = weather
        self._clock = clock
        self._moved = moved
        self.journal: list[str] = []
        self._lost: set[str] = set()
        self._left: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._ports: dict[Origin, int] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._busy = 0

    @property
    def url(self) -> str:
        """Where the registry seems to be."""
        return f"http://127.0.0.1:{self._ports['registry']}"

    @property
    def untold(self) -> set[str]:
        """Upload sessions whose id never got to the client, so that it cannot end them.

        The answer was lost on the way, or the client hung up before it came, as a task does that is cancelled.
        """
        return self._lost | self._left

    def clear_up(self) -> None:
        """Let nothing more go wrong."""
        self._weather.clear_up()

    def settle(self) -> None:
        """Wait until all that came is answered, or given up."""
        asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result()

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        origins: tuple[Origin, ...] = ("registry", "storage")
        for origin in origins:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, origin: Origin = origin) -> None:
                task = asyncio.ensure_future(_Connection(self, origin, reader, writer).serve())
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

            server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_LARGEST_HEAD)
            self._servers.append(server)
            self._ports[origin] = server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _settled(self) -> None:
        quiet = 0  # looked at three times: what has been sent may not have come in yet
        async with asyncio.timeout(_PENDING):
            while quiet < 3:
                await asyncio.sleep(0.002)
                quiet = 0 if self._busy else quiet + 1

    def opens(self, upload: str) -> None:
        """The registry has opened an upload, and the client is not told of it yet."""
        self._lost.add(upload)

    def tells(self, upload: str) -> None:
        """The client is told of an upload."""
        self._lost.discard(upload)

    def leaves(self, upload: str) -> None:
        """The client has hung up after it was told of an upload: if it does nothing with it, it has not heard."""
        self._left.add(upload)

    def fault_for(self, asked: Asked) -> Fault | None:
        """What happens to a request."""
        used = _UPLOAD_OF.search(asked.target)
        if used is not None:
            self._left.discard(used[1])
        fault = self._weather.fault_for(asked)
        if fault is not None:
            self.journal.append(f"{asked.method} {asked.target.partition('?')[0]}: {fault}")
            if fault.kind == "expire" and self._clock is not None:
                self._clock.now += fault.seconds
        return fault

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a request is seen to."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def has_moved(self, asked: Asked, direction: Direction, count: int) -> None:
        """Count bytes of a body."""
        if self._moved is not None:
            self._moved(asked, direction, count)

    async def dial(self, origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the emulator."""
        return await asyncio.open_connection("127.0.0.1", self._behind[origin], limit=_LARGEST_HEAD)

    def seen_from_outside(self, head: bytes) -> bytes:
        """The head of an answer; where it leads to the blob store, it leads here."""
        ports = {str(self._behind[origin]).encode(): port for origin, port in self._ports.items()}

        def here(location: re.Match[bytes]) -> bytes:
            return location[1] + (str(ports[location[2]]).encode() if location[2] in ports else location[2])

        return _LOCATION.sub(here, head)


class _Connection:
    """A connection of the client's, and the one to the emulator behind it."""

    def __init__(
        self, proxy: FaultProxy, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._origin: Origin = origin
        self._reader = reader
        self._writer = writer
        self._behind: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._started: str | None = None

    async def serve(self) -> None:
        """One request after the other, until something ends it."""
        reset = False
        try:
            while True:
                request = await _Message.read(self._reader)
                self._started = None
                with self._proxy.busy():
                    await self._exchange(request)
        except _HangUp as end:
            reset = end.reset
        except (ConnectionError, asyncio.IncompleteReadError):
            if self._started is not None:
                self._proxy.leaves(self._started)
        finally:
            if reset:
                self._writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()
            else:
                self._writer.close()
            if self._behind is not None:
                self._behind[1].close()

    async def _exchange(self, request: _Message) -> None:
        method, target, _ = request.words
        body = b""
        if target.startswith("/oauth2/"):
            body = b"".join([piece async for piece in request.body(self._reader)])
            request = attrs.evolve(request, head=request.head + body, length=0)
        asked = Asked(method, target, self._origin, body)
        fault = self._proxy.fault_for(asked)
        kind = None if fault is None else fault.kind
        if fault is not None and kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and kind == "refuse":
            await self._refuse(asked, request, fault)
            return
        if fault is not None and kind == "cut the request":
            await self._pass_on(asked, request, request.part(fault.where))
            raise _HangUp(reset=fault.reset)
        await self._pass_on(asked, request, None)
        answer = await self._answer_to(method)
        upload = _UPLOAD_ID.search(answer.head) if method == "POST" and answer.words[1] == "202" else None
        if upload is not None:
            self._proxy.opens(upload[1].decode())
        if fault is not None and kind in ("lose the answer", "refuse late"):
            async for _ in answer.body(self._upstream[0]):
                pass
            if kind == "lose the answer":
                raise _HangUp(reset=fault.reset)
            self._writer.write(_written(asked, fault))
            await self._writer.drain()
            return
        part = answer.part(fault.where) if fault is not None and kind == "cut the answer" else None
        await self._give(asked, answer, part)
        if fault is not None and part is not None:
            raise _HangUp(reset=fault.reset)
        if upload is not None:
            started = upload[1].decode()
            self._started = started
            self._proxy.tells(started)

    @property
    def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self._behind is not None
        return self._behind

    async def _pass_on(self, asked: Asked, request: _Message, limit: int | None) -> None:
        """Send a request on, or so many bytes of it."""
        if self._behind is None:
            self._behind = await self._proxy.dial(self._origin)
        _, upstream = self._behind
        left = _Limit(limit)
        upstream.write(left.of(request.head))
        if not left.is_used_up:
            async for piece in request.body(self._reader):
                self._proxy.has_moved(asked, "up", len(piece))
                upstream.write(left.of(piece))
                await upstream.drain()
                if left.is_used_up:
                    break
        await upstream.drain()

    async def _answer_to(self, method: str) -> _Message:
        reader, _ = self._upstream
        answer = await _Message.read(reader, bodiless=method == "HEAD")
        if answer.words[1] in ("204", "304"):
            answer = attrs.evolve(answer, length=0)
        return attrs.evolve(answer, head=self._proxy.seen_from_outside(answer.head))

    async def _give(self, asked: Asked, answer: _Message, limit: int | None) -> None:
        """Give the client an answer, or so many bytes of it."""
        left = _Limit(limit)
        self._writer.write(left.of(answer.head))
        if not left.is_used_up:
            async for piece in answer.body(self._upstream[0]):
                self._proxy.has_moved(asked, "down", len(piece))
                self._writer.write(left.of(piece))
                await self._writer.drain()
                if left.is_used_up:
                    break
        await self._writer.drain()

    async def _refuse(self, asked: Asked, request: _Message, fault: Fault) -> None:
        if not fault.early:
            async for _ in request.body(self._reader):
                pass
        self._writer.write(_written(asked, fault))
        await self._writer.drain()
        if fault.early:
            raise _HangUp(reset=False)


class _Limit:
    """Lets so many bytes through, or all."""

    def __init__(self, count: int | None) -> None:
        self._left = count

    @property
    def is_used_up(self) -> bool:
        return self._left is not None and self._left <= 0

    def of(self, piece: bytes) -> bytes:
        """What may pass of a piece."""
        if self._left is None:
            return piece
        passed = piece[: max(self._left, 0)]
        self._left -= len(passed)
        return passed


def _written(asked: Asked, fault: Fault) -> bytes:
    headers = {**fault.headers, "Content-Length": str(len(fault.body))}
    if fault.early:
        headers["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {fault.status} Refused\r\n{lines}\r\n".encode() + (b"" if asked.method == "HEAD" else fault.body)

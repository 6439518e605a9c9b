"""Answers as the async shell reads them: on the event loop, or in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import aclosing, suppress
from typing import Final, TypeVar

import httpcore

from acr._core.runtime import Outgoing
from acr._forks import Origin
from acr._shells.answers import Answer
from acr._shells.http import LOST, failed, lower
from acr._shells.patience import Watch
from acr._shells.pieces import counted_async
from acr._shells.stepping import run
from acr.errors import AcrError, InvalidInput, TransportError

T = TypeVar("T")

_PIECE: Final = 64 * 1024


class AsyncAnswer:
    """Implements `acr._core.runtime.Incoming`. In another event loop, or process, its connection is lost."""

    def __init__(
        self,
        request: Outgoing,
        response: httpcore.Response,
        watch: Watch,
        leave: Callable[[bool], Awaitable[None]] | None,
        is_here: Callable[[], bool],
    ) -> None:
        self._request = request
        self._response = response
        self._watch = watch
        self._leave = leave
        self._is_here = is_here
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._left = memoryview(b"")
        self._failure: TransportError | None = None
        self.status = response.status
        self.headers: Mapping[str, str] = lower(response.headers)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(counted_async(self._response.aiter_stream())) as pieces:
                async for piece in pieces:
                    yield piece
        except LOST as error:
            raise failed(self._request, error, self._watch) from error

    async def readinto(self, buffer: memoryview) -> int:
        if not self._is_here():
            raise failed(self._request, httpcore.ReadError("its event loop has ended"), self._watch)
        if self._failure is not None:
            raise self._failure
        if self._chunks is None:
            self._chunks = self.chunks()
        filled = 0
        while filled < len(buffer):
            if not self._left:
                try:
                    self._left = memoryview(await anext(self._chunks, b""))
                except TransportError as error:
                    if not filled:
                        raise
                    self._failure = error
                if not self._left:
                    break
            count = min(len(self._left), len(buffer) - filled)
            buffer[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
        return filled

    def until(self, deadline: float | None) -> None:
        self._watch.deadline = deadline

    async def aclose(self) -> None:
        if not self._is_here():
            return
        leave, self._leave = self._leave, None
        is_closed = False
        try:
            if self._chunks is not None:
                await self._chunks.aclose()
            await self._response.aclose()
            is_closed = True
        finally:
            if leave is not None:
                await leave(is_closed)


class Threaded:
    """Implements `acr._core.runtime.Incoming` with an answer of the blocking shell, which is read in threads."""

    def __init__(self, threads: Executor, request: Outgoing, answer: Answer) -> None:
        self._threads = threads
        self._request = request
        self._answer = answer
        self._origin = Origin()
        self._reading: Future[int] | None = None
        self.status = answer.status
        self.headers = answer.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        buffer = bytearray(_PIECE)
        while count := await self.readinto(memoryview(buffer)):
            yield bytes(memoryview(buffer)[:count])

    async def readinto(self, buffer: memoryview) -> int:
        if not self._origin.is_here:
            raise self._answer.lost("it is the parent process's")
        self._reading = submit(self._threads, lambda: run(self._answer.readinto(buffer)))
        return await asyncio.wrap_future(self._reading)

    def until(self, deadline: float | None) -> None:
        self._answer.until(deadline)

    async def aclose(self) -> None:
        reading = self._reading
        if not self._origin.is_here:
            return
        if reading is None or reading.done():
            await self._answer.aclose()
            return
        # The task was cancelled, but not the thread; that closes it, also if this task is cancelled once more.
        reading.add_done_callback(lambda _: run(self._answer.aclose()))
        self._answer.cut()
        with suppress(AcrError):
            await asyncio.wrap_future(reading)


def submit(threads: Executor, function: Callable[[], T]) -> Future[T]:
    """Give a client's threads something to do. Raises InvalidInput if the client is closed."""
    try:
        return threads.submit(function)
    except RuntimeError:
        raise InvalidInput("the client is closed") from None

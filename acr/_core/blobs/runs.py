"""Runs: one connection of several that fetch a blob, over ranges that follow each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import attrs

from acr._core.blobs.belt import Belt
from acr._core.blobs.fetching import Part, Wanted
from acr._core.blobs.parts import Span
from acr._core.blobs.reading import PROGRESS
from acr._core.blobs.way import Way
from acr._core.runtime import Incoming
from acr._core.talk.attempts import Attempts
from acr.errors import ProtocolViolation, ResponseError, SizeMismatch, TransportError

if TYPE_CHECKING:
    from concurrent.futures import Future


@attrs.define
class Stream:
    """An answer that is being read.

    Args:
        incoming: the answer.
        at: the place of its next byte in the blob.
        stop: where it ends; None if nobody knows.
    """

    incoming: Incoming
    at: int
    stop: int | None

    @classmethod
    def of(cls, part: Part, offset: int) -> Stream:
        return cls(part.incoming, offset - part.surplus, part.stop)

    def goes_on(self) -> bool:
        """Whether there is more to come."""
        return self.stop is None or self.at < self.stop

    async def readinto(self, buffer: memoryview) -> int:
        count = await self.incoming.readinto(buffer)
        self.at += count
        return count


class Whole(Protocol):
    """What a run needs of the transfer that it is part of; `Ranged` is one."""

    way: Way
    size: int
    what: str

    def attempts(self) -> Attempts:
        """The tries of one run."""
        ...

    def wanted(self, at: int, span: Span) -> Wanted:
        """What to ask for at a place in a range."""
        ...

    def is_only_one(self) -> bool:
        """Whether no other connection fetches at present."""
        ...

    def is_alone(self) -> bool:
        """Whether one connection has to fetch all that is missing, and this is it."""
        ...

    def go_alone(self, *, knows_ranges: bool = True) -> None:
        """Go on with one connection: what came was no range."""
        ...

    def give_back(self, span: Span) -> None:
        """Leave the rest of a range to another run."""
        ...

    def begin(self) -> None:
        """An answer begins to come."""
        ...

    def take(self, at: int, block: memoryview) -> list[Future[None]]:
        """Let a block be written and hashed. Give what is under way."""
        ...

    def written(self, span: Span, *, ends_range: bool) -> None:
        """Bytes are in the file."""
        ...

    def widens(self) -> bool:
        """Whether this run has to end, so that more can begin. One is told so."""
        ...

    def next(self, at: int, stream: Stream | None) -> Span | None:
        """What the run goes on with; None if it has to end."""
        ...

    def leave(self, stream: Stream) -> bool:
        """Leave an answer to the run that fetches what follows; False if none will."""
        ...

    def retried(self, error: Exception) -> None:
        """Tell that a connection is replaced."""
        ...


class Run:
    """One connection after another, over ranges that follow each other.

    Args:
        whole: the transfer.
        span: the first range.
        stream: an answer that goes on there, or None.
        belt: its buffers.
    """

    def __init__(self, whole: Whole, span: Span, stream: Stream | None, belt: Belt) -> None:
        self._whole = whole
        self._at = span.begin
        self._stream = stream
        self._span: Span | None = span
        self._belt = belt
        self._attempts = whole.attempts()
        self._moved = 0  # since the last try

    async def go(self) -> None:
        """Fetch ranges until there is a reason to end."""
        try:
            while self._span is not None:
                if not await self._fetch(self._span):
                    self._whole.give_back(Span(self._at, self._span.end))
                    break
                self._span = self._whole.next(self._at, self._stream)
            # At once: a run that begins while this one drains would ask for the same bytes.
            if self._stream is not None and self._whole.leave(self._stream):
                self._stream = None
            await self._belt.drain()
        finally:
            await self._close()

    async def _fetch(self, span: Span) -> bool:
        """Fetch the rest of a range; False if it is to be given back."""
        self._at = max(self._at, span.begin)
        while self._at < span.end:
            try:
                stream = self._stream or await self._open(span)
                if stream is None:
                    return False
                count = await self._receive(stream, span)
            except (TransportError, ResponseError) as error:
                await self._close()
                self._moved = 0
                await self._attempts.again(error)
                self._whole.retried(error)
                continue
            block = self._belt.buffer[:count]
            place = Span(self._at, self._at + count)
            self._at = place.end
            begun = self._whole.take(place.begin, block)
            await self._belt.put(begun, partial(self._whole.written, place, ends_range=place.end == span.end))
            self._moved += count
            if self._moved >= min(PROGRESS, len(span) // 64):
                self._attempts.moved()
            if self._at < span.end and self._whole.widens():
                return False
        return True

    async def _receive(self, stream: Stream, span: Span) -> int:
        """The next bytes of the range; what comes before them is passed over."""
        while stream.at < self._at and await stream.readinto(self._belt.buffer[: self._at - stream.at]):
            pass
        count = await stream.readinto(self._belt.buffer[: span.end - self._at]) if stream.at == self._at else 0
        if not count:
            raise SizeMismatch(self._whole.what, expected=self._whole.size, actual=stream.at)
        return count

    async def _open(self, span: Span) -> Stream | None:
        """Ask for what is missing of a range; None if it does not come, and need not come to this task."""
        whole = self._whole
        try:
            part = await whole.way.open(whole.wanted(self._at, span))
        except (ProtocolViolation, ResponseError) as error:
            if whole.is_alone() or not (isinstance(error, ProtocolViolation) or error.status == 416):
                raise
            whole.go_alone()  # it may do better if it is asked for all that is missing
            return None
        if part.size not in (None, whole.size):
            await part.incoming.aclose()
            raise SizeMismatch(whole.what, expected=whole.size, actual=part.size or 0)
        if part.surplus:
            whole.go_alone(knows_ranges=False)
            if not whole.is_only_one():
                await part.incoming.aclose()
                return None
        self._stream = Stream.of(part, self._at)
        whole.begin()
        return self._stream

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.incoming.aclose()

"""Feed: the bytes of a source as bodies of requests, read while they are sent, and hashed once, beside the network.

If the digest is known, the registry is the one that hashes: it must find out in any case. What it refuses is then
hashed here, which tells whether the source is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from acr._core.runtime import Body, Runtime
from acr._core.storage import Source
from acr._values.digest import Digest, Hasher
from acr._values.options import CHUNK_SIZE
from acr.errors import ResponseError, TransferError, TransportError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

PIECE: Final = 512 * 1024
"""Bytes that are read, hashed and sent at once. Smaller pieces cost more in switching than they gain; larger ones are
no faster, and four uploads at once have about six of them each."""

_LITTLE: Final = 64 * 1024
"""Bytes that are hashed where they are: it takes less time than to let a thread do it."""

_WAITING: Final = 3
"""Pieces that may wait for the hash, which so holds up the network rather than the memory."""


class SourceFailed(Exception):
    """An error of the registry that the bytes come from, past all who would take it for one of where they go to."""

    def __init__(self, error: TransportError | ResponseError) -> None:
        super().__init__(str(error))
        self.error = error


class Feed:
    """What a source becomes while it is uploaded.

    A large source that can be read again is never in memory: the feed reads a piece when it is sent, and reads it again
    if it is sent again. Any other source is kept in memory one body at a time, until the next body is requested.

    It is a context manager, since it may have a thread.

    Args:
        runtime: the world outside.
        source: the bytes; they stay the caller's to close.
        algorithm: what they are hashed by.
        is_known: whether their digest is known: what can be read again is then not hashed before `digest` asks for it.
    """

    def __init__(self, runtime: Runtime, source: Source, algorithm: str, *, is_known: bool = False) -> None:
        self.size = source.size
        """Bytes of the whole; of a source that does not tell, None until its end was read."""
        self._runtime = runtime
        self._source = source
        self._at = 0  # where the source stands
        self.holds = not source.is_seekable or source.size is None or source.size <= CHUNK_SIZE
        """Whether what is being sent is in memory."""
        self.hashes = self.holds or not is_known
        """Whether what is sent is hashed on the way."""
        self.seen = 0
        """How many bytes were given at any time; a registry cannot have more of them."""
        self._held: deque[bytes] = deque()
        self._held_from = 0
        self._hasher = Hasher(algorithm)
        self._hashed = 0  # bytes that were given to it
        self._waiting: deque[Future[None]] = deque()
        self._thread: Executor | None = None
        self._stack = ExitStack()

    def reaches(self, offset: int) -> bool:
        """Whether the bytes from an offset on can be had (again)."""
        return self._source.is_seekable or offset >= self._held_from

    @property
    def is_at_hand(self) -> bool:
        """Whether all bytes can be had (again), from the first one on."""
        return self.reaches(0)

    async def body(self, offset: int, most: int) -> Body:
        """The bytes from an offset on, as a body that can be sent again until the next is asked for.

        Args:
            offset: of the first of them; bytes before it that are to be hashed, and were not, are so first.
            most: how many; there are fewer at the end only.

        Raises:
            TransferError, SourceFailed: they cannot be read.
        """
        if self.hashes:
            await self._hash_up_to(offset)
        end = offset + most
        if self.holds:
            while self._held and self._held_from + len(self._held[0]) <= offset:
                self._held_from += len(self._held.popleft())
            await self._hold(offset, end)
        if self.size is not None:
            end = min(end, self.size)
        return Body(end - offset, partial(self._pieces, offset, end))

    async def digest(self, upto: int) -> Digest:
        """The digest of the first `upto` bytes, all there are. What was not hashed on the way is read again."""
        await self._hash_up_to(upto)
        while self._waiting:
            await self._runtime.result(self._waiting.popleft())
        return self._hasher.digest()

    async def _pieces(self, offset: int, end: int) -> AsyncGenerator[bytes, None]:
        at = offset
        while at < end:
            piece = await self._piece(at, min(PIECE, end - at))
            if self.hashes:
                await self._hash(at, piece)
            self.seen = max(self.seen, at + len(piece))
            yield piece
            at += len(piece)

    async def _piece(self, at: int, count: int) -> bytes:
        """Bytes of a body, at most `count`."""
        return self._held_at(at, count) if self.holds else await self._read(at, count)

    async def _read(self, at: int, count: int) -> bytes:
        """The next bytes, at least one unless the source may end here."""
        if at != self._at:
            await self._source.seek(at)
            self._at = at
        try:
            piece = await self._source.read(count)
        except (TransportError, ResponseError) as error:
            raise SourceFailed(error) from error
        self._at += len(piece)
        if len(piece) < count:
            if self.size is None:
                self.size = self._at
            elif self._at < self.size:
                raise TransferError(f"the source ended after {self._at} of its {self.size} bytes", side="source")
        return piece

    async def _hold(self, first: int, end: int) -> None:
        """Read on until the bytes from `first` to `end`, or all there are, are held."""
        if first < self._held_from:
            self._held.clear()
            self._held_from = first
        held = self._held_from + sum(map(len, self._held))
        if self.size is not None:
            end = min(end, self.size)
        while held < end and (piece := await self._read(held, min(PIECE, end - held))):
            self._held.append(piece)
            held += len(piece)

    def _held_at(self, at: int, count: int) -> bytes:
        """Bytes that are held, of one piece at the most."""
        first = self._held_from
        for piece in self._held:
            if at < first + len(piece):
                return piece[at - first : at - first + count]
            first += len(piece)
        raise AssertionError("a body was read after the next one was asked for")

    async def _hash_up_to(self, offset: int) -> None:
        if self.holds and self._hashed < offset:
            await self._hold(self._hashed, offset)
        while self._hashed < offset:
            await self._hash(self._hashed, await self._piece(self._hashed, min(PIECE, offset - self._hashed)))

    async def _hash(self, at: int, piece: bytes) -> None:
        """Hash what of a piece was not hashed before."""
        known = self._hashed - at
        if known >= len(piece):
            return
        self._hashed = at + len(piece)
        new = memoryview(piece)[known:]
        if self._thread is None:
            if self.size is not None and self.size <= _LITTLE:
                self._hasher.update(new)
                return
            if self.size is not None and self.size <= PIECE:
                await self._runtime.blocking(self._hasher.update, new)
                return
            self._thread = self._stack.enter_context(self._runtime.thread())
        if len(self._waiting) == _WAITING:
            await self._runtime.result(self._waiting.popleft())
        self._waiting.append(self._thread.submit(self._hasher.update, new))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

"""Reading: the bytes of a blob in order, over one connection after another, hashed and written beside the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Final

from acr._core.blobs.belt import Belt
from acr._core.blobs.fetching import Part, Wanted, open_part
from acr._core.runtime import Runtime
from acr._core.talk.remote import Remote
from acr._values.digest import Digest
from acr._values.progress import Item, Moved, Progress, Retried, Started, tell
from acr.errors import LimitExceeded, ResponseError, SizeMismatch, TransportError

if TYPE_CHECKING:
    from concurrent.futures import Executor

BLOCK: Final = 2 * 1024 * 1024
"""Bytes that are hashed and written at once: with half of it async downloads take a tenth longer, since each block goes
to another thread and back."""

PROGRESS: Final = 64 * 1024
"""Bytes after which the client counts retries anew; a 64th of a small blob. If one byte were enough, a server that
sends a byte on each connection would keep a download going for ever."""

BLOCKS: Final = 4
"""Blocks of one download in memory: one is received, one is written, and two may wait for the hash."""


class Download:
    """The bytes of a blob from an offset on, not verified. A connection that breaks is replaced where it broke.

    Args:
        remote: the repository.
        digest: its digest.
        offset: of the first byte.
        size: how many bytes the whole must have, if that is known; not one more is given out.
        progress: is told.
        name: for people to read.
    """

    def __init__(
        self,
        remote: Remote,
        digest: str,
        *,
        offset: int = 0,
        size: int | None = None,
        progress: Progress | None = None,
        name: str | None = None,
    ) -> None:
        self._remote = remote
        self.digest: Digest = Digest(digest)
        self.offset: int = offset
        self.size = size
        self.what: str = f"the blob {remote.name}@{self.digest}"
        self.item: Item | None = None
        self.is_verified: bool = False
        self._progress = progress
        self._name = name or str(self.digest)
        self._part: Part | None = None
        self._is_whole = False  # an answer has not ended well, but nothing is missing
        self._attempts = remote.session.sender.attempts()  # those since the last `PROGRESS`
        self._moved = 0  # bytes that came since the last try

    @property
    def described(self) -> Item:
        """The blob, as far as it is known."""
        return self.item or Item(str(self.digest), self.offset, self.digest)

    async def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes, and tell how many there are: 0 at the end only.

        Raises:
            SizeMismatch: there are more, or fewer, than there must be.
            LimitExceeded: neither the caller nor the registry told the size, and it is above `Limits.unsized_blob`.
            ResponseError, TransportError: they could not be had as often as the client's retries allow.
        """
        count = 0
        while not self._is_whole:
            try:
                part = self._part or await self._open(buffer)
                part.incoming.until(self._remote.session.sender.deadline())
                count = await part.incoming.readinto(buffer)
                break
            except (TransportError, ResponseError) as error:
                await self._again(error)
        self.offset += count
        if self.size is not None and (self.offset > self.size or (not count and self.offset != self.size)):
            raise SizeMismatch(self.what, expected=self.size, actual=self.offset)
        self._moved += count
        if self.item is not None:
            self._take_note(self.item.size)
            if count:
                tell(self._progress, Moved(self.item, count))
        return count

    async def begin(self, buffer: memoryview) -> Part | None:
        """See to it that an answer is there, and give it; None if nothing is missing. Errors as of `readinto`.

        Args:
            buffer: to pass over what comes before the offset.
        """
        while self._part is None and not self._is_whole:
            try:
                await self._open(buffer)
            except (TransportError, ResponseError) as error:
                await self._again(error)
        return self._part

    def hand_over(self) -> None:
        """Somebody else reads the answer from now on."""
        self._part = None

    async def _again(self, error: TransportError | ResponseError) -> None:
        """Wait before the next try, unless nothing is missing."""
        await self.aclose()
        self._is_whole = self._is_all(error)
        if self._is_whole:
            return
        self._moved = 0
        await self._attempts.again(error)
        if self.item is not None:
            tell(self._progress, Retried(self.item, self.offset, str(error)))

    async def aclose(self) -> None:
        """Let go of the connection."""
        part, self._part = self._part, None
        if part is not None:
            await part.incoming.aclose()

    async def _open(self, buffer: memoryview) -> Part:
        part = self._part = await open_part(self._remote, self.digest, Wanted(self.offset, size=self.size))
        if self.item is None:
            if part.coding is not None:
                self.what += f", which came as {part.coding!r} although identity was asked for"
            self.item = Item(self._name, part.size, self.digest)
            tell(self._progress, Started(self.item, self.offset))
        surplus = part.surplus
        while surplus and (passed := await part.incoming.readinto(buffer[:surplus])):
            surplus -= passed
        return part

    def _take_note(self, told: int | None) -> None:
        """See how much of a blob has come. Its size is `told`, or None if nobody knows it."""
        if self._moved >= (PROGRESS if told is None else min(PROGRESS, told // 64)):
            self._attempts.moved()
        limit = self._remote.session.limits.unsized_blob
        if self.size is None and self.offset > max(limit, told or 0):
            what = f"{self.what}, of which the registry does not tell the size,"
            raise LimitExceeded(what, limit=limit, option="Limits.unsized_blob")

    def _is_all(self, error: TransportError | ResponseError) -> bool:
        """Whether nothing is missing although the answer did not end well; the digest decides."""
        have_all = self.item is not None and self.offset == self.item.size
        return have_all or (isinstance(error, ResponseError) and error.status == 416 and self.offset > 0)


async def taken(
    runtime: Runtime, download: Download, *takers: Callable[[memoryview], None]
) -> AsyncGenerator[memoryview, None]:
    """The blocks of a download. Each is valid until the next is asked for.

    The takers (what hashes, what writes) are given each block, too, in threads of their own, so that the network need
    not wait for them.
    """
    left = BLOCK if download.size is None else download.size - download.offset
    belt = Belt(runtime, max(1, min(left, BLOCK)), BLOCKS)
    with ExitStack() as stack:
        threads: list[Executor] = []
        async with aclosing(download):
            while count := await download.readinto(belt.buffer):
                block = belt.buffer[:count]
                if not threads and count < BLOCK:  # all of a small blob
                    for take in takers:
                        await runtime.blocking(take, block)
                    yield block
                    continue
                threads = threads or [stack.enter_context(runtime.thread()) for _ in takers]
                begun = [thread.submit(take, block) for thread, take in zip(threads, takers, strict=True)]
                yield block
                await belt.put(begun)
            await belt.drain()

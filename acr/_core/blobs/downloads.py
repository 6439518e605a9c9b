"""Downloads: the bytes of a blob, over as many connections as it takes, hashed beside the network, into a sink."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Final, Self

from acr._core.blobs.calls import Part, open_part
from acr._core.runtime import Runtime
from acr._core.talk.deadline import each_one_call, one_call
from acr._core.talk.remote import Remote
from acr._values.arguments import check_callback
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.progress import Done, Item, Moved, Progress, Retried, Started, tell
from acr.errors import DigestMismatch, InvalidInput, LimitExceeded, ResponseError, SizeMismatch, TransportError
from acr.media_types import OCTET_STREAM
from acr.protocols import Sink

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_BLOCK: Final = 2 * 1024 * 1024
"""Bytes that are hashed and written at once: with half of it async downloads take a tenth longer, since each block goes
to another thread and back."""

_PROGRESS: Final = 64 * 1024
"""Bytes after which the client counts retries anew; a 64th of a small blob. If one byte were enough, a server that
sends a byte on each connection would keep a download going for ever."""

_BLOCKS: Final = 4
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
        self._attempts = remote.session.sender.attempts()  # those since the last `_PROGRESS`
        self._moved = 0  # bytes that came since the last try

    async def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes, and tell how many there are: 0 at the end only.

        Raises:
            SizeMismatch: there are more, or fewer, than there must be.
            LimitExceeded: neither the caller nor the registry told the size, and it is above `Limits.unsized_blob`.
            ResponseError, TransportError: they could not be had as often as the client's retries allow.
        """
        while True:
            try:
                part = self._part or await self._open(buffer)
                part.incoming.until(self._remote.session.sender.deadline())
                count = await part.incoming.readinto(buffer)
                break
            except (TransportError, ResponseError) as error:
                await self.aclose()
                if self._is_all(error):
                    count = 0
                    break
                self._moved = 0
                await self._attempts.again(error)
                if self.item is not None:
                    tell(self._progress, Retried(self.item, self.offset, str(error)))
        self.offset += count
        if self.size is not None and (self.offset > self.size or (not count and self.offset != self.size)):
            raise SizeMismatch(self.what, expected=self.size, actual=self.offset)
        self._moved += count
        if self.item is not None:
            self._take_note(self.item.size)
            if count:
                tell(self._progress, Moved(self.item, count))
        return count

    async def aclose(self) -> None:
        """Let go of the connection."""
        part, self._part = self._part, None
        if part is not None:
            await part.incoming.aclose()

    async def _open(self, buffer: memoryview) -> Part:
        part = self._part = await open_part(self._remote, self.digest, self.offset)
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
        if self._moved >= (_PROGRESS if told is None else min(_PROGRESS, told // 64)):
            self._attempts.moved()
        limit = self._remote.session.limits.unsized_blob
        if self.size is None and self.offset > max(limit, told or 0):
            what = f"{self.what}, of which the registry does not tell the size,"
            raise LimitExceeded(what, limit=limit, option="Limits.unsized_blob")

    def _is_all(self, error: TransportError | ResponseError) -> bool:
        """Whether nothing is missing although the answer did not end well; the digest decides."""
        have_all = self.item is not None and self.offset == self.item.size
        return have_all or (isinstance(error, ResponseError) and error.status == 416 and self.offset > 0)


class Blocks:
    """The blocks of a download.

    An event loop that ends closes what still waits in it. That must not be taken for the end of the blob.
    """

    def __init__(self, runtime: Runtime, download: Download, progress: Progress | None) -> None:
        self._download = download
        self._walk = _verified(runtime, download, progress)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._walk)
        except StopAsyncIteration:
            if not self._download.is_verified:
                raise InvalidInput(
                    f"{self._download.what}: the event loop that it was read in has ended: download it again"
                ) from None
            raise

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._walk.aclose()


def blocks(remote: Remote, digest: str, *, progress: Progress | None = None) -> Blocks:
    """The bytes of a blob in blocks of 2 MiB; the last of them is given when the whole is verified.

    Raises:
        DigestMismatch: in the place of the last block: the whole is not of the digest.
        ResponseError, TransportError: they could not be had as often as the client's retries allow.
    """
    return Blocks(remote.session.runtime, Download(remote, digest, progress=progress), progress)


@each_one_call
async def _verified(runtime: Runtime, download: Download, progress: Progress | None) -> AsyncGenerator[bytes, None]:
    hasher = Hasher(download.digest.algorithm)
    held: bytes | None = None  # nobody has the whole before it is found right
    async with aclosing(_taken(runtime, download, hasher.update)) as walk:
        async for block in walk:
            if held is not None:
                yield held
            held = bytes(block)
    hasher.verify(download.digest, download.what)
    download.is_verified = True
    _done(download, progress)
    if held is not None:
        yield held


@one_call
async def download(
    remote: Remote,
    digest: str,
    open_sink: Callable[[Digest], Sink],
    *,
    size: int | None = None,
    progress: Progress | None = None,
    name: str | None = None,
) -> Descriptor:
    """Write a blob into a sink; it gets its final place when its digest was found right, or not at all.

    What an earlier run has left in the sink is not moved again.

    Args:
        remote: the repository.
        digest: what it must be of.
        open_sink: where to; by the digest a sink knows what an earlier run has left.
        size: how many bytes it must have, if that is known; not one more is written.
        progress: is told.
        name: for people to read.

    Raises:
        DigestMismatch: what came is not of the digest.
        SizeMismatch: it has more or fewer bytes.
        ResponseError, TransportError: it could not be had as often as the client's retries allow.
    """
    check_callback("progress", progress)
    blocking = remote.session.runtime.blocking
    checked = Digest(digest)
    sink = open_sink(checked)
    try:
        have = await blocking(sink.open)
        while True:
            hasher = Hasher(checked.algorithm)
            await blocking(_take_up, sink, hasher)
            fetched = Download(remote, checked, offset=have, size=size, progress=progress, name=name)
            try:
                takers = [hasher.update, sink.write] if sink.is_private else [hasher.update]
                async with aclosing(_taken(remote.session.runtime, fetched, *takers)) as walk:
                    async for block in walk:
                        if not sink.is_private:
                            await blocking(sink.write, block)
                hasher.verify(fetched.digest, fetched.what)
                break
            except (DigestMismatch, SizeMismatch):
                if sink.is_private:
                    await blocking(sink.restart)  # nothing of it is worth being kept
                if not have:
                    raise
                have = 0  # what the earlier run has left was damaged
        await blocking(sink.commit)
    except BaseException:
        sink.abort()  # not awaited: the task may be cancelled already
        raise
    _done(fetched, progress)
    return Descriptor(OCTET_STREAM, fetched.digest, hasher.size)


def _take_up(sink: Sink, hasher: Hasher) -> None:
    for block in sink.earlier():
        hasher.update(block)


def _done(download: Download, progress: Progress | None) -> None:
    item = download.item or Item(str(download.digest), download.offset, download.digest)
    tell(progress, Done(item))


async def _taken(
    runtime: Runtime, download: Download, *takers: Callable[[memoryview], None]
) -> AsyncGenerator[memoryview, None]:
    """The blocks of a download. Each is valid until the next is asked for.

    The takers (what hashes, what writes) are given each block, too, in threads of their own, so that the network need
    not wait for them. The buffers are used again and again: fresh ones cost as much as receiving into them.
    """
    waiting: deque[tuple[list[Future[None]], memoryview]] = deque()
    spare = memoryview(bytearray(_BLOCK))
    with ExitStack() as stack:
        threads: list[Executor] = []
        async with aclosing(download):
            while count := await download.readinto(spare):
                block = spare[:count]
                if not threads and count < _BLOCK:  # all of a small blob
                    for take in takers:
                        await runtime.blocking(take, block)
                    yield block
                    continue
                threads = threads or [stack.enter_context(runtime.thread()) for _ in takers]
                begun = [thread.submit(take, block) for thread, take in zip(threads, takers, strict=True)]
                waiting.append((begun, spare))
                yield block
                if len(waiting) < _BLOCKS:
                    spare = memoryview(bytearray(_BLOCK))
                else:
                    begun, spare = waiting.popleft()
                    for one in begun:
                        await runtime.result(one)
            for begun, _ in waiting:
                for one in begun:
                    await runtime.result(one)

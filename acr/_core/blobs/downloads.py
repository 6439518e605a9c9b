"""Downloads: the bytes of a blob, over as many connections as it takes, hashed beside the network, into a sink."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Self

from acr._core.blobs.fetching import LARGE
from acr._core.blobs.parts import Note
from acr._core.blobs.ranged import Ranged, split
from acr._core.blobs.reading import Download, taken
from acr._core.runtime import Runtime
from acr._core.storage import Placed
from acr._core.talk.deadline import each_one_call, one_call
from acr._core.talk.remote import Remote
from acr._values.arguments import check_callback
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.progress import Done, Item, Progress, tell
from acr.errors import DigestMismatch, InvalidInput, SizeMismatch
from acr.media_types import OCTET_STREAM
from acr.protocols import Sink


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
    async with aclosing(taken(runtime, download, hasher.update)) as walk:
        async for block in walk:
            if held is not None:
                yield held
            held = bytes(block)
    hasher.verify(download.digest, download.what)
    download.is_verified = True
    tell(progress, Done(download.described))
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
    checked = Digest(digest)
    sink = open_sink(checked)
    try:
        if sink.is_private and size is not None and size < LARGE:
            fetched = Download(remote, checked, size=size, progress=progress, name=name)
            await _small(remote.session.runtime, fetched, sink, size)
            item, count = fetched.described, fetched.offset
        else:
            item, count = await _large(remote, checked, sink, size=size, progress=progress, name=name)
    except BaseException:
        sink.abort()  # not awaited: the task may be cancelled already
        raise
    tell(progress, Done(item))
    return Descriptor(OCTET_STREAM, checked, count)


async def _small(runtime: Runtime, fetched: Download, sink: Sink, size: int) -> None:
    """Write a small blob into a sink: all that blocks goes to a thread at once.

    What an earlier run has left is dropped, since looking at it takes as long as to fetch all.
    """
    buffer = memoryview(bytearray(size + 1))  # one more: there must be no more
    async with aclosing(fetched):
        while await fetched.readinto(buffer[fetched.offset :]):
            pass

    def store() -> None:
        hasher = Hasher(fetched.digest.algorithm)
        hasher.update(buffer[:size])
        hasher.verify(fetched.digest, fetched.what)
        if sink.open():
            sink.restart()
        sink.write(buffer[:size])
        sink.commit()

    await runtime.blocking(store)


async def _large(
    remote: Remote, digest: Digest, sink: Sink, *, size: int | None, progress: Progress | None, name: str | None
) -> tuple[Item, int]:
    """Write a blob into a sink, behind what an earlier run has left, or into its holes. Give the blob and its size."""
    runtime = remote.session.runtime
    have = await runtime.blocking(sink.open)
    placed = sink if isinstance(sink, Placed) else None
    note = None if placed is None else await runtime.blocking(_noted, placed, digest, size, have)
    while True:
        fetched = Download(remote, digest, offset=have, size=size, progress=progress, name=name)
        ranged: Ranged | None = None
        try:
            async with aclosing(fetched):
                ranged = None if placed is None else await _ranged(remote, fetched, placed, note, progress, name)
                await (_in_order(runtime, fetched, sink) if ranged is None else ranged.fetch())
            break
        except (DigestMismatch, SizeMismatch):
            if sink.is_private:
                await runtime.blocking(sink.restart)  # nothing of it is worth being kept
            if not (have or (ranged is not None and ranged.used_ranges)):
                raise
            # What the earlier run has left was damaged, or some range was. This time all comes in order.
            have, placed, note = 0, None, None
    await runtime.blocking(sink.commit)
    return (fetched.described, fetched.offset) if ranged is None else (ranged.item, ranged.size)


async def _ranged(
    remote: Remote, fetched: Download, sink: Placed, note: Note | None, progress: Progress | None, name: str | None
) -> Ranged | None:
    """What takes the place of a download, if an earlier run has left a note, or if the blob is large."""
    if note is not None:
        return Ranged.by_note(remote, note, sink, progress=progress, name=name)
    return await split(remote, fetched, sink, progress)


def _noted(sink: Placed, digest: Digest, size: int | None, have: int) -> Note | None:
    """What an earlier run has noted of a file; a note that is of no use is removed."""
    text = sink.noted()
    note = None if text is None else Note.read(text, digest, have)
    if note is not None and size in (None, note.size):
        return note
    if text is not None:
        sink.note(None)
    return None


async def _in_order(runtime: Runtime, fetched: Download, sink: Sink) -> None:
    """Write a blob into a sink block by block, behind what an earlier run has left, and see that it is right."""
    hasher = Hasher(fetched.digest.algorithm)
    if fetched.offset:
        await runtime.blocking(_take_up, sink, hasher)
    takers = [hasher.update, sink.write] if sink.is_private else [hasher.update]
    async with aclosing(taken(runtime, fetched, *takers)) as walk:
        async for block in walk:
            if not sink.is_private:
                await runtime.blocking(sink.write, block)
    hasher.verify(fetched.digest, fetched.what)


def _take_up(sink: Sink, hasher: Hasher) -> None:
    for block in sink.earlier():
        hasher.update(block)

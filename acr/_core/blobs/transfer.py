"""Transfers: a blob on its way into a repository, in chunks that are sent once, with a way back after every error.

This file sends, and does what `way_back.py` decides. It keeps what the decision depends on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import attrs

from acr._core.blobs import calls as blobs, openings
from acr._core.blobs.checkpoints import Checkpoints
from acr._core.blobs.chunk_size import ChunkSize
from acr._core.blobs.feed import Feed
from acr._core.blobs.one_chunk import OneChunk
from acr._core.blobs.upload_sessions import GONE, REFUSALS, UNTOLD, UploadSession, count_taken, is_crumb, is_out_of_step
from acr._core.blobs.way_back import Chunks, Has, Row, Setback, Sign, Step, row_for
from acr._core.runtime import Body
from acr._core.talk.attempts import CDN, Problem
from acr._core.talk.chunking import LARGEST
from acr._core.talk.remote import Remote
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE
from acr._values.progress import Done, Item, Moved, Progress, Retried, Started, tell
from acr.errors import DigestMismatch, Locked, ProtocolViolation, ResponseError, TransportError
from acr.media_types import OCTET_STREAM

_CUT: Final = frozenset({408, 504}) | CDN
"""What is answered if a chunk did not arrive, or not in time. The next one is smaller."""

_STUCK: Final = 2
"""Tries without progress after which a session that takes no more is given up."""


@attrs.frozen
class _Tried:
    """What was sent last: a chunk, or the commit with what is left.

    Args:
        size: bytes of the chunk.
        blob: what the commit makes of the session; None if a chunk was sent.
    """

    size: int
    blob: Descriptor | None = None


class Transfer:
    """A blob on its way: what is missing is sent until all is there, if need be in one session after another.

    Args:
        remote: the repository.
        opened: the first session.
        feed: the bytes.
        size: of the next chunk.
        checkpoints: keeps how far it got.
        item: what it is, for the events.
        progress: is told.
    """

    def __init__(
        self,
        remote: Remote,
        opened: UploadSession,
        feed: Feed,
        size: ChunkSize,
        checkpoints: Checkpoints,
        item: Item,
        progress: Progress | None,
    ) -> None:
        self._remote = remote
        self._is_on_trust = bool(opened.offset)  # the registry's claim: we did not see these bytes accepted
        self._is_resumed = checkpoints.is_kept  # and has taken nothing yet from this process
        self._feed = feed
        self._size = size
        self._one_chunk = OneChunk(remote.session.learned.chunking, feed)
        self._checkpoints = checkpoints
        self._item = item
        self._progress = progress
        self._tried = _Tried(0)
        self._told = opened.offset  # where the events are
        self._attempts = remote.session.sender.attempts(is_out_of_step)
        self._upload = self._adopted(opened)

    async def run(self) -> Descriptor:
        """Send all that the session lacks, and commit it.

        Raises:
            DigestMismatch: the source is not of the digest; nothing was stored.
            ResponseError, TransportError: it could not be done as often as the client's retries allow.
            ProtocolViolation: the registry has other bytes than were sent.
        """
        try:
            tell(self._progress, Started(self._item, self._upload.offset))
            descriptor = None
            while descriptor is None:
                try:
                    descriptor = await self._send_rest()
                except (TransportError, ResponseError, ProtocolViolation) as error:
                    descriptor = await self._go_back(error)
        except BaseException as error:
            await self._checkpoints.leave(self._upload, error)
            raise
        await self._checkpoints.done()
        tell(self._progress, Done(self._item))
        return descriptor

    async def _send_rest(self) -> Descriptor:
        while True:
            upload = self._upload
            most = self._size.current
            if self._one_chunk.is_due and self._feed.size is not None:
                most = self._feed.size  # no body goes beyond the end
            body = await self._feed.body(upload.offset, most)
            self._tried, end = _Tried(body.size), upload.offset + body.size
            # All of a small blob goes with the commit: one request less.
            is_small = self._feed.size is not None and self._feed.size <= min(self._size.usual, CHUNK_SIZE)
            if (is_small and end == self._feed.size) or not body.size:
                return await self._commit(body)
            if not self._checkpoints.is_kept:
                await self._checkpoints.save(upload)
            began = self._remote.session.runtime.now()
            await upload.send(self._watched(body))
            if upload.offset == end:
                self._size.went_well(self._remote.session.runtime.now() - began, body.size)
                if self._size.borne is not None:  # remembered although this upload may fail in the end
                    self._remote.session.learned.chunking.bears(self._size.borne)
            if upload.chunks > 1:
                self._remote.session.learned.chunking.takes_many = True
            count_taken(self._attempts, self._remote.name, upload.offset - end + body.size, body.size)
            self._is_resumed = False
            await self._checkpoints.save(upload)

    async def _commit(self, body: Body) -> Descriptor:
        size = self._upload.offset + body.size
        digest = self._item.digest
        if digest is None or self._feed.hashes:
            digest = await self._hashed(size)
        blob = Descriptor(OCTET_STREAM, digest, size)
        self._tried = _Tried(body.size, blob)
        try:
            await self._upload.complete(digest, self._watched(body) if body.size else None)
        except ResponseError as error:
            if error.status == 400:  # its own way of saying that the digest is of other bytes is not every registry's
                await self._hashed(size)
            raise
        return blob

    async def _hashed(self, size: int) -> Digest:
        """The digest of all bytes, which must be the one that was asked for."""
        digest = await self._feed.digest(size)
        if self._item.digest not in (None, digest):
            raise DigestMismatch(f"the blob for {self._remote.name}", expected=self._item.digest, actual=digest)
        return digest

    def _watched(self, body: Body) -> Body:
        """The same body, telling how far it is."""
        offset = self._upload.offset

        async def pieces() -> AsyncGenerator[bytes, None]:
            if self._told != offset:
                self._tell_again(offset, "the registry wants it once more: it throttles, or the token had expired")
            async with aclosing(body.pieces()) as walk:
                async for piece in walk:
                    yield piece
                    self._told += len(piece)
                    tell(self._progress, Moved(self._item, len(piece)))

        return Body(body.size, pieces)

    async def _go_back(self, error: Problem | ProtocolViolation) -> Descriptor | None:
        """Find the way back after an error.

        Returns:
            The blob, if it is there after all. None if the transfer goes on.

        Raises:
            ResponseError, TransportError, ProtocolViolation: the error, or what followed it, if there is no way back.
        """
        sign, have = Sign.of(error), None
        setback = Setback(
            sign=sign,
            is_whole=self._one_chunk.is_due,
            takes_one=self._one_chunk.seems_due(error, self._upload, is_commit=self._tried.blob is not None),
            is_stale=self._is_stale(error),
            can_shrink=self._size.can_shrink(self._tried.size),
        )
        row = row_for(setback)
        if row.step is Step.ASK and not isinstance(error, ProtocolViolation):
            if isinstance(error, TransportError) or error.status in _CUT:
                self._size.lost()
            error, has, have = await self._asked(error)
            setback = self._setback(sign, has)
            row = row_for(setback)
        if row.step is Step.RAISE:
            raise self._told_of(error, setback.has, have)
        if row.step is Step.DONE:
            # It was the answer that got lost, not the request; or somebody else was quicker, and ours is open.
            await self._upload.give_up()
            return self._tried.blob
        self._change_chunks(row, setback)
        if row.step is Step.ANEW:
            await self._begin_anew(error, is_lost=setback.has is Has.NOTHING)
        else:
            await self._go_on(self._upload.offset if have is None else have, str(error), is_asked=have is not None)
        return None

    def _setback(self, sign: Sign, has: Has) -> Setback:
        """What the second decision depends on, as soon as the registry has told what it has."""
        size, sent = self._size, self._tried.size
        is_stuck = self._feed.is_at_hand and self._attempts.since_progress >= _STUCK
        return Setback(
            sign=sign,
            has=has,
            is_outgrown=size.is_outgrown(sent),
            is_stuck=is_stuck,
            is_unproved=is_stuck and not size.proved and size.can_shrink(sent),
        )

    async def _asked(self, error: Problem) -> tuple[Problem, Has, int | None]:
        """Wait, and ask the registry what it has, until it answers.

        Returns:
            The last error, what the registry has, and how many bytes that are; None if it has no session.
        """
        while True:
            await self._attempts.again(error)
            try:
                blob = self._tried.blob
                if blob is not None and await blobs.exists(self._remote, blob.digest):
                    return error, Has.BLOB, None
                have = await self._status()
                return error, self._judged(have), have
            except (TransportError, ResponseError) as another:
                error = another

    def _judged(self, have: int | None) -> Has:
        """What it means that the registry has so many bytes."""
        offset = self._upload.offset
        if have is None:
            return Has.NOTHING
        if have > max(offset, self._feed.seen):
            return Has.IMPOSSIBLE
        if self._one_chunk.is_due and have not in (0, self._feed.size):
            return Has.PART
        if have < offset:
            return Has.LESS if self._feed.reaches(have) else Has.FORGOTTEN
        return Has.SAME if have == offset else Has.MORE

    def _told_of(self, error: Problem | ProtocolViolation, has: Has, have: int | None) -> Exception:
        """The error, or what is to be said of a registry that has what it cannot have."""
        what = f"an upload to {self._remote.name} has {have} bytes"
        if has is Has.IMPOSSIBLE:
            return ProtocolViolation(f"{what}, which is more than were sent")
        if has is Has.FORGOTTEN:
            return ProtocolViolation(f"{what}, although it had confirmed {self._upload.offset}")
        return error

    def _is_stale(self, error: Problem | ProtocolViolation) -> bool:
        """Whether the session that an earlier process, or an earlier connection, has left is of no use.

        That process has sent something else, or the registry told of bytes that it then did not keep; or it takes
        nothing more into that session.
        """
        if not isinstance(error, ResponseError) or isinstance(error, Locked) or not self._feed.is_at_hand:
            return False
        invalid = self._is_on_trust and "DIGEST_INVALID" in error.codes
        return invalid or (self._is_resumed and error.status in REFUSALS and not is_out_of_step(error))

    def _change_chunks(self, row: Row, setback: Setback) -> None:
        """Make the chunks that follow as the row says."""
        if row.chunks is Chunks.SMALLER:
            self._size.refused(self._tried.size)
            if row.step is Step.ANEW and setback.has is Has.SAME:
                self._attempts.renew()  # the registry has lost nothing
            elif setback.has is not Has.UNASKED:
                self._attempts.moved()  # what is sent next is something else
        elif row.chunks is not Chunks.AS_BEFORE:
            self._one_chunk.switch(is_due=row.chunks is Chunks.WHOLE)

    async def _status(self) -> int | None:
        """How many bytes the registry has, or None if it has lost the session, or does not tell."""
        try:
            return await self._upload.status(repeatable=False)
        except ResponseError as error:
            if error.status not in UNTOLD:
                raise
            if error.status in GONE:
                return None
        except ProtocolViolation:
            pass  # nor does this tell
        await self._upload.give_up()
        return None

    async def _go_on(self, have: int, reason: str, *, is_asked: bool) -> None:
        """Go on behind the bytes that the registry has."""
        upload = self._upload
        if is_asked:
            self._is_on_trust = True
            if have < upload.offset:
                self._attempts.set_back()
            elif not is_crumb(have - upload.offset, self._tried.size):
                self._attempts.moved()
            upload.offset = have
            if self._checkpoints.is_kept:
                await self._checkpoints.save(upload)
        self._tell_again(have, reason)

    async def _begin_anew(self, error: Problem | ProtocolViolation, *, is_lost: bool) -> None:
        """Send all of it once more, in another session; the one before is given up, unless the registry lost it.

        Raises:
            ResponseError, TransportError, ProtocolViolation: the error, if the source cannot be read again.
        """
        if not self._feed.is_at_hand:
            raise error
        if not is_lost:
            await self._upload.give_up()
        self._attempts.set_back()
        self._is_on_trust = self._is_resumed = False
        self._upload = self._adopted(await openings.start(self._remote))
        if self._checkpoints.is_kept:
            await self._checkpoints.save(self._upload)
        self._tell_again(0, str(error))

    def _adopted(self, upload: UploadSession) -> UploadSession:
        """A session, of which the registry may have said how large its chunks must be."""
        if upload.min_chunk_size:
            # What is held in memory has a limit, whatever a registry asks for.
            self._size.at_least(min(upload.min_chunk_size, LARGEST) if self._feed.holds else upload.min_chunk_size)
        return upload

    def _tell_again(self, offset: int, reason: str) -> None:
        self._told = offset
        tell(self._progress, Retried(self._item, offset, reason))

"""Transfers: a blob on its way into a repository, in chunks that are sent once, with a way back after every fault."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from acr._core.blobs import calls as blobs, openings
from acr._core.blobs.checkpoints import Checkpoints
from acr._core.blobs.chunk_size import ChunkSize
from acr._core.blobs.feed import Feed
from acr._core.blobs.upload_sessions import GONE, UNTOLD, Upload, is_out_of_step
from acr._core.runtime import Body
from acr._core.talk.attempts import CDN
from acr._core.talk.chunking import LARGEST
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE
from acr._values.progress import Done, Item, Moved, Progress, Retried, Started, tell
from acr.errors import DigestMismatch, Locked, ProtocolViolation, ResponseError, TransportError
from acr.media_types import OCTET_STREAM

_REFUSALS: Final = frozenset({400, 404, 405, 409, 410, 416, 501})
"""What may be meant by them: that an upload takes no second chunk, or that it is of no more use."""

_ENOUGH: Final = 4
"""Second chunks that are lost until a registry is taken for one that takes none."""

_WHOLE: Final = "the registry may take all of a blob in one chunk only: pass a path, or bytes, which can be sent so"


class Transfer:
    """A blob on its way: what is missing is sent until all is there, if need be in one session after another.

    Args:
        session: the client.
        repository: where to.
        opened: the first session.
        feed: the bytes.
        size: of the next chunk.
        checkpoints: keeps how far it got.
        item: what it is, for the events.
        progress: is told.
    """

    def __init__(
        self,
        session: Session,
        repository: str,
        opened: Upload,
        feed: Feed,
        size: ChunkSize,
        checkpoints: Checkpoints,
        item: Item,
        progress: Progress | None,
    ) -> None:
        self._session = session
        self._repository = repository
        self._is_on_trust = opened.offset > 0  # the registry's claim: we did not see these bytes accepted
        self._is_resumed = checkpoints.is_kept  # and has taken nothing yet from this process
        self._feed = feed
        self._size = size
        self._is_whole = session.chunking.takes_one and feed.size is not None
        self._suspicions = 0  # how often it seemed to take one chunk only
        self._checkpoints = checkpoints
        self._item = item
        self._progress = progress
        self._sent = 0  # bytes of the last chunk
        self._told = opened.offset  # where the events are
        self._attempts = session.sender.attempts(is_out_of_step)
        self._committing: Descriptor | None = None
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
                except (TransportError, ResponseError) as error:
                    descriptor = await self._recover(error)
                except ProtocolViolation as error:
                    await self._send_whole(error)
        except BaseException as error:
            await self._checkpoints.leave(self._upload, error)
            raise
        await self._checkpoints.done()
        tell(self._progress, Done(self._item))
        return descriptor

    async def _send_rest(self) -> Descriptor:
        self._committing = None
        while True:
            upload = self._upload
            most = self._size.current
            if self._is_whole and self._feed.size is not None:
                most = self._feed.size - upload.offset
            body = await self._feed.body(upload.offset, most)
            self._sent, end = body.size, upload.offset + body.size
            # All of a small blob goes with the commit: one request less.
            is_small = self._feed.size is not None and self._feed.size <= min(self._size.usual, CHUNK_SIZE)
            if (is_small and end == self._feed.size) or not body.size:
                return await self._commit(body)
            if not self._checkpoints.is_kept:
                await self._checkpoints.save(upload)
            began = self._session.runtime.now()
            await upload.send(self._watched(body))
            if upload.offset == end:
                self._size.went_well(self._session.runtime.now() - began, body.size)
            if upload.chunks > 1:
                self._session.chunking.takes_many = True
            self._attempts.moved()
            self._is_resumed = False
            await self._checkpoints.save(upload)

    async def _commit(self, body: Body) -> Descriptor:
        size = self._upload.offset + body.size
        digest = self._item.digest
        if digest is None or self._feed.hashes:
            digest = await self._hashed(size)
        self._committing = Descriptor(OCTET_STREAM, digest, size)
        try:
            await self._upload.complete(digest, self._watched(body) if body.size else None)
        except ResponseError as error:
            if error.status == 400:  # its own way of saying that the digest is of other bytes is not every registry's
                await self._hashed(size)
            raise
        return self._committing

    async def _hashed(self, size: int) -> Digest:
        """The digest of all bytes, which must be the one that was asked for."""
        digest = await self._feed.digest(size)
        if self._item.digest not in (None, digest):
            raise DigestMismatch(f"the blob for {self._repository}", expected=self._item.digest, actual=digest)
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

    async def _recover(self, error: TransportError | ResponseError) -> Descriptor | None:
        """Find out where to go on after an error, or that all is done; or raise the error."""
        status = error.status if isinstance(error, ResponseError) else None
        if self._is_whole and status in (413, 416):
            self._take_whole(is_whole=False)  # it was taken for a registry that takes one chunk only, and is none
        elif status == 413 and self._size.refused(self._sent):
            self._tell_again(self._upload.offset, str(error))
            return None
        elif self._takes_one(error):
            self._take_whole(is_whole=True)
        elif not self._is_stale(error):
            return await self._look(error, status)
        await self._upload.give_up()
        await self._begin_anew(error)
        return None

    async def _look(self, error: TransportError | ResponseError, status: int | None) -> Descriptor | None:
        """Ask the registry whether all is done, or how far it got, and go on from there; or raise the error."""
        if status in (None, 408, 504) or status in CDN:
            self._size.lost()
        while True:
            await self._attempts.again(error)
            try:
                done = self._committing
                if done is not None and await blobs.exists(self._session, self._repository, done.digest):
                    # It was the answer that got lost, not the request; or somebody else was quicker, and ours is open.
                    await self._upload.give_up()
                    return done
                have = await self._status()
                break
            except (TransportError, ResponseError) as another:
                error = another
        in_place = have == self._upload.offset
        if status == 416 and (in_place or have is None) and self._size.outgrown(self._sent):
            self._attempts.moved()  # what is sent next is something else
        elif in_place and status in (404, 416) and self._attempts.since_progress > 1 and self._feed.reaches(0):
            # It knows of no difference and still does not take the chunk: the session is of no more use.
            await self._upload.give_up()
            have = None
            if status == 416 and not self._size.proved and self._size.refused(self._sent):
                self._attempts.renew()
        if have is None or (self._is_whole and 0 < have < self._sent):
            await self._begin_anew(error)
        else:
            await self._realign(have)
            self._tell_again(have, str(error))
        return None

    def _takes_one(self, error: TransportError | ResponseError) -> bool:
        """Whether it seems that the registry takes one chunk of an upload and no other, as ECR does.

        It does so if it refuses the second chunk: by an error that cannot be got over in another way; or although it
        said of the first one that something was created; or again and again.
        """
        if not isinstance(error, ResponseError) or isinstance(error, Locked) or self._committing or self._is_whole:
            return False
        if self._upload.chunks != 1 or self._session.chunking.takes_many or error.status not in _REFUSALS:
            return False
        self._suspicions += 1
        if is_out_of_step(error) and not self._upload.says_created and self._suspicions < _ENOUGH:
            return False
        if self._feed.size is None or not self._feed.reaches(0):
            error.hint = _WHOLE
            return False
        return True

    async def _send_whole(self, error: ProtocolViolation) -> None:
        """Begin anew in one chunk, where a second one was taken as if it were nothing; else raise the error.

        ECR answers each chunk with 201, and forgets all but the first (aws/containers-roadmap#2831).
        """
        is_forgotten = self._upload.took_nothing and self._upload.chunks == 2 and not self._is_whole
        if not is_forgotten or self._session.chunking.takes_many:
            raise error
        if self._feed.size is None or not self._feed.reaches(0):
            raise ProtocolViolation(f"{error}; {_WHOLE}")
        self._take_whole(is_whole=True)
        await self._upload.give_up()
        await self._begin_anew(error)

    def _take_whole(self, *, is_whole: bool) -> None:
        chunking = self._session.chunking
        self._is_whole = chunking.takes_one = is_whole
        chunking.takes_many = not is_whole

    def _is_stale(self, error: TransportError | ResponseError) -> bool:
        """Whether the session that an earlier process, or an earlier connection, has left is of no use.

        That process has sent something else, or the registry told of bytes that it then did not keep; or it takes
        nothing more into that session.
        """
        if not isinstance(error, ResponseError) or isinstance(error, Locked):
            return False
        invalid = self._is_on_trust and "DIGEST_INVALID" in error.codes
        return invalid or (self._is_resumed and error.status in _REFUSALS and not is_out_of_step(error))

    async def _status(self) -> int | None:
        """How many bytes the registry has, or None if it has lost the session, or does not tell."""
        try:
            return await self._upload.status(repeatable=False)
        except ResponseError as error:
            if error.status not in UNTOLD:
                raise
            is_gone = error.status in GONE
        except ProtocolViolation:
            is_gone = False
        if not is_gone:
            await self._upload.give_up()
        return None

    async def _realign(self, have: int) -> None:
        upload = self._upload
        self._is_on_trust = True
        if have > max(upload.offset, self._feed.seen):
            raise ProtocolViolation(f"an upload to {self._repository} has {have} bytes, which is more than were sent")
        if have < upload.offset:
            self._attempts.set_back()
            if not self._feed.reaches(have):
                raise ProtocolViolation(
                    f"an upload to {self._repository} has {have} bytes, although it had confirmed {upload.offset}"
                )
        elif have > upload.offset:
            self._attempts.moved()
        upload.offset = have
        if self._checkpoints.is_kept:
            await self._checkpoints.save(upload)

    async def _begin_anew(self, error: TransportError | ResponseError | ProtocolViolation) -> None:
        """Send all of it once more, in another session; or raise the error, where the source was read but once."""
        if not self._feed.reaches(0):
            raise error
        self._attempts.set_back()
        self._is_on_trust = self._is_resumed = False
        self._upload = self._adopted(await openings.start(self._session, self._repository))
        if self._checkpoints.is_kept:
            await self._checkpoints.save(self._upload)
        self._tell_again(0, str(error))

    def _adopted(self, upload: Upload) -> Upload:
        """A session, of which the registry may have said how large its chunks must be."""
        if upload.min_chunk_size:
            # What is held in memory has a limit, whatever a registry asks for.
            self._size.at_least(min(upload.min_chunk_size, LARGEST) if self._feed.holds else upload.min_chunk_size)
        return upload

    def _tell_again(self, offset: int, reason: str) -> None:
        self._told = offset
        tell(self._progress, Retried(self._item, offset, reason))

"""Uploads: a blob from a source, in chunks that are each sent once, with a way back after every fault."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from acr._core.blobs import calls as blobs, upload_sessions
from acr._core.blobs.checkpoints import Checkpoints
from acr._core.blobs.chunk_size import ChunkSize
from acr._core.blobs.feed import Feed, SourceFailed
from acr._core.blobs.upload_sessions import Upload, in_doubt
from acr._core.runtime import Body
from acr._core.storage import Checkpoint, Source
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE
from acr._values.progress import Done, Item, Mounted, Moved, Progress, Retried, Skipped, Started, tell
from acr._values.reference import check_repository
from acr.errors import (
    Denied,
    DigestMismatch,
    InvalidInput,
    NotFound,
    ProtocolViolation,
    ResponseError,
    TransportError,
    Unauthorized,
)
from acr.media_types import OCTET_STREAM


async def mount(session: Session, repository: str, digest: str, source: str) -> bool:
    """Make a blob of another repository of the same registry one of this repository, too.

    Returns:
        Whether that was possible. Where not, the registry opens an upload session instead, which is given up.
    """
    opened = await upload_sessions.mount_or_start(session, repository, Digest(digest), source)
    if opened is not None:
        await opened.give_up()
    return opened is None


async def upload(
    session: Session,
    repository: str,
    open_source: Callable[[], Source],
    *,
    digest: str | None = None,
    algorithm: str = "sha256",
    chunk_size: int | None = None,
    mount_from: str | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    name: str | None = None,
) -> Descriptor:
    """Upload a source; what the repository has already is not sent.

    Args:
        session: the client.
        repository: where to.
        open_source: gives the bytes; they are closed here. If they can be read again, the upload begins anew when the
            registry loses it.
        digest: what it must be of, where that is known.
        algorithm: of the digest, where it is not.
        chunk_size: bytes of the first and the largest chunk; None to begin with 4 MiB and grow while it goes well.
        mount_from: another repository that is known to have it, to be tried first. Needs the digest.
        checkpoint: where another process finds how far this one got; an upload that fails is then left to it.
        progress: is told.
        name: for people to read.

    Raises:
        InvalidInput: an option cannot be right, or the source cannot be read again and a checkpoint is asked for.
        DigestMismatch: the source is not of the digest; nothing was stored.
        ResponseError, TransportError: it could not be done as often as the client's retries allow.
    """
    if chunk_size is not None and chunk_size < 1:
        raise InvalidInput(f"chunk_size={chunk_size}: expected a positive number of bytes")
    check_repository(repository)
    expected = None if digest is None else Digest(digest)
    if mount_from is not None:
        check_repository(mount_from)
        if expected is None:
            raise InvalidInput("mount_from: a blob is mounted by its digest: pass digest=, too")
    source = open_source()
    try:
        if checkpoint is not None and not (source.is_seekable and source.size is not None):
            raise InvalidInput("checkpoint: expected a source that can be read again: a path, bytes or a file on disk")
        item = Item(name or expected or "a blob", source.size, expected)
        hashed_as = expected.algorithm if expected else algorithm
        checkpoints = Checkpoints(session, repository, hashed_as, item, checkpoint)
        if expected is not None:
            with suppress(NotFound):
                there = await blobs.head(session, repository, expected)
                await checkpoints.done()
                tell(progress, Skipped(Item(item.name, there.size, expected)))
                return there
        opened = await checkpoints.resume()
        if opened is None and expected is not None and mount_from is not None:
            opened = await _mount(session, repository, expected, mount_from)
            if opened is None:
                count = (await blobs.head(session, repository, expected)).size if source.size is None else source.size
                await checkpoints.done()
                tell(progress, Mounted(item))
                return Descriptor(OCTET_STREAM, expected, count)
        with Feed(session.runtime, source, hashed_as, is_known=expected is not None) as feed:
            if feed.holds:
                size = ChunkSize.of(chunk_size, largest=CHUNK_SIZE)
            else:
                size = ChunkSize.of(chunk_size, first=session.chunk_size)
            opened = opened or await upload_sessions.start(session, repository)
            done = await _Transfer(session, repository, opened, feed, size, checkpoints, item, progress).run()
            if chunk_size is None and not feed.holds:
                session.chunk_size = size.current
            return done
    except SourceFailed as failed:
        raise failed.error from failed.error.__cause__
    finally:
        await source.aclose()


async def _mount(session: Session, repository: str, digest: Digest, source: str) -> Upload | None:
    """Try to mount. It is a short cut only: what stands against it does not stand against the upload."""
    try:
        return await upload_sessions.mount_or_start(session, repository, digest, source)
    except (Unauthorized, Denied, NotFound):
        return await upload_sessions.start(session, repository)


class _Transfer:
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
        self._upload = opened
        self._is_on_trust = opened.offset > 0  # the registry's claim: we did not see these bytes accepted
        self._feed = feed
        self._size = size
        self._checkpoints = checkpoints
        self._item = item
        self._progress = progress
        self._sent = 0  # bytes of the last chunk
        self._told = opened.offset  # where the events are
        self._attempt = 0  # repetitions since the registry took something
        self._setbacks = 0  # how often it lost what it had
        self._committing: Descriptor | None = None

    async def run(self) -> Descriptor:
        """Send all that the session lacks, and commit it.

        Raises:
            DigestMismatch: the source is not of the digest; nothing was stored.
            ResponseError, TransportError: it could not be done as often as the client's retries allow.
        """
        try:
            tell(self._progress, Started(self._item, self._upload.offset))
            descriptor = None
            while descriptor is None:
                try:
                    descriptor = await self._send_rest()
                except (TransportError, ResponseError) as error:
                    descriptor = await self._recover(error)
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
            body = await self._feed.body(upload.offset, self._size.current)
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
                self._size.went_well(self._session.runtime.now() - began)
            self._attempt = 0
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
        have: int | None = None
        status = error.status if isinstance(error, ResponseError) else None
        if status == 413 and self._size.refused(self._sent):
            self._tell_again(self._upload.offset, str(error))
            return None
        if self._is_on_trust and isinstance(error, ResponseError) and "DIGEST_INVALID" in error.codes:
            # An earlier process sent something else, or the registry told of bytes that it then did not keep.
            await self._upload.give_up()
            await self._begin_anew(error)
            return None
        if status in (None, 408, 504):
            self._size.lost()
        while True:
            if not in_doubt(error):
                raise error
            await self._session.sender.pause(error, max(self._attempt, self._setbacks))
            self._attempt += 1
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
        # Where it knows of no difference and still will not take the chunk, the session is of no more use.
        is_stuck = have == self._upload.offset and status in (404, 416) and self._attempt > 1
        if is_stuck and self._feed.reaches(0):
            await self._upload.give_up()
            have = None
        if have is None:
            await self._begin_anew(error)
        else:
            await self._realign(have)
            self._tell_again(have, str(error))
        return None

    async def _status(self) -> int | None:
        """How many bytes the registry has, or None where it has lost the session."""
        try:
            return await self._upload.status(repeatable=False)
        except ResponseError as error:
            if error.status in (404, 416):
                return None
            raise

    async def _realign(self, have: int) -> None:
        upload = self._upload
        self._is_on_trust = True
        if have > max(upload.offset, self._feed.seen):
            raise ProtocolViolation(f"an upload to {self._repository} has {have} bytes, which is more than were sent")
        if have < upload.offset:
            self._setbacks += 1
            if not self._feed.reaches(have):
                raise ProtocolViolation(
                    f"an upload to {self._repository} has {have} bytes, although it had confirmed {upload.offset}"
                )
        elif have > upload.offset:
            self._attempt = 0
        upload.offset = have
        if self._checkpoints.is_kept:
            await self._checkpoints.save(upload)

    async def _begin_anew(self, error: TransportError | ResponseError) -> None:
        """Send all of it once more, in another session; or raise the error, where the source was read but once."""
        if not self._feed.reaches(0):
            raise error
        self._setbacks += 1
        self._is_on_trust = False
        self._upload = await upload_sessions.start(self._session, self._repository)
        if self._checkpoints.is_kept:
            await self._checkpoints.save(self._upload)
        self._tell_again(0, str(error))

    def _tell_again(self, offset: int, reason: str) -> None:
        self._told = offset
        tell(self._progress, Retried(self._item, offset, reason))

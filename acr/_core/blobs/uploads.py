"""Uploads: a blob from a source, unless the repository has it, or takes it over from another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from acr._core.blobs import calls as blobs, openings
from acr._core.blobs.checkpoints import Checkpoints
from acr._core.blobs.chunk_size import ChunkSize
from acr._core.blobs.feed import Feed, SourceFailed
from acr._core.blobs.transfer import Transfer
from acr._core.blobs.upload_sessions import UploadSession
from acr._core.storage import Checkpoint, Source
from acr._core.talk.chunking import LARGEST
from acr._core.talk.deadline import one_call
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._values.arguments import check_callback, check_count
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE
from acr._values.progress import Item, Mounted, Progress, Skipped, tell
from acr._values.reference import check_repository
from acr.errors import CredentialError, InvalidInput, ResponseError
from acr.media_types import OCTET_STREAM

_NO_MOUNT: Final = frozenset({400, 405, 409, 415, 500, 501})
"""What a registry answers that cannot mount; to what the credential may not do it answers otherwise."""


@one_call
async def mount(remote: Remote, digest: str, source: str) -> bool:
    """Make a blob of another repository of the same registry one of this repository, too.

    Returns:
        Whether that was possible. If not, the registry may open an upload session instead, which is given up.
    """
    checked = Digest(digest)
    try:
        opened = await openings.mount_or_start(remote, checked, source)
    except ResponseError as error:
        if error.status in _NO_MOUNT:
            return False
        raise
    if opened is not None:
        await opened.give_up()
    # Some registries say so of any blob.
    return opened is None and await blobs.exists(remote, checked)


@one_call
async def upload(
    remote: Remote,
    open_source: Callable[[], Source],
    *,
    digest: str | None = None,
    algorithm: str = "sha256",
    chunk_size: int | None = None,
    mount_from: str | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    name: str | None = None,
    trusts_mount: bool = False,
    is_wanted: bool = False,
) -> Descriptor:
    """UploadSession a source; what the repository has already is not sent.

    Args:
        remote: the repository.
        open_source: gives the bytes; they are closed here. If they can be read again, the upload begins anew when the
            registry loses it.
        digest: what it must be of, if that is known.
        algorithm: of the digest, if it is not.
        chunk_size: bytes of the first and the largest chunk; None to begin with 4 MiB and grow while it goes well.
        mount_from: another repository that is known to have it, to be tried first. Needs the digest.
        checkpoint: where another process finds how far this one got; an upload that fails is then left to it.
        progress: is told.
        name: for people to read.
        trusts_mount: a registry that says that it has mounted the blob is not asked whether it is there.
        is_wanted: the registry has said that it lacks the blob: it is not asked again.

    Raises:
        InvalidInput: an option cannot be right, or the source cannot be read again and a checkpoint is asked for.
        DigestMismatch: the source is not of the digest; nothing was stored.
        ResponseError, TransportError: it could not be done as often as the client's retries allow.
    """
    expected = _expected(digest, chunk_size, mount_from)
    check_callback("progress", progress)
    source = open_source()
    try:
        if checkpoint is not None and not (source.is_seekable and source.size is not None):
            raise InvalidInput("checkpoint: expected a source that can be read again: a path, bytes or a file on disk")
        item = Item(name or expected or "a blob", source.size, expected)
        hashed_as = expected.algorithm if expected else algorithm
        checkpoints = Checkpoints(remote, hashed_as, item, checkpoint)
        job = _Job(remote, source, expected, hashed_as, item, checkpoints, progress)
        there, opened = None if is_wanted else await job.already_there(), None
        if there is None:
            there, opened = await job.taken_over(mount_from, trusts_mount=trusts_mount)
        if there is None:
            there = await job.transferred(opened, chunk_size)
        return there
    except SourceFailed as failed:
        raise failed.error from failed.error.__cause__
    finally:
        await source.aclose()


@attrs.frozen
class _Job:
    """One upload: three ways for the blob to be there in the end."""

    remote: Remote
    source: Source
    expected: Digest | None
    hashed_as: str
    item: Item
    checkpoints: Checkpoints
    progress: Progress | None

    async def already_there(self) -> Descriptor | None:
        """The blob, if the repository has it."""
        if self.expected is None:
            return None
        there = await blobs.find(self.remote, self.expected, self.source.size)
        if there is not None:
            await self.checkpoints.done()
            tell(self.progress, Skipped(Item(self.item.name, there.size, self.expected)))
        return there

    async def taken_over(
        self, mount_from: str | None, *, trusts_mount: bool
    ) -> tuple[Descriptor | None, UploadSession | None]:
        """The blob, if another repository gives it; else a session, if there is one to go on with."""
        opened = await self.checkpoints.resume()
        if opened is not None or self.expected is None or mount_from is None:
            return None, opened
        opened, there = await _mount(self.remote, self.expected, mount_from, self.source.size, trusts_mount)
        if there is not None:
            await self.checkpoints.done()
            tell(self.progress, Mounted(self.item))
        return there, opened

    async def transferred(self, opened: UploadSession | None, chunk_size: int | None) -> Descriptor:
        """The blob, when all that the session lacks was sent."""
        session, chunking = self.remote.session, self.remote.session.learned.chunking
        with Feed(session.runtime, self.source, self.hashed_as, is_known=self.expected is not None) as feed:
            opened = opened or await openings.start(self.remote)
            size = _chunk_size(session, feed, chunk_size)
            transfer = Transfer(self.remote, opened, feed, size, self.checkpoints, self.item, self.progress)
            done = await transfer.run()
            if chunk_size is None and not feed.holds:
                chunking.first, chunking.largest = size.current, size.largest
            return done


def _expected(digest: str | None, chunk_size: int | None, mount_from: str | None) -> Digest | None:
    """The digest that a source must be of, if it is known. Options that need one are checked with it."""
    if chunk_size is not None:
        check_count("chunk_size", chunk_size)
    if mount_from is not None:
        check_repository(mount_from)
        if digest is None:
            raise InvalidInput("mount_from: a blob is mounted by its digest: pass digest=, too")
    return None if digest is None else Digest(digest)


def _chunk_size(session: Session, feed: Feed, wanted: int | None) -> ChunkSize:
    most = session.learned.chunking.largest
    if wanted is not None:
        return ChunkSize.of(wanted)
    if feed.holds:
        return ChunkSize.of(None, largest=min(CHUNK_SIZE, most))
    return ChunkSize.of(None, first=session.learned.chunking.first, largest=min(LARGEST, most))


async def _mount(
    remote: Remote, digest: Digest, source: str, size: int | None, trusts: bool
) -> tuple[UploadSession | None, Descriptor | None]:
    """Try to mount. It is a short cut only: what stands against it does not stand against the upload.

    Returns:
        An upload session that was opened instead, if one was; the blob, if it is there now.
    """
    try:
        opened = await openings.mount_or_start(remote, digest, source)
    except (ResponseError, CredentialError):
        return None, None
    if opened is not None:
        return opened, None
    if trusts and size is not None:
        return None, Descriptor(OCTET_STREAM, digest, size)
    # Some registries say of any blob that it is mounted.
    return None, await blobs.find(remote, digest, size)

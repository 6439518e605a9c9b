"""Uploads: a blob from a source, unless the repository has it, or takes it over from another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from acr._core.talk.deadline import one_call, writes
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._values.arguments import check_callback, check_count
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE
from acr._values.progress import Item, Mounted, Progress, Skipped, tell
from acr._values.reference import check_repository, looks_like_acr
from acr.errors import CredentialError, InvalidInput, ResponseError
from acr.media_types import OCTET_STREAM

_NO_MOUNT: Final = frozenset({400, 405, 409, 415, 500, 501})
"""What a registry answers that cannot mount; to what the credential may not do it answers otherwise."""

_NO_OWN: Final = _NO_MOUNT | {404, 422}
"""What a registry answers that mounts nothing from the repository itself, which it may not know yet."""

_DEAR: Final = 1024 * 1024
"""Bytes from which on a blob is worth a HEAD before it is sent, if a mount has said that it is not there."""


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
    is_new: Callable[[], Awaitable[bool]] | None = None,
    is_missing: Callable[[], Awaitable[bool]] | None = None,
    beside: Callable[[], Awaitable[None]] | None = None,
) -> Descriptor:
    """Upload a source; what the repository has already is not sent.

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
        trusts_mount: a registry that says that it has mounted the blob is not asked whether it is there: neither
            before, unless its last mount was of no use, nor after. Not with a checkpoint.
        is_wanted: the registry has said that it lacks the blob: it is not asked again.
        is_new: tells whether the repository is likely to lack it; None if nobody knows. A registry that is known to
            tell is asked by a mount from the repository itself, which opens the upload session at once. Needs the
            digest; not with a checkpoint, `mount_from` or `is_wanted`.
        is_missing: tells whether the repository lacks it, which is being asked: an upload session is opened meanwhile.
            Needs the digest; not with a checkpoint, `mount_from`, `is_wanted` or `is_new`.
        beside: lets the source begin; it is called while the registry is asked by a mount from the repository itself.

    Raises:
        InvalidInput: an option cannot be right, or the source cannot be read again and a checkpoint is asked for.
        DigestMismatch: the source is not of the digest; nothing was stored.
        ResponseError, TransportError: it could not be done as often as the client's retries allow.
    """
    expected = _expected(digest, chunk_size, mount_from)
    check_callback("progress", progress)
    writes(remote.session, remote.name)
    source = open_source()
    try:
        _check_source(source, checkpoint)
        item = Item(name or expected or "a blob", source.size, expected)
        hashed_as = expected.algorithm if expected else algorithm
        checkpoints = Checkpoints(remote, hashed_as, item, checkpoint)
        job = _Job(remote, source, expected, hashed_as, item, checkpoints, progress)
        if is_missing is not None:
            there, opened = await job.asked_meanwhile(is_missing)
        elif is_new is not None and remote.session.learned.tells_by_mount:
            there, opened = await job.told_by_mount(is_new, beside)
        else:
            find = job.mounted if trusts_mount and remote.session.learned.mounts else job.found
            there, opened = await find(mount_from, trusts_mount=trusts_mount, is_wanted=is_wanted)
        return there or await job.transferred(opened, chunk_size)
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

    async def found(
        self, mount_from: str | None, *, trusts_mount: bool, is_wanted: bool
    ) -> tuple[Descriptor | None, UploadSession | None]:
        """The blob, if it is there or can be taken over; else a session, if there is one to go on with."""
        there = None if is_wanted else await self.already_there()
        return (there, None) if there else await self.taken_over(mount_from, trusts_mount=trusts_mount)

    async def mounted(
        self, mount_from: str | None, *, trusts_mount: bool, is_wanted: bool
    ) -> tuple[Descriptor | None, UploadSession | None]:
        """The same, without a look before a mount: that the blob is there already a mount tells as well.

        If no mount is possible, the registry is asked whether it has the blob, before a byte of it is sent.
        """
        if mount_from is None:
            return await self.found(None, trusts_mount=trusts_mount, is_wanted=is_wanted)
        there, opened = await self.taken_over(mount_from, trusts_mount=trusts_mount)
        learned = self.remote.session.learned
        learned.mounts = there is not None
        if there is not None and learned.tells_by_mount is None:
            learned.tells_by_mount = True
        if there is not None or is_wanted:
            return there, opened
        return await self._looked(opened), opened

    async def told_by_mount(
        self, is_new: Callable[[], Awaitable[bool]], beside: Callable[[], Awaitable[None]] | None
    ) -> tuple[Descriptor | None, UploadSession | None]:
        """The blob, if the repository has it; else a session. One request asks for both: a mount from where it goes.

        What stands against that does not stand against the upload: the registry is then asked by HEAD, also for the
        blobs that follow. ACR is taken at its word. Any other registry is asked by HEAD for what it says to have, since
        some say of any blob that it is mounted.
        """
        remote, digest, size = self.remote, self.expected, self.source.size
        if digest is None:
            return None, None
        learned = remote.session.learned
        try:
            opened = await self._asked_by_mount(digest, beside)
        except (ResponseError, CredentialError) as error:
            if isinstance(error, ResponseError) and error.status in _NO_OWN:
                learned.tells_by_mount = False
            return await self.already_there(), None
        if opened is None:
            if size is not None and looks_like_acr(remote.session.registry.host):
                tell(self.progress, Skipped(Item(self.item.name, size, digest)))
                return Descriptor(OCTET_STREAM, digest, size), None
            there = await self.already_there()
            if there is None:
                learned.tells_by_mount = False
            return there, None
        there = await self._looked(opened, is_new if size is not None and size <= _DEAR else None)
        if there is not None:
            learned.tells_by_mount = False
        return there, opened

    async def asked_meanwhile(
        self, is_missing: Callable[[], Awaitable[bool]]
    ) -> tuple[Descriptor | None, UploadSession | None]:
        """The blob, if the repository has it as `is_missing` says; else a session, if one could be opened meanwhile.

        A mount from where it goes opens none if the blob is there. What it says else counts for nothing: another client
        may store the same blob between the two questions.
        """
        digest, opened, is_wanted = self.expected, None, False
        if digest is None:
            return None, None
        try:
            with suppress(ResponseError, CredentialError):
                opened = await openings.mount_or_start(self.remote, digest, self.remote.name)
            is_wanted = await is_missing()
        finally:
            if opened is not None and not is_wanted:
                await opened.give_up()
        return (None, opened) if is_wanted else (Descriptor(OCTET_STREAM, digest, self.source.size or 0), None)

    async def _asked_by_mount(
        self, digest: Digest, beside: Callable[[], Awaitable[None]] | None
    ) -> UploadSession | None:
        """What a mount from the repository itself gives, while something else is done.

        A refusal is raised when both are over. Raised at once, it would cut the connection that the source has begun to
        come on, and the upload would have to ask for it again.
        """
        if beside is None:
            return await openings.mount_or_start(self.remote, digest, self.remote.name)
        opened: UploadSession | None = None
        refusal: ResponseError | CredentialError | None = None

        async def ask() -> None:
            nonlocal opened, refusal
            try:
                opened = await openings.mount_or_start(self.remote, digest, self.remote.name)
            except (ResponseError, CredentialError) as error:
                refusal = error

        try:
            await self.remote.session.runtime.gather(2, [ask, beside])
        except BaseException:
            if opened is not None:
                await opened.give_up()
            raise
        if refusal is not None:
            raise refusal
        return opened

    async def _looked(
        self, opened: UploadSession | None, is_new: Callable[[], Awaitable[bool]] | None = None
    ) -> Descriptor | None:
        """The blob, if the repository has it although a mount has not said so. The session is kept only if not.

        Args:
            opened: what the mount has opened.
            is_new: whether the registry need not be asked.
        """
        is_missing, there = False, None
        try:
            if is_new is None or not await is_new():
                there = await self.already_there()
            is_missing = there is None
        finally:
            if opened is not None and not is_missing:
                await opened.give_up()
        return there

    async def transferred(self, opened: UploadSession | None, chunk_size: int | None) -> Descriptor:
        """The blob, when all that the session lacks was sent."""
        session, chunking = self.remote.session, self.remote.session.learned.chunking
        with Feed(session.runtime, self.source, self.hashed_as, is_known=self.expected is not None) as feed:
            opened = opened or await openings.start(self.remote)
            size = _chunk_size(session, feed, chunk_size)
            transfer = Transfer(self.remote, opened, feed, size, self.checkpoints, self.item, self.progress)
            done = await transfer.run()
            if chunk_size is None and not feed.holds:
                chunking.largest = min(size.largest, chunking.largest)
                chunking.first = min(size.current, chunking.largest)
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


def _check_source(source: Source, checkpoint: Checkpoint | None) -> None:
    if checkpoint is not None and not (source.is_seekable and source.size is not None):
        raise InvalidInput("checkpoint: expected a source that can be read again: a path, bytes or a file on disk")


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

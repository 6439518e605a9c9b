"""Uploads: a blob in chunks, each sent once, with a way back after every fault (OCI distribution spec, "Push").

An upload is a session at the registry. Its Location changes with every chunk, and only the newest one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from acr_rest.api.container_registry_blob import container_registry_blob_cancel_upload as cancel_upload
from acr_rest.api.container_registry_blob import container_registry_blob_complete_upload as complete_upload
from acr_rest.api.container_registry_blob import container_registry_blob_get_upload_status as get_upload_status
from acr_rest.api.container_registry_blob import container_registry_blob_mount_blob as mount_blob
from acr_rest.api.container_registry_blob import container_registry_blob_start_upload as start_upload
from acr_rest.api.container_registry_blob import container_registry_blob_upload_chunk as upload_chunk

from acr.core import blobs, scopes
from acr.core.links import local_target, uploaded
from acr.core.ports import Source
from acr.core.sending import hurry
from acr.core.session import Session
from acr.values.descriptor import Descriptor
from acr.values.digest import Digest, Hasher, received_digest
from acr.values.errors import (
    AcrError,
    DigestMismatch,
    InvalidInput,
    NotFound,
    ProtocolViolation,
    ResponseError,
    TransportError,
)
from acr.values.media_types import OCTET_STREAM
from acr.values.options import CHUNK_SIZE
from acr.values.progress import Done, Item, Moved, Progress, Retried, Skipped, Started, tell
from acr.values.reference import check_repository

_OUT_OF_STEP: Final = frozenset({404, 408, 416, 500, 502, 503, 504})
"""What an upload answers when it did not get a chunk, got it already, or is gone: BLOB_UPLOAD_UNKNOWN or _INVALID,
a range that does not fit, a server that fails. It then has to be asked how far it got."""


class Upload:
    """An upload session.

    Args:
        session: the client.
        repository: where to.
        location: path and query of the session, as the registry gave it last.
        offset: bytes that the registry has.
        hasher: of those bytes; None where they were not seen here, after a resume.
        uuid: what the registry calls it, where it tells.
    """

    def __init__(
        self,
        session: Session,
        repository: str,
        location: str,
        offset: int,
        hasher: Hasher | None,
        uuid: str | None = None,
    ) -> None:
        self._session = session
        self._scopes = scopes.push(repository)
        self._repository = repository
        self.location = location
        self.offset = offset
        self.uuid = uuid
        self._hasher = hasher

    async def status(self) -> int:
        """Ask how many bytes the registry has, and take its newest Location.

        Raises:
            NotFound: the session is gone.
        """
        request = get_upload_status.build_request(self.location)
        reply = await self._session.call(request, get_upload_status.parse, scopes=self._scopes)
        self._moved_to(reply.location)
        self.uuid = reply.docker_upload_uuid or self.uuid
        have = uploaded(reply.range_)
        if have is None:
            raise ProtocolViolation(f"the status of an upload to {self._repository} came without a Range header")
        return have

    async def write(self, data: bytes) -> None:
        """Send the next chunk.

        Where it is not known whether it arrived, the registry is asked, and sent only what it lacks.

        Raises:
            NotFound: the session is gone.
            ResponseError, TransportError: it could not be sent as often as the client's retries allow.
            ProtocolViolation: the registry has other bytes than were sent.
        """
        first, end, attempt = self.offset, self.offset + len(data), 0
        while self.offset < end:
            try:
                await self._send(data[self.offset - first :])
            except (TransportError, ResponseError) as error:
                await self._doubt(error, attempt)
                self.offset = await self._agreed(first, end)
                attempt += 1
        if self._hasher is not None:
            await self._session.runtime.blocking(self._hasher.update, data)

    async def commit(self, digest: str | None = None, data: bytes = b"") -> Descriptor:
        """End the upload: the bytes become a blob.

        Args:
            digest: what the whole must be of; may be left out unless the upload was resumed.
            data: a last chunk, or all there is, to go with it.

        Raises:
            DigestMismatch: the bytes are not of the digest; nothing was stored.
            NotFound: the session is gone.
        """
        expected = await self._checked(digest, data)
        first, size, attempt = self.offset, self.offset + len(data), 0
        while True:
            try:
                await self._complete(expected, data[self.offset - first :])
                break
            except (TransportError, ResponseError) as error:
                await self._doubt(error, attempt)
                # It may be the answer that got lost, not the request.
                if await blobs.exists(self._session, self._repository, expected):
                    break
                self.offset = await self._agreed(first, size)
                attempt += 1
        self.offset = size
        return Descriptor(OCTET_STREAM, expected, size)

    async def _complete(self, expected: Digest, data: bytes) -> None:
        request = complete_upload.build_request(self.location, digest=expected, content=data or None)
        reply = await self._session.call(request, complete_upload.parse, scopes=self._scopes, repeatable=False)
        if reply.docker_content_digest is None:
            return
        stored = received_digest(reply.docker_content_digest, "Docker-Content-Digest")
        # A registry may name it by another algorithm than the one that was asked for.
        if stored.algorithm == expected.algorithm and stored != expected:
            raise DigestMismatch(f"the blob stored in {self._repository}", expected=expected, actual=stored)

    async def _doubt(self, error: TransportError | ResponseError, attempt: int) -> None:
        """Wait before the registry is asked how far it got, or raise the error where that is of no use."""
        in_doubt = isinstance(error, TransportError) or error.status in _OUT_OF_STEP
        if error.exhausted or not in_doubt:
            raise error
        await self._session.sender.pause(error, attempt)

    async def _agreed(self, first: int, end: int) -> int:
        """How many bytes the registry has, which must be from `first` to `end`."""
        have = await self.status()
        if have == 0 and first == 1:  # 0-0 is an empty upload, or one of a single byte: only what we know tells
            have = 1
        if not first <= have <= end:
            raise ProtocolViolation(f"an upload to {self._repository} has {have} bytes, expected {first} to {end}")
        return have

    async def cancel(self) -> None:
        """Give the session up. The registry forgets its bytes."""
        request = cancel_upload.build_request(self.location)
        await self._session.call(request, cancel_upload.parse, scopes=scopes.delete(self._repository))

    async def give_up(self) -> None:
        """Cancel on the way out, once and in a hurry.

        It needs the right to delete; without it, and without a connection, the registry forgets in time.
        """
        with suppress(AcrError), hurry():
            await self.cancel()

    async def _send(self, data: bytes) -> None:
        request = upload_chunk.build_request(
            self.location, content=data, content_range=f"{self.offset}-{self.offset + len(data) - 1}"
        )
        reply = await self._session.call(request, upload_chunk.parse, scopes=self._scopes, repeatable=False)
        self._moved_to(reply.location)
        self.offset += len(data)
        have = uploaded(reply.range_)
        if have is not None and have != self.offset and not (have == 0 and self.offset == 1):
            raise ProtocolViolation(
                f"an upload to {self._repository} has {have} bytes after a chunk, expected {self.offset}"
            )

    async def _checked(self, digest: str | None, data: bytes) -> Digest:
        expected = None if digest is None else Digest(digest)
        if self._hasher is None:
            if expected is None:
                raise InvalidInput("a resumed upload is committed with its digest: its first bytes were not seen here")
            return expected
        hasher = self._hasher.copy()
        await self._session.runtime.blocking(hasher.update, data)
        if expected is not None and expected.algorithm == hasher.algorithm:
            hasher.verify(expected, f"the blob for {self._repository}")
        return expected or hasher.digest()

    def _moved_to(self, location: str | None) -> None:
        if location is not None:
            self.location = local_target(self._session.registry, self.location.partition("?")[0], location)


async def start(session: Session, repository: str, *, algorithm: str = "sha256") -> Upload:
    """Open an upload session."""
    request = start_upload.build_request(check_repository(repository))
    reply = await session.call(request, start_upload.parse, scopes=scopes.push(repository))
    location = _location(session, repository, reply.location)
    return Upload(session, repository, location, 0, Hasher(algorithm), reply.docker_upload_uuid)


async def resume(session: Session, repository: str, location: str) -> Upload:
    """Go on with an upload session that was opened earlier, also by another process.

    Args:
        session: the client.
        repository: the one that it was opened in.
        location: its `location`.

    Raises:
        ProtocolViolation: the location is on another host.
        NotFound: the session is gone.
    """
    upload = Upload(session, check_repository(repository), _location(session, repository, location), 0, None)
    upload.offset = await upload.status()
    return upload


async def mount(session: Session, repository: str, digest: str, source: str) -> bool:
    """Make a blob of another repository of the same registry one of this repository, too.

    Returns:
        Whether that was possible. Where not, the registry opens an upload session instead, which is given up.
    """
    checked = Digest(digest)
    request = mount_blob.build_request(check_repository(repository), from_=check_repository(source), mount=checked)
    both = scopes.push(repository) | scopes.pull(source)
    reply = await session.call(request, mount_blob.parse, scopes=both)
    if reply.status == 201:
        return True
    location = _location(session, repository, reply.location)
    await Upload(session, repository, location, 0, None).give_up()
    return False


async def upload(
    session: Session,
    repository: str,
    open_source: Callable[[], Source],
    *,
    digest: str | None = None,
    algorithm: str = "sha256",
    chunk_size: int = CHUNK_SIZE,
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
        chunk_size: bytes of a chunk; two are held in memory.
        progress: is told.
        name: for people to read.

    Raises:
        DigestMismatch: the source is not of the digest; nothing was stored.
        ResponseError, TransportError: it could not be done as often as the client's retries allow.
    """
    if chunk_size < 1:
        raise InvalidInput(f"chunk_size={chunk_size}: expected a positive number of bytes")
    check_repository(repository)
    expected = None if digest is None else Digest(digest)
    source = open_source()
    try:
        if expected is not None:
            with suppress(NotFound):
                there = await blobs.head(session, repository, expected)
                tell(progress, Skipped(Item(name or expected, there.size, expected)))
                return there
        item = Item(name or expected or "a blob", source.size, expected)
        hashed_as = expected.algorithm if expected else algorithm
        return await _until_done(session, repository, source, expected, hashed_as, chunk_size, item, progress)
    finally:
        await source.aclose()


async def _until_done(
    session: Session,
    repository: str,
    source: Source,
    expected: Digest | None,
    algorithm: str,
    chunk_size: int,
    item: Item,
    progress: Progress | None,
) -> Descriptor:
    """Upload sessions until one of them is committed, or the retries are used up."""
    tell(progress, Started(item))
    attempt = 0
    while True:
        opened = await start(session, repository, algorithm=algorithm)
        try:
            descriptor = await _once(opened, source, expected, chunk_size, item, progress)
        except (TransportError, ResponseError) as error:
            # Also after a lost connection: it may be there again by now, and it costs no more than one try in a hurry.
            await opened.give_up()
            gone = isinstance(error, ResponseError) and error.status in (404, 416) and not error.exhausted
            if not gone or not source.is_seekable:
                raise
            await session.sender.pause(error, attempt)
            await source.seek(0)
            attempt += 1
            tell(progress, Retried(item, 0, str(error)))
        except BaseException:
            await opened.give_up()
            raise
        else:
            tell(progress, Done(item))
            return descriptor


async def _once(
    opened: Upload,
    source: Source,
    expected: Digest | None,
    chunk_size: int,
    item: Item,
    progress: Progress | None,
) -> Descriptor:
    """Send a source from its first byte to its last, and commit."""
    chunk = await source.read(chunk_size)
    following = await source.read(chunk_size) if len(chunk) == chunk_size else b""
    if not following:  # all there is goes with the commit: one request less
        done = await opened.commit(expected, chunk)
        tell(progress, Moved(item, len(chunk)))
        return done
    while chunk:
        await opened.write(chunk)
        tell(progress, Moved(item, len(chunk)))
        chunk, following = following, await source.read(chunk_size) if following else b""
    return await opened.commit(expected)


def _location(session: Session, repository: str, location: str | None) -> str:
    if location is None:
        raise ProtocolViolation(f"the registry opened an upload to {repository} without a Location")
    return local_target(session.registry, f"/v2/{repository}/blobs/uploads/", location)

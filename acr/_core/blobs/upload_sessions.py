"""Upload sessions: chunks go in one after another, and a commit makes a blob of them (OCI distribution spec, "Push").

The Location of a session changes with every chunk, and only the newest one counts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from acr_rest.api.container_registry_blob import (
    container_registry_blob_cancel_upload as cancel_upload,
    container_registry_blob_complete_upload as complete_upload,
    container_registry_blob_get_upload_status as get_upload_status,
    container_registry_blob_upload_chunk as upload_chunk,
)
from acr_rest.types import Response

from acr._core.blobs import calls as blobs
from acr._core.runtime import Body
from acr._core.talk import scopes
from acr._core.talk.answers import done
from acr._core.talk.attempts import PASSING, Problem, is_throttled, may_pass
from acr._core.talk.deadline import best_effort, one_call
from acr._core.talk.links import upload_target, uploaded
from acr._core.talk.session import Session
from acr._forks import Origin
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher, received_digest
from acr._values.upload_state import UploadState
from acr.errors import (
    AcrError,
    DigestMismatch,
    InvalidInput,
    NotFound,
    ProtocolViolation,
    ResponseError,
    TransportError,
)
from acr.media_types import OCTET_STREAM

UNTOLD: Final = frozenset({400, 403, 404, 405, 410, 416, 501})
"""What a registry answers to the question how far an upload got, if it has lost it, or does not tell."""

GONE: Final = frozenset({404, 410, 416})
"""Those of them that say that there is no such upload."""

_OUT_OF_STEP: Final = (PASSING | {404, 416}) - {429}
"""What an upload answers when it did not get a chunk, got it already, or is gone: BLOB_UPLOAD_UNKNOWN or _INVALID,
a range that does not fit, a server that fails. It then has to be asked how far it got."""


def is_out_of_step(problem: Problem) -> bool:
    """Whether the upload has to be asked how far it got, after this problem."""
    return isinstance(problem, TransportError) or problem.status in _OUT_OF_STEP


class Upload:
    """An upload session.

    Args:
        session: the client.
        repository: where to.
        location: path and query of the session, as the registry gave it last.
        hasher: of the bytes that are written; None where others hash them, or they were not all seen here.
        uuid: what the registry calls it, where it tells.
    """

    def __init__(
        self,
        session: Session,
        repository: str,
        location: str,
        hasher: Hasher | None = None,
        uuid: str | None = None,
    ) -> None:
        self._session = session
        self._scopes = scopes.push(repository)
        self._repository = repository
        self._hasher = hasher
        self.algorithm: str = "sha256" if hasher is None else hasher.algorithm
        self.location: str = location
        self.uuid = uuid
        self._origin = Origin()
        self.offset: int = 0
        """Bytes that the registry has confirmed."""
        self.chunks: int = 0
        """How many chunks it has taken; of a session that was resumed, one for all before."""
        self.says_created: bool = False
        """Whether the last chunk was answered with 201, as of something that is whole."""
        self.took_nothing: bool = False
        """Whether the last chunk was answered with a success, and yet is not there."""
        self.min_chunk_size: int = 0
        """Bytes that a chunk must have that is not the last (OCI-Chunk-Min-Length); 0 if that is not told."""

    @property
    def state(self) -> UploadState:
        """What another process needs to go on with it."""
        return UploadState(
            registry=self._session.registry.netloc,
            repository=self._repository,
            location=self.location,
            offset=self.offset,
            algorithm=self.algorithm,
            min_chunk_size=self.min_chunk_size,
        )

    async def status(self, *, repeatable: bool = True) -> int:
        """Ask how many bytes the registry has, and take its newest Location.

        Args:
            repeatable: whether to ask again where there is no answer.

        Raises:
            NotFound: the session is gone.
        """
        request = get_upload_status.build_request(self.location)
        attempts = self._session.sender.attempts(may_pass if repeatable else is_throttled)
        reply = await self._session.call(
            request, done(get_upload_status.parse, 204), scopes=self._scopes, attempts=attempts
        )
        self._moved_to(reply.location)
        self.uuid = reply.docker_upload_uuid or self.uuid
        have = uploaded(reply.range_)
        if have is None:
            raise ProtocolViolation(f"the status of an upload to {self._repository} came without a Range header")
        # 0-0 is an empty upload, or one of a single byte: only what is known tells.
        return 1 if have == 0 and self.offset == 1 else have

    async def send(self, content: bytes | Body) -> None:
        """Send the next chunk, once; `offset` tells how much of it the registry has then.

        Raises:
            ResponseError, TransportError: it was refused, or nobody knows whether it arrived.
            ProtocolViolation: the registry has other bytes than were sent.
        """
        end = self.offset + (content.size if isinstance(content, Body) else len(content))
        request = upload_chunk.build_request(self.location, content=content, content_range=f"{self.offset}-{end - 1}")

        def taken(response: Response) -> upload_chunk.Result:
            self.says_created = response.status == 201
            return done(upload_chunk.parse, 202)(response)

        attempts = self._session.sender.attempts(is_throttled)
        reply = await self._session.call(request, taken, scopes=self._scopes, attempts=attempts)
        self._moved_to(reply.location)
        self.chunks += 1
        have = uploaded(reply.range_)
        if have is None or (have == 0 and end == 1):
            have = end
        self.took_nothing = have == self.offset
        if not self.offset < have <= end:
            raise ProtocolViolation(f"an upload to {self._repository} has {have} bytes after a chunk, expected {end}")
        self.offset = have

    async def complete(self, digest: Digest, content: Body | None = None) -> None:
        """Make a blob of all that was sent, once.

        Args:
            digest: of the whole.
            content: a last chunk, or all there is, to go with it.

        Raises:
            ResponseError, TransportError: it was refused, or nobody knows whether it was done.
            DigestMismatch: the registry stored something else.
        """
        request = complete_upload.build_request(self.location, digest=digest, content=content)
        attempts = self._session.sender.attempts(is_throttled)
        reply = await self._session.call(
            request, done(complete_upload.parse, 201), scopes=self._scopes, attempts=attempts
        )
        if not reply.docker_content_digest:
            return
        stored = received_digest(reply.docker_content_digest, "Docker-Content-Digest")
        # A registry may name it by another algorithm than the one that was asked for.
        if stored.algorithm == digest.algorithm and stored != digest:
            raise DigestMismatch(f"the blob stored in {self._repository}", expected=digest, actual=stored)

    @one_call
    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the next chunk, and see to it that it arrives.

        Where it is not known whether it did, the registry is asked, and sent only what it lacks.

        Raises:
            NotFound: the session is gone.
            ResponseError, TransportError: it could not be sent as often as the client's retries allow.
            ProtocolViolation: the registry has other bytes than were sent.
            InvalidInput: the data is not bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidInput(f"a chunk is bytes, not {type(data).__name__}")
        data = bytes(data)
        first, end = self.offset, self.offset + len(data)
        attempts = self._session.sender.attempts(is_out_of_step)
        while self.offset < end:
            try:
                await self.send(data[self.offset - first :])
            except (TransportError, ResponseError) as error:
                await attempts.again(error)
                self.offset = await self._agreed(first, end, error)
        if self._hasher is not None:
            await self._session.runtime.blocking(self._hasher.update, data)

    @one_call
    async def commit(self, digest: str | None = None) -> Descriptor:
        """End the upload: the bytes become a blob.

        Args:
            digest: what the whole must be of; may be left out unless the upload was resumed.

        Raises:
            DigestMismatch: the bytes are not of the digest; nothing was stored.
            NotFound: the session is gone.
        """
        expected = self._checked(digest)
        attempts = self._session.sender.attempts(is_out_of_step)
        while True:
            try:
                await self.complete(expected)
                break
            except (TransportError, ResponseError) as error:
                await attempts.again(error)
                # It may be the answer that got lost, not the request; or somebody else was quicker, and ours is open.
                if await blobs.exists(self._session, self._repository, expected):
                    await self.give_up()
                    break
                await self._agreed(self.offset, self.offset, error)
        return Descriptor(OCTET_STREAM, expected, self.offset)

    async def cancel(self) -> None:
        """Give the session up. The registry forgets its bytes."""
        request = cancel_upload.build_request(self.location)
        await self._session.call(request, done(cancel_upload.parse, 204), scopes=scopes.delete(self._repository))

    async def give_up(self) -> None:
        """Cancel on the way out, once and for a short time.

        It needs the right to delete; without it, and without a connection, the registry forgets in time. A child
        process does not cancel its parent's.
        """
        if self._origin.is_here:
            await self._session.runtime.to_the_end(self._cancel_once)

    async def _cancel_once(self) -> None:
        with suppress(AcrError), best_effort():
            await self.cancel()

    async def _agreed(self, first: int, end: int, error: TransportError | ResponseError) -> int:
        """How many bytes the registry has, which must be from `first` to `end`. Raise the error if it does not tell."""
        try:
            have = await self.status()
        except ResponseError as untold:
            if untold.status in UNTOLD and not isinstance(untold, NotFound):  # which says that the session is gone
                raise error from untold
            raise
        if not first <= have <= end:
            raise ProtocolViolation(f"an upload to {self._repository} has {have} bytes, expected {first} to {end}")
        return have

    def _checked(self, digest: str | None) -> Digest:
        expected = None if digest is None else Digest(digest)
        if self._hasher is None:
            if expected is None:
                raise InvalidInput("a resumed upload is committed with its digest: its first bytes were not seen here")
            return expected
        if expected is not None and expected.algorithm == self._hasher.algorithm:
            self._hasher.verify(expected, f"the blob for {self._repository}")
        return expected or self._hasher.digest()

    def _moved_to(self, location: str | None) -> None:
        if location is not None:
            self.location = upload_target(self._session.registry, self.location.partition("?")[0], location)

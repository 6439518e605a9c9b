"""Manual uploads: the user sends the chunks of a session, and each call sees to it that what it sends arrives.

There is one way back only. The user has no source that could be read again, so the client holds the chunk of the call,
asks the registry how far the session got, and sends what it lacks.
"""

from __future__ import annotations

from acr._core.blobs import calls as blobs, openings
from acr._core.blobs.upload_sessions import UNTOLD, UploadSession, count_taken, is_out_of_step
from acr._core.talk.deadline import one_call
from acr._core.talk.remote import Remote
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.upload_state import UploadState
from acr.errors import InvalidInput, NotFound, ProtocolViolation, ResponseError, TransportError
from acr.media_types import OCTET_STREAM


async def start(remote: Remote, *, algorithm: str) -> ManualUpload:
    """Open a session for a user. `algorithm` hashes what is written."""
    hasher = Hasher(algorithm)
    session = await openings.start(remote)
    session.algorithm = hasher.algorithm
    return ManualUpload(remote, session, hasher)


async def resume(remote: Remote, state: str | UploadState) -> ManualUpload:
    """Go on with a session by hand. Arguments and errors as of `openings.resume`."""
    return ManualUpload(remote, await openings.resume(remote, state), None)


class ManualUpload:
    """An upload session in the hands of a user.

    Args:
        remote: the repository.
        session: the protocol.
        hasher: of the bytes that are written; None if the client did not see them all.
    """

    def __init__(self, remote: Remote, session: UploadSession, hasher: Hasher | None) -> None:
        self._remote = remote
        self._hasher = hasher
        self.session: UploadSession = session

    @one_call
    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the next chunk, and see to it that it arrives.

        If it is not known whether it did, the registry is asked, and sent only what it lacks.

        Raises:
            NotFound: the session is gone.
            ResponseError, TransportError: it could not be sent as often as the client's retries allow.
            ProtocolViolation: the registry has other bytes than were sent.
            InvalidInput: the data is not bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidInput(f"a chunk is bytes, not {type(data).__name__}")
        data = bytes(data)
        first, end = self.session.offset, self.session.offset + len(data)
        attempts = self._remote.session.sender.attempts(is_out_of_step)
        while self.session.offset < end:
            before = self.session.offset
            try:
                await self.session.send(data[before - first :])
            except (TransportError, ResponseError) as error:
                await attempts.again(error)
                self.session.offset = await self._agreed(first, end, error)
                continue
            count_taken(attempts, self._remote.name, self.session.offset - before, end - before)
        if self._hasher is not None:
            await self._remote.session.runtime.blocking(self._hasher.update, data)

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
        attempts = self._remote.session.sender.attempts(is_out_of_step)
        while True:
            try:
                await self.session.complete(expected)
                break
            except (TransportError, ResponseError) as error:
                await attempts.again(error)
                # It may be the answer that got lost, not the request; or somebody else was quicker, and ours is open.
                if await blobs.exists(self._remote, expected):
                    await self.session.give_up()
                    break
                await self._agreed(self.session.offset, self.session.offset, error)
        return Descriptor(OCTET_STREAM, expected, self.session.offset)

    async def _agreed(self, first: int, end: int, error: TransportError | ResponseError) -> int:
        """How many bytes the registry has, which must be from `first` to `end`. Raise the error if it does not tell."""
        try:
            have = await self.session.status()
        except ResponseError as untold:
            if untold.status in UNTOLD and not isinstance(untold, NotFound):  # which says that the session is gone
                raise error from untold
            raise
        if not first <= have <= end:
            raise ProtocolViolation(f"an upload to {self._remote.name} has {have} bytes, expected {first} to {end}")
        return have

    def _checked(self, digest: str | None) -> Digest:
        expected = None if digest is None else Digest(digest)
        if self._hasher is None:
            if expected is None:
                raise InvalidInput("a resumed upload is committed with its digest: its first bytes were not seen here")
            return expected
        if expected is not None and expected.algorithm == self._hasher.algorithm:
            self._hasher.verify(expected, f"the blob for {self._remote.name}")
        return expected or self._hasher.digest()

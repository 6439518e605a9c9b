"""Upload sessions: the protocol. Chunks go in one after another, and a commit makes a blob of them.

See the OCI distribution spec, "Push". Each method here sends one request, and says what the registry answered. What to
do about an error is decided elsewhere: `manual_uploads.py` and `transfer.py`.

What may be believed of a registry, and when:

- **Location**: the newest one alone. It changes with every chunk. It may be any path of the registry, and no other
  host.
- **The offset after a chunk** (202, Range): that all of the chunk arrived, or only the first part of it. If there is no
  Range, all of it. `0-0` is nothing, or one byte: what was sent tells. That nothing arrived, or more than was sent, is
  a `ProtocolViolation`.
  Next to nothing of a chunk (`is_crumb`), again and again, is a `ProtocolViolation` as well.
- **The offset of a status** (204, Range): it counts what is there, also of a chunk whose answer was lost. But the
  registry may count bytes that it then drops. So it is on trust until the commit: DIGEST_INVALID after it means that
  the session, and not the source, is wrong (`transfer.py`).
- **201 in the place of 202** after a chunk: it was taken. ECR says so of each chunk, and keeps only the first. So it is
  written down (`says_created`), and believed if the next chunk is taken as well.
- **The digest of a commit** (201): compared if it is of the algorithm that was asked for. A registry may name the blob
  by another one.
- **That a session is gone** (404, 410, 416 to a status): believed. Nobody can go on with it.
- **That the digest is wrong** (400 to a commit): not believed. The client hashes the source and compares by itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from acr_rest.api.container_registry_blob import (
    cancel_upload,
    complete_upload,
    get_upload_status,
    upload_chunk,
)
from acr_rest.types import Response

from acr._core.runtime import Body
from acr._core.talk import scopes
from acr._core.talk.answers import done
from acr._core.talk.attempts import PASSING, Attempts, Problem, is_throttled, may_pass
from acr._core.talk.deadline import best_effort
from acr._core.talk.links import upload_target, uploaded
from acr._core.talk.remote import Remote
from acr._forks import Origin
from acr._values.digest import Digest, received_digest
from acr._values.options import CHUNK_SIZE
from acr._values.upload_state import UploadState
from acr.errors import (
    AcrError,
    DigestMismatch,
    ProtocolViolation,
    TransportError,
)

UNTOLD: Final = frozenset({400, 403, 404, 405, 410, 416, 501})
"""What a registry answers to the question how far an upload got, if it has lost it, or does not tell."""

GONE: Final = frozenset({404, 410, 416})
"""Those of them that say that there is no such upload."""

REFUSALS: Final = frozenset({400, 404, 405, 409, 410, 416, 501})
"""What may be meant by them: that an upload takes no second chunk, or that it is of no more use."""

_OUT_OF_STEP: Final = PASSING | {404, 416}
"""What an upload answers when it did not get a chunk, got it already, or is gone: BLOB_UPLOAD_UNKNOWN or _INVALID,
a range that does not fit, a server that fails. It then has to be asked how far it got. A 429 that comes this far is
exhausted, and nothing is tried after it."""


_CRUMB: Final = 64
"""The part of a chunk, or of 4 MiB, that a registry must take at least: an upload has no end at two bytes a request."""


def is_crumb(taken: int, sent: int) -> bool:
    """Whether a registry took next to nothing of a chunk.

    >>> is_crumb(2, 4_000_000), is_crumb(100_000, 4_000_000), is_crumb(100_000, 10**9), is_crumb(2, 100)
    (True, False, False, False)
    >>> is_crumb(1, 64), is_crumb(1, 65)
    (False, True)
    """
    return taken * _CRUMB < min(sent, CHUNK_SIZE)


def count_taken(attempts: Attempts, name: str, taken: int, sent: int) -> None:
    """Let the tries count anew, if a registry took enough of a chunk.

    Raises:
        ProtocolViolation: it took next to nothing, as often as the client's retries allow.
    """
    if not is_crumb(taken, sent):
        attempts.moved()
    elif attempts.in_vain():
        raise ProtocolViolation(
            f"an upload to {name}: the registry took {taken} of the {sent} bytes of a chunk, and as little of those"
            " before: ask those who run it, or a proxy before it, how large a chunk may be, and pass chunk_size="
        )


def is_out_of_step(problem: Problem) -> bool:
    """Whether the upload has to be asked how far it got, after this problem."""
    return isinstance(problem, TransportError) or problem.status in _OUT_OF_STEP


class UploadSession:
    """One session of a registry.

    Args:
        remote: the repository.
        location: path and query of the session, as the registry gave it last.
        uuid: what the registry calls it, if it tells.
    """

    def __init__(self, remote: Remote, location: str, uuid: str | None = None) -> None:
        self._remote = remote
        self._scopes = scopes.push(remote.name)
        self.algorithm: str = "sha256"
        """What its bytes are hashed by, for another process that goes on with it."""
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
            registry=self._remote.session.registry.netloc,
            repository=self._remote.name,
            location=self.location,
            offset=self.offset,
            algorithm=self.algorithm,
            min_chunk_size=self.min_chunk_size,
        )

    async def status(self, *, repeatable: bool = True) -> int:
        """Ask how many bytes the registry has, and take its newest Location.

        Args:
            repeatable: whether to ask again if there is no answer.

        Raises:
            NotFound: the session is gone.
        """
        request = get_upload_status.build_request(self.location)
        attempts = self._remote.session.sender.attempts(may_pass if repeatable else is_throttled)
        reply = await self._remote.session.call(
            request, done(get_upload_status.parse, 204), scopes=self._scopes, attempts=attempts
        )
        self._moved_to(reply.location)
        self.uuid = reply.docker_upload_uuid or self.uuid
        have = uploaded(reply.range_)
        if have is None:
            raise ProtocolViolation(f"the status of an upload to {self._remote.name} came without a Range header")
        # 0-0 is an empty upload, or one of a single byte: only what is known tells.
        return 1 if have == 0 and self.offset == 1 else have

    async def send(self, content: bytes | Body) -> None:
        """Send the next chunk, once; `offset` tells how much of it the registry has then.

        The same bytes go again only after a 429 or a first 401: the registry took nothing then (`Session.open`).

        Raises:
            ResponseError, TransportError: it was refused, or nobody knows whether it arrived.
            ProtocolViolation: the registry has other bytes than were sent.
        """
        end = self.offset + (content.size if isinstance(content, Body) else len(content))
        request = upload_chunk.build_request(self.location, content=content, content_range=f"{self.offset}-{end - 1}")

        def taken(response: Response) -> upload_chunk.Result:
            self.says_created = response.status == 201
            return done(upload_chunk.parse, 202)(response)

        attempts = self._remote.session.sender.attempts(is_throttled)
        reply = await self._remote.session.call(request, taken, scopes=self._scopes, attempts=attempts)
        self._moved_to(reply.location)
        self.chunks += 1
        have = uploaded(reply.range_)
        if have is None or (have == 0 and end == 1):
            have = end
        self.took_nothing = have == self.offset
        if not self.offset < have <= end:
            raise ProtocolViolation(f"an upload to {self._remote.name} has {have} bytes after a chunk, expected {end}")
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
        attempts = self._remote.session.sender.attempts(is_throttled)
        reply = await self._remote.session.call(
            request, done(complete_upload.parse, 201), scopes=self._scopes, attempts=attempts
        )
        if not reply.docker_content_digest:
            return
        stored = received_digest(reply.docker_content_digest, "Docker-Content-Digest")
        # A registry may name it by another algorithm than the one that was asked for.
        if stored.algorithm == digest.algorithm and stored != digest:
            raise DigestMismatch(f"the blob stored in {self._remote.name}", expected=digest, actual=stored)

    async def cancel(self) -> None:
        """Give the session up. The registry forgets its bytes."""
        request = cancel_upload.build_request(self.location)
        await self._remote.session.call(
            request, done(cancel_upload.parse, 204), scopes=scopes.delete(self._remote.name)
        )

    async def give_up(self) -> None:
        """Cancel on the way out, once and for a short time.

        It needs the right to delete; without it, and without a connection, the registry forgets in time. A child
        process does not cancel its parent's.
        """
        if self._origin.is_here:
            await self._remote.session.runtime.to_the_end(self._cancel_once)

    async def _cancel_once(self) -> None:
        with suppress(AcrError), best_effort():
            await self.cancel()

    def _moved_to(self, location: str | None) -> None:
        if location is not None:
            self.location = upload_target(self._remote.session.registry, self.location, location, self._remote.name)

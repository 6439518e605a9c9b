"""Blobs: whether one is there, its bytes (verified, and resumed if the network breaks), mounting, its end."""

from __future__ import annotations

from collections.abc import Mapping

from acr_rest.api.container_registry_blob import (
    check_blob_exists,
    check_chunk_exists,
    delete_blob,
    get_blob,
)
from acr_rest.types import AnyRequest as Request, Response

from acr._core.blobs.fetching import Part, Wanted, open_part
from acr._core.talk import bodies, redirects, scopes
from acr._core.talk.answers import NO_HEAD, done
from acr._core.talk.deadline import one_call
from acr._core.talk.links import content_range
from acr._core.talk.redaction import shown_path
from acr._core.talk.remote import Remote
from acr._core.talk.sending import read
from acr._core.talk.session import Session
from acr._values.arguments import check_count
from acr._values.chunk import Chunk
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, is_empty
from acr._values.media_type import essence
from acr.errors import (
    NotFound,
    ProtocolViolation,
    ResponseError,
    SizeMismatch,
    TransportError,
)
from acr.media_types import OCTET_STREAM


@one_call
async def head(remote: Remote, digest: str) -> Descriptor:
    """Size of a blob.

    Raises:
        NotFound: it is not in the repository.
        ProtocolViolation: the registry does not tell its size.
    """
    return await _sized(remote, Digest(digest), None)


async def find(remote: Remote, digest: Digest, size: int | None) -> Descriptor | None:
    """A blob, if it is in the repository.

    Args:
        remote: the repository.
        digest: of the blob.
        size: bytes that it should have; None if that is not known. A registry that tells of another size by HEAD is
            asked once more, by GET.
    """
    try:
        return await _sized(remote, digest, size)
    except NotFound:
        return None


@one_call
async def exists(remote: Remote, digest: str) -> bool:
    """Whether a blob is in the repository."""
    try:
        await _look(remote, Digest(digest))
    except NotFound:
        return False
    return True


async def _sized(remote: Remote, digest: Digest, expected: int | None) -> Descriptor:
    size = await _look(remote, digest)
    if size is None or expected not in (None, size):
        size = await _measured(remote, digest)
    if size is None:
        size = expected
    if size is None:
        raise ProtocolViolation(
            f"{remote.session.registry.netloc} does not tell the size of the blob {remote.name}@{digest}"
        )
    return Descriptor(OCTET_STREAM, digest, size)


async def _look(remote: Remote, digest: Digest) -> int | None:
    """See that a blob is there, by HEAD; if that cannot be had, by GET.

    Returns:
        Its size, if the answer tells it.

    Raises:
        NotFound: it is not in the repository.
    """
    request = check_blob_exists.build_request(remote.name, digest)
    reply = await _headed(remote.session, request, scopes.pull(remote.name))
    return await _measured(remote, digest) if reply is None else _length(reply, digest)


async def _headed(session: Session, request: Request, needed: scopes.Scopes) -> Response | None:
    """The answer to a HEAD; None if it cannot be had, and only a GET can tell.

    Registries that keep their blobs elsewhere redirect it, to a place whose signature may be good for GET alone
    (distribution#3691).
    """

    async def once() -> Response | None:
        incoming = await session.open(request, scopes=needed)
        if redirects.leads_on(incoming):
            try:
                incoming, _ = await redirects.follow(session, request, incoming, needed)
            except (ResponseError, TransportError):
                return None
        reply = await read(request, incoming)
        _check_blob(reply.headers, session, request)
        return reply if reply.status < 300 else None  # a redirect without an end says nothing of the blob

    try:
        return await session.sender.attempts().run(once)
    except ResponseError as error:
        if error.status in NO_HEAD:
            return None
        raise


def _length(reply: Response, digest: Digest) -> int | None:
    """The size that an answer to HEAD tells of a blob; None if that cannot be right, or is of something else."""
    if reply.status != 200 or "content-encoding" in reply.headers:
        return None
    size = bodies.size(reply.headers.get("content-length"))
    return size if size is not None and (size == 0) == is_empty(digest) else None


async def _measured(remote: Remote, digest: Digest) -> int | None:
    """The size of a blob, by asking for its first byte; None if that does not tell it.

    Raises:
        NotFound: it is not in the repository.
    """

    async def once() -> int | None:
        part = await open_part(remote, digest, Wanted(0, 1), is_read_alone=True)
        await part.incoming.aclose()
        _check_blob(part.incoming.headers, remote.session, get_blob.build_request(remote.name, digest))
        return part.size

    try:
        size = await remote.session.sender.attempts().run(once)
    except ResponseError as error:
        if error.status != 416:  # it has no first byte
            raise
        size = 0
    return size if (size == 0) == is_empty(digest) else None


def _check_blob(headers: Mapping[str, str], session: Session, request: Request) -> None:
    """See that it is no web page, such as one to log in at. Where bytes are read, their digest tells."""
    if essence(headers.get("content-type", "")) == "text/html":
        raise ProtocolViolation(
            f"{request.method} {shown_path(request.target)} at {session.registry.netloc} was answered with a web page:"
            " check the name of the registry, and what is before it"
        )


async def chunk(remote: Remote, digest: str, offset: int, length: int) -> Chunk:
    """Part of a blob, not verified. It is asked for again if that helps.

    Raises:
        InvalidInput: the offset is negative, or the length is not positive.
        ResponseError: 416: the blob ends before the offset.
        SizeMismatch: fewer bytes came than the blob has there.
    """
    _range(offset, length)  # sees that both are right
    checked = Digest(digest)
    wanted = Wanted(offset, offset + length)

    async def once() -> Chunk:
        part = await open_part(remote, checked, wanted, is_read_alone=True)
        try:
            content = bytearray()
            surplus = part.surplus
            async for piece in part.incoming.chunks():
                content += piece[surplus : surplus + length - len(content)]
                surplus = max(0, surplus - len(piece))
                if len(content) == length:
                    break
        finally:
            await part.incoming.aclose()
        _check_length(f"the blob {remote.name}@{checked}, from byte {offset} on", part, offset, length, len(content))
        return Chunk(bytes(content), offset, part.size)

    return await remote.session.sender.attempts().run(once)


def _range(offset: int, length: int) -> str:
    """The Range header of a part.

    Raises:
        InvalidInput: the offset is negative, or the length is not positive.
    """
    last = check_count("offset", offset, least=0) + check_count("length", length) - 1
    return f"bytes={offset}-{last}"


def _check_length(what: str, part: Part, offset: int, length: int, actual: int) -> None:
    """See that a part is whole: it may be shorter than what was asked for at the end of the blob only."""
    ends_before = not actual if part.end is None else part.end <= offset
    if offset and ends_before:  # a registry that knows no ranges does not say so itself
        raise ResponseError(f"{what}: the blob ends before that", status=416)
    if part.end is not None and actual != (expected := min(length, part.end - offset)):
        raise SizeMismatch(what, expected=expected, actual=actual)


@one_call
async def has_chunk(remote: Remote, digest: str, offset: int, length: int) -> bool:
    """Whether a blob is there, and has these bytes.

    ACR answers HEAD with the size of the whole, whatever range it is asked for: that is what tells. Other registries
    answer as they would answer GET.
    """
    checked = Digest(digest)
    request = check_chunk_exists.build_request(remote.name, checked, range_=_range(offset, length))
    try:
        reply = await _headed(remote.session, request, scopes.pull(remote.name))
        end = None if reply is None else _end(reply, checked)
        if end is None:
            end = await _measured(remote, checked)
    except ResponseError as error:
        if error.status in (404, 416):
            return False
        raise
    return end is not None and offset + length <= end


def _end(reply: Response, digest: Digest) -> int | None:
    """Where a blob ends, or the part of it that there is of the range asked for; None if that is not told."""
    if reply.status == 206:
        place = reply.headers.get("content-range")
        return None if place is None else content_range(place)[1] + 1
    return _length(reply, digest)


async def delete(remote: Remote, digest: str, *, missing_ok: bool) -> None:
    """Delete a blob."""
    request = delete_blob.build_request(remote.name, Digest(digest))
    attempts = remote.session.sender.attempts()
    with attempts.may_be_gone(missing_ok=missing_ok):
        parse = done(delete_blob.parse, 202)
        await remote.session.call(request, parse, scopes=scopes.delete(remote.name), attempts=attempts)

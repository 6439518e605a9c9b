"""Blobs: whether one is there, its bytes (verified, and resumed where the network breaks), mounting, its end."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

import attrs
from acr_rest.api.container_registry_blob import (
    container_registry_blob_check_blob_exists as check_blob_exists,
    container_registry_blob_check_chunk_exists as check_chunk_exists,
    container_registry_blob_delete_blob as delete_blob,
    container_registry_blob_get_blob as get_blob,
)
from acr_rest.types import Request, Response

from acr._core.runtime import Incoming
from acr._core.talk import bodies, scopes
from acr._core.talk.links import content_range
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.properties import Chunk
from acr._values.reference import Endpoint, check_repository
from acr.errors import (
    InvalidInput,
    InvalidReference,
    NotFound,
    ProtocolViolation,
    ResponseError,
    TransportError,
)
from acr.media_types import OCTET_STREAM

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_REDIRECT_BODY: Final = 64 * 1024


async def head(session: Session, repository: str, digest: str) -> Descriptor:
    """Size of a blob.

    Raises:
        NotFound: it is not in the repository.
    """
    checked = Digest(digest)
    request = check_blob_exists.build_request(check_repository(repository), checked)
    reply = await session.call(request, check_blob_exists.parse, scopes=scopes.pull(repository))
    if reply.content_length is None:
        raise ProtocolViolation(f"HEAD of the blob {repository}@{checked} was answered without a Content-Length")
    return Descriptor(OCTET_STREAM, checked, reply.content_length)


async def exists(session: Session, repository: str, digest: str) -> bool:
    """Whether a blob is in the repository."""
    try:
        await head(session, repository, digest)
    except NotFound:
        return False
    return True


async def chunk(session: Session, repository: str, digest: str, offset: int, length: int) -> Chunk:
    """Part of a blob, not verified. It is asked for again where that helps.

    Raises:
        InvalidInput: the offset is negative, or the length is not positive.
        ResponseError: 416: the blob ends before the offset.
    """
    if offset < 0 or length < 1:
        raise InvalidInput(f"offset={offset}, length={length}: expected a part of a blob")
    wanted = f"bytes={offset}-{offset + length - 1}"
    checked = Digest(digest)

    async def once() -> Chunk:
        part = await open_part(session, check_repository(repository), checked, offset, wanted)
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
        return Chunk(bytes(content), offset, part.size)

    return await session.sender.repeat(once, repeatable=True)


async def has_chunk(session: Session, repository: str, digest: str, offset: int, length: int) -> bool:
    """Whether a blob is there, and has these bytes.

    ACR answers HEAD with the size of the whole, whatever range it is asked for: that is what tells. Other registries
    answer as they would answer GET.
    """
    request = check_chunk_exists.build_request(
        check_repository(repository), Digest(digest), range_=f"bytes={offset}-{offset + length - 1}"
    )
    try:
        end = await session.call(request, _end, scopes=scopes.pull(repository))
    except ResponseError as error:
        if error.status in (404, 416):
            return False
        raise
    return offset + length <= end


def _end(reply: Response) -> int:
    """Where a blob ends, or the part of it that there is of the range asked for."""
    if reply.status == 206:
        return content_range(reply.headers.get("content-range", ""))[1] + 1
    return check_chunk_exists.parse(reply).content_length or 0


async def delete(session: Session, repository: str, digest: str, *, missing_ok: bool) -> None:
    """Delete a blob."""
    request = delete_blob.build_request(check_repository(repository), Digest(digest))
    try:
        await session.call(request, delete_blob.parse, scopes=scopes.delete(repository))
    except NotFound as error:
        if not (missing_ok or error.repeated):
            raise


@attrs.frozen
class Part:
    """What came of a blob from an offset on.

    Args:
        incoming: the answer, to be closed.
        size: bytes of the whole blob, where the registry tells.
        surplus: how many of the first bytes are to be passed over: a registry that knows no ranges sends all there is.
    """

    incoming: Incoming
    size: int | None
    surplus: int = 0


async def open_part(session: Session, repository: str, digest: Digest, offset: int, wanted: str | None = None) -> Part:
    """Ask once for a blob from `offset` on, or for the range that is wanted, and go where the registry leads.

    Raises:
        ResponseError, TransportError, CredentialError: it cannot be had.
        ProtocolViolation: something else came, or a redirect leads to an unusable place.
    """
    is_large = wanted is None
    wanted = wanted or (f"bytes={offset}-" if offset else None)
    request = get_blob.build_request(repository, digest, range_=wanted)
    # Sent once: who reads knows how far it got, and asks for the rest.
    incoming = await session.open(request, scopes=scopes.pull(repository), is_large=is_large)
    place = session.registry
    for _ in range(_MOST_REDIRECTS):
        if incoming.status not in _REDIRECTS:
            break
        location = incoming.headers.get("location", "")
        try:
            await bodies.read_at_most(incoming, _REDIRECT_BODY)  # so that the connection can be used again
        finally:
            await incoming.aclose()
        place, target = _elsewhere(session.registry, place, request.target, location)
        request = attrs.evolve(request, target=target)
        incoming = await _follow(session, place, request, scopes.pull(repository), is_large=is_large)
    try:
        return _part(incoming, offset, f"the blob {repository}@{digest}, at {place.netloc},")
    except BaseException:
        await incoming.aclose()
        raise


async def _follow(
    session: Session, place: Endpoint, request: Request, needed: scopes.Scopes, *, is_large: bool
) -> Incoming:
    """Send on to where a redirect leads; without the token, if it is not the registry itself.

    Storage refuses the token, and it is none of its business.
    """
    if place == session.registry:
        return await session.open(request, scopes=needed, is_large=is_large)
    try:
        return await session.sender.send(place, request, None, is_large=is_large)
    except TransportError as error:
        raise TransportError(
            f"{session.registry.netloc} sends blob downloads to {place.netloc}, which did not answer: {error}"
            " (a network that closes it off has to allow that host, or the registry's dedicated data endpoints)"
        ) from error


def _elsewhere(registry: Endpoint, place: Endpoint, path: str, location: str) -> tuple[Endpoint, str]:
    try:
        parts = urlsplit(urljoin(f"{place}{path}", location))
        target = Endpoint.parse(f"{parts.scheme}://{parts.netloc}", allow_http=True)
        if target.scheme == "http" and registry.scheme == "https":
            raise InvalidReference(f"from https to plain http at {target.netloc}")
    except ValueError as error:  # InvalidReference is one, and so is what urllib finds
        raise ProtocolViolation(f"{place.netloc} redirects a blob to an unusable place: {error}") from None
    return target, f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _part(incoming: Incoming, offset: int, what: str) -> Part:
    coding = incoming.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise ProtocolViolation(f"{what} came as {coding!r} although identity was asked for")
    if incoming.status == 206:
        first, _, size = content_range(incoming.headers.get("content-range", ""))
        if first != offset:
            raise ProtocolViolation(f"{what} came from byte {first} on although {offset} was asked for")
        return Part(incoming, size)
    if incoming.status != 200:
        raise ProtocolViolation(f"{what} came with the status {incoming.status}")
    length = incoming.headers.get("content-length", "")
    return Part(incoming, int(length) if length.isdecimal() else None, surplus=offset)

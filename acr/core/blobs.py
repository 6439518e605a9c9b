"""Blobs: whether one is there, its bytes (verified, and resumed where the network breaks), mounting, its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urljoin, urlsplit

import attrs
from acr_rest.api.container_registry_blob import container_registry_blob_check_blob_exists as check_blob_exists
from acr_rest.api.container_registry_blob import container_registry_blob_delete_blob as delete_blob
from acr_rest.api.container_registry_blob import container_registry_blob_get_blob as get_blob
from acr_rest.types import Request

from acr.core import scopes
from acr.core.links import content_range
from acr.core.ports import Incoming, Sink
from acr.core.session import Session
from acr.values.descriptor import Descriptor
from acr.values.digest import Digest, Hasher
from acr.values.errors import InvalidReference, NotFound, ProtocolViolation, ServerError, SizeMismatch, TransportError
from acr.values.media_types import OCTET_STREAM
from acr.values.progress import Done, Item, Moved, Progress, Retried, Started, tell
from acr.values.reference import Endpoint, check_repository

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_BLOCK: Final = 1024 * 1024
"""Bytes that are hashed and written at once: smaller pieces cost more in switching than they gain."""


async def head(session: Session, repository: str, digest: str) -> Descriptor:
    """Size of a blob.

    Raises:
        NotFound: it is not in the repository.
    """
    checked = Digest(digest)
    request = check_blob_exists.build_request(check_repository(repository), checked)
    reply = await session.call(request, check_blob_exists.parse, scopes=scopes.pull(repository))
    return Descriptor(OCTET_STREAM, checked, reply.content_length or 0)


async def exists(session: Session, repository: str, digest: str) -> bool:
    """Whether a blob is in the repository."""
    try:
        await head(session, repository, digest)
    except NotFound:
        return False
    return True


async def delete(session: Session, repository: str, digest: str, *, missing_ok: bool) -> None:
    """Delete a blob."""
    request = delete_blob.build_request(check_repository(repository), Digest(digest))
    try:
        await session.call(request, delete_blob.parse, scopes=scopes.delete(repository))
    except NotFound:
        if not missing_ok:
            raise


def blocks(
    session: Session,
    repository: str,
    digest: str,
    *,
    size: int | None = None,
    progress: Progress | None = None,
    name: str | None = None,
) -> AsyncIterator[bytes]:
    """The bytes of a blob in blocks of 1 MiB, hashed on the way.

    A connection that breaks is resumed where it broke, as often as the client's retries allow without a byte gained.

    Args:
        session: the client.
        repository: where it is.
        digest: what it must be of.
        size: how many bytes it must have, where that is known; not one more is given out.
        progress: is told.
        name: for people to read.

    Raises:
        DigestMismatch: after the last block: the whole is not of the digest.
        SizeMismatch: it has more or fewer bytes.
    """
    return _blocks(session, check_repository(repository), Digest(digest), size, progress, name)


async def _blocks(
    session: Session, repository: str, digest: Digest, size: int | None, progress: Progress | None, name: str | None
) -> AsyncIterator[bytes]:
    hasher = Hasher(digest.algorithm)
    what = f"the blob {repository}@{digest}"
    item: Item | None = None
    attempt = 0
    while True:
        try:
            async with _opened(session, repository, digest, hasher.size) as part:
                if item is None:
                    item = Item(name or digest, part.size, digest)
                    tell(progress, Started(item))
                async for block in _regrouped(part.chunks(), _BLOCK):
                    await session.runtime.blocking(hasher.update, block)
                    if size is not None and hasher.size > size:
                        raise SizeMismatch(what, expected=size, actual=hasher.size)
                    tell(progress, Moved(item, len(block)))
                    attempt = 0
                    yield block
            break
        except (TransportError, ServerError) as error:
            await session.pause(error, attempt)
            attempt += 1
            if item is not None:
                tell(progress, Retried(item, hasher.size, str(error)))
    if size is not None and hasher.size != size:
        raise SizeMismatch(what, expected=size, actual=hasher.size)
    hasher.verify(digest, what)
    tell(progress, Done(item))


async def download(
    session: Session,
    repository: str,
    digest: str,
    open_sink: Callable[[], Sink],
    *,
    size: int | None = None,
    progress: Progress | None = None,
    name: str | None = None,
) -> Descriptor:
    """Write a blob into a sink; it gets its final place when its digest was found right, or not at all."""
    count = 0
    blocking = session.runtime.blocking
    walk = blocks(session, repository, digest, size=size, progress=progress, name=name)
    sink = await blocking(open_sink)
    try:
        async for block in walk:
            await blocking(sink.write, block)
            count += len(block)
        await blocking(sink.commit)
    except BaseException:
        sink.abort()  # not awaited: the task may be cancelled already
        raise
    return Descriptor(OCTET_STREAM, Digest(digest), count)


@attrs.frozen
class _Part:
    """What came of a blob from an offset on: an answer, and how many of its first bytes are to be passed over."""

    incoming: Incoming
    size: int | None
    surplus: int = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        surplus = self.surplus
        async for chunk in self.incoming.chunks():
            if surplus < len(chunk):
                yield chunk[surplus:]
            surplus = max(0, surplus - len(chunk))


@asynccontextmanager
async def _opened(session: Session, repository: str, digest: Digest, offset: int) -> AsyncIterator[_Part]:
    """Ask for a blob from `offset` on, and go where the registry leads."""
    wanted = f"bytes={offset}-" if offset else None
    request = get_blob.build_request(repository, digest, range_=wanted)
    # Not repeatable: `blocks` does so itself, since it knows how far it got.
    incoming = await session.open(request, scopes=scopes.pull(repository), repeatable=False)
    place, path = session.registry, request.target
    for _ in range(_MOST_REDIRECTS):
        if incoming.status not in _REDIRECTS:
            break
        location = incoming.headers.get("location", "")
        await incoming.aclose()
        place, path = _elsewhere(session.registry, place, path, location)
        incoming = await _follow(session, place, attrs.evolve(request, target=path))
    try:
        yield _part(incoming, offset, f"the blob {repository}@{digest}, at {place.netloc},")
    finally:
        await incoming.aclose()


async def _follow(session: Session, place: Endpoint, request: Request) -> Incoming:
    """Send on to where a redirect leads, without the token: storage refuses it, and it is none of its business."""
    try:
        return await session.open_elsewhere(place, request)
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


def _part(incoming: Incoming, offset: int, what: str) -> _Part:
    coding = incoming.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise ProtocolViolation(f"{what} came as {coding!r} although identity was asked for")
    if incoming.status == 206:
        first, _, size = content_range(incoming.headers.get("content-range", ""))
        if first != offset:
            raise ProtocolViolation(f"{what} came from byte {first} on although {offset} was asked for")
        return _Part(incoming, size)
    if incoming.status != 200:
        raise ProtocolViolation(f"{what} came with the status {incoming.status}")
    length = incoming.headers.get("content-length", "")
    return _Part(incoming, int(length) if length.isdecimal() else None, surplus=offset)


async def _regrouped(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in blocks of at least `size`, and what is left."""
    block = bytearray()
    try:
        async for chunk in chunks:
            block += chunk
            if len(block) >= size:
                yield bytes(block)
                block.clear()
    except TransportError:
        if block:  # what came is kept, so that it need not come again
            yield bytes(block)
        raise
    if block:
        yield bytes(block)

"""Fetching: ask once for a blob, or for a part of it, and see what comes."""

from __future__ import annotations

from typing import Final

import attrs
from acr_rest.api.container_registry_blob import get_blob

from acr._core.runtime import Incoming
from acr._core.talk import bodies, redirects, scopes
from acr._core.talk.links import content_range
from acr._core.talk.redirects import Place
from acr._core.talk.remote import Remote
from acr._values.digest import Digest
from acr.errors import ProtocolViolation

LARGE: Final = 1024 * 1024
"""Bytes from which on a blob is read past the HTTP stack, and in the async client in a thread of its own."""


@attrs.frozen
class Part:
    """What came of a blob from an offset on.

    Args:
        incoming: the answer, to be closed.
        size: bytes of the whole blob, if the registry tells.
        end: where the blob ends; if it does not tell, the end of what it sends, or None.
        place: where it is from; None if the registry has it itself.
        stop: where the answer ends, if it tells.
        surplus: how many of the first bytes are to be passed over: a registry that knows no ranges sends all there is.
        coding: how it is labelled, if it is labelled as compressed.
    """

    incoming: Incoming
    size: int | None
    end: int | None
    place: Place | None = None
    stop: int | None = None
    surplus: int = 0
    coding: str | None = None


@attrs.frozen
class Wanted:
    """What is asked for of a blob.

    Args:
        offset: of the first byte.
        end: behind the last byte; None for all there is.
        size: bytes of the whole blob, if they are known.
    """

    offset: int = 0
    end: int | None = None
    size: int | None = None

    @property
    def header(self) -> str | None:
        """The Range header; None for the whole blob.

        >>> Wanted().header, Wanted(5).header, Wanted(5, 8).header, Wanted(5, 8, size=8).header
        (None, 'bytes=5-', 'bytes=5-7', 'bytes=5-')
        """
        if self.end in (None, self.size):
            return f"bytes={self.offset}-" if self.offset else None
        return f"bytes={self.offset}-{self.end - 1}"

    @property
    def is_large(self) -> bool:
        """Whether what comes may be large."""
        end = self.size if self.end is None else self.end
        return end is None or end - self.offset >= LARGE


async def open_part(remote: Remote, digest: Digest, wanted: Wanted, *, is_read_alone: bool = False) -> Part:
    """Ask the registry once for a blob, or for a part of it, and go where it leads.

    Args:
        remote: the repository.
        digest: of the blob.
        wanted: what is asked for.
        is_read_alone: whether the part is all that is read, so that no digest tells whether it is right.

    Raises:
        ResponseError, TransportError, CredentialError: it cannot be had.
        ProtocolViolation: something else came, or a redirect leads to an unusable place.
    """
    is_large = wanted.is_large and not is_read_alone
    request = get_blob.build_request(remote.name, digest, range_=wanted.header)
    # Sent once: who reads knows how far it got, and asks for the rest.
    needed = scopes.pull(remote.name)
    first = await remote.session.open(request, scopes=needed, is_large=is_large)
    incoming, place = await redirects.follow(remote.session, request, first, needed, is_large=is_large)
    return await _checked(remote, digest, wanted, incoming, place, is_read_alone=is_read_alone)


async def open_straight(remote: Remote, digest: Digest, wanted: Wanted, place: Place) -> Part:
    """Ask once for a part of a blob, at the place where the registry has led to before. Errors as of `open_part`."""
    request = get_blob.build_request(remote.name, digest, range_=wanted.header)
    request = attrs.evolve(request, target=place.target)
    incoming = await remote.session.sender.send(place.endpoint, request, None, is_large=wanted.is_large)
    return await _checked(remote, digest, wanted, incoming, place, is_read_alone=False)


async def _checked(
    remote: Remote, digest: Digest, wanted: Wanted, incoming: Incoming, place: Place, *, is_read_alone: bool
) -> Part:
    """The part that an answer is; it is closed if it is none."""
    what = f"the blob {remote.name}@{digest}, at {place.endpoint.netloc},"
    try:
        part = _part(incoming, wanted.offset, what, is_read_alone=is_read_alone)
    except BaseException:
        await incoming.aclose()
        raise
    return part if place.endpoint == remote.session.registry else attrs.evolve(part, place=place)


def _part(incoming: Incoming, offset: int, what: str, *, is_read_alone: bool) -> Part:
    coding: str | None = incoming.headers.get("content-encoding", "identity")
    if coding == "identity":
        coding = None
    # A store may label a blob that is a gzip by itself. Its digest tells whether the bytes are right. Of a part nothing
    # tells; but what compresses on the way gives no parts.
    if coding is not None and is_read_alone and incoming.status != 206:
        raise ProtocolViolation(f"{what} came as {coding!r} although identity was asked for")
    if incoming.status == 206:
        first, last, size = content_range(incoming.headers.get("content-range", ""))
        if first != offset:
            raise ProtocolViolation(f"{what} came from byte {first} on although {offset} was asked for")
        return Part(incoming, size, last + 1 if size is None else size, stop=last + 1, coding=coding)
    if incoming.status != 200:
        raise ProtocolViolation(f"{what} came with the status {incoming.status}")
    size = bodies.size(incoming.headers.get("content-length"))
    return Part(incoming, size, size, stop=size, surplus=offset, coding=coding)

"""Ranges: a blob read at any place, part by part, and further ahead the longer it is read in order."""

from __future__ import annotations

import io
from typing import Final

from acr._core.blobs import calls as blobs
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor
from acr.errors import InvalidInput, ProtocolViolation

_FIRST: Final = 64 * 1024
_MOST: Final = 4 * 1024 * 1024
"""Bytes of a part, at the least and at the most. What is fetched and not read costs time, and so does each request."""


class Ranges:
    """A blob, to be read at any place. What is read is not verified: the digest is of the whole.

    Args:
        session: the client.
        repository: where it is.
        blob: which one; its size is known.
    """

    def __init__(self, session: Session, repository: str, blob: Descriptor) -> None:
        self._session = session
        self._repository = repository
        self.blob = blob
        self._begin = 0
        self._part = b""
        self._ahead = _FIRST

    async def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset` on, at most `count`; fewer only at the end of the blob.

        Raises:
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        end = min(offset + count, self.blob.size)
        found = bytearray()
        while offset + len(found) < end:
            at = offset + len(found)
            have = self._part[at - self._begin :][: end - at] if at >= self._begin else b""
            if have:
                found += have
            else:
                await self._fetch(at, end - at)
        return bytes(found)

    async def _fetch(self, offset: int, wanted: int) -> None:
        goes_on = bool(self._part) and offset == self._begin + len(self._part)
        self._ahead = min(2 * self._ahead, _MOST) if goes_on else _FIRST
        count = min(max(self._ahead, min(wanted, _MOST)), self.blob.size - offset)
        fetched = await blobs.chunk(self._session, self._repository, self.blob.digest, offset, count)
        if not fetched.content:
            raise ProtocolViolation(
                f"the blob {self._repository}@{self.blob.digest} ends before its {self.blob.size} bytes"
            )
        self._begin, self._part = offset, fetched.content


async def open_ranges(session: Session, repository: str, digest: str) -> Ranges:
    """A blob, to be read at any place.

    Raises:
        NotFound: it is not in the repository.
    """
    return Ranges(session, repository, await blobs.head(session, repository, digest))


def place_in(position: int, size: int, offset: int, whence: int) -> int:
    """Where a seek leads to, as files have it: behind the end is allowed.

    Raises:
        InvalidInput: before the beginning, or from somewhere unknown.

    >>> place_in(10, 100, -5, io.SEEK_CUR), place_in(10, 100, -5, io.SEEK_END), place_in(10, 100, 120, io.SEEK_SET)
    (5, 95, 120)
    """
    begins = {io.SEEK_SET: 0, io.SEEK_CUR: position, io.SEEK_END: size}
    if whence not in begins or begins[whence] + offset < 0:
        raise InvalidInput(f"seek({offset}, {whence}): expected a place in or behind the {size} bytes of the blob")
    return begins[whence] + offset

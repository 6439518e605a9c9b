"""Ranges: a blob read at any place, part by part, and further ahead the longer it is read in order."""

from __future__ import annotations

from typing import Final

from acr._core.blobs import calls as blobs
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor
from acr.errors import ProtocolViolation

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

    def forget(self) -> None:
        """Let go of what was read ahead."""
        self._part = b""

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

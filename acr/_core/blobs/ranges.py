"""Ranges: a blob read at any place, part by part, and further ahead the longer it is read in order."""

from __future__ import annotations

from typing import Final

from acr._core.blobs import calls as blobs
from acr._core.talk.deadline import one_call
from acr._core.talk.remote import Remote
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr.errors import ProtocolViolation, ResponseError, SizeMismatch

_FIRST: Final = 64 * 1024
_MOST: Final = 4 * 1024 * 1024
"""Bytes of a part, at the least and at the most. What is fetched and not read costs time, and so does each request."""


class Ranges:
    """A blob, to be read at any place. What is read is not verified: the digest is of the whole.

    Args:
        remote: the repository.
        blob: which one, and its size, as far as the registry tells that beforehand.
    """

    def __init__(self, remote: Remote, blob: Descriptor) -> None:
        self._remote = remote
        self.digest: Digest = blob.digest
        self._size = blob.size
        self._is_told = False
        self._begin = 0
        self._part = b""
        self._ahead = _FIRST

    @property
    def size(self) -> int:
        """Bytes of the blob, as far as it is known. What is fetched may correct it."""
        return self._size

    def rely_on_size(self) -> int:
        """Bytes of the blob. From now on another size is an error."""
        self._is_told = True
        return self._size

    @one_call
    async def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset` on, at most `count`, or all of them if it is negative.

        Raises:
            SizeMismatch: the blob has another size than was told.
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        found = bytearray()
        while True:
            at = offset + len(found)
            missing = max(0, self._size - at)  # the size may be corrected by what is fetched
            if count >= 0:
                missing = min(missing, count - len(found))
            if not missing:
                return bytes(found)
            have = self._part[at - self._begin :][:missing] if at >= self._begin else b""
            if have:
                found += have
            else:
                await self._fetch(at, missing)

    def forget(self) -> None:
        """Let go of what was read ahead."""
        self._part = b""

    async def _fetch(self, offset: int, wanted: int) -> None:
        goes_on = bool(self._part) and offset == self._begin + len(self._part)
        self._ahead = min(2 * self._ahead, _MOST) if goes_on else _FIRST
        count = min(max(self._ahead, min(wanted, _MOST)), self._size - offset)
        try:
            fetched = await blobs.chunk(self._remote, self.digest, offset, count)
        except ResponseError as error:
            if error.status != 416:
                raise
            raise self._short() from error
        if fetched.size not in (None, self._size):
            self._correct(fetched.size)
        if not fetched.content:
            raise self._short()
        self._begin, self._part = offset, fetched.content

    def _short(self) -> ProtocolViolation:
        return ProtocolViolation(f"the blob {self._remote.name}@{self.digest} ends before its {self._size} bytes")

    def _correct(self, size: int) -> None:
        """Take the size that comes with the bytes for that of a HEAD, unless somebody has relied on that already."""
        if self._is_told:
            what = f"the blob {self._remote.name}@{self.digest}, of which the registry told another size before"
            raise SizeMismatch(what, expected=self._size, actual=size)
        self._size = size

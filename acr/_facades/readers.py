"""Readers: a blob as a file that is read at any place. Both colours are written by hand.

`make facades` cannot make one of the other: the sync reader is a file of Python's own kind, and async files have none.
"""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Self

from acr._core.blobs.streams import Cursor
from acr._shells.blocking import run
from acr._values.home import public_in
from acr._values.travel import stays


class _Place:
    """What sends nothing, and so is the same in both colours."""

    _cursor: Cursor

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._cursor.size

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place; nothing is sent.

        Args:
            offset: bytes from there.
            whence: `io.SEEK_SET`, `io.SEEK_CUR` or `io.SEEK_END`.

        Raises:
            InvalidInput: the place is before the beginning, or `whence` is none of those.
        """
        return self._cursor.seek(offset, whence)

    def tell(self) -> int:
        """Where the next bytes are read from."""
        return self._cursor.place

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cursor.digest}, at {self.tell()} of {self.size} bytes>"


@public_in("acr")
@stays("the digest")
class BlobReader(_Place, io.RawIOBase):
    """A blob, read at any place by ranges: for archives of which a part is wanted, and headers of models.

    It reads ahead, the further the longer it is read in order. What it reads is not verified, as a digest is of the
    whole: use `download_blob` for that.

    Example:
        with repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = blob.read()
    """

    def __init__(self, cursor: Cursor) -> None:
        super().__init__()
        self._cursor = cursor

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes.

        Args:
            size: how many at the most; all that are left, in memory, where it is negative.

        Raises:
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        return run(self._cursor.read(size))

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes, and tell how many there are. Errors as of `read`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Let go of what was read ahead."""
        self._cursor.close()
        super().close()


@public_in("acr")
@stays("the digest")
class AsyncBlobReader(_Place):
    """A blob, read at any place by ranges: for archives of which a part is wanted, and headers of models.

    It reads ahead, the further the longer it is read in order. What it reads is not verified, as a digest is of the
    whole: use `download_blob` for that.

    Example:
        async with await repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = await blob.read()
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes.

        Args:
            size: how many at the most; all that are left, in memory, where it is negative.

        Raises:
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        return await self._cursor.read(size)

    async def close(self) -> None:
        """Let go of what was read ahead."""
        self._cursor.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

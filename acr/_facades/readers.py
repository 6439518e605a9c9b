"""Readers: a blob as a file that can be read at any place. Both colours are written by hand.

`make facades` cannot make one from the other: the sync reader is one of Python's files, and Python has no async files.
"""

from __future__ import annotations

import io
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from acr._shells.stepping import run
from acr._values.home import public_in
from acr._values.travel import stays

if TYPE_CHECKING:
    from acr._core.blobs.streams import Cursor
else:
    Cursor = object  # for `typing.get_type_hints`


class _Place:
    """The methods that send no request. Both colours have the same."""

    _cursor: Cursor

    @property
    def size(self) -> int:
        """The size of the blob, in bytes."""
        return self._cursor.rely_on_size()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place in the blob. This sends no request.

        Args:
            offset: bytes from the place that `whence` names.
            whence: `io.SEEK_SET`, `io.SEEK_CUR` or `io.SEEK_END`.

        Returns:
            The new place, in bytes from the beginning.

        Raises:
            InvalidInput: the place is before the beginning, or `whence` has another value.
        """
        return self._cursor.seek(offset, whence)

    def tell(self) -> int:
        """Return the place from which the next bytes are read."""
        return self._cursor.place

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cursor.digest}, at {self.tell()} of {self._cursor.size} bytes>"


@public_in("acr")
@stays("the digest")
class BlobReader(_Place, io.RawIOBase):
    """A blob as a file that you can read at any place: for parts of an archive, or the header of a model.

    The client requests ranges. It reads ahead, and further ahead the longer you read in order. It cannot verify a part,
    because the digest identifies the whole blob. Use `download_blob` if you need that.

    Example:
        with repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = blob.read()
    """

    def __init__(self, cursor: Cursor) -> None:
        super().__init__()
        self._cursor = cursor

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes.

        Args:
            size: the most bytes to read. If it is negative: all that are left, in memory.

        Raises:
            InvalidInput: the size is not a whole number.
            ResponseError, TransportError, CredentialError: the download failed.
            ProtocolViolation: the answer is unusable.
            ValueError: the reader is closed.
        """
        return run(self._cursor.read(size))

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes, and return how many there are. It raises the same errors as `read`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Drop what was read ahead."""
        self._cursor.close()
        super().close()


@public_in("acr")
@stays("the digest")
class AsyncBlobReader(_Place):
    """A blob as a file that you can read at any place: for parts of an archive, or the header of a model.

    The client requests ranges. It reads ahead, and further ahead the longer you read in order. It cannot verify a part,
    because the digest identifies the whole blob. Use `download_blob` if you need that.

    Example:
        async with await repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = await blob.read()
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    async def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes.

        Args:
            size: the most bytes to read. If it is negative: all that are left, in memory.

        Raises:
            InvalidInput: the size is not a whole number.
            ResponseError, TransportError, CredentialError: the download failed.
            ProtocolViolation: the answer is unusable.
            ValueError: the reader is closed.
        """
        return await self._cursor.read(size)

    async def close(self) -> None:
        """Drop what was read ahead."""
        self._cursor.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

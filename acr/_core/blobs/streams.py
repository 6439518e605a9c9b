"""Streams: what both colours do with a blob that is read like a file, in order or at any place."""

from __future__ import annotations

import io

from acr._core.blobs import calls as blobs
from acr._core.blobs.downloads import Blocks, blocks
from acr._core.blobs.ranges import Ranges
from acr._core.talk.deadline import one_call
from acr._core.talk.remote import Remote
from acr._values.arguments import check_callback, wrong_kind
from acr._values.digest import Digest
from acr._values.progress import Progress
from acr.errors import InvalidInput


class Stream:
    """A blob read in order, by blocks or by a number of bytes.

    A stream that failed never seems to end: each later read raises the failure again.

    Args:
        walk: gives the blocks.
    """

    def __init__(self, walk: Blocks) -> None:
        self._walk = walk
        self._left = bytearray()
        self._failure: Exception | None = None

    async def next(self) -> bytes | None:
        """What is left of the last block, or else the next block. None at the end."""
        return await self.read(len(self._left)) if self._left else await self._block()

    @one_call
    async def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; if it is negative, all that are left. Fewer only at the end."""
        check_size(size)
        if self._failure is not None:
            raise self._failure
        while size < 0 or len(self._left) < size:
            block = await self._block()
            if block is None:
                break
            self._left += block
        count = len(self._left) if size < 0 else size
        data = bytes(self._left[:count])
        del self._left[:count]
        return data

    async def close(self) -> None:
        """Let go of the connection."""
        self._failure = self._failure or ValueError("read of a closed blob")
        await self._walk.aclose()

    async def _block(self) -> bytes | None:
        if self._failure is not None:
            raise self._failure
        try:
            return await anext(self._walk, None)
        except Exception as error:
            self._failure = error
            raise
        except BaseException:  # a cancelled task, or Ctrl-C: it ends the walk, and that looks like the end of the blob
            self._failure = ValueError("the blob cannot be read on: an earlier read was interrupted; download it again")
            raise


class Cursor:
    """A blob read at any place: `Ranges`, and the place where the next bytes are.

    Args:
        ranges: reads the blob.
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._closed = False
        self.place: int = 0

    @property
    def digest(self) -> Digest:
        """Which blob it is."""
        return self._ranges.digest

    @property
    def size(self) -> int:
        """Bytes of the blob, as far as it is known. What is fetched may correct it."""
        return self._ranges.size

    def rely_on_size(self) -> int:
        """Bytes of the blob. From now on another size is an error."""
        return self._ranges.rely_on_size()

    async def read(self, size: int | None) -> bytes:
        """The next bytes, at most `size`; all that are left if it is negative or None.

        Raises:
            ValueError: it is closed.
        """
        if self._closed:
            raise ValueError("I/O operation on closed file")
        data = await self._ranges.read(self.place, -1 if size is None else check_size(size))
        self.place += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        """Go to another place.

        Raises:
            InvalidInput: the place is before the beginning, or `whence` is unknown.
        """
        size = self.rely_on_size() if whence == io.SEEK_END else self.size
        self.place = place_in(self.place, size, offset, whence)
        return self.place

    def close(self) -> None:
        """Let go of what was read ahead."""
        self._closed = True
        self._ranges.forget()


def open_stream(remote: Remote, digest: str, *, progress: Progress | None) -> Stream:
    """A blob, to be read in order. Nothing is sent before the first read."""
    check_callback("progress", progress)
    return Stream(blocks(remote, digest, progress=progress))


async def open_cursor(remote: Remote, digest: str) -> Cursor:
    """A blob, to be read at any place.

    Raises:
        NotFound: the repository has no such blob.
    """
    return Cursor(Ranges(remote, await blobs.head(remote, digest)))


def check_size(size: int) -> int:
    """Return `size` if it is a number of bytes to read: negative for all.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(size, bool) or not isinstance(size, int):
        raise wrong_kind("size", size, "a whole number of bytes, or a negative one for all")
    return size


def place_in(position: int, size: int, offset: int, whence: int) -> int:
    """Where a seek leads to, as files have it: behind the end is allowed.

    Raises:
        InvalidInput: before the beginning, or from somewhere unknown; or an argument is not a whole number.

    >>> place_in(10, 100, -5, io.SEEK_CUR), place_in(10, 100, -5, io.SEEK_END), place_in(10, 100, 120, io.SEEK_SET)
    (5, 95, 120)
    """
    if isinstance(offset, bool) or not isinstance(offset, int):
        raise wrong_kind("offset", offset, "a whole number")
    if not isinstance(whence, int):
        raise wrong_kind("whence", whence, "io.SEEK_SET, io.SEEK_CUR or io.SEEK_END")
    begins = {io.SEEK_SET: 0, io.SEEK_CUR: position, io.SEEK_END: size}
    if whence not in begins or begins[whence] + offset < 0:
        raise InvalidInput(f"seek({offset}, {whence}): expected a place in or behind the {size} bytes of the blob")
    return begins[whence] + offset

"""Sources: what can be uploaded. A path, bytes, a file object, or an iterable of bytes."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from acr._core.runtime import Runtime
from acr._core.storage import Source
from acr._outside.failures import reason
from acr.errors import InvalidInput, TransferError
from acr.protocols import Readable

_END: Final = object()
"""No piece is like it; an iterator that wrongly gives None has not ended."""

_SKIP: Final = 1024 * 1024


SyncUploadable = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Iterable[bytes]
"""What sync code can upload: a path, bytes, a binary file object, or an iterable of bytes."""

Uploadable = SyncUploadable | AsyncIterable[bytes]
"""What async code can upload: the same as sync code, or an async iterable of bytes."""


def open_async_source(runtime: Runtime, source: Uploadable) -> Source:
    """A source for what the caller of async code gave. Errors as of `open_source`."""
    if isinstance(source, AsyncIterable):
        return _AsyncIteratorSource(source)
    return open_source(runtime, source)


def open_source(runtime: Runtime, source: SyncUploadable) -> Source:
    """A source for what the caller gave.

    Raises:
        InvalidInput: it is of no such kind, or a file object in text mode.
        TransferError: the file cannot be opened.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _FileSource(runtime, io.BytesIO(source), memoryview(source).nbytes)
    if isinstance(source, str | os.PathLike):
        return _path_source(runtime, source)
    if isinstance(source, io.TextIOBase):
        raise InvalidInput(f"{source!r} is a text file: open it in binary mode")
    if isinstance(source, Readable):
        return _FileSource(runtime, source, _size_of(source))
    if isinstance(source, Iterable):
        return _IteratorSource(runtime, source)
    raise InvalidInput(
        f"cannot upload {type(source).__name__}: expected a path, bytes, a binary file or an iterable of bytes"
    )


def whereabouts(path: Path) -> str:
    """Where a relative path was looked for; nothing of an absolute one.

    >>> whereabouts(Path.cwd() / "model.bin")
    ''
    """
    return "" if path.is_absolute() else f" in {Path.cwd()}"


def _path_source(runtime: Runtime, source: str | os.PathLike[str]) -> Source:
    path = Path(source)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        told = f"cannot read {path}: {reason(error)}"
        if isinstance(error, FileNotFoundError):
            told += whereabouts(path) + (
                "; a text is a path: for content, pass bytes" if isinstance(source, str) else ""
            )
        elif isinstance(error, IsADirectoryError):
            told += f"; for a folder, use push_artifact([{str(path)!r}])"
        raise TransferError(told, side="source") from error
    return _FileSource(runtime, file, _size_of(file), owned=True)


def _size_of(file: Any) -> int | None:
    """Bytes from where a file object stands to its end, if that can be told without reading it."""
    if not (isinstance(file, io.BytesIO) or isinstance(getattr(file, "raw", file), io.FileIO)):
        return None  # seeking to the end of a compressed file decompresses all of it
    try:
        if not file.seekable():
            return None
        begin = file.tell()
        size: int = file.seek(0, os.SEEK_END) - begin
        file.seek(begin)
        if size <= 0 and file.read(1):  # as those of /proc, and /dev/zero
            size = -1
        file.seek(begin)
    except (OSError, ValueError):
        return None
    return size if size >= 0 else None


class _FileSource:
    """A file object. It begins where its position is now, and can begin there again if it is seekable."""

    def __init__(self, runtime: Runtime, file: Any, size: int | None, *, owned: bool = False) -> None:
        self._runtime = runtime
        self._file = file
        self._owned = owned
        self.size = size
        seekable = getattr(file, "seekable", None)
        self.is_seekable: bool = seekable is not None and seekable()
        self._begin: int = file.tell() if self.is_seekable else 0

    async def read(self, count: int) -> bytes:
        return await self._runtime.blocking(self._read, count)

    async def seek(self, offset: int) -> None:
        if not self.is_seekable:
            raise _walked(self._file)
        try:
            await self._runtime.blocking(self._file.seek, self._begin + offset)
        except (OSError, ValueError) as error:
            raise TransferError(f"cannot read {self._file!r}: {error}", side="source") from error

    async def aclose(self) -> None:
        if self._owned:
            # Not through the runtime: a task that is cancelled, or a thread that is to stop, would leave it open.
            self._file.close()

    def _read(self, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing > 0:  # a raw file or a pipe may give less than asked
            try:
                part: object = self._file.read(missing)
            except (OSError, ValueError) as error:
                raise TransferError(f"cannot read {self._file!r}: {error}", side="source") from error
            if not isinstance(part, bytes):
                raise InvalidInput(f"{self._file!r} gives no bytes: open it in binary, blocking mode")
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _IteratorSource:
    """An iterable of bytes in pieces of any size. It is walked once; a list or a tuple can be walked again."""

    size = None

    def __init__(self, runtime: Runtime, pieces: Iterable[bytes]) -> None:
        self._runtime = runtime
        self._pieces = pieces
        self._iterator: Iterator[bytes] = iter(pieces)
        self.is_seekable = self._iterator is not pieces
        self._left = bytearray()

    async def read(self, count: int) -> bytes:
        return await self._runtime.blocking(self._read, count)

    async def seek(self, offset: int) -> None:
        await self._runtime.blocking(self._seek, offset)

    async def aclose(self) -> None:
        """Nothing was opened."""

    def _seek(self, offset: int) -> None:
        if not self.is_seekable:
            raise _walked(self._pieces)
        self._iterator = iter(self._pieces)
        self._left.clear()
        while offset and (passed := len(self._read(min(offset, _SKIP)))):
            offset -= passed

    def _read(self, count: int) -> bytes:
        while len(self._left) < count:
            piece = next(self._iterator, _END)
            if piece is _END:
                break
            self._left += _checked(piece)
        return _taken(self._left, count)


class _AsyncIteratorSource:
    """An async iterable of bytes in pieces of any size. It is walked once."""

    size = None
    is_seekable = False

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._iterator: AsyncIterator[bytes] = aiter(pieces)
        self._left = bytearray()

    async def read(self, count: int) -> bytes:
        while len(self._left) < count:
            piece = await anext(self._iterator, _END)
            if piece is _END:
                break
            self._left += _checked(piece)
        return _taken(self._left, count)

    async def seek(self, offset: int) -> None:
        raise _walked(self._iterator)

    async def aclose(self) -> None:
        """Nothing was opened."""


def _walked(pieces: object) -> TransferError:
    return TransferError(f"cannot go back in {type(pieces).__name__}: it can be read but once", side="source")


def _checked(piece: object) -> bytes | bytearray | memoryview:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise InvalidInput(f"cannot upload an iterable of {type(piece).__name__}: expected one of bytes")
    return piece


def _taken(left: bytearray, count: int) -> bytes:
    taken = bytes(memoryview(left)[:count])
    del left[:count]
    return taken

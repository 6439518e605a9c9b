"""A new tar, written beside its final name: files of known sizes, several at a time, each in a place of its own."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from acr._forks import Lock, Origin
from acr._outside.failures import writing
from acr._outside.tar.tars import Extent
from acr.errors import TransferError
from acr.protocols import Sink

_UNUSED: Final = ".unused"
"""Name of a member whose place was kept for a file that never came whole."""

_COPY_BLOCK: Final = 1024 * 1024


@attrs.frozen
class Place:
    """A place kept for a file: its header's offset, and where its bytes go."""

    name: str
    start: int
    extent: Extent


def final_path(path: Path) -> Path:
    """Where a file is that is to be replaced: a link to it stays one."""
    return Path(os.path.realpath(path))


class TarWriter:
    """A tar that gets its name when it is whole; until then it is a temporary file in the same folder.

    Args:
        path: its name in the end. What is there is replaced then, and hands on its mode.
    """

    def __init__(self, path: Path) -> None:
        self._path = final_path(path)
        self.partial = self._path.with_name(f".{self._path.name[:50]}.{os.urandom(4).hex()}.part")
        self._lock = Lock()
        # What few may read is not shown to more while it is copied; its own mode comes in the end.
        mode = 0o666 if self._mode() is None else 0o600
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(self.partial, flags, mode), "wb")
        self._ended = False
        self._origin = Origin()
        self._end = 0
        self._whole: dict[str, Extent] = {}
        self._open: set[Place] = set()
        self._free: set[Place] = set()

    def find(self, name: str) -> Extent | None:
        """Where a file is that was written whole."""
        with self._lock:
            return self._whole.get(name)

    def copied(self, file: BinaryIO, region: Extent) -> Iterator[None]:
        """Take over a member of another tar as it is, headers and all, block by block. None else may write yet."""
        file.seek(region.offset)
        left = region.size
        while left and (block := file.read(min(left, _COPY_BLOCK))):
            with self._lock, writing(self._path):
                self._write_at(self._end, block)
            self._end += len(block)
            left -= len(block)
            yield
        if left:
            raise TransferError(f"{self._path} became shorter while it was copied", side="source")

    def add(self, name: str, content: bytes) -> None:
        """Write a file at once."""
        place = self.reserve(name, len(content))
        with self._lock, writing(self._path):
            self._check()
            self._write_at(place.extent.offset, content)
        self.finish(place)

    def sink(self, name: str, size: int) -> Sink:
        """A file of that size, to be written beside others."""
        return _TarSink(self, name, size)

    def reserve(self, name: str, size: int) -> Place:
        """Keep a place for a file; the one that an earlier try at it gave back, if there is one."""
        with self._lock:
            self._check()
            place = next((place for place in self._free if (place.name, place.extent.size) == (name, size)), None)
            if place is None:
                data = self._end + len(_header(name, size))
                place = Place(name, self._end, Extent(data, size))
                self._end = data + _padded(size)
            self._free.discard(place)
            self._open.add(place)
            return place

    def finish(self, place: Place) -> None:
        """All bytes of the file are in its place: it is a member from now on."""
        with self._lock, writing(self._path):
            self._check()
            if place in self._open:
                self._write_at(place.start, _header(place.name, place.extent.size))
                self._open.remove(place)
                self._whole[place.name] = place.extent

    def release(self, place: Place) -> None:
        """Give a place back whose bytes are of no use."""
        with self._lock:
            if place in self._open:
                self._open.remove(place)
                self._free.add(place)

    def commit(self) -> None:
        """End the archive and give it its name."""
        with self._lock, writing(self._path):
            self._check()
            self._ended = True
            # A reader would take a hole for the archive's end.
            for place in self._free | self._open:
                self._write_at(place.start, _header(_UNUSED, place.extent.size))
            self._file.flush()
            # Two empty blocks end it (POSIX, pax), in full records as tar writes them.
            self._file.truncate(-(-(self._end + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE)
            self._file.close()
            mode = self._mode()
            if mode is not None:
                with suppress(OSError):  # not every file system has modes
                    self.partial.chmod(mode)
            self.partial.replace(self._path)

    def abort(self) -> None:
        """Remove what was written; a child process leaves it to its parent."""
        with self._lock:
            if not self._origin.is_here:
                return
            self._ended = True
            with suppress(OSError):  # what is still buffered may not fit on the disk
                self._file.close()
            with suppress(OSError):
                self.partial.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise TransferError if the archive has ended, so that what is still written would be lost."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        if not self._origin.is_here:
            raise TransferError(f"{self._path} is being written by the parent process: begin anew here", side="target")
        if self._ended:
            raise TransferError(
                f"another copy into {self._path} has ended meanwhile: one copy at a time goes into a layout",
                side="target",
            )

    def _mode(self) -> int | None:
        """Of what is there."""
        try:
            return self._path.stat().st_mode & 0o777
        except FileNotFoundError:
            return None

    def _write_at(self, offset: int, content: bytes) -> None:
        self._file.seek(offset)
        self._file.write(content)
        self._file.flush()  # others read by descriptors of their own


class _TarSink:
    """A file of a tar. It has to be of the size that was announced: beside it are others."""

    is_private = True

    def __init__(self, writer: TarWriter, name: str, size: int) -> None:
        self._writer = writer
        self._name = name
        self._size = size
        self._place: Place | None = None
        self._file: BinaryIO | None = None
        self._written = 0
        self._ended = False
        self._origin = Origin()
        # A task may be cancelled, and abort, while a thread still does what the task had waited for.
        self._lock = Lock()

    def open(self) -> int:
        with self._lock, writing(self._name):
            self._opened()
            return 0

    def earlier(self) -> Iterator[bytes | memoryview]:
        return iter(())

    def restart(self) -> None:
        with self._lock, writing(self._name):
            self._writer.check()
            file = self._opened()
            if file is not None and self._place is not None:
                file.seek(self._place.extent.offset)
                self._written = 0

    def write(self, block: bytes | memoryview) -> None:
        with self._lock, writing(self._name):
            file = self._opened()
            if file is not None:
                if self._written + len(block) > self._size:
                    raise TransferError(f"{self._name} is larger than the {self._size} bytes announced", side="source")
                self._writer.check()
                left = memoryview(block)
                while left:
                    left = left[file.write(left) :]
                self._written += len(block)

    def commit(self) -> None:
        with self._lock, writing(self._name):
            file = self._opened()
            if file is not None and self._place is not None:
                if self._written != self._size:
                    raise TransferError(f"{self._name} has {self._written} bytes, not {self._size}", side="source")
                file.close()
                self._writer.finish(self._place)
                self._ended = True

    def abort(self) -> None:
        with self._lock:
            if not self._origin.is_here:
                return
            if not self._ended and self._file is not None and self._place is not None:
                with suppress(OSError):
                    self._file.close()
                self._writer.release(self._place)
            self._ended = True

    def _opened(self) -> BinaryIO | None:
        """The file, at its place; None when it is too late for it."""
        if self._file is None and not self._ended:
            place = self._writer.reserve(self._name, self._size)
            try:
                # Without a buffer: a child process that ends would write what is in its copy of it.
                self._file = self._writer.partial.open("r+b", buffering=0)
                self._file.seek(place.extent.offset)
            except OSError:
                self._writer.release(place)
                raise
            self._place = place
        return None if self._ended else self._file


def _header(name: str, size: int) -> bytes:
    """The header of a file. Its length depends on the size alone, as the names here are short: 8 GiB take more."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

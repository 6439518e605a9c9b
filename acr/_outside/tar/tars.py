"""Tar archives from the outside: their members in order, in bounded memory, and the files in one by their place."""

from __future__ import annotations

import io
import os
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import attrs

from acr._forks import Lock
from acr._outside.failures import reading
from acr._outside.regular import open_regular
from acr.errors import LimitExceeded, TransferError

HEADERS_LIMIT: Final = 64 * 1024
"""Bytes of all headers of one member. A path and a link of 4 KiB each fit, with attributes beside them; tarfile by
itself would take into memory whatever size an extended header names."""

_GLOBALS_LIMIT: Final = 100
"""Fields of headers that are for all members behind them, which tarfile keeps: git writes one."""

_DIGITS_LIMIT: Final = 256
"""Digits in a row in an extended header. A file's name may have as many."""

_LENGTH_DIGITS: Final = 8

MEMBERS_LIMIT: Final = 100_000
"""Members of an archive whose places are kept in memory."""

_MAGICS: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}
_LINKS_LIMIT: Final = 10


class Rewindable(Protocol):
    """A binary file that tells its position and goes to another one; forward is enough here."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to an offset."""
        ...

    def tell(self) -> int:
        """The offset."""
        ...


class _Headers(io.RawIOBase):
    """What tarfile reads headers from: it gets no more than the headers of one member may take."""

    def __init__(self, file: Rewindable) -> None:
        self._file = file
        self._ahead: bytes | None = None
        self.last = b""
        self.renew()

    def renew(self) -> None:
        """The next member may take as much again."""
        self._left = HEADERS_LIMIT

    def read_ahead(self, size: int) -> bytes:
        """What is read next, which has to be as much."""
        self._ahead = self.read(size)
        return self._ahead

    def read(self, size: int | None = -1, /) -> bytes:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            return ahead
        if size is None or not 0 <= size <= self._left:
            raise tarfile.ReadError(f"a header is larger than the {HEADERS_LIMIT} bytes allowed")
        self._left -= size
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int, _whence: int = 0, /) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


class _Info(tarfile.TarInfo):
    """A member, whose extended headers are looked at first.

    Before Python 3.11.10 and 3.12.6 tarfile takes records that lie in one another, a gigabyte out of 64 KiB of
    `2 2 2 `, and looks for a field in a time that grows with the square of a row of digits.
    """

    def _proc_pax(self, tar: Any, /) -> Any:
        _check_records(tar.fileobj.read_ahead(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE))
        return super()._proc_pax(tar)  # type: ignore[misc]


def _check_records(header: bytes) -> None:
    """See that an extended header is one record after the other: `<length> <key>=<value>` and a line's end (POSIX)."""
    if any(len(digits) > _DIGITS_LIMIT for digits in re.findall(rb"\d+", header)):
        raise tarfile.ReadError(f"an extended header has more than {_DIGITS_LIMIT} digits in a row")
    at = 0
    while header[at : at + 1].strip(b"\0"):
        length, space, _ = header[at : at + _LENGTH_DIGITS + 1].partition(b" ")
        end = at + int(length) if space and length.isdigit() else 0
        record = header[at + len(length) : end]
        if end > len(header) or b"=" not in record or not record.endswith(b"\n"):
            raise tarfile.ReadError("an extended header is malformed")
        at = end


class _Tar(tarfile.TarFile):
    members: list[tarfile.TarInfo]  # it has them, although its stubs leave them out


@attrs.frozen
class Member:
    """A member of a tar.

    Args:
        info: what its headers tell.
        end: where the next one's begin, bytes from the beginning of the archive.
    """

    info: tarfile.TarInfo
    end: int


def members(file: Rewindable, what: object) -> Iterator[Member]:
    """The members of an uncompressed tar, in order; `what` names it in errors.

    Between two of them the file may be read at `info.offset_data`, and no further than `info.size`.

    Raises:
        TransferError: it is no tar, is cut off, or is malformed.
    """
    headers = _Headers(file)
    tar: _Tar | None = None
    last = -1
    while True:
        with reading(what):
            if tar is None:
                tar = _Tar(fileobj=headers, encoding="utf-8", tarinfo=_Info)
            info = tar.next()
            # A negative size would lead back, and round and round; not every supported Python looks for it.
            if info is not None and (info.size < 0 or info.offset <= last):
                raise tarfile.ReadError("a size is negative")
            # It takes what is no header for the end. The end is an empty block, or that of the file.
            if info is None and headers.last.strip(b"\0"):
                raise tarfile.ReadError("a header is malformed, or cut off")
        if info is None:
            return
        last = info.offset
        tar.members.clear()  # it would keep them all
        if len(tar.pax_headers) > _GLOBALS_LIMIT:
            raise LimitExceeded(f"the global headers of {what}", limit=_GLOBALS_LIMIT, unit="fields")
        headers.renew()
        yield Member(info, tar.offset)


@attrs.frozen
class Extent:
    """Where a file's bytes are in another file: from `offset` on, `size` of them."""

    offset: int
    size: int


class _Section(io.RawIOBase):
    """The bytes of an extent, as a file of their own. It closes the file that it was given."""

    def __init__(self, file: io.FileIO, extent: Extent) -> None:
        self._file = file
        self._extent = extent
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._extent.size}[whence]
        if begin + offset < 0:
            raise ValueError(f"negative seek position {begin + offset}")
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        wanted = memoryview(buffer).cast("B")[: max(0, self._extent.size - self._position)]
        self._file.seek(self._extent.offset + self._position)
        count = self._file.readinto(wanted) or 0
        self._position += count
        return count

    def close(self) -> None:
        super().close()
        self._file.close()


def open_extent(path: Path, extent: Extent) -> BinaryIO:
    """A part of a file as a file by itself, with a descriptor of its own. Raises OSError."""
    file = io.FileIO(path)
    return io.BufferedReader(_Section(file, extent))


@attrs.frozen
class _Scan:
    """What was found in an archive, and which state of it that was."""

    state: tuple[int, ...]
    extents: Mapping[str, Extent]
    links: Mapping[str, str]
    regions: Sequence[tuple[str, Extent]]


class TarFiles:
    """The regular files in an uncompressed tar, by name, at random. Of two of one name the later counts, as in tar.

    The archive is read through once, and again when it was replaced. A compressed one is refused: there is no way to
    an offset in it but to decompress all that is before, for every blob anew, or all of it onto the disk.

    Args:
        path: of the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._last: _Scan | None = None

    def find(self, name: str) -> Extent | None:
        """Where a file is, links followed; None if there is none, or no archive."""
        scan = self._scan()
        for _ in range(_LINKS_LIMIT):
            if scan is None or name in scan.extents:
                break
            name = scan.links.get(name, "")
        return scan.extents.get(name) if scan else None

    def open(self, name: str) -> BinaryIO:
        """A file of that name, by itself."""
        extent = self.find(name)
        if extent is None:
            raise TransferError(f"{self.path} has no {name}", side="source")
        with reading(self.path):
            return open_extent(self.path, extent)

    @property
    def state(self) -> tuple[int, ...] | None:
        """Which file it is, and when it was written; None if there is none."""
        with reading(self.path):
            try:
                status = self.path.stat()
            except FileNotFoundError:
                return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def regions(self) -> Sequence[tuple[str, Extent]]:
        """All members in order: name, and place with the headers; none if there is no archive."""
        scan = self._scan()
        return scan.regions if scan else ()

    def _scan(self) -> _Scan | None:
        with self._lock, reading(self.path):
            state = self.state
            if state is None:
                return None
            if self._last is None or self._last.state != state:
                self._last = _scan(self.path, state)
            return self._last


def _scan(path: Path, state: tuple[int, ...]) -> _Scan:
    extents: dict[str, Extent] = {}
    links: dict[str, str] = {}
    regions: list[tuple[str, Extent]] = []
    end = 0
    with open_regular(path) as file:
        check_uncompressed(file, path)
        for member in members(file, path):
            if len(regions) == MEMBERS_LIMIT:
                raise LimitExceeded(str(path), limit=MEMBERS_LIMIT, unit="members")
            info: Any = member.info
            name = posixpath.normpath(info.name)
            regions.append((name, Extent(end, member.end - end)))
            end = member.end
            extents.pop(name, None)
            links.pop(name, None)
            if info.isreg() and not info.issparse():
                extents[name] = Extent(info.offset_data, info.size)
            elif info.issym():
                links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), info.linkname))
            elif info.islnk():
                links[name] = posixpath.normpath(info.linkname)
    return _Scan(state, extents, links, regions)


def compression(beginning: bytes) -> str | None:
    r"""How a file is compressed that begins so; None if it does not look compressed.

    >>> compression(b"\x1f\x8b\x08")
    'gzip'
    """
    return next((name for magic, name in _MAGICS.items() if beginning.startswith(magic)), None)


def check_uncompressed(file: BinaryIO, path: Path) -> None:
    """Raise TransferError if a file is compressed; else it is at its first byte again."""
    how = compression(file.read(8))
    file.seek(0)
    if how is not None:
        raise TransferError(
            f"{path} is compressed ({how}): decompress it first, its blobs are read in place", side="source"
        )

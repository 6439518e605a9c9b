"""Folders as layers of artifacts: a tar with gzip, as oras packs and unpacks them.

The annotations are those of oras: `io.deis.oras.content.unpack`, and the digest of the tar itself beside it.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

import attrs

from acr import media_types
from acr._outside.failures import reading, writing
from acr._outside.tar.extraction import Extraction, Parts, check_link, check_name
from acr._outside.tar.tars import compression, members
from acr._values.digest import Digest, Hasher
from acr._values.files import CONTENT_DIGEST, TITLE, UNPACK, check_title
from acr._values.unpacking import UnpackLimits
from acr.errors import InvalidInput, InvalidReference, LimitExceeded, TransferError

_BLOCK: Final = 1024 * 1024
_LEVEL: Final = 6
"""Of gzip, and of its own program's default; 9, which is Python's, takes far longer and saves next to nothing."""


@attrs.frozen
class Packed:
    """A folder, packed into a file.

    Args:
        path: the file, which is there until `pack` ends.
        media_type: of the layer.
        digest: of the file.
        size: bytes of the file.
        annotations: of the layer.
    """

    path: Path
    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str]


@contextmanager
def pack(folder: Path, title: str) -> Iterator[Packed]:
    """Pack a folder into a temporary file (of `tempfile`: TMPDIR says where), which is removed in the end.

    Equal folders give equal tars: names are sorted; owners are left out; permissions, and times to the second, are
    kept. The gzip around it may differ between versions of zlib.

    Args:
        folder: files, folders and links in it are packed, and links not followed.
        title: what the layer is called, and the name that the folder unpacks to.

    Raises:
        InvalidReference: the title, or a name in the folder, is none that could be unpacked; or a link leads out.
        InvalidInput: there is a device, a socket or a named pipe in it, or it is no folder.
        TransferError: something cannot be read, or the temporary file not be written.
    """
    check_title(title)
    if not folder.is_dir():
        raise InvalidInput(f"expected a folder, got {folder}")
    with writing("a temporary file"):
        descriptor, name = tempfile.mkstemp(prefix="acr-", suffix=".tar.gz")  # for its owner alone
    try:
        with writing("a temporary file"), os.fdopen(descriptor, "wb") as file:
            outer = _Hashed(file)
            with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=outer, mtime=0) as inner:
                packing = _Packing(inner)
                for parts in _walk(folder):
                    packing.add(folder.joinpath(*parts), parts, title)
                packing.finish()
        annotations = MappingProxyType({TITLE: title, UNPACK: "true", CONTENT_DIGEST: str(packing.hasher.digest())})
        digest, size = outer.hasher.digest(), outer.hasher.size
        yield Packed(Path(name), media_types.OCI_LAYER_GZIP, digest, size, annotations)
    finally:
        Path(name).unlink(missing_ok=True)


def unpack(
    archive: BinaryIO,
    folder: Path,
    *,
    title: str,
    limits: UnpackLimits,
    packed: int | None = None,
    digest: str | None = None,
) -> Path:
    """Unpack a layer, whoever made it: nothing but the folder of that title is created or changed.

    Only files, folders, and links that stay inside are made. All is unpacked beside its place first, and moved there
    when it was found right. In a folder that is there already, files of the same names are replaced, others left alone.

    Args:
        archive: a tar, with gzip or without, at its first byte.
        folder: where the titled folder goes; made if it is missing.
        title: name of the new folder, relative and with `/`. All names in the archive are below it.
        limits: what it may become.
        packed: its size, if that is known; without it, its ratio is not looked at.
        digest: of the uncompressed tar, if it is known.

    Returns:
        The new folder.

    Raises:
        InvalidReference: the title, a name or a link leads out.
        LimitExceeded: the tar is larger than the limits allow, or has over a million members, or files and folders.
        DigestMismatch: it has another digest.
        TransferError: it is no tar, has what is no file, folder or link, or cannot be written; or the disk would be
            full.
    """
    limit = limits.size if packed is None else limits.size_for(packed)
    target = folder / check_title(title)
    what = f"the archive of {title!r}"
    expected = None if digest is None else Digest(digest)
    with _made_way(folder, target.parent), writing(target):
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name[:50]}.", suffix=".part", dir=target.parent))
        try:
            root = stage / "folder"
            tar = _Tar(archive, limit, what, Hasher(expected.algorithm if expected else "sha256"))
            extraction = Extraction(root, title, what, limits.reserve)
            for member in members(tar, what):
                extraction.take(member.info, tar)
            with reading(what):
                tar.read_on()
            if expected is not None:
                tar.hasher.verify(expected, what)
            extraction.finish()
            _move(root, target)
        finally:
            shutil.rmtree(stage)
    return target


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hasher = Hasher()

    def write(self, block: bytes, /) -> int:
        """Hash and write."""
        self.hasher.update(block)
        return self._file.write(block)

    def flush(self) -> None:
        """Gzip wants to, in the end."""


class _Packing:
    """A tar that is written, and hashed."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.hasher = Hasher()

    def add(self, path: Path, parts: Parts, title: str) -> None:
        """Write a file, a folder or a link."""
        with reading(path):
            status = path.lstat() if parts else path.stat()  # the folder itself may be named by a link
        info = tarfile.TarInfo("/".join((title, *parts)))
        info.mode = status.st_mode & 0o777
        info.mtime = int(status.st_mtime)
        if stat.S_ISREG(status.st_mode):
            self._add_file(path, info)
        elif stat.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
            self._write(_header(info))
        elif stat.S_ISLNK(status.st_mode):
            with reading(path):
                info.linkname = str(path.readlink()).replace(os.sep, "/")
            check_link(parts, info.linkname)
            info.type = tarfile.SYMTYPE
            self._write(_header(info))
        else:
            raise InvalidInput(f"expected files, folders and links, got {path}, which is something else")

    def finish(self) -> None:
        """End the tar."""
        # The two empty blocks that POSIX asks for. Not a full record, as tarfile would write: oras hashes no further.
        self._write(bytes(2 * tarfile.BLOCKSIZE))

    def _add_file(self, path: Path, info: tarfile.TarInfo) -> None:
        with reading(path):
            file = path.open("rb")
        with file:
            info.size = left = os.fstat(file.fileno()).st_size
            self._write(_header(info))
            while left:
                with reading(path):
                    block = file.read(min(left, _BLOCK))
                if not block:
                    raise TransferError(f"{path} became shorter while it was read", side="source")
                self._write(block)
                left -= len(block)
        self._write(bytes(-info.size % tarfile.BLOCKSIZE))

    def _write(self, block: bytes) -> None:
        self.hasher.update(block)
        self._file.write(block)


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _walk(folder: Path) -> Iterator[Parts]:
    """All names in a folder, sorted, each folder before what is in it."""
    left: list[Parts] = [()]
    while left:
        parts = left.pop()
        check_name("/".join(parts))
        yield parts
        path = folder.joinpath(*parts)
        if not parts or (path.is_dir() and not path.is_symlink()):
            with reading(path):
                left.extend((*parts, name) for name in sorted(os.listdir(path), reverse=True))  # noqa: PTH208 - names


class _Tar:
    """An uncompressed tar out of a file, read once from beginning to end: hashed, and no more than the limit of it."""

    def __init__(self, archive: BinaryIO, limit: int, what: str, hasher: Hasher) -> None:
        with reading(what):
            how = compression(archive.read(8))
            archive.seek(0)
        if how not in (None, "gzip"):
            raise TransferError(
                f"{what} is compressed with {how}, which is neither a tar nor one with gzip", side="source"
            )
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=archive, mode="rb") if how else archive
        self._limit = limit
        self._what = what
        self.hasher = hasher

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        block = self._file.read(size)
        self.hasher.update(block)
        if self.hasher.size > self._limit:
            raise LimitExceeded(self._what, limit=self._limit)
        return block

    def seek(self, offset: int, /) -> int:
        """Go forward."""
        if offset < self.tell():
            raise tarfile.StreamError("a tar is read forward only")
        while self.tell() < offset and self.read(min(offset - self.tell(), _BLOCK)):
            pass
        return self.tell()

    def tell(self) -> int:
        """How much was read."""
        return self.hasher.size

    def read_on(self) -> None:
        """Read what follows the last member, to the end."""
        while self.read(_BLOCK):
            pass


@contextmanager
def _made_way(folder: Path, parent: Path) -> Iterator[None]:
    """Make a folder's parent, and remove it again if what follows fails."""
    root = folder.resolve()
    # Before anything is made: a link that lies in the folder already must not be followed out of it.
    if not (root / parent.relative_to(folder)).resolve().is_relative_to(root):
        raise InvalidReference(f"the title {str(parent.relative_to(folder))!r} leads out of {folder} through a link")
    missing = [path for path in (parent, *parent.parents) if not path.exists()]
    try:
        with writing(parent):
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _move(root: Path, target: Path) -> None:
    """Give a folder its place, or its files theirs in the folder that is there. No link there is followed."""
    if not os.path.lexists(target):
        root.rename(target)
        return
    moves: list[tuple[Path, Path]] = []
    left = [(root, target)]
    while left:
        source, place = left.pop()
        # Looked at before anything is moved: what cannot be done leaves all as it was.
        if place.is_symlink() or not place.is_dir():
            raise TransferError(f"expected a folder at {place}, where something else is", side="target")
        for entry in source.iterdir():
            there = place / entry.name
            if entry.is_symlink() or not entry.is_dir():
                if there.is_dir() and not there.is_symlink():
                    raise TransferError(f"{there} is a folder, and a file would take its place", side="target")
                moves.append((entry, there))
            elif os.path.lexists(there):
                left.append((entry, there))
            else:
                moves.append((entry, there))
    for source, place in moves:
        source.replace(place)

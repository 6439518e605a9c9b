"""Sinks: where a download goes. A file gets its name when its content was found right, and not before."""

from __future__ import annotations

import errno
import inspect
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Final

from acr._forks import Lock, Origin
from acr._outside.failures import reason
from acr._outside.sidecar import Sidecar
from acr._values.arguments import check_flag
from acr._values.digest import Digest
from acr.errors import InvalidInput, InvalidReference, TransferError
from acr.protocols import Sink, Writable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BLOCK: Final = 1024 * 1024

MISSING: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})
"""What the system says of a path at which there is nothing."""


Downloadable = str | os.PathLike[str] | Writable
"""What a blob can be downloaded into: a path, or a binary file object."""


def open_sink(target: Downloadable, digest: Digest | None = None, *, keep: bool = False) -> Sink:
    """Make a sink for the target of a download.

    Args:
        target: a path or a binary file object.
        digest: digest of the content. It identifies the partial file that an earlier run left.
        keep: keep the partial file if the download fails, so that the next run continues there.

    Raises:
        InvalidInput: the target is neither, or `keep` is neither True nor False.
    """
    check_flag("keep_partial", keep)
    if isinstance(target, str | os.PathLike):
        return FileSink(Path(target), digest, keep=keep)
    if isinstance(target, Writable):
        return _ObjectSink(target)
    raise InvalidInput(f"cannot download into {type(target).__name__}: expected a path or a binary file")


def file_sink(path: Path, digest: Digest) -> Sink:
    """A sink for a file whose folder is there."""
    return FileSink(path, digest)


def sink_in(folder: Path, name: PurePosixPath, digest: Digest | None = None) -> FileSink:
    """A sink for a file in a folder, whose name came from the outside and was checked by `check_title`.

    Opening it raises InvalidReference if a link on the way leads out of the folder.
    """
    return FileSink(folder / name, digest, within=folder)


def _unwritable(path: Path, error: OSError | ValueError) -> TransferError:
    return TransferError(f"cannot write {path}: {reason(error)}", side="target")


class FileSink:
    """A file, written under another name beside its own, and renamed when it is whole. It replaces what is there.

    A process that is killed leaves what it had under that name, and the next one that downloads the same content to
    the same place goes on behind it, or fills its holes if a note beside it says where they are. Whoever writes holds a
    lock on it; a second process at the same time, or a system without such locks, writes under a name of its own.

    Args:
        path: the file's own name.
        digest: digest of the content, which identifies the partial file of an earlier run; None to start anew.
        within: a folder that the file must be in after links are followed; the sink makes it if it is missing.
        keep: keep the partial file if the download fails, so that the next run continues there.
    """

    is_private = True

    def __init__(self, path: Path, digest: Digest | None, *, within: Path | None = None, keep: bool = False) -> None:
        self._path = path
        self._within = within
        self._keep = keep
        self._stem = f".{path.name[:50]}."  # 50: up to 200 bytes of UTF-8
        self._name = None if digest is None else f"{self._stem}{digest.hex[:16]}.part"
        self._sidecar = None if digest is None else Sidecar(path.with_name(f"{self._stem}{digest.hex[:16]}.ranges"))
        self._is_noted = False
        self._file: FileIO | None = None
        self._partial: Path | None = None
        self._have = 0
        self._ended = False
        self._origin = Origin()
        # A task may be cancelled, and abort, while a thread still does what the task had waited for.
        self._lock = Lock()

    def open(self) -> int:
        with self._lock, self._told():
            self._opened()
            return self._have

    def earlier(self) -> Iterator[bytes | memoryview]:
        with self._told():
            file = self._opened()
            if file is None or not self._have:
                return
            buffer = memoryview(bytearray(min(_BLOCK, self._have)))
            file.seek(0)
            left = self._have
            while left and (count := file.readinto(buffer[:left])):
                yield buffer[:count]
                left -= count

    def restart(self) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None:
                file.seek(0)
                file.truncate()
                self._have = 0
                self._forget()

    def write(self, block: bytes | memoryview) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None:
                _write(file, block)

    def write_at(self, offset: int, block: memoryview) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None:
                file.seek(offset)
                _write(file, block)

    def read_at(self, offset: int, buffer: memoryview) -> int:
        with self._lock, self._told():
            file = self._opened()
            if file is None:
                return 0
            file.seek(offset)
            return file.readinto(buffer) or 0

    def noted(self) -> str | None:
        with self._lock, self._told():
            text = self._sidecar.load() if self._sidecar is not None and self._takes_notes() else None
            self._is_noted = text is not None
            return text

    def note(self, text: str | None) -> None:
        with self._lock, self._told():
            if self._sidecar is None or not self._takes_notes():
                return
            if text is None:
                self._forget()
            else:
                self._is_noted = True
                self._sidecar.save(text)

    def commit(self) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None and self._partial is not None:
                if not _is_at(file, self._partial):
                    raise TransferError(f"{self._partial} was replaced by somebody else meanwhile", side="target")
                self._forget()  # first: the file is whole, and its size says so
                self._partial.replace(self._path)  # before the lock goes with the file
                self._ended = True
                _close(file)

    def abort(self) -> None:
        with self._lock:
            if not self._origin.is_here:
                return
            if self._file is not None and self._partial is not None and not self._ended:
                with suppress(OSError):
                    kept = self._keep and self._name == self._partial.name and os.fstat(self._file.fileno()).st_size
                    if not kept and _is_at(self._file, self._partial):  # what somebody else put there is theirs
                        self._forget()
                        self._partial.unlink(missing_ok=True)
                _close(self._file)
            self._ended = True

    def _takes_notes(self) -> bool:
        """Whether a later process will look for the partial file, and so for what is noted of it."""
        return self._opened() is not None and self._partial is not None and self._partial.name == self._name

    def _forget(self) -> None:
        if self._is_noted and self._sidecar is not None:
            self._sidecar.clear()
            self._is_noted = False

    def _opened(self) -> FileIO | None:
        """The file; None when it is too late for it."""
        if not self._origin.is_here:
            raise TransferError(f"{self._path} is being written by the parent process: begin anew here", side="target")
        if self._file is None and not self._ended:
            if self._within is not None:
                self._make_way(self._within)
            if not _may_be_replaced(self._path):
                raise InvalidInput(f"expected a regular file, got {self._path}: open it, and pass the file object")
            self._partial, self._file = self._claimed()
            self._have = self._file.seek(0, os.SEEK_END)
        return None if self._ended else self._file

    def _claimed(self) -> tuple[Path, FileIO]:
        """The partial file of an earlier run, or a new one; nobody else has it."""
        if self._name is not None:
            partial = self._path.with_name(self._name)
            file = _locked(partial)
            if file is not None:
                return partial, file
        partial = self._path.with_name(f"{self._stem}{os.urandom(8).hex()}.part")
        return partial, FileIO(partial, "x+")

    def _make_way(self, folder: Path) -> None:
        root = folder.resolve()
        parent = (root / self._path.relative_to(folder)).parent
        # Before anything is made: a link that lies in the folder already must not be followed out of it.
        if not parent.resolve().is_relative_to(root):
            raise InvalidReference(
                f"the title {str(self._path.relative_to(folder))!r} leads out of {folder} through a link"
            )
        parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except InvalidInput:
            raise
        except (OSError, ValueError) as error:
            raise _unwritable(self._path, error) from error


def _write(file: FileIO, block: bytes | memoryview) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


def _may_be_replaced(path: Path) -> bool:
    """Whether a file can be put there. To replace a folder fails by itself, with an error that says so."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in MISSING:
            return True
        raise
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether a regular file is the one of that name."""
    return _is_that(os.fstat(file.fileno()), path)


def _is_that(mine: os.stat_result, path: Path) -> bool:
    """The same, of what the system has told of the file."""
    return stat.S_ISREG(mine.st_mode) and os.path.samestat(mine, path.stat(follow_symlinks=False))


def _locked(path: Path) -> FileIO | None:
    """A file, made if it is missing, that nobody else has; None if somebody has, or no lock can tell."""
    if fcntl is None:
        return None
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        file = FileIO(os.open(path, flags, 0o666), "r+")
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):  # somebody put a link or a folder there
            return None
        raise
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.fstat(file.fileno())
        if mine.st_nlink == 1 and _is_that(mine, path):  # a link's other end is somebody else's
            return file
    except OSError:  # another process has it, has renamed it meanwhile, or the file system knows no locks
        pass
    file.close()
    return None


def _close(file: FileIO) -> None:
    """Close a file, and let go of its lock: a child that was forked meanwhile has the file, too, and would keep it."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


class _ObjectSink:
    """A file object of the caller's. What was written to it cannot be taken back; the error tells."""

    is_private = False

    def __init__(self, file: Writable) -> None:
        self._file = file

    def open(self) -> int:
        return 0

    def earlier(self) -> Iterator[bytes | memoryview]:
        return iter(())

    def restart(self) -> None:
        raise TransferError(f"cannot take back what was written to {self._file!r}", side="target")

    def write(self, block: bytes | memoryview) -> None:
        # Python's own files copy what they are given; another object may keep it, and must have it to itself.
        left: bytes | memoryview = memoryview(block) if isinstance(self._file, io.IOBase) else bytes(block)
        while left:
            taken = self._taken(left)
            left = left[taken:] if taken < len(left) else b""

    def commit(self) -> None:
        """The file is the caller's to close."""

    def abort(self) -> None:
        """The file is the caller's to close."""

    def _taken(self, block: bytes | memoryview) -> int:
        """Write, and tell how much of it was taken."""
        try:
            taken = self._file.write(block)  # type: ignore[arg-type]  # a memoryview for files of Python's own only
        except (OSError, ValueError) as error:
            raise TransferError(f"cannot write to {self._file!r}: {error}", side="target") from error
        except TypeError as error:
            raise InvalidInput(f"{self._file!r} takes no bytes: open it in binary mode") from error
        if inspect.iscoroutine(taken):
            taken.close()
            raise InvalidInput(f"{self._file!r} is an async file: pass a path, or an ordinary binary file")
        if isinstance(self._file, io.RawIOBase) and not taken:  # None: it would block
            raise TransferError(f"{self._file!r} takes no more bytes", side="target")
        # A raw file or a pipe may take less than all; an object that tells nothing of use has taken all.
        return taken if isinstance(taken, int) and 0 < taken < len(block) else len(block)

"""Sinks: where a download goes. A file gets its name when its content was found right, and not before."""

from __future__ import annotations

import inspect
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, runtime_checkable

from acr.core.ports import Sink
from acr.values.errors import InvalidInput, InvalidReference, TransferError


@runtime_checkable
class Writable(Protocol):
    """A binary file object, as far as it is needed here."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""
        ...


Downloadable = str | os.PathLike[str] | Writable
"""Where a blob can be downloaded to: a path, or a binary file object."""


def open_sink(target: Downloadable) -> Sink:
    """A sink for what the caller gave.

    Raises:
        InvalidInput: it is of no such kind.
    """
    if isinstance(target, str | os.PathLike):
        return _FileSink(Path(target))
    if isinstance(target, Writable):
        return _ObjectSink(target)
    raise InvalidInput(f"cannot download into {type(target).__name__}: expected a path or a binary file")


def file_sink(path: Path) -> Sink:
    """A sink for a file whose folder is there."""
    return _FileSink(path)


def sink_in(folder: Path, name: PurePosixPath) -> Sink:
    """A sink for a file in a folder, whose name came from the outside and was checked by `check_title`.

    Opening it raises InvalidReference where a link on the way leads out of the folder.
    """
    return _FileSink(folder / name, within=folder)


def _unwritable(path: Path, error: OSError | ValueError) -> TransferError:
    reason = error.strerror if isinstance(error, OSError) else None
    return TransferError(f"cannot write {path}: {reason or error}", side="target")


class _FileSink:
    """A file, written under another name beside its own, and renamed when it is whole. It replaces what is there.

    Args:
        path: the file's own name.
        within: a folder that it must be in, links followed; made where it is missing.
    """

    def __init__(self, path: Path, *, within: Path | None = None) -> None:
        self._path = path
        self._within = within
        self._partial = path.with_name(f".{path.name[:50]}.{os.urandom(4).hex()}.part")  # 50: up to 200 bytes of UTF-8
        self._file: BinaryIO | None = None
        self._ended = False
        # A task may be cancelled, and abort, while a thread still does what the task had waited for.
        self._lock = threading.Lock()

    def open(self) -> None:
        with self._lock, self._told():
            self._opened()

    def write(self, block: bytes) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None:
                file.write(block)

    def commit(self) -> None:
        with self._lock, self._told():
            file = self._opened()
            if file is not None:
                file.close()
                self._partial.replace(self._path)
                self._ended = True

    def abort(self) -> None:
        with self._lock:
            if self._file is not None and not self._ended:
                with suppress(OSError):  # what is still buffered may not fit on the disk
                    self._file.close()
                self._partial.unlink(missing_ok=True)
            self._ended = True

    def _opened(self) -> BinaryIO | None:
        """The file; None when it is too late for it."""
        if self._file is None and not self._ended:
            if self._within is not None:
                self._make_way(self._within)
            if self._path.exists() and not (self._path.is_file() or self._path.is_dir()):
                raise InvalidInput(f"{self._path} is no regular file: open it, and pass the file object")
            self._file = self._partial.open("xb")
        return None if self._ended else self._file

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


class _ObjectSink:
    """A file object of the caller's. What was written to it cannot be taken back; the error tells."""

    def __init__(self, file: Writable) -> None:
        self._file = file

    def open(self) -> None:
        """It is open."""

    def write(self, block: bytes) -> None:
        left = memoryview(block)
        while left:
            left = left[self._taken(bytes(left)) :]

    def commit(self) -> None:
        """The file is the caller's to close."""

    def abort(self) -> None:
        """The file is the caller's to close."""

    def _taken(self, block: bytes) -> int:
        """Write, and tell how much of it was taken."""
        try:
            taken = self._file.write(block)
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

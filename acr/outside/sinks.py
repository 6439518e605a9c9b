"""Sinks: where a download goes. A file gets its name when its content was found right, and not before."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

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
        TransferError: the file cannot be made.
    """
    if isinstance(target, str | os.PathLike):
        return _FileSink(Path(target))
    if isinstance(target, Writable):
        return _ObjectSink(target)
    raise InvalidInput(f"cannot download into {type(target).__name__}: expected a path or a binary file")


def sink_in(folder: Path, name: PurePosixPath) -> Sink:
    """A sink for a file in a folder, whose name came from the outside and was checked by `check_title`.

    Raises:
        InvalidReference: a link on the way leads out of the folder.
        TransferError: the file or a folder on its way cannot be made.
    """
    try:
        root = folder.resolve()
        parent = (root / name).parent
        # Before anything is made: a link that lies in the folder already must not be followed out of it.
        if not parent.resolve().is_relative_to(root):
            raise InvalidReference(f"the title {str(name)!r} leads out of {folder} through a link")
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder / name, error) from error
    return _FileSink(root / name)


def _unwritable(path: Path, error: OSError | ValueError) -> TransferError:
    reason = error.strerror if isinstance(error, OSError) else None
    return TransferError(f"cannot write {path}: {reason or error}", side="target")


class _FileSink:
    """A file, written under another name beside its own, and renamed when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name[:50]}.{os.urandom(4).hex()}.part")
        try:
            self._file = self._partial.open("xb")
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from error

    def write(self, block: bytes) -> None:
        try:
            self._file.write(block)
        except (OSError, ValueError) as error:
            raise _unwritable(self._path, error) from error

    def commit(self) -> None:
        try:
            self._file.close()
            self._partial.replace(self._path)
        except (OSError, ValueError) as error:
            raise _unwritable(self._path, error) from error

    def abort(self) -> None:
        with suppress(OSError):  # what is still buffered may not fit on the disk
            self._file.close()
        self._partial.unlink(missing_ok=True)


class _ObjectSink:
    """A file object of the caller's. What was written to it cannot be taken back; the error tells."""

    def __init__(self, file: Writable) -> None:
        self._file = file

    def write(self, block: bytes) -> None:
        try:
            taken = self._file.write(block)
            while isinstance(taken, int) and 0 < taken < len(block):  # a raw file or a pipe may take less than all
                block = block[taken:]
                taken = self._file.write(block)
        except (OSError, ValueError) as error:
            raise TransferError(f"cannot write to {self._file!r}: {error}", side="target") from error
        except TypeError as error:
            raise InvalidInput(f"{self._file!r} takes no bytes: open it in binary mode") from error

    def commit(self) -> None:
        """The file is the caller's to close."""

    def abort(self) -> None:
        """The file is the caller's to close."""

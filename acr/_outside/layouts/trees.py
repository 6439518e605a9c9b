"""Trees: where the files of an OCI image layout are. A folder, or memory. Those in a tar: `tar_trees`."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from acr._forks import Lock
from acr._outside.failures import reading, writing
from acr._outside.layouts.locking import locked
from acr._outside.regular import open_regular
from acr._outside.sinks import MISSING, file_sink
from acr._values.descriptor import Descriptor
from acr.errors import TransferError
from acr.protocols import Sink

INDEX: Final = "index.json"
MARK: Final = "oci-layout"

DOCKER_LIST: Final = "manifest.json"
"""What an archive of `docker save` has in the place of an index."""


class Tree(Protocol):
    """Files by names with slashes, which are a layout's own, or made of a checked digest: none comes from outside."""

    @property
    def changed(self) -> bool:
        """Whether something was written that `commit` has to give its place."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a regular file; None if there is none."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file, seekable, at its first byte."""
        ...

    def sink(self, name: str, blob: Descriptor) -> Sink:
        """A new file, or one in the place of another."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """A new small file."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock between processes, if the system has one.

        Call `commit` inside it. `commit` fails if `abort` has discarded the new files meanwhile.
        """
        ...

    def commit(self, last: Mapping[str, bytes]) -> None:
        """Write the last files, in this order, in the place of those that have the names; all is there then."""
        ...

    def abort(self) -> None:
        """As of `Local`. It does not wait for another thread that moves much: that one sees it, and cleans up."""
        ...


def folder_tree(path: Path) -> Tree:
    """Files in a folder, which is made when the first one is written."""
    return _FolderTree(path)


def memory_tree() -> Tree:
    """Files in memory."""
    return _MemoryTree()


class _FolderTree:
    """A folder. Folders on the way to a file are made, and removed by `abort` if they are empty."""

    changed = False  # blobs have their names as soon as they are whole

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._made: list[Path] = []
        # Parts of names that are folders: to look at each of them takes as long as to write.
        self._known: set[str] = set()

    def _inside(self, name: str) -> Path:
        """The path of a file to read. Raises TransferError if it is a link that leads out, see `_check_link`."""
        path = self._path / name
        with reading(path):
            if path.is_symlink():
                self._check_link(path)
        return path

    def _check_link(self, path: Path) -> None:
        """See where a link leads. A hostile layout may have links to files of this machine in the place of blobs.

        The folders may be links: of several layouts that share their blobs.

        Raises:
            TransferError: it leads out of its folder and out of the layout.
            OSError: it leads back to itself.
        """
        try:
            place = path.resolve()
        except RuntimeError as error:  # of Python before 3.13
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        if not any(place.is_relative_to(folder.resolve()) for folder in (self._path, path.parent)):
            raise TransferError(f"{path} is a link that leads out of the layout: it is not read", side="source")

    def size(self, name: str) -> int | None:
        path = self._path / name
        with reading(path):
            try:
                told = path.lstat()
                if stat.S_ISLNK(told.st_mode):
                    self._check_link(path)
                    told = path.stat()
            except OSError as error:
                if error.errno in MISSING:
                    return None
                raise
            # Whatever is no regular file is left alone: a named pipe would never end.
            return told.st_size if stat.S_ISREG(told.st_mode) else None

    def open(self, name: str) -> BinaryIO:
        path = self._inside(name)
        with reading(path):
            return open_regular(path)

    def sink(self, name: str, blob: Descriptor) -> Sink:
        return file_sink(self._way(name), blob.digest)

    def write(self, name: str, content: bytes) -> None:
        path = self._way(name)
        partial = path.with_name(f".{path.name[:50]}.{os.urandom(4).hex()}.part")
        with writing(path):
            try:
                with partial.open("xb") as file:
                    file.write(content)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def alone(self) -> AbstractContextManager[None]:
        return locked(self._path)

    def commit(self, last: Mapping[str, bytes]) -> None:
        for name, content in last.items():
            self.write(name, content)
        self._made.clear()

    def abort(self) -> None:
        with self._lock:
            self._known.clear()
            while self._made:
                with suppress(OSError):  # a blob is in it
                    self._made.pop().rmdir()

    def _way(self, name: str) -> Path:
        """The path of a file to write; folders on the way to it are made."""
        path = self._path / name
        place = name.rpartition("/")[0]
        if place in self._known:
            return path
        with self._lock, writing(path):
            missing = [folder for folder in path.parents if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                self._made.append(folder)
            self._known.add(place)
        return path


def given_up(name: str) -> TransferError:
    """The error of a commit or a write that `abort` has overtaken."""
    return TransferError(f"the copy into {name} was given up meanwhile", side="target")


class _MemoryTree:
    """Memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: dict[str, bytes] = {}
        self._new: set[str] = set()
        self._aborted = False

    @property
    def changed(self) -> bool:
        return bool(self._new)

    def size(self, name: str) -> int | None:
        content = self._files.get(name)
        return None if content is None else len(content)

    def open(self, name: str) -> BinaryIO:
        content = self._files.get(name)
        if content is None:
            raise TransferError(f"memory has no {name}", side="source")
        return io.BytesIO(content)

    def sink(self, name: str, blob: Descriptor) -> Sink:
        return _MemorySink(self, name)

    def write(self, name: str, content: bytes) -> None:
        with self._lock:
            if name not in self._files:
                self._new.add(name)
            self._files[name] = content

    def alone(self) -> AbstractContextManager[None]:
        self._aborted = False
        return nullcontext()

    def commit(self, last: Mapping[str, bytes]) -> None:
        with self._lock:
            if self._aborted:
                raise given_up("memory")
            self._files.update(last)
            self._new.clear()

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            while self._new:
                self._files.pop(self._new.pop(), None)


class _MemorySink:
    """A file in memory. It is there when it is committed."""

    is_private = True

    def __init__(self, tree: _MemoryTree, name: str) -> None:
        self._tree = tree
        self._name = name
        self._content: bytearray | None = bytearray()

    def open(self) -> int:
        return 0

    def earlier(self) -> Iterator[bytes | memoryview]:
        return iter(())

    def restart(self) -> None:
        if self._content is not None:
            self._content = bytearray()

    def write(self, block: bytes | memoryview) -> None:
        if self._content is not None:
            self._content += block

    def commit(self) -> None:
        if self._content is not None:
            self._tree.write(self._name, bytes(self._content))
            self._content = None

    def abort(self) -> None:
        self._content = None

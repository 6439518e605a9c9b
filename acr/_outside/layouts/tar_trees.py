"""Trees in a tar. They have a file of their own since few programs need them, and `tarfile` takes long to load."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from acr._forks import Lock
from acr._outside.failures import reading, writing
from acr._outside.layouts.locking import locked
from acr._outside.layouts.trees import INDEX, MARK, given_up
from acr._outside.tar.tar_writer import TarWriter, final_path
from acr._outside.tar.tars import TarFiles, open_extent
from acr._values.descriptor import Descriptor
from acr.errors import TransferError
from acr.protocols import Sink


class TarTree:
    """A tar. Until the commit, what is new is read from the new one, and all else from the old one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = TarFiles(path)
        self._lock = Lock()  # of what is below, never for long: `abort` is called by the event loop
        self._beginning = Lock()  # while the old tar is taken over
        self._writer: TarWriter | None = None
        self._taken_over: tuple[int, ...] | None = None
        self._aborted = self._aborted_commit = threading.Event()  # another one for each try

    @property
    def changed(self) -> bool:
        return self._writer is not None

    def size(self, name: str) -> int | None:
        writer = self._writer
        extent = (writer.find(name) if writer else None) or self._old.find(name)
        return extent.size if extent else None

    def open(self, name: str) -> BinaryIO:
        writer = self._writer
        extent = writer.find(name) if writer else None
        if writer is None or extent is None:
            return self._old.open(name)
        with reading(self._path):
            return open_extent(writer.partial, extent)

    def sink(self, name: str, blob: Descriptor) -> Sink:
        return self._begun(self._aborted).sink(name, blob.size)

    def write(self, name: str, content: bytes) -> None:
        self._begun(self._aborted).add(name, content)

    def alone(self) -> AbstractContextManager[None]:
        self._aborted_commit = self._aborted
        return locked(final_path(self._path).parent)

    def commit(self, last: Mapping[str, bytes]) -> None:
        writer = self._begun(self._aborted_commit)
        for name, content in last.items():
            writer.add(name, content)
        if self._old.state != self._taken_over:  # what it has now would be lost
            raise TransferError(
                f"{self._path} was written by somebody else meanwhile: pull again, nothing is lost", side="target"
            )
        with self._lock:
            if self._writer is not writer:
                raise given_up(str(self._path))
            self._writer = None  # from here on it is too late for `abort`
        try:
            writer.commit()
        except BaseException:
            writer.abort()
            raise

    def abort(self) -> None:
        with self._lock:
            self._aborted.set()
            self._aborted = threading.Event()
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()

    def _begun(self, aborted: threading.Event) -> TarWriter:
        """The new tar. Another thread may be taking over the old one just now."""
        with self._beginning:
            with self._lock:
                if aborted.is_set():
                    raise given_up(str(self._path))
                if self._writer is not None:
                    return self._writer
            with writing(self._path):
                writer = TarWriter(self._path)
            try:
                state = self._take_over(writer, aborted)
                with self._lock:
                    if aborted.is_set():
                        raise given_up(str(self._path))
                    self._writer, self._taken_over = writer, state
            except BaseException:
                writer.abort()
                raise
            return writer

    def _take_over(self, writer: TarWriter, aborted: threading.Event) -> tuple[int, ...] | None:
        """Copy what the old tar has. Gives its state before: what changes it from then on is seen by `commit`."""
        state = self._old.state
        kept = [extent for name, extent in self._old.regions() if name not in (INDEX, MARK)]
        if kept:
            with reading(self._path), self._path.open("rb") as old:
                for extent in kept:
                    for _ in writer.copied(old, extent):
                        if aborted.is_set():
                            raise given_up(str(self._path))
        return state

"""Layers of artifacts: which are files, and which are folders that are packed before and unpacked after."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath

from acr._outside.failures import reading
from acr._outside.sinks import sink_in
from acr._values.descriptor import Descriptor
from acr._values.files import CONTENT_DIGEST, UNPACK, File
from acr._values.unpacking import UnpackLimits
from acr.protocols import Sink


def packing(file: File) -> AbstractContextManager[File] | None:
    """A file to push in the place of a folder, which is there within the context; None if it is a file already.

    Errors as of `acr._outside.tar.folders.pack`.
    """
    return _packed(file) if file.path.is_dir() else None


@contextmanager
def _packed(file: File) -> Iterator[File]:
    from acr._outside.tar.folders import pack  # it loads what tars need, and few programs move folders

    with pack(file.path, file.title) as packed:
        annotations = {**file.annotations, **packed.annotations}
        yield File(packed.path, title=file.title, media_type=packed.media_type, annotations=annotations)


def layer_sink(folder: Path, limits: UnpackLimits | None, name: PurePosixPath, layer: Descriptor) -> Sink:
    """A sink for a layer of an artifact, whose name was checked: a file, or a folder that is unpacked.

    Args:
        folder: where it goes.
        limits: what a folder may become; None to leave folders packed.
        name: of the file or folder.
        layer: what it is.
    """
    if limits is None or layer.annotations.get(UNPACK) != "true":
        return sink_in(folder, name, layer.digest)
    return _FolderSink(folder, limits, name, layer)


def find_layer(folder: Path, limits: UnpackLimits | None, name: PurePosixPath, layer: Descriptor) -> Path | None:
    """The file that a layer would become, if there is one of its size: its content may be right already.

    A folder is unpacked anew each time. No link is followed. Arguments as of `layer_sink`.
    """
    if limits is not None and layer.annotations.get(UNPACK) == "true":
        return None
    path = folder / name
    with suppress(OSError, ValueError):
        status = path.lstat()
        is_inside = path.parent.resolve().is_relative_to(folder.resolve())
        if is_inside and stat.S_ISREG(status.st_mode) and status.st_size == layer.size:
            return path
    return None


class _FolderSink:
    """A folder. It comes as an archive, which is unpacked when it is whole and right."""

    is_private = True

    def __init__(self, folder: Path, limits: UnpackLimits, name: PurePosixPath, layer: Descriptor) -> None:
        self._folder = folder
        self._limits = limits
        self._packed = layer.size
        self._name = name
        self._content_digest = layer.annotations.get(CONTENT_DIGEST)
        archive = name.with_name(f".{name.name[:50]}.{layer.digest.hex[:16]}.layer")
        self._archive = folder / archive
        self._sink = sink_in(folder, archive, layer.digest)

    def open(self) -> int:
        return self._sink.open()

    def earlier(self) -> Iterator[bytes | memoryview]:
        return self._sink.earlier()

    def restart(self) -> None:
        self._sink.restart()

    def write(self, block: bytes | memoryview) -> None:
        self._sink.write(block)

    def write_at(self, offset: int, block: memoryview) -> None:
        self._sink.write_at(offset, block)

    def read_at(self, offset: int, buffer: memoryview) -> int:
        return self._sink.read_at(offset, buffer)

    def noted(self) -> str | None:
        return self._sink.noted()

    def note(self, text: str | None) -> None:
        self._sink.note(text)

    def commit(self) -> None:
        from acr._outside.tar.folders import unpack  # as above

        self._sink.commit()
        try:
            with reading(self._archive), self._archive.open("rb") as archive:
                title = str(self._name)
                unpack(
                    archive,
                    self._folder,
                    title=title,
                    limits=self._limits,
                    packed=self._packed,
                    digest=self._content_digest,
                )
        finally:
            self._archive.unlink(missing_ok=True)

    def abort(self) -> None:
        self._sink.abort()

"""Checkpoint: a small file that tells the next process how far an upload got."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from acr._core.storage import Checkpoint
from acr._outside.failures import reason
from acr._outside.regular import open_regular
from acr._values.arguments import check_path
from acr.errors import InvalidInput, TransferError

_LIMIT: Final = 64 * 1024
"""Bytes of a state; a longer file is none of ours, and its beginning shows it."""


def open_checkpoint(path: str | os.PathLike[str] | None, source: object) -> Checkpoint | None:
    """A checkpoint at a path; none if there is no path.

    Args:
        path: of the file.
        source: what is uploaded, which must be another file.

    Raises:
        InvalidInput: it is no path, or the checkpoint would overwrite the source.
    """
    if path is None:
        return None
    place = check_path("checkpoint", path)
    if isinstance(source, str | os.PathLike) and place.exists() and Path(source).exists() and place.samefile(source):
        raise InvalidInput(f"checkpoint: {place} is what is uploaded")
    return _FileCheckpoint(place)


class _FileCheckpoint:
    """Implements `acr._core.storage.Checkpoint` with a file that its owner alone can read.

    It is written under another name beside its own, and renamed: whoever reads it finds one state or the other. Each
    save has a name that nobody else has, since two uploads may have the same checkpoint. That is not forced to the
    disk: after a power failure there may be none, and the upload begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    def load(self) -> str | None:
        with self._told("read"):
            try:
                with open_regular(self._path) as file:
                    content = file.read(_LIMIT)
            except FileNotFoundError:
                return None
        return content.decode(errors="replace")

    def save(self, text: str) -> None:
        with self._told("write"):
            descriptor, name = mkstemp(".part", f".{self._path.name[:50]}.", self._path.parent)  # for its owner alone
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                    file.write(text.encode())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def clear(self) -> None:
        with self._told("remove"):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise TransferError(f"cannot {what} the checkpoint {self._path}: {reason(error)}", side="source") from error

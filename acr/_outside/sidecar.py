"""Sidecar: a small file beside a partial one, which says what of it is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from acr._outside.regular import open_regular

_LIMIT: Final = 256 * 1024
"""Bytes of a note; a longer file is none of ours."""

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Sidecar:
    """A note that its owner alone can read.

    It is written under another name, and renamed: whoever reads it finds one note or the other. Nobody else writes it,
    since whoever has the partial file has a lock on that. It is not forced to the disk: what a note says
    after a power failure may be wrong, and then the digest shows it.

    Args:
        path: of the sidecar.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def load(self) -> str | None:
        """The note; None if there is none, or something else is there. Half a note is removed."""
        with suppress(OSError):
            self._new.unlink(missing_ok=True)  # of a process that was killed
            if not self._path.is_symlink():
                with open_regular(self._path) as file:
                    content = file.read(_LIMIT + 1)
                return content.decode(errors="replace") if len(content) <= _LIMIT else ""
        return None

    def save(self, text: str) -> None:
        """Put a note in the place of the one before. Raises OSError."""
        with os.fdopen(os.open(self._new, _FLAGS, 0o600), "wb") as file:
            file.write(text.encode())
        self._new.replace(self._path)

    def clear(self) -> None:
        """Leave nothing. Raises OSError."""
        self._new.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

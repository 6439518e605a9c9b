"""Regular files: what is opened is a file, and no named pipe, which might never have an end, or even a beginning."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""To open a named pipe does not wait for who writes to it; for a regular file O_NONBLOCK has no meaning."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file, also by way of a link, to read bytes.

    Raises:
        OSError: it cannot be opened, or is something else.
        ValueError: no file can have this name.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise

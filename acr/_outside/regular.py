"""Regular files: to open one never blocks, and to read one ends. A named pipe or a device promises neither."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""O_NONBLOCK opens a named pipe although nobody writes to it. It does nothing to a regular file."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, to read its bytes.

    Raises:
        OSError: the file cannot be opened, or it is not regular.
        ValueError: no file can have this name.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "expected a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise

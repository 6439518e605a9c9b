"""What it looks like when the disk takes no more."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_SQLITE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
_PRIMARY: Final = 0xFF
"""An SQLite error code has its kind in the lowest byte."""


def takes_no_more(error: OSError | sqlite3.Error) -> bool:
    """Whether an error says that the disk is full or cannot be written, rather than that the emulator has a fault."""
    if isinstance(error, OSError):
        return error.errno in _ERRNOS
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _SQLITE

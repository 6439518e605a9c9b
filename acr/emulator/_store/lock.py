"""The lock of a data folder: one emulator at a time. The system releases it if the process is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from acr.emulator._inherited import close_in_children

LOCK: Final = "lock"
"""Name of the file. It stays when the emulator ends: a file that comes and goes could be locked twice."""

_LONGEST_ID: Final = 20
_BEYOND: Final = 4096
"""Where Windows locks the file. It lets nobody read what is locked, and the beginning tells who has the lock."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder for one's own.

    Raises:
        BlockingIOError: another emulator has it.
        OSError: its file system has no locks, or nobody may write there.
    """
    # Opened for appending, it keeps what the owner wrote until the lock is taken. It is closed with the process.
    with (folder / LOCK).open("a+b") as file:
        close_in_children(file)
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(
                f"another emulator uses the folder {folder}{_owner(file)}: stop it, or name another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        try:
            yield
        finally:
            # By name: a child that was forked a moment ago may not have closed its copy of the file yet, and the lock
            # is of both. A child that has closed it does not unlock what is its parent's.
            if not file.closed:
                _unlock(file)


def _owner(file: BinaryIO) -> str:
    file.seek(0)
    name = file.read(_LONGEST_ID)
    return f" (process {name.decode()})" if name.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(_BEYOND)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO) -> None:
        file.seek(_BEYOND)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

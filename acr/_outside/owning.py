"""Owning: a file that one process has, and no other at the same time, on each system in its own way."""

from __future__ import annotations

import os
import sys
from typing import Final, Protocol

_PLACE: Final = 2**31 - 2
"""The byte that stands for the file on Windows. Nobody can read or write what is locked there, so it is behind the end;
and the C library takes 31 bits."""


class ByteLocks(Protocol):
    """The locks of Windows: its module `msvcrt`."""

    @property
    def LK_NBLCK(self) -> int:  # noqa: N802 - its name
        """Lock, or fail at once."""
        ...

    def locking(self, descriptor: int, mode: int, count: int, /) -> None:
        """Lock bytes from where the file stands. Raises OSError if another process has one of them."""
        ...


def own_a_byte(descriptor: int, locks: ByteLocks) -> bool:
    """Own a file by one of its bytes. Readers keep each other out, too. It is free again when it is closed."""
    os.lseek(descriptor, _PLACE, os.SEEK_SET)
    try:
        locks.locking(descriptor, locks.LK_NBLCK, 1)
    except PermissionError:  # another process has it
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True


if sys.platform == "win32":
    import msvcrt

    def own(descriptor: int, *, only_read: bool) -> bool:
        """Own an open file until it is closed; see below."""
        return own_a_byte(descriptor, msvcrt)

else:
    import fcntl

    def own(descriptor: int, *, only_read: bool) -> bool:
        """Own an open file until it is closed.

        Args:
            descriptor: of the file.
            only_read: whether others may read it at the same time.

        Returns:
            False if another process has it.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if only_read else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

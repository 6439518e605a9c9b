"""What a child process must not keep of an emulator: after a fork it has each open file and socket of its parent.

A lock would last until the child ends, and a listening socket would take connections that nobody answers.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet


class Closable(Protocol):
    """A file or a socket."""

    def close(self) -> None:
        """Close it in this process."""
        ...


_OPEN: Final[WeakSet[Closable]] = WeakSet()


def close_in_children(item: Closable) -> None:
    """Close a file or a socket in each child process that is forked from now on."""
    _OPEN.add(item)


def _close_all() -> None:
    for item in list(_OPEN):
        with suppress(OSError):
            item.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_close_all)

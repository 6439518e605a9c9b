"""Locking: processes that write into one layout end their work one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out who ask for the same folder. If there are no locks, or it cannot be read, they are not."""
    with ExitStack() as stack:
        if fcntl is not None:
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # A child that is forked meanwhile has the descriptor, too, and would keep others out to its end.
                stack.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
        yield

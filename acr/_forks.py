"""Forks: what a child process must not share with its parent.

`os.fork` copies the memory, the open sockets, and one thread: the one that calls it. So in the child a connection is
that of the parent, too, and each would read the other's answers; and a lock that another thread held is never released.
All that has such things is known here, by weak references, and is made anew in the child before anything else runs
there.

See the notes on `os.fork` and `os.register_at_fork` in Python's documentation.
"""

from __future__ import annotations

import logging  # noqa: F401 - its hook takes a lock that modules need as they load: it has to come behind ours
import os
import socket
import threading
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet


class Renewed(Protocol):
    """Something that a child process has to make anew."""

    def renew(self) -> None:
        """Drop what is the parent's, without a word to anybody. No lock may be waited for, nothing may be sent."""
        ...


_CAN_FORK: Final = hasattr(os, "register_at_fork")  # Windows cannot
_RENEWED: Final[WeakSet[Renewed]] = WeakSet()
_SOCKETS: Final[WeakSet[socket.socket]] = WeakSet()
_NUMBERS: Final[dict[int, os.stat_result]] = {}
_process = os.getpid()
_looking = threading.Lock()


def renew_in_children(item: Renewed) -> None:
    """Call its `renew` in each child process, as long as there is such an item."""
    _RENEWED.add(item)


def close_in_children(sock: object) -> None:
    """Close a socket in each child process, as far as the child is concerned: the peer must not see it.

    Args:
        sock: of Python's own kind, or what an event loop's transport gives for one.
    """
    fileno = getattr(sock, "fileno", None)
    number = -1 if fileno is None else fileno()
    if not _CAN_FORK or number < 0:
        return
    if isinstance(sock, socket.socket):
        _SOCKETS.add(sock)
    # It is not forgotten when it is closed: the status tells whether the number is still that of this socket.
    status = os.fstat(number)
    if status.st_ino:
        _NUMBERS[number] = status


def find_out() -> None:
    """Do what is to be done in a child if it was not done yet: uWSGI forks its workers without telling Python."""
    if os.getpid() != _process:
        with _looking:
            if os.getpid() != _process:
                _begin_child()


def _begin_child() -> None:
    global _process, _looking
    for sock in list(_SOCKETS):
        with suppress(OSError):
            sock.close()  # of one with TLS, too: Python says goodbye in `unwrap` only
    _replace_numbers()
    for item in list(_RENEWED):
        item.renew()
    _process, _looking = os.getpid(), threading.Lock()


def _replace_numbers() -> None:
    """Put /dev/null in the place of sockets that nobody can close here.

    They belong to transports of the parent's event loops, and to what another thread was just shaking hands over. To
    close a transport would write to the parent's connection, and take it out of the parent's epoll. To close the number
    alone would let its owner close whatever gets that number next.
    """
    if _NUMBERS:
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number, status in _NUMBERS.items():
            with suppress(OSError):
                if os.path.samestat(os.fstat(number), status):
                    os.dup2(nothing, number, inheritable=False)
        os.close(nothing)
        _NUMBERS.clear()


if _CAN_FORK:
    os.register_at_fork(after_in_child=_begin_child)


class Origin:
    """The process that began something: a child that was forked meanwhile leaves it alone."""

    __slots__ = ("_process",)

    def __init__(self) -> None:
        self._process = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether it is this one."""
        return self._process == os.getpid()


class Lock:
    """A lock that is free in a child process, unless the thread that forks holds it itself.

    Args:
        reentrant: whether who holds it may take it once more.
    """

    __slots__ = ("__weakref__", "_depth", "_holder", "_lock", "_make")

    def __init__(self, *, reentrant: bool = False) -> None:
        self._make = threading.RLock if reentrant else threading.Lock
        self._lock = self._make()
        self._holder: int | None = None
        self._depth = 0
        renew_in_children(self)

    def renew(self) -> None:
        """Let go of it in the place of a thread that is not there any more."""
        if not self.is_mine:
            self._lock, self._holder, self._depth = self._make(), None, 0

    def take(self, seconds: float = -1) -> bool:
        """Take it, and tell whether it could be had.

        Args:
            seconds: to wait at the most; -1 for any time.
        """
        if not self._lock.acquire(timeout=seconds):
            return False
        self._holder = threading.get_ident()
        self._depth += 1
        return True

    @property
    def is_mine(self) -> bool:
        """Whether this thread holds it."""
        return self._holder == threading.get_ident()

    def __enter__(self) -> None:
        self.take()

    def give_back(self) -> None:
        """Let another thread have it."""
        self._depth -= 1
        if not self._depth:
            self._holder = None
        self._lock.release()

    def __exit__(self, *exc_info: object) -> None:
        self.give_back()


IMPORTS: Final = Lock(reentrant=True)
"""Whoever loads a module while the program runs has it, and a fork waits for that. Python keeps the lock of a module
that another thread loads, and a child that needs the module would wait for ever."""

_PATIENCE: Final = 5.0
"""Seconds that a fork waits. It may hold something that the other thread waits for."""


def _before() -> None:
    IMPORTS.take(_PATIENCE)


def _after() -> None:
    if IMPORTS.is_mine:
        IMPORTS.give_back()


if _CAN_FORK:
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)

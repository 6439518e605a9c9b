"""A server that drips, and a clock that goes on by the drop: minutes of waiting take no time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Final

from tests.shells.script import Asked, Peer, Play

_A_WHILE: Final = 0.05
"""Seconds of a real clock, after which a server looks whether the test is over."""

EARLY_HINTS: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n"


class Drips:
    """A clock that goes on a little each time that it is asked, and then lets a drop fall on each connection.

    A client asks it before and after each wait for the network. So each wait takes such a time or more, in which a drop
    comes, or two; and what is asked of the clock in one call is how long the call took.

    Args:
        tick: seconds that it goes on.
    """

    def __init__(self, tick: float = 1.0) -> None:
        self.now = 0.0
        self._tick = tick
        self._lock = threading.Lock()
        self._ticks: list[threading.Semaphore] = []

    def __call__(self) -> float:
        with self._lock:
            self.now += self._tick
            for tick in self._ticks:
                tick.release()
            return self.now

    def fall(self, drops: Iterable[bytes], *, first: bytes = b"") -> Play:
        """Sends what comes first, and then a drop each time, until the client leaves, or there are none left."""

        def play(peer: Peer, _: Asked) -> None:
            tick = threading.Semaphore(1)
            with self._lock:
                self._ticks.append(tick)
            peer.send(first)
            for drop in drops:
                while not tick.acquire(timeout=_A_WHILE):
                    if not peer.is_open:
                        return
                peer.send(drop)

        return play


def byte_by_byte(content: bytes | None = None) -> Iterator[bytes]:
    """The bytes of a text, or `x` without end."""
    return repeat(b"x") if content is None else (content[at : at + 1] for at in range(len(content)))

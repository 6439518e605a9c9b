"""Patience: how long one request waits for the network, and how slowly its bodies may move.

httpcore bounds each wait for the next bytes. A server that sends a byte a second, or an answer 103 a second, never lets
such a time-out pass. So each request has a `Watch`: it knows when the call must be over, counts informational answers,
and measures how fast bytes move while the network is waited for. What passes between two waits is the time of whoever
reads, or gives, the bytes. It does not count.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

import httpcore

from acr._values.options import Timeouts

_MOST_INFORMATIONAL: Final = 16
"""Answers 1xx to one request. Servers send one or two (RFC 9110, section 15.2; RFC 8297)."""

_DIGIT: Final = len(b"HTTP/1.1 ")
"""Where the status of an answer begins."""

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")

_ALMOST: Final = 0.01
"""Seconds before the deadline that are the deadline: sockets and clocks do not agree to the microsecond."""


class Slow(httpcore.TimeoutException):
    """A body moves more slowly than it must."""


class Watch:
    """Watches one request.

    Args:
        timeouts: of the client.
        deadline: when the call must be over; None if it may take any time.
        clock: seconds that only go forward.
    """

    __slots__ = ("_clock", "_head", "_informational", "_moved", "_timeouts", "_waited", "deadline")

    def __init__(self, timeouts: Timeouts, deadline: float | None, clock: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self.deadline = deadline
        self._clock = clock
        self.begin()

    def extensions(self, *, is_ours: bool) -> dict[str, object]:
        """The time-outs of the request, for httpcore.

        Args:
            is_ours: whether connections of ours will see them, which ask the watch before each wait.

        Raises:
            httpcore.TimeoutException: the call must be over.
        """
        each = self._timeouts
        waits = {"connect": each.connect, "read": each.read, "write": each.write}
        shown = {
            name: Patience.of(seconds, self) if is_ours else self.wait(seconds).seconds
            for name, seconds in waits.items()
        }
        return {"timeout": {**shown, "pool": self.wait(each.pool).seconds}}

    @property
    def total(self) -> float | None:
        """Seconds that the client allows for a call."""
        return self._timeouts.total

    @property
    def is_over(self) -> bool:
        """Whether the call must be over."""
        return self.deadline is not None and self._clock() >= self.deadline - _ALMOST

    def begin(self) -> None:
        """An answer is to come. By way of a proxy there are two: its own, and the server's."""
        self._informational = 0
        self._head: bytearray | None = bytearray()  # of the answer that is to come; None behind the informational ones
        self._moved, self._waited = 0, 0.0

    def wait(self, timeout: float | None) -> Wait:
        """Begin to wait for the network, for `timeout` seconds if the call has as many left.

        Raises:
            httpcore.TimeoutException: the call must be over.
        """
        now = self._clock()
        if self.deadline is None:
            return Wait(self, now, timeout)
        left = self.deadline - now
        if left <= 0:
            raise httpcore.TimeoutException("the call is over")
        return Wait(self, now, left if timeout is None else min(timeout, left))

    def came(self, data: bytes, since: float) -> None:
        """Take note of bytes of an answer that were waited for since a moment. Errors as of `Wait.came`."""
        if self._head is None:
            self.moved(len(data), since)
            return
        if self._head:
            self.moved(len(data), since)
        else:  # it begins only now: the server may think about it for as long as `read` allows
            self._moved, self._waited = len(data), 0.0
        self._head += data
        self._pass_informational(len(data))

    def moved(self, count: int, since: float) -> None:
        """Take note of bytes, in either direction, that were waited for since a moment. Errors as of `Wait.moved`."""
        least = self._timeouts.least_rate
        if least is None:
            return
        self._moved += count
        self._waited += self._clock() - since
        if self._waited < self._timeouts.rate_window:
            return
        moved, waited = self._moved, self._waited
        self._moved, self._waited = 0, 0.0
        if moved < least * waited:
            raise Slow(f"too slow: {moved} bytes in {waited:.0f} s, and at least {least:g} a second are asked for")

    def _pass_informational(self, new: int) -> None:
        """Drop the informational answers at the beginning of what came, the last `new` bytes of it just now."""
        head = self._head
        while head is not None and len(head) > _DIGIT:
            if head[_DIGIT] != ord("1"):
                head = self._head = None
                return
            end = _BLANK_LINE.search(head, max(0, len(head) - new - 3))
            if end is None:
                return
            del head[: end.end()]
            new = len(head)
            self._informational += 1
            if self._informational > _MOST_INFORMATIONAL:
                raise httpcore.RemoteProtocolError(f"more than {_MOST_INFORMATIONAL} answers 1xx to one request")


class Wait:
    """One wait for the network.

    Args:
        watch: of the request.
        began: when it began.
        seconds: how long it may last; None for any time.
    """

    __slots__ = ("_began", "_watch", "seconds")

    def __init__(self, watch: Watch, began: float, seconds: float | None) -> None:
        self._watch = watch
        self._began = began
        self.seconds = seconds

    def came(self, data: bytes) -> bytes:
        """It has ended: these bytes of an answer came.

        Raises:
            Slow: the answer comes too slowly.
            httpcore.RemoteProtocolError: there were too many informational answers.
        """
        self._watch.came(data, self._began)
        return data

    def moved(self, count: int) -> None:
        """It has ended: so many bytes of a body moved.

        Raises:
            Slow: they move too slowly.
        """
        self._watch.moved(count, self._began)


class Patience(float):
    """Seconds of a wait, with the watch of their request. httpcore hands time-outs down to connections unchanged."""

    watch: Watch

    @classmethod
    def of(cls, timeout: float | None, watch: Watch) -> Patience:
        """Seconds, or None for any time, which no float can say but infinity."""
        made = cls("inf" if timeout is None else timeout)
        made.watch = watch
        return made

    @classmethod
    def given(cls, timeout: float | None, otherwise: Patience | None = None) -> Patience:
        """What a connection was given; if it is no time-out of ours, another one, or the plain seconds that it is."""
        if isinstance(timeout, cls):
            return timeout
        return otherwise or cls.of(timeout, Watch(_UNBOUNDED, None, time.monotonic))

    def wait(self) -> Wait:
        """Begin to wait for the network. Errors as of `Watch.wait`."""
        return self.watch.wait(None if self == _FOR_EVER else float(self))


_FOR_EVER: Final = float("inf")
_UNBOUNDED: Final = Timeouts(least_rate=None)

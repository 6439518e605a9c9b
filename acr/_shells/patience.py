"""Patience: how long one request waits for the network, and how slowly its bodies may move.

httpcore bounds each wait for the next bytes. A server that sends a byte a second, or an answer 103 a second, never
exceeds such a time-out. So each request has a `Watch`. It knows when the call must be over, counts informational
answers, and measures how fast bytes move while the client waits for the network. The time between two waits does not
count: then the program that reads, or supplies, the bytes is at work.

    Watch     one request; has a `_Rate` and a `_Prelude`
    Wait      one wait of it, from its begin to the bytes that end it
    Patience  a time-out that carries its watch through httpcore to our connections
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

import httpcore

from acr._core.runtime import Traffic
from acr._values.options import Timeouts

_MOST_INFORMATIONAL: Final = 16
"""Answers 1xx to one request. Servers send one or two (RFC 9110, section 15.2; RFC 8297)."""

_DIGIT: Final = len(b"HTTP/1.1 ")
"""Where the first digit of an answer's status is."""

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")

_ALMOST: Final = 0.01
"""Seconds by which a wait may end before the deadline: sockets and clocks do not agree to the microsecond."""


class Slow(httpcore.TimeoutException):
    """Bytes move more slowly than `Timeouts.least_rate` allows."""


class Watch:
    """Watches one request.

    Args:
        timeouts: of the client.
        deadline: when the call must be over; None if it may take any time.
        clock: seconds that only go forward.
        traffic: of the call; None if the request is a call by itself.
    """

    __slots__ = ("_is_begun", "_prelude", "_timeouts", "_traffic", "deadline", "now", "rate")

    def __init__(
        self, timeouts: Timeouts, deadline: float | None, clock: Callable[[], float], traffic: Traffic | None = None
    ) -> None:
        self._timeouts = timeouts
        self._traffic = traffic or Traffic()
        self.deadline = deadline
        self.now = clock
        self.begin()

    def extensions(self, *, is_ours: bool) -> dict[str, object]:
        """The time-outs of the request, for httpcore.

        Args:
            is_ours: whether connections of ours will see them, which ask the watch before each wait.

        Raises:
            httpcore.TimeoutException: the call must be over.
        """
        each = self._timeouts

        def shown(seconds: float | None) -> float | None:
            return Patience.of(seconds, self) if is_ours else self.wait(seconds).seconds

        waits = {"connect": shown(each.connect), "read": shown(each.read), "write": shown(each.write)}
        return {"timeout": {**waits, "pool": self.wait(each.pool).seconds}}

    @property
    def total(self) -> float | None:
        """Seconds that the client allows for a call."""
        return self._timeouts.total

    @property
    def is_over(self) -> bool:
        """Whether the call must be over."""
        return self.deadline is not None and self.now() >= self.deadline - _ALMOST

    def begin(self) -> None:
        """Expect an answer. If there is a proxy, two come: its own, and the server's."""
        self._is_begun = False
        self._prelude = _Prelude()
        self.rate = _Rate(self._timeouts.least_rate, self._timeouts.rate_window, self._traffic)

    def wait(self, timeout: float | None) -> Wait:
        """Begin to wait for the network, for `timeout` seconds if the call has as many left.

        Raises:
            httpcore.TimeoutException: the call must be over.
        """
        now = self.now()
        if self.deadline is None:
            return Wait(self, now, timeout)
        left = self.deadline - now
        if left <= 0:
            raise httpcore.TimeoutException("the call is over")
        return Wait(self, now, left if timeout is None else min(timeout, left))

    def came(self, data: bytes, since: float) -> None:
        """Count bytes of an answer, for which the client waited since a moment. Errors as of `Wait.came`."""
        if self._is_begun:
            self.rate.moved(len(data), self.now() - since)
        else:  # the server may think about its answer for as long as `read` allows
            self.rate.begin(len(data))
        self._prelude.came(data)
        self._is_begun = not self._prelude.awaits_answer


class _Rate:
    """How fast bytes move: an average over each window of waiting.

    What moves on the other connections of the same call counts, too: they may share one slow line.

    Args:
        least: bytes that must move each second, or None.
        window: seconds of waiting.
        traffic: of the call.
    """

    __slots__ = ("_before", "_least", "_traffic", "_waited", "_window")

    def __init__(self, least: float | None, window: float, traffic: Traffic) -> None:
        self._least = least
        self._window = window
        self._traffic = traffic
        self.begin()

    def begin(self, count: int = 0) -> None:
        """Begin a window, with so many bytes in it."""
        self._before, self._waited = self._traffic.moved, 0.0
        self._traffic.moved += count

    def moved(self, count: int, waited: float) -> None:
        """Add bytes, and the seconds that the client waited for them. Raises Slow at the end of a window."""
        if self._least is None:
            return
        self._traffic.moved += count
        self._waited += waited
        if self._waited < self._window:
            return
        moved, seconds = self._traffic.moved - self._before, self._waited
        self.begin()
        if moved < self._least * seconds:
            raise Slow(
                f"too slow: {moved} bytes in {seconds:.0f} s, and at least {self._least:g} a second are asked for"
            )


class _Prelude:
    """The informational answers that come before an answer. It drops and counts them."""

    __slots__ = ("_count", "_head")

    def __init__(self) -> None:
        self._count = 0
        self._head: bytearray | None = bytearray()  # what is not dropped yet; None as soon as the answer itself comes

    @property
    def awaits_answer(self) -> bool:
        """Whether nothing has come but whole informational answers."""
        return self._head is not None and not self._head

    def came(self, data: bytes) -> None:
        """Look at the next bytes.

        Raises:
            httpcore.RemoteProtocolError: there are too many informational answers.
        """
        head, new = self._head, len(data)
        if head is None:
            return
        head += data
        while len(head) > _DIGIT:
            if head[_DIGIT] != ord("1"):
                self._head = None
                return
            end = _BLANK_LINE.search(head, max(0, len(head) - new - 3))
            if end is None:
                return
            del head[: end.end()]
            new = len(head)
            self._count += 1
            if self._count > _MOST_INFORMATIONAL:
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
        """End it, because these bytes of an answer came. Give them back.

        Raises:
            Slow: the answer comes too slowly.
            httpcore.RemoteProtocolError: there were too many informational answers.
        """
        self._watch.came(data, self._began)
        return data

    @property
    def is_bounded(self) -> bool:
        """Whether the call has an end. Then one wait may not last as long as the next."""
        return self._watch.deadline is not None

    def moved(self, count: int) -> None:
        """End it, because so many bytes of a body moved. If it is not bounded, it is the wait for the next ones now.

        With TLS a body comes in records of 16 KiB: what is done for each of them is a part of what a download takes.

        Raises:
            Slow: they move too slowly.
        """
        now = self._watch.now()
        self._watch.rate.moved(count, now - self._began)
        self._began = now


class Patience(float):
    """Seconds of a wait, with the watch of their request. httpcore passes time-outs on to connections unchanged."""

    __slots__ = ("watch",)

    watch: Watch

    @classmethod
    def of(cls, timeout: float | None, watch: Watch) -> Patience:
        """Make it of seconds. None, which means any time, becomes infinity."""
        made = cls(_FOR_EVER if timeout is None else timeout)
        made.watch = watch
        return made

    @classmethod
    def given(cls, timeout: float | None, otherwise: Patience | None = None) -> Patience:
        """What httpcore gave to a connection, as a Patience.

        Args:
            timeout: what it gave.
            otherwise: what to take if that is no Patience. If there is none, the seconds count, and nothing is watched.
        """
        if isinstance(timeout, cls):
            return timeout
        return otherwise or cls.of(timeout, Watch(_UNBOUNDED, None, time.monotonic))

    def wait(self) -> Wait:
        """Begin to wait for the network. Errors as of `Watch.wait`."""
        return self.watch.wait(None if self == _FOR_EVER else float(self))


_FOR_EVER: Final = float("inf")
_UNBOUNDED: Final = Timeouts(least_rate=None)

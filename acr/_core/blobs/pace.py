"""Pace: over how many connections a large blob is fetched."""

from __future__ import annotations

from typing import Final

import attrs

from acr._core.talk.cutting import Cutting

_FAILURES: Final = 3
"""Times that more connections were tried in vain; then their number stays."""

_REST: Final = 2
"""Ranges of each connection between two such tries; twice as many each time."""


@attrs.frozen
class Use:
    """The connections of a call at a moment.

    Args:
        own: those of the blob.
        others: those of the other blobs of the call.
        room: how many own ones there may be.
    """

    own: int
    others: int
    room: int


@attrs.define
class Window:
    """What a call has fetched since a moment, and over how many connections.

    Other blobs of the call begin and end meanwhile, so the number of connections is an average over time.

    Args:
        since: when it began.
        before: bytes of the call until then.
        there: connections of the call when they were last counted.
        counted: when that was.
        used: connections of the call, each times its seconds.
        most: the most connections of the call.
        own: the most connections of the blob.
        ranges: ranges of the blob that were fetched.
    """

    since: float
    before: int
    there: int = 1
    counted: float = attrs.field(default=attrs.Factory(lambda window: window.since, takes_self=True))
    used: float = 0.0
    most: int = 0
    own: int = 0
    ranges: int = 0

    def count(self, now: float, use: Use) -> None:
        """Take note of the connections that there were until now."""
        there = use.own + use.others
        self.most = max(self.most, self.there, there)
        self.used += (now - self.counted) * there
        self.own = max(self.own, use.own)
        self.there, self.counted = there, now

    def seconds(self, now: float) -> float:
        """How long it is."""
        return max(now - self.since, 1e-6)

    def rate(self, now: float, moved: int) -> float:
        """Bytes a second of the call."""
        return (moved - self.before) / self.seconds(now)

    def connections(self, now: float) -> float:
        """How many the call had on average."""
        return max(self.used / self.seconds(now), 1.0)


class Pace:
    """How many connections pay for a blob: one, and four times as many as long as its call becomes faster.

    If it does not, it goes back, and tries twice as many later: one measurement may be chance. The rate is that of all
    large blobs of the call: with more connections one of them is faster in any case, at the cost of the others. So it
    is compared with the number of all connections of the call.

    Args:
        cutting: what is worth it.
    """

    def __init__(self, cutting: Cutting) -> None:
        self._cutting = cutting
        self.width: int = 1
        """Connections that pay, as far as it is known."""
        self._narrower = 1
        self._rate = 0.0  # of the call, with the narrower
        self._of = 1.0  # so many connections of it
        self._failures = 0
        self._resting = 0  # ranges until the next try
        self._window: Window | None = None

    def begin(self, now: float, moved: int) -> None:
        """The first bytes come. Arguments as of `ended`."""
        if self._window is None:
            self._window = Window(now, moved)

    def came(self, now: float, moved: int, use: Use) -> None:
        """Bytes have come. If they came fast enough, that is known before each connection has fetched a range.

        Arguments as of `ended`.
        """
        window = self._window
        if window is None:
            return
        window.count(now, use)
        if self._failures == _FAILURES or self._resting or window.seconds(now) < self._cutting.span:
            return
        if self._is_faster(window, now, moved):
            self._judge(window, now, moved, use.room)

    def settle(self) -> None:
        """Go on with one connection."""
        self.width, self._failures = 1, _FAILURES

    def ended(self, now: float, moved: int, use: Use) -> None:
        """A connection has fetched a range.

        Each connection has to fetch one before the number is judged, since a new one is slow at first.

        Args:
            now: seconds on a clock that only goes forward.
            moved: bytes that came over all connections of the call.
            use: the connections at present.
        """
        window = self._window
        if window is None:
            return
        window.count(now, use)
        window.ranges += 1
        is_enough = window.ranges >= max(self.width, self._resting) and window.seconds(now) >= self._cutting.span
        if self._failures < _FAILURES and is_enough:
            self._judge(window, now, moved, use.room)

    def _judge(self, window: Window, now: float, moved: int, room: int) -> None:
        """Decide how to go on, with the rate of late."""
        self._resting = 0
        if not self._is_faster(window, now, moved):
            self._failures += 1
            self._resting = _REST * 2**self._failures * self._narrower
            self.width = self._narrower
        else:
            self._rate, self._of = window.rate(now, moved), window.connections(now)
            self.width = self._narrower = min(self.width, window.own)
            if self._rate > window.most * self._cutting.fast:
                self._failures = _FAILURES  # if they become slow later, others are not missing
            elif self._rate <= self._cutting.plenty:
                self.width = max(self.width, min((2 if self._failures else 4) * self.width, room))
        self._window = Window(now, moved, window.there)

    def _is_faster(self, window: Window, now: float, moved: int) -> bool:
        """Whether the connections that were added last have brought enough, if there are any.

        There are none if other blobs were quicker to take them. Other blobs may have ended as well.
        """
        added = min(self.width, window.own) - self._narrower
        if added <= 0:
            return True
        connections = window.connections(now)
        before = max(self._narrower, min(self._of, connections - added))
        more = max(1.0, connections - before)
        return window.rate(now, moved) > self._rate / self._of * (before + self._cutting.worth * more)

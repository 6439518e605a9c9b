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


class Pace:
    """How many connections pay for a blob: one, and four times as many as long as its call becomes faster.

    If it does not, it goes back, and tries twice as many later: one measurement may be chance. The rate is that of all
    large blobs of the call: with more connections one of them is faster in any case, at the cost of the others. So it
    is compared with the number of all connections of the call, which other blobs change as well.

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
        self._since: float | None = None  # when what follows began anew
        self._moved = 0  # bytes of the call before
        self._ended = 0
        self._widest = 0  # own connections that there were at the same time
        self._counted = 0.0  # until when
        self._used = 0.0  # connections of the call, each times its seconds
        self._there = 1  # connections of the call, when they were last counted
        self._most = 1  # the most of them

    def begin(self, now: float, moved: int) -> None:
        """The first bytes come. Arguments as of `ended`."""
        if self._since is None:
            self._measure(now, moved)

    def came(self, now: float, moved: int, use: Use) -> None:
        """Bytes have come. If they came fast enough, that is known before each connection has fetched a range.

        Arguments as of `ended`.
        """
        self._count(now, use)
        if self._failures == _FAILURES or self._resting or self._seconds(now) < self._cutting.span:
            return
        if self._is_faster(*self._measured(now, moved)):
            self._judge(now, moved, use.room)

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
        self._count(now, use)
        self._ended += 1
        is_enough = self._ended >= max(self.width, self._resting) and self._seconds(now) >= self._cutting.span
        if self._failures < _FAILURES and is_enough:
            self._judge(now, moved, use.room)

    def _judge(self, now: float, moved: int, room: int) -> None:
        """Decide how to go on, with the rate of late."""
        rate, connections = self._measured(now, moved)
        self._resting = 0
        if not self._is_faster(rate, connections):
            self._failures += 1
            self._resting = _REST * 2**self._failures * self._narrower
            self.width = self._narrower
        else:
            self._narrower, self._rate, self._of = min(self.width, self._widest), rate, connections
            self.width = self._narrower
            if rate > self._most * self._cutting.fast:
                self._failures = _FAILURES  # if they become slow later, others are not missing
            elif rate <= self._cutting.plenty:
                self.width = max(self.width, min((2 if self._failures else 4) * self.width, room))
        self._measure(now, moved)

    def _measure(self, now: float, moved: int) -> None:
        """Begin to measure anew."""
        self._since, self._moved, self._ended = now, moved, 0
        self._widest, self._most, self._counted, self._used = 0, 0, now, 0.0

    def _measured(self, now: float, moved: int) -> tuple[float, float]:
        """The rate of the call, and how many connections it had on average."""
        seconds = max(self._seconds(now), 1e-6)
        return (moved - self._moved) / seconds, max(self._used / seconds, 1.0)

    def _count(self, now: float, use: Use) -> None:
        """Take note of the connections that there were until now."""
        before, self._there = self._there, use.own + use.others
        self._most = max(self._most, before, self._there)
        self._used += (now - self._counted) * self._there
        self._counted = now
        self._widest = max(self._widest, use.own)

    def _seconds(self, now: float) -> float:
        return 0.0 if self._since is None else now - self._since

    def _is_faster(self, rate: float, connections: float) -> bool:
        """Whether the connections that were added last have brought enough, if there are any.

        There are none if other blobs were quicker to take them. Other blobs may have ended as well.
        """
        added = min(self.width, self._widest) - self._narrower
        if added <= 0:
            return True
        before = max(self._narrower, min(self._of, connections - added))
        more = max(1.0, connections - before)
        return rate > self._rate / self._of * (before + self._cutting.worth * more)

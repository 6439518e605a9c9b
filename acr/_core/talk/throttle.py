"""Throttle: less at once while a registry asks for it, and more again while it answers."""

from __future__ import annotations

from typing import Final

from acr._values.reference import Endpoint

_WHOLE: Final = 16
"""Parts that the whole width is counted in."""

_GOOD: Final = 16
"""Answers in a row that widen it by one part."""

_REFUSALS: Final = frozenset({429, 503})


_MOST_STORES: Final = 64
"""Places that a registry may lead to, and that have a throttle of their own."""


class Throttle:
    """How much of what a caller allows goes at once to one host. All calls of a client share one, in all their threads.

    It counts answers, and needs no clock: how long to wait is what the retries know. A count that two threads write at
    the same time may be lost, which does no harm.
    """

    def __init__(self) -> None:
        self.era: int = 0
        self._parts = _WHOLE
        self._good = 0

    def width(self, limit: int) -> int:
        """How many of `limit` may go at once, at least 1."""
        return max(1, limit * self._parts // _WHOLE)

    def note(self, era: int, status: int) -> None:
        """Take note of an answer.

        Args:
            era: what `era` was when the request went out. The refusals of all that were under way together are one:
                none of them can know that there are fewer now.
            status: the HTTP status.
        """
        if era != self.era:
            return
        if status in _REFUSALS:
            self.era += 1
            self._parts = max(1, self._parts // 2)
            self._good = 0
        elif self._parts < _WHOLE:
            self._good += 1
            if self._good == _GOOD:
                self._parts += 1
                self._good = 0


class Throttles:
    """The throttles of a registry, and of the places where it has its blobs. A refusal of one host narrows no other."""

    def __init__(self) -> None:
        self.home: Throttle = Throttle()
        self._stores: dict[Endpoint, Throttle] = {}

    def of(self, endpoint: Endpoint, *, is_home: bool) -> Throttle:
        """The throttle of a host. Of one that has no blobs, such as another host that issues tokens, it has no effect.

        Args:
            endpoint: the host.
            is_home: whether it is the registry.
        """
        return self.home if is_home else self._stores.get(endpoint) or Throttle()

    def leads_to(self, store: Endpoint) -> None:
        """Note that the registry has blobs at another host."""
        if len(self._stores) < _MOST_STORES:
            self._stores.setdefault(store, Throttle())

    def width(self, limit: int) -> int:
        """How many of `limit` may go at once to the registry, at least 1."""
        return self.home.width(limit)

    def reading(self, limit: int) -> int:
        """How many blobs of `limit` may be read at once, at least 1: the registry and its stores have a part in it."""
        return min([self.home.width(limit), *(store.width(limit) for store in list(self._stores.values()))])

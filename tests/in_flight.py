"""How many requests are under way at the same time."""

from __future__ import annotations

import threading

import acr


class InFlight:
    """Counts how many requests wait for their answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.seen: list[int] = []

    def begin(self, request: acr.RequestInfo) -> None:
        with self._lock:
            self._now += 1
            self.seen.append(self._now)

    def end(self, response: acr.ResponseInfo) -> None:
        with self._lock:
            self._now -= 1

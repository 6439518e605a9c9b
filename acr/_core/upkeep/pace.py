"""Pace: no more requests a minute than the caller allows, so that others of the same identity are not throttled."""

from __future__ import annotations

from typing import Final

from acr._core.runtime import Runtime
from acr._values.arguments import check_number

HALF_OF_READS: Final = 2500
"""Requests a minute: half of what ACR allows one identity on its smallest tiers ("Azure Container Registry service
tiers", the table of rate limits: 5,000 reads a minute on Basic and Standard)."""

MOST_AT_ONCE: Final = 32
"""Requests at the same time, whatever the pace."""

_BURST: Final = 3.0
"""Seconds whose requests may go out at once, in the beginning and after a rest: a small registry is read without a
wait, and in no minute go out more than a twentieth above the rate."""


class Pace:
    """Lets requests go: some at once, and then evenly spread. All tasks of a verb share one.

    Args:
        runtime: has the clock.
        rate: requests a minute; None for as many as there are.

    Raises:
        InvalidInput: the rate is no positive number.
    """

    def __init__(self, runtime: Runtime, rate: float | None) -> None:
        if rate is not None:
            expected = f"requests a minute, such as {HALF_OF_READS}; None for no limit"
            check_number("rate", rate, lambda value: value > 0, expected)
        self._runtime = runtime
        self._step = 0.0 if rate is None else 60 / rate
        self._next = runtime.now() - _BURST
        self._lock = runtime.lock()
        self.sent: int = 0

    async def wait(self) -> None:
        """Wait for the turn of the next request."""
        async with self._lock:
            self.sent += 1
            now = self._runtime.now()
            self._next = max(self._next, now - _BURST) + self._step
            delay = self._next - now
        if delay > self._step:
            await self._runtime.sleep(delay)

    def seconds(self, requests: int) -> float | None:
        """How long some requests take at this pace; None if there is no limit."""
        return requests * self._step if self._step else None

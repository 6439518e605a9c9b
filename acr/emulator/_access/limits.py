"""Limits: how many requests a minute an identity may send, by category.

ACR's documents ("Azure Container Registry service tiers", rate limits) name the categories, and that Retry-After counts
down to the end of the period. The minutes here are those of the clock.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from acr.emulator._settings import Settings
from acr.emulator._wire import Refusal, refusal

Category = Literal["reads", "writes", "deletes", "referrers", "tokens"]

_PERIOD: Final = 60


class Limits:
    """Counts requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits: dict[Category, float] = {
            "reads": settings.reads_per_minute,
            "writes": settings.writes_per_minute,
            "deletes": settings.deletes_per_minute,
            "referrers": settings.referrers_per_minute,
            "tokens": settings.tokens_per_minute,
        }
        self._minute = 0
        self._counts: dict[tuple[Category, str], int] = {}

    @property
    def are_there(self) -> bool:
        """Whether anything is limited."""
        return any(self._limits.values())

    def count(self, method: str, path: str, identity: str) -> None:
        """Count a request.

        Raises:
            Refusal: there are too many in this minute.
        """
        now = self._settings.clock()
        if int(now // _PERIOD) != self._minute:
            self._minute = int(now // _PERIOD)
            self._counts.clear()
        for category in _categories(method, path):
            key = (category, "" if category == "tokens" else identity)
            limit = self._limits[category]
            if limit and self._counts.get(key, 0) >= limit:
                raise _too_many(math.ceil((self._minute + 1) * _PERIOD - now))
            self._counts[key] = self._counts.get(key, 0) + 1


def _categories(method: str, path: str) -> list[Category]:
    if path.startswith("/oauth2/"):
        return ["tokens"]
    if method == "DELETE":
        return ["deletes"]
    if method not in ("GET", "HEAD"):
        return ["writes"]
    return ["reads", "referrers"] if path.startswith("/v2/") and "/referrers/" in path else ["reads"]


def _too_many(seconds: int) -> Refusal:
    return refusal(429, "TOOMANYREQUESTS", "too many requests", headers={"Retry-After": str(max(1, seconds))})

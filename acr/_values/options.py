"""Options of a client: how long it waits, how often it tries again."""

import random
from collections.abc import Callable
from typing import Final

import attrs

from acr._values.home import public_in

CHUNK_SIZE: Final = 4 * 1024 * 1024
"""Bytes of one chunk of an upload; what every Azure SDK sends."""


@public_in("acr")
@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds to wait; None waits for ever.

    Args:
        connect: for a connection.
        read: for the next bytes of an answer.
        write: until bytes could be sent.
        pool: for a free connection of the pool.
    """

    connect: float | None = 10
    read: float | None = 60
    write: float | None = 60
    pool: float | None = 60


@public_in("acr")
@attrs.frozen(kw_only=True)
class Retries:
    """When and how often a request is sent again: on a lost connection and on 408, 429, 500, 502, 503, 504.

    A request that is not safe to repeat (a chunk of an upload) is never repeated blindly: the upload asks how far it
    got. The wait doubles each time, with full jitter; a Retry-After is obeyed instead, where it is not above the cap.

    Args:
        limit: how often at the most, beside the first time.
        base: seconds of the first wait, at the most.
        cap: seconds of any wait, at the most. If the registry asks for more, its error is raised at once.
        jitter: gives a number from 0 to 1; to be replaced in tests.
    """

    limit: int = 4
    base: float = 0.5
    cap: float = 60
    jitter: Callable[[], float] = random.random

    def delay(self, attempt: int, retry_after: float | None = None) -> float | None:
        """Seconds to wait before the repetition `attempt` (the first is 0), or None to give up.

        >>> Retries(jitter=lambda: 1.0).delay(2), Retries().delay(0, retry_after=5), Retries().delay(4)
        (2.0, 5, None)
        """
        if attempt >= self.limit or (retry_after or 0) > self.cap:
            return None
        if retry_after is not None:
            return retry_after
        return min(self.cap, self.base * 2.0 ** min(attempt, 64)) * self.jitter()  # 2.0**1024 would overflow

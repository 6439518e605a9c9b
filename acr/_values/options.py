"""Options of a client: how long it waits, and how often it tries again."""

import random
from collections.abc import Callable
from typing import Final

import attrs

from acr._values.home import public_in

CHUNK_SIZE: Final = 4 * 1024 * 1024
"""Bytes of one chunk of an upload. Every Azure SDK sends chunks of this size."""


@public_in("acr")
@attrs.frozen(kw_only=True)
class Timeouts:
    """How long the client waits for the network, in seconds. None means for ever.

    Args:
        connect: how long to wait for a new connection.
        read: how long to wait for the next bytes of an answer.
        write: how long to wait until the network accepts the next bytes.
        pool: how long to wait for a free connection.
    """

    connect: float | None = 10
    read: float | None = 60
    write: float | None = 60
    pool: float | None = 60


@public_in("acr")
@attrs.frozen(kw_only=True)
class Retries:
    """How often the client sends a request again, and how long it waits before.

    It tries again after a lost connection, and after the statuses 408, 429, 500, 502, 503 and 504. It never blindly
    repeats a request that may have taken effect, such as a chunk of an upload: it asks the registry how far the upload
    got. The wait doubles each time, with full jitter. If the registry sends Retry-After, the client waits that long.

    Args:
        limit: how often to try again, after the first try.
        base: the longest first wait, in seconds.
        cap: the longest wait, in seconds. If the registry asks for more, the client raises the error at once.
        jitter: returns a number from 0 to 1; `random.random` by default. Tests replace it.
    """

    limit: int = 4
    base: float = 0.5
    cap: float = 60
    jitter: Callable[[], float] | None = None  # that of `random` would not be equal any more in another process

    def delay(self, attempt: int, retry_after: float | None = None) -> float | None:
        """Compute how long to wait before the next try.

        Args:
            attempt: how often the client has tried again so far; 0 after the first failure.
            retry_after: the seconds that the registry asked to wait, or None.

        Returns:
            Seconds to wait, or None to give up.

        >>> Retries(jitter=lambda: 1.0).delay(2), Retries().delay(0, retry_after=5), Retries().delay(4)
        (2.0, 5, None)
        """
        if attempt >= self.limit or (retry_after or 0) > self.cap:
            return None
        if retry_after is not None:
            return retry_after
        return (
            min(self.cap, self.base * 2.0 ** min(attempt, 64)) * (self.jitter or random.random)()
        )  # 2.0**1024 would overflow

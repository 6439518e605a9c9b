"""Options of a client: how long it waits, how often it tries again, how much it takes."""

from collections.abc import Callable
from typing import Any, Final

import attrs

from acr._values.arguments import Validator, number, whole_number
from acr._values.home import public_in
from acr.errors import InvalidInput

CHUNK_SIZE: Final = 4 * 1024 * 1024
"""Bytes of one chunk of an upload. Every Azure SDK sends chunks of this size."""

CONNECTIONS: Final = 16
"""Connections that a call which moves blobs has to a registry, unless the caller asks for another number."""


_POSITIVE: Final = number(lambda value: value > 0, "a number above 0")
_POSITIVE_OR_NONE: Final[Validator] = attrs.validators.optional(
    number(lambda value: value > 0, "a number above 0, or None")
)
_SECONDS: Final = number(lambda value: value >= 0, "a number from 0 on")


def _callable_or_none(options: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and not callable(value):
        raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected a function, or None")


@public_in("acr")
@attrs.frozen(kw_only=True)
class Timeouts:
    """How long the client waits for the network, in seconds. None means for ever.

    `connect`, `read`, `write` and `pool` each bound one wait, and begin anew with every byte. A server that sends a
    byte a second never exceeds them: `total` bounds the whole call, and `least_rate` bounds how slow a body may be.

    Args:
        connect: how long to wait for a new connection: for all addresses of a host together, and again for TLS.
        read: how long to wait for the next bytes of an answer.
        write: how long to wait until the network accepts the next bytes.
        pool: how long to wait for a free connection.
        total: how long one call may take with all its requests, tries and waits, counted from its first request. Each
            page of a listing and each read of a stream is a call. A call that must clean up behind itself, such as a
            failed upload, may take up to half as long again. The client cannot interrupt code of yours, such as a
            credential or a callback.
        least_rate: how many bytes an answer that has begun, and a body that is sent, must move each second on average.
        rate_window: how long a time that average is taken over. Only time that the client waits for the network
            counts. A program that reads a stream slowly, or supplies an upload slowly, cannot fall below the rate.

    Raises:
        InvalidInput: a value is no number above 0.
    """

    connect: float | None = attrs.field(default=10, validator=_POSITIVE_OR_NONE)
    read: float | None = attrs.field(default=60, validator=_POSITIVE_OR_NONE)
    write: float | None = attrs.field(default=60, validator=_POSITIVE_OR_NONE)
    pool: float | None = attrs.field(default=60, validator=_POSITIVE_OR_NONE)
    total: float | None = attrs.field(default=None, validator=_POSITIVE_OR_NONE)
    least_rate: float | None = attrs.field(default=1024, validator=_POSITIVE_OR_NONE)
    rate_window: float = attrs.field(default=60, validator=_POSITIVE)


@public_in("acr")
@attrs.frozen(kw_only=True)
class Limits:
    """How much the client accepts from a registry, if neither the protocol nor the caller sets a limit.

    Args:
        page: the size of one page of a listing, in bytes. Parsed, it may take 64 MiB of memory, or five times this
            limit if that is more. If a page is larger, the client asks for fewer items.
        pages: the number of pages of one listing. After a longer one the caller can go on from the `continuation` of
            the last page.
        unsized_blob: the size of a blob that is downloaded, in bytes, if neither the caller nor the registry tells it.

    Raises:
        InvalidInput: a value is not a whole number above 0.
    """

    page: int = attrs.field(default=16 * 1024**2, validator=whole_number(1))
    pages: int = attrs.field(default=100_000, validator=whole_number(1))
    unsized_blob: int = attrs.field(default=1024**3, validator=whole_number(1))


@public_in("acr")
@attrs.frozen(kw_only=True)
class Retries:
    """How often the client sends a request again, and how long it waits before.

    It tries again after a lost connection, and after the statuses 408, 429, 500, 502, 503, 504, and 520 to 530, which
    a CDN before the registry sends. It does not try again after 525 and 526 of a CDN, or if a certificate fails its
    verification. It never blindly repeats a request that may have taken effect, such as a chunk of an upload: it asks
    the registry how far the upload got. The wait doubles each time, with full jitter. If the registry sends
    Retry-After, the client waits that long.

    Args:
        limit: how often to try again, after the first try.
        base: the longest first wait, in seconds.
        cap: the longest wait, in seconds. If the registry asks for more, the client raises the error at once.
        jitter: returns a number from 0 to 1; `random.random` by default. Tests replace it.

    Raises:
        InvalidInput: `limit` is not a whole number from 0 on, `base` or `cap` is not a number from 0 on, or `jitter`
            is not a function.
    """

    limit: int = attrs.field(default=4, validator=whole_number(0))
    base: float = attrs.field(default=0.5, validator=_SECONDS)
    cap: float = attrs.field(default=60, validator=_SECONDS)
    # Not `random.random` itself, which would not be equal any more in another process.
    jitter: Callable[[], float] | None = attrs.field(default=None, validator=_callable_or_none)

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
        import random  # a program whose requests all succeed does without

        if attempt >= self.limit or (retry_after or 0) > self.cap:
            return None
        if retry_after is not None:
            return retry_after
        return (
            min(self.cap, self.base * 2.0 ** min(attempt, 64)) * (self.jitter or random.random)()
        )  # 2.0**1024 would overflow

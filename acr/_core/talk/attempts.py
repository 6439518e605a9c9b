"""Attempts: the tries of one thing, and the waits between them, as one value.

Whoever tries again keeps one `Attempts`, does the thing in a loop, and hands over each problem:

    attempts = sender.attempts()
    while True:
        try:
            return await once()
        except (TransportError, ResponseError) as problem:
            await attempts.again(problem)

`again` waits, and returns if another try is worth it. Else it raises the problem. So no caller counts, and no caller
asks the clock. What stands in the way of another try, in this order:

1. The problem is `exhausted`: the shell found that it is final (the time of the call is over, a certificate is wrong),
   or an `Attempts` further in gave up. Loops that enclose each other do not multiply their tries.
2. The problem is none that may pass. `passes` decides that, since a chunk needs another answer than a GET.
3. The client cleans up behind another call: then each request is sent once.
4. As many tries as `Retries.limit` were in vain, the registry asks for a longer wait than `Retries.cap`, or the wait
   would end behind the end of the call.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias, TypeVar

from acr._core.runtime import Runtime
from acr._core.talk.deadline import calling, is_best_effort
from acr._values.arguments import check_flag
from acr._values.options import Retries
from acr.errors import NoMetadataApi, NotFound, ResponseError, TooSlow, TransportError

_LOG: Final = logging.getLogger("acr")

CDN: Final = frozenset(range(520, 531)) - {525, 526}
"""What a CDN answers if it cannot reach the registry behind it, or not in time: these may pass. With 525 and 526 it
refuses the registry's certificate: those stay (Cloudflare, "5xx errors")."""

PASSING: Final = frozenset({408, 429, 500, 502, 503, 504}) | CDN
"""Statuses of problems that may pass."""

Problem: TypeAlias = TransportError | ResponseError

T = TypeVar("T")


class Client(Protocol):
    """What attempts need of a client; `Sender` is one."""

    @property
    def runtime(self) -> Runtime:
        """The world outside."""
        ...

    @property
    def retries(self) -> Retries:
        """When to try again."""
        ...

    def deadline(self) -> float | None:
        """When the current call must be over; None if it may take any time."""
        ...


def may_pass(problem: Problem) -> bool:
    """Whether a request that can be repeated is worth another try."""
    return isinstance(problem, TransportError) or problem.status in PASSING


def is_throttled(problem: Problem) -> bool:
    """Whether even a request that must not happen twice can be sent again: who throttles did not do it."""
    return isinstance(problem, ResponseError) and problem.status == 429


def may_have_taken_effect(problem: Problem) -> bool:
    """Whether a registry may have done what it was asked for, although the answer is an error.

    From 500 on, and with 408, a gateway may have answered for a registry that does it.
    """
    return isinstance(problem, TransportError) or problem.status >= 500 or problem.status == 408


class Attempts:
    """The tries of one thing.

    Three things count, and the largest count decides: the tries since something moved, the setbacks, and the times
    that the network was too slow. Progress makes good the first of them only. So a registry that takes a little, and
    forgets it again, is not served for ever.

    Args:
        client: who tries.
        passes: whether a problem may pass.
    """

    def __init__(self, client: Client, passes: Callable[[Problem], bool] = may_pass) -> None:
        self._client = client
        self._passes = passes
        self._setbacks = 0
        self._slow = 0
        self.since_progress: int = 0
        """Repetitions since something moved."""
        self.in_doubt: bool = False
        """Whether an earlier try may have taken effect: its answer was lost."""

    async def again(self, problem: Problem) -> None:
        """Wait before the next try.

        Raises:
            ResponseError, TransportError: the problem, if there is no next try. It is marked `exhausted` if the tries,
                or the time for them, are used up.
        """
        if problem.exhausted or not self._passes(problem):
            raise problem
        self._slow += isinstance(problem, TooSlow)
        delay = self._delay(problem)
        if delay is None:
            problem.exhausted = True
            raise problem
        _LOG.warning("%s; trying again in %.1f s", problem, delay)
        await self._client.runtime.sleep(delay)
        self.since_progress += 1
        self.in_doubt = self.in_doubt or may_have_taken_effect(problem)

    async def run(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do something until it succeeds, or fails for good. Errors as of `again`."""
        with calling():
            while True:
                try:
                    return await once()
                except (TransportError, ResponseError) as problem:
                    await self.again(problem)

    def moved(self) -> None:
        """Something moved: the tries count anew."""
        self.since_progress = 0

    def in_vain(self) -> bool:
        """Count a try that was answered with a success, and yet moved next to nothing. Return whether to give up."""
        self.since_progress += 1
        return self.since_progress > self._client.retries.limit

    def set_back(self) -> None:
        """The registry lost what it had taken."""
        self._setbacks += 1

    def renew(self) -> None:
        """What is tried from now on is something else."""
        self.since_progress = self._setbacks = 0

    @contextmanager
    def may_be_gone(self, *, missing_ok: bool) -> Iterator[None]:
        """Let a `NotFound` of a deletion pass, if the caller allows it or if an earlier try may have deleted.

        A registry without ACR's API has deleted nothing, and knows nothing of what is there.

        Raises:
            InvalidInput: `missing_ok` is neither True nor False.
        """
        check_flag("missing_ok", missing_ok)
        try:
            yield
        except NoMetadataApi:
            raise
        except NotFound:
            if not (missing_ok or self.in_doubt):
                raise

    def _delay(self, problem: Problem) -> float | None:
        """Seconds until the next try; None if there is none."""
        if is_best_effort():
            return None
        asked = problem.retry_after if isinstance(problem, ResponseError) else None
        count = max(self.since_progress, self._setbacks, self._slow - 1)
        delay, end = self._client.retries.delay(count, asked), self._client.deadline()
        if delay is not None and end is not None and self._client.runtime.now() + delay >= end:
            return None
        return delay

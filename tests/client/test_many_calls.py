"""Many calls at once over the ends of tokens, while the registry throttles: no error, and one exchange for each."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Final

import acr
from acr.emulator import Emulator

LOG: Final = logging.getLogger(__name__)

CALLS: Final = int(os.environ.get("ACR_CALLS", "768"))
TASKS: Final = 64

READS: Final = 100
"""A minute, and more than there are tasks: each that has waited for the next minute gets its turn in it."""

ACCESS: Final = 300
REFRESH: Final = 600
"""Seconds that tokens live. They are renewed a minute early."""

CALL: Final = 0.05
"""Seconds that a call takes."""


class Time:
    """A clock of our own, for client and registry. It goes on with each call, and if all who are there sleep.

    So nobody's request is under way while much time passes.

    Args:
        count: tasks, or threads.
    """

    def __init__(self, count: int) -> None:
        self._now = 1_000_000.0
        self._awake = count
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, Future[None]]] = []
        self.waits = 0

    def now(self) -> float:
        return self._now

    def passes(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            self._wake()

    def leaves(self) -> None:
        """One of them has nothing more to do."""
        with self._lock:
            self._awake -= 1
            self._wake()

    def begin(self, seconds: float) -> Future[None]:
        """What ends when the time has passed."""
        ends: Future[None] = Future()
        with self._lock:
            self.waits += 1
            self._awake -= 1
            self._sleepers.append((self._now + seconds, ends))
            self._wake()
        return ends

    def sleep(self, seconds: float) -> None:
        self.begin(seconds).result()

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.wrap_future(self.begin(seconds))

    def _wake(self) -> None:
        if self._awake == 0 and self._sleepers:
            self._now = max(self._now, min(until for until, _ in self._sleepers))
        for until, ends in list(self._sleepers):
            if until <= self._now:
                self._sleepers.remove((until, ends))
                self._awake += 1
                ends.set_result(None)


class Exchanges:
    """When tokens were asked for."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.at: dict[str, list[float]] = {"/oauth2/token": [], "/oauth2/exchange": []}

    def note(self, request: acr.RequestInfo) -> None:
        for path, at in self.at.items():
            if path in request.url:
                at.append(self._time.now())

    def check(self, time: Time, began: float) -> None:
        """See that there was one for the beginning, and one for each token that came to its end."""
        for path, life in (("/oauth2/token", ACCESS), ("/oauth2/exchange", REFRESH)):
            at, passed = self.at[path], time.now() - began
            assert all(later - earlier >= life - 60 for earlier, later in pairwise(at)), (path, at)
            assert 1 <= len(at) <= 1 + passed // (life - 60)
        assert len(self.at["/oauth2/token"]) >= 2

    def told(self, time: Time, began: float) -> str:
        """For people."""
        counts = ", ".join(f"{len(at)} of {path}" for path, at in self.at.items())
        return f"{CALLS // TASKS * TASKS} calls in {time.now() - began:.0f} s, {time.waits} waits, {counts}"


def filled(time: Time) -> Emulator:
    return Emulator(reads_per_minute=READS, access_lifetime=ACCESS, refresh_lifetime=REFRESH, clock=time.now)


def prepared(emulator: Emulator) -> None:
    with acr.Registry(emulator.url, emulator.credential()) as registry:
        registry.repository("app").upload_blob(b"blob")


def test_many_tasks_over_the_ends_of_tokens_meet_no_error_and_one_exchange_for_each() -> None:
    time = Time(TASKS)
    exchanges, began = Exchanges(time), time.now()

    async def calls(registry: acr.AsyncRegistry) -> int:
        blob, found = registry.repository("app").blob(acr.Digest.of(b"blob")), 0
        for _ in range(CALLS // TASKS):
            time.passes(CALL)
            found += await blob.exists()
        time.leaves()
        return found

    async def all_calls(emulator: Emulator) -> list[int]:
        options = {"clock": time.now, "sleep": time.sleep_async, "on_request": exchanges.note}
        async with acr.AsyncRegistry(emulator.url, emulator.credential(), **options) as registry:  # type: ignore[arg-type]
            return await asyncio.gather(*(calls(registry) for _ in range(TASKS)))

    with filled(time) as emulator:
        prepared(emulator)
        assert asyncio.run(all_calls(emulator)) == [CALLS // TASKS] * TASKS
        assert 429 in {request.status for request in emulator.requests}
    exchanges.check(time, began)
    LOG.warning(exchanges.told(time, began))


def test_many_threads_over_the_ends_of_tokens_meet_no_error_and_one_exchange_for_each() -> None:
    time = Time(TASKS)
    exchanges, began = Exchanges(time), time.now()

    def calls(registry: acr.Registry) -> int:
        blob, found = registry.repository("app").blob(acr.Digest.of(b"blob")), 0
        for _ in range(CALLS // TASKS):
            time.passes(CALL)
            found += blob.exists()
        time.leaves()
        return found

    with filled(time) as emulator:
        prepared(emulator)
        with (
            acr.Registry(
                emulator.url, emulator.credential(), clock=time.now, sleep=time.sleep, on_request=exchanges.note
            ) as registry,
            ThreadPoolExecutor(TASKS) as pool,
        ):
            found = [pool.submit(calls, registry) for _ in range(TASKS)]
            assert [one.result() for one in found] == [CALLS // TASKS] * TASKS
        assert 429 in {request.status for request in emulator.requests}
    exchanges.check(time, began)
    LOG.warning(exchanges.told(time, began))

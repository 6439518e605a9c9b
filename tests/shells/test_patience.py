"""What a request's watch makes of what comes, and of when: with a clock of the test's own, and no network."""

from __future__ import annotations

import httpcore
import pytest

from acr._core.runtime import Traffic
from acr._shells.patience import Patience, Slow, Watch
from acr._values.options import Timeouts

RATE = Timeouts(least_rate=100, rate_window=10)
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class World:
    """A watch, and the network that it watches."""

    def __init__(
        self, timeouts: Timeouts = RATE, deadline: float | None = None, traffic: Traffic | None = None
    ) -> None:
        self.now = 0.0
        self.watch = Watch(timeouts, deadline, lambda: self.now, traffic)

    def comes(self, data: bytes, after: float) -> None:
        """These bytes come when they have been waited for so long."""
        wait = self.watch.wait(60)
        self.now += after
        wait.came(data)

    def goes(self, count: int, after: float) -> None:
        """So many bytes are sent when the network has let them wait so long."""
        wait = self.watch.wait(60)
        self.now += after
        wait.moved(count)


def test_a_server_may_think_about_its_answer() -> None:
    """As long as `read` says. The rate is that of what comes once it has begun."""
    world = World()
    for _ in range(3):
        world.comes(PROCESSING, after=1000)
    world.comes(b"HTTP/1.1 200 OK\r\n\r\n", after=1000)
    world.comes(bytes(1000), after=9)


def test_a_head_must_come_at_the_least_rate_too() -> None:
    world = World()
    world.comes(b"HTTP/1.1 200 OK\r\n", after=1000)
    with pytest.raises(Slow, match="too slow: 20 bytes in 12 s, and at least 100 a second are asked for"):
        for _ in range(3):
            world.comes(b"x", after=4)


@pytest.mark.parametrize(("count", "is_slow"), [(999, True), (1000, False)])
def test_the_rate_is_an_average_over_the_window(count: int, *, is_slow: bool) -> None:
    world = World()
    world.goes(0, after=5)
    if is_slow:
        with pytest.raises(Slow):
            world.goes(count, after=5)
    else:
        world.goes(count, after=5)


def test_each_window_is_judged_by_itself() -> None:
    world = World()
    world.goes(10**9, after=10)
    with pytest.raises(Slow):
        world.goes(999, after=10)


def test_time_between_two_waits_does_not_count() -> None:
    world = World()
    world.comes(b"HTTP/1.1 200 OK\r\n\r\n", after=0)
    for _ in range(100):
        world.now += 3600
        world.comes(b"x" * 100, after=0.9)


def test_without_a_least_rate_nothing_is_too_slow() -> None:
    world = World(Timeouts(least_rate=None))
    world.comes(b"HTTP/1.1 200 OK\r\n\r\n", after=0)
    world.comes(b"x", after=10**6)


@pytest.mark.parametrize("pieces", [[16 * PROCESSING], [PROCESSING] * 16, [bytes([one]) for one in 16 * PROCESSING]])
def test_informational_answers_are_counted_however_they_come(pieces: list[bytes]) -> None:
    world = World()
    for piece in pieces:
        world.comes(piece, after=0)
    with pytest.raises(httpcore.RemoteProtocolError, match="more than 16"):
        world.comes(PROCESSING.replace(b"\r", b""), after=0)  # as h11 reads it, too


def test_what_stands_in_a_body_is_none() -> None:
    world = World()
    world.comes(b"HTTP/1.1 200 OK\r\n\r\n", after=0)
    for _ in range(100):
        world.comes(PROCESSING, after=0)


def test_behind_a_proxy_another_answer_comes() -> None:
    world = World()
    world.comes(b"HTTP/1.1 200 Connection established\r\n\r\n", after=0)
    world.watch.begin()
    with pytest.raises(httpcore.RemoteProtocolError):
        world.comes(17 * PROCESSING, after=0)


def test_no_wait_is_longer_than_what_is_left_of_the_call() -> None:
    world = World(deadline=30)
    assert world.watch.wait(10).seconds == 10
    world.now = 25
    assert world.watch.wait(10).seconds == 5
    assert world.watch.wait(None).seconds == 5
    assert not world.watch.is_over
    world.now = 30
    assert world.watch.is_over
    with pytest.raises(httpcore.TimeoutException, match="the call is over"):
        world.watch.wait(10)


def test_another_call_has_another_end() -> None:
    world = World(deadline=30)
    world.now = 40
    world.watch.deadline = 45
    assert world.watch.wait(10).seconds == 5
    world.watch.deadline = None
    assert world.watch.wait(None).seconds is None


def test_seconds_carry_their_watch() -> None:
    world = World(deadline=30)
    patience = Patience.of(10, world.watch)
    assert float(patience) == 10
    assert patience.wait().seconds == 10
    assert Patience.of(None, world.watch).wait().seconds == 30
    assert Patience.given(patience) is patience
    assert Patience.given(None, patience) is patience
    assert Patience.given(7).wait().seconds == 7
    assert Patience.given(None).wait().seconds is None


def test_the_rate_is_that_of_the_call_over_all_its_connections() -> None:
    """They may share one slow line. One that gives a byte a second is given up when the others have ended."""
    traffic = Traffic()
    slow, fast = World(traffic=traffic), World(traffic=traffic)
    for _ in range(3):
        fast.goes(1000, after=10)
        slow.goes(1, after=10)
    with pytest.raises(Slow, match="too slow: 1 bytes in 10 s, and at least 100 a second are asked for"):
        slow.goes(1, after=10)


def test_what_was_moved_before_a_window_does_not_count_in_it() -> None:
    traffic = Traffic()
    World(traffic=traffic).goes(10**9, after=1)
    with pytest.raises(Slow):
        World(traffic=traffic).goes(999, after=10)

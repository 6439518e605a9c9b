"""Attempts: what is tried again, how long the waits are, and what counts anew."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from acr._core.talk.attempts import Attempts, Problem, is_throttled, may_pass
from acr._core.talk.deadline import best_effort, calling
from acr._core.talk.sending import Sender
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import run
from acr._values.options import Retries, Timeouts
from acr.errors import InvalidInput, NotFound, ResponseError, TooSlow, TransportError


class World:
    """A client whose sleeps move its clock, and are written down."""

    def __init__(self, limit: int = 3, total: float | None = None) -> None:
        self.slept: list[float] = []
        runtime = BlockingRuntime(
            Network(timeouts=Timeouts()),
            httpx.MockTransport(lambda _: httpx.Response(200)),
            clock=lambda: 1000 + sum(self.slept),
            sleep=self.slept.append,
        )
        retries = Retries(limit=limit, base=1, jitter=lambda: 1.0)
        self.sender = Sender(runtime, retries, "test", None, None, total)


def lost() -> TransportError:
    return TransportError("lost")


def answered(status: int, retry_after: float | None = None) -> ResponseError:
    return ResponseError(str(status), status=status, retry_after=retry_after)


def gives_up(attempts: Attempts, problem: Problem) -> bool:
    """Whether the problem is raised, and as itself."""
    try:
        run(attempts.again(problem))
    except (TransportError, ResponseError) as raised:
        return raised is problem
    return False


def test_each_try_waits_twice_as_long_until_none_is_left() -> None:
    world = World(limit=3)
    attempts = world.sender.attempts()
    assert [gives_up(attempts, lost()) for _ in range(4)] == [False, False, False, True]
    assert world.slept == [1, 2, 4]


def test_who_gives_up_says_so_and_whoever_encloses_it_does_not_begin_anew() -> None:
    world, problem = World(limit=0), lost()
    assert not problem.exhausted
    assert gives_up(world.sender.attempts(), problem)
    assert problem.exhausted
    assert gives_up(World(limit=9).sender.attempts(), problem)


def test_each_wait_is_told_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "acr"):
        assert not gives_up(World().sender.attempts(), lost())
    assert caplog.messages == ["lost; trying again in 1.0 s"]


def test_what_passes_by_itself() -> None:
    passes = {status for status in range(400, 600) if may_pass(answered(status))}
    assert passes == {408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 528, 529, 530}
    assert may_pass(lost())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 416, 501, 525])
def test_what_does_not_pass_is_raised_and_not_marked(status: int) -> None:
    world, problem = World(), answered(status)
    assert gives_up(world.sender.attempts(), problem)
    assert not problem.exhausted
    assert world.slept == []


def test_what_must_not_happen_twice_is_tried_again_by_none_but_who_was_throttled() -> None:
    world = World()
    attempts = world.sender.attempts(is_throttled)
    assert not gives_up(attempts, answered(429))
    assert [gives_up(attempts, problem) for problem in (lost(), answered(503))] == [True, True]


def test_the_registry_says_how_long_to_wait_but_not_longer_than_the_cap() -> None:
    world = World()
    attempts = world.sender.attempts()
    assert not gives_up(attempts, answered(503, retry_after=7))
    assert not gives_up(attempts, answered(503, retry_after=60))
    assert gives_up(attempts, answered(503, retry_after=61))
    assert world.slept == [7, 60]


def test_a_cap_below_a_second_is_one_for_the_waits_of_the_client_as_well() -> None:
    retries = Retries(cap=0.25, jitter=lambda: 0.5)
    assert [retries.delay(attempt) for attempt in range(3)] == [0.125, 0.125, 0.125]
    assert Retries(base=8, jitter=lambda: 0.5).delay(1) == 8


def test_no_wait_ends_behind_the_end_of_the_call() -> None:
    world = World(limit=99, total=4)
    attempts = world.sender.attempts()
    with calling():
        world.sender.deadline()
        assert [gives_up(attempts, lost()) for _ in range(3)] == [False, False, True]  # 1 + 2 + 4 s
    assert world.slept == [1, 2]


def test_a_wait_that_ends_with_the_call_is_of_no_use() -> None:
    world = World(limit=99, total=3)
    attempts = world.sender.attempts()
    with calling():
        world.sender.deadline()
        assert [gives_up(attempts, lost()) for _ in range(2)] == [False, True]  # 1 + 2 s: no time for the try


def test_who_cleans_up_tries_once() -> None:
    world, problem = World(), lost()
    with best_effort():
        assert gives_up(world.sender.attempts(), problem)
    assert problem.exhausted
    assert world.slept == []


def test_what_moves_makes_good_the_tries_and_not_the_setbacks() -> None:
    world = World(limit=2)
    attempts = world.sender.attempts()
    for _ in range(3):
        assert not gives_up(attempts, lost())
        attempts.moved()
    assert world.slept == [1, 1, 1]
    attempts.set_back()
    assert not gives_up(attempts, lost())
    attempts.set_back()
    attempts.moved()
    assert gives_up(attempts, lost())
    attempts.renew()
    assert not gives_up(attempts, lost())
    assert world.slept == [1, 1, 1, 2, 1]


def test_a_network_that_is_too_slow_is_so_however_much_moves_between() -> None:
    world = World(limit=2)
    attempts = world.sender.attempts()
    tries = 0
    while not gives_up(attempts, TooSlow("slow")):
        attempts.moved()
        tries += 1
    assert tries == 2


@pytest.mark.parametrize(
    ("problem", "in_doubt"),
    [(lost(), True), (answered(408), True), (answered(500), True), (answered(503), True), (answered(429), False)],
)
def test_an_earlier_try_may_have_taken_effect_if_its_answer_was_lost(problem: Problem, *, in_doubt: bool) -> None:
    attempts = World().sender.attempts()
    assert attempts.in_doubt is False
    assert not gives_up(attempts, problem)
    assert attempts.in_doubt is in_doubt
    assert not gives_up(attempts, answered(429))
    assert attempts.in_doubt is in_doubt


@pytest.mark.parametrize("missing_ok", [True, False])
@pytest.mark.parametrize("is_repeated", [True, False])
def test_what_is_gone_may_have_been_deleted_by_an_earlier_try(*, missing_ok: bool, is_repeated: bool) -> None:
    attempts = World().sender.attempts()
    if is_repeated:
        assert not gives_up(attempts, lost())
    passes = True
    try:
        with attempts.may_be_gone(missing_ok=missing_ok):
            raise NotFound("gone", status=404)
    except NotFound:
        passes = False
    assert passes is (missing_ok or is_repeated)


def test_run_tries_until_it_succeeds() -> None:
    world, problems = World(), [lost(), answered(502)]

    async def once() -> str:
        if problems:
            raise problems.pop(0)
        return "done"

    assert run(world.sender.attempts().run(once)) == "done"
    assert world.slept == [1, 2]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_try_in_vain_counts_until_something_moves(limit: int) -> None:
    """A success that moved next to nothing is no progress."""
    attempts = World(limit=limit).sender.attempts()
    for _ in range(2):
        assert [attempts.in_vain() for _ in range(limit + 2)] == [False] * limit + [True, True]
        attempts.moved()


def test_whether_what_is_missing_is_fine_is_a_flag() -> None:
    flag: Any = 1
    attempts = World().sender.attempts()
    with pytest.raises(InvalidInput, match="^missing_ok=1: expected"), attempts.may_be_gone(missing_ok=flag):
        pass

"""Pace: when more connections are tried for a large blob, and when they are given up."""

from __future__ import annotations

import pytest

from acr._core.blobs.pace import Pace, Use
from acr._core.talk.cutting import Cutting

MIB = 1024 * 1024


def alone(pace: Pace, room: int) -> Use:
    """The connections of a blob that has all that it may have, and that is the only one of its call."""
    return Use(pace.width, 0, room)


def fetched(rates: dict[int, float], *, room: int = 16, ranges: int = 200) -> tuple[int, list[int]]:
    """How many connections there are in the end, and on the way: each number of them has a rate, in ranges a second."""
    pace, now, moved, widths = Pace(Cutting(fast=1e12, plenty=1e12, span=0)), 0.0, 0, [1]
    pace.begin(now, 0)
    for _ in range(ranges):
        now += 1 / rates[pace.width]
        moved += MIB
        pace.ended(now, moved, alone(pace, room))
        if widths[-1] != pace.width:
            widths.append(pace.width)
    return pace.width, widths


@pytest.mark.parametrize(
    ("rates", "room", "widths"),
    [
        ({1: 5, 4: 20, 16: 80}, 16, [1, 4, 16]),
        ({1: 5, 4: 20, 8: 22, 16: 22}, 16, [1, 4, 16, 4, 8, 4, 8, 4]),
        ({1: 5, 4: 20, 8: 40, 16: 22}, 16, [1, 4, 16, 4, 8, 16, 8, 16, 8]),
        ({1: 5, 2: 5, 4: 5}, 16, [1, 4, 1, 2, 1, 2, 1]),
        ({1: 5, 2: 5.9, 4: 7.9}, 16, [1, 4, 1, 2, 1, 2, 1]),
        ({1: 5, 3: 15}, 3, [1, 3]),
        ({1: 5}, 1, [1]),
    ],
)
def test_connections_are_added_while_that_pays(rates: dict[int, float], room: int, widths: list[int]) -> None:
    assert fetched(rates, room=room) == (widths[-1], widths)


def test_more_connections_begin_as_soon_as_the_bytes_come_fast_enough() -> None:
    """Nobody waits for a whole range of each connection then: the first second of a download matters."""
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.came(0.19, 8 * MIB, alone(pace, 16))
    assert pace.width == 1
    pace.came(0.21, 9 * MIB, alone(pace, 16))
    assert pace.width == 4
    pace.came(0.40, 30 * MIB, alone(pace, 16))
    assert pace.width == 4
    pace.came(0.42, 30 * MIB, alone(pace, 16))
    assert pace.width == 16


def test_bytes_that_come_too_slowly_say_nothing_before_each_connection_has_fetched_a_range() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.came(0.25, 10 * MIB, alone(pace, 16))
    for hundredth in range(30, 100):
        pace.came(hundredth / 100, (10 + hundredth // 10) * MIB, alone(pace, 16))
        assert pace.width == 4
    for _ in range(3):
        pace.ended(1, 20 * MIB, alone(pace, 16))
        assert pace.width == 4
    pace.ended(1, 20 * MIB, alone(pace, 16))
    assert pace.width == 1
    pace.came(9, 2000 * MIB, alone(pace, 16))  # it rests: one measurement more would be chance again
    assert pace.width == 1


def test_a_connection_that_nobody_limits_stays_alone() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    for number in range(1, 40):
        pace.ended(number / 100, number * 16 * MIB, alone(pace, 16))
        assert pace.width == 1


def test_a_call_that_is_fast_as_a_whole_gets_no_more_connections() -> None:
    """On loopback eight layers at once had 120 MiB a second each, and each took from the others with a second one."""
    pace = Pace(Cutting())
    pace.begin(0, 0)
    for second in range(1, 40):
        pace.ended(second, second * 600 * MIB, alone(pace, 16))
        assert pace.width == 1


def test_what_was_moved_before_a_blob_begins_says_nothing_of_its_rate() -> None:
    pace = Pace(Cutting())
    pace.begin(10, 100_000 * MIB)
    pace.ended(11, 100_016 * MIB, alone(pace, 16))
    assert pace.width == 4


def test_it_does_so_even_if_it_is_slow_later() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.ended(1, 300 * MIB, alone(pace, 16))
    for second in range(2, 10):
        pace.ended(second, 300 * MIB + second, alone(pace, 16))
        assert pace.width == 1


def test_a_rate_is_taken_over_some_time() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.ended(0.19, 16 * MIB, alone(pace, 16))
    assert pace.width == 1
    pace.ended(0.38, 32 * MIB, alone(pace, 16))
    assert pace.width == 4


def test_what_paid_once_is_not_given_up_because_of_a_bad_moment() -> None:
    pace = Pace(Cutting(fast=1e12))
    pace.begin(0, 0)
    for now, moved in ((1, 10), (2, 30), (3, 50), (4, 51), (5, 52)):
        pace.ended(now, moved, alone(pace, 2))
        pace.ended(now, moved, alone(pace, 2))
    assert pace.width == 2


def test_a_clock_that_stands_still_does_no_harm() -> None:
    pace = Pace(Cutting(fast=float("inf"), span=0))
    pace.begin(0, 0)
    for _ in range(50):
        pace.ended(0, 0, alone(pace, 16))
    assert pace.width in (1, 2)


def test_more_connections_are_tried_as_soon_as_there_is_room() -> None:
    pace = Pace(Cutting(fast=1e12))
    pace.begin(0, 0)
    for second in range(1, 10):
        pace.ended(second, second, alone(pace, 1))
        assert pace.width == 1
    pace.ended(10, 10, alone(pace, 2))
    assert pace.width == 2


def test_what_comes_over_connections_of_other_blobs_makes_none_seem_fast() -> None:
    """Of three layers at 80 MiB a second each, two kept one connection for good: 3.4 times as long as with more."""
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.ended(1, 240 * MIB, Use(own=1, others=2, room=14))
    assert pace.width == 4


def test_other_blobs_that_end_just_before_a_measurement_make_none_seem_fast() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.came(0.1, 120 * MIB, Use(own=1, others=15, room=1))
    pace.came(0.3, 360 * MIB, Use(own=1, others=3, room=1))
    pace.came(0.6, 384 * MIB, Use(own=1, others=0, room=16))
    assert pace.width == 4


def test_a_call_that_was_fast_as_a_whole_gets_more_when_other_blobs_have_ended() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.ended(1, 600 * MIB, Use(own=1, others=7, room=8))
    assert pace.width == 1
    pace.ended(2, 680 * MIB, Use(own=1, others=0, room=16))
    pace.ended(3, 760 * MIB, Use(own=1, others=0, room=16))
    assert pace.width == 4


def test_connections_that_other_blobs_were_quicker_to_take_were_not_tried_in_vain() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    for second in range(1, 10):
        pace.ended(second, second * 80 * MIB, Use(own=1, others=2, room=14))
        assert pace.width == 4
    for second in range(10, 14):
        pace.ended(second, 720 * MIB + (second - 9) * 200 * MIB, Use(own=4, others=2, room=14))
    assert pace.width == 14


def test_what_other_blobs_no_longer_bring_is_not_missed() -> None:
    pace = Pace(Cutting())
    pace.begin(0, 0)
    pace.ended(1, 130 * MIB, Use(own=1, others=12, room=4))
    assert pace.width == 4
    for second in range(2, 6):
        pace.ended(second, 130 * MIB + (second - 1) * 40 * MIB, Use(own=4, others=0, room=16))
    assert pace.width == 16

"""Which bytes of a blob are there, and in which ranges the others are fetched."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from acr._core.blobs.parts import Note, Plan, Span, Spans
from acr._core.talk.cutting import Cutting
from acr._values.digest import Digest

DIGEST = Digest("sha256:" + "5" * 64)
MIB = 1024 * 1024


@pytest.mark.parametrize("seed", range(200))
def test_spans_are_what_a_set_of_bytes_would_be(seed: int) -> None:
    random = Random(seed)
    size = random.randrange(1, 60)
    spans, there = Spans(), set[int]()
    for _ in range(random.randrange(12)):
        begin = random.randrange(size)
        end = random.randint(begin, size)
        spans.add(Span(begin, end))
        there |= set(range(begin, end))

        listed = list(spans)
        assert {byte for span in listed for byte in range(span.begin, span.end)} == there
        assert spans.size == len(there)
        assert all(one.end < other.begin for one, other in itertools.pairwise(listed))
        holes = spans.holes(size)
        assert {byte for hole in holes for byte in range(hole.begin, hole.end)} == set(range(size)) - there
        for offset in range(size + 1):
            reach = spans.reach(offset)
            assert set(range(offset, reach)) <= there
            assert reach not in there


@pytest.mark.parametrize("seed", range(200))
def test_a_plan_gives_each_missing_byte_once(seed: int) -> None:
    random = Random(seed)
    size, length = random.randrange(1, 200), random.randrange(1, 40)
    spans = Spans()
    for _ in range(random.randrange(5)):
        begin = random.randrange(size)
        spans.add(Span(begin, random.randint(begin, size)))
    plan, given = Plan(spans.holes(size), length), list[int]()
    while (span := plan.take()) is not None:
        assert 0 < len(span) <= length
        if random.random() < 0.3 and len(span) > 1:  # a task gives back what it has not fetched
            middle = random.randrange(span.begin, span.end)
            plan.give_back(Span(middle, span.end))
            span = Span(span.begin, middle)
        given += range(span.begin, span.end)
    assert len(given) == len(set(given))
    assert set(given) == {byte for hole in spans.holes(size) for byte in range(hole.begin, hole.end)}
    assert len(plan) == 0


def test_a_run_ends_where_somebody_else_fetches() -> None:
    plan = Plan([Span(0, 10), Span(20, 30)], 4)
    assert plan.begins_at(0)
    assert (plan.end_of_run(0), plan.end_of_run(4), plan.end_of_run(20)) == (10, 4, 20)
    plan.take()
    assert (plan.begins_at(0), plan.end_of_run(4)) == (False, 10)


@pytest.mark.parametrize("seed", range(100))
def test_a_note_says_what_it_was_given(seed: int) -> None:
    random = Random(seed)
    size = random.randrange(1, 10**12)
    spans = Spans()
    for _ in range(random.randrange(40)):
        begin = random.randrange(size)
        spans.add(Span(begin, random.randint(begin, size)))
    note = Note(DIGEST, size, tuple(spans))
    assert Note.read(note.written(), DIGEST, size) == note


def test_ranges_have_16_to_64_mib() -> None:
    assert {Cutting().length(size * MIB) // MIB for size in range(64, 1025)} == {16}
    assert Cutting().length(2048 * MIB) == 32 * MIB
    assert {Cutting().length(size * 1024 * MIB) // MIB for size in (4, 5, 1000)} == {64}

"""The size of chunks: up while it goes well, down when it does not, and never beyond what was asked for or refused."""

from __future__ import annotations

import pytest

from acr._core.blobs.chunk_size import ChunkSize

MIB = 1024 * 1024
KIB = 1024


def test_it_begins_with_4_mib_and_doubles_up_to_64() -> None:
    size = ChunkSize.of(None)
    seen = []
    for _ in range(6):
        seen.append(size.current // MIB)
        size.went_well(0.5, 0)
    assert seen == [4, 8, 16, 32, 64, 64]


def test_it_does_not_grow_where_a_chunk_takes_long() -> None:
    size = ChunkSize.of(None)
    size.went_well(4.0, 0)
    assert size.current == 4 * MIB
    size.went_well(3.9, 0)
    assert size.current == 8 * MIB


@pytest.mark.parametrize("wanted", [1, 1000, 64 * KIB, MIB, 100 * MIB])
def test_what_is_asked_for_is_the_first_and_the_largest(wanted: int) -> None:
    size = ChunkSize.of(wanted)
    for _ in range(3):
        assert size.current == wanted
        size.went_well(0, 0)
    for _ in range(12):
        size.lost()
        assert min(wanted, 64 * KIB) <= size.current <= wanted
    for _ in range(12):
        size.went_well(0, 0)
    assert size.current == wanted


def test_a_lost_connection_leads_back_to_4_mib_and_then_below() -> None:
    size = ChunkSize.of(None)
    for _ in range(4):
        size.went_well(0, 0)
    seen = []
    for _ in range(9):
        size.lost()
        seen.append(size.current // KIB)
    assert seen == [4096, 2048, 1024, 512, 256, 128, 64, 64, 64]


def test_what_was_refused_is_not_tried_again() -> None:
    size = ChunkSize.of(None)
    size.went_well(0, 0)
    assert size.can_shrink(8 * MIB)
    size.refused(8 * MIB)
    assert size.current == 4 * MIB
    assert size.can_shrink(3 * MIB)
    size.refused(3 * MIB)  # the rest of a source
    for _ in range(3):
        size.went_well(0, 0)
        assert size.current == 1.5 * MIB
    assert size.can_shrink(100 * KIB)
    size.refused(100 * KIB)
    assert size.current == 64 * KIB
    assert not size.can_shrink(64 * KIB)
    assert not size.can_shrink(1)


def test_no_chunk_is_smaller_than_the_registry_asks_for() -> None:
    size = ChunkSize.of(None)
    size.at_least(3 * MIB)
    assert (size.current, size.usual, size.least) == (4 * MIB, 4 * MIB, 3 * MIB)
    assert not size.can_shrink(3 * MIB)
    size.lost()
    assert size.current == 3 * MIB
    size.refused(4 * MIB)
    assert size.current == size.largest == 3 * MIB


def test_a_registry_that_asks_for_more_than_is_usual_gets_it() -> None:
    size = ChunkSize.of(MIB)
    size.at_least(5 * MIB)
    assert (size.current, size.usual, size.largest) == (5 * MIB, 5 * MIB, 5 * MIB)
    size = ChunkSize.of(1)
    size.at_least(0)
    assert (size.current, size.least) == (1, 1)


def test_a_lost_connection_halves_to_whole_bytes() -> None:
    size = ChunkSize.of(3 * MIB + 1)
    size.lost()
    assert (size.current, type(size.current)) == (3 * MIB // 2, int)


def test_a_chunk_without_bytes_proves_nothing() -> None:
    size = ChunkSize.of(None)
    size.went_well(9.0, 0)
    assert size.proved == 0
    size.went_well(9.0, 1)
    assert size.is_outgrown(65 * KIB)


def test_a_chunk_is_outgrown_if_it_is_larger_than_what_was_taken_or_than_what_is_usual() -> None:
    size = ChunkSize.of(None)
    assert [size.is_outgrown(sent) for sent in (MIB, 4 * MIB, 5 * MIB)] == [False, False, True]
    size.went_well(0, 2 * MIB)
    assert [size.is_outgrown(sent) for sent in (2 * MIB, 3 * MIB)] == [False, True]
    size.proved = 10 * KIB
    assert [size.is_outgrown(sent) for sent in (64 * KIB, 65 * KIB)] == [False, True]

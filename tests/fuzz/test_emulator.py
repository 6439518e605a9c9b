"""The emulator's parsers take or refuse what is nearly right. Nothing else may happen: no 500, no foreign exception."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.emulator_parsers import PARSERS, Bench, Parser
from tests.fuzz.mutate import INPUTS, mutations


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.close()


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.__name__)
def test_seeds_are_taken(parser: Parser, bench: Bench) -> None:
    assert [seed for seed in PARSERS[parser] if not parser(bench, seed)] == []


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.__name__)
def test_inputs_are_taken_or_refused(parser: Parser, bench: Bench) -> None:
    taken = 0
    for data in mutations(PARSERS[parser], INPUTS):
        try:
            taken += parser(bench, data)
        except Exception as error:
            raise AssertionError(f"{parser.__name__} of {data[:2000]!r}") from error
    assert 5 * taken >= INPUTS, f"{taken} of {INPUTS} were taken: the inputs are too far off to find anything"

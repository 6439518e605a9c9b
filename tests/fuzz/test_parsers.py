"""The parsers of the client and of acr_rest take or refuse what is nearly right. No foreign exception comes of it."""

from __future__ import annotations

from typing import Final

import pytest
from acr_rest import models, types

from tests.fuzz import client_answers, client_documents, client_files, client_texts, rest
from tests.fuzz.mutate import INPUTS, mutations
from tests.fuzz.parser import Parser

PARSERS: Final = (
    *client_texts.HEADERS,
    *client_texts.ARGUMENTS,
    *client_documents.PARSERS,
    *client_files.PARSERS,
    *client_answers.PARSERS,
    *rest.PARSERS,
)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_seeds_are_taken(parser: Parser) -> None:
    assert [seed for seed in parser.seeds if not parser.takes(seed)] == []


@pytest.mark.parametrize("seeds", [(b"",), (b"ab", b"aB"), (b"{}",), (b'{"a":1}', b'head\n\n{"a":[1]}')], ids=str)
def test_as_many_inputs_as_are_asked_for_are_no_seeds(seeds: tuple[bytes, ...]) -> None:
    """They used to be one in six, and counted for inputs that were taken."""
    made = list(mutations(seeds, 500))
    assert len(made) == 500
    assert not set(made) & set(seeds)
    assert made == list(mutations(seeds, 500))


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_inputs_are_taken_or_refused(parser: Parser) -> None:
    taken = sum(parser.takes(data) for data in mutations(parser.seeds, INPUTS))
    assert 5 * taken >= INPUTS, f"{taken} of {INPUTS} were taken: the inputs are too far off to find anything"


def test_each_model_and_operation_of_acr_rest_has_its_parser() -> None:
    is_enum = {name for name in dir(models) if issubclass(getattr(models, name), types.OpenEnum)}
    operations = {module.OPERATION_ID for module in rest.OPERATIONS}
    assert set(dir(models)) - is_enum | operations <= {parser.name for parser in rest.PARSERS}
    assert len(operations) == 32


def test_no_two_parsers_have_one_name() -> None:
    names = [parser.name for parser in PARSERS]
    assert sorted(set(names)) == sorted(names)

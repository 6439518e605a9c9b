"""The way back of a transfer: each row of the table, and that there is a row for everything."""

from __future__ import annotations

from itertools import product

import attrs
import pytest

from acr._core.blobs.way_back import TABLE, Chunks, Has, Setback, Sign, Step, row_for
from acr.errors import NotFound, ProtocolViolation, ResponseError, ServerError, TransportError
from tools.way_back import PAGE, drawing, page

FLAGS = [field.name for field in attrs.fields(Setback) if field.type in (bool, "bool")]
FLAGS_SET = [dict(zip(FLAGS, values, strict=True)) for values in product((False, True), repeat=len(FLAGS))]

# One setback for each row, in the order of the table: what happens, and what the transfer does.
ROWS: list[tuple[str, Setback, Step, Chunks]] = [
    (
        "a registry that was taken for ECR finds the whole blob too large",
        Setback(sign=Sign.TOO_LARGE, is_whole=True, can_shrink=True),
        Step.ANEW,
        Chunks.SEVERAL,
    ),
    ("a chunk is too large", Setback(sign=Sign.TOO_LARGE, can_shrink=True), Step.GO_ON, Chunks.SMALLER),
    ("ECR refuses the second chunk", Setback(sign=Sign.REFUSED, takes_one=True), Step.ANEW, Chunks.WHOLE),
    (
        "what an earlier process has left is refused",
        Setback(sign=Sign.REFUSED, is_stale=True),
        Step.ANEW,
        Chunks.AS_BEFORE,
    ),
    ("the connection breaks", Setback(sign=Sign.LOST), Step.ASK, Chunks.AS_BEFORE),
    ("a right is missing", Setback(sign=Sign.REFUSED), Step.RAISE, Chunks.AS_BEFORE),
    (
        "the answer to the commit was lost",
        Setback(sign=Sign.LOST, has=Has.BLOB),
        Step.DONE,
        Chunks.AS_BEFORE,
    ),
    (
        "somebody else writes to the session",
        Setback(sign=Sign.LOST, has=Has.IMPOSSIBLE),
        Step.RAISE,
        Chunks.AS_BEFORE,
    ),
    (
        "GHCR refuses a chunk above 4 MiB",
        Setback(sign=Sign.RANGE, has=Has.SAME, is_outgrown=True, is_stuck=True, is_unproved=True),
        Step.GO_ON,
        Chunks.SMALLER,
    ),
    (
        "the session is gone after a chunk above 4 MiB",
        Setback(sign=Sign.RANGE, has=Has.NOTHING, is_outgrown=True),
        Step.ANEW,
        Chunks.SMALLER,
    ),
    (
        "the first chunk is refused for the third time",
        Setback(sign=Sign.RANGE, has=Has.SAME, is_stuck=True, is_unproved=True),
        Step.ANEW,
        Chunks.SMALLER,
    ),
    (
        "a chunk is refused for the third time",
        Setback(sign=Sign.UNKNOWN, has=Has.SAME, is_stuck=True),
        Step.ANEW,
        Chunks.AS_BEFORE,
    ),
    ("the session is gone", Setback(sign=Sign.UNKNOWN, has=Has.NOTHING), Step.ANEW, Chunks.AS_BEFORE),
    ("some of the chunk arrived", Setback(sign=Sign.LOST, has=Has.MORE), Step.GO_ON, Chunks.AS_BEFORE),
]


@pytest.mark.parametrize(("number", "row"), list(enumerate(ROWS)), ids=[row[0] for row in ROWS])
def test_each_row_of_the_table(number: int, row: tuple[str, Setback, Step, Chunks]) -> None:
    _, setback, step, chunks = row
    found = row_for(setback)
    assert TABLE.index(found) == number
    assert (found.step, found.chunks) == (step, chunks)


def test_no_row_is_forgotten() -> None:
    assert len(ROWS) == len(TABLE)


@pytest.mark.parametrize("sign", Sign)
def test_some_row_fits_whatever_happens(sign: Sign) -> None:
    for has, flags in product(Has, FLAGS_SET):
        row = row_for(Setback(sign=sign, has=has, **flags))
        assert row.step is not Step.ASK or has is Has.UNASKED  # it asks once


@pytest.mark.parametrize("has", [Has.IMPOSSIBLE, Has.FORGOTTEN])
@pytest.mark.parametrize("sign", Sign)
def test_what_cannot_be_is_never_gone_on_with(sign: Sign, has: Has) -> None:
    for flags in FLAGS_SET:
        assert row_for(Setback(sign=sign, has=has, **flags)).step is Step.RAISE


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (TransportError("lost"), Sign.LOST),
        *[(ResponseError("", status=status), Sign.LOST) for status in (408, 500, 502, 503, 504, 520, 524, 530)],
        (NotFound("", status=404), Sign.UNKNOWN),
        (ResponseError("", status=416), Sign.RANGE),
        (ResponseError("", status=413), Sign.TOO_LARGE),
        *[(ResponseError("", status=status), Sign.REFUSED) for status in (400, 401, 403, 405, 409, 410, 429, 525)],
        (ServerError("", status=501), Sign.REFUSED),
        (ProtocolViolation("odd"), Sign.ODD),
    ],
)
def test_the_kind_of_an_error(error: TransportError | ResponseError | ProtocolViolation, sign: Sign) -> None:
    assert Sign.of(error) is sign


def test_the_drawing_is_that_of_the_table() -> None:
    text = PAGE.read_text()
    assert drawing() in text
    assert page(text) == text  # else: make drawings


def test_a_setback_is_told_by_name_and_nothing_of_it_is_taken_for_granted() -> None:
    """The drawing has the texts."""
    assert all(field.kw_only for field in attrs.fields(Setback))
    assert attrs.asdict(Setback(sign=Sign.LOST)) == {
        **dict.fromkeys((field.name for field in attrs.fields(Setback)), False),
        "sign": Sign.LOST,
        "has": Has.UNASKED,
    }
    assert Has.UNASKED.value == "not asked yet"

"""Durations: one strict grammar, and errors that show how to write it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from acr._values.durations import exact_duration, parse_duration
from acr.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("1d12h", timedelta(hours=36)),
        ("0s", timedelta()),
        ("090m", timedelta(minutes=90)),
        ("P7D", timedelta(days=7)),
        ("P2W", timedelta(weeks=2)),
        ("PT36H", timedelta(hours=36)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("36525d", timedelta(days=36525)),
    ],
)
def test_a_duration(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert parse_duration(exact_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("7days", "'7days' is no duration: write 7d"),
        ("2 weeks", "'2 weeks' is no duration: write 2w"),
        ("5 min", "'5 min' is no duration: write 5m"),
        ("-1d", "'-1d' is no duration: it has a sign, and an age has none: write 1d for one day"),
        ("+1d", "it has a sign"),
        ("1.5d", "'1.5d' is no duration: it has a fraction: write 1d12h for a day and a half"),
        ("1,5d", "it has a fraction"),
        ("30", "'30' is no duration: a number needs a unit: write 30d for days"),
        (30, '30 is no duration: write "30d" for days'),
        (1.5, "1.5 is no duration: expected"),
        (True, "bool is no duration"),
        (None, "NoneType is no duration"),
        ("6 months", "a month and a year have no fixed length"),
        ("1y", "a month and a year have no fixed length"),
        ("P1Y", "a month and a year have no fixed length"),
        ("P1M", "a month and a year have no fixed length"),
        ("10d foo", "'10d foo' is no duration: expected whole numbers"),
        ("1d1w", "expected whole numbers"),
        ("1d1d", "expected whole numbers"),
        ("1D", "write 1d"),
        ("P", "expected whole numbers"),
        ("PT", "expected whole numbers"),
        ("P1DT", "expected whole numbers"),
        ("", "expected whole numbers"),
        ("d", "expected whole numbers"),
        ("\u0661d", "expected whole numbers"),
        ("7d\n", "write 7d"),
        ("999999d", "longer than a hundred years"),
        ("9" * 90 + "d", "longer than a hundred years"),
        ("9" * 9000 + "d", "is no duration"),
    ],
)
def test_what_is_no_duration(text: object, told: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(told)) as refused:
        parse_duration(text)
    assert len(str(refused.value)) < 250

"""Reading JSON from the outside: what is taken, and how an error names its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from acr._values import fields
from acr.errors import ProtocolViolation

Reader = Callable[[dict[str, Any], str, str], object]


@pytest.mark.parametrize("content", [b"{}", b' {"a": [1, null]}\n', b'\xef\xbb\xbf{"a": 1}', b'{"a": 1, "a": 2}'])
def test_an_object_is_parsed(content: bytes) -> None:
    assert isinstance(fields.parse_object(content, "it"), dict)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xff", b"\0", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000])
def test_what_is_no_json_is_named_and_not_repeated_at_length(content: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="^it is not JSON: it begins with b'") as caught:
        fields.parse_object(content, "it")

    assert len(str(caught.value)) < 300
    assert caught.value.__suppress_context__  # json's own error holds all of the document


@pytest.mark.parametrize("content", [b"[]", b"null", b"5", b'"text"'])
def test_other_json_is_no_object(content: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="^it: expected an object, got "):
        fields.parse_object(content, "it")


@settings(derandomize=True, deadline=None)
@given(st.binary())
def test_any_bytes_are_an_object_or_our_error(content: bytes) -> None:
    with suppress(ProtocolViolation):
        fields.parse_object(content, "it")


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (fields.text, "", ""),
        (fields.text, "x", "x"),
        (fields.optional_text, None, None),
        (fields.optional_text, "", None),
        (fields.optional_text, "x", "x"),
        (fields.integer, 0, 0),
        (fields.integer, -5, -5),
        (fields.list_of, None, ()),
        (fields.list_of, [1], [1]),
        (fields.text_map, None, {}),
        (fields.text_map, {"a": "b"}, {"a": "b"}),
    ],
)
def test_values_of_the_right_type_are_taken(read: Reader, value: object, expected: object) -> None:
    assert read({"key": value}, "key", "it") == expected


@pytest.mark.parametrize(
    ("read", "expected"), [(fields.optional_text, None), (fields.list_of, ()), (fields.text_map, {})]
)
def test_absent_is_the_same_as_null(read: Reader, expected: object) -> None:
    assert read({}, "key", "it") == expected


@pytest.mark.parametrize(
    ("read", "value", "text"),
    [
        (fields.text, None, "it.key: expected a string, got NoneType"),
        (fields.text, 5, "it.key: expected a string, got int"),
        (fields.optional_text, False, "it.key: expected a string, got bool"),
        (fields.integer, None, "it.key: expected an integer, got NoneType"),
        (fields.integer, True, "it.key: expected an integer, got bool"),
        (fields.integer, 1.0, "it.key: expected an integer, got float"),
        (fields.integer, "1", "it.key: expected an integer, got str"),
        (fields.list_of, {}, "it.key: expected a list, got dict"),
        (fields.list_of, "x", "it.key: expected a list, got str"),
        (fields.text_map, [], "it.key: expected an object, got list"),
        (fields.text_map, {"a": None}, "it.key.a: expected a string, got NoneType"),
    ],
)
def test_values_of_another_type_are_named(read: Reader, value: object, text: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        read({"key": value}, "key", "it")

    assert str(caught.value) == text

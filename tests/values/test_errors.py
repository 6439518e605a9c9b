"""Errors: the tree that the docstring draws is the tree there is, and each error tells what it should."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from acr import errors
from acr.errors import AcrError, ErrorInfo, ResponseError

LINE = re.compile(r"    (?P<indent>(?:[│ ] {3})*)(?P<branch>[├└]── )?(?P<name>[A-Z]\w+)(?P<text>.*)")


def drawn() -> dict[str, tuple[str, str]]:
    """Of each name in the drawing: what it hangs on, and the text beside it."""
    path: list[str] = []
    tree: dict[str, tuple[str, str]] = {}
    for line in (errors.__doc__ or "").splitlines():
        if (match := LINE.fullmatch(line)) is not None:
            depth = len(match["indent"]) // 4 + (match["branch"] is not None)
            path[depth:] = [match["name"]]
            tree[match["name"]] = (path[depth - 1] if depth else "Exception", match["text"])
    return tree


TREE = drawn()
CLASSES = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)
}  # fmt: skip
EXAMPLES: list[AcrError] = [
    errors.InvalidReference("text"),
    errors.ProtocolViolation("text"),
    errors.DigestMismatch("the blob", expected="sha256:a", actual="sha256:b"),
    errors.SizeMismatch("the blob", expected=1, actual=2),
    errors.LimitExceeded("the manifest", limit=5),
    errors.TransferError("text", side="source"),
    errors.Locked("text", status=405, errors=[ErrorInfo("A", "b", {"c": 1})], correlation_id="id", retry_after=1.5),
]


def test_the_drawing_holds_every_error_and_no_other() -> None:
    assert len(TREE) > 15
    assert set(TREE) == set(CLASSES)


@pytest.mark.parametrize("name", TREE)
def test_an_error_hangs_where_it_is_drawn(name: str) -> None:
    parent, text = TREE[name]

    assert CLASSES[name].__bases__[0].__name__ == parent
    assert (ValueError in CLASSES[name].__bases__) == ("also a ValueError" in text)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_copying_and_pickling(error: AcrError) -> None:
    # It has to: worker processes hand errors over so.
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_a_response_error_tells_all_that_came() -> None:
    found = [ErrorInfo("NAME_UNKNOWN", "no such", {"Name": "x"}), ErrorInfo("UNKNOWN")]
    error = ResponseError(
        "text", status=404, errors=found, correlation_id="id", retry_after=2.0, challenge='Bearer realm="x"', hint="try"
    )

    assert str(error) == "text (try) [correlation id id]"
    assert error.hint == "try"
    assert (error.status, error.errors, error.codes) == (404, tuple(found), ("NAME_UNKNOWN", "UNKNOWN"))
    assert (error.detail, error.correlation_id, error.retry_after) == ({"Name": "x"}, "id", 2.0)
    assert error.challenge == 'Bearer realm="x"'


def test_a_response_error_may_tell_its_status_alone() -> None:
    error = ResponseError("text", status=502)

    assert (error.errors, error.codes, error.detail) == ((), (), None)
    assert (error.correlation_id, error.retry_after, error.challenge, error.hint) == (None, None, None, None)


def test_integrity_errors_tell_both_sides() -> None:
    digest = errors.DigestMismatch("the blob", expected="sha256:a", actual="sha256:b")
    size = errors.SizeMismatch("the blob", expected=1, actual=2)

    assert (str(digest), digest.expected, digest.actual) == (
        "the blob: expected sha256:a, got sha256:b",
        "sha256:a",
        "sha256:b",
    )
    assert (str(size), size.expected, size.actual) == ("the blob: expected 1 bytes, got 2", 1, 2)


def test_other_errors_tell_what_they_are_for() -> None:
    limit = errors.LimitExceeded("the manifest", limit=5)

    assert (str(limit), limit.limit) == ("the manifest is larger than the 5 bytes allowed", 5)
    assert errors.TransferError("text", side="target").side == "target"


def test_arguments_that_cannot_be_right_are_value_errors_too() -> None:
    for kind in (errors.InvalidInput, errors.InvalidReference, errors.UnsupportedDigest):
        with pytest.raises(ValueError, match="text"):
            raise kind("text")

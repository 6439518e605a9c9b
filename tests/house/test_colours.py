"""The facades: the two readers, which are written by hand, are alike; and what holds for all that users call."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from typing import Any

import pytest

import acr
from tools.facades import FACADES, HEADER, sync_words

BY_HAND = {"__init__", "notebooks", "options", "readers"}
"""Serve both colours, or have both."""


def test_each_facade_is_async_or_made_or_known_to_be_written_by_hand() -> None:
    files = {path.stem: path.read_text(encoding="utf-8") for path in FACADES.glob("*.py")}
    sources = {name for name in files if name.startswith("async_")}
    made = {name for name, text in files.items() if text.startswith(HEADER.partition("{")[0])}
    assert made == {name.removeprefix("async_") for name in sources}
    assert set(files) - sources - made == BY_HAND


def test_the_sync_reader_has_by_hand_what_makes_it_a_file_and_nothing_else() -> None:
    sync, twin = (
        {name for name, value in vars(cls).items() if inspect.isfunction(value)}
        for cls in (acr.BlobReader, acr.AsyncBlobReader)
    )
    assert sync - twin == {"readable", "readinto", "seekable"}
    assert twin - sync == {"__aenter__", "__aexit__"}
    assert issubclass(acr.BlobReader, io.RawIOBase)


def test_the_readers_have_the_same_docstrings_and_signatures() -> None:
    ours, theirs = acr.BlobReader, acr.AsyncBlobReader
    assert sync_words(inspect.getdoc(theirs) or "") == inspect.getdoc(ours)
    for name in ("read", "close", "seek", "tell", "size"):
        assert inspect.getdoc(getattr(ours, name)) == inspect.getdoc(getattr(theirs, name)), name
    for name in ("__init__", "read", "close", "seek", "tell"):
        assert inspect.signature(getattr(ours, name)) == inspect.signature(getattr(theirs, name)), name


def methods() -> Iterator[Any]:
    """All that users call on classes of the async facades; the sync ones have the same signatures."""
    for name in dir(acr):
        cls = getattr(acr, name)
        if name.startswith("Async") and inspect.isclass(cls):
            for method, value in inspect.getmembers(cls, inspect.isfunction):
                yield pytest.param(method, value, id=f"{name}.{method}")


@pytest.mark.parametrize(("method", "function"), [*methods()])
def test_options_are_keyword_only_and_no_keywords_are_passed_through(method: str, function: Any) -> None:
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is not inspect.Parameter.VAR_KEYWORD
        if parameter.default is not inspect.Parameter.empty and (method, parameter.name) not in POSITIONAL:
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


POSITIONAL = {
    ("__init__", "credential"),
    ("check", "repository"),
    ("commit", "digest"),
    ("download_blob", "target"),
    ("push", "reference"),
    ("exchange_entra_token", "token"),
    ("read", "size"),
    ("seek", "whence"),
}
"""Optional arguments that read well without their names."""

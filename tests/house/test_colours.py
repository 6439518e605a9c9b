"""Both colours of the facades have the same names, arguments, defaults and docstrings."""

from __future__ import annotations

import inspect
import io
import re
from typing import Any

import pytest

from acr._facades import (
    async_handles,
    async_registry,
    async_repository,
    async_streams,
    handles,
    registry,
    repository,
    streams,
)


def _methods(cls: type) -> dict[str, Any]:
    return {name: value for name, value in vars(cls).items() if callable(value) or isinstance(value, property)}


PAIRS: dict[str, tuple[type, type]] = {
    name: (getattr(sync, name), getattr(twin, f"Async{name}"))
    for sync, twin in (
        (registry, async_registry),
        (repository, async_repository),
        (handles, async_handles),
        (streams, async_streams),
    )
    for name, value in vars(sync).items()
    if inspect.isclass(value) and hasattr(twin, f"Async{name}") and f"class {name}" in inspect.getsource(sync)
}

# Where the colours have to differ, and nowhere else.
DUNDERS = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}
# A file of sync code is one of Python's own kind, which brings some methods along, and wants some more.
FILE_ONLY = {"readinto", "readable", "seekable"}
INHERITED = {"close", "__aenter__", "__aexit__"}
ASYNC_WORDS = [
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bas async code sees it, on asyncio", "as sync code sees it"),
    (r"\basync (?=with |for )", ""),
    (r"\bawait ", ""),
    (r"AsyncIterator", "Iterator"),
    (r"from several tasks", "from several threads"),
]


def test_every_facade_has_its_twin() -> None:
    classes = {
        name
        for module in (registry, repository, handles, streams)
        for name, value in vars(module).items()
        if inspect.isclass(value) and f"class {name}" in inspect.getsource(module)
    }
    assert set(PAIRS) == classes


@pytest.mark.parametrize("name", PAIRS)
def test_the_colours_have_the_same_methods(name: str) -> None:
    sync, twin = (_methods(cls) for cls in PAIRS[name])
    given = INHERITED if issubclass(PAIRS[name][0], io.RawIOBase) else set()
    assert [DUNDERS.get(method, method) for method in sync if method not in FILE_ONLY] == [
        method for method in twin if method not in given
    ]


METHODS = [(name, method) for name, (cls, _) in PAIRS.items() for method in _methods(cls) if method not in FILE_ONLY]


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_the_colours_have_the_same_signatures(name: str, method: str) -> None:
    sync, twin = _pair(name, method)
    if isinstance(sync, property):
        assert isinstance(twin, property)
        return
    ours, theirs = inspect.signature(sync), inspect.signature(twin)
    assert list(ours.parameters) == list(theirs.parameters)
    for one, other in zip(ours.parameters.values(), theirs.parameters.values(), strict=True):
        assert one.kind == other.kind
        if one.name != "sleep":  # time.sleep and asyncio.sleep
            assert one.default == other.default
            assert _sync(str(other.annotation)) == _sync(str(one.annotation)).replace("SyncUploadable", "Uploadable")
    returned = _sync(str(theirs.return_annotation))
    assert re.sub(r"Coroutine\[Any, Any, (.*)\]", r"\1", returned) == str(ours.return_annotation)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_the_colours_have_the_same_docstrings(name: str, method: str) -> None:
    sync, twin = _pair(name, method)
    assert _sync(inspect.getdoc(twin) or "") == (inspect.getdoc(sync) or "")


@pytest.mark.parametrize("name", PAIRS)
def test_the_colours_have_the_same_class_docstrings(name: str) -> None:
    sync, twin = PAIRS[name]
    # An async credential is an error in sync code alone.
    expected = (sync.__doc__ or "").replace(", or an async one.", ".")
    assert _sync(twin.__doc__ or "") == expected


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_options_are_keyword_only_and_no_keywords_are_passed_through(name: str, method: str) -> None:
    sync, _ = _pair(name, method)
    if isinstance(sync, property):
        return
    for parameter in inspect.signature(sync).parameters.values():
        assert parameter.kind is not inspect.Parameter.VAR_KEYWORD
        optional = parameter.default is not inspect.Parameter.empty
        if optional and (method, parameter.name) not in POSITIONAL:
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


def _pair(name: str, method: str) -> tuple[Any, Any]:
    sync, twin = PAIRS[name]
    return vars(sync)[method], vars(twin)[DUNDERS.get(method, method)]


def _sync(text: str) -> str:
    for pattern, replacement in ASYNC_WORDS:
        text = re.sub(pattern, replacement, text)
    return text

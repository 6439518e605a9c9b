"""Docstrings of verbs name the errors that every request may end with: none, or no answer, or an unusable one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

import acr

EVERY = ("ResponseError", "TransportError", "CredentialError", "ProtocolViolation")
SENDS_NOTHING = {"close"}
WITHOUT_A_CREDENTIAL = {"ping"}
HANDLES = (
    acr.AsyncRegistry,
    acr.AsyncRepository,
    acr.AsyncRepositoryTag,
    acr.AsyncRepositoryManifest,
    acr.AsyncRepositoryBlob,
    acr.AsyncUpload,
    acr.AsyncBlobReader,
    acr.AsyncBlobStream,
)


def verbs() -> Iterator[tuple[str, str]]:
    """Each public coroutine of the handles, with its docstring."""
    for handle in HANDLES:
        for name, method in inspect.getmembers(handle, inspect.iscoroutinefunction):
            if not name.startswith("_") and name not in SENDS_NOTHING:
                yield f"{handle.__name__}.{name}", inspect.getdoc(method) or ""
    yield "AsyncListing.pages", inspect.getdoc(acr.AsyncListing.pages) or ""
    yield "AsyncRepository.download_blob", inspect.getdoc(acr.AsyncRepository.download_blob) or ""


@pytest.mark.parametrize(("name", "doc"), list(verbs()), ids=[name for name, _ in verbs()])
def test_a_verb_names_the_errors_of_every_request(name: str, doc: str) -> None:
    _, raises, named = doc.partition("Raises:")
    assert raises
    missing = [error for error in EVERY if error not in named]
    allowed = ["CredentialError"] if name.rpartition(".")[2] in WITHOUT_A_CREDENTIAL else []
    assert [error for error in missing if error not in allowed] == []

"""All recordings are in the table, and are read as what was on the wire."""

from __future__ import annotations

import hashlib

import pytest

from tests.recordings.client_table import TABLE
from tests.recordings.recording import FOLDER, Entry, load

pytestmark = pytest.mark.usefixtures("recordings")

FILES = 41
ENTRIES = 267
ANSWERS = 86

SIGNED = ("net/CanGetBlobLocation.json", 12)
"""A page with a link whose signature was sanitised to a shorter one."""


def _entries() -> list[tuple[str, Entry]]:
    return [(row.file, entry) for row in TABLE for entry in load(row.file).entries]


def test_each_file_has_a_row() -> None:
    found = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    assert sorted(row.file for row in TABLE) == found
    assert len(found) == FILES


def test_entries_and_answers() -> None:
    assert len(_entries()) == ENTRIES
    assert sum(len(load(row.file).answers) for row in TABLE) == ANSWERS


def test_bodies_have_the_lengths_that_were_announced() -> None:
    wrong = set()
    for file, entry in _entries():
        messages = [(entry.headers, entry.body), (entry.reply.headers, entry.reply.body)]
        for headers, body in messages[: 1 if entry.method == "HEAD" else 2]:
            announced = headers.get("content-length")
            if announced and len(body) != int(announced):
                wrong.add((file, entry.index))
    assert wrong == {SIGNED}


def test_manifests_have_the_digests_that_were_announced() -> None:
    """The proxy lost their white space; that of docker's own layout is known."""
    checked = set()
    for file, entry in _entries():
        announced = entry.reply.headers.get("docker-content-digest")
        body = entry.reply.body if entry.method == "GET" else entry.body
        if announced and "/manifests/" in entry.url.path:
            assert announced == f"sha256:{hashlib.sha256(body).hexdigest()}"
            checked.add(file)
    assert len(checked) == 4

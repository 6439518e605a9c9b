"""Uploads that fail, and what the registry then claims to have of them: which bytes follow, in which session."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import let_through
from tests.content import bytes_of
from tests.makes.registry import OtherMake
from tests.twin import Twin
from tests.uploading import GONE, LARGE, LOCKED, MIB, SOURCES, Watcher, once, open_sessions, sizes

STEP = 2 * MIB
INVALID = b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}'


def told(range_: str | None) -> dict[str, Any]:
    """What `Emulator.fail` needs for a status of an upload that claims a range, or none."""
    headers = {} if range_ is None else {"Range": range_}
    return {"method": "GET", "path_contains": "/uploads/", "status": 204, "headers": headers}


def sessions(emulator: Emulator) -> int:
    """Upload sessions that the client has opened."""
    return sum(r.method == "POST" and "/uploads/" in r.path for r in emulator.requests)


@pytest.fixture
def repository(registry: acr.Registry, acr_emulator: Emulator) -> acr.Repository:
    """One for which the client has a token."""
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.clear_requests()
    return repository


# What cannot be.


def test_a_registry_that_claims_more_than_was_sent_is_told(repository: acr.Repository, acr_emulator: Emulator) -> None:
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(**told("0-9999999"))
    with pytest.raises(acr.ProtocolViolation) as caught:
        repository.upload_blob(LARGE, chunk_size=STEP)
    assert str(caught.value) == "an upload to app has 10000000 bytes, which is more than were sent"
    assert open_sessions(acr_emulator) == 0


def test_a_registry_that_has_forgotten_what_cannot_be_read_again_is_told(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(**told("0-999999"))
    with pytest.raises(acr.ProtocolViolation) as caught:
        repository.upload_blob(once(LARGE), chunk_size=STEP)
    assert str(caught.value) == f"an upload to app has 1000000 bytes, although it had confirmed {STEP}"
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("kind", ["path", "list"])
def test_a_registry_that_has_forgotten_some_is_sent_it_again(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path, kind: str
) -> None:
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(**told("0-999999"))
    watcher = Watcher()
    blob = repository.upload_blob(SOURCES[kind](LARGE, tmp_path / "blob"), chunk_size=STEP, progress=watcher)
    assert blob.digest == acr.Digest.of(LARGE)
    assert watcher.retried == [1_000_000, STEP]  # it has more than it claimed: the second chunk is out of step
    assert sessions(acr_emulator) == 1


@pytest.mark.parametrize(
    ("passed", "range_", "has"), [(0, "0-0", 0), (1, "0-9999999", 10_000_000)], ids=["nothing", "too much"]
)
def test_a_success_that_cannot_be_one_is_told_and_nothing_more_is_sent(
    repository: acr.Repository, acr_emulator: Emulator, passed: int, range_: str, has: int
) -> None:
    """That is not how a registry behaves that takes one chunk of an upload."""
    let_through(acr_emulator, passed, method="PATCH")
    acr_emulator.fail(method="PATCH", status=202, headers={"Range": range_})
    with pytest.raises(acr.ProtocolViolation, match=f"has {has} bytes after a chunk, expected {(passed + 1) * STEP}"):
        repository.upload_blob(LARGE, chunk_size=STEP)
    assert sizes(acr_emulator) == [STEP] * (passed + 1)
    assert open_sessions(acr_emulator) == 0


# How it goes on.


def test_an_upload_that_does_not_tell_how_far_it_got_is_given_up_and_begun_anew(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(**told(None))
    assert repository.upload_blob(LARGE, chunk_size=STEP).digest == acr.Digest.of(LARGE)
    assert sessions(acr_emulator) == 2
    assert open_sessions(acr_emulator) == 0


def test_an_upload_is_asked_how_far_it_got_no_more_often_than_the_retries_allow(
    twin: Twin, acr_emulator: Emulator
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    for method in ("PATCH", "GET"):
        acr_emulator.fail(method=method, path_contains="/uploads/", status=503)
    with pytest.raises(acr.ServerError):
        registry.repository("app").upload_blob(LARGE, chunk_size=STEP)
    assert len(twin.slept) == 1


def test_chunks_stay_as_large_if_the_one_that_was_refused_has_arrived(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    """Its range does not fit a second time: something between sent it twice."""
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=416, after=True)
    repository.upload_blob(bytes_of(17 * MIB))
    assert sizes(acr_emulator) == [4 * MIB, 8 * MIB, 5 * MIB]


@pytest.mark.parametrize(
    ("methods", "fault", "why"),
    [
        (["PATCH"], {"status": 503, "body": b"too busy"}, "503"),
        (["PATCH", "GET"], {"status": 404, "body": GONE}, "blob upload unknown to registry"),
        (["PATCH"], {"status": 429}, "the registry wants it once more: it throttles, or the token had expired"),
    ],
    ids=["the chunk was lost", "the session was lost", "it throttles"],
)
def test_the_events_of_what_is_sent_again_say_why(
    repository: acr.Repository, acr_emulator: Emulator, methods: list[str], fault: dict[str, Any], why: str
) -> None:
    for method in methods:
        acr_emulator.fail(method=method, path_contains="/uploads/", **fault)
    watcher = Watcher()
    repository.upload_blob(LARGE, progress=watcher)
    reasons = [event.reason for event in watcher.events if isinstance(event, acr.Retried)]
    assert len(reasons) == 1
    assert re.search(rf"(^|\W){why}($|\W)", reasons[0])


def test_a_digest_that_stays_invalid_in_a_new_session_is_told(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    """The first time, the session may be to blame: it had to be asked how far it got."""
    acr_emulator.fail(method="PUT", drop=True)
    acr_emulator.fail(method="PUT", times=2, status=400, body=INVALID)
    with pytest.raises(acr.ResponseError) as caught:
        repository.upload_blob(LARGE[:1000])
    assert caught.value.codes == ("DIGEST_INVALID",)
    assert sessions(acr_emulator) == 2
    assert open_sessions(acr_emulator) == 0


# Smaller chunks.


def test_each_size_of_chunks_has_tries_of_its_own(twin: Twin, tmp_path: Path) -> None:
    """Two are few for six sizes, of which the registry takes none but the last."""
    content = bytes_of(16 * MIB)
    with OtherMake(largest=512 * 1024) as make:
        repository = twin.connect(make.url, retries=acr.Retries(limit=2)).repository("app")
        path = SOURCES["path"](content, tmp_path / "blob")
        assert repository.upload_blob(path, chunk_size=16 * MIB).digest == acr.Digest.of(content)
        assert make.chunks[:8] == [size * MIB for size in (16, 8, 4, 4, 2, 2, 1, 1)]
        assert set(make.chunks[8:]) == {512 * 1024}
        assert make.uploads == {}


def test_a_registry_that_loses_the_upload_with_each_chunk_that_it_refuses_is_given_up(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """Although each of them is smaller than the one before."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    acr_emulator.fail(method="PATCH", times=3, status=416)
    acr_emulator.fail(method="GET", path_contains="/uploads/", times=2, status=404, body=GONE)
    path = SOURCES["path"](bytes_of(20 * MIB), tmp_path / "blob")
    with pytest.raises(acr.ResponseError) as caught:
        registry.repository("app").upload_blob(path, chunk_size=20 * MIB)
    assert caught.value.status == 416
    assert sizes(acr_emulator) == [size * MIB for size in (20, 10, 5)]


def test_a_chunk_as_large_as_one_that_was_taken_is_not_made_smaller(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", times=2, status=416)
    assert repository.upload_blob(LARGE, chunk_size=STEP).digest == acr.Digest.of(LARGE)
    assert sizes(acr_emulator) == [STEP] * 5 + [len(LARGE) - 2 * STEP]
    assert sessions(acr_emulator) == 2


# All in one chunk.


def test_a_registry_that_has_taken_two_chunks_is_not_taken_for_one_that_takes_one(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    repository.upload_blob(LARGE[: STEP + MIB], chunk_size=STEP)
    acr_emulator.clear_requests()
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=405)
    with pytest.raises(acr.ResponseError):
        repository.upload_blob(LARGE, chunk_size=STEP)
    assert sizes(acr_emulator) == [STEP, STEP]


@pytest.mark.parametrize(
    ("passed", "status", "body"),
    [(0, 405, b""), (1, 403, b""), (1, 405, LOCKED)],
    ids=["first chunk", "missing right", "lock"],
)
def test_a_refusal_that_says_nothing_of_a_second_chunk_is_told_and_nothing_more_is_sent(
    repository: acr.Repository, acr_emulator: Emulator, passed: int, status: int, body: bytes
) -> None:
    let_through(acr_emulator, passed, method="PATCH")
    acr_emulator.fail(method="PATCH", status=status, body=body)
    with pytest.raises(acr.ResponseError) as caught:
        repository.upload_blob(LARGE, chunk_size=STEP)
    assert caught.value.status == status
    assert sizes(acr_emulator) == [STEP] * (passed + 1)
    assert open_sessions(acr_emulator) == 0


def test_a_registry_that_refuses_the_whole_as_well_as_a_second_chunk_is_sent_the_whole_once(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    """So it is no registry that takes one chunk of an upload."""
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=405)
    acr_emulator.fail(method="PATCH", status=413)
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=405)
    with pytest.raises(acr.ResponseError) as caught:
        repository.upload_blob(LARGE, chunk_size=STEP)
    assert caught.value.status == 405
    assert sizes(acr_emulator) == [STEP, STEP, len(LARGE), STEP, STEP]
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize(
    ("is_answer_lost", "claim", "opened", "sent"),
    [(False, None, 1, 2), (True, None, 1, 1), (False, "0-999999", 2, 2)],
    ids=["nothing", "all", "part"],
)
def test_a_whole_blob_that_is_lost_is_sent_again_unless_the_registry_has_all_of_it(
    repository: acr.Repository, acr_emulator: Emulator, is_answer_lost: bool, claim: str | None, opened: int, sent: int
) -> None:
    """Part of it is of no use: where one chunk is taken, the rest cannot follow."""
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=405)
    repository.upload_blob(LARGE, chunk_size=STEP)  # so it is known that one chunk is taken
    acr_emulator.clear_requests()
    other = LARGE + b"more"
    acr_emulator.fail(method="PATCH", status=503, after=is_answer_lost)
    if claim is not None:
        acr_emulator.fail(**told(claim))
    assert repository.upload_blob(other, chunk_size=STEP).digest == acr.Digest.of(other)
    assert sizes(acr_emulator) == [len(other)] * sent
    assert sessions(acr_emulator) == opened
    assert open_sessions(acr_emulator) == 0


# The commit.


class _Counted(io.BytesIO):
    """Tells how many bytes were read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_a_file_of_a_known_digest_is_read_once(repository: acr.Repository) -> None:
    """The registry verifies it: to hash it here as well would mean to read it again before the commit."""
    source = _Counted(LARGE)
    assert repository.upload_blob(source, digest=acr.Digest.of(LARGE), chunk_size=STEP).size == len(LARGE)
    assert source.count == len(LARGE)


def test_a_commit_without_a_body_tells_no_type_of_it(repository: acr.Repository, acr_emulator: Emulator) -> None:
    repository.upload_blob(LARGE, chunk_size=STEP)
    [commit] = [request for request in acr_emulator.requests if request.method == "PUT"]
    assert commit.headers["content-length"] == "0"
    assert "content-type" not in commit.headers


def test_a_commit_that_is_refused_behind_one_chunk_is_no_second_chunk(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(method="PUT", status=400, body=b"no")
    with pytest.raises(acr.ResponseError) as caught:
        repository.upload_blob(once(LARGE[:STEP]), chunk_size=STEP)
    assert caught.value.hint is None
    assert sizes(acr_emulator) == [STEP]


def test_what_was_hashed_on_the_way_and_is_something_else_is_not_committed(
    repository: acr.Repository, acr_emulator: Emulator
) -> None:
    with pytest.raises(acr.DigestMismatch):
        repository.upload_blob(once(LARGE), digest=acr.Digest.of(b"something else"), chunk_size=STEP)
    assert all(request.method != "PUT" for request in acr_emulator.requests)
    assert open_sessions(acr_emulator) == 0

"""Uploads that meet faults: a way back after each, or a clear end; and chunks as large as it goes well with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS, let_through
from tests.content import bytes_of
from tests.twin import Twin
from tests.uploading import (
    CHUNK,
    CONTENT,
    DIGEST,
    GONE,
    LARGE,
    MIB,
    SOURCES,
    Watcher,
    once,
    open_sessions,
    patches,
    sizes,
)

LOST_CHUNKS: dict[str, dict[str, Any]] = {
    "the connection breaks": {"drop": True},
    "503": {"status": 503, "body": b"busy"},
    "416": {"status": 416},
    "404": {"status": 404, "body": b'{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"blob upload invalid"}]}'},
    "429": {"status": 429, "headers": {"Retry-After": "3"}},
}
LOST_ANSWERS: dict[str, dict[str, Any]] = {
    "the connection breaks": {"drop": True, "after": True},
    "503": {"status": 503, "body": b"busy", "after": True},
}
STEP = 2 * MIB
"""Bytes of a chunk of `LARGE`."""


class Sent:
    """An upload in chunks, of which the first `passed` meet no fault; and what was seen of it."""

    def __init__(self, registry: acr.Registry, emulator: Emulator, passed: int = 0) -> None:
        self.repository = registry.repository("app")
        self.repository.upload_blob(b"to have a token")
        emulator.clear_requests()
        let_through(emulator, passed, method="PATCH")
        self.watcher = Watcher()

    def upload(self, source: object, content: bytes = LARGE) -> None:
        """Upload the source, and see that all of it arrives."""
        blob = self.repository.upload_blob(source, chunk_size=STEP, progress=self.watcher)  # type: ignore[arg-type]
        assert (blob.digest, blob.size) == (acr.Digest.of(content), len(content))
        assert self.repository.download_blob(blob.digest).read() == content
        assert self.watcher.at == len(content)
        assert isinstance(self.watcher.events[-1], acr.Done)


@pytest.mark.parametrize("passed", [0, 1])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", LOST_CHUNKS)
def test_a_chunk_that_is_lost_is_sent_again(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, fault: str, kind: str, passed: int
) -> None:
    sent = Sent(registry, acr_emulator, passed)
    acr_emulator.fail(method="PATCH", **LOST_CHUNKS[fault])
    sent.upload(SOURCES[kind](LARGE, tmp_path / "blob"))
    assert sent.watcher.retried == [passed * STEP]
    assert sent.watcher.sent == len(LARGE) + STEP
    assert sum(r.method == "POST" for r in acr_emulator.requests if "/uploads/" in r.path) == 1
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("passed", [0, 1])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_chunk_whose_answer_is_lost_is_not_sent_again_if_the_registry_has_it(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, fault: str, kind: str, passed: int
) -> None:
    sent = Sent(registry, acr_emulator, passed)
    acr_emulator.fail(method="PATCH", **LOST_ANSWERS[fault])
    sent.upload(SOURCES[kind](LARGE, tmp_path / "blob"))
    assert sent.watcher.retried == [(passed + 1) * STEP]
    assert sent.watcher.sent == len(LARGE)
    firsts = [one.partition("-")[0] for one in patches(acr_emulator)]
    assert firsts.count(str(passed * STEP)) == 1
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("passed", [0, 1])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
def test_how_far_an_upload_is_is_asked_for_until_it_is_known(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str, passed: int
) -> None:
    """The chunk is lost, and then the answers of the session's status are lost, too."""
    sent = Sent(registry, acr_emulator, passed)
    acr_emulator.fail(method="PATCH", drop=True)
    acr_emulator.fail(method="GET", path_contains="/uploads/", times=2, drop=True)
    sent.upload(SOURCES[kind](LARGE, tmp_path / "blob"))
    assert sent.watcher.retried == [passed * STEP]
    assert sent.watcher.sent == len(LARGE) + STEP


def test_a_lost_chunk_and_lost_answers_of_the_status_share_the_tries(twin: Twin, acr_emulator: Emulator) -> None:
    retries = acr.Retries(limit=2, base=1, jitter=lambda: 1.0)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=retries)
    registry.repository("app").upload_blob(b"to have a token")
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(method="GET", path_contains="/uploads/", times=2, status=503)  # a third one would do
    with pytest.raises(acr.ServerError) as caught:
        registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert caught.value.exhausted
    assert twin.slept == [1, 2]


@pytest.mark.parametrize(("kind", "passed"), [("path", 0), ("path", 1), ("list", 0), ("list", 1), ("once", 0)])
def test_an_upload_whose_session_is_gone_begins_anew(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str, passed: int
) -> None:
    sent = Sent(registry, acr_emulator, passed)
    for method in ("PATCH", "GET"):
        acr_emulator.fail(method=method, path_contains="/uploads/", status=404, body=GONE)
    sent.upload(SOURCES[kind](LARGE, tmp_path / "blob"))
    assert sent.watcher.retried == [0]
    assert sent.watcher.sent == len(LARGE) + (passed + 1) * STEP
    assert open_sessions(acr_emulator) == 1  # the one that the registry said is gone


def test_a_source_that_is_read_once_is_not_begun_anew_behind_its_first_chunk(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    """Its first chunk is no longer at hand."""
    sent = Sent(registry, acr_emulator, 1)
    for method in ("PATCH", "GET"):
        acr_emulator.fail(method=method, path_contains="/uploads/", status=404, body=GONE)
    with pytest.raises(acr.NotFound):
        sent.upload(once(LARGE))
    assert sum(r.method == "POST" for r in acr_emulator.requests if "/uploads/" in r.path) == 1


@pytest.mark.parametrize(("kind", "passed"), [("path", 0), ("path", 1), ("list", 0), ("list", 1), ("once", 0)])
def test_a_session_that_has_what_it_had_and_takes_no_more_is_given_up(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str, passed: int
) -> None:
    sent = Sent(registry, acr_emulator, passed)
    acr_emulator.fail(method="PATCH", times=2, status=404, body=GONE)
    sent.upload(SOURCES[kind](LARGE, tmp_path / "blob"))
    assert sent.watcher.retried == [passed * STEP, 0]
    assert open_sessions(acr_emulator) == 0


def test_a_session_that_takes_no_more_is_gone_on_with_if_the_source_is_read_once(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    sent = Sent(registry, acr_emulator, 1)
    acr_emulator.fail(method="PATCH", times=2, status=404, body=GONE)
    sent.upload(once(LARGE))
    assert sent.watcher.retried == [STEP, STEP]
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("content", [LARGE, LARGE[:1000]], ids=["large", "small"])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "the connection breaks"])
def test_a_session_that_cannot_be_opened_at_first_is_opened_again(
    registry: acr.Registry,
    acr_emulator: Emulator,
    tmp_path: Path,
    fault: dict[str, Any],
    kind: str,
    content: bytes,
) -> None:
    sent = Sent(registry, acr_emulator)
    acr_emulator.fail(method="POST", path_contains="/uploads/", times=3, **fault)
    sent.upload(SOURCES[kind](content, tmp_path / "blob"), content)
    assert sum(r.method == "POST" for r in acr_emulator.requests if "/uploads/" in r.path) == 4
    assert sent.watcher.retried == []
    assert sent.watcher.sent == len(content)
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("content", [LARGE, LARGE[:1000]], ids=["large", "small"])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}], ids=["500", "the connection breaks"])
def test_a_commit_that_is_lost_is_sent_again(
    registry: acr.Registry,
    acr_emulator: Emulator,
    tmp_path: Path,
    fault: dict[str, Any],
    kind: str,
    content: bytes,
) -> None:
    sent = Sent(registry, acr_emulator)
    acr_emulator.fail(method="PUT", **fault)
    sent.upload(SOURCES[kind](content, tmp_path / "blob"), content)
    assert [r.status for r in acr_emulator.requests if r.method == "PUT"] == [fault.get("status", 0), 201]
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("content", [LARGE, LARGE[:1000]], ids=["large", "small"])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}], ids=["500", "the connection breaks"])
def test_a_commit_whose_answer_is_lost_is_not_sent_again(
    registry: acr.Registry,
    acr_emulator: Emulator,
    tmp_path: Path,
    fault: dict[str, Any],
    kind: str,
    content: bytes,
) -> None:
    sent = Sent(registry, acr_emulator)
    acr_emulator.fail(method="PUT", after=True, **fault)
    sent.upload(SOURCES[kind](content, tmp_path / "blob"), content)
    assert sum(r.method == "PUT" for r in acr_emulator.requests) == 1
    assert sent.watcher.sent == len(content)
    assert open_sessions(acr_emulator) == 0


def test_an_upload_that_fails_for_good_leaves_no_session(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    acr_emulator.fail(times=ALWAYS, method="PATCH", status=500)
    with pytest.raises(acr.ServerError):
        registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("kind", ["path", "bytes", "once"])
def test_a_registry_that_tells_of_bytes_that_it_does_not_keep_is_sent_all_of_them(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str
) -> None:
    """Its status counted bytes of a request that broke off, and that it then dropped: DIGEST_INVALID follows."""
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    content = bytes_of(1000)
    source = [content].__iter__() if kind == "once" else SOURCES[kind](content, tmp_path / "blob")
    acr_emulator.fail(method="PUT", drop=True)
    acr_emulator.fail(method="GET", path_contains="/uploads/", status=204, headers={"Range": "0-499"})
    watcher = Watcher()
    blob = repository.upload_blob(source, progress=watcher)
    assert blob.digest == acr.Digest.of(content)
    assert repository.download_blob(blob.digest).read() == content
    assert watcher.retried == [500, 0]
    assert acr_emulator.open_uploads == []


def test_a_registry_that_finds_every_blob_invalid_is_not_sent_it_for_ever(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    invalid = b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}'
    for _ in range(2):
        acr_emulator.fail(method="PUT", drop=True)
        acr_emulator.fail(method="PUT", status=400, body=invalid)
    acr_emulator.fail(method="PUT", drop=True)
    with pytest.raises(acr.AcrError) as caught:
        repository.upload_blob(bytes_of(1000))
    assert isinstance(caught.value, acr.TransportError)
    assert sum(r.method == "POST" for r in acr_emulator.requests if "/uploads/" in r.path) == 4
    assert acr_emulator.open_uploads == []


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("content", [LARGE, LARGE[:1000]], ids=["large", "small"])
def test_a_source_of_another_digest_is_told_as_such(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str, content: bytes
) -> None:
    """Whoever finds it out: of a large one that can be read again, it is the registry."""
    with pytest.raises(acr.DigestMismatch) as caught:
        registry.repository("app").upload_blob(SOURCES[kind](content, tmp_path / "blob"), digest=acr.Digest.of(b"x"))
    assert (caught.value.expected, caught.value.actual) == (acr.Digest.of(b"x"), acr.Digest.of(content))
    assert acr_emulator.open_uploads == []
    assert sum(r.received for r in acr_emulator.requests if r.method in ("PATCH", "PUT")) <= len(content)


@pytest.mark.parametrize("code", ["DIGEST_INVALID", "BLOB_UPLOAD_INVALID"])
def test_a_registry_that_refuses_the_right_bytes_is_not_believed(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, code: str
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(LARGE)
    body = f'{{"errors":[{{"code":"{code}","message":"no"}}]}}'.encode()
    acr_emulator.fail(method="PUT", status=400, body=body)
    with pytest.raises(acr.ResponseError) as caught:
        registry.repository("app").upload_blob(path, digest=acr.Digest.of(LARGE))
    assert caught.value.codes == (code,)
    assert acr_emulator.open_uploads == []


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_session_is_not_left_open_where_somebody_else_has_uploaded_the_same_meanwhile(
    registry: acr.Registry, acr_emulator: Emulator, *, by_hand: bool
) -> None:
    """The soak's seed 725: two files of an artifact were the same, and the commit of one of them failed."""
    repository = registry.repository("app")
    acr_emulator.fail(method="PUT", status=500)
    acr_emulator.fail(method="HEAD", status=200, headers={"Content-Length": "3"})  # it is there now
    if by_hand:
        upload = repository.start_upload()
        upload.write(b"abc")
        upload.commit()
    else:
        repository.upload_blob(b"abc")
    assert acr_emulator.open_uploads == []


def test_a_commit_that_fails_once_does_not_send_the_blob_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(method="PUT", status=503)
    registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert len(patches(acr_emulator)) == 4
    assert [r.status for r in acr_emulator.requests if r.method == "PUT"] == [503, 201]


def test_a_session_that_cannot_be_opened_is_not_asked_for_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(times=ALWAYS, method="POST", path_contains="/uploads/", status=404)
    with pytest.raises(acr.NotFound):
        registry.repository("app").upload_blob(b"abc")
    assert sum(r.method == "POST" and "/uploads/" in r.path for r in acr_emulator.requests) == 1


def test_cleaning_up_is_tried_once(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.fail(times=ALWAYS, method="DELETE", status=503)
    with pytest.raises(acr.DigestMismatch):
        repository.upload_blob(b"abc", digest=acr.Digest.of(b"other"))
    assert sum(r.method == "DELETE" for r in acr_emulator.requests) == 1
    assert twin.slept == []


def test_a_token_that_cannot_be_had_in_the_middle_is_not_asked_for_anew(twin: Twin) -> None:
    """The retries of the exchange are used up: those of the chunk, or of the commit, must not begin on top of them."""
    now = [1_800_000_000.0]
    with Emulator(clock=lambda: now[0]) as emulator:
        retries = acr.Retries(limit=2)
        registry = twin.connect(emulator.url, emulator.credential(), retries=retries, clock=lambda: now[0])
        upload = registry.repository("app").start_upload()
        for call in (lambda: upload.write(b"abc"), lambda: upload.commit(acr.Digest.of(b""))):
            now[0] += 5_000
            emulator.fail(times=3, path_contains="/oauth2/token", status=503)  # a fourth request would do
            with pytest.raises(acr.ServerError):
                call()


def test_chunks_grow_while_it_goes_well(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(bytes_of(40 * MIB))
    registry.repository("app").upload_blob(path)
    assert sizes(acr_emulator) == [4 * MIB, 8 * MIB, 16 * MIB, 12 * MIB]


def test_chunks_do_not_grow_where_they_take_long(twin: Twin, acr_emulator: Emulator) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 3.0  # each look at it: a chunk begins, its request goes out, its answer is there, it is done
        return now[0]

    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), clock=clock)
    registry.repository("app").upload_blob(bytes_of(13 * MIB))
    assert sizes(acr_emulator) == [4 * MIB] * 3 + [MIB]


def test_chunks_of_what_is_read_once_do_not_grow(registry: acr.Registry, acr_emulator: Emulator) -> None:
    registry.repository("app").upload_blob(once(bytes_of(13 * MIB)))
    assert sizes(acr_emulator) == [4 * MIB] * 3 + [MIB]


def test_chunks_are_smaller_behind_a_lost_connection(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    let_through(acr_emulator, 2, method="PATCH")
    acr_emulator.fail(method="PATCH", times=2, drop=True)
    repository.upload_blob(bytes_of(40 * MIB))
    assert sizes(acr_emulator) == [size * MIB for size in (4, 8, 16, 4, 2, 4, 8, 14)]


def test_a_chunk_that_is_too_large_is_halved(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """harbor#23015: ACR's Basic tier refused 20 MB in one request."""
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", times=2, status=413, body=b"<html>413 Request Entity Too Large</html>")
    watcher = Watcher()
    assert repository.upload_blob(bytes_of(12 * MIB), progress=watcher).size == 12 * MIB
    assert sizes(acr_emulator) == [size * MIB for size in (4, 8, 4, 2, 2, 2, 2)]
    assert watcher.retried == [4 * MIB, 4 * MIB]
    assert watcher.at == 12 * MIB


def test_that_a_chunk_was_too_large_is_remembered_also_by_an_upload_that_fails(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.fail(method="PATCH", status=413)
    acr_emulator.fail(method="PUT", path_contains="/uploads/", status=403)
    with pytest.raises(acr.Denied):
        repository.upload_blob(bytes_of(5 * MIB))
    acr_emulator.clear_requests()
    repository.upload_blob(bytes_of(6 * MIB))
    assert sizes(acr_emulator) == [2 * MIB] * 3


def test_a_registry_that_refused_every_size_is_asked_for_the_usual_one_again(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(times=7, method="PATCH", status=413)
    with pytest.raises(acr.ResponseError):
        registry.repository("app").upload_blob(LARGE)
    acr_emulator.clear_requests()
    registry.repository("app").upload_blob(bytes_of(12 * MIB))
    assert sizes(acr_emulator) == [4 * MIB, 8 * MIB]


def test_a_small_blob_that_is_too_large_goes_in_chunks(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(method="PUT", status=413)
    assert registry.repository("app").upload_blob(CONTENT).digest == DIGEST
    assert [r.method for r in acr_emulator.requests if "/uploads/" in r.path] == [
        "POST",
        "PUT",
        "PATCH",
        "PATCH",
        "PUT",
    ]


def test_a_registry_that_finds_everything_too_large_is_not_asked_for_ever(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(times=ALWAYS, method="PATCH", status=413)
    with pytest.raises(acr.ResponseError) as caught:
        registry.repository("app").upload_blob(LARGE)
    assert caught.value.status == 413
    assert [size // 1024 for size in sizes(acr_emulator)] == [4096, 2048, 1024, 512, 256, 128, 64]
    assert open_sessions(acr_emulator) == 0


def test_the_retries_begin_anew_when_something_was_taken(twin: Twin, acr_emulator: Emulator) -> None:
    retries = acr.Retries(limit=2, base=1, jitter=lambda: 1.0)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=retries)
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    for _ in range(6):
        acr_emulator.fail(method="PATCH", times=2, status=503)
        let_through(acr_emulator, 1, method="PATCH")
    assert repository.upload_blob(LARGE, chunk_size=MIB).size == len(LARGE)
    assert twin.slept == [1, 2] * 6


def test_a_registry_that_forgets_again_and_again_is_given_up(twin: Twin, acr_emulator: Emulator) -> None:
    """Although there is progress between."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    for _ in range(3):
        let_through(acr_emulator, 1, method="PATCH")
        acr_emulator.fail(method="PATCH", times=1, status=404, body=GONE)
    acr_emulator.fail(method="GET", path_contains="/uploads/", times=ALWAYS, status=404, body=GONE)
    watcher = Watcher()
    with pytest.raises(acr.NotFound) as caught:
        repository.upload_blob(LARGE, chunk_size=MIB, progress=watcher)
    assert caught.value.exhausted
    assert watcher.retried == [0, 0]


def test_a_token_that_is_refused_in_the_middle_is_told(twin: Twin) -> None:
    """acr#841: UNAUTHORIZED in the middle of an upload."""
    now = [1_800_000_000.0]
    with Emulator(clock=lambda: now[0]) as emulator:
        registry = twin.connect(emulator.url, emulator.credential())
        repository = registry.repository("app")
        repository.upload_blob(b"to have a token")
        watcher = Watcher()

        def later(event: acr.ProgressEvent) -> None:
            watcher(event)
            if watcher.at >= 4 * MIB:
                now[0] = 1_800_005_000.0  # a clock that the client does not see

        assert repository.upload_blob(LARGE, chunk_size=2 * MIB, progress=later).size == len(LARGE)
        assert [r.status for r in emulator.requests if r.method == "PATCH"].count(401) == 1
    assert len(watcher.retried) == 1
    assert watcher.at == len(LARGE)


def test_a_source_that_fails_in_the_middle_leaves_no_session(registry: acr.Registry, acr_emulator: Emulator) -> None:
    def failing() -> Iterator[bytes]:
        yield LARGE
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        registry.repository("app").upload_blob(failing(), chunk_size=MIB)
    assert open_sessions(acr_emulator) == 0


def test_a_file_that_shrinks_while_it_is_sent_is_told(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(LARGE)

    def shrink(event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Moved):
            os.truncate(path, 3 * MIB)

    with pytest.raises(acr.TransferError, match=f"ended after {3 * MIB} of its {len(LARGE)} bytes"):
        registry.repository("app").upload_blob(path, chunk_size=2 * MIB, progress=shrink)
    assert open_sessions(acr_emulator) == 0


def test_a_session_is_cancelled_after_a_connection_that_was_lost_too(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(times=5, method="PATCH", drop=True)
    with pytest.raises(acr.TransportError):
        registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert acr_emulator.open_uploads == []

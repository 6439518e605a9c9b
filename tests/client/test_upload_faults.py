"""Uploads that meet faults: a way back after each, or a clear end; and chunks as large as it goes well with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
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

FAULTS = {
    "the chunk is lost": {"method": "PATCH", "drop": True},
    "the answer to a chunk is lost": {"method": "PATCH", "drop": True, "after": True},
    "a chunk gets 503": {"method": "PATCH", "status": 503, "body": b"busy"},
    "a chunk gets 503 although it arrived": {"method": "PATCH", "status": 503, "body": b"busy", "after": True},
    "a chunk gets 416": {"method": "PATCH", "status": 416},
    "a chunk gets 404": {
        "method": "PATCH",
        "status": 404,
        "body": b'{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"blob upload invalid"}]}',
    },
    "a chunk gets 429": {"method": "PATCH", "status": 429, "headers": {"Retry-After": "3"}},
    "the session cannot be opened at first": {"method": "POST", "path_contains": "/uploads/", "status": 502},
    "the commit is lost": {"method": "PUT", "drop": True},
    "the answer to the commit is lost": {"method": "PUT", "drop": True, "after": True},
    "the commit gets 500": {"method": "PUT", "status": 500},
    "the status is lost, too": {"path_contains": "/uploads/", "times": 3, "drop": True},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("size", [1000, len(CONTENT)], ids=["small", "chunked"])
def test_an_upload_survives(registry: acr.Registry, acr_emulator: Emulator, fault: str, size: int) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.fail(**FAULTS[fault])  # type: ignore[arg-type]
    content = CONTENT[:size]
    blob = repository.upload_blob(content, chunk_size=CHUNK)
    assert blob.digest == acr.Digest.of(content)
    assert repository.download_blob(blob.digest).read() == content


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("fault", [*FAULTS, "the session is gone", "the session is stuck"])
def test_an_upload_of_any_source_survives(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, fault: str, kind: str, before: int
) -> None:
    """The fault comes with the first chunk, or with the second."""
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.fail(method="PATCH", times=before, delay=0.000_1)
    lost = fault in ("the session is gone", "the session is stuck")
    if fault == "the session is gone":
        for method in ("PATCH", "GET"):
            acr_emulator.fail(method=method, path_contains="/uploads/", status=404, body=GONE)
    elif fault == "the session is stuck":  # it has what it had, and takes no more
        acr_emulator.fail(method="PATCH", times=2, status=404, body=GONE)
    else:
        acr_emulator.fail(**FAULTS[fault])  # type: ignore[arg-type]
    watcher = Watcher()
    source = SOURCES[kind](LARGE, tmp_path / "blob")
    if lost and kind == "once" and before and fault == "the session is gone":
        with pytest.raises(acr.NotFound):
            repository.upload_blob(source, chunk_size=2 * MIB, progress=watcher)
        return
    blob = repository.upload_blob(source, chunk_size=2 * MIB, progress=watcher)
    assert (blob.digest, blob.size) == (acr.Digest.of(LARGE), len(LARGE))
    assert repository.download_blob(blob.digest).read() == LARGE
    assert watcher.at == len(LARGE)
    assert isinstance(watcher.events[-1], acr.Done)
    in_a_chunk = fault.startswith(("the chunk", "the answer to a chunk", "a chunk gets")) or lost
    assert bool(watcher.retried) or not in_a_chunk
    began_anew = lost and not (kind == "once" and before)
    assert watcher.sent <= len(LARGE) + 2 * MIB * (before + 2 if lost else 1)
    assert open_sessions(acr_emulator) <= began_anew


def test_a_chunk_whose_answer_is_lost_is_not_sent_again_if_the_registry_has_it(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    repository = registry.repository("app")
    acr_emulator.fail(method="PATCH", status=503, after=False)
    repository.upload_blob(CONTENT, chunk_size=CHUNK)
    assert patches(acr_emulator).count("0-1048575") == 2
    assert patches(acr_emulator).count("1048576-2097151") == 1


def test_an_upload_that_fails_for_good_leaves_no_session(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    acr_emulator.fail(times=9, method="PATCH", status=500)
    with pytest.raises(acr.ServerError):
        registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("at", [0, 1])
def test_a_source_that_is_read_once_is_begun_anew_while_its_first_chunk_is_at_hand(
    twin: Twin, acr_emulator: Emulator, at: int
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    acr_emulator.fail(method="PATCH", times=at, delay=0.001)
    for method in ("PATCH", "GET"):
        acr_emulator.fail(method=method, path_contains="/uploads/", status=404)
    repository = registry.repository("app")
    if at == 0:
        assert repository.upload_blob(iter([CONTENT]), chunk_size=CHUNK).digest == DIGEST
    else:
        with pytest.raises(acr.NotFound):
            repository.upload_blob(iter([CONTENT]), chunk_size=CHUNK)


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
    for _ in range(9):
        acr_emulator.fail(method="PUT", drop=True)
        acr_emulator.fail(method="PUT", status=400, body=invalid)
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
    acr_emulator.fail(times=9, method="POST", path_contains="/uploads/", status=404)
    with pytest.raises(acr.NotFound):
        registry.repository("app").upload_blob(b"abc")
    assert sum(r.method == "POST" and "/uploads/" in r.path for r in acr_emulator.requests) == 1


def test_cleaning_up_is_tried_once(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    fault = acr_emulator.fail(times=9, method="DELETE", status=503)
    with pytest.raises(acr.DigestMismatch):
        repository.upload_blob(b"abc", digest=acr.Digest.of(b"other"))
    assert fault.left == 8
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
            fault = emulator.fail(times=99, path_contains="/oauth2/token", status=503)
            with pytest.raises(acr.ServerError):
                call()
            assert fault.left == 96
            fault.left = 0


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
    acr_emulator.fail(method="PATCH", times=2, delay=0.000_1)
    acr_emulator.fail(method="PATCH", times=2, drop=True)
    repository.upload_blob(bytes_of(40 * MIB))
    assert sizes(acr_emulator) == [size * MIB for size in (4, 8, 16, 4, 2, 4, 8, 14)]


def test_a_chunk_that_is_too_large_is_halved(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """harbor#23015: ACR's Basic tier refused 20 MB in one request."""
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    acr_emulator.fail(method="PATCH", times=1, delay=0.000_1)
    acr_emulator.fail(method="PATCH", times=2, status=413, body=b"<html>413 Request Entity Too Large</html>")
    watcher = Watcher()
    assert repository.upload_blob(bytes_of(12 * MIB), progress=watcher).size == 12 * MIB
    assert sizes(acr_emulator) == [size * MIB for size in (4, 8, 4, 2, 2, 2, 2)]
    assert watcher.retried == [4 * MIB, 4 * MIB]
    assert watcher.at == 12 * MIB


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
    acr_emulator.fail(times=99, method="PATCH", status=413)
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
        acr_emulator.fail(method="PATCH", times=1, delay=0.000_1)
    assert repository.upload_blob(LARGE, chunk_size=MIB).size == len(LARGE)
    assert twin.slept == [1, 2] * 6


def test_a_registry_that_forgets_again_and_again_is_given_up(twin: Twin, acr_emulator: Emulator) -> None:
    """Although there is progress between."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    for _ in range(9):
        acr_emulator.fail(method="PATCH", times=1, delay=0.000_1)
        acr_emulator.fail(method="PATCH", times=1, status=404, body=GONE)
    acr_emulator.fail(method="GET", path_contains="/uploads/", times=9, status=404, body=GONE)
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

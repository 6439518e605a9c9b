"""Uploads: sources of every kind, chunks sent once, and a way back after every fault."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.content import bytes_of
from tests.twin import Twin

MIB = 1024 * 1024
CHUNK = MIB
CONTENT = bytes_of(3 * MIB + 17)
DIGEST = acr.Digest.of(CONTENT)


def patches(emulator: Emulator) -> list[str]:
    return [r.headers["content-range"] for r in emulator.requests if r.method == "PATCH"]


def open_sessions(emulator: Emulator) -> int:
    """Upload sessions that were opened and neither committed nor cancelled."""
    done = [(r.method, r.status) for r in emulator.requests if "/uploads/" in r.path]
    return done.count(("POST", 202)) - done.count(("PUT", 201)) - done.count(("DELETE", 204))


def test_a_path(registry: acr.Registry, tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    for source in (path, str(path)):
        assert registry.repository("app").upload_blob(source, chunk_size=CHUNK).digest == DIGEST


def test_a_file_object_begins_where_it_stands(registry: acr.Registry) -> None:
    file = io.BytesIO(b"skipped" + CONTENT)
    file.seek(7)
    assert registry.repository("app").upload_blob(file, chunk_size=CHUNK).digest == DIGEST


def test_a_pipe_that_gives_less_than_asked(registry: acr.Registry) -> None:
    """azure-sdk-for-net counts short reads as whole chunks."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(CONTENT)

    writer = threading.Thread(target=write)
    writer.start()
    with open(reading, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        assert registry.repository("app").upload_blob(file, chunk_size=CHUNK).digest == DIGEST
    writer.join()


def test_an_iterable_of_pieces_of_any_size(registry: acr.Registry, acr_emulator: Emulator) -> None:
    pieces = (CONTENT[at : at + 700_001] for at in range(0, len(CONTENT), 700_001))
    assert registry.repository("app").upload_blob(pieces, chunk_size=CHUNK).digest == DIGEST
    assert patches(acr_emulator) == ["0-1048575", "1048576-2097151", "2097152-3145727", "3145728-3145744"]


def test_an_async_iterable(twin: Twin, registry: acr.Registry) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(CONTENT), 700_001):
            yield CONTENT[at : at + 700_001]

    if twin.colour == "sync":
        with pytest.raises(acr.InvalidInput, match="async_generator"):
            registry.repository("app").upload_blob(pieces())  # type: ignore[arg-type]
    else:
        blob = registry.repository("app").upload_blob(pieces(), chunk_size=CHUNK)  # type: ignore[arg-type]
        assert blob.digest == DIGEST


@pytest.mark.parametrize("source", [None, 7, io.StringIO("text"), object()])
def test_what_cannot_be_uploaded_is_refused(registry: acr.Registry, acr_emulator: Emulator, source: object) -> None:
    with pytest.raises(acr.InvalidInput):
        registry.repository("app").upload_blob(source)  # type: ignore[arg-type]
    assert acr_emulator.requests == []


def test_a_file_that_is_not_there_names_its_side(registry: acr.Registry, tmp_path: Path) -> None:
    with pytest.raises(acr.TransferError, match="none") as caught:
        registry.repository("app").upload_blob(tmp_path / "none")
    assert caught.value.side == "source"


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_size_that_is_no_size_is_refused(registry: acr.Registry, size: int) -> None:
    with pytest.raises(acr.InvalidInput, match="chunk_size"):
        registry.repository("app").upload_blob(b"", chunk_size=size)


def test_a_small_blob_takes_two_requests(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to get a token")
    acr_emulator.clear_requests()
    repository.upload_blob(b"abc")
    assert [(r.method, r.status) for r in acr_emulator.requests] == [("POST", 202), ("PUT", 201)]


def test_a_blob_of_a_known_digest_is_not_sent_twice(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(CONTENT, digest=DIGEST, chunk_size=CHUNK)
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    assert repository.upload_blob(CONTENT, digest=DIGEST, progress=events.append).size == len(CONTENT)
    assert [(r.method, r.status) for r in acr_emulator.requests] == [("HEAD", 200)]
    assert events == [acr.Skipped(acr.Item(DIGEST, len(CONTENT), DIGEST))]


def test_a_source_of_another_digest_is_not_stored(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    for content in (b"abc", CONTENT):
        for algorithm in ("sha256", "sha512"):
            with pytest.raises(acr.DigestMismatch, match="^the blob for app: expected"):
                repository.upload_blob(
                    content, digest=acr.Digest.of(b"other", algorithm=algorithm), algorithm="sha256", chunk_size=CHUNK
                )
    assert not repository.blob(acr.Digest.of(b"abc")).exists()
    assert open_sessions(acr_emulator) == 0


def test_64_mib_are_sent_once(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """azure-containerregistry sends each chunk twice: once without a token, once with it."""
    size = 64 * MIB
    registry.repository("app").upload_blob(bytes_of(size))
    assert sum(r.received for r in acr_emulator.requests) <= 1.01 * size
    assert all(r.status != 401 for r in acr_emulator.requests if r.path != "/v2/")


def test_the_events_of_an_upload(registry: acr.Registry) -> None:
    events: list[acr.ProgressEvent] = []
    registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK, progress=events.append)
    assert isinstance(events[0], acr.Started)
    assert {event.item for event in events} == {acr.Item("a blob", len(CONTENT))}
    assert sum(event.count for event in events if isinstance(event, acr.Moved)) == len(CONTENT)
    assert isinstance(events[-1], acr.Done)


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


def test_a_source_that_cannot_be_read_again_is_not_begun_anew(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    for method in ("PATCH", "GET"):
        acr_emulator.fail(method=method, path_contains="/uploads/", status=404)

    def pieces() -> Iterator[bytes]:
        yield CONTENT

    with pytest.raises(acr.NotFound):
        registry.repository("app").upload_blob(pieces(), chunk_size=CHUNK)


def test_a_session_by_hand(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    with repository.start_upload() as upload:
        upload.write(CONTENT[:MIB])
        before = upload.location
        upload.write(b"")
        assert (upload.offset, upload.status()) == (MIB, MIB)
        upload.write(CONTENT[MIB:])
        assert upload.location != before
        blob = upload.commit()
    assert (blob.digest, blob.size, upload.offset) == (DIGEST, len(CONTENT), len(CONTENT))
    assert repository.download_blob(DIGEST).read() == CONTENT


def test_a_session_of_one_byte_chunks(registry: acr.Registry) -> None:
    """`Range: 0-0` is an empty upload as well as one of a single byte."""
    with registry.repository("app").start_upload() as upload:
        for byte in (b"a", b"b", b"c"):
            upload.write(byte)
        assert upload.commit().digest == acr.Digest.of(b"abc")


def test_a_session_goes_on_in_another_client(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    upload = registry.repository("app").start_upload()
    upload.write(CONTENT[:MIB])
    other = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app")
    resumed = other.resume_upload(upload.location)
    assert resumed.offset == MIB
    resumed.write(CONTENT[MIB:])
    with pytest.raises(acr.InvalidInput, match="digest"):
        resumed.commit()
    assert resumed.commit(DIGEST).digest == DIGEST


def test_a_session_of_another_host_is_refused(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.ProtocolViolation, match="another host"):
        registry.repository("app").resume_upload("https://other.example/v2/app/blobs/uploads/1")
    assert acr_emulator.requests == []


def test_a_session_that_is_left_is_cancelled(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        upload.write(b"abc")
    assert open_sessions(acr_emulator) == 0
    with pytest.raises(acr.NotFound):
        upload.status()


def test_a_session_is_cancelled_after_a_connection_that_was_lost_too(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    acr_emulator.fail(times=5, method="PATCH", drop=True)
    with pytest.raises(acr.TransportError):
        registry.repository("app").upload_blob(CONTENT, chunk_size=CHUNK)
    assert acr_emulator.open_uploads == []


def test_a_cancelled_session_is_gone(registry: acr.Registry) -> None:
    upload = registry.repository("app").start_upload()
    upload.cancel()
    with pytest.raises(acr.NotFound) as caught:
        upload.write(b"abc")
    assert caught.value.codes == ("BLOB_UPLOAD_UNKNOWN",)


def test_a_commit_of_another_digest_stores_nothing(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    upload = repository.start_upload()
    upload.write(b"abc")
    with pytest.raises(acr.DigestMismatch):
        upload.commit(acr.Digest.of(b"other"))
    assert upload.commit().digest == acr.Digest.of(b"abc")


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


def test_a_blob_goes_from_one_repository_to_another_as_a_stream(registry: acr.Registry) -> None:
    blob = registry.repository("one").upload_blob(CONTENT)
    with registry.repository("one").download_blob(blob.digest) as stream:
        assert registry.repository("two").upload_blob(stream, chunk_size=CHUNK).digest == DIGEST


def test_a_registry_may_name_a_blob_by_its_own_algorithm(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload(algorithm="sha512") as upload:
        upload.write(b"abc")
        acr_emulator.fail(method="PUT", status=201, headers={"Docker-Content-Digest": acr.Digest.of(b"abc")})
        assert upload.commit().digest == acr.Digest.of(b"abc", algorithm="sha512")


def test_a_session_has_a_name(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        assert upload.uuid
        assert upload.uuid in upload.location


def test_a_cancelled_session_is_not_cancelled_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        upload.cancel()
    assert [r.method for r in acr_emulator.requests].count("DELETE") == 1


def test_cleaning_up_is_tried_once(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    fault = acr_emulator.fail(times=9, method="DELETE", status=503)
    with pytest.raises(acr.DigestMismatch):
        repository.upload_blob(b"abc", digest=acr.Digest.of(b"other"))
    assert fault.left == 8
    assert twin.slept == []


def test_a_session_that_goes_on_and_a_mount_ask_for_the_right_token_at_once(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator
) -> None:
    location = registry.repository("app").start_upload().location
    acr_emulator.clear_requests()
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").resume_upload(location).write(b"abc")
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").mount_blob(DIGEST, "base")
    assert [r.path for r in acr_emulator.requests if r.status == 401] == ["/v2/", "/v2/"]


def test_the_events_of_a_small_upload(registry: acr.Registry) -> None:
    events: list[acr.ProgressEvent] = []
    registry.repository("app").upload_blob(b"abc", progress=events.append)
    assert [type(event) for event in events] == [acr.Started, acr.Moved, acr.Done]
    assert [event.item.size for event in events] == [3] * 3
    assert [event.count for event in events if isinstance(event, acr.Moved)] == [3]
    del events[:]
    digest = acr.Digest.of(b"abcd")
    registry.repository("app").upload_blob(b"abcd", digest=digest, chunk_size=1, progress=events.append)
    item = acr.Item(digest, 4, digest)
    assert events == [acr.Started(item), *[acr.Moved(item, 1)] * 4, acr.Done(item)]


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

"""Uploads: sources of every kind, skipped, mounted or sent, each byte once."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import AsyncIterator
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
    LARGE,
    MIB,
    SOURCES,
    Watcher,
    open_sessions,
    patches,
)


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


@pytest.mark.parametrize("size", [3, 4 * MIB])
def test_a_small_blob_takes_two_requests(registry: acr.Registry, acr_emulator: Emulator, size: int) -> None:
    repository = registry.repository("app")
    repository.upload_blob(b"to get a token")
    acr_emulator.clear_requests()
    repository.upload_blob(bytes_of(size))
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
            other = acr.Digest.of(b"other", algorithm=algorithm)
            with pytest.raises(acr.DigestMismatch) as caught:
                repository.upload_blob(content, digest=other, algorithm="sha256", chunk_size=CHUNK)
            right = acr.Digest.of(content, algorithm=algorithm)
            assert (caught.value.expected, caught.value.actual) == (other, right)
            assert str(caught.value) == f"the blob for app: expected {other}, got {right}"
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


def test_a_blob_goes_from_one_repository_to_another_as_a_stream(registry: acr.Registry) -> None:
    blob = registry.repository("one").upload_blob(CONTENT)
    with registry.repository("one").download_blob(blob.digest) as stream:
        assert registry.repository("two").upload_blob(stream, chunk_size=CHUNK).digest == DIGEST


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


@pytest.mark.parametrize("kind", SOURCES)
def test_a_mounted_blob_is_not_sent(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, kind: str) -> None:
    registry.repository("base").upload_blob(CONTENT)
    repository = registry.repository("app")
    acr_emulator.clear_requests()
    watcher = Watcher()
    source = SOURCES[kind](CONTENT, tmp_path / "blob")
    blob = repository.upload_blob(source, digest=DIGEST, mount_from="base", progress=watcher)
    assert (blob.digest, blob.size) == (DIGEST, len(CONTENT))
    assert [type(event) for event in watcher.events] == [acr.Mounted]
    assert repository.blob(DIGEST).exists()
    assert {r.method for r in acr_emulator.requests} <= {"HEAD", "GET", "POST"}
    assert sum(r.received for r in acr_emulator.requests if "/uploads/" in r.path) == 0


@pytest.mark.parametrize("size", [1000, len(LARGE)])
def test_the_session_that_is_opened_instead_of_a_mount_is_used(
    registry: acr.Registry, acr_emulator: Emulator, size: int
) -> None:
    content = LARGE[:size]
    blob = registry.repository("app").upload_blob(content, digest=acr.Digest.of(content), mount_from="base")
    assert blob.size == size
    posts = [r.path for r in acr_emulator.requests if r.method == "POST" and "/uploads/" in r.path]
    assert len(posts) == 1
    assert "from=base" in posts[0]
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_mount_that_is_refused_does_not_stand_in_the_way(
    registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    registry.repository("base").upload_blob(CONTENT)
    acr_emulator.fail(method="POST", path_contains="mount=", status=status)
    watcher = Watcher()
    repository = registry.repository("app")
    assert repository.upload_blob(CONTENT, digest=DIGEST, mount_from="base", progress=watcher).size == len(CONTENT)
    assert isinstance(watcher.events[-1], acr.Done)


def test_a_mount_needs_a_digest_and_a_name(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    with pytest.raises(acr.InvalidInput, match="digest="):
        repository.upload_blob(b"abc", mount_from="base")
    with pytest.raises(acr.InvalidReference):
        repository.upload_blob(b"abc", digest=acr.Digest.of(b"abc"), mount_from="No Name")
    assert acr_emulator.requests == []

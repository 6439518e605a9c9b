"""Blobs on registries that others wrote: whole and in chunks, in part, from one repository to another, their end."""

from __future__ import annotations

import pytest

import acr
from tests.content import bytes_of
from tests.registries.relay import breaking
from tests.registries.servers import Server
from tests.twin import Twin

CHUNK = 100_000
CONTENT = bytes_of(3 * CHUNK + 17)
DIGEST = acr.Digest.of(CONTENT)
MISSING = acr.Digest.of(b"missing")


def test_a_blob_in_chunks(repository: acr.Repository) -> None:
    events: list[acr.ProgressEvent] = []
    assert repository.upload_blob(CONTENT, chunk_size=CHUNK, progress=events.append).digest == DIGEST
    assert [event.count for event in events if isinstance(event, acr.Moved)] == [CHUNK, CHUNK, CHUNK, 17]
    assert repository.download_blob(DIGEST).read() == CONTENT
    assert repository.blob(DIGEST).head().size == len(CONTENT)
    repository.upload_blob(CONTENT, digest=DIGEST, progress=events.append)
    assert isinstance(events[-1], acr.Skipped)


def test_a_session_by_hand(repository: acr.Repository) -> None:
    with repository.start_upload() as upload:
        assert upload.status() == 0
        for at in range(0, len(CONTENT), CHUNK):
            upload.write(CONTENT[at : at + CHUNK])
            assert upload.status() == upload.offset == min(at + CHUNK, len(CONTENT))
        assert upload.commit().digest == DIGEST
    assert repository.download_blob(DIGEST).read() == CONTENT


def test_a_session_of_one_byte_chunks(repository: acr.Repository) -> None:
    with repository.start_upload() as upload:
        for byte in (b"a", b"b", b"c"):
            upload.write(byte)
        assert upload.commit().digest == acr.Digest.of(b"abc")


def test_a_session_goes_on_in_another_client(twin: Twin, server: Server, repository: acr.Repository) -> None:
    upload = repository.start_upload()
    upload.write(CONTENT[:CHUNK])
    resumed = twin.connect(server.url, server.credential).repository(repository.name).resume_upload(upload.location)
    assert resumed.offset == CHUNK
    resumed.write(CONTENT[CHUNK:])
    assert resumed.commit(DIGEST).size == len(CONTENT)
    assert repository.download_blob(DIGEST).read() == CONTENT


def test_a_cancelled_session_is_gone(repository: acr.Repository) -> None:
    upload = repository.start_upload()
    upload.write(CONTENT[:CHUNK])
    upload.cancel()
    with pytest.raises(acr.NotFound) as caught:
        upload.status()
    assert caught.value.codes == ("BLOB_UPLOAD_UNKNOWN",)


def test_a_commit_of_another_digest_stores_nothing(repository: acr.Repository) -> None:
    upload = repository.start_upload()
    upload.write(b"abc")
    resumed = repository.resume_upload(
        upload.location
    )  # which has not seen the bytes: it is the registry that finds out
    with pytest.raises(acr.ResponseError, match="DIGEST_INVALID"):
        resumed.commit(MISSING)
    assert not repository.blob(MISSING).exists()


def test_an_empty_blob(repository: acr.Repository) -> None:
    blob = repository.upload_blob(b"")
    assert (blob.size, repository.download_blob(blob.digest).read()) == (0, b"")


def test_a_blob_of_sha512(repository: acr.Repository) -> None:
    for content in (b"abc", CONTENT):
        blob = repository.upload_blob(content, algorithm="sha512", chunk_size=CHUNK)
        assert blob.digest == acr.Digest.of(content, algorithm="sha512")
        assert repository.download_blob(blob.digest).read() == content


def test_a_part_of_a_blob(repository: acr.Repository) -> None:
    blob = repository.blob(repository.upload_blob(CONTENT).digest)
    part = blob.chunk(256, 512)
    assert (part.content, part.offset, part.size) == (CONTENT[256:768], 256, len(CONTENT))
    assert blob.chunk(len(CONTENT) - 10, 100).content == CONTENT[-10:]
    with pytest.raises(acr.ResponseError) as caught:
        blob.chunk(len(CONTENT), 1)
    assert caught.value.status == 416


def test_whether_a_blob_has_a_part(repository: acr.Repository) -> None:
    blob = repository.blob(repository.upload_blob(CONTENT).digest)
    assert blob.has_chunk(256, 512)
    assert blob.has_chunk(len(CONTENT) - 10, 10)
    assert not blob.has_chunk(len(CONTENT) - 10, 11)
    assert not blob.has_chunk(len(CONTENT), 1)
    assert not repository.blob(MISSING).has_chunk(0, 1)


def test_a_download_goes_on_where_it_broke(twin: Twin, server: Server, repository: acr.Repository) -> None:
    repository.upload_blob(CONTENT)
    with breaking(server.port, after=CHUNK) as port:
        relayed = twin.connect(f"http://127.0.0.1:{port}", server.credential).repository(repository.name)
        assert relayed.download_blob(DIGEST).read() == CONTENT
    assert len(twin.slept) == 3


def test_a_blob_is_mounted(repository: acr.Repository, other: acr.Repository) -> None:
    repository.upload_blob(CONTENT)
    assert not other.blob(DIGEST).exists()
    assert other.mount_blob(DIGEST, repository.name)
    assert other.download_blob(DIGEST).read() == CONTENT


def test_a_blob_that_is_nowhere_is_not_mounted(repository: acr.Repository, other: acr.Repository) -> None:
    repository.upload_blob(CONTENT)
    assert not other.mount_blob(MISSING, repository.name)
    assert not other.blob(MISSING).exists()


def test_a_blob_is_deleted(repository: acr.Repository) -> None:
    blob = repository.blob(repository.upload_blob(CONTENT).digest)
    blob.delete()
    assert not blob.exists()
    with pytest.raises(acr.NotFound):
        blob.delete()
    blob.delete(missing_ok=True)


def test_a_blob_that_is_missing(repository: acr.Repository) -> None:
    with pytest.raises(acr.NotFound):
        repository.blob(MISSING).head()
    with pytest.raises(acr.NotFound) as caught:
        repository.download_blob(MISSING).read()
    assert set(caught.value.codes) <= {"BLOB_UNKNOWN", "NAME_UNKNOWN"}

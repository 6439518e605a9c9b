"""Upload sessions by hand: written to, asked, committed, cancelled, and gone on with elsewhere."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.twin import Twin
from tests.uploading import (
    CONTENT,
    DIGEST,
    GONE,
    MIB,
    open_sessions,
)


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


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_chunk_is_bytes_of_any_kind(registry: acr.Registry, kind: type) -> None:
    with registry.repository("app").start_upload() as upload:
        upload.write(kind(b"abc"))
        wrong: Any = "abc"
        with pytest.raises(acr.InvalidInput, match="a chunk is bytes, not str"):
            upload.write(wrong)
        assert upload.commit().digest == acr.Digest.of(b"abc")


def test_a_session_of_one_byte_chunks(registry: acr.Registry) -> None:
    """`Range: 0-0` is an empty upload as well as one of a single byte."""
    with registry.repository("app").start_upload() as upload:
        told = [upload.status()]
        for byte in (b"a", b"b", b"c"):
            upload.write(byte)
            told.append(upload.status())
        assert told == [0, 1, 2, 3]
        assert upload.commit().digest == acr.Digest.of(b"abc")


def test_a_session_goes_on_in_another_client(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    upload = registry.repository("app").start_upload()
    upload.write(CONTENT[:MIB])
    other = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app")
    resumed = other.resume_upload(upload.location)
    assert (resumed.offset, resumed.uuid) == (MIB, upload.uuid)
    assert acr.UploadState.from_json(resumed.state.to_json()) == upload.state
    resumed.write(CONTENT[MIB:])
    with pytest.raises(acr.InvalidInput) as caught:
        resumed.commit()
    assert str(caught.value) == ("a resumed upload is committed with its digest: its first bytes were not seen here")
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
    other, right = acr.Digest.of(b"other"), acr.Digest.of(b"abc")
    with pytest.raises(acr.DigestMismatch) as caught:
        upload.commit(other)
    assert str(caught.value) == f"the blob for app: expected {other}, got {right}"
    assert not repository.blob(other).exists()
    assert not repository.blob(right).exists()
    assert upload.commit().digest == right


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_a_commit_may_name_the_digest_by_either_algorithm(registry: acr.Registry, hashed: str, algorithm: str) -> None:
    repository = registry.repository("app")
    upload = repository.start_upload(algorithm=hashed)
    upload.write(b"abc")
    digest = acr.Digest.of(b"abc", algorithm=algorithm)
    assert upload.commit(digest) == acr.Descriptor(media_types.OCTET_STREAM, digest, 3)
    assert repository.download_blob(digest).read() == b"abc"


def test_a_registry_may_name_a_blob_by_its_own_algorithm(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload(algorithm="sha512") as upload:
        upload.write(b"abc")
        acr_emulator.fail(method="PUT", status=201, headers={"Docker-Content-Digest": acr.Digest.of(b"abc")})
        assert upload.commit().digest == acr.Digest.of(b"abc", algorithm="sha512")


def test_a_session_has_a_name(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        name = upload.uuid
        assert name
        assert name in upload.location
        acr_emulator.fail(method="GET", path_contains="/uploads/", status=204, headers={"Range": "0-0"})
        upload.status()  # which does not tell the name
        assert upload.uuid == name


def test_a_cancelled_session_is_not_cancelled_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        upload.cancel()
    assert [r.method for r in acr_emulator.requests].count("DELETE") == 1


def test_a_session_that_goes_on_and_a_mount_ask_for_the_right_token_at_once(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator
) -> None:
    location = registry.repository("app").start_upload().location
    acr_emulator.clear_requests()
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").resume_upload(location).write(b"abc")
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").mount_blob(DIGEST, "base")
    assert [r.path for r in acr_emulator.requests if r.status == 401] == ["/v2/", "/v2/"]


def test_a_session_goes_on_by_its_state(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    upload = registry.repository("app").start_upload(algorithm="sha512")
    upload.write(CONTENT[:MIB])
    state = upload.state
    assert (state.registry, state.repository) == (acr_emulator.login_server, "app")
    assert (state.location, state.offset, state.algorithm) == (upload.location, MIB, "sha512")
    upload.write(CONTENT[MIB : 2 * MIB])
    state = acr.UploadState.from_json(json.loads(json.dumps(upload.state.to_json())))
    other = twin.connect(acr_emulator.url, acr_emulator.credential())
    resumed = other.repository("app").resume_upload(state)
    assert (resumed.offset, resumed.state.algorithm) == (2 * MIB, "sha512")
    resumed.write(CONTENT[2 * MIB :])
    assert resumed.commit(DIGEST).size == len(CONTENT)


def test_the_state_of_another_upload_is_not_told_to_this_registry(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    state = registry.repository("app").start_upload().state
    acr_emulator.clear_requests()
    for change in ({"registry": "other.azurecr.io"}, {"repository": "base"}):
        with pytest.raises(acr.InvalidInput, match="is of an upload to"):
            registry.repository("app").resume_upload(attrs.evolve(state, **change))  # type: ignore[arg-type]
    assert acr_emulator.requests == []


# What is lost.


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}], ids=["503", "the connection breaks"])
def test_what_is_lost_of_a_session_by_hand_is_sent_again(
    registry: acr.Registry, acr_emulator: Emulator, fault: dict[str, Any], *, arrived: bool
) -> None:
    """The answer to a chunk, or the chunk; and then the commit."""
    with registry.repository("app").start_upload() as upload:
        upload.write(b"abc")
        acr_emulator.clear_requests()
        acr_emulator.fail(method="PATCH", after=arrived, **fault)
        upload.write(b"def")
        acr_emulator.fail(method="PUT", **fault)
        assert upload.commit().digest == acr.Digest.of(b"abcdef")
    changes = [(r.method, r.status) for r in acr_emulator.requests if r.method in ("PATCH", "PUT")]
    lost = fault.get("status", 0)
    assert changes == [("PATCH", lost), *([] if arrived else [("PATCH", 202)]), ("PUT", lost), ("PUT", 201)]


def test_how_far_a_session_by_hand_is_is_asked_for_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with registry.repository("app").start_upload() as upload:
        upload.write(b"abc")
        acr_emulator.fail(method="GET", path_contains="/uploads/", times=2, status=503)
        assert upload.status() == 3


def test_a_session_that_is_gone_with_a_chunk_is_told_as_gone(registry: acr.Registry, acr_emulator: Emulator) -> None:
    upload = registry.repository("app").start_upload()
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(method="GET", path_contains="/uploads/", status=404, body=GONE)
    with pytest.raises(acr.NotFound) as caught:
        upload.write(b"abc")
    assert caught.value.codes == ("BLOB_UPLOAD_UNKNOWN",)

"""Blobs: whether one is there, streamed and verified downloads, resuming, redirects, mounting."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import bytes_of
from tests.twin import Twin

MIB = 1024 * 1024
MISSING = "sha256:" + "0" * 64


@pytest.mark.parametrize("size", [0, 1, 2, MIB, 3 * MIB + 17, 9 * MIB])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_of_any_size_goes_up_and_comes_down(registry: acr.Registry, size: int, algorithm: str) -> None:
    """azure-containerregistry cannot download an empty blob."""
    content = bytes_of(size)
    repository = registry.repository("team/app")
    blob = repository.upload_blob(content, algorithm=algorithm)
    assert (blob.digest, blob.size) == (acr.Digest.of(content, algorithm=algorithm), size)
    with repository.download_blob(blob.digest) as stream:
        assert stream.read() == content


def test_whether_a_blob_is_there(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    assert repository.blob(blob.digest).exists()
    assert repository.blob(blob.digest).head().size == 3
    assert not repository.blob(MISSING).exists()
    assert not registry.repository("other").blob(blob.digest).exists()


def test_a_handle_downloads_and_streams_as_its_repository_does(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    content = bytes_of(3 * MIB + 17)
    blob = repository.upload_blob(content)
    events: list[acr.ProgressEvent] = []
    target, file = tmp_path / "copy", io.BytesIO()
    assert repository.blob(blob.digest).download(target, progress=events.append).size == len(content)
    assert isinstance(events[-1], acr.Done)
    repository.blob(blob.digest).download(file)
    assert target.read_bytes() == file.getvalue() == content
    events.clear()
    with repository.blob(blob.digest).stream(progress=events.append) as stream:
        assert events == []
        assert b"".join(stream) == content
    assert isinstance(events[-1], acr.Done)
    with pytest.raises(acr.NotFound):
        repository.blob(MISSING).download(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_handle_keeps_what_arrived_if_that_is_asked_for(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    repository = registry.repository("app")
    blob = repository.upload_blob(bytes_of(9 * MIB))
    for keeps in (False, True):
        acr_emulator.fail(origin="storage", drop_after=4 * MIB)
        with pytest.raises(acr.TransportError):
            repository.blob(blob.digest).download(tmp_path / "copy", keep_partial=keeps)
        assert bool(list(tmp_path.iterdir())) is keeps
    repository.blob(blob.digest).download(tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_stream_tells_its_progress_and_is_done_when_it_was_verified(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    events: list[acr.ProgressEvent] = []
    assert repository.download_blob(blob.digest, progress=events.append).read() == b"abc"
    assert isinstance(events[0], acr.Started)
    assert events[-1] == acr.Done(events[0].item)
    assert events[0].item.digest == blob.digest
    events.clear()
    acr_emulator.fail(method="GET", path_contains="/blobs/", status=200, body=b"abd")
    with pytest.raises(acr.DigestMismatch, match=f"^the blob app@{blob.digest}") as caught:
        repository.download_blob(blob.digest, progress=events.append).read()
    assert (caught.value.expected, caught.value.actual) == (blob.digest, acr.Digest.of(b"abd"))
    assert not any(isinstance(event, acr.Done) for event in events)


def test_a_download_is_one_streaming_get(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """azure-sdk-for-net#37808: 4 MiB ranges make too many calls."""
    repository = registry.repository("app")
    blob = repository.upload_blob(bytes_of(9 * MIB))
    acr_emulator.clear_requests()
    assert sum(len(block) for block in repository.download_blob(blob.digest)) == 9 * MIB
    assert [(r.origin, r.method, "range" in r.headers) for r in acr_emulator.requests] == [
        ("registry", "GET", False),
        ("storage", "GET", False),
    ]


def test_the_token_does_not_follow_the_redirect(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """acr#217: storage answers 400 to a request with a token, and has no business with it."""
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    repository.download_blob(blob.digest).read()
    (stored,) = [r for r in acr_emulator.requests if r.origin == "storage"]
    assert stored.status == 200
    assert "authorization" not in stored.headers


@pytest.mark.parametrize("cut", [0, 1, MIB, 2 * MIB + 5])
def test_a_download_that_breaks_goes_on_where_it_broke(
    registry: acr.Registry, acr_emulator: Emulator, cut: int
) -> None:
    content = bytes_of(3 * MIB)
    repository = registry.repository("app")
    blob = repository.upload_blob(content)
    acr_emulator.fail(times=1, origin="storage", drop_after=cut)
    assert repository.download_blob(blob.digest).read() == content
    first, second = [r for r in acr_emulator.requests if r.origin == "storage"]
    assert "range" not in first.headers
    moved = first.sent + second.sent
    assert moved <= len(content) * 1.01 + 256 * 1024  # what was in the sockets when it broke


def test_a_download_that_breaks_too_often_fails_and_leaves_nothing(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    acr_emulator.fail(times=3, origin="storage", drop=True)
    with pytest.raises(acr.TransportError, match="did not answer"):
        repository.download_blob(blob.digest, tmp_path / "blob")
    assert list(tmp_path.iterdir()) == []
    assert len(twin.slept) == 2


def test_a_download_into_a_file(registry: acr.Registry, tmp_path: Path) -> None:
    content = bytes_of(2 * MIB)
    repository = registry.repository("app")
    blob = repository.upload_blob(content)
    done = repository.download_blob(blob.digest, tmp_path / "blob")
    assert (done.digest, done.size) == (blob.digest, len(content))
    assert (tmp_path / "blob").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["blob"]


def test_a_download_into_a_file_object(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    file = io.BytesIO()
    repository.download_blob(blob.digest, file)
    assert file.getvalue() == b"abc"


def test_wrong_bytes_never_get_the_final_name(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    """oras-py accepts a corrupted body in silence."""
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    target = tmp_path / "blob"
    target.write_bytes(b"what was there before")
    acr_emulator.fail(times=1, origin="storage", status=200, headers={"Content-Length": "3"}, body=b"abd")
    with pytest.raises(acr.DigestMismatch):
        repository.download_blob(blob.digest, target)
    assert target.read_bytes() == b"what was there before"
    assert [path.name for path in tmp_path.iterdir()] == ["blob"]


def test_wrong_bytes_of_a_stream_are_an_error_at_its_end(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    acr_emulator.fail(times=1, origin="storage", status=200, body=b"abd")
    with pytest.raises(acr.DigestMismatch) as caught:
        repository.download_blob(blob.digest).read()
    assert caught.value.actual == acr.Digest.of(b"abd")


@pytest.mark.parametrize("size", [-1, 3, 2, 100])
def test_wrong_bytes_of_a_stream_are_an_error_however_it_is_read(
    registry: acr.Registry, acr_emulator: Emulator, size: int
) -> None:
    """Also where the reader asks for just as many as there are; and asked again, it is no end that is none."""
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    acr_emulator.fail(times=1, origin="storage", status=200, body=b"xyz")
    stream = repository.download_blob(blob.digest)
    for _ in range(3):
        with pytest.raises(acr.DigestMismatch):
            stream.read(size)
    with pytest.raises(acr.DigestMismatch):
        list(stream)


def test_a_stream_that_broke_for_good_has_no_end(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    repository = registry.repository("app")
    content = bytes_of(5 * 1024 * 1024)
    blob = repository.upload_blob(content)
    acr_emulator.fail(origin="storage", drop_after=3 * 1024 * 1024)
    stream = repository.download_blob(blob.digest)
    for _ in range(2):
        with pytest.raises(acr.TransportError):
            stream.read()


def test_a_closed_stream_is_not_read(registry: acr.Registry) -> None:
    stream = registry.repository("app").download_blob(acr.Digest.of(b""))
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.read()
    with pytest.raises(ValueError, match="closed"):
        list(stream)


def test_a_stream_can_be_left_early(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(bytes_of(5 * MIB))
    with repository.download_blob(blob.digest) as stream:
        assert next(iter(stream))[:3] == bytes([0, 1, 2])
    assert repository.blob(blob.digest).exists()


def test_a_missing_blob_leaves_no_file(registry: acr.Registry, tmp_path: Path) -> None:
    with pytest.raises(acr.NotFound) as caught:
        registry.repository("app").download_blob(MISSING, tmp_path / "blob")
    assert caught.value.codes == ("BLOB_UNKNOWN",)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_names_its_side(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    with pytest.raises(acr.TransferError, match="none") as caught:
        repository.download_blob(blob.digest, tmp_path / "none" / "blob")
    assert caught.value.side == "target"


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "https://", "ftp://other.example/x", "https://user:secret@other.example/", "http://["],
)
def test_a_redirect_to_an_unusable_place_is_refused(
    registry: acr.Registry, acr_emulator: Emulator, location: str
) -> None:
    acr_emulator.fail(times=1, method="GET", path_contains="/blobs/", status=307, headers={"Location": location})
    with pytest.raises(acr.ProtocolViolation, match="redirects") as caught:
        registry.repository("app").download_blob(MISSING).read()
    assert "secret" not in str(caught.value)


def test_redirects_in_a_circle_end(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(times=ALWAYS, method="GET", path_contains="/blobs/", status=307, headers={"Location": ""})
    with pytest.raises(acr.ProtocolViolation, match="307"):
        registry.repository("app").download_blob(MISSING).read()


def test_a_signature_that_storage_refuses_is_not_in_the_error(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    body = b"<Error>https://x.example/b?se=2026&sig=c2VjcmV0</Error>"
    acr_emulator.fail(times=1, origin="storage", status=403, headers={"Content-Type": "application/xml"}, body=body)
    with pytest.raises(acr.Denied) as caught:
        repository.download_blob(blob.digest).read()
    assert "c2VjcmV0" not in repr(caught.value) + str(caught.value)


def test_a_blob_is_mounted_from_another_repository(registry: acr.Registry, acr_emulator: Emulator) -> None:
    blob = registry.repository("team/base").upload_blob(bytes_of(MIB))
    acr_emulator.clear_requests()
    assert registry.repository("team/app").mount_blob(blob.digest, "team/base")
    assert registry.repository("team/app").blob(blob.digest).exists()
    assert sum(r.received for r in acr_emulator.requests if r.path.startswith("/v2/")) == 0


def test_a_blob_that_cannot_be_mounted_is_not_there_and_leaves_no_session(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    registry.repository("base").upload_blob(b"abc")
    assert not registry.repository("app").mount_blob(MISSING, "base")
    assert acr_emulator.requests[-1].method == "DELETE"
    assert acr_emulator.requests[-1].status == 204


def test_a_part_of_a_blob(registry: acr.Registry, acr_emulator: Emulator) -> None:
    content = bytes_of(10_000)
    repository = registry.repository("app")
    blob = repository.blob(repository.upload_blob(content).digest)
    part = blob.chunk(256, 512)
    assert (part.content, part.offset, part.size) == (content[256:768], 256, 10_000)
    assert acr_emulator.requests[-1].headers["range"] == "bytes=256-767"
    assert blob.chunk(9_990, 100).content == content[9_990:]
    assert blob.has_chunk(9_990, 10)
    assert not blob.has_chunk(9_990, 11)
    assert not repository.blob(MISSING).has_chunk(0, 1)
    with pytest.raises(acr.ResponseError) as caught:
        blob.chunk(10_000, 1)
    assert caught.value.status == 416
    for offset, length, option in ((-1, 1, "offset"), (0, 0, "length")):
        with pytest.raises(acr.InvalidInput, match=f"{option}="):
            blob.chunk(offset, length)


@pytest.mark.parametrize(("last", "there"), [(9_999, True), (9_998, False)])
def test_a_registry_may_answer_head_with_a_range(
    registry: acr.Registry, acr_emulator: Emulator, last: int, there: bool
) -> None:
    """CNCF distribution does: 206, and 416 where nothing is there of the range."""
    blob = registry.repository("app").blob(MISSING)
    acr_emulator.fail(method="HEAD", status=206, headers={"Content-Range": f"bytes 9990-{last}/{last + 1}"})
    assert blob.has_chunk(9_990, 10) == there
    acr_emulator.fail(method="HEAD", status=416)
    assert not blob.has_chunk(10_000, 10)
    acr_emulator.fail(method="HEAD", status=403)
    with pytest.raises(acr.Denied):
        blob.has_chunk(0, 1)


def test_a_registry_that_knows_no_ranges_sends_all_and_the_part_is_cut_out(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    content = bytes_of(10_000)
    repository = registry.repository("app")
    blob = repository.blob(repository.upload_blob(content).digest)
    acr_emulator.fail(origin="storage", status=200, body=content)
    assert blob.chunk(256, 512).content == content[256:768]


def test_streams_that_are_left_and_sinks_that_fail_hold_no_connection(twin: Twin, acr_emulator: Emulator) -> None:
    class Full:
        def write(self, data: bytes, /) -> object:
            raise OSError("no space left on device")

    timeouts = acr.Timeouts(pool=1)
    registry = twin.connect(
        acr_emulator.url, acr_emulator.credential(), timeouts=timeouts, retries=acr.Retries(limit=0)
    )
    repository = registry.repository("app")
    blob = repository.upload_blob(bytes_of(3 * MIB))
    kept = []
    for _ in range(70):  # more than the pool has
        with pytest.raises(acr.TransferError) as caught:
            repository.download_blob(blob.digest, Full())
        kept.append(caught.value)  # with its traceback, and all that is in its frames
    assert repository.blob(blob.digest).exists()


def test_a_hook_that_raises_holds_no_connection(twin: Twin, acr_emulator: Emulator) -> None:
    armed = [False]

    def hook(told: acr.ResponseInfo) -> None:
        if armed[0]:
            raise LookupError("mine")

    timeouts = acr.Timeouts(pool=0.2)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), on_response=hook, timeouts=timeouts)
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    armed[0] = True
    for _ in range(80):
        with pytest.raises(LookupError):
            repository.blob(blob.digest).exists()
    armed[0] = False
    assert repository.blob(blob.digest).exists()


def test_a_redirect_within_the_registry_keeps_the_token(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    acr_emulator.fail(
        method="GET", path_contains="/blobs/", status=307, headers={"Location": f"/v2/app/blobs/{blob.digest}"}
    )
    assert repository.download_blob(blob.digest).read() == b"abc"


@pytest.mark.parametrize("status", [408, 429, 500])
def test_a_passing_problem_of_storage_is_tried_again(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    acr_emulator.fail(origin="storage", status=status)
    assert repository.download_blob(blob.digest).read() == b"abc"
    assert len(twin.slept) == 1


def test_an_async_file_and_a_special_file_are_refused(registry: acr.Registry, tmp_path: Path) -> None:
    class AsyncFile:
        async def write(self, data: bytes, /) -> int:
            return len(data)

    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    with pytest.raises(acr.InvalidInput, match="async file"):
        repository.download_blob(blob.digest, AsyncFile())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(acr.InvalidInput, match="expected a regular file"):
        repository.download_blob(blob.digest, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_stream_is_read_like_a_file(registry: acr.Registry) -> None:
    content = bytes_of(3 * MIB)
    repository = registry.repository("app")
    blob = repository.upload_blob(content)
    with repository.download_blob(blob.digest) as stream:
        first = stream.read(10)
        rest = b"".join(stream)
        assert first + rest == content
        assert (stream.read(5), stream.read()) == (b"", b"")

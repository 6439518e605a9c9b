"""Checkpoints: an upload whose process ended is gone on with by the next, and what does not fit is ignored."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import let_through
from tests.content import bytes_of
from tests.twin import Twin
from tests.uploading import GONE, LARGE, LOCKED, MIB, SOURCES, Watcher, once, open_sessions, taken

DIGEST = acr.Digest.of(LARGE)


class Stop(BaseException):
    """As Ctrl-C, or a task that is cancelled."""


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def stopped_at(offset: int, error: BaseException | None = None) -> Callable[[acr.ProgressEvent], None]:
    """A callback that stops the upload when it is told that so many bytes went out."""
    watcher = Watcher()

    def progress(event: acr.ProgressEvent) -> None:
        watcher(event)
        if watcher.at >= offset:
            raise error or Stop

    return progress


@pytest.fixture
def repository(registry: acr.Registry) -> acr.Repository:
    return registry.repository("app")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(LARGE)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tmp_path / "state" / "checkpoint"


@pytest.fixture
def stopped(repository: acr.Repository, source: Path, checkpoint: Path) -> dict[str, Any]:
    """The options of an upload that was stopped in its third chunk, of 2 MiB each."""
    checkpoint.parent.mkdir()
    options = {"checkpoint": checkpoint, "digest": DIGEST, "chunk_size": 2 * MIB}
    with pytest.raises(Stop):
        repository.upload_blob(source, progress=stopped_at(4 * MIB + 1), **options)  # type: ignore[arg-type]
    return options


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_what_was_sent_is_not_sent_again(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path, kind: str, known: bool, algorithm: str
) -> None:
    digest = acr.Digest.of(LARGE, algorithm=algorithm)
    options: dict[str, Any] = {
        "checkpoint": str(tmp_path / "state"),
        "chunk_size": 2 * MIB,
        "digest": digest if known else None,
        "algorithm": algorithm,
    }
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    with pytest.raises(Stop):
        client.repository("app").upload_blob(
            SOURCES[kind](LARGE, tmp_path / "blob"), progress=stopped_at(4 * MIB + 1), **options
        )
    assert open_sessions(acr_emulator) == 1
    acr_emulator.clear_requests()
    watcher = Watcher()
    another = twin.connect(acr_emulator.url, acr_emulator.credential())
    source = SOURCES[kind](LARGE, tmp_path / "blob")
    blob = another.repository("app").upload_blob(source, progress=watcher, **options)
    assert (blob.digest, blob.size) == (digest, len(LARGE))
    assert taken(acr_emulator) == [f"{4 * MIB}-{len(LARGE) - 1}"]
    assert [event.offset for event in watcher.events if isinstance(event, acr.Started)] == [4 * MIB]
    assert watcher.at == len(LARGE)
    assert another.repository("app").download_blob(digest).read() == LARGE
    assert open_sessions(acr_emulator) == 0
    assert not (tmp_path / "state").exists()


def test_the_state_is_kept_for_its_owner_alone(stopped: dict[str, Any], checkpoint: Path) -> None:
    state = acr.UploadState.from_json(json.loads(checkpoint.read_text()))
    assert (state.repository, state.offset, state.digest, state.size) == ("app", 4 * MIB, DIGEST, len(LARGE))
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]
    if sys.platform != "win32":
        assert checkpoint.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"registry": "other.azurecr.io"}, id="registry"),
        pytest.param({"repository": "base"}, id="repository"),
        pytest.param({"digest": acr.Digest.of(b"other")}, id="digest"),
        pytest.param({"digest": None}, id="no-digest"),
        pytest.param({"algorithm": "sha512"}, id="algorithm"),
        pytest.param({"size": len(LARGE) - 1}, id="size"),
        pytest.param({"size": None}, id="no-size"),
        pytest.param({"location": "https://other.example/v2/app/blobs/uploads/1"}, id="another-host"),
        pytest.param({"location": "/v2/app/blobs/uploads/00000000-0000-0000-0000-000000000000"}, id="another-session"),
        pytest.param({"location": "\n"}, id="no-place"),
        pytest.param({"offset": -1}, id="offset"),
    ],
)
def test_a_state_of_something_else_is_replaced(
    repository: acr.Repository,
    acr_emulator: Emulator,
    source: Path,
    checkpoint: Path,
    stopped: dict[str, Any],
    change: dict[str, Any],
) -> None:
    acr_emulator.clear_requests()
    checkpoint.write_text(json.dumps({**json.loads(checkpoint.read_text()), **change}))
    assert repository.upload_blob(source, **stopped).size == len(LARGE)
    assert taken(acr_emulator)[0] == f"0-{2 * MIB - 1}"
    assert not checkpoint.exists()
    assert not any("other" in request.path for request in acr_emulator.requests)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 30_000, "no JSON"),
        (b"x" * 100_000, "no JSON"),
        (b"hunter2", "no JSON"),
        (b"[]", "JSON of another form (list)"),
        (b"null", "JSON of another form (NoneType)"),
        (b'"hunter2"', "JSON of another form (str)"),
        (b"{}", "a JSON object with nothing in it"),
        (b'{"auths": {"my.azurecr.io": {"auth": "hunter2"}}}', "a JSON object with 'auths'"),
        (b'{"a": 1, "b\\u001b": 2, "c": 3, "d": 4, "e": 5, "f": 6}', r"with 'a', 'b\x1b', 'c', 'd', 'e' …"),
        (b'{"%b": 1}' % (b"x" * 9_000), f"with '{'x' * 50}',"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_kept(
    repository: acr.Repository,
    acr_emulator: Emulator,
    source: Path,
    checkpoint: Path,
    stopped: dict[str, Any],
    content: bytes,
    what: str,
) -> None:
    checkpoint.write_bytes(content)
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidInput) as caught:
        repository.upload_blob(source, **stopped)
    told = str(caught.value)
    assert told.startswith(f"checkpoint: there is a file of another kind: {checkpoint} is ")
    assert what in told
    assert "hunter2" not in told
    assert told.endswith(", and no checkpoint of an upload: remove it, or name a file that is not there")
    assert checkpoint.read_bytes() == content
    assert taken(acr_emulator) == []


def test_an_empty_file_will_do(
    repository: acr.Repository, source: Path, checkpoint: Path, stopped: dict[str, Any]
) -> None:
    checkpoint.write_bytes(b"")
    assert repository.upload_blob(source, **stopped).size == len(LARGE)
    assert not checkpoint.exists()


def test_a_session_that_is_gone_meanwhile_is_begun_anew(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, checkpoint: Path, stopped: dict[str, Any]
) -> None:
    acr_emulator.fail(method="GET", path_contains="/uploads/", status=404, body=GONE)
    watcher = Watcher()
    assert repository.upload_blob(source, progress=watcher, **stopped).size == len(LARGE)
    assert watcher.events[0] == acr.Started(acr.Item(DIGEST, len(LARGE), DIGEST))
    assert not checkpoint.exists()


def test_the_registry_knows_better_how_far_it_got(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, checkpoint: Path, stopped: dict[str, Any]
) -> None:
    """The process was killed between the answer to a chunk and the writing of the checkpoint."""
    state = json.loads(checkpoint.read_text())
    checkpoint.write_text(json.dumps({**state, "offset": 2 * MIB}))
    acr_emulator.clear_requests()
    assert repository.upload_blob(source, **stopped).size == len(LARGE)
    assert taken(acr_emulator) == [f"{4 * MIB}-{len(LARGE) - 1}"]


@pytest.fixture
def left(repository: acr.Repository, tmp_path: Path) -> Callable[..., acr.Descriptor]:
    """Uploads 300 bytes, of which another process has sent 100."""
    content = bytes_of(300)
    upload = repository.start_upload()
    upload.write(content[:100])
    path = tmp_path / "left"
    path.write_text(json.dumps({**upload.state.to_json(), "size": 300}))
    return partial(repository.upload_blob, content, chunk_size=100, checkpoint=path)


def test_a_chunk_that_is_lost_to_the_next_process_is_sent_again(
    acr_emulator: Emulator, left: Callable[..., acr.Descriptor]
) -> None:
    acr_emulator.fail(method="PATCH", status=404, body=GONE)
    watcher = Watcher()
    assert left(progress=watcher).digest == acr.Digest.of(bytes_of(300))
    assert watcher.retried == [100]


def test_a_lock_does_not_mean_that_the_session_of_an_earlier_process_is_of_no_use(
    acr_emulator: Emulator, left: Callable[..., acr.Descriptor]
) -> None:
    acr_emulator.clear_requests()
    acr_emulator.fail(method="PATCH", status=405, body=LOCKED)
    with pytest.raises(acr.Locked):
        left()
    assert all(request.method != "POST" for request in acr_emulator.requests)


def test_the_next_process_tells_of_an_answer_that_cannot_be_read(
    acr_emulator: Emulator, left: Callable[..., acr.Descriptor]
) -> None:
    acr_emulator.fail(method="PATCH", status=202, headers={"Range": "all"})
    with pytest.raises(acr.ProtocolViolation, match="malformed Range header: 'all'"):
        left()


def test_a_session_with_more_than_the_source_has_is_given_up(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path
) -> None:
    upload = repository.start_upload()
    upload.write(LARGE + b"more")
    checkpoint = tmp_path / "state"
    checkpoint.write_text(json.dumps({**upload.state.to_json(), "size": len(LARGE)}))
    assert repository.upload_blob(LARGE, checkpoint=checkpoint).digest == DIGEST
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_source_that_changed_meanwhile_is_sent_anew(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, tmp_path: Path, known: bool
) -> None:
    checkpoint, other = tmp_path / "state", bytes(len(LARGE))
    source.write_bytes(other)
    digest = DIGEST if known else None
    with pytest.raises(Stop):
        repository.upload_blob(
            source, checkpoint=checkpoint, digest=digest, chunk_size=2 * MIB, progress=stopped_at(3 * MIB)
        )
    source.write_bytes(LARGE)
    watcher = Watcher()
    blob = repository.upload_blob(source, checkpoint=checkpoint, digest=digest, progress=watcher)
    assert blob.digest == DIGEST
    assert watcher.retried == [0]
    assert repository.download_blob(DIGEST).read() == LARGE
    assert open_sessions(acr_emulator) == 0
    assert not checkpoint.exists()


def test_an_upload_that_fails_is_left_to_the_next(
    twin: Twin, acr_emulator: Emulator, source: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "state"
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    repository = registry.repository("app")
    repository.upload_blob(b"to have a token")
    for error in (acr.TransportError, acr.ServerError):
        let_through(acr_emulator, 1, method="PATCH")
        is_lost = error is acr.TransportError
        acr_emulator.fail(method="PATCH", times=2, drop=is_lost, status=None if is_lost else 500)
        with pytest.raises(error):
            repository.upload_blob(source, checkpoint=checkpoint, chunk_size=MIB)
        assert open_sessions(acr_emulator) == 1
    acr_emulator.clear_requests()
    assert repository.upload_blob(source, checkpoint=checkpoint, chunk_size=MIB).digest == DIGEST
    assert taken(acr_emulator)[0] == f"{2 * MIB}-{3 * MIB - 1}"
    assert not checkpoint.exists()


def test_a_source_of_another_digest_is_not_gone_on_with(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "state"
    with pytest.raises(acr.DigestMismatch):
        repository.upload_blob(source, checkpoint=checkpoint, digest=acr.Digest.of(b"other"))
    assert open_sessions(acr_emulator) == 0
    assert not checkpoint.exists()


def test_a_blob_that_is_there_meanwhile_is_skipped_and_the_session_given_up(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, checkpoint: Path, stopped: dict[str, Any]
) -> None:
    repository.upload_blob(LARGE)
    watcher = Watcher()
    repository.upload_blob(source, progress=watcher, **stopped)
    assert [type(event) for event in watcher.events] == [acr.Skipped]
    assert open_sessions(acr_emulator) == 0
    assert not checkpoint.exists()


def test_a_session_is_gone_on_with_rather_than_mounted_over(
    registry: acr.Registry, acr_emulator: Emulator, source: Path, stopped: dict[str, Any]
) -> None:
    acr_emulator.clear_requests()
    registry.repository("app").upload_blob(source, mount_from="base", **stopped)
    assert not any("mount=" in request.path for request in acr_emulator.requests)


def test_a_mounted_blob_needs_no_checkpoint(registry: acr.Registry, source: Path, tmp_path: Path) -> None:
    registry.repository("base").upload_blob(source)
    checkpoint = tmp_path / "state"
    checkpoint.touch()
    registry.repository("app").upload_blob(source, digest=DIGEST, mount_from="base", checkpoint=checkpoint)
    assert not checkpoint.exists()


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_small_blob_needs_no_checkpoint(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path, size: int
) -> None:
    folder = tmp_path / "none"  # writing there would fail
    assert repository.upload_blob(LARGE[:size], checkpoint=folder / "state").size == size
    acr_emulator.fail(method="PUT", status=400)
    with pytest.raises(acr.ResponseError):
        repository.upload_blob(LARGE[:size], checkpoint=folder / "state")
    assert open_sessions(acr_emulator) == 0


def test_a_checkpoint_that_cannot_be_written_is_told_at_the_start(
    repository: acr.Repository, acr_emulator: Emulator, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(acr.TransferError, match="cannot write the checkpoint"):
        repository.upload_blob(source, checkpoint=tmp_path / "none" / "state")
    assert taken(acr_emulator) == []
    assert open_sessions(acr_emulator) == 0


@pytest.mark.parametrize("make", [once, lambda content: list(once(content)), Pipe])
def test_a_source_that_cannot_be_read_again_is_refused(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path, make: Callable[[bytes], Any]
) -> None:
    with pytest.raises(acr.InvalidInput, match="checkpoint: expected a source that can be read again"):
        repository.upload_blob(make(LARGE), checkpoint=tmp_path / "state")
    assert acr_emulator.requests == []


def test_the_source_is_no_checkpoint(repository: acr.Repository, source: Path) -> None:
    with pytest.raises(acr.InvalidInput, match="is what is uploaded"):
        repository.upload_blob(source, checkpoint=source)
    assert source.read_bytes() == LARGE


def test_a_cancelled_task_leaves_its_upload_to_the_next(acr_emulator: Emulator, source: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "state"

    async def cancelled(**options: Any) -> None:
        def progress(event: acr.ProgressEvent) -> None:
            watcher(event)
            if watcher.at > 2 * MIB:
                task.cancel()

        watcher = Watcher()
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.credential()) as registry:
            upload = registry.repository("app").upload_blob(source, chunk_size=2 * MIB, progress=progress, **options)
            task = asyncio.ensure_future(upload)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled(checkpoint=checkpoint))
    assert open_sessions(acr_emulator) == 1
    assert json.loads(checkpoint.read_text())["offset"] == 2 * MIB
    asyncio.run(cancelled())
    assert open_sessions(acr_emulator) == 1  # that of the checkpoint


KILLED = """
import sys
import acr

url, username, password, source, checkpoint = sys.argv[1:]
with acr.Registry(url, acr.UsernamePassword(username, password)) as registry:
    registry.repository("app").upload_blob(source, checkpoint=checkpoint, chunk_size=1024 * 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_process_is_followed_by_one_that_sends_the_rest(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    content = bytes_of(64 * MIB)
    source, checkpoint = tmp_path / "blob", tmp_path / "state"
    source.write_bytes(content)
    arguments = [acr_emulator.url, acr_emulator.username, acr_emulator.password, str(source), str(checkpoint)]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], cwd=Path.cwd())
    ready = threading.Event()
    while len(taken(acr_emulator)) < 5 and process.poll() is None:
        ready.wait(0.002)
    process.kill()
    process.wait()
    before = len(taken(acr_emulator))
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    blob = client.repository("app").upload_blob(source, checkpoint=checkpoint, chunk_size=MIB)
    assert blob.digest == acr.Digest.of(content)
    assert 5 <= before < 64
    assert taken(acr_emulator) == [f"{at}-{at + MIB - 1}" for at in range(0, len(content), MIB)]  # each of them once
    left = {path.name for path in tmp_path.iterdir()} - {"blob"}
    assert all(re.fullmatch(r"\.state\.\w+\.part", name) for name in left)  # killed while it wrote a checkpoint
    assert len(left) <= 1
    assert open_sessions(acr_emulator) == 0

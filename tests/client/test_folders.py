"""Folders as layers of artifacts: packed when pushed, unpacked when pulled, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import io
import random
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr._values.files import TITLE, UNPACK
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.patience import loop_turns, until, until_in_loop
from tests.twin import Twin

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@pytest.fixture
def repository(twin: Twin, acr_emulator: Emulator) -> acr.Repository:
    return twin.connect(acr_emulator.url, acr_emulator.credential()).repository("models")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where packed folders lie for a while; nothing is to be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "0.bin").write_bytes(bytes(300_000))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("weights/0.bin")
    return folder


def content(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.usefixtures("temporary")
def test_a_folder_comes_back_as_it_was(repository: acr.Repository, model: Path, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# Model")
    pushed = repository.push_artifact([model, tmp_path / "card.md"], tag="v1")
    events: list[acr.ProgressEvent] = []
    pulled = repository.pull("v1", tmp_path / "target", progress=events.append)

    assert pulled.manifest.digest == pushed.digest
    assert pulled.files == (tmp_path / "target" / "model", tmp_path / "target" / "card.md")
    assert content(tmp_path / "target" / "model") == content(model)
    assert (tmp_path / "target" / "model" / "run.sh").stat().st_mode & 0o111
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["card.md", "model"]
    folder = pulled.layers[0]
    assert (folder.media_type, folder.annotations[UNPACK]) == (LAYER, "true")
    assert {event.item.name for event in events} == {"model", "card.md"}


@pytest.mark.usefixtures("temporary")
def test_an_equal_folder_is_not_sent_again(repository: acr.Repository, acr_emulator: Emulator, model: Path) -> None:
    first = repository.push_artifact([model])
    before = len(acr_emulator.requests)

    assert repository.push_artifact([model]) == first
    assert {request.method for request in acr_emulator.requests[before:]} == {"HEAD", "PUT"}


@pytest.mark.usefixtures("temporary")
def test_a_folder_may_stay_packed(repository: acr.Repository, model: Path, tmp_path: Path) -> None:
    repository.push_artifact([acr.File(model, title="a/model")], tag="v1")
    pulled = repository.pull("v1", tmp_path / "target", unpack=False)

    with tarfile.open(pulled.files[0]) as archive:
        assert "a/model/run.sh" in archive.getnames()


@pytest.mark.usefixtures("temporary")
def test_a_folder_that_is_too_large_is_refused(repository: acr.Repository, model: Path, tmp_path: Path) -> None:
    repository.push_artifact([model], tag="v1")

    with pytest.raises(acr.LimitExceeded, match="100000"):
        repository.pull("v1", tmp_path / "target", unpack_limit=100_000)
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("member", ["../escaped", "/escaped", "model/../../escaped"])
def test_an_archive_that_leads_out_is_refused(repository: acr.Repository, tmp_path: Path, member: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = 5
        archive.addfile(info, io.BytesIO(b"wrong"))
    (tmp_path / "model.tar.gz").write_bytes(packed.getvalue())
    hostile = acr.File(tmp_path / "model.tar.gz", title="model", media_type=LAYER, annotations={UNPACK: "true"})
    repository.push_artifact([hostile], tag="v1")

    with pytest.raises(acr.InvalidReference):
        repository.pull("v1", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []
    assert not list(tmp_path.rglob("escaped"))


def test_a_file_with_the_name_of_an_archive_that_is_unpacked_is_refused(
    repository: acr.Repository, acr_emulator: Emulator, model: Path, tmp_path: Path
) -> None:
    """It was told to be pulled, and was gone: the archive took its name, and was removed."""
    manifest = repository.push_artifact([model]).digest
    content = repository.manifest(manifest).get()
    archive = content.layers[0]
    title = f".model.{archive.digest.hex[:16]}.layer"
    file = {**repository.upload_blob(b"file").to_json(), "annotations": {TITLE: title}}
    repository.put_manifest({**content.json, "layers": [archive.to_json(), file]}, tag="v1")
    acr_emulator.clear_requests()

    with pytest.raises(acr.InvalidReference, match="while they are downloaded"):
        repository.pull("v1", tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert not [request for request in acr_emulator.requests if "/blobs/" in request.path]


@pytest.mark.usefixtures("temporary")
def test_a_folder_and_a_file_within_it_are_refused_before_any_request(
    repository: acr.Repository, acr_emulator: Emulator, model: Path
) -> None:
    with pytest.raises(acr.InvalidInput, match="'model/run.sh' is within the title 'model'"):
        repository.push_artifact([acr.File(model / "run.sh", title="model/run.sh"), model])
    assert acr_emulator.requests == []


@pytest.mark.usefixtures("temporary")
def test_a_push_that_fails_removes_the_packed_folder(
    repository: acr.Repository, acr_emulator: Emulator, model: Path
) -> None:
    acr_emulator.fail(times=ALWAYS, method="POST", path_contains="blobs/uploads", status=403)

    with pytest.raises(acr.Denied):
        repository.push_artifact([model], tag="v1")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_push_that_is_cancelled_again_and_again_removes_the_packed_folder(
    acr_emulator: Emulator, model: Path, temporary: Path, times: int
) -> None:
    """The second time it waits for its thread, which first has to make the file that it is to remove."""
    (model / "weights" / "1.bin").write_bytes(random.Random(1).randbytes(16 * 1024 * 1024))

    async def push() -> None:
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.async_credential()) as registry:
            pushing = asyncio.ensure_future(registry.repository("models").push_artifact([model], tag="v1"))
            await until_in_loop(lambda: list(temporary.iterdir()))
            for _ in range(times):
                pushing.cancel()
                await loop_turns()
            with pytest.raises(asyncio.CancelledError):
                await pushing

    asyncio.run(push())
    until(lambda: not list(temporary.iterdir()))  # if nobody waits for the thread, it is done a little later

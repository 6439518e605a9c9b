"""Doing it again: what is there already is done, locked or not, and is not moved once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.content import bytes_of, push_image
from tests.images import add_image
from tests.makes.registry import OtherMake, refused
from tests.twin import Twin

MIB = 1024 * 1024
LOCKED = {"can_write": False, "can_delete": False}

# Locked tags.


def test_a_copy_onto_a_locked_tag_that_has_it_already_is_done(registry: acr.Registry) -> None:
    push_image(registry.repository("app"), tag="v1")
    image = registry.copy("app:v1", "prod")
    registry.repository("prod").tag("v1").update(**LOCKED)
    assert registry.copy("app:v1", "prod") == image
    push_image(registry.repository("app"), tag="v1", layer=b"another")
    with pytest.raises(acr.Locked):
        registry.copy("app:v1", "prod")
    assert registry.repository("prod").manifest("v1").head().digest == image.digest


def test_a_push_onto_a_locked_tag_that_has_it_already_is_done(registry: acr.Registry, tmp_path: Path) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    repository = registry.repository("app")
    repository.push(source, tag="v1")
    repository.tag("v1").update(**LOCKED)
    assert repository.push(source, tag="v1") == image
    path = tmp_path / "file"
    path.write_bytes(b"content")
    artifact = repository.push_artifact([path], tag="files")
    repository.tag("files").update(**LOCKED)
    assert repository.push_artifact([path], tag="files") == artifact
    path.write_bytes(b"other")
    with pytest.raises(acr.Locked):
        repository.push_artifact([path], tag="files")


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
def test_a_tag_that_names_it_already_is_set_whatever_is_locked(registry: acr.Registry, what: str) -> None:
    repository = registry.repository("app")
    image = push_image(repository, tag="v1")
    manifest = repository.manifest("v1").get()
    locked = {"tag": repository.tag("v1"), "manifest": repository.manifest(image.digest), "repository": repository}
    locked[what].update(**LOCKED)  # type: ignore[attr-defined]
    assert repository.put_manifest(manifest, tag="v1") == image
    assert repository.put_manifest(manifest) == image or what == "tag"
    if what != "tag":
        with pytest.raises(acr.Locked):
            repository.put_manifest(manifest, tag="v2")
        assert list(repository.tag_names()) == ["v1"]


def test_a_locked_tag_is_asked_for_in_the_type_of_the_manifest(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    manifest = acr.Manifest(b"{}", "application/x-strange+json")
    pushed = repository.put_manifest(manifest, tag="v1")
    repository.tag("v1").update(**LOCKED)
    assert repository.put_manifest(manifest, tag="v1") == pushed
    (asked,) = [request.headers["accept"] for request in acr_emulator.requests if request.method == "HEAD"]
    assert asked.split(", ") == [*media_types.ANY_MANIFEST, "application/x-strange+json"]


def test_what_is_attached_under_a_locked_tag_is_not_noted_once_more(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    repository = registry.repository("app")
    subject = push_image(repository, tag="v1")
    attached = acr.Manifest.of({**repository.manifest("v1").get().json, "subject": subject.to_json()})
    acr_emulator.clear_requests()
    pushed = repository.put_manifest(attached, tag="sbom")
    assert [request.method for request in acr_emulator.requests] == ["PUT"]
    repository.tag("sbom").update(**LOCKED)
    acr_emulator.clear_requests()
    assert repository.put_manifest(attached, tag="sbom") == pushed
    assert [request.method for request in acr_emulator.requests] == ["PUT", "HEAD"]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_locked_tag_is_compared_by_the_algorithm_of_the_registry(
    registry: acr.Registry, acr_emulator: Emulator, algorithm: str
) -> None:
    repository = registry.repository("app")
    image = push_image(repository, tag="v1")
    manifest = repository.manifest("v1").get()
    repository.tag("v1").update(**LOCKED)
    digest = acr.Digest.of(manifest.content, algorithm=algorithm)
    headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest, "Content-Length": str(image.size)}
    acr_emulator.fail(method="HEAD", status=200, headers=headers)
    assert repository.put_manifest(manifest, tag="v1") == image


def test_a_lock_whose_tag_cannot_be_read_stays_the_error(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    manifest = repository.manifest("v1").get()
    repository.tag("v1").update(**LOCKED)
    acr_emulator.fail(method="HEAD", path_contains="/manifests/", status=500)
    with pytest.raises(acr.Locked):
        repository.put_manifest(manifest, tag="v1")


IMMUTABLE = {
    "as ECR says it": refused(400, "TAG_INVALID"),
    "409": refused(409, "DENIED"),
    "412": refused(412, "PRECONDITION"),
    "423": refused(423, "LOCKED"),
}


@pytest.mark.parametrize("refusal", IMMUTABLE)
def test_tags_that_other_makes_keep_as_they_are(twin: Twin, refusal: str) -> None:
    with OtherMake() as make:
        image = make.add_image("app", tag="v1")
        registry = twin.connect(make.url)
        registry.copy("app:v1", "prod")
        make.manners.locked["v1"] = IMMUTABLE[refusal]
        assert registry.copy("app:v1", "prod").digest == image
        make.add_image("app", b"another", tag="v1")
        with pytest.raises(acr.ResponseError):
            registry.copy("app:v1", "prod")
        assert make.tags["prod"]["v1"] == image


def test_what_is_wrong_with_a_manifest_is_told_all_the_same(twin: Twin) -> None:
    with OtherMake() as make:
        make.add_image("app", tag="v1")
        repository = twin.connect(make.url).repository("app")
        make.manners.locked["v1"] = refused(400, "MANIFEST_INVALID")
        with pytest.raises(acr.ResponseError, match="MANIFEST_INVALID"):
            repository.put_manifest(repository.manifest("v1").get(), tag="v1")


# Files that are there.


class Events:
    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.moved = 0

    def __call__(self, event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Skipped):
            self.skipped.append(event.item.name)
        elif isinstance(event, acr.Moved):
            self.moved += event.count


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return {"model.onnx": bytes_of(5 * MIB), "readme.md": b"# Read me", "empty": b""}


@pytest.fixture
def repository(registry: acr.Registry, files: dict[str, bytes], tmp_path: Path) -> acr.Repository:
    """One with an artifact of some files."""
    source = tmp_path / "source"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    pushed = registry.repository("app")
    artifacts: list[acr.File | Path] = [acr.File(source / "readme.md", title="docs/readme.md")]
    artifacts += [source / "model.onnx", source / "empty"]
    pushed.push_artifact(artifacts, tag="v1")
    return pushed


def storage(emulator: Emulator) -> int:
    return sum(request.origin == "storage" for request in emulator.requests)


def test_a_pull_skips_what_is_right_already(repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path) -> None:
    """5.4 GB were moved once more."""
    target = tmp_path / "target"
    first = repository.pull("v1", target)
    acr_emulator.clear_requests()
    events = Events()
    assert repository.pull("v1", target, progress=events) == first
    assert sorted(events.skipped) == ["docs/readme.md", "empty", "model.onnx"]
    assert (events.moved, storage(acr_emulator)) == (0, 0)


@pytest.mark.parametrize("how", ["shorter", "longer", "other", "missing", "a folder", "a link"])
def test_a_pull_fetches_what_is_not_right(
    repository: acr.Repository, files: dict[str, bytes], tmp_path: Path, how: str
) -> None:
    target, content = tmp_path / "target", files["model.onnx"]
    repository.pull("v1", target)
    model = target / "model.onnx"
    changed = {"shorter": content[:-1], "longer": content + b"x", "other": content[:-1] + b"x"}
    model.unlink()
    if how in changed:
        model.write_bytes(changed[how])
    elif how == "a link":
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(content)
        model.symlink_to(elsewhere)
    elif how == "a folder":
        model.mkdir()
        with pytest.raises(acr.TransferError):
            repository.pull("v1", target)
        return
    events = Events()
    repository.pull("v1", target, progress=events)
    assert (model.read_bytes(), model.is_symlink()) == (content, False)
    assert sorted(events.skipped) == ["docs/readme.md", "empty"]


def test_a_file_that_is_reached_by_a_link_out_of_the_folder_is_none_of_it(
    repository: acr.Repository, tmp_path: Path
) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    for folder in (target, elsewhere):
        folder.mkdir()
    (elsewhere / "readme.md").write_bytes(b"# Read me")
    (target / "docs").symlink_to(elsewhere)
    with pytest.raises(acr.InvalidReference, match="leads out"):
        repository.pull("v1", target)


def test_a_file_that_cannot_be_read_is_fetched(repository: acr.Repository, tmp_path: Path) -> None:
    target = tmp_path / "target"
    repository.pull("v1", target)
    (target / "model.onnx").chmod(0)
    repository.pull("v1", target)
    assert (target / "model.onnx").stat().st_size == 5 * MIB


def test_folders_are_unpacked_anew(registry: acr.Registry, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_bytes(b"a")
    repository = registry.repository("app")
    repository.push_artifact([folder], tag="v1")
    target = tmp_path / "target"
    repository.pull("v1", target)
    (target / "notes" / "a.md").write_bytes(b"b")
    repository.pull("v1", target)
    assert (target / "notes" / "a.md").read_bytes() == b"a"
    events = Events()
    packed = tmp_path / "packed"
    repository.pull("v1", packed, unpack=False)
    repository.pull("v1", packed, unpack=False, progress=events)
    assert events.skipped == ["notes"]


# Some of the files.


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("*.onnx", ["model.onnx"]),
        (["*.onnx", "empty"], ["model.onnx", "empty"]),
        ("*.md", ["docs/readme.md"]),
        ("docs/*", ["docs/readme.md"]),
        ("*", ["docs/readme.md", "model.onnx", "empty"]),
        (("model.onnx", "*.ONNX"), ["model.onnx"]),
        ("[me]*", ["model.onnx", "empty"]),
    ],
)
def test_some_files_are_pulled(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path, include: Any, expected: list[str]
) -> None:
    acr_emulator.clear_requests()
    target = tmp_path / "target"
    pulled = repository.pull("v1", target, include=include)
    assert list(pulled.files) == [target / name for name in expected]
    assert [layer.annotations["org.opencontainers.image.title"] for layer in pulled.layers] == expected
    assert sorted(path for path in target.rglob("*") if path.is_file()) == sorted(pulled.files)
    assert storage(acr_emulator) == len(expected)
    assert len(pulled.manifest.layers) == 3


@pytest.mark.parametrize("include", ["*.safetensors", "MODEL.onnx", "readme.md", "", ["a", "b"], []])
def test_a_name_that_no_file_has_is_told(
    repository: acr.Repository, acr_emulator: Emulator, tmp_path: Path, include: Any
) -> None:
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidInput, match=r"include=.*it has docs/readme\.md, model\.onnx, empty"):
        repository.pull("v1", tmp_path / "target", include=include)
    assert storage(acr_emulator) == 0
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("include", [[1], [None], ["\ud800"]])
def test_what_is_no_pattern_is_refused(repository: acr.Repository, tmp_path: Path, include: Any) -> None:
    with pytest.raises(acr.InvalidInput, match="include"):
        repository.pull("v1", tmp_path / "target", include=include)


def test_names_are_checked_also_of_files_that_are_not_wanted(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    title = "org.opencontainers.image.title"
    layers = [
        {**repository.upload_blob(name.encode()).to_json(), "annotations": {title: name}} for name in ("ok", "../out")
    ]
    config = {**repository.upload_blob(b"{}").to_json(), "mediaType": media_types.OCI_EMPTY}
    content = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, "config": config, "layers": layers}
    repository.put_manifest(content, tag="v1")
    with pytest.raises(acr.InvalidReference):
        repository.pull("v1", tmp_path / "target", include="ok")


def test_a_layout_takes_the_whole(repository: acr.Repository, acr_emulator: Emulator) -> None:
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidInput, match="include: .* into a folder"):
        repository.pull("v1", acr.Memory(), include="*.onnx")  # type: ignore[call-overload]
    assert acr_emulator.requests == []

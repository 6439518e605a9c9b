"""Artifacts made of files: pushed the OCI 1.1 way, pulled to the same names, nothing written where it must not be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import bytes_of, image_manifest, push_image, push_index
from tests.twin import Twin

MIB = 1024 * 1024
TITLE = "org.opencontainers.image.title"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "source"
    folder.mkdir()
    contents = {"model.onnx": bytes_of(5 * MIB), "sbom.json": b'{"spdxVersion":"SPDX-2.3"}', "empty": b""}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def push_layers(repository: acr.Repository, titles: list[str | None]) -> None:
    """Push what a client without manners may push."""
    empty = repository.upload_blob(b"{}")
    layers = []
    for number, title in enumerate(titles):
        blob = repository.upload_blob(b"layer %d" % number)
        layers.append({**blob.to_json(), **({"annotations": {TITLE: title}} if title is not None else {})})
    manifest: dict[str, Any] = {**image_manifest(empty, []), "layers": layers}
    repository.put_manifest(manifest, tag="v1")


def test_files_come_back_under_their_names(registry: acr.Registry, files: list[Path], tmp_path: Path) -> None:
    repository = registry.repository("team/app")
    pushed = repository.push_artifact(files, tag="v1", artifact_type="application/x-model")
    pulled = repository.pull("v1", tmp_path / "target")
    assert pulled.manifest.digest == pushed.digest
    assert [path.name for path in pulled.files] == [path.name for path in files]
    assert [path.read_bytes() for path in pulled.files] == [path.read_bytes() for path in files]
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == sorted(path.name for path in files)


def test_the_manifest_is_that_of_an_oci_artifact(registry: acr.Registry, files: list[Path]) -> None:
    repository = registry.repository("app")
    named = [acr.File(files[0], title="models/model.onnx", media_type="application/x-onnx", annotations={"a": "b"})]
    repository.push_artifact(named, tag="v1", artifact_type="application/x-model", annotations={"made": "here"})
    manifest = repository.manifest("v1").get()
    assert manifest.media_type == media_types.OCI_MANIFEST
    assert (manifest.artifact_type, dict(manifest.annotations)) == ("application/x-model", {"made": "here"})
    assert manifest.config is not None
    assert (manifest.config.media_type, manifest.config.size) == (media_types.OCI_EMPTY, 2)
    (layer,) = manifest.layers
    assert (layer.media_type, dict(layer.annotations)) == ("application/x-onnx", {"a": "b", TITLE: "models/model.onnx"})


def test_a_title_with_folders_makes_them(registry: acr.Registry, files: list[Path], tmp_path: Path) -> None:
    repository = registry.repository("app")
    repository.push_artifact([acr.File(files[1], title="docs/a/sbom.json")], tag="v1")
    repository.pull("v1", tmp_path / "target")
    assert (tmp_path / "target/docs/a/sbom.json").read_bytes() == files[1].read_bytes()


def test_an_artifact_without_files(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    repository.push_artifact([], tag="v1", artifact_type="application/x-mark")
    assert list(repository.pull("v1", tmp_path / "target").files) == []


def test_an_artifact_is_attached_to_a_subject(registry: acr.Registry, files: list[Path]) -> None:
    repository = registry.repository("app")
    subject = push_image(repository, tag="v1")
    sbom = repository.push_artifact(files[1:2], artifact_type="application/spdx+json", subject="v1")
    (found,) = repository.manifest("v1").referrers()
    assert (found.digest, found.artifact_type) == (sbom.digest, "application/spdx+json")
    assert repository.manifest(sbom.digest).get().subject == subject


def test_what_is_there_is_not_sent_again(registry: acr.Registry, acr_emulator: Emulator, files: list[Path]) -> None:
    repository = registry.repository("app")
    repository.push_artifact(files, tag="v1")
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    repository.push_artifact(files, tag="v2", progress=events.append)
    assert {type(event) for event in events} == {acr.Skipped}
    assert {r.method for r in acr_emulator.requests} == {"HEAD", "PUT"}


def test_a_platform_is_chosen_out_of_an_index(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64/v8"])
    pulled = repository.pull("v1", tmp_path, platform="linux/arm64")
    assert pulled.files[0].read_bytes() == b"linux/arm64/v8"
    with pytest.raises(acr.InvalidInput, match="linux/amd64, linux/arm64/v8"):
        repository.pull("v1", tmp_path)
    with pytest.raises(acr.InvalidInput, match="linux/amd64, linux/arm64/v8"):
        repository.pull("v1", tmp_path, platform="windows/amd64")
    with pytest.raises(acr.InvalidInput, match="linux/arm64"):
        repository.pull("v1", tmp_path, platform="arm64")


@pytest.mark.parametrize(
    "title", ["/etc/passwd", "../escape", "a/../../escape", "a//b", ".", "C:\\x", "c:x", "a\\b", "a\nb", "/"]
)
def test_a_title_that_leads_elsewhere_is_refused_before_anything_is_fetched(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, title: str
) -> None:
    repository = registry.repository("app")
    push_layers(repository, ["fine", title])
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidReference, match="title"):
        repository.pull("v1", tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert not [r for r in acr_emulator.requests if "/blobs/" in r.path]


def test_a_link_in_the_folder_is_not_followed_out_of_it(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_layers(repository, ["out/file"])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(acr.InvalidReference, match="link"):
        repository.pull("v1", tmp_path / "target")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(
    registry: acr.Registry, tmp_path: Path
) -> None:
    repository = registry.repository("app")
    push_layers(repository, ["file"])
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (tmp_path / "target").mkdir()
    (tmp_path / "target/file").symlink_to(precious)
    repository.pull("v1", tmp_path / "target")
    assert precious.read_bytes() == b"precious"
    assert (tmp_path / "target/file").read_bytes() == b"layer 0"


def test_two_layers_of_one_title_are_refused(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_layers(repository, ["file", "file"])
    with pytest.raises(acr.InvalidReference, match="two layers"):
        repository.pull("v1", tmp_path)


@pytest.mark.parametrize("titles", [["a", "a/b"], ["a/b/c", "x", "a"]])
def test_a_title_within_another_is_refused_before_anything_is_written(
    registry: acr.Registry, tmp_path: Path, titles: list[str | None]
) -> None:
    repository = registry.repository("app")
    push_layers(repository, titles)
    with pytest.raises(acr.InvalidReference, match="layers with the titles 'a' and 'a/b"):
        repository.pull("v1", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_layer_cannot_take_the_place_of_another_one_that_is_still_coming(
    registry: acr.Registry, tmp_path: Path
) -> None:
    """Its title was the name that the other one has until it is whole: and that was renamed, unverified."""
    repository = registry.repository("app")
    digest = acr.Digest.of(b"layer 0")
    push_layers(repository, ["good.bin", f".good.bin.{digest.hex[:16]}.part"])
    with pytest.raises(acr.InvalidReference, match="while they are downloaded"):
        repository.pull("v1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_a_title_is_named_by_its_digest(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_layers(repository, [None])
    (path,) = repository.pull("v1", tmp_path).files
    assert path.name == acr.Digest.of(b"layer 0").replace(":", "-")
    assert path.read_bytes() == b"layer 0"


def test_a_layer_larger_than_its_manifest_says_is_refused(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    repository = registry.repository("app")
    empty, blob = repository.upload_blob(b"{}"), repository.upload_blob(b"layer")
    layer = {**blob.to_json(), "size": 4, "annotations": {TITLE: "file"}}
    body = {**image_manifest(empty, []), "layers": [layer]}
    content = acr.Manifest.of(body)
    headers = {"Content-Type": content.media_type, "Docker-Content-Digest": content.digest}
    acr_emulator.fail(path_contains="/manifests/v1", status=200, headers=headers, body=content.content)
    with pytest.raises(acr.SizeMismatch):
        repository.pull("v1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pull_that_fails_leaves_no_part_of_a_file(
    twin: Twin, acr_emulator: Emulator, files: list[Path], tmp_path: Path
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    repository = registry.repository("app")
    repository.push_artifact(files[:1], tag="v1")
    acr_emulator.fail(times=ALWAYS, origin="storage", drop_after=MIB)
    with pytest.raises(acr.TransportError):
        repository.pull("v1", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_files_that_are_missing_or_named_alike_are_refused_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator, files: list[Path], tmp_path: Path
) -> None:
    repository = registry.repository("app")
    with pytest.raises(acr.InvalidInput, match="there is neither at .*none; check the path"):
        repository.push_artifact([tmp_path / "none"], tag="v1")
    with pytest.raises(acr.InvalidInput, match=f"there is neither at none in {re.escape(str(Path.cwd()))}; check"):
        repository.push_artifact(["none"], tag="v1")
    with pytest.raises(acr.InvalidInput, match="title"):
        repository.push_artifact([files[0], files[0]], tag="v1")
    with pytest.raises(acr.InvalidInput, match="list of files"):
        repository.push_artifact(str(files[0]), tag="v1")
    with pytest.raises(acr.InvalidReference, match="tag"):
        repository.push_artifact(files, tag="not a tag")
    assert acr_emulator.requests == []


@pytest.mark.parametrize(
    "artifact_type", ["", "not a type", "application", "application/*", "*/*", "a/b; c=d", "a/b\n"]
)
def test_a_type_that_is_none_is_refused_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator, files: list[Path], artifact_type: str
) -> None:
    with pytest.raises(acr.InvalidInput, match="expected a media type"):
        registry.repository("app").push_artifact(files, artifact_type=artifact_type)
    assert acr_emulator.requests == []


@pytest.mark.parametrize("annotations", [{"made": 5}, {5: "made"}, {"made": None}, {"made": b"here"}, ["made"], "made"])
def test_annotations_that_are_no_text_are_refused_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator, files: list[Path], annotations: Any
) -> None:
    with pytest.raises(acr.InvalidInput, match="annotation"):
        registry.repository("app").push_artifact(files, annotations=annotations)
    with pytest.raises(acr.InvalidInput, match="annotation"):
        acr.File(files[0], annotations=annotations)
    assert acr_emulator.requests == []


@pytest.mark.parametrize("given", [b"content", [b"content"], [bytearray(b"content")], [None]])
def test_content_that_is_no_file_is_refused_and_the_error_says_what_to_do(registry: acr.Registry, given: Any) -> None:
    with pytest.raises(acr.InvalidInput, match="expected a path or a File, .* to a file first"):
        registry.repository("app").push_artifact(given)


@pytest.mark.parametrize("path", [".", "..", "/"])
def test_a_path_without_a_name_is_refused_and_the_error_says_what_to_do(registry: acr.Registry, path: str) -> None:
    with pytest.raises(acr.InvalidReference, match=r"name the folder itself, or pass File\(path, title=\.\.\.\)"):
        registry.repository("app").push_artifact([path])


def test_a_missing_subject_is_an_error_before_anything_is_sent(
    registry: acr.Registry, acr_emulator: Emulator, files: list[Path]
) -> None:
    with pytest.raises(acr.NotFound):
        registry.repository("app").push_artifact(files, subject="none")
    assert not [r for r in acr_emulator.requests if r.method in ("POST", "PUT") and r.path.startswith("/v2/")]


def test_the_events_name_the_files(registry: acr.Registry, files: list[Path], tmp_path: Path) -> None:
    repository = registry.repository("app")
    events: list[acr.ProgressEvent] = []
    repository.push_artifact(files[:1], tag="v1", progress=events.append)
    repository.pull("v1", tmp_path / "target", progress=events.append)
    assert {event.item.name for event in events} == {"model.onnx"}
    assert sum(event.count for event in events if isinstance(event, acr.Moved)) == 2 * 5 * MIB
    assert sum(isinstance(event, acr.Done) for event in events) == 2


def test_a_layer_that_an_image_has_twice_is_one_file(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    config, layer = repository.upload_blob(b"{}"), repository.upload_blob(b"empty layer of a build")
    repository.put_manifest(image_manifest(config, [layer, layer]), tag="v1")
    pulled = repository.pull("v1", tmp_path)
    assert [path.read_bytes() for path in pulled.files] == [b"empty layer of a build"]
    assert [one.digest for one in pulled.layers] == [layer.digest]


def test_a_subject_is_named_with_its_size(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """With that of what was read: a HEAD need not tell it, or may tell a wrong one."""
    repository = registry.repository("app")
    subject = push_image(repository, tag="v1")
    before = len(acr_emulator.requests)
    pushed = repository.push_artifact([], subject="v1")
    assert repository.manifest(pushed.digest).get().subject == subject
    asked = [r.method for r in acr_emulator.requests[before:] if r.path.endswith("/manifests/v1")]
    assert asked == ["GET"]


def test_the_first_failure_stops_the_rest(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    """Not only those that have not begun: a push of gigabytes is not carried on behind an error."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), sleep=twin.real_sleep)
    repository = registry.repository("app")
    files = [tmp_path / name for name in ("one", "two")]
    for number, file in enumerate(files):
        file.write_bytes(bytes_of(9 * MIB + number))
    acr_emulator.fail(method="PATCH", status=429, headers={"Retry-After": "20"})  # whichever comes first has to wait
    acr_emulator.fail(method="PATCH", status=403)
    with pytest.raises(acr.Denied):
        repository.push_artifact(files, tag="v1")
    assert [r.status for r in acr_emulator.requests if r.method == "PATCH"] == [429, 403]
    assert acr_emulator.open_uploads == []


def test_a_manifest_that_is_index_and_image_at_once_is_not_pulled_into_a_folder(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """CVE-2021-41190: what it means would be up to who reads it."""
    app = registry.repository("app")
    app.push_artifact([], tag="v1")
    manifest = app.manifest("v1").get()
    both = json.dumps({**manifest.json, "manifests": []}).encode()
    headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": acr.Digest.of(both)}
    acr_emulator.fail(method="GET", path_contains="/manifests/v1", status=200, body=both, headers=headers)
    with pytest.raises(acr.ProtocolViolation, match="has both manifests and config"):
        app.pull("v1", tmp_path / "files")
    assert not (tmp_path / "files").exists()

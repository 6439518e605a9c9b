"""`digest`, `show`, `tree` and `manifest`."""

from __future__ import annotations

import json
from pathlib import Path

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.cli.conftest import Acr, call
from tests.content import image_manifest
from tests.makes.registry import OtherMake


def push_hostile(repository: acr.Repository, tag: str) -> acr.Descriptor:
    """An image whose labels, variables and annotations try to control a terminal."""
    bad = "\x1b[2J\x1b]0;owned\x07\r\n\u202eevil\x9b31m"
    config = {
        "os": "linux",
        "architecture": "amd64",
        "created": bad,
        "config": {"Labels": {bad: bad, "number": 5}, "Env": [bad], "User": bad, "Cmd": [bad]},
    }
    blob = repository.upload_blob(json.dumps(config).encode())
    layer = repository.upload_blob(b"layer")
    return repository.put_manifest(image_manifest(blob, [layer], annotations={bad: bad}), tag=tag)


def assert_harmless(text: str) -> None:
    for one in text:
        assert one.isprintable() or one == "\n", repr(one)


def test_digest(acr_here: Acr, app: acr.Repository) -> None:
    whole, latest = app.manifest("v1.0").get(), app.manifest("latest").head()
    assert acr_here("digest", "team/app:v1.0", "team/app:latest").lines == [whole.digest, latest.digest]
    done = acr_here("digest", "team/app")
    assert done.lines == [latest.digest]
    assert "taking team/app:latest" in done.err
    assert acr_here("digest", "team/app", "--quiet").err == ""
    (arm,) = [one for one in whole.manifests if one.platform and one.platform.architecture == "arm64"]
    asked = acr_here("digest", "team/app:v1.0", "--platform", "linux/arm64", "--full-ref")
    assert asked.lines == [f"team/app@{arm.digest}"]
    missing = acr_here("digest", "team/app:v1.0", "--platform", "plan9/mips")
    assert missing.code == 2
    assert "linux/arm64" in missing.err


def test_a_missing_manifest(acr_here: Acr, app: acr.Repository) -> None:
    for verb in ("digest", "show", "tree", "manifest"):
        done = acr_here(verb, "team/app:nothing")
        assert (done.code, done.out) == (1, "")
        assert "correlation id" in done.err


def _contents(image: acr.Manifest) -> dict[str, int]:
    parts = [image.descriptor, *([image.config] if image.config else []), *image.layers]
    return {part.digest: part.size for part in parts}


def test_show_an_index(acr_here: Acr, app: acr.Repository) -> None:
    found = acr_here("show", "team/app:v1.0", "-o", "json").json
    index = app.manifest("v1.0").get()
    assert found["digest"] == index.digest
    assert [one["platform"] for one in found["platforms"]] == ["linux/amd64", "linux/arm64"]
    images = [app.manifest(one.digest).get() for one in index.manifests]
    assert [one["size"] for one in found["platforms"]] == [sum(_contents(image).values()) for image in images]
    shared = {digest: size for image in images for digest, size in _contents(image).items()}
    assert len(shared) < sum(len(_contents(image)) for image in images)  # they share something, which counts once
    assert found["size"] == index.size + sum(shared.values())
    assert [one["artifact_type"] for one in found["referrers"]] == ["application/spdx+json"]
    assert (found["tags"], found["locks"], found["tag_locks"]) == (["v1.0"], [], [])
    app.tag("v1.0").update(can_delete=False)
    assert acr_here("inspect", "team/app:v1.0", "-o", "json").json["tag_locks"] == ["delete"]
    text = acr_here("show", "team/app:v1.0").out
    assert "linux/arm64" in text
    assert "locks of the tag: delete" in text


def test_show_an_image(acr_here: Acr, app: acr.Repository) -> None:
    one = acr_here("show", "team/app:v1.0", "--platform", "linux/amd64", "-o", "json").json
    manifest = app.manifest(one["digest"]).get()
    assert one["platform"] == "linux/amd64"
    assert one["size"] == manifest.size + sum(part.size for part in [manifest.config, *manifest.layers] if part)
    assert acr_here("show", "team/app:v1.0", "-o", "name").lines == [app.manifest("v1.0").head().digest]


def test_nothing_of_an_image_is_printed_raw(acr_here: Acr, there: acr.Registry) -> None:
    image = push_hostile(there.repository("evil"), "v1")
    for form in ([], ["-o", "table"], ["-o", "json"], ["-o", "csv"], ["-o", "tsv"], ["-o", "jsonl"]):
        for tty in (False, True):
            done = acr_here("show", "evil:v1", *form, tty=tty)
            assert done.code == 0
            assert_harmless(done.out.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\t", ""))
    shown = acr_here("manifest", "evil:v1", tty=True).out
    assert_harmless(shown)
    assert_harmless(acr_here("manifest", "evil:v1", "--raw", tty=True).out)
    assert acr_here("show", "evil:v1", "-o", "json").json["labels"]["number"] == "5"
    there.repository("evil").push_artifact([], artifact_type="application/x-a", tag="x", subject=image.digest)
    assert_harmless(acr_here("tree", "evil:v1").out)


def test_manifests_are_printed_byte_for_byte_in_a_pipe(acr_here: Acr, app: acr.Repository) -> None:
    manifest = app.manifest("v1.0").get()
    for raw in ([], ["--raw"]):
        assert acr_here("manifest", "team/app:v1.0", *raw).out.encode() == manifest.content
    assert json.loads(acr_here("manifest", "team/app:v1.0", tty=True).out) == manifest.json
    child = acr_here("manifest", "team/app:v1.0", "--platform", "linux/arm64").out.encode()
    assert acr.Digest.of(child) in [one.digest for one in manifest.manifests]


def test_a_tree(acr_here: Acr, app: acr.Repository) -> None:
    root = acr_here("tree", "team/app:v1.0", "-o", "json").json
    assert root["kind"] == "index"
    assert [part["name"] for part in root["parts"]] == ["linux/amd64", "linux/arm64"]
    sbom, signature = root["referrers"]
    assert (sbom["kind"], sbom["name"]) == ("artifact", "application/spdx+json")
    assert [one["name"] for one in sbom["referrers"]] == ["application/vnd.example.signature"]
    assert (signature["kind"], signature["name"][-4:]) == ("signature", ".sig")
    lines = acr_here("tree", "team/app:v1.0").lines
    assert len(lines) == 6
    assert lines[1].startswith("├── linux/amd64  ")
    assert lines[4].startswith("│   └── artifact: application/vnd.example.signature  ")
    assert len(acr_here("tree", "team/app:v1.0", "--no-cosign").lines) == 5
    assert len(acr_here("tree", "team/app:v1.0", "--no-referrers").lines) == 3
    assert len(acr_here("tree", "team/app:v1.0", "-o", "name").lines) == 6


def test_a_tree_names_what_is_missing(acr_here: Acr, app: acr.Repository) -> None:
    child = app.manifest("v1.0").get().manifests[0]
    app.manifest(child.digest).delete()
    done = acr_here("tree", "team/app:v1.0")
    assert done.code == 0
    assert "missing" in done.lines[1]


def test_a_tree_without_an_end_is_cut(acr_here: Acr, there: acr.Registry) -> None:
    repository = there.repository("deep")
    inner = repository.push_artifact([])
    for _ in range(20):
        index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [inner.to_json()]}
        inner = repository.put_manifest(index, tag="top")
    done = acr_here("tree", "deep:top", "--no-referrers")
    assert done.code == 3
    assert "is cut there" in done.err


def test_registries_of_other_makes(home: Path) -> None:
    with OtherMake() as make:
        image = make.add_image("app", b"a layer", tag="v1")
        shown = call(["show", f"{make.url}/app:v1", "-o", "json"]).json
        assert shown["digest"] == image
        assert shown["locks"] is None
        assert call(["digest", f"{make.url}/app:v1"]).lines == [image]
        assert call(["tree", f"{make.url}/app:v1"]).code == 0


def test_a_config_that_is_too_large_is_not_read(acr_here: Acr, there: acr.Registry, acr_emulator: Emulator) -> None:
    repository = there.repository("app")
    config = repository.upload_blob(b" " * (5 * 1024**2))
    repository.put_manifest(image_manifest(config, []), tag="v1")
    acr_emulator.clear_requests()
    done = acr_here("show", "app:v1")
    assert done.code == 1
    assert "4 MiB" in done.err
    assert not [one for one in acr_emulator.requests if one.method == "GET" and "/blobs/" in one.path]

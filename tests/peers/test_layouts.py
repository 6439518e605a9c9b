"""Layouts, archives and packed folders, between us and skopeo and oras: each reads what the other wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from acr import Digest, DockerArchive, Layout, Manifest, media_types
from acr._core.images.artifacts import EMPTY
from acr._outside.tar.folders import pack, unpack
from acr._values.files import CONTENT_DIGEST, TITLE, UNPACK
from acr._values.manifest import EMPTY_CONFIG
from acr._values.unpacking import UnpackLimits
from tests.outside.stores import copy_all, everything, write_blob
from tests.peers import images
from tests.peers.tools import installed, run


def skopeo(home: Path, source: str, target: str) -> None:
    """Copy an image with all its platforms."""
    run(installed("skopeo"), "--insecure-policy", "copy", "--quiet", "--all", source, target, home=home)


@pytest.fixture(params=["image", "index"])
def pushed(request: pytest.FixtureRequest) -> Path:
    """A layout that neither of them wrote."""
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.mark.parametrize(("kind", "name"), [("oci", "layout"), ("oci-archive", "layout.tar")])
def test_skopeo_reads_what_we_write(tmp_path: Path, pushed: Path, kind: str, name: str) -> None:
    ours = Layout(tmp_path / name)
    copy_all(Layout(pushed), images.TAG, ours, "v1")
    copy_all(Layout(pushed), None, ours, "docker.io/team/app:v2")

    for tag in ("v1", "docker.io/team/app:v2"):
        theirs = tmp_path / f"theirs-{tag[-2:]}"
        skopeo(tmp_path, f"{kind}:{tmp_path}/{name}:{tag}", f"oci:{theirs}:{images.TAG}")
        images.check_same(theirs, pushed)


@pytest.mark.parametrize(("kind", "name"), [("oci", "layout"), ("oci-archive", "layout.tar")])
def test_we_read_what_skopeo_writes(tmp_path: Path, pushed: Path, kind: str, name: str) -> None:
    skopeo(tmp_path, f"oci:{pushed}:{images.TAG}", f"{kind}:{tmp_path}/{name}:team/app:v1")
    theirs = Layout(tmp_path / name)

    assert theirs.tags() == ("team/app:v1",)
    copy_all(theirs, "v1", Layout(tmp_path / "ours"), images.TAG)
    images.check_same(tmp_path / "ours", pushed)


def test_we_add_to_what_skopeo_wrote(tmp_path: Path, image: Path, index: Path) -> None:
    skopeo(tmp_path, f"oci:{image}:{images.TAG}", f"oci-archive:{tmp_path}/x.tar:one")
    copy_all(Layout(index), None, Layout(tmp_path / "x.tar"), "two")

    for tag, source in (("one", image), ("two", index)):
        skopeo(tmp_path, f"oci-archive:{tmp_path}/x.tar:{tag}", f"oci:{tmp_path}/{tag}:{images.TAG}")
        images.check_same(tmp_path / tag, source)


def test_docker_archives_of_skopeo_are_read_as_skopeo_reads_them(tmp_path: Path, image: Path) -> None:
    archive = f"docker-archive:{tmp_path}/x.tar"
    skopeo(tmp_path, f"oci:{image}:{images.TAG}", f"{archive}:team/app:v1")
    ours = DockerArchive(tmp_path / "x.tar")
    assert ours.tags() == ("docker.io/team/app:v1",)
    manifest = ours.manifest(ours.resolve("v1").digest)

    skopeo(tmp_path, f"{archive}:team/app:v1", f"dir:{tmp_path}/theirs")
    theirs = json.loads((tmp_path / "theirs" / "manifest.json").read_text())
    assert manifest.config is not None
    assert manifest.config.digest == theirs["config"]["digest"]
    config = json.loads(everything(ours, manifest.config))
    assert [layer.digest for layer in manifest.layers] == config["rootfs"]["diff_ids"]
    assert {layer.media_type for layer in manifest.layers} == {media_types.DOCKER_LAYER}

    # And what we make of it is an image for skopeo again. Its layouts know OCI's types only, hence the other way.
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "version").write_text("Directory Transport Version: 1.1\n")
    (copy / "manifest.json").write_bytes(manifest.content)
    for blob in (manifest.config, *manifest.layers):
        (copy / blob.digest.hex).write_bytes(everything(ours, blob))
    skopeo(tmp_path, f"dir:{copy}", f"docker-archive:{tmp_path}/again.tar:team/app:v1")
    again = DockerArchive(tmp_path / "again.tar")
    assert again.resolve(None).digest == manifest.digest


def test_oras_and_we_read_each_others_layouts(tmp_path: Path, pushed: Path) -> None:
    oras = installed("go") / "oras"
    copy_all(Layout(pushed), None, Layout(tmp_path / "ours"), images.TAG)
    copy = "cp", "--from-oci-layout", f"ours:{images.TAG}", "--to-oci-layout", "theirs:v2"
    run(oras, *copy, home=tmp_path)
    assert Layout(tmp_path / "theirs").tags() == ("v2",)

    copy_all(Layout(tmp_path / "theirs"), None, Layout(tmp_path / "ours.tar"), images.TAG)
    copy = "cp", "--from-oci-layout", f"ours.tar:{images.TAG}", "--to-oci-layout", f"again:{images.TAG}"
    run(oras, *copy, home=tmp_path)
    images.check_same(tmp_path / "again", pushed)


def folder_of(path: Path) -> Path:
    (path / "sub" / "empty").mkdir(parents=True)
    (path / "sub" / "run").write_text("#!/bin/sh\n")
    (path / "sub" / "run").chmod(0o755)
    (path / "weights").write_bytes(os.urandom(100_000))
    (path / "sub" / "link").symlink_to("../weights")
    return path


def tree(path: Path) -> dict[str, tuple[int, object]]:
    found: dict[str, tuple[int, object]] = {}
    for one in path.rglob("*"):
        content = one.readlink() if one.is_symlink() else one.read_bytes() if one.is_file() else None
        found[str(one.relative_to(path))] = (one.lstat().st_mode, content)
    return found


@pytest.mark.parametrize("title", ["model", "models/v1"])
def test_oras_unpacks_the_folders_that_we_pack(tmp_path: Path, title: str) -> None:
    folder = folder_of(tmp_path / "model")
    layout = Layout(tmp_path / "layout")
    write_blob(layout, EMPTY_CONFIG)
    with pack(folder, title) as packed:
        write_blob(layout, packed.path.read_bytes())
    layer = {
        "mediaType": packed.media_type,
        "digest": packed.digest,
        "size": packed.size,
        "annotations": dict(packed.annotations),
    }
    manifest = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, "artifactType": "text/model"}
    artifact = Manifest.of({**manifest, "config": EMPTY.to_json(), "layers": [layer]})
    layout.put(artifact)
    layout.tag(artifact.descriptor, "v1")
    layout.commit()

    run(installed("go") / "oras", "pull", "--oci-layout", f"{tmp_path}/layout:v1", "--output", "out", home=tmp_path)
    assert tree(tmp_path / "out" / title) == tree(folder)


def test_we_unpack_the_folders_that_oras_packs(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    run(installed("go") / "oras", "push", "--oci-layout", f"{tmp_path}/layout:v1", "model", home=tmp_path)
    layout = Layout(tmp_path / "layout")
    (layer,) = layout.manifest(layout.resolve("v1").digest).layers
    assert (layer.media_type, layer.annotations[UNPACK]) == (media_types.OCI_LAYER_GZIP, "true")

    with layout.open(layer) as file:
        digest = layer.annotations[CONTENT_DIGEST]
        made = unpack(file, tmp_path / "out", title=layer.annotations[TITLE], limits=UnpackLimits(), digest=digest)
    assert tree(made) == tree(folder)
    assert Digest(digest).algorithm == "sha256"

"""Archives of docker save: the same manifest each time, layers as they lie there, in the forms that docker wrote."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from acr import (
    Descriptor,
    Digest,
    DigestMismatch,
    DockerArchive,
    InvalidInput,
    Layout,
    LimitExceeded,
    TransferError,
    errors,
    media_types as types,
)
from acr._outside.layouts.roots import INDEX_LIMIT
from acr.protocols import Local
from tests.outside.stores import add, described, everything, write_tar

LAYERS = [b"first layer" * 100, b"second layer" * 200]


def config_of(*layers: bytes, mark: str = "") -> bytes:
    rootfs = {"type": "layers", "diff_ids": [Digest.of(layer) for layer in layers]}
    return json.dumps({"os": "linux", "architecture": "amd64", "mark": mark, "rootfs": rootfs}).encode()


def listed(config: str, layers: list[str], tags: list[str] | None) -> dict[str, Any]:
    return {"Config": config, "RepoTags": tags, "Layers": layers}


def classic(path: Path) -> Path:
    """As docker wrote them before 25: a folder for each layer, and a link where a layer is there twice."""
    config = config_of(*LAYERS, LAYERS[0])
    name = f"{Digest.of(config).hex}.json"
    with tarfile.open(path, "w") as tar:
        add(tar, "a", type=tarfile.DIRTYPE)
        add(tar, "a/VERSION", b"1.0")
        add(tar, "a/layer.tar", LAYERS[0])
        add(tar, "b/layer.tar", LAYERS[1])
        add(tar, "c/layer.tar", type=tarfile.SYMTYPE, linkname="../a/layer.tar")
        add(tar, name, config)
        layers = ["a/layer.tar", "b/layer.tar", "c/layer.tar"]
        add(tar, "manifest.json", json.dumps([listed(name, layers, ["team/app:v1", "team/app:latest"])]).encode())
        add(tar, "repositories", b"{}")
    return path


def as_layout(path: Path) -> Path:
    """As docker writes them since 25: blobs by digest, with an OCI layout around, and layers that may have gzip."""
    packed = gzip.compress(LAYERS[1], mtime=0)
    config = config_of(*LAYERS, LAYERS[0])
    blobs = {f"blobs/sha256/{Digest.of(content).hex}": content for content in (config, LAYERS[0], packed)}
    named, first, second = blobs
    images = [listed(named, [first, second, first], ["team/app:v1", "team/app:latest"])]
    return write_tar(path, {**blobs, "manifest.json": json.dumps(images).encode()})


def test_an_archive_is_no_layout_and_no_target(tmp_path: Path) -> None:
    saved = classic(tmp_path / "saved.tar")
    with pytest.raises(TransferError, match="it is an archive of `docker save`: open it as DockerArchive"):
        Layout(saved).resolve(None)
    with pytest.raises(InvalidInput, match="is read only: copy into a Layout"):
        DockerArchive(tmp_path / "new.tar").has(Descriptor("a/b", Digest.of(b""), 0))


@pytest.mark.parametrize("write", [classic, as_layout])
def test_an_image_is_read_as_a_docker_manifest(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    archive = DockerArchive(write(tmp_path / "image.tar"))
    local: Local = archive
    assert archive.tags() == ("team/app:v1", "team/app:latest")
    found = local.resolve(None)
    for reference in ("team/app:v1", "v1", "latest", found.digest):
        assert local.resolve(reference) == found

    manifest = local.manifest(found.digest)
    assert manifest.media_type == found.media_type == types.DOCKER_MANIFEST
    assert manifest.json["mediaType"] == types.DOCKER_MANIFEST
    assert manifest.config is not None
    assert manifest.config.media_type == types.DOCKER_CONFIG
    assert json.loads(everything(local, manifest.config))["architecture"] == "amd64"
    second = (types.DOCKER_LAYER, LAYERS[1])
    if write is as_layout:
        second = (types.DOCKER_LAYER_GZIP, gzip.compress(LAYERS[1], mtime=0))
    expected = [(types.DOCKER_LAYER, LAYERS[0]), second, (types.DOCKER_LAYER, LAYERS[0])]
    assert [(layer.media_type, everything(local, layer)) for layer in manifest.layers] == expected
    assert all(local.has(layer) for layer in (*manifest.layers, manifest.config, found))
    assert local.referrers(found.digest) == ()


def test_the_manifest_is_the_same_each_time(tmp_path: Path) -> None:
    one = DockerArchive(classic(tmp_path / "one.tar")).resolve(None)
    assert DockerArchive(classic(tmp_path / "other.tar")).resolve(None) == one
    # Pinned: a registry that has the image has it under this digest.
    assert one.digest == "sha256:5981669ee7334a52f5470e17b7f107b35191515443b7010052d295e982476915"


def several(path: Path) -> Path:
    configs = [config_of(LAYERS[0], mark=mark) for mark in ("app", "lib", "none")]
    names = [f"{Digest.of(config).hex}.json" for config in configs]
    tags = [["team/app:v1", "same:v1"], ["team/lib:v1", "team/lib:v2"], None]
    images = [listed(name, ["layer.tar"], tagged) for name, tagged in zip(names, tags, strict=True)]
    files = dict(zip(names, configs, strict=True))
    return write_tar(path, {**files, "layer.tar": LAYERS[0], "manifest.json": json.dumps(images).encode()})


def test_one_of_several_images_is_named(tmp_path: Path) -> None:
    archive = DockerArchive(several(tmp_path / "images.tar"))
    marks = {}
    for reference in ("team/app:v1", "same:v1", "team/lib:v1", "v2"):
        config = archive.manifest(archive.resolve(reference).digest).config
        assert config is not None
        marks[reference] = json.loads(everything(archive, config))["mark"]
    assert marks == {"team/app:v1": "app", "same:v1": "app", "team/lib:v1": "lib", "v2": "lib"}
    with pytest.raises(TransferError, match=r"name one of them: team/app:v1, team/lib:v1, [0-9a-f]{64}\.json$"):
        archive.resolve(None)
    with pytest.raises(TransferError, match="several images that 'v1' may mean: team/app:v1, team/lib:v1$"):
        archive.resolve("v1")
    for missing in ("v9", "sha256:" + "0" * 64):
        with pytest.raises(TransferError, match=f"has no '?{missing}'?, it has team/app:v1") as caught:
            archive.resolve(missing)
        assert caught.value.side == "source"


def test_blobs_are_found_without_asking_for_the_manifest_first(tmp_path: Path) -> None:
    archive = DockerArchive(several(tmp_path / "images.tar"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: everything(archive, described(LAYERS[0])), range(8)))
    assert found == [LAYERS[0]] * 8
    other = described(b"another")
    assert not archive.has(other)
    assert not archive.has(Descriptor(types.DOCKER_LAYER, Digest.of(LAYERS[0]), 5))
    with pytest.raises(TransferError, match=f"has no {other.digest}"):
        archive.open(other)


def test_nothing_is_written_into_it(tmp_path: Path) -> None:
    archive = DockerArchive(classic(tmp_path / "image.tar"))
    assert repr(archive) == f"DockerArchive('{tmp_path}/image.tar')"
    found = archive.resolve(None)
    writes: list[Callable[[], object]] = [
        lambda: archive.sink(found),
        lambda: archive.put(archive.manifest(found.digest)),
        lambda: archive.tag(found, "v2"),
        archive.commit,
    ]
    for write in writes:
        with pytest.raises(InvalidInput, match="is read only"):
            write()
    archive.abort()


def test_a_layer_that_is_not_the_configs_is_told(tmp_path: Path) -> None:
    config = config_of(LAYERS[0])
    images = json.dumps([listed("config.json", ["layer.tar"], None)]).encode()
    path = write_tar(tmp_path / "x.tar", {"config.json": config, "layer.tar": b"other", "manifest.json": images})
    with pytest.raises(DigestMismatch, match="layer.tar of "):
        DockerArchive(path).resolve(None)


IMAGE = listed("config.json", ["layer.tar"], ["a:b"])


@pytest.mark.parametrize(
    ("images", "config"),
    [
        (b"{", b"{}"),
        (b"{}", b"{}"),
        (b"[" * 100_000, b"{}"),
        (b"[5]", b"{}"),
        ([{**IMAGE, "Config": 5}], b"{}"),
        ([{**IMAGE, "Layers": [5]}], b"{}"),
        ([{**IMAGE, "Layers": "x"}], b"{}"),
        ([{**IMAGE, "RepoTags": [None]}], b"{}"),
        ([{**IMAGE, "Layers": ["absent.tar"]}], config_of(LAYERS[0])),
        ([{**IMAGE, "Config": "absent.json"}], b"{}"),
        ([{**IMAGE, "Config": "../../etc/passwd"}], b"{}"),
        ([IMAGE], b"{"),
        ([IMAGE], b"{}"),
        ([IMAGE], b'{"rootfs": {"diff_ids": 5}}'),
        ([IMAGE], config_of()),
        ([IMAGE], config_of(LAYERS[0], LAYERS[0])),
        ([], b"{}"),
    ],
)
def test_what_docker_would_not_write_is_told(tmp_path: Path, images: Any, config: bytes) -> None:
    content = images if isinstance(images, bytes) else json.dumps(images).encode()
    files = {"config.json": config, "layer.tar": LAYERS[0], "manifest.json": content}
    with pytest.raises((TransferError, errors.ProtocolViolation), match="x.tar"):
        DockerArchive(write_tar(tmp_path / "x.tar", files)).resolve(None)


def test_a_list_is_bounded(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"manifest.json": bytes(INDEX_LIMIT + 1)})
    with pytest.raises(LimitExceeded):
        DockerArchive(path).tags()


def test_what_is_no_such_archive_is_told(tmp_path: Path) -> None:
    paths = {
        tmp_path / "absent.tar": r"^there is no file .*/absent\.tar$",
        write_tar(tmp_path / "x.tar", {"a": b""}): "was not saved by docker: it has no manifest.json",
    }
    for path, message in paths.items():
        with pytest.raises(TransferError, match=message) as caught:
            DockerArchive(path).tags()
        assert caught.value.side == "source"
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(classic(tmp_path / "x.tar").read_bytes()))
    with pytest.raises(TransferError, match=r"is compressed \(gzip\): decompress it first"):
        DockerArchive(tmp_path / "x.tar.gz").tags()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "saved.tar")
    with pytest.raises(TransferError, match="expected a regular file"):
        DockerArchive(tmp_path / "saved.tar").tags()


def test_a_list_that_would_take_too_much_memory_is_not_parsed(tmp_path: Path) -> None:
    content = b"[" + b"[]," * (4 * 1024 * 1024) + b"[]]"
    write_tar(tmp_path / "saved.tar", {"manifest.json": content})
    with pytest.raises(LimitExceeded, match="manifest.json of .*, parsed, would take more than"):
        DockerArchive(tmp_path / "saved.tar").tags()

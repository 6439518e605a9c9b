"""Copies of what is no everyday image: other types, layers that may not move, graphs that are not to be believed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from acr import media_types
from acr._core.images.copying import Options, transfer
from acr._core.images.stores import LocalStore
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import run
from acr.emulator import Emulator
from tests.content import bytes_of
from tests.images import add_blob, add_image, add_index, add_manifest, contents
from tests.twin import Twin

ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
KIB = 1024


@pytest.mark.parametrize(
    "layer",
    [
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "urls": ["https://x.example/l"]},
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "urls": ["https://x.example/l"]},
    ],
)
def test_layers_that_nobody_may_pass_on_stay_where_they_are(
    registry: acr.Registry, acr_emulator: Emulator, layer: dict[str, Any]
) -> None:
    source = acr.Memory()
    foreign = {**layer, "digest": acr.Digest.of(b"foreign"), "size": 7}  # the source has no bytes of it
    ours = add_blob(source, b"ours").to_json()
    image = add_manifest(
        source,
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": add_blob(source, b"{}", media_types.OCI_CONFIG).to_json(),
            "layers": [foreign, ours],
        },
        tag="v1",
    )
    repository = registry.repository("app")
    assert repository.push(source, tag="v1") == image
    target = acr.Memory()
    repository.pull("v1", target)
    registry.copy("app:v1", "two")
    manifest = target.manifest(image.digest)
    assert manifest.layers[0].urls == ("https://x.example/l",)
    assert [target.has(one) for one in manifest.layers] == [False, True]
    assert not [r for r in acr_emulator.requests if foreign["digest"] in r.path]


def test_a_layer_that_can_be_had_elsewhere_too_is_moved_like_any(registry: acr.Registry) -> None:
    """`urls` may stand with any descriptor; who left such a layer out would give an image that lacks it."""
    source = acr.Memory()
    layer = {**add_blob(source, b"layer").to_json(), "urls": ["https://x.example/l"]}
    image = add_image(source, [b"other"])
    content = {**source.manifest(image.digest).json, "layers": [layer]}
    add_manifest(source, dict(content), tag="v1")
    registry.repository("app").push(source, "v1", tag="v1")
    target = acr.Memory()
    pulled = registry.repository("app").pull("v1", target)
    assert contents(target, pulled.digest)[layer["digest"]] == b"layer"


def test_a_cache_of_buildkit_lists_blobs_in_an_index() -> None:
    """Never seen of ACR; distribution takes it."""
    source = acr.Memory()
    config = add_blob(source, b"{}", "application/vnd.buildkit.cacheconfig.v0")
    layer = add_blob(source, b"cached", media_types.OCI_LAYER_GZIP)
    cache = add_index(source, [layer, config], tag="cache")
    target = acr.Memory()
    runtime = BlockingRuntime(Network(timeouts=acr.Timeouts()))
    options = Options(platform=None, referrers=False, concurrency=4, progress=None)
    ends = LocalStore(runtime, source, "source"), LocalStore(runtime, target, "target")
    run(transfer(runtime, *ends, source.manifest(cache.digest), "cache", options))
    assert all(target.has(blob) for blob in (layer, config))


@pytest.mark.parametrize("kind", ["layout", "folder", "copy"])
def test_an_image_that_is_in_no_index_is_of_one_platform_all_the_same(
    registry: acr.Registry, tmp_path: Path, kind: str
) -> None:
    source = acr.Memory()
    add_image(source, [b"layer"], tag="amd")
    repository = registry.repository("app")
    repository.push(source, "amd", tag="amd", platform="linux/amd64")

    def take(platform: str) -> object:
        if kind == "copy":
            return registry.copy("app:amd", "two", platform=platform)
        return repository.pull("amd", acr.Memory() if kind == "layout" else tmp_path, platform=platform)

    assert take("linux/amd64")
    with pytest.raises(acr.InvalidInput, match=r"app\S* is for linux/amd64, and no index: .* for linux/arm64"):
        take("linux/arm64")
    with pytest.raises(acr.InvalidInput, match="expected a platform, .*got 'arm'"):
        take("arm")
    repository.push_artifact([], tag="amd")  # no image: for every platform
    assert take("linux/arm64")


def test_of_two_images_for_one_platform_the_first_is_taken(registry: acr.Registry) -> None:
    """As of podman push --add-compression: one in gzip, one in zstd (OCI image spec, "platform")."""
    source = acr.Memory()
    first, second = (add_image(source, [content]) for content in (b"gzip", b"zstd"))
    add_index(source, [first, second], ["linux/amd64", "linux/amd64"], tag="v1")
    repository = registry.repository("app")
    repository.push(source, tag="v1")
    assert repository.pull("v1", acr.Memory(), platform="linux/amd64") == first


@pytest.mark.parametrize("name", ["other.azurecr.io/app", "me.azurecr.us/app:v1", "{self}/app:v1"])
def test_a_reference_with_a_host_before_it_is_no_repository_of_that_name(registry: acr.Registry, name: str) -> None:
    registry.repository("app").push_artifact([], tag="v1")
    name = name.replace("{self}", registry.login_server)
    for source, target in (("app:v1", name), (name, "app")):
        with pytest.raises(acr.InvalidReference, match="a host"):
            registry.copy(source, target)
    registry.copy("app:v1", "docker.io/library/app")  # as registries that mirror others have it
    assert list(registry.repositories()) == ["app", "docker.io/library/app"]


def test_an_end_of_a_copy_that_is_none_is_told(registry: acr.Registry, tmp_path: Path) -> None:
    wrong: Any
    for wrong in (str(tmp_path), tmp_path):
        with pytest.raises(acr.InvalidInput, match=r"try Layout\("):
            registry.repository("app").push(wrong)
    with pytest.raises(acr.InvalidReference, match="without the repository before it"):
        registry.repository("app").pull("team/app:v1", acr.Memory())


def test_what_a_plain_server_sends_is_what_it_says_itself(twin: Twin) -> None:
    index = json.dumps({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}).encode()
    told = ["application/json"]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=index, headers={"Content-Type": told[0]})

    manifest = twin.connect("registry.example", transport=httpx.MockTransport(answer)).repository("x").manifest("v1")
    for told[0] in ("application/json", "text/plain; charset=utf-8", media_types.OCI_INDEX):
        assert manifest.get().media_type == manifest.head().media_type == media_types.OCI_INDEX
    told[0] = media_types.OCI_MANIFEST
    with pytest.raises(acr.ProtocolViolation, match="says that it is"):
        manifest.get()


def test_an_endless_list_of_what_is_attached_is_not_believed(twin: Twin) -> None:
    image = json.dumps({"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, "layers": []}).encode()
    pages = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal pages
        if "/referrers/" not in request.url.path:
            return httpx.Response(200, content=image, headers={"Content-Type": media_types.OCI_MANIFEST})
        pages += 1
        one = {"mediaType": media_types.OCI_MANIFEST, "digest": acr.Digest.of(b""), "size": 5}
        content = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [one] * 1000}
        link = f'<{request.url.path}?page={pages}>; rel="next"'
        return httpx.Response(200, json=content, headers={"Content-Type": media_types.OCI_INDEX, "Link": link})

    repository = twin.connect("registry.example", transport=httpx.MockTransport(answer)).repository("x")
    with pytest.raises(acr.LimitExceeded, match="10000 manifests"):
        repository.pull("v1", acr.Memory(), referrers=True)
    assert pages == 11


def test_an_artifact_manifest_has_its_blobs(registry: acr.Registry) -> None:
    source = acr.Memory()
    blobs = [add_blob(source, content, "text/plain") for content in (b"one", b"two")]
    content = {"mediaType": ARTIFACT, "artifactType": "a/b", "blobs": [blob.to_json() for blob in blobs]}
    artifact = add_manifest(source, content, tag="v1")
    repository = registry.repository("app")
    assert repository.push(source, tag="v1") == artifact
    assert all(repository.blob(blob.digest).exists() for blob in blobs)
    target = acr.Memory()
    assert repository.pull("v1", target) == artifact
    assert all(target.has(blob) for blob in blobs)


def test_a_type_that_is_not_known_is_judged_by_its_fields(registry: acr.Registry) -> None:
    source = acr.Memory()
    layer = add_blob(source, b"chart", "application/x-chart")
    strange = {"mediaType": "application/x-strange+json", "layers": [layer.to_json()]}
    manifest = add_manifest(source, strange, tag="v1")
    repository = registry.repository("app")
    repository.push(source, tag="v1")
    assert repository.blob(layer.digest).exists()
    assert repository.manifest(manifest.digest).head().media_type == "application/x-strange+json"


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        ({"mediaType": "application/x-strange+json", "parts": []}, acr.TransferError, "of no kind that is known"),
        (
            {"mediaType": media_types.OCI_INDEX, "manifests": [], "layers": []},
            acr.ProtocolViolation,
            "both manifests and layers",
        ),
        (
            {"mediaType": media_types.DOCKER_MANIFEST_SCHEMA1, "schemaVersion": 1, "fsLayers": []},
            acr.TransferError,
            "schema 1, .*skopeo copy --format v2s2",
        ),
        ({"mediaType": media_types.OCI_INDEX, "manifests": [{}]}, acr.ProtocolViolation, "expected an integer"),
    ],
)
@pytest.mark.parametrize("way", ["push", "copy"])
def test_what_cannot_be_judged_is_refused_before_anything_moves(
    registry: acr.Registry,
    acr_emulator: Emulator,
    content: dict[str, Any],
    error: type[acr.AcrError],
    text: str,
    way: str,
) -> None:
    manifest = acr.Manifest.of(content)
    source = acr.Memory()
    if way == "push":
        put_manifest(source, content)
    else:  # the emulator would not take it
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": manifest.digest}
        acr_emulator.fail(
            method="GET", path_contains="manifests/v1", status=200, headers=headers, body=manifest.content
        )
    with pytest.raises(error, match=text):
        if way == "push":
            registry.repository("app").push(source, tag="v1")
        else:
            registry.copy("one:v1", "two")
    assert not [r for r in acr_emulator.requests if r.method in ("PUT", "PATCH")]


def put_manifest(store: acr.Memory, content: dict[str, Any]) -> acr.Descriptor:
    manifest = acr.Manifest.of(content)
    store.put(manifest)
    store.tag(manifest.descriptor, "v1")
    store.commit()
    return manifest.descriptor


def test_a_manifest_of_another_size_than_its_index_says_is_refused(registry: acr.Registry) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"])
    entry = {**image.to_json(), "size": image.size + 1}
    put_manifest(source, {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [entry]})
    with pytest.raises(acr.SizeMismatch, match=str(image.digest)):
        registry.repository("app").push(source, tag="v1")
    assert not registry.repository("app").manifest("v1").exists()


@pytest.mark.parametrize("wrong", [-1, 1])
@pytest.mark.parametrize("way", ["pull", "copy"])
def test_a_blob_of_another_size_than_its_manifest_says_is_refused(
    twin: Twin, acr_emulator: Emulator, way: str, wrong: int
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    repository = registry.repository("app")
    config, layer = repository.upload_blob(b"{}"), repository.upload_blob(b"layer")
    entries = {"config": config.to_json(), "layers": [{**layer.to_json(), "size": layer.size + wrong}]}
    repository.put_manifest({"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, **entries}, tag="v1")
    target = acr.Memory()
    with Emulator() as other, pytest.raises(acr.SizeMismatch):
        if way == "pull":
            repository.pull("v1", target)
        else:
            registry.copy("app:v1", "two", to=twin.connect(other.url, other.credential()))
    assert not target.has(layer)


def test_a_blob_that_two_manifests_have_in_two_sizes_is_refused(registry: acr.Registry) -> None:
    source = acr.Memory()
    config = add_blob(source, b"{}", media_types.OCI_CONFIG).to_json()
    layer = add_blob(source, b"layer").to_json()
    images = [
        add_manifest(
            source,
            {"mediaType": media_types.OCI_MANIFEST, "config": config, "layers": [{**layer, "size": size}]},
        )
        for size in (5, 6)
    ]
    add_index(source, images, tag="v1")
    with pytest.raises(acr.SizeMismatch, match="as two manifests have it"):
        registry.repository("app").push(source)


def test_indexes_may_be_nested_but_not_without_end(registry: acr.Registry) -> None:
    source = acr.Memory()
    top = add_image(source, [b"layer"])
    for _ in range(16):
        top = add_index(source, [top], tag="v1")
    repository = registry.repository("app")
    assert repository.push(source, top.digest) == top
    top = add_index(source, [top])
    with pytest.raises(acr.LimitExceeded, match="16 levels") as caught:
        registry.repository("two").push(source, top.digest)
    assert caught.value.limit == 16


def test_an_index_of_too_many_manifests_is_refused_before_they_are_fetched(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    source = acr.Memory()
    entries = [{"mediaType": media_types.OCI_MANIFEST, "digest": f"sha256:{n:064x}", "size": 2} for n in range(10_001)]
    put_manifest(source, {"mediaType": media_types.OCI_INDEX, "manifests": entries})
    acr_emulator.clear_requests()
    with pytest.raises(acr.LimitExceeded, match="10000 manifests"):
        registry.repository("app").push(source)
    assert len(acr_emulator.requests) < 10


def test_manifests_that_would_fill_the_memory_are_refused_before_they_are_fetched(registry: acr.Registry) -> None:
    source = acr.Memory()
    large = {"mediaType": media_types.OCI_MANIFEST, "size": 4 * KIB * KIB}
    entries = [{**large, "digest": f"sha256:{n:064x}"} for n in range(20)]
    put_manifest(source, {"mediaType": media_types.OCI_INDEX, "manifests": entries})
    with pytest.raises(acr.LimitExceeded, match="together"):
        registry.repository("app").push(source)


def test_content_that_is_not_of_its_digest_is_not_pushed(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    source = acr.Layout(tmp_path / "layout")
    memory = acr.Memory()
    image = add_image(memory, [bytes_of(64 * KIB)], tag="v1")
    repository = registry.repository("app")
    repository.push(memory, tag="v1")
    repository.pull("v1", source)
    layer = memory.manifest(image.digest).layers[0]
    path = tmp_path / "layout/blobs/sha256" / layer.digest.hex
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(acr.DigestMismatch, match=str(layer.digest)):
        registry.repository("two").push(source, "v1", tag="v1")
    assert not registry.repository("two").manifest("v1").exists()
    path.write_bytes(b"short")
    with pytest.raises(acr.TransferError) as caught:
        registry.repository("three").push(source, "v1")
    assert caught.value.side == "source"


def test_an_archive_of_docker_save_is_pushed(registry: acr.Registry, tmp_path: Path) -> None:
    layer = bytes_of(64 * KIB)
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    files = {
        "config.json": json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode(),
        "0/layer.tar": layer,
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": ["team/app:v1"], "Layers": ["0/layer.tar"]}]
        ).encode(),
    }
    with tarfile.open(tmp_path / "saved.tar", "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    repository = registry.repository("team/app")
    pushed = repository.push(acr.DockerArchive(tmp_path / "saved.tar"), tag="v1")
    manifest = repository.manifest("v1").get()
    assert (pushed.digest, manifest.media_type) == (manifest.digest, media_types.DOCKER_MANIFEST)
    target = acr.Memory()
    repository.pull("v1", target)
    assert set(contents(target, pushed.digest).values()) == {manifest.content, layer, files["config.json"]}


def test_the_only_image_of_a_source_needs_no_name_and_one_of_several_does(registry: acr.Registry) -> None:
    source = acr.Memory()
    one = add_image(source, [b"one"], tag="v1")
    repository = registry.repository("app")
    assert repository.push(source) == one
    assert list(repository.tag_names()) == []
    add_image(source, [b"two"], tag="v2")
    with pytest.raises(acr.TransferError, match="v1") as caught:
        repository.push(source)
    assert caught.value.side == "source"


def test_names_that_are_not_there(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    with pytest.raises(acr.TransferError) as caught:
        repository.push(acr.Layout(tmp_path / "none"), "v1")
    assert caught.value.side == "source"
    with pytest.raises(acr.NotFound):
        repository.pull("v1", acr.Layout(tmp_path / "target"))
    with pytest.raises(acr.NotFound):
        registry.copy("app:v1", "two")
    assert list(tmp_path.iterdir()) == []

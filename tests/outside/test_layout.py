"""OCI layouts: what is written is read back, by us and by tar; what others wrote stays; what is wrong is told."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from acr import (
    Descriptor,
    Digest,
    DigestMismatch,
    InvalidInput,
    Layout,
    LimitExceeded,
    Memory,
    TransferError,
    errors,
    media_types as types,
)
from acr._outside.layouts.layout import Store
from acr._outside.layouts.roots import FULL_NAME, INDEX_LIMIT, REF_NAME
from acr._outside.tar import tars
from acr._values.manifest import MANIFEST_LIMIT
from acr.protocols import Local
from tests.outside.stores import (
    add,
    described,
    everything,
    names_in,
    write_blob,
    write_image,
    write_index,
    write_manifest,
    write_tar,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="named pipes and links as POSIX has them")


@pytest.fixture(params=["folder", "tar", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kinds: dict[str, Callable[[], Store]] = {
        "folder": lambda: Layout(tmp_path / "layout"),
        "tar": lambda: Layout(tmp_path / "layout.tar"),
        "memory": Memory,
    }
    store = kinds[request.param]()
    yield store
    store.abort()


@pytest.fixture(params=["layout", "layout.tar"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def index_of(path: Path) -> dict[str, Any]:
    index: dict[str, Any]
    if path.is_dir():
        index = json.loads((path / "index.json").read_text())
    else:
        with tarfile.open(path) as tar:
            file = tar.extractfile("index.json")
            assert file is not None
            index = json.loads(file.read())
    return index


def write_index_json(folder: Path, index: object) -> Layout:
    folder.mkdir(exist_ok=True)
    (folder / "index.json").write_text(index if isinstance(index, str) else json.dumps(index))
    return Layout(folder)


def layout_of(folder: Path, *roots: dict[str, str]) -> tuple[Layout, list[Digest]]:
    """A folder whose roots have these annotations, and no names but those."""
    layout = Layout(folder)
    images = [write_image(layout, str(i)) for i, _ in enumerate(roots)]
    entries = [
        {**image.descriptor.to_json(), "annotations": dict(root)} for image, root in zip(images, roots, strict=True)
    ]
    write_index_json(folder, {"schemaVersion": 2, "manifests": entries})
    return layout, [image.digest for image in images]


def test_an_image_is_read_back_as_it_was_written(store: Store) -> None:
    image = write_image(store)
    store.tag(image.descriptor, "v1")
    store.commit()

    assert store.tags() == ("v1",)
    for reference in ("v1", image.digest, str(image.digest), None):
        assert store.resolve(reference).digest == image.digest
    assert store.manifest(image.digest) == image
    assert image.config is not None
    for blob in (image.config, *image.layers):
        assert store.has(blob)
        assert Digest.of(everything(store, blob)) == blob.digest
    assert not store.has(described(b"another"))
    assert not store.has(Descriptor(types.OCI_LAYER, image.layers[0].digest, 17))


def test_a_blob_is_a_file_of_its_own(store: Store) -> None:
    content = bytes(range(256)) * 50
    blob = write_blob(store, content)
    write_blob(store, b"beside it")
    store.commit()

    with store.open(blob) as one, store.open(blob) as other:
        assert one.seekable()
        assert one.read(300) == content[:300]
        assert other.read(100) == content[:100]
        assert one.tell() == 300
        assert one.seek(-10, io.SEEK_END) == len(content) - 10
        assert one.read() == content[-10:]
        assert one.read(1) == b""
        assert one.seek(5) == 5
        assert one.seek(5, io.SEEK_CUR) == 10
        assert one.read(3) == content[10:13]
        assert one.seek(len(content) + 100) == len(content) + 100
        assert one.read() == b""
        with pytest.raises((ValueError, OSError)):
            one.seek(-1)


def test_what_is_written_can_be_read_before_the_commit_and_has_no_name_yet(store: Store) -> None:
    image = write_image(store)
    store.tag(image.descriptor, "v1")

    assert store.manifest(image.digest) == image
    assert everything(store, image.layers[1]) == b"layer "
    with pytest.raises(TransferError, match="expected an OCI image layout"):
        store.resolve("v1")


def test_others_see_it_when_it_is_committed(path: Path) -> None:
    mine, other = Layout(path), Layout(path)
    image = write_image(mine)
    mine.tag(image.descriptor, "v1")
    with pytest.raises(TransferError, match="expected an OCI image layout, but it has no index.json") as caught:
        other.tags()
    assert caught.value.side == "source"

    mine.commit()

    assert other.tags() == ("v1",)
    assert [name for name in os.listdir(path.parent) if name != path.name] == []  # noqa: PTH208 - names
    mark = {"imageLayoutVersion": "1.0.0"}
    if path.is_dir():
        assert json.loads((path / "oci-layout").read_text()) == mark
        assert not [name for name in names_in(path) if name.endswith(".part")]
    else:
        with tarfile.open(path) as tar:
            assert tar.getnames()[-2:] == ["oci-layout", "index.json"]
            assert json.load(tar.extractfile("oci-layout") or io.BytesIO()) == mark


def test_one_layout_takes_one_image_after_the_other(store: Store) -> None:
    images = [write_image(store, "0")]
    store.tag(images[0].descriptor, "v0")
    store.commit()
    for mark in ("1", "2"):
        images.append(write_image(store, mark))
        store.tag(images[-1].descriptor, f"v{mark}")
        store.commit()

    assert store.tags() == ("v0", "v1", "v2")
    for image in images:
        assert store.manifest(image.digest) == image
        assert all(Digest.of(everything(store, layer)) == layer.digest for layer in image.layers)
    with pytest.raises(TransferError, match="has several images, name one of them: v0, v1, v2"):
        store.resolve(None)


def test_a_name_goes_to_the_last_image_that_had_it(store: Store) -> None:
    first, second = write_image(store, "1"), write_image(store, "2")
    for image in (first, second, first, second):
        store.tag(image.descriptor, "latest")
        store.tag(image.descriptor, "other")
        store.commit()
        assert store.resolve("latest").digest == image.digest
    assert store.tags() == ("latest", "other")
    assert store.resolve(None).digest == second.digest  # two names, one image


def test_an_image_without_a_name_is_found_by_its_digest(store: Store) -> None:
    image = write_image(store)
    store.tag(image.descriptor, None)
    store.tag(image.descriptor, None)
    store.commit()

    assert store.tags() == ()
    assert store.resolve(None) == store.resolve(image.digest) == image.descriptor


def test_names_of_elsewhere_are_not_taken_along(store: Store) -> None:
    image = write_image(store)
    annotations = {REF_NAME: "old", FULL_NAME: "docker.io/team/app:old", "kept": "yes"}
    store.tag(Descriptor(image.media_type, image.digest, image.size, annotations=annotations), "new")
    store.commit()

    assert store.tags() == ("new",)
    assert store.resolve("new").annotations == {REF_NAME: "new", "kept": "yes"}


def test_what_is_aborted_leaves_nothing_behind(path: Path) -> None:
    layout = Layout(path)
    sink = layout.sink(described(b"abc"))
    sink.open()
    sink.write(b"ab")
    sink.abort()
    layout.abort()

    assert names_in(path.parent) == []


def test_an_abort_keeps_what_was_there_before(path: Path) -> None:
    layout = Layout(path)
    image = write_image(layout, "1")
    layout.tag(image.descriptor, "v1")
    layout.commit()
    before = path.read_bytes() if path.is_file() else (path / "index.json").read_bytes()

    sink = layout.sink(described(b"abc"))
    sink.open()
    layout.tag(write_image(layout, "2").descriptor, "v2")
    sink.abort()
    layout.abort()

    assert (path.read_bytes() if path.is_file() else (path / "index.json").read_bytes()) == before
    assert Layout(path).tags() == layout.tags() == ("v1",)
    with pytest.raises(TransferError, match="another copy into .* was given up meanwhile"):
        layout.commit()  # whoever calls it thinks that the name is still to be written
    layout.tag(image.descriptor, "v1")
    layout.commit()
    assert layout.tags() == ("v1",)


def test_whole_blobs_of_a_folder_stay_after_an_abort_and_are_found(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    image = write_image(layout)
    layout.abort()

    assert len(names_in(tmp_path / "layout" / "blobs" / "sha256")) == 4
    again = Layout(tmp_path / "layout")
    assert all(again.has(layer) for layer in image.layers)


def test_memory_forgets_what_was_aborted() -> None:
    memory = Memory()
    kept = write_image(memory, "1")
    memory.tag(kept.descriptor, "v1")
    memory.commit()
    image = write_image(memory, "2")
    memory.abort()

    assert memory.has(kept.descriptor)
    assert not memory.has(image.descriptor)


def test_fields_of_others_stay(path: Path) -> None:
    folder = path if path.suffix != ".tar" else path.with_name("folder")
    layout, (digest,) = layout_of(folder, {REF_NAME: "v1", "by": "another"})
    index = {**index_of(folder), "annotations": {"a": "b"}, "unknown": [1]}
    index["manifests"][0]["urls"] = ["x"]
    write_index_json(folder, index)
    if folder != path:
        write_tar(path, {name: (folder / name).read_bytes() for name in names_in(folder) if (folder / name).is_file()})
        layout = Layout(path)
    second = write_image(layout, "second")
    layout.tag(second.descriptor, "v2")
    layout.tag(layout.resolve("v1"), "v1")  # as it was
    layout.commit()

    found = index_of(path)
    assert found == {**index, "manifests": [index["manifests"][0], found["manifests"][1]]}
    assert found["manifests"][1]["annotations"] == {REF_NAME: "v2"}
    assert layout.resolve("v1").digest == digest


def test_nothing_new_changes_nothing(path: Path) -> None:
    layout = Layout(path)
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    layout.commit()
    status = path.stat()
    layout.put(image)
    layout.tag(image.descriptor, "v1")
    layout.commit()

    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("docker.io/library/app:v1", 0),
        ("v1", 1),  # a name itself goes before the end of another
        ("docker.io/team/app:v3", 2),
        ("v3", 2),
        ("v4", 3),
        ("localhost:5000/app@sha256:abc", 4),
    ],
)
def test_names_are_whole_or_tags(tmp_path: Path, reference: str, place: int) -> None:
    layout, digests = layout_of(
        tmp_path,
        {REF_NAME: "docker.io/library/app:v1"},
        {REF_NAME: "v1"},
        {REF_NAME: "v3", FULL_NAME: "docker.io/team/app:v3"},
        {FULL_NAME: "docker.io/team/app:v4"},
        {REF_NAME: "localhost:5000/app@sha256:abc"},
    )
    assert layout.resolve(reference).digest == digests[place]


def test_images_of_one_tag_are_told_apart_by_their_whole_names(tmp_path: Path) -> None:
    layout, digests = layout_of(
        tmp_path,
        {REF_NAME: "v1", FULL_NAME: "docker.io/team/app:v1"},
        {REF_NAME: "v1", FULL_NAME: "docker.io/team/lib:v1"},
    )
    assert layout.tags() == ("docker.io/team/app:v1", "docker.io/team/lib:v1")
    assert layout.resolve("docker.io/team/lib:v1").digest == digests[1]
    with pytest.raises(TransferError, match="several images that 'v1' may mean: docker.io/team/app:v1, docker.io/tea"):
        layout.resolve("v1")


@pytest.mark.parametrize("reference", ["v9", "docker.io/team/app:v9", "5000", "sha256:abc", "sha256:" + "0" * 64])
def test_a_missing_image_is_told_with_what_there_is(tmp_path: Path, reference: str) -> None:
    layout, _ = layout_of(tmp_path, {REF_NAME: "localhost:5000/app"}, {REF_NAME: "v1"})
    with pytest.raises(TransferError, match=f"has no '{reference}', it has localhost:5000/app, v1$") as caught:
        layout.resolve(reference)
    assert caught.value.side == "source"


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    layout, _ = layout_of(tmp_path, *({REF_NAME: f"v{i}"} for i in range(25)))
    with pytest.raises(TransferError, match="it has v0, v1, .*, v19 and 5 more$"):
        layout.resolve("absent")


def test_an_empty_layout_is_told(tmp_path: Path) -> None:
    indexes: list[dict[str, Any]] = [{"manifests": []}, {"schemaVersion": 2, "manifests": None}, {}]
    for index in indexes:
        layout = write_index_json(tmp_path, index)
        assert layout.tags() == ()
        for reference in ("v1", None):
            with pytest.raises(TransferError, match="is empty$"):
                layout.resolve(reference)


def test_the_images_of_an_index_are_found_by_digest_and_are_no_roots(store: Store) -> None:
    children = [write_image(store, mark) for mark in ("amd64", "arm64")]
    inner = write_index(store, children)
    index = write_index(store, [inner], annotations={"outer": "yes"})
    store.tag(index.descriptor, None)
    for child in children:
        store.tag(child.descriptor, None)  # oras lists them, too
    store.commit()

    assert store.resolve(None).digest == index.digest
    assert store.resolve(inner.digest) == inner.descriptor
    assert store.resolve(children[1].digest).digest == children[1].digest


def test_an_index_may_lack_some_of_its_images(store: Store) -> None:
    there = write_image(store)
    absent = write_image(Memory(), "absent")
    index = write_index(store, [absent, there])
    other = write_image(store, "other")
    for root in (index, there, other):
        store.tag(root.descriptor, None)
    store.commit()

    assert store.referrers(there.digest) == ()
    with pytest.raises(TransferError, match=f"has several images, name one of them: {index.digest}, {other.digest}"):
        store.resolve(None)


def test_referrers_are_found_with_their_types(store: Store) -> None:
    image = write_image(store)
    subject = image.descriptor.to_json()
    sbom = write_image(store, "sbom", artifactType="text/sbom", subject=subject, annotations={"a": "b"})
    signature = write_image(store, "signature", subject=subject)
    of_sbom = write_image(store, "deep", artifactType="text/deep", subject=sbom.descriptor.to_json())
    store.tag(image.descriptor, "v1")
    store.commit()

    found = store.referrers(image.digest)
    assert [(one.digest, one.size, one.artifact_type, dict(one.annotations)) for one in found] == [
        (sbom.digest, sbom.size, "text/sbom", {"a": "b"}),
        (signature.digest, signature.size, types.OCI_CONFIG, {}),
    ]
    assert [one.digest for one in store.referrers(sbom.digest)] == [of_sbom.digest]
    assert store.referrers(of_sbom.digest) == ()
    assert store.resolve(None).digest == image.digest
    assert store.tags() == ("v1",)

    late = write_image(store, "late", subject=subject)
    store.tag(late.descriptor, "late")
    store.commit()
    assert [one.digest for one in store.referrers(image.digest)][2:] == [late.digest]
    assert store.tags() == ("v1", "late")


def test_a_manifest_without_a_media_type_is_told_by_what_it_holds(store: Store) -> None:
    image = write_image(store)
    index = write_index(store, [image])
    plain = json.loads(image.content)
    del plain["mediaType"]
    content = json.dumps(plain).encode()
    write_blob(store, content)
    bare_index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    write_blob(store, bare_index)

    assert store.manifest(Digest.of(content)).media_type == types.OCI_MANIFEST
    assert store.manifest(Digest.of(bare_index)).media_type == types.OCI_INDEX
    assert store.manifest(index.digest).media_type == types.OCI_INDEX


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"mediaType":"a/b\\r\\nX: y"}', b'{"mediaType":5}', b"\xff"])
def test_what_is_no_manifest_is_told(store: Store, content: bytes) -> None:
    write_blob(store, content)
    with pytest.raises((errors.ProtocolViolation, TransferError), match="the manifest sha256:"):
        store.manifest(Digest.of(content))


def test_a_manifest_is_bounded_and_verified(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    image = write_image(layout)
    path = tmp_path / "blobs" / "sha256" / image.digest.hex
    path.write_bytes(image.content + b" ")
    with pytest.raises(DigestMismatch, match="the manifest"):
        layout.manifest(image.digest)
    assert not layout.has(image.descriptor)
    path.write_bytes(b"{" + b" " * MANIFEST_LIMIT + b"}")
    with pytest.raises(LimitExceeded):
        layout.manifest(image.digest)


def test_a_manifest_is_stored_under_its_own_digest_only(store: Store) -> None:
    image = write_image(Memory())
    wrong = type(image)(image.content, image.media_type, digest=Digest.of(b"another"))
    with pytest.raises(DigestMismatch):
        store.put(wrong)
    assert not store.has(wrong.descriptor)


def test_sha512_has_a_folder_of_its_own(store: Store) -> None:
    blob = Descriptor(types.OCI_LAYER, Digest.of(b"abc", algorithm="sha512"), 3)
    sink = store.sink(blob)
    sink.open()
    sink.write(b"abc")
    sink.commit()
    store.commit()
    assert everything(store, blob) == b"abc"


def test_a_missing_blob_is_told(store: Store) -> None:
    blob = described(b"abc")
    store.commit()
    with pytest.raises(TransferError, match=f"has no {blob.digest}") as caught:
        store.open(blob)
    assert caught.value.side == "source"
    with pytest.raises(TransferError, match=f"has no {blob.digest}") as caught:
        store.manifest(blob.digest)
    assert caught.value.side == "source"


def test_a_blob_of_another_size_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    blob = write_blob(layout, b"abc")
    (tmp_path / "blobs" / "sha256" / blob.digest.hex).write_bytes(b"ab")
    assert not layout.has(blob)
    with pytest.raises(TransferError, match="has 2 bytes of .*, which should be 3"):
        layout.open(blob)


def test_a_digest_that_nobody_checked_becomes_no_path(store: Store) -> None:
    for name in ("sha256:../../../etc/passwd", "../x"):
        with pytest.raises(InvalidInput):
            store.has(Descriptor(types.OCI_LAYER, name, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "index", ["", "{", "[]", "5", '{"manifests": 5}', '{"manifests": [5]}', '{"manifests": [{"annotations": 5}]}']
)
def test_an_index_that_is_none_is_told_and_left_alone(tmp_path: Path, index: str) -> None:
    layout = write_index_json(tmp_path, index)
    with pytest.raises(errors.ProtocolViolation, match="index.json"):
        layout.tags()
    layout.tag(write_image(layout).descriptor, "v1")
    with pytest.raises(errors.ProtocolViolation, match="index.json"):
        layout.commit()
    layout.abort()
    assert (tmp_path / "index.json").read_text() == index


def test_an_index_is_bounded(tmp_path: Path) -> None:
    with (tmp_path / "index.json").open("wb") as file:
        file.truncate(INDEX_LIMIT + 1)
    with pytest.raises(LimitExceeded):
        Layout(tmp_path).tags()


@posix
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    layout, _ = layout_of(tmp_path, {REF_NAME: "v1"})
    blob = described(b"abc")
    os.mkfifo(tmp_path / "blobs" / "sha256" / blob.digest.hex)
    assert not layout.has(blob)
    with pytest.raises(TransferError, match="has no"):
        layout.open(blob)


@posix
def test_blobs_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout" / "blobs").symlink_to(tmp_path / "shared")
    layout = Layout(tmp_path / "layout")
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    layout.commit()
    assert len(names_in(tmp_path / "shared" / "sha256")) == 4
    assert Layout(tmp_path / "layout").manifest(image.digest) == image


def test_several_may_write_into_one_folder(tmp_path: Path) -> None:
    gate = threading.Barrier(8)

    def one(number: int) -> None:
        layout = Layout(tmp_path)
        image = write_image(layout, str(number))
        layout.tag(image.descriptor, f"v{number}")
        gate.wait(10)
        layout.commit()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    if sys.platform != "win32":  # where there are no locks on folders
        assert sorted(Layout(tmp_path).tags()) == [f"v{number}" for number in range(8)]
    assert not [name for name in names_in(tmp_path) if name.endswith(".part")]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    layout = Layout(tmp_path / "file" / "layout")
    with pytest.raises(TransferError, match="^cannot write ") as caught:
        write_image(layout)
    assert caught.value.side == "target"


def test_a_tar_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "absent" / "x.tar")
    with pytest.raises(TransferError, match="^cannot write ") as caught:
        write_image(layout)
    assert caught.value.side == "target"


def test_the_path_tells_the_kind(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "folder.tar.d"))
    write_image(layout)
    layout.commit()
    assert layout.path.is_dir()
    assert repr(layout) == f"Layout('{tmp_path}/folder.tar.d')"
    assert "at 0x" in repr(Memory())

    image = Layout(tmp_path / "image.tar")
    write_image(image)
    image.commit()
    (tmp_path / "image.tar").rename(tmp_path / "image")
    assert Layout(tmp_path / "image").tags() == ()
    (tmp_path / "dir.tar").mkdir()
    write_index_json(tmp_path / "dir.tar", {})
    assert Layout(tmp_path / "dir.tar").tags() == ()


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tgz", "x.tar.zst", "x.tar.xz", "x.tar.bz2"])
def test_a_name_of_a_compressed_tar_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="would be a compressed tar"):
        Layout(tmp_path / name)


def test_a_compressed_tar_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w:gz") as tar:
        add(tar, "index.json", b"{}")
    with pytest.raises(TransferError, match=r"is compressed \(gzip\): decompress it first"):
        Layout(tmp_path / "x.tar").tags()


# The tar itself.


def test_blobs_of_a_tar_are_written_side_by_side(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x.tar")
    contents = [os.urandom(200_000 + i) for i in range(8)]
    gate = threading.Barrier(4)

    def one(content: bytes) -> Descriptor:
        sink = layout.sink(described(content))
        sink.open()
        gate.wait(10)
        for at in range(0, len(content), 10_000):
            sink.write(content[at : at + 10_000])
        sink.commit()
        return described(content)

    with ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(one, contents))
    layout.commit()

    with tarfile.open(tmp_path / "x.tar") as tar:
        assert len(tar.getmembers()) == 8 + 2
        assert all(member.isreg() and member.mode == 0o644 for member in tar)
    assert [everything(layout, blob) for blob in blobs] == contents


def test_a_blob_that_is_tried_again_takes_the_place_that_was_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x.tar")
    content = bytes(100_000)
    for _ in range(5):
        sink = layout.sink(described(content))
        sink.open()
        sink.write(b"x" * 50_000)
        assert not layout.has(described(content))
        sink.abort()
    blob = write_blob(layout, content)
    layout.commit()

    assert everything(layout, blob) == content
    assert (tmp_path / "x.tar").stat().st_size < 120_000


def test_a_place_that_was_not_filled_does_no_harm(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x.tar")
    sink = layout.sink(described(b"y" * 3000))
    sink.open()
    sink.write(b"y" * 3000)
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    sink.abort()
    layout.commit()

    assert not layout.has(described(b"y" * 3000))
    assert layout.manifest(layout.resolve("v1").digest) == image
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert len(tar.getnames()) == 4 + 1 + 2


def test_a_blob_in_a_tar_has_to_have_its_size(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x.tar")
    sink = layout.sink(described(b"abc"))
    sink.open()
    sink.write(b"ab")
    with pytest.raises(TransferError, match="has 2 bytes, not 3"):
        sink.commit()
    with pytest.raises(TransferError, match="is larger than the 3 bytes announced"):
        sink.write(b"cd")
    sink.write(b"c")
    sink.commit()
    assert everything(layout, described(b"abc")) == b"abc"
    layout.abort()
    assert names_in(tmp_path) == []


def test_a_tar_that_somebody_else_has_written_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """The later of two would list in its index what the other has brought, and not have it."""
    one, other = Layout(tmp_path / "x.tar"), Layout(tmp_path / "x.tar")
    for layout, content in ((one, b"one"), (other, b"other")):
        blob = layout.sink(described(content))
        blob.open()
        blob.write(content)
        blob.commit()
    one.commit()
    with pytest.raises(TransferError, match="written by somebody else meanwhile: pull again") as caught:
        other.commit()
    assert caught.value.side == "target"
    other.abort()
    assert names_in(tmp_path) == ["x.tar"]
    assert everything(Layout(tmp_path / "x.tar"), described(b"one")) == b"one"


@pytest.mark.parametrize("ended", ["commit", "abort"])
def test_what_comes_too_late_for_a_tar_does_no_harm(tmp_path: Path, ended: str) -> None:
    layout = Layout(tmp_path / "x.tar")
    sink = layout.sink(described(b"abc"))
    sink.open()
    sink.write(b"abc")
    getattr(sink, ended)()
    sink.open()
    sink.write(b"xyz")
    sink.commit()
    sink.abort()
    layout.commit()
    assert layout.has(described(b"abc")) == (ended == "commit")


def test_a_huge_blob_has_its_place_in_a_tar(tmp_path: Path) -> None:
    """More than the eight GiB that the old header could tell. The file is sparse."""
    layout = Layout(tmp_path / "x.tar")
    size = 9 * 1024**3
    huge = Descriptor(types.OCI_LAYER, Digest.of(b"whatever"), size)
    sink = layout.sink(huge)
    sink.open()
    small = write_blob(layout, b"after it")
    sink.abort()
    layout.commit()
    assert everything(layout, small) == b"after it"
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.getmembers()[0].size == size


def test_what_else_a_tar_has_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    layout = Layout(path)
    image = write_image(layout, "1")
    layout.tag(image.descriptor, "v1")
    layout.commit()
    with tarfile.open(path, "a") as tar:
        add(tar, "manifest.json", b"[]")
        add(tar, "long/" * 40 + "name", b"long")
        add(tar, "folder", type=tarfile.DIRTYPE)
        add(tar, "link", type=tarfile.SYMTYPE, linkname="manifest.json")
    layout = Layout(path)
    layout.tag(write_image(layout, "2").descriptor, "v2")
    layout.commit()

    assert layout.tags() == ("v1", "v2")
    assert layout.manifest(image.digest) == image
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert len(names) == len(set(names))
        assert {"manifest.json", "long/" * 40 + "name", "folder", "link"} < set(names)
        assert names[-2:] == ["oci-layout", "index.json"]


def test_tars_of_other_makers_are_read(tmp_path: Path) -> None:
    """With `./` before the names, folders, and two of one name, of which the later counts."""
    memory = Memory()
    image = write_image(memory)
    contents = [image.content, *(everything(memory, layer) for layer in image.layers)]
    index = {"schemaVersion": 2, "manifests": [image.descriptor.to_json()]}
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
            add(tar, "./", type=tarfile.DIRTYPE)
            add(tar, "./index.json", b'{"manifests": 5}')
            for content in contents:
                add(tar, f"./blobs/sha256/{Digest.of(content).hex}", content)
            add(tar, "./index.json", json.dumps(index).encode())
        layout = Layout(tmp_path / "x.tar")
        assert layout.resolve(None).digest == image.digest
        assert [everything(layout, layer) for layer in image.layers] == contents[1:]


def test_a_tar_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    layout, other = Layout(tmp_path / "x.tar"), Layout(tmp_path / "y.tar")
    for one, name in ((layout, "v1"), (other, "v2")):
        one.tag(write_image(one, name).descriptor, name)
        one.commit()
    assert layout.tags() == ("v1",)
    other.path.replace(layout.path)
    assert layout.tags() == ("v2",)


def test_a_failure_while_the_old_tar_is_copied_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    layout = Layout(path)
    layout.tag(write_image(layout).descriptor, "v1")
    layout.commit()
    layout.tags()
    with path.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(TransferError):
        write_image(layout, "2")
    assert names_in(tmp_path) == ["x.tar"]


def test_what_is_no_tar_is_not_replaced_by_one(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"x" * 2000)
    with pytest.raises(TransferError, match="cannot read"):
        Layout(tmp_path / "x.tar").put(write_image(Memory()))
    with pytest.raises(TransferError, match="cannot read"):
        Layout(tmp_path / "x.tar").sink(described(b"abc"))
    assert names_in(tmp_path) == ["x.tar"]


def hostile_tars() -> dict[str, bytes]:
    def header(**fields: Any) -> bytes:
        info = tarfile.TarInfo("index.json")
        for field, value in fields.items():
            setattr(info, field, value)
        return info.tobuf(tarfile.GNU_FORMAT)

    def resized(block: bytes, size: bytes) -> bytes:
        changed = block[:124] + size + block[136:148] + b" " * 8 + block[156:]
        return changed[:148] + b"%06o\0 " % sum(changed[:512]) + changed[156:]

    negative = b"\xff" * 10 + b"\xfe\x00"  # -512: after the header it leads back to it
    end = bytes(1024)
    record = b"70000 comment=".ljust(69_999, b"x") + b"\n"

    def extended(records: bytes) -> bytes:
        block = records.ljust(-(-len(records) // 512) * 512, b"\0")
        return header(type=tarfile.XHDTYPE, size=len(records)) + block + header() + end

    return {
        "empty": b"",
        "no tar": b"x" * 2000,
        "cut in a header": header()[:100],
        "a negative size": header() + resized(header(), negative) + end,
        "an extended header that is too large": header(type=tarfile.XHDTYPE, size=len(record))
        + record.ljust(70_144, b"\0")
        + header(size=2)
        + b"{}".ljust(512, b"\0")
        + end,
        "a negative size of a long name": resized(header(type=tarfile.GNUTYPE_LONGNAME), negative) + end,
        "a long name without end": resized(header(type=tarfile.GNUTYPE_LONGNAME), b"77777777777\0") + end,
        "an extended header without end": resized(header(type=tarfile.XHDTYPE), b"77777777777\0") + end,
        "long names in long names": header(type=tarfile.GNUTYPE_LONGNAME) * 5000 + end,
        "an extended header of a negative size": header(type=tarfile.XHDTYPE, size=12)
        + b"11 size=-1\n\n".ljust(512, b"\0")
        + header()
        + end,
        "records in records": extended(b"2 " * 30_000 + b"k="),
        "digits without end": extended(b"60000 comment=".ljust(59_999, b"1") + b"\n"),
        "a record without end": extended(b"900 comment=x\n"),
        "a record without a length": extended(b" comment=x\n"),
        "a record without a key": extended(b"10 commen\n"),
        "a file without end": resized(header(), b"77777777777\0") + b"{}",
        "a sparse index": header(type=tarfile.GNUTYPE_SPARSE) + end,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a negative size", "a size is negative"),
        ("an extended header that is too large", "larger than the 65536 bytes"),
        ("records in records", "an extended header is malformed"),
        ("digits without end", "more than 256 digits in a row"),
    ],
)
def test_tarfile_itself_would_go_round_or_take_it_into_memory(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "x.tar").write_bytes(hostile_tars()[name])
    with pytest.raises(TransferError, match=message):
        Layout(tmp_path / "x.tar").tags()


@pytest.mark.parametrize("name", hostile_tars())
def test_a_broken_or_hostile_tar_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.tar").write_bytes(hostile_tars()[name])
    with pytest.raises((TransferError, LimitExceeded, errors.ProtocolViolation), match=r"x\.tar"):
        Layout(tmp_path / "x.tar").tags()


def test_an_extended_header_may_have_any_text(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", pax_headers={"comment": "of all"}) as tar:
        add(
            tar, "index.json", b"{}", pax_headers={"comment": "a\n12 b=c\n\0", "mtime": "1700000000.123456789", "e": ""}
        )
        add(tar, "7" * 250, b"", pax_headers={"path": "7" * 250})
    assert Layout(tmp_path / "x.tar").tags() == ()


def test_members_of_a_tar_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MEMBERS_LIMIT", 3)
    write_tar(tmp_path / "x.tar", {"index.json": b"{}", "a": b"", "b": b""})
    assert Layout(tmp_path / "x.tar").tags() == ()
    write_tar(tmp_path / "x.tar", {"index.json": b"{}", "a": b"", "b": b"", "c": b""})
    with pytest.raises(LimitExceeded, match="larger than the 3 members allowed"):
        Layout(tmp_path / "x.tar").tags()


def test_links_in_a_tar_lead_to_its_own_files_only(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        add(tar, "real/index", b'{"manifests": []}')
        add(tar, "a/link", type=tarfile.SYMTYPE, linkname="../real/index")
        add(tar, "index.json", type=tarfile.LNKTYPE, linkname="a/link")
    assert Layout(tmp_path / "x.tar").tags() == ()
    (tmp_path / "index").write_bytes(b"{}")
    for target in (str(tmp_path / "index"), "../index", "index.json"):
        with tarfile.open(tmp_path / "x.tar", "w") as tar:
            add(tar, "index.json", type=tarfile.SYMTYPE, linkname=target)
        with pytest.raises(TransferError, match="it has no index.json"):
            Layout(tmp_path / "x.tar").tags()


def test_a_store_is_what_a_copy_asks_for(store: Store) -> None:
    """A manifest of an unknown type is kept as it is, too."""
    local: Local = store
    manifest = write_manifest(local, mediaType="application/vnd.example+json")
    assert store.manifest(manifest.digest) == manifest


def test_a_blob_that_is_a_link_out_of_the_layout_is_not_read(tmp_path: Path) -> None:
    """A layout from elsewhere must not make an upload send a file of this machine."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"top secret")
    layout = Layout(tmp_path / "layout")
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    layout.commit()
    blob = image.layers[0]
    file = tmp_path / "layout" / "blobs" / "sha256" / blob.digest.hex
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(secret)
    for read in (layout.has, layout.open):
        with pytest.raises(TransferError, match="is a link that leads out of the layout"):
            read(blob)
    file.unlink()
    (tmp_path / "layout" / "blobs" / "sha256" / "elsewhere").write_bytes(content)
    file.symlink_to("elsewhere")  # within: two names of one blob
    assert layout.has(blob)


def test_an_index_that_is_a_link_out_of_the_layout_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"top secret")
    layout = Layout(tmp_path / "layout")
    layout.tag(write_image(layout).descriptor, "v1")
    layout.commit()
    (tmp_path / "layout" / "index.json").unlink()
    (tmp_path / "layout" / "index.json").symlink_to(tmp_path / "secret")
    with pytest.raises(TransferError, match="is a link that leads out of the layout") as caught:
        layout.tags()
    assert "top secret" not in str(caught.value)


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "index.json").symlink_to("index.json")
    with pytest.raises(TransferError, match="it has no index.json"):
        Layout(tmp_path).resolve(None)


def test_a_name_that_no_file_can_have_is_told() -> None:
    with pytest.raises(TransferError, match="null"):
        Layout("a\0b").resolve(None)


def test_what_cannot_be_read_is_told_without_another_module() -> None:
    """There may be no file descriptor left to load one."""
    program = (
        "import sys\nfrom acr import Layout, TransferError\n"
        "try:\n    Layout(sys.argv[1]).resolve(None)\nexcept TransferError:\n    print('tarfile' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, "nowhere"], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""What the target of a copy has lost since: somebody deleted a child of an index, or a blob, and the manifest stayed.

ACR lets one delete a manifest that an index lists, and a blob that a manifest lists. So a manifest that is there says
nothing of what it leads to, and a repeated push or copy puts back what is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image
from tests.images import add_image, add_index, attach, contents
from tests.twin import Twin

LOSSES = [
    "child",
    "nested index",
    "child of a nested index",
    "layer",
    "config",
    "layer of a child",
    "sbom",
    "sbom blob",
]
WAYS = ["push", "push a layout", "copy", "copy to another registry"]


@pytest.fixture
def other() -> Iterator[Emulator]:
    """A second registry."""
    with Emulator() as emulator:
        yield emulator


class Graph:
    """An index of an image and of an index, with an SBOM that is attached to it."""

    def __init__(self) -> None:
        self.store = acr.Memory()
        self.image = add_image(self.store, [b"first"])
        self.deep = add_image(self.store, [b"deep", b"deeper"])
        self.inner = add_index(self.store, [self.deep])
        self.root = add_index(self.store, [self.image, self.inner], tag="v1")
        self.sbom = attach(self.store, self.root, "application/x-sbom", b"sbom")
        self.store.commit()

    def lose(self, loss: str, target: acr.Repository) -> None:
        """Delete part of it by hand."""
        manifests = {
            "child": self.image,
            "nested index": self.inner,
            "child of a nested index": self.deep,
            "sbom": self.sbom,
        }
        config = self.store.manifest(self.image.digest).config
        assert config is not None
        blobs = {
            "layer": acr.Digest.of(b"first"),
            "config": config.digest,
            "layer of a child": acr.Digest.of(b"deeper"),
            "sbom blob": acr.Digest.of(b"sbom"),
        }
        if loss in manifests:
            target.manifest(manifests[loss].digest).delete()
            assert not target.manifest(manifests[loss].digest).exists()
        else:
            target.blob(blobs[loss]).delete()
            assert not target.blob(blobs[loss]).exists()

    def check(self, target: acr.Repository) -> None:
        """See that all of it can be pulled."""
        got = acr.Memory()
        assert target.pull("v1", got, referrers=True) == self.root
        for top in (self.root, self.sbom):
            assert contents(got, top.digest) == contents(self.store, top.digest)


def filled(way: str, graph: Graph, one: acr.Registry, two: acr.Registry, path: Path) -> Callable[[], acr.Repository]:
    """What brings the graph to its target, each time it is called; gives the target."""
    target = (two if way == "copy to another registry" else one).repository("target")
    if way.startswith("push"):
        source: acr.Local = graph.store
        if way == "push a layout":
            one.repository("source").push(graph.store, "v1", tag="v1", referrers=True)
            source = acr.Layout(path)
            one.repository("source").pull("v1", source, referrers=True)

        def push() -> acr.Repository:
            assert target.push(source, "v1", tag="v1", referrers=True) == graph.root
            return target

        return push
    one.repository("source").push(graph.store, "v1", tag="v1", referrers=True)

    def copy() -> acr.Repository:
        assert (
            one.copy("source:v1", "target", to=two if way == "copy to another registry" else None, referrers=True)
            == graph.root
        )
        return target

    return copy


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_what_was_deleted_below_a_manifest_is_put_back(
    twin: Twin, acr_emulator: Emulator, other: Emulator, tmp_path: Path, way: str, loss: str
) -> None:
    one = twin.connect(acr_emulator.url, acr_emulator.credential())
    two = twin.connect(other.url, other.credential())
    graph = Graph()
    bring = filled(way, graph, one, two, tmp_path / "layout")
    target = bring()
    graph.check(target)
    graph.lose(loss, target)
    bring()
    graph.check(target)


@pytest.mark.parametrize("tag", [None, "v1"])
def test_an_image_by_itself_gets_its_blob_back(registry: acr.Registry, tag: str | None) -> None:
    source = acr.Memory()
    image = add_image(source, [b"one", b"two"], tag="v1")
    repository = registry.repository("app")
    repository.push(source, "v1", tag=tag)
    repository.blob(acr.Digest.of(b"two")).delete()
    events: list[acr.ProgressEvent] = []
    repository.push(source, "v1", tag=tag, progress=events.append)
    got = acr.Memory()
    repository.pull(image.digest, got)
    assert contents(got, image.digest) == contents(source, image.digest)
    done = [event.item.digest for event in events if isinstance(event, acr.Done)]
    assert done == [acr.Digest.of(b"two")]


def test_files_that_are_pushed_again_are_put_back(registry: acr.Registry, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    repository = registry.repository("app")
    for lost in (b"a", b"{}"):
        artifact = repository.push_artifact([tmp_path / "a.txt", tmp_path / "b.txt"], tag="files", artifact_type="a/b")
        repository.blob(acr.Digest.of(lost)).delete()
        again = repository.push_artifact([tmp_path / "a.txt", tmp_path / "b.txt"], tag="files", artifact_type="a/b")
        assert again == artifact
        assert repository.blob(acr.Digest.of(lost)).exists()


def test_a_locked_tag_does_not_stand_against_putting_back(registry: acr.Registry) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    repository = registry.repository("app")
    repository.push(source, tag="v1")
    repository.tag("v1").update(can_write=False)
    repository.blob(acr.Digest.of(b"layer")).delete()
    assert repository.push(source, tag="v1") == image
    assert repository.blob(acr.Digest.of(b"layer")).exists()


@pytest.mark.parametrize("way", ["push", "copy"])
def test_what_the_source_has_lost_may_be_at_the_target(
    twin: Twin, acr_emulator: Emulator, other: Emulator, way: str
) -> None:
    """The other way round: what the source lacks is no error, as long as the target has it with all its parts."""
    one = twin.connect(acr_emulator.url, acr_emulator.credential())
    two = twin.connect(other.url, other.credential())
    graph = Graph()
    source, target = one.repository("source"), two.repository("target")
    for repository in (source, target):
        repository.push(graph.store, "v1", tag="v1", referrers=True)
    source.manifest(graph.image.digest).delete()
    assert one.copy("source:v1", "target", to=two) == graph.root
    target.blob(acr.Digest.of(b"first")).delete()
    if way == "copy":  # the source has the blob, although not the manifest
        one.copy("source:v1", "target", to=two)
        graph.check(target)
    source.blob(acr.Digest.of(b"first")).delete()
    if way == "push":
        with pytest.raises(acr.NotFound, match="source"):
            one.copy("source:v1", "target", to=two)
    target.manifest(graph.image.digest).delete()
    with pytest.raises(acr.NotFound, match=f"source.*{graph.image.digest}"):
        one.copy("source:v1", "target", to=two)


def test_a_repeated_push_asks_for_each_part_once_and_sends_nothing(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    graph = Graph()
    repository = registry.repository("app")
    repository.push(graph.store, "v1", referrers=True)
    acr_emulator.clear_requests()
    repository.push(graph.store, "v1", referrers=True)
    heads = [r.path for r in acr_emulator.requests if r.method == "HEAD"]
    assert len(heads) == len(set(heads)) == 5 + 7  # manifests; layers, configs, and the two blobs of the SBOM
    assert {r.method for r in acr_emulator.requests} == {"HEAD"}


def test_a_copy_onto_itself_sets_the_tag_and_asks_for_no_part(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    image = push_image(repository, tag="v1")
    repository.blob(acr.Digest.of(b"layer")).delete()
    acr_emulator.clear_requests()
    with pytest.raises(acr.ResponseError, match="BLOB_UNKNOWN"):
        registry.copy("app:v1", "app:stable")
    repository.upload_blob(b"layer")
    acr_emulator.clear_requests()
    assert registry.copy("app:v1", "app:stable") == image
    assert [r.method for r in acr_emulator.requests] == ["GET", "PUT"]

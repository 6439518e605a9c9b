"""Images, artifacts, tags and referrers on registries that others wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

import acr
from acr import media_types
from tests.content import bytes_of, image_manifest, push_image, push_index
from tests.registries.servers import Server

SBOM = "application/spdx+json"


def test_an_artifact_comes_back(repository: acr.Repository, tmp_path: Path) -> None:
    contents = {"model.onnx": bytes_of(5_000_000), "empty": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    pushed = repository.push_artifact([tmp_path / name for name in contents], tag="v1", artifact_type="text/model")
    pulled = repository.pull("v1", tmp_path / "target")
    assert (pulled.manifest.digest, pulled.manifest.artifact_type) == (pushed.digest, "text/model")
    assert {path.name: path.read_bytes() for path in pulled.files} == contents


def test_an_image_by_its_parts(repository: acr.Repository) -> None:
    config, layer = repository.upload_blob(b'{"os":"linux","architecture":"amd64"}'), repository.upload_blob(b"layer")
    manifest = acr.Manifest.of(image_manifest(config, [layer]))
    assert repository.put_manifest(manifest, tag="v1").digest == manifest.digest
    for reference in ("v1", manifest.digest):
        got = repository.manifest(reference).get()
        assert (got.content, got.media_type) == (manifest.content, media_types.OCI_MANIFEST)
        assert repository.manifest(reference).head() == manifest.descriptor


def test_an_index(repository: acr.Repository, tmp_path: Path) -> None:
    pushed = push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64/v8"])
    index = repository.manifest("v1").get()
    assert (index.digest, index.media_type) == (pushed.digest, media_types.OCI_INDEX)
    assert [str(entry.platform) for entry in index.manifests] == ["linux/amd64", "linux/arm64/v8"]
    (file,) = repository.pull("v1", tmp_path, platform="linux/arm64").files
    assert file.read_bytes() == b"linux/arm64/v8"


def test_a_manifest_of_blobs_that_are_missing_is_refused(repository: acr.Repository) -> None:
    missing = acr.Descriptor(media_types.OCI_LAYER, acr.Digest.of(b"missing"), 7)
    with pytest.raises(acr.ResponseError, match="BLOB_UNKNOWN"):
        repository.put_manifest(image_manifest(repository.upload_blob(b"{}"), [missing]), tag="v1")


def test_what_is_missing(repository: acr.Repository, other: acr.Repository) -> None:
    push_image(repository, tag="v1")
    with pytest.raises(acr.NotFound, match="MANIFEST_UNKNOWN"):
        repository.manifest("v2").get()
    assert not repository.manifest("v2").exists()
    with pytest.raises(acr.NotFound, match="NAME_UNKNOWN|MANIFEST_UNKNOWN"):
        other.manifest("v1").get()
    with pytest.raises(acr.NotFound, match="NAME_UNKNOWN"):
        list(other.tag_names())


def test_a_manifest_is_deleted_with_its_tags(repository: acr.Repository) -> None:
    image = push_image(repository, tag="v1")
    push_image(repository, tag="v2", layer=b"another")
    repository.manifest(image.digest).delete()
    assert not repository.manifest("v1").exists()
    assert list(repository.tag_names()) == ["v2"]
    with pytest.raises(acr.NotFound):
        repository.manifest(image.digest).delete()
    repository.manifest(image.digest).delete(missing_ok=True)


def test_tags_are_listed(server: Server, repository: acr.Repository) -> None:
    tags = ["a", "b", "c", "d", "e"]
    for tag in reversed(tags):
        push_image(repository, tag=tag)
    pages = [page.items for page in repository.tag_names(page_size=2).pages()]
    if server.pages_tags:
        assert [list(page) for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
        assert list(repository.tag_names(page_size=2, last="c")) == ["d", "e"]
        first = next(repository.tag_names(page_size=2).pages())
        assert [len(page.items) for page in repository.tag_names().pages(continuation=first.continuation)] == [2, 1]
    else:
        assert [sorted(page) for page in pages] == [tags]


def test_referrers(server: Server, repository: acr.Repository) -> None:
    image = push_image(repository, tag="v1")
    assert list(repository.manifest("v1").referrers()) == []
    sbom = repository.push_artifact([], subject="v1", artifact_type=SBOM, annotations={"made": "here"})
    signature = repository.push_artifact([], subject=image.digest, artifact_type="text/signature")
    assert {one.digest for one in repository.manifest("v1").referrers()} == {sbom.digest, signature.digest}
    (found,) = repository.manifest(image.digest).referrers(artifact_type=SBOM)
    assert (found.digest, found.size, found.artifact_type) == (sbom.digest, sbom.size, SBOM)
    assert dict(found.annotations) == {"made": "here"}
    assert set(repository.tag_names()) == {"v1"} | (
        set() if server.knows_referrers else {image.digest.replace(":", "-")}
    )

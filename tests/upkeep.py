"""Repositories as they are in the field, to delete from: signed releases of two platforms with SBOMs, and odd ends."""

from __future__ import annotations

import json
from collections.abc import Iterable

import acr
from acr import media_types
from tests.images import add_blob, add_image, add_index, add_manifest, attach

SBOM = "application/spdx+json"


def push_release(repository: acr.Repository, tag: str, *, fallback: bool = False) -> acr.Descriptor:
    """Push an index of two platforms with an SBOM, an SBOM of that SBOM, and a signature under cosign's tag.

    Args:
        repository: where to.
        tag: names the index, and makes its content differ from that of others.
        fallback: the SBOM is listed under the tag that stands in for the referrers API, too.
    """
    store = acr.Memory()
    images = [add_image(store, [f"{tag} {arch}".encode()]) for arch in ("amd64", "arm64")]
    index = add_index(store, images, ["linux/amd64", "linux/arm64"], tag=tag)
    sbom = attach(store, index, SBOM, f"sbom of {tag}".encode())
    attach(store, sbom, "application/vnd.example.signature", f"signature of {tag}".encode())
    store.commit()
    repository.push(store, tag, tag=tag, referrers=True)
    sign(repository, index)
    if fallback:
        listed = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [sbom.to_json()]}
        repository.put_manifest(listed, tag=f"sha256-{index.digest.hex}")
    return index


def sign(repository: acr.Repository, signed: acr.Descriptor) -> acr.Descriptor:
    """Push an image under the tag by which cosign finds the signature of a manifest."""
    return push_image(repository, f"signature of {signed.digest}", tag=f"sha256-{signed.digest.hex}.sig")


def push_image(repository: acr.Repository, content: str, *, tag: str | None = None) -> acr.Descriptor:
    """Push an image of one platform; without a tag it has its digest alone."""
    store = acr.Memory()
    image = add_image(store, [content.encode()], tag="it")
    repository.push(store, "it")
    if tag is not None:
        repository.put_manifest(repository.manifest(image.digest).get(), tag=tag)
    return image


def push_platform(repository: acr.Repository, tag: str, architecture: str) -> acr.Descriptor:
    """Push an image whose config names a platform of Linux."""
    store = acr.Memory()
    config = json.dumps({"os": "linux", "architecture": architecture, "of": tag}).encode()
    content = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": add_blob(store, config, media_types.OCI_CONFIG).to_json(),
        "layers": [add_blob(store, tag.encode()).to_json()],
    }
    image = add_manifest(store, content, tag=tag)
    repository.push(store, tag, tag=tag)
    return image


def push_nested(repository: acr.Repository, tag: str, shared: acr.Descriptor) -> acr.Descriptor:
    """Push an index of an index of an image, which leads to a manifest that is there, too."""
    image = push_image(repository, f"within {tag}")
    inner = repository.put_manifest(_index([image, shared]))
    return repository.put_manifest(_index([inner]), tag=tag)


def _index(entries: Iterable[acr.Descriptor]) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [acr.Descriptor(one.media_type, one.digest, one.size).to_json() for one in entries],
    }


def assert_whole(repository: acr.Repository, reference: str, *, signed: bool = True) -> None:
    """Pull a release with all that is attached to it, and look for its signature."""
    pulled = acr.Memory()
    root = repository.pull(reference, pulled, referrers=True)
    assert len(list(repository.manifest(reference).referrers(artifact_type=SBOM))) == signed
    for referrer in repository.manifest(reference).referrers():
        assert len(list(repository.manifest(referrer.digest).referrers())) == 1
    if signed:
        repository.pull(f"sha256-{root.digest.hex}.sig", acr.Memory())


def everything_in(repository: acr.Repository) -> tuple[set[str], set[acr.Digest]]:
    """All tags, and all manifests."""
    return {tag.name for tag in repository.tags()}, {manifest.digest for manifest in repository.manifests()}

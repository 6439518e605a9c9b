"""This project's client, in the words of `cli`: it takes part with the others."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from acr import Descriptor, Manifest, Registry, Repository, UsernamePassword
from tests.peers.cli import Client
from tests.peers.images import blob_path, digest_of, top, write_layout


class Ours(Client):
    name = "acr"

    def __init__(self, home: Path, registry: str, username: str, password: str) -> None:
        self._connect = partial(Registry, f"http://{registry}", UsernamePassword(username, password))

    def push(self, layout: Path, reference: str) -> None:
        name, _, tag = reference.partition("/")[2].rpartition(":")
        with self._connect() as registry:
            push(registry.repository(name), layout, digest_of(layout), top(layout)["mediaType"], tag)

    def pull(self, reference: str, layout: Path) -> None:
        name, _, tag = reference.partition("/")[2].rpartition(":")
        with self._connect() as registry:
            image = pull(registry.repository(name), tag, layout)
        write_layout(layout, image.to_json())


def push(repository: Repository, layout: Path, digest: str, media_type: str, tag: str | None = None) -> None:
    """Push an image of a layout, with all that it refers to."""
    manifest = Manifest.of(blob_path(layout, digest).read_bytes(), media_type)
    for child in manifest.manifests:
        push(repository, layout, child.digest, child.media_type)
    for blob in (manifest.config, *manifest.layers):
        if blob is not None:
            repository.upload_blob(blob_path(layout, blob.digest), digest=blob.digest)
    repository.put_manifest(manifest, tag=tag)


def pull(repository: Repository, reference: str, layout: Path) -> Descriptor:
    """Pull an image into a layout, with all that it refers to; gives its descriptor."""
    manifest = repository.manifest(reference).get()
    blob_path(layout, manifest.digest).write_bytes(manifest.content)
    for child in manifest.manifests:
        pull(repository, child.digest, layout)
    for blob in (manifest.config, *manifest.layers):
        if blob is not None:
            repository.download_blob(blob.digest, blob_path(layout, blob.digest))
    return manifest.descriptor

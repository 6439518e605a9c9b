"""Images in memory, to be pushed and copied in tests: made by hand, from their bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import acr
from acr import media_types


def add_blob(store: acr.Memory, content: bytes, media_type: str = media_types.OCI_LAYER) -> acr.Descriptor:
    """Put a blob into memory."""
    blob = acr.Descriptor(media_type, acr.Digest.of(content), len(content))
    sink = store.sink(blob)
    sink.open()
    sink.write(content)
    sink.commit()
    return blob


def add_manifest(store: acr.Memory, content: dict[str, Any], *, tag: str | None = None) -> acr.Descriptor:
    """Put a manifest into memory; with a tag it is a root."""
    manifest = acr.Manifest.of(content)
    store.put(manifest)
    if tag is not None:
        store.tag(manifest.descriptor, tag)
        store.commit()
    return manifest.descriptor


def add_image(
    store: acr.Memory, layers: Sequence[bytes], *, tag: str | None = None, docker: bool = False, **more: Any
) -> acr.Descriptor:
    """Put an image into memory, of OCI's types or of docker's."""
    config = json.dumps({"os": "linux", "architecture": "amd64", "n": len(layers)}).encode()
    config_type = media_types.DOCKER_CONFIG if docker else media_types.OCI_CONFIG
    layer_type = media_types.DOCKER_LAYER if docker else media_types.OCI_LAYER
    content = {
        "schemaVersion": 2,
        "mediaType": media_types.DOCKER_MANIFEST if docker else media_types.OCI_MANIFEST,
        "config": add_blob(store, config, config_type).to_json(),
        "layers": [add_blob(store, layer, layer_type).to_json() for layer in layers],
        **more,
    }
    return add_manifest(store, content, tag=tag)


def add_index(
    store: acr.Memory,
    children: Sequence[acr.Descriptor],
    platforms: Sequence[str] = (),
    *,
    tag: str | None = None,
    docker: bool = False,
) -> acr.Descriptor:
    """Put an index into memory."""
    entries = [child.to_json() for child in children]
    for entry, platform in zip(entries, platforms, strict=False):
        wanted = acr.Platform.parse(platform)
        values = {"os": wanted.os, "architecture": wanted.architecture, "variant": wanted.variant}
        entry["platform"] = {key: value for key, value in values.items() if value}
    media_type = media_types.DOCKER_MANIFEST_LIST if docker else media_types.OCI_INDEX
    return add_manifest(store, {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}, tag=tag)


def attach(store: acr.Memory, subject: acr.Descriptor, kind: str, content: bytes) -> acr.Descriptor:
    """Put an artifact into memory that is attached to a manifest."""
    config = add_blob(store, b"{}", media_types.OCI_EMPTY)
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": kind,
        "config": config.to_json(),
        "layers": [add_blob(store, content, "text/plain").to_json()],
        "subject": acr.Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    return add_manifest(store, manifest)


def contents(store: acr.Local, root: acr.Digest) -> dict[str, bytes]:
    """The bytes of a manifest and of all below it, by digest; read one by one, and each of its digest."""
    manifest = store.manifest(root)
    found = {str(root): manifest.content}
    blobs = [*([manifest.config] if manifest.config else []), *manifest.layers]
    for blob in blobs:
        with store.open(blob) as file:
            found[str(blob.digest)] = file.read()
    for child in manifest.manifests:
        found |= contents(store, child.digest)
    for digest, content in found.items():
        assert acr.Digest.of(content) == digest
    return found

"""Content to push in tests: bytes, images, indexes."""

from __future__ import annotations

import json
from typing import Any

import acr
from acr import media_types


def bytes_of(size: int) -> bytes:
    """Bytes that differ from place to place, the same in each run."""
    block = bytes(range(251))
    return (block * (size // len(block) + 1))[:size]


def image_manifest(config: acr.Descriptor, layers: list[acr.Descriptor], **more: Any) -> dict[str, Any]:
    """An OCI image manifest, as JSON."""
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {**config.to_json(), "mediaType": media_types.OCI_CONFIG},
        "layers": [{**layer.to_json(), "mediaType": media_types.OCI_LAYER} for layer in layers],
        **more,
    }


def push_image(
    repository: acr.Repository,
    *,
    tag: str | None,
    layer: bytes = b"layer",
    architecture: str = "amd64",
) -> acr.Descriptor:
    """Push an image of one layer, by the parts that it is made of."""
    config = json.dumps({"os": "linux", "architecture": architecture}).encode()
    manifest = image_manifest(repository.upload_blob(config), [repository.upload_blob(layer)])
    return repository.put_manifest(manifest, tag=tag)


def push_index(repository: acr.Repository, *, tag: str, platforms: list[str]) -> acr.Descriptor:
    """Push an index with an image for each platform."""
    entries = []
    for platform in platforms:
        image = push_image(repository, tag=None, layer=platform.encode(), architecture=platform.split("/")[1])
        wanted = acr.Platform.parse(platform)
        entry: dict[str, Any] = {**image.to_json(), "platform": {"os": wanted.os, "architecture": wanted.architecture}}
        if wanted.variant:
            entry["platform"]["variant"] = wanted.variant
        entries.append(entry)
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return repository.put_manifest(index, tag=tag)

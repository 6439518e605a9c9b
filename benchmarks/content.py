"""What is moved and listed: random bytes, always the same; images as OCI layouts; pages of tags."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import acr
from acr import media_types
from tests.peers.images import TAG, blob_path, write_layout

MIB: Final = 1024 * 1024


def write_random(path: Path, size: int, seed: int) -> str:
    """Write random bytes; gives their digest."""
    source, hasher = random.Random(seed), hashlib.sha256()  # noqa: S311 - content, and no secret
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            block = source.randbytes(min(MIB, size - at))
            hasher.update(block)
            file.write(block)
    return f"sha256:{hasher.hexdigest()}"


def write_image(layout: Path, layers: int, size: int, seed: int) -> Path:
    """A layout of an image with so many layers, each of so many random bytes."""
    blobs = [_random_layer(layout, size, seed + number) for number in range(layers)]
    return _write_layout(layout, blobs)


def write_index(layout: Path, images: int, layers: int, size: int, seed: int) -> Path:
    """A layout of an index of so many images, each with layers of its own."""
    entries = []
    for number in range(images):
        blobs = [_random_layer(layout, size, seed + number * layers + layer) for layer in range(layers)]
        platform = {"os": "linux", "architecture": "arm", "variant": f"v{number}"}
        entries.append({**_image_blob(layout, blobs), "platform": platform})
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return write_layout(layout, _json_blob(layout, media_types.OCI_INDEX, index))


def write_image_of(layout: Path, blob: Path, digest: str) -> Path:
    """A layout of an image whose one layer is a file that is there already."""
    blob_path(layout, digest).hardlink_to(blob)
    layer = {"mediaType": media_types.OCI_LAYER, "digest": digest, "size": blob.stat().st_size}
    return _write_layout(layout, [layer])


def _random_layer(layout: Path, size: int, seed: int) -> dict[str, Any]:
    new = layout / "new"
    digest = write_random(new, size, seed)
    new.rename(blob_path(layout, digest))
    return {"mediaType": media_types.OCI_LAYER, "digest": digest, "size": size}


def _write_layout(layout: Path, layers: list[dict[str, Any]]) -> Path:
    return write_layout(layout, _image_blob(layout, layers))


def _image_blob(layout: Path, layers: list[dict[str, Any]]) -> dict[str, Any]:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _json_blob(layout, media_types.OCI_CONFIG, config),
        "layers": layers,
    }
    return _json_blob(layout, media_types.OCI_MANIFEST, manifest)


def _json_blob(layout: Path, media_type: str, content: dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(content).encode()
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    blob_path(layout, digest).write_bytes(raw)
    return {"mediaType": media_type, "digest": digest, "size": len(raw)}


def manifest_of(layout: Path) -> Path:
    """The manifest of the image in a layout."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return blob_path(layout, entry["digest"])


def push(layout: Path, url: str, repository: str) -> None:
    """Put the image of a layout into a registry, tagged."""
    manifest = acr.Manifest.of(manifest_of(layout).read_bytes())
    with acr.Registry(url) as registry:
        target = registry.repository(repository)
        for blob in (manifest.config, *manifest.layers):
            if blob is not None:
                target.upload_blob(blob_path(layout, blob.digest), digest=blob.digest)
        target.put_manifest(manifest, tag=TAG)


def tag_properties(name: str) -> dict[str, Any]:
    """A tag as ACR tells of it."""
    return {
        "name": name,
        "digest": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",
        "createdTime": "2026-01-02T03:04:05.1234567Z",
        "lastUpdateTime": "2026-01-02T03:04:05.1234567Z",
        "signed": False,
        "changeableAttributes": {
            "deleteEnabled": True,
            "writeEnabled": True,
            "readEnabled": True,
            "listEnabled": True,
        },
    }


def tag_pages(count: int, page_size: int) -> Iterator[tuple[str, list[str]]]:
    """The pages of a listing: the tag that each begins behind, which is empty for the first, and its tags."""
    names = [f"v{number:07}" for number in range(count)]
    for at in range(0, count, page_size):
        yield (names[at - 1] if at else ""), names[at : at + page_size]

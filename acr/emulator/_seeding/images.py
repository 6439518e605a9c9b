"""Images that are made up: real ones, of one file for each platform, and the same bytes in each run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import attrs

from acr import media_types
from acr._values.descriptor import Platform
from acr._values.digest import Digest
from acr.emulator._seeding.recipe import Image


@attrs.frozen
class MadeManifest:
    """A manifest: its bytes, their type, and the blobs that it refers to."""

    content: bytes
    media_type: str
    blobs: tuple[bytes, ...] = ()


def make(image: Image, number: int) -> list[MadeManifest]:
    """The manifests of an image, the one that its tags name last. Another number makes it another image."""
    made = [_of_platform(image, platform, number) for platform in image.platforms]
    if len(made) == 1:
        return made
    entries = [
        {**_descriptor(one.media_type, one.content), "platform": _platform_json(platform)}
        for one, platform in zip(made, image.platforms, strict=True)
    ]
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return [*made, MadeManifest(json.dumps(index, indent=2).encode(), media_types.OCI_INDEX)]


def _of_platform(image: Image, platform: Platform, number: int) -> MadeManifest:
    name = f"image {number} of {image.repository}, {platform}\n".encode()
    tar = _tar(name.ljust(image.size, b".")[: image.size] if image.size else b"")
    layer = gzip.compress(tar, compresslevel=1, mtime=0)
    config = json.dumps(
        {
            **_platform_json(platform),
            "config": {"Labels": {"image": f"{image.repository} {number}"}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _descriptor(media_types.OCI_CONFIG, config),
        "layers": [_descriptor(media_types.OCI_LAYER_GZIP, layer)],
    }
    return MadeManifest(json.dumps(manifest, indent=2).encode(), media_types.OCI_MANIFEST, (config, layer))


def _tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo("seed.txt")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _platform_json(platform: Platform) -> dict[str, str]:
    found = {
        "architecture": platform.architecture,
        "os": platform.os,
        "os.version": platform.os_version,
        "variant": platform.variant,
    }
    return {key: value for key, value in found.items() if value}

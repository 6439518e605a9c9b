"""Content for layouts and archives: blobs, images, indexes, written by the port that a copy uses."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acr import Descriptor, Digest, Manifest, media_types
from acr.protocols import Local


def described(content: bytes, media_type: str = media_types.OCTET_STREAM) -> Descriptor:
    return Descriptor(media_type, Digest.of(content), len(content))


def write_blob(local: Local, content: bytes, media_type: str = media_types.OCI_LAYER) -> Descriptor:
    """Write a blob as a copy does: what is there is left alone."""
    blob = described(content, media_type)
    if not local.has(blob):
        sink = local.sink(blob)
        sink.open()
        for at in range(0, len(content), 1000):
            sink.write(content[at : at + 1000])
        sink.commit()
    return blob


def write_image(local: Local, mark: str = "", **more: Any) -> Manifest:
    """Write an image of two layers; the mark makes it another one."""
    config = write_blob(local, json.dumps({"os": "linux", "mark": mark}).encode(), media_types.OCI_CONFIG)
    layers = [write_blob(local, bytes(5000)), write_blob(local, f"layer {mark}".encode())]
    return write_manifest(local, config=config.to_json(), layers=[layer.to_json() for layer in layers], **more)


def write_index(local: Local, children: Sequence[Manifest], **more: Any) -> Manifest:
    entries = [child.descriptor.to_json() for child in children]
    return write_manifest(local, mediaType=media_types.OCI_INDEX, manifests=entries, **more)


def write_manifest(local: Local, **fields: Any) -> Manifest:
    manifest = Manifest.of({"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, **fields})
    local.put(manifest)
    return manifest


def everything(local: Local, blob: Descriptor) -> bytes:
    with local.open(blob) as file:
        return file.read()


def names_in(folder: Path) -> list[str]:
    """All that is in a folder, links not followed."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar of files, as Python writes it."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            add(tar, name, content)
    return path


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: Any) -> None:
    """Write a member; fields are those of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    tar.addfile(info, io.BytesIO(content))


def copy_all(source: Local, reference: str | None, target: Local, name: str | None) -> Manifest:
    """Copy an image with all that is below it, in the plainest way."""
    top = source.manifest(source.resolve(reference).digest)
    _copy(source, top, target)
    target.tag(top.descriptor, name)
    target.commit()
    return top


def _copy(source: Local, manifest: Manifest, target: Local) -> None:
    for child in manifest.manifests:
        _copy(source, source.manifest(child.digest), target)
    for blob in (*manifest.layers, *([manifest.config] if manifest.config else [])):
        assert write_blob(target, everything(source, blob)).digest == blob.digest
    target.put(manifest)

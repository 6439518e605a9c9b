"""Images on disk, as OCI layouts: what is pushed, and what was pulled."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from acr import media_types

TAG = "v1"
"""Of the image in a layout."""

_REF_NAME = "org.opencontainers.image.ref.name"


def write_image(layout: Path, mark: str = "") -> Path:
    """A layout of an image with three layers; the mark makes it another one."""
    return write_layout(layout, _image(layout, "amd64", mark))


def write_index(layout: Path) -> Path:
    """A layout of an image for two platforms, which share a layer."""
    entries = [
        {**_image(layout, architecture, "index"), "platform": {"os": "linux", "architecture": architecture}}
        for architecture in ("amd64", "arm64")
    ]
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return write_layout(layout, _blob(layout, media_types.OCI_INDEX, json.dumps(index).encode()))


def top(layout: Path) -> dict[str, Any]:
    """The descriptor of the image that a layout is about."""
    entries: list[dict[str, Any]] = json.loads((layout / "index.json").read_text())["manifests"]
    if len(entries) > 1:  # oras lists the images of an index, too
        entries = [entry for entry in entries if entry.get("annotations", {}).get(_REF_NAME) == TAG]
    (found,) = entries
    return found


def digest_of(layout: Path) -> str:
    """The digest of the image that a layout is about."""
    digest: str = top(layout)["digest"]
    return digest


def blobs_of(layout: Path) -> dict[str, bytes]:
    """What a layout holds, by digest. All bytes are checked."""
    found = {f"sha256:{path.name}": path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}
    assert all(_digest(content) == digest for digest, content in found.items())
    return found


def check_same(pulled: Path, pushed: Path) -> None:
    """See that a layout has the image of another one, to the byte."""
    assert digest_of(pulled) == digest_of(pushed)
    assert blobs_of(pushed).items() <= blobs_of(pulled).items()


def blob_path(layout: Path, digest: str) -> Path:
    """Where a layout has a blob; its folder is made."""
    path = layout / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_layout(layout: Path, image: dict[str, Any]) -> Path:
    """Write what a layout has beside its blobs: which image it is about."""
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [{**image, "annotations": {_REF_NAME: TAG}}]}
    (layout / "index.json").write_text(json.dumps(index))
    return layout


def _image(layout: Path, architecture: str, mark: str) -> dict[str, Any]:
    tars = [_tar("base", bytes(5000)), _tar("program", f"{architecture} {mark}".encode()), _tar("empty", b"")]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": ["/program"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(tar) for tar in tars]},
    }
    layers = [_blob(layout, media_types.OCI_LAYER_GZIP, gzip.compress(tar, mtime=0)) for tar in tars]
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _blob(layout, media_types.OCI_CONFIG, json.dumps(config).encode()),
        "layers": layers,
    }
    return _blob(layout, media_types.OCI_MANIFEST, json.dumps(manifest, indent=3).encode())


def _blob(layout: Path, media_type: str, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    blob_path(layout, digest).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _tar(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"

"""An OCI image layout, as a folder (OCI image spec, "Image Layout"). Its content is verified where it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from acr._values.digest import Digest
from acr._values.reference import check_tag
from acr.emulator._store import manifests
from acr.errors import InvalidInput, UnsupportedDigest

_REF_NAME: Final = "org.opencontainers.image.ref.name"


class FolderLayout:
    """A layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "oci-layout").is_file():
            raise ValueError(f"{folder} is no OCI image layout: it has no file oci-layout")

    def images(self) -> list[tuple[Digest, str, str | None]]:
        """Digest, media type and tag of what `index.json` lists. A name that is no tag counts for none."""
        index = (self._folder / "index.json").read_bytes()
        return [(*described, _tag(entry)) for entry, described in descriptors(index, f"{self._folder}/index.json")]

    def open(self, digest: Digest) -> BinaryIO:
        """Read a blob."""
        return (self._folder / "blobs" / digest.algorithm / digest.hex).open("rb")

    def manifest(self, digest: Digest) -> bytes:
        """The bytes of a manifest."""
        with self.open(digest) as file:
            content = file.read(manifests.LARGEST + 1)
        if len(content) > manifests.LARGEST or Digest.of(content, algorithm=digest.algorithm) != digest:
            raise ValueError(f"{self._folder}: {digest} is not what its name says, or no manifest")
        return content


def descriptors(index: bytes, what: str) -> list[tuple[Mapping[str, Any], tuple[Digest, str]]]:
    """The entries of an index, with the digest and the media type of each.

    Raises:
        ValueError: it is no index.
    """
    try:
        entries = json.loads(index)["manifests"]
        return [(entry, (Digest(entry["digest"]), str(entry["mediaType"]))) for entry in entries]
    except (ValueError, RecursionError, KeyError, TypeError, InvalidInput, UnsupportedDigest):
        raise ValueError(f"{what} is no image index") from None


def _tag(entry: Mapping[str, Any]) -> str | None:
    annotations = entry.get("annotations")
    name = annotations.get(_REF_NAME) if isinstance(annotations, dict) else None
    try:
        # Some tools write the whole reference: registry/repository:tag.
        return check_tag(name.rpartition(":")[2]) if isinstance(name, str) else None
    except InvalidInput:
        return None

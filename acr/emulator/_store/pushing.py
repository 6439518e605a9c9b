"""A manifest on its way in: the bytes that are pushed become what the metadata keeps, if all they refer to is there."""

from __future__ import annotations

from typing import Final

from acr._values.digest import Digest
from acr.emulator._store import manifests
from acr.emulator._store.content import Content
from acr.emulator._store.items import NewManifest
from acr.emulator._store.metadata import Metadata

_LARGEST_SIZE: Final = 2**63 - 1
"""The metadata counts in 64 bits, and a manifest may claim anything."""


class Incomplete(Exception):
    """Config, layers or children, the digests in `missing`, are not in the repository."""

    def __init__(self, missing: list[Digest]) -> None:
        super().__init__(missing)
        self.missing = missing


def prepare(
    metadata: Metadata, content: Content, repository: str, body: bytes, media_type: str, *, digest: Digest
) -> NewManifest:
    """Make what `Metadata.put_manifest` takes.

    Args:
        metadata: where children and blobs are looked for.
        content: where the config is read.
        repository: where all of it must be.
        body: the bytes that are pushed.
        media_type: of the manifest.
        digest: of the bytes.

    Raises:
        Malformed: it is no manifest of that type.
        Incomplete: it refers to what is not there.
    """
    reading = manifests.read(body, media_type)
    children = [metadata.manifest(repository, child) for child in reading.children]
    missing = [child for child, found in zip(reading.children, children, strict=True) if found is None]
    missing += [blob for blob in reading.blobs if not metadata.has_blob(repository, blob)]
    if missing:
        raise Incomplete(missing)
    architecture, os = _platform(content, reading.config)
    size = reading.layers_size + sum(child.image_size for child in children if child is not None)
    return NewManifest(
        digest=digest,
        media_type=media_type,
        content=body,
        image_size=min(size, _LARGEST_SIZE),
        architecture=architecture,
        os=os,
        config_media_type=reading.config_media_type,
        artifact_type=reading.artifact_type,
        subject=reading.subject,
        annotations=reading.annotations,
    )


def _platform(content: Content, config: Digest | None) -> tuple[str | None, str | None]:
    size = None if config is None else content.size(config)
    if config is None or size is None or size > manifests.LARGEST:
        return None, None
    with content.open(config) as file:
        return manifests.platform_of_config(file.read())

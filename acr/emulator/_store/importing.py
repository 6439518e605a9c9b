"""Importing: what a pull-through cache takes over from the repository behind it."""

from __future__ import annotations

from acr._values.digest import Digest
from acr.emulator._store import manifests
from acr.emulator._store.items import NewManifest
from acr.emulator._store.metadata import Metadata


def take_over(metadata: Metadata, source: str, target: str, reference: str, now: int) -> None:
    """Copy a manifest with its blobs, unless the target has it. Of an index, the children stay behind.

    Args:
        metadata: has both repositories. A blob is stored once, so nothing but its name is copied.
        source: the repository behind the cache.
        target: the cache.
        reference: tag or digest of the manifest.
        now: the time, in ticks.
    """
    tag = None if isinstance(reference, Digest) else reference
    known = metadata.tag(source, tag) if tag is not None else None
    digest = known.digest if known is not None else reference
    manifest = metadata.manifest(source, digest)
    if manifest is None or (tag is None and metadata.manifest(target, digest) is not None):
        return
    content = metadata.content(source, digest)
    reading = manifests.read(content, manifest.media_type)
    for blob in reading.blobs:
        metadata.add_blob(target, blob)
    new = NewManifest(
        digest=Digest(digest),
        media_type=manifest.media_type,
        content=content,
        image_size=manifest.image_size,
        architecture=manifest.architecture,
        os=manifest.os,
        config_media_type=manifest.config_media_type,
        artifact_type=manifest.artifact_type,
        subject=reading.subject,
        annotations=reading.annotations,
    )
    metadata.put_manifest(target, new, tag, now)

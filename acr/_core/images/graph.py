"""Graphs: what a manifest leads to, judged by its fields (OCI image spec, "Image Manifest" and "Image Index")."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse
from typing import Final

import attrs

from acr import media_types
from acr._values.descriptor import Descriptor, read_descriptor
from acr._values.fields import list_of
from acr._values.manifest import Manifest
from acr.errors import ProtocolViolation, TransferError

MOST_MANIFESTS: Final = 10_000
"""The most manifests of one copy. No honest image has more."""


@attrs.frozen
class Parts:
    """What a manifest leads to.

    Args:
        manifests: other manifests.
        blobs: config and layers. Those that nobody may pass on are left out; that is told by their type alone, since
            `urls` may stand with any.
        config: the config alone, if there is one.
    """

    manifests: Sequence[Descriptor] = ()
    blobs: Sequence[Descriptor] = ()
    config: Descriptor | None = None


def parts_of(manifest: Manifest) -> Parts:
    """What a manifest leads to. A type that is not known is judged by the fields, which are those of a known one.

    Raises:
        ProtocolViolation: it is an index and an image at once: what it means would be up to who reads it.
        TransferError: it is of docker's first schema, or has no field that is known.
    """
    if manifest.media_type in media_types.SCHEMA1 or "fsLayers" in manifest.json:
        raise TransferError(
            f"the manifest {manifest.digest} is of docker's schema 1, which registries take no more: push the image"
            " anew with docker, or convert it with `skopeo copy --format v2s2`",
            side="source",
        )
    present = [key for key in ("manifests", "config", "layers", "blobs") if manifest.json.get(key) is not None]
    if not present:
        raise TransferError(
            f"the manifest {manifest.digest} of type {manifest.media_type} is of no kind that is known: it has neither"
            " manifests, config, layers nor blobs",
            side="source",
        )
    check_one_kind(manifest)
    if "manifests" in present:
        entries = manifest.manifests
        return Parts(list(filterfalse(_is_cache, entries)), list(filter(_is_cache, entries)))
    where = f"the manifest {manifest.digest}"
    others = [read_descriptor(entry, where) for entry in list_of(manifest.json, "blobs", where)]
    config = [] if manifest.config is None else [manifest.config]
    blobs = [*config, *filter(_may_be_passed_on, (*manifest.layers, *others))]
    return Parts(blobs=blobs, config=manifest.config)


def check_one_kind(manifest: Manifest) -> None:
    """See that a manifest is no index and image at once: what it means would be up to who reads it (CVE-2021-41190).

    Raises:
        ProtocolViolation: it is both.
    """
    both = [key for key in ("config", "layers", "blobs") if manifest.json.get(key) is not None]
    if both and manifest.json.get("manifests") is not None:
        raise ProtocolViolation(f"the manifest {manifest.digest} has both manifests and {both[0]}")


def _may_be_passed_on(layer: Descriptor) -> bool:
    return layer.media_type not in media_types.FOREIGN_LAYERS


def _is_cache(entry: Descriptor) -> bool:
    """Whether an entry of an index is a blob: BuildKit lists the layers of its caches so."""
    return entry.media_type in media_types.CACHED

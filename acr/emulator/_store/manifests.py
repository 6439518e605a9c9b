"""What a pushed manifest says: what it refers to, and what ACR's metadata tells of it."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from acr import media_types
from acr._values.digest import Digest
from acr.emulator._wire import json_object
from acr.errors import InvalidInput, UnsupportedDigest

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a manifest."""

_LARGEST_SIZE: Final = 2**63 - 1  # of Go's int64

KNOWN: Final = frozenset(media_types.ANY_MANIFEST)
_IMAGE_CONFIGS: Final = frozenset({media_types.OCI_CONFIG, media_types.DOCKER_CONFIG})


class Malformed(Exception):
    """It is no manifest; the text says why."""


@attrs.frozen(kw_only=True)
class Reading:
    """What was read in a manifest.

    Args:
        blobs: config and layers that must be in the repository.
        children: manifests that must be in the repository.
        subject: the manifest it is about, which may be missing.
        config: the config blob of an image; it tells the platform.
        config_media_type: type of the config, of any artifact.
        artifact_type: as the referrers API tells it.
        annotations: as the referrers API tells them.
        layers_size: bytes of all layers. ACR's imageSize is that: 2479 where config and manifest have 1469 and 525
            (go GetManifest and GetManifestProperties).
    """

    blobs: tuple[Digest, ...]
    children: tuple[Digest, ...]
    subject: Digest | None
    config: Digest | None
    config_media_type: str | None
    artifact_type: str | None
    annotations: dict[str, str]
    layers_size: int


def read(content: bytes, media_type: str) -> Reading:
    """Read a manifest. One of a type that is not known only has to be a JSON object.

    What ACR's metadata tells of it is left out where it is of no fitting type: the bytes are kept as they are.

    Raises:
        Malformed: it is no manifest of that type.
    """
    manifest = json_object(content)
    if manifest is None:
        raise Malformed("it is no JSON object")
    declared = manifest.get("mediaType")
    if media_type in KNOWN and declared not in (None, "", media_type):
        raise Malformed(f"mediaType in manifest should be '{media_type}' not '{declared}'")
    config = manifest.get("config")
    layers = _objects(manifest, "layers")
    children = _objects(manifest, "manifests") if media_type in media_types.INDEXES else []
    subject = manifest.get("subject")
    digests = [_digest(layer) for layer in layers]
    # Foreign layers are fetched from elsewhere.
    here = [digest for layer, digest in zip(layers, digests, strict=True) if not layer.get("urls")]
    if config is not None:
        here.insert(0, _digest(config))
    config_type = _text(config.get("mediaType")) if isinstance(config, dict) else None
    return Reading(
        blobs=tuple(here),
        children=tuple(_digest(item) for item in children),
        subject=None if subject is None else _digest(subject),
        config=here[0] if config_type in _IMAGE_CONFIGS else None,
        config_media_type=config_type,
        artifact_type=_text(manifest.get("artifactType")) or config_type,
        annotations=_annotations(manifest.get("annotations")),
        layers_size=sum(_size(layer.get("size")) for layer in layers),
    )


def leads_to(content: bytes) -> set[Digest]:
    """All digests that a manifest names, whatever its type."""
    manifest = json_object(content) or {}
    named = [manifest.get("config"), manifest.get("subject")]
    for key in ("layers", "manifests", "blobs"):
        named += _objects(manifest, key)
    return {_digest(one) for one in named if one is not None}


def platforms(content: bytes) -> list[dict[str, str]]:
    """The `references` of an index in ACR's metadata."""
    found = []
    for child in _objects(json_object(content) or {}, "manifests"):
        platform = child.get("platform")
        told = platform if isinstance(platform, dict) else {}
        entry = {"digest": child["digest"], "architecture": told.get("architecture"), "os": told.get("os")}
        found.append({key: text for key, value in entry.items() if (text := _text(value))})
    return found


def platform_of_config(content: bytes) -> tuple[str | None, str | None]:
    """Architecture and os that the config of an image tells."""
    config = json_object(content) or {}
    return _text(config.get("architecture")), _text(config.get("os"))


def amd64_of_list(content: bytes) -> str | None:
    """The image that stands for a list where the client takes no lists."""
    entries = platforms(content)
    fitting = (e["digest"] for e in entries if (e.get("architecture"), e.get("os")) == ("amd64", "linux"))
    return next(fitting, None)


def as_schema1(content: bytes, name: str, tag: str) -> bytes:
    """The conversion to schema 1 that a client gets which accepts nothing better: other bytes, another digest."""
    layers = [_digest(layer) for layer in reversed(_objects(json_object(content) or {}, "layers"))]
    converted = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": digest} for digest in layers],
        "history": [{"v1Compatibility": json.dumps({"id": digest.hex})} for digest in layers],
        "signatures": [],
    }
    return json.dumps(converted, indent=3).encode()


def _text(value: object) -> str | None:
    """A text, if the value is one. What is no Unicode (a lone surrogate) is replaced, as Go does it."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _size(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= _LARGEST_SIZE else 0


def _annotations(value: object) -> dict[str, str]:
    """The annotations that are texts, as the referrers API may tell no others (OCI image spec, "Annotations")."""
    items = value.items() if isinstance(value, dict) else ()
    found = ((_text(key) or "", _text(text)) for key, text in items)
    return {key: text for key, text in found if text is not None}


def _objects(manifest: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = manifest.get(key)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise Malformed(f"{key} is no list of descriptors")
    return values


def _digest(descriptor: Any) -> Digest:
    try:
        return Digest(descriptor["digest"])
    except (KeyError, TypeError, InvalidInput, UnsupportedDigest):
        raise Malformed("a descriptor has no digest") from None

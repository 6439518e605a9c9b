"""Images: what `digest`, `show` and `tree` look up in manifests and configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import acr
from acr import media_types
from acr.cli._exits import CommandError, Usage

CONFIG_LIMIT: Final = 4 * 1024**2
IMAGE_CONFIGS: Final = frozenset({media_types.OCI_CONFIG, media_types.DOCKER_CONFIG})
COSIGN: Final = {"sig": "signature", "att": "attestation", "sbom": "sbom"}
"""The ends of the tags under which cosign keeps what belongs to an image, and what they mean."""

_KIND: Final = "vnd.docker.reference.type"
_NOWHERE: Final = ("unknown", "unknown")


def chosen(manifest: acr.Manifest, platform: str, what: str) -> acr.Descriptor:
    """The image of an index for a platform; of any other manifest, itself.

    Args:
        manifest: the index.
        platform: such as `linux/arm64`.
        what: the index, for errors.

    Raises:
        Usage: there is none, or there are several.
    """
    wanted = acr.Platform.parse(platform)
    if not manifest.is_index:
        return manifest.descriptor
    found = {one.digest: one for one in manifest.manifests if one.platform is not None and one.platform.fits(wanted)}
    if len(found) > 1:
        usual = {
            digest: one
            for digest, one in found.items()
            if one.platform is not None and one.platform.usual_variant == wanted.usual_variant
        }
        found = usual or found
    if len(found) != 1:
        there = ", ".join(str(one.platform) for one in manifest.manifests if one.platform is not None)
        many = "several images" if found else "no image"
        raise Usage(f"{what} has {many} for {platform}", hint=f"it has {there or 'no platforms'}")
    return next(iter(found.values()))


def is_attestation(entry: acr.Descriptor) -> bool:
    """Whether an entry of an index is what BuildKit says of an image beside it."""
    is_nowhere = entry.platform is not None and (entry.platform.os, entry.platform.architecture) == _NOWHERE
    return is_nowhere or entry.annotations.get(_KIND) == "attestation-manifest"


def contents_of(manifest: acr.Manifest) -> dict[str, int]:
    """A manifest, its config and its layers, each with its bytes: what parts of an index share is there once."""
    parts = [*([manifest.config] if manifest.config else []), *manifest.layers]
    return {manifest.digest: manifest.size, **{part.digest: part.size for part in parts}}


def config_of(repository: acr.Repository, manifest: acr.Manifest) -> Mapping[str, Any]:
    """The config of an image, verified and parsed; empty if it has none.

    Raises:
        CommandError: the config is too large, or is no JSON object.
    """
    config = manifest.config
    if config is None or config.media_type not in IMAGE_CONFIGS:
        return {}
    if config.size > CONFIG_LIMIT:
        raise CommandError(f"the config of {manifest.digest} has {config.size} bytes: more than 4 MiB are not read")
    content = bytearray()
    with repository.blob(config.digest).stream() as stream:
        for block in stream:  # the last one comes only if the digest is right
            content += block
            if len(content) > CONFIG_LIMIT:
                raise CommandError(f"the config of {manifest.digest} is larger than it says")
    # A manifest is an object of JSON, read with bounds; a config is one, too.
    return acr.Manifest(bytes(content), config.media_type).json


def cosign_tags(digest: acr.Digest) -> Mapping[str, str]:
    """The tags under which cosign keeps what belongs to a manifest, each with what it is."""
    return {f"{digest.algorithm}-{digest.hex}.{end}": kind for end, kind in COSIGN.items()}


def platform_of(config: Mapping[str, Any]) -> acr.Platform | None:
    """The platform that a config names."""
    os, architecture, variant = (text_of(config.get(key)) for key in ("os", "architecture", "variant"))
    return acr.Platform(os, architecture, variant) if os and architecture else None


def text_of(value: object) -> str | None:
    """A text of somebody's JSON; None if it is none."""
    return value if isinstance(value, str) and value else None


def texts_of(value: object) -> dict[str, str]:
    """A map of texts of somebody's JSON, without what is none."""
    if not isinstance(value, Mapping):
        return {}
    return {key: one if isinstance(one, str) else json.dumps(one) for key, one in value.items() if isinstance(key, str)}

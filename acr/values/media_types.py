"""Media types of manifests, configs and layers, as OCI and Docker name them."""

from __future__ import annotations

import re
from typing import Final

from acr.values.errors import InvalidInput

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_ARTIFACT_MANIFEST: Final = "application/vnd.oci.artifact.manifest.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCTET_STREAM: Final = "application/octet-stream"

INDEXES: Final = frozenset({OCI_INDEX, DOCKER_MANIFEST_LIST})
"""Manifests that list other manifests."""

SCHEMA1: Final = frozenset({DOCKER_MANIFEST_SCHEMA1, "application/vnd.docker.distribution.manifest.v1+json"})
"""Docker's first manifests, which no registry takes any more."""

FOREIGN_LAYERS: Final = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)
"""Layers that nobody may pass on: who runs the image gets them from their `urls`. Base layers of Windows were such."""

CACHED: Final = frozenset(
    {
        "application/vnd.buildkit.cacheconfig.v0",
        DOCKER_LAYER,
        DOCKER_LAYER_GZIP,
        OCI_LAYER,
        OCI_LAYER_GZIP,
        f"{OCI_LAYER}+zstd",
    }
)
"""What an index of BuildKit's cache lists: no manifests, but the cache's config and layers."""

ANY_MANIFEST: Final = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST)
"""What is asked for when the caller names no type. A request without Accept gets a schema 1 conversion, another
digest, from ACR: the list must be explicit."""


_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/(?:[A-Za-z0-9!#$&^_.+-]{1,127}|\*)|\*/\*")
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TYPE: Final = re.compile(f"{_NAME}/{_NAME}")


def check_media_type(text: str) -> str:
    """Return `text` if it is a media type, or a range of them such as `*/*` (RFC 6838, section 4.2).

    Raises:
        InvalidInput: it is not.
    """
    return _checked(text, _MEDIA_TYPE, OCI_MANIFEST)


def check_type(text: str) -> str:
    """Return `text` if it is a media type that content can have: no range, and without parameters (RFC 6838, 4.2).

    Raises:
        InvalidInput: it is not.
    """
    return _checked(text, _TYPE, "application/spdx+json")


def _checked(text: str, pattern: re.Pattern[str], example: str) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        raise InvalidInput(f"{str(text)[:100]!r} is no media type: expected one such as {example}")
    return text


def essence(content_type: str) -> str:
    """The media type without its parameters, in lower case (RFC 9110, section 8.3.1).

    >>> essence("Application/JSON; charset=utf-8")
    'application/json'
    """
    return content_type.partition(";")[0].strip().lower()

"""Media types of manifests, configs and layers, as OCI and Docker name them."""

from __future__ import annotations

from typing import Final

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

"""Media types of manifests, configs and layers, as OCI and Docker name them."""

from __future__ import annotations

from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
"""An image of one platform, or an artifact (OCI image spec, "Image Manifest")."""

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
"""A list of manifests, such as the platforms of an image (OCI image spec, "Image Index")."""

OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
"""The config of an image: its platform, its command, and the digests of its unpacked layers."""

OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
"""A layer: a tar without compression."""

OCI_LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
"""A layer: a tar compressed with gzip."""

OCI_ARTIFACT_MANIFEST: Final = "application/vnd.oci.artifact.manifest.v1+json"
"""The artifact manifest that OCI proposed and withdrew before version 1.1. Old content has it."""

OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
"""The content `{}`, which stands for a config or a layer that an artifact lacks."""

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
"""Docker's manifest of one image, version 2, schema 2."""

DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
"""Docker's list of manifests, the model of OCI's index."""

DOCKER_MANIFEST_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
"""Docker's first manifest, signed."""

DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
"""Docker's config of an image."""

DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
"""Docker's layer: a tar without compression."""

DOCKER_LAYER_GZIP: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
"""Docker's layer: a tar compressed with gzip."""

OCTET_STREAM: Final = "application/octet-stream"
"""Bytes of no declared type: what a blob is to a registry."""

INDEXES: Final = frozenset({OCI_INDEX, DOCKER_MANIFEST_LIST})
"""The types of manifests that list other manifests."""

SCHEMA1: Final = frozenset({DOCKER_MANIFEST_SCHEMA1, "application/vnd.docker.distribution.manifest.v1+json"})
"""The types of Docker's first manifests. Registries no longer accept them."""

FOREIGN_LAYERS: Final = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)
"""The types of layers that must not be redistributed. A runtime downloads them from their `urls`. The base layers of
Windows had such types."""

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
"""The types that an index of BuildKit's cache lists: the config and the layers of the cache. An ordinary index lists
manifests."""

ANY_MANIFEST: Final = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST)
"""The types that the client accepts if the caller names none. ACR converts a manifest to schema 1, with another digest,
if a request has no Accept header. So the client always sends this list."""

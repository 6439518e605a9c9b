"""Random images, drawn from a seed: their bytes and digests, and as an OCI layout on disk.

Made with json and hashlib, and nothing of the code under test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs

from tests.faults.seeds import seeded

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_MIB: Final = 1024 * 1024
_PLATFORMS: Final = ("linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64")


def digest_of(content: bytes) -> str:
    """The sha256 digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@attrs.frozen
class Manifest:
    """A manifest, as it goes over the wire."""

    media_type: str
    content: bytes = attrs.field(repr=False)
    digest: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "digest", digest_of(self.content))

    def entry(self, **more: Any) -> dict[str, Any]:
        """Its descriptor."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content), **more}


@attrs.frozen
class Image:
    """An image, or an index of several.

    Args:
        root: what a tag names.
        manifests: of all that belong to it, referrers aside; children before their parents, the root at the end.
        referrers: manifests about the root, or about another referrer; subjects first.
        blobs: configs and layers of all of them, by digest.
        platforms: of the index; none where it is an image.
    """

    root: Manifest
    manifests: tuple[Manifest, ...]
    referrers: tuple[Manifest, ...]
    blobs: Mapping[str, bytes] = attrs.field(repr=False)
    platforms: tuple[str, ...] = ()

    def image_for(self, platform: str) -> Manifest:
        """The image in the index that is for a platform."""
        return self.manifests[self.platforms.index(platform)]

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(map(len, self.blobs.values()))


class _Maker:
    def __init__(self, random: Random, largest: int) -> None:
        self._random = random
        self._largest = largest
        self._docker = random.random() < 0.3
        self.blobs: dict[str, bytes] = {}

    def content(self) -> bytes:
        """Of any size; those that are easily got wrong more often than by chance."""
        sizes = [0, 1, 2, 4096, _MIB - 1, _MIB, _MIB + 1]
        random = self._random
        size = random.choice(
            [random.choice(sizes), *(random.randrange(top) for top in (2_000, 200_000, self._largest))]
        )
        return random.randbytes(min(size, self._largest))

    def blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Its descriptor."""
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def image(self, platform: str) -> Manifest:
        random = self._random
        os, _, architecture = platform.partition("/")
        config = json.dumps({"os": os, "architecture": architecture.partition("/")[0], "mark": random.random()})
        layers: list[dict[str, Any]] = []
        for _ in range(random.randint(1, 6)):
            # Some are there already, in this image or in another one.
            again = bool(self.blobs) and random.random() < 0.2
            content = random.choice(list(self.blobs.values())) if again else self.content()
            layers.append(self.blob(DOCKER_LAYER if self._docker else OCI_LAYER, content))
        media_type = DOCKER_MANIFEST if self._docker else OCI_MANIFEST
        return self._manifest(
            media_type,
            config=self.blob(DOCKER_CONFIG if self._docker else OCI_CONFIG, config.encode()),
            layers=layers,
        )

    def index(self, entries: list[dict[str, Any]]) -> Manifest:
        return self._manifest(DOCKER_LIST if self._docker else OCI_INDEX, manifests=entries)

    def referrer(self, subject: Manifest, number: int) -> Manifest:
        return self._manifest(
            OCI_MANIFEST,
            artifactType="application/vnd.example.sbom",
            config=self.blob(OCI_EMPTY, b"{}"),
            layers=[self.blob("application/spdx+json", self._random.randbytes(self._random.randrange(50_000)))],
            subject=subject.entry(),
            annotations={"number": str(number)},
        )

    def _manifest(self, media_type: str, **fields: Any) -> Manifest:
        # Bytes count, not their meaning: written by another hand each time.
        indent = self._random.choice([None, 2, 3])
        content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}, indent=indent)
        return Manifest(media_type, content.encode())


def random_image(seed: object, *, largest: int = 3 * _MIB) -> Image:
    """An image, or an index of two to four, with referrers or without.

    Args:
        seed: the same one gives the same image.
        largest: bytes of a layer, at the most.
    """
    random = seeded(seed, "image")
    maker = _Maker(random, largest)
    platforms: tuple[str, ...] = ()
    if random.random() < 0.4:
        platforms = tuple(random.sample(_PLATFORMS, random.randint(2, len(_PLATFORMS))))
        images = [maker.image(platform) for platform in platforms]
        root = maker.index([image.entry(platform=_platform(p)) for image, p in zip(images, platforms, strict=True)])
        manifests = (*images, root)
    else:
        root = maker.image(random.choice(_PLATFORMS))
        manifests = (root,)
    referrers: list[Manifest] = []
    if random.random() < 0.4:
        for number in range(random.randint(1, 3)):
            referrers.append(maker.referrer(random.choice([root, root, *referrers]), number))
    return Image(root, manifests, tuple(referrers), maker.blobs, platforms)


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def write_layout(image: Image, folder: Path, tag: str) -> None:
    """Write an image as an OCI layout (OCI image spec, "Image Layout")."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    named = image.root.entry(annotations={"org.opencontainers.image.ref.name": tag})
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [named, *(referrer.entry() for referrer in image.referrers)],
    }
    (folder / "index.json").write_text(json.dumps(index))
    for digest, content in contents(image):
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)


def contents(image: Image) -> Iterator[tuple[str, bytes]]:
    """All digests, with the bytes behind each of them."""
    yield from image.blobs.items()
    for manifest in (*image.manifests, *image.referrers):
        yield manifest.digest, manifest.content

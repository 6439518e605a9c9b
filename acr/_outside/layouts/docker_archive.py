"""Archives that `docker save` wrote: images in docker's own form, which this module presents as manifests and blobs.

See the Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import attrs

from acr import media_types
from acr._forks import Lock
from acr._outside.failures import reading
from acr._outside.layouts.roots import INDEX_LIMIT, Root, choose, digest_in
from acr._outside.layouts.trees import DOCKER_LIST
from acr._outside.tar.tars import TarFiles, compression
from acr._text import counted
from acr._values.arguments import check_path
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.fields import list_of, object_of, parse_object, text
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.travel import stays
from acr._values.weight import check_weight
from acr.errors import DigestMismatch, InvalidInput, LimitExceeded, TransferError
from acr.protocols import Sink

_BLOCK: Final = 1024 * 1024


@attrs.frozen
class _Image:
    """An entry of the archive's list: the names of files in the archive, and the tags of the image."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


@public_in("acr")
@stays("its path")
class DockerArchive:
    """A tar that `docker save`, `podman save` or skopeo (as docker-archive) wrote. You can copy images from it.

    Such an archive has no manifests. This class makes a docker manifest (version 2, schema 2) for each image, from its
    config and layers, and makes the same one each time. It differs from the image's manifest in a registry, because
    docker stores the layers unpacked. Since docker 25 the tar is an OCI layout as well: `Layout` reads it with its own
    manifests.

    Args:
        path: the tar. Decompress it first, because blobs are read at any place in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = check_path("path", path)
        self._name = str(self.path)
        self._files = TarFiles(self.path)
        self._lock = Lock(reentrant=True)
        self._listed: Sequence[Root[_Image]] | None = None
        self._hashed: dict[str, Descriptor] = {}
        self._blobs: dict[Digest, str] = {}
        self._manifests: dict[_Image, Manifest] = {}

    def __repr__(self) -> str:
        return f"DockerArchive({self._name!r})"

    def tags(self) -> Sequence[str]:
        """List the names of the images, such as `team/app:v1`.

        Raises:
            TransferError: the file is not such an archive, or cannot be read.
        """
        return tuple(name for root in self._images() for name in root.names)

    def resolve(self, reference: str | None) -> Descriptor:
        """Find the manifest of an image; see `Local`. A reference may be a whole name, or its tag alone."""
        digest = digest_in(reference) if reference is not None else None
        if digest is not None:
            return self.manifest(digest).descriptor
        return self._manifest(choose(self._images(), reference, self._name)).descriptor

    def manifest(self, digest: Digest) -> Manifest:
        """Read a manifest that this class made; see `Local`."""
        for root in self._images():
            manifest = self._manifest(root.item)
            if manifest.digest == digest:
                return manifest
        raise TransferError(f"{self._name} has no {digest}, it has {', '.join(self.tags())}", side="source")

    def has(self, content: Descriptor) -> bool:
        """Whether the archive has a blob or manifest with that digest and size; see `Local`."""
        if self._files.state is None:  # asked of the target of a pull
            self._refuse()
        name = self._name_of(content.digest)
        if name is None:
            return any(self._manifest(root.item).descriptor.digest == content.digest for root in self._images())
        return self._hashed[name].size == content.size

    def open(self, blob: Descriptor) -> BinaryIO:
        """Open a blob as a file; see `Local`."""
        name = self._name_of(blob.digest)
        if name is None:
            raise TransferError(f"{self._name} has no {blob.digest}", side="source")
        return self._files.open(name)

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """Return nothing: docker does not save what is attached to an image."""
        return ()

    def sink(self, blob: Descriptor) -> Sink:
        """Raise InvalidInput: nothing is written into such an archive."""
        self._refuse()

    def put(self, manifest: Manifest) -> None:
        """Raise InvalidInput: nothing is written into such an archive."""
        self._refuse()

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Raise InvalidInput: nothing is written into such an archive."""
        self._refuse()

    def commit(self) -> None:
        """Raise InvalidInput: nothing is written into such an archive."""
        self._refuse()

    def abort(self) -> None:
        """Do nothing: there is nothing to give up."""

    def _refuse(self) -> NoReturn:
        raise InvalidInput(f"{self._name} is read only: copy into a Layout, which docker loads as well")

    def _images(self) -> Sequence[Root[_Image]]:
        with self._lock:
            if self._listed is None:
                if self._files.state is None:
                    raise TransferError(f"there is no file {self._name}", side="source")
                if self._files.find(DOCKER_LIST) is None:
                    raise TransferError(f"{self._name} was not saved by docker: it has no {DOCKER_LIST}", side="source")
                where = f"{DOCKER_LIST} of {self._name}"
                with reading(where):
                    content = self._read(DOCKER_LIST)
                    check_weight(content, where)
                    entries = json.loads(content)
                    if not isinstance(entries, list):
                        raise TransferError(f"{where}: expected a list", side="source")
                images = [_image(entry, f"{where}[{i}]") for i, entry in enumerate(entries)]
                self._listed = [Root(image.tags, image.config, image) for image in images]
            return self._listed

    def _manifest(self, image: _Image) -> Manifest:
        with self._lock:
            if image not in self._manifests:
                config = attrs.evolve(self._blob(image.config), media_type=media_types.DOCKER_CONFIG)
                layers = [self._blob(name) for name in image.layers]
                self._check(image, layers)
                content = {
                    "schemaVersion": 2,
                    "mediaType": media_types.DOCKER_MANIFEST,
                    "config": config.to_json(),
                    "layers": [layer.to_json() for layer in layers],
                }
                self._manifests[image] = Manifest.of(content)
            return self._manifests[image]

    def _check(self, image: _Image, layers: Sequence[Descriptor]) -> None:
        """See that the layers are those that the config names by the digests of their uncompressed tars."""
        where = f"{image.config} of {self._name}"
        rootfs = object_of(parse_object(self._read(image.config), where).get("rootfs"), f"{where}.rootfs")
        expected = list_of(rootfs, "diff_ids", where)
        if len(expected) != len(layers):
            raise TransferError(
                f"{where} names {counted(len(expected), 'layer')}, and has {len(layers):,}", side="source"
            )
        for name, layer, digest in zip(image.layers, layers, expected, strict=True):
            if layer.media_type == media_types.DOCKER_LAYER and layer.digest != digest:
                raise DigestMismatch(f"{name} of {self._name}", expected=str(digest), actual=layer.digest)

    def _name_of(self, digest: Digest) -> str | None:
        """The name of a blob in the archive. Images are looked into until it is found."""
        with self._lock:
            if digest not in self._blobs:
                for root in self._images():
                    self._manifest(root.item)
            return self._blobs.get(digest)

    def _blob(self, name: str) -> Descriptor:
        """A file of the archive as a layer; hashed the first time."""
        if name not in self._hashed:
            hasher = Hasher()
            with self._files.open(name) as file, reading(f"{name} of {self._name}"):
                block = file.read(_BLOCK)
                packed = compression(block) == "gzip"
                while block:
                    hasher.update(block)
                    block = file.read(_BLOCK)
            media_type = media_types.DOCKER_LAYER_GZIP if packed else media_types.DOCKER_LAYER
            self._hashed[name] = Descriptor(media_type, hasher.digest(), hasher.size)
            self._blobs.setdefault(hasher.digest(), name)
        return self._hashed[name]

    def _read(self, name: str) -> bytes:
        with self._files.open(name) as file, reading(f"{name} of {self._name}"):
            content = file.read(INDEX_LIMIT + 1)
        if len(content) > INDEX_LIMIT:
            raise LimitExceeded(f"{name} of {self._name}", limit=INDEX_LIMIT)
        return content


def _image(entry: object, where: str) -> _Image:
    data = object_of(entry, where)
    return _Image(
        config=posixpath.normpath(text(data, "Config", where)),
        layers=tuple(posixpath.normpath(name) for name in _texts(list_of(data, "Layers", where), where)),
        tags=tuple(_texts(list_of(data, "RepoTags", where), where)),
    )


def _texts(values: Sequence[object], where: str) -> Sequence[str]:
    if not all(isinstance(value, str) for value in values):
        raise TransferError(f"{where}: expected names as text", side="source")
    return [str(value) for value in values]

"""OCI image layouts: images and artifacts on disk, as skopeo, oras, crane, regctl and docker write and read them.

See the OCI image spec, "Image Layout".
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from acr import media_types
from acr._outside.failures import reading
from acr._outside.layouts.roots import INDEX_LIMIT, Root, choose, digest_in, parse_index, roots_of, with_roots
from acr._outside.layouts.trees import INDEX, MARK, Tree, folder_tree, memory_tree, tar_tree
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.fields import parse_object
from acr._values.home import public_in
from acr._values.manifest import MANIFEST_LIMIT, Manifest
from acr._values.media_type import check_media_range
from acr.errors import InvalidInput, LimitExceeded, TransferError
from acr.protocols import Sink

_VERSION: Final = b'{"imageLayoutVersion":"1.0.0"}'
_MARK_LIMIT: Final = 64 * 1024
_COMPRESSED: Final = (".gz", ".tgz", ".zst", ".xz", ".bz2")


class Store:
    """Manifests and blobs as an OCI image layout has them, wherever its files are. It is a `Local`.

    Args:
        tree: the files.
        name: of the whole, for errors.
    """

    def __init__(self, tree: Tree, name: str) -> None:
        self._tree = tree
        self._name = name
        self._lock = threading.Lock()  # of what is below, never for long: `abort` is called by the event loop
        self._tagged: list[tuple[Descriptor, str | None]] = []
        self._dropped = False
        self._committing = threading.Lock()
        self._looking = threading.Lock()
        self._attached: tuple[bytes, Mapping[Digest, Sequence[Descriptor]]] | None = None

    def tags(self) -> Sequence[str]:
        """The names of its roots: tags, or whole names, as whoever wrote them did.

        Raises:
            TransferError: there is no layout, or it cannot be read.
        """
        return tuple(dict.fromkeys(root.names[0] for root in self._roots() if root.names))

    def resolve(self, reference: str | None) -> Descriptor:
        """The manifest of that name; see `Local`.

        A name is looked for as it is, then as the tag at the end of a longer one (`v1` of `docker.io/team/app:v1`).
        """
        roots = self._roots()
        if reference is None:
            return choose(self._tops(roots), None, self._name)
        digest = digest_in(reference)
        listed = any(reference in (root.identity, *root.names) for root in roots)
        if digest is not None and not listed and self._tree.size(_path(digest)) is not None:
            return self.manifest(digest).descriptor
        return choose(roots, reference, self._name)

    def manifest(self, digest: Digest) -> Manifest:
        """A manifest, verified; see `Local`.

        Its media type is its own. One that has none, which OCI allows, is told by what it holds.
        """
        name = _path(digest)
        what = f"the manifest {digest} of {self._name}"
        if self._tree.size(name) is None:
            raise TransferError(f"{self._name} has no {digest}", side="source")
        content = self._read(name, MANIFEST_LIMIT)
        hasher = Hasher(digest.algorithm)
        hasher.update(content)
        hasher.verify(digest, what)
        return Manifest(content, _media_type(content, what), digest=digest)

    def has(self, content: Descriptor) -> bool:
        """Whether it is there with that size; see `Local`."""
        return self._tree.size(_path(content.digest)) == content.size

    def open(self, blob: Descriptor) -> BinaryIO:
        """A file of that blob alone; see `Local`."""
        name = _path(blob.digest)
        size = self._tree.size(name)
        if size is None:
            raise TransferError(f"{self._name} has no {blob.digest}", side="source")
        if size != blob.size:
            raise TransferError(
                f"{self._name} has {size} bytes of {blob.digest}, which should be {blob.size}", side="source"
            )
        return self._tree.open(name)

    def sink(self, blob: Descriptor) -> Sink:
        """Where the bytes of a blob are written; see `Local`."""
        return self._tree.sink(_path(blob.digest), blob)

    def put(self, manifest: Manifest) -> None:
        """Store a manifest; see `Local`. One that is attached to another one becomes a root: no other leads to it."""
        hasher = Hasher(manifest.digest.algorithm)
        hasher.update(manifest.content)
        hasher.verify(manifest.digest, "the manifest")
        if not self.has(manifest.descriptor):
            self._tree.write(_path(manifest.digest), manifest.content)
        if b'"subject"' in manifest.content and manifest.subject is not None:
            self.tag(_as_referrer(manifest), None)

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Make it a root, once all is committed; see `Local`."""
        with self._lock:
            if name is not None and (manifest, None) in self._tagged:
                self._tagged.remove((manifest, None))
            self._tagged.append((manifest, name))
            self._dropped = False

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """The manifests that are attached to another one; see `Local`."""
        with self._looking:
            content = self._index_content()
            if self._attached is None or self._attached[0] != content:
                attached: dict[Digest, dict[Digest, Descriptor]] = {}
                for manifest in self._walk(roots_of(parse_index(content, self._name), self._name)):
                    if manifest.subject is not None:
                        found = attached.setdefault(manifest.subject.digest, {})
                        found[manifest.digest] = _as_referrer(manifest)
                self._attached = content, {digest: tuple(found.values()) for digest, found in attached.items()}
            return self._attached[1].get(subject, ())

    def commit(self) -> None:
        """Write the index; see `Local`. What others wrote into it stays as it is.

        Raises:
            TransferError: it cannot be written, or the names to write were dropped by an `abort`.
        """
        with self._committing, self._tree.alone():
            with self._lock:
                if self._dropped and not self._tagged:
                    raise TransferError(
                        f"another copy into {self._name} was given up meanwhile: one copy at a time goes into a layout",
                        side="target",
                    )
                tagged = tuple(self._tagged)
            content = None if self._tree.size(INDEX) is None else self._index_content()
            before = None if content is None else parse_index(content, self._name)
            index = with_roots(before, tagged)
            is_new = index != before
            if content is None or is_new:
                content = json.dumps(index, separators=(",", ":")).encode()
            if is_new or self._tree.changed:
                mark = _VERSION if self._tree.size(MARK) is None else self._read(MARK, _MARK_LIMIT)
                self._tree.commit({MARK: mark, INDEX: content})
            with self._lock:
                self._tagged = [root for root in self._tagged if root not in tagged]

    def abort(self) -> None:
        """Take back what was not committed; see `Local`. It does not wait for what another thread does."""
        with self._lock:
            self._dropped = self._dropped or bool(self._tagged)
            self._tagged.clear()
        self._tree.abort()

    def _roots(self) -> Sequence[Root[Descriptor]]:
        return roots_of(parse_index(self._index_content(), self._name), self._name)

    def _tops(self, roots: Sequence[Root[Descriptor]]) -> Sequence[Root[Descriptor]]:
        """Without those that have no name and that others lead to: oras lists the images of an index, too."""
        if len({root.identity for root in roots}) < 2 or all(root.names for root in roots):
            return roots
        below: set[str] = set()
        for manifest in self._walk(roots):
            below.update(child.digest for child in manifest.manifests)
            if manifest.subject is not None and self.has(manifest.subject):
                below.add(manifest.digest)
        return [root for root in roots if root.names or root.identity not in below]

    def _walk(self, roots: Sequence[Root[Descriptor]]) -> Iterator[Manifest]:
        """All manifests that are here; of an index there may be some only."""
        left = [root.item for root in reversed(roots)]
        seen: set[Digest] = set()
        while left:
            descriptor = left.pop()
            if descriptor.digest in seen or descriptor.media_type not in media_types.ANY_MANIFEST:
                continue
            seen.add(descriptor.digest)
            if self.has(descriptor):
                manifest = self.manifest(descriptor.digest)
                yield manifest
                left.extend(reversed(manifest.manifests))

    def _index_content(self) -> bytes:
        if self._tree.size(INDEX) is None:
            raise TransferError(f"{self._name} is no OCI image layout: it has no {INDEX}", side="source")
        return self._read(INDEX, INDEX_LIMIT)

    def _read(self, name: str, limit: int) -> bytes:
        with self._tree.open(name) as file, reading(f"{name} of {self._name}"):
            content = file.read(limit + 1)
        if len(content) > limit:
            raise LimitExceeded(f"{name} of {self._name}", limit=limit)
        return content


@public_in("acr")
class Layout(Store):
    """An OCI image layout on disk: a folder, or a tar of one (docker save, skopeo's oci-archive).

    Images are copied from it and into it; it is made when the first one is. Other images in it stay. A folder's index
    is replaced in one step; a tar is written anew beside the old one, takes over its content, and then replaces it.
    Use one `Layout` for one copy at a time. Several, in several processes as well, may work on one folder; of those
    that copy into one tar at the same time, the first to end succeeds, and the others raise TransferError.

    A blob that is there with the right name and size is taken for whole, as skopeo and oras take it: hashing all would
    cost as much as copying them. Whoever reads one verifies it; where it was damaged, remove its file and pull again.

    Args:
        path: the folder, or the tar: an existing file, or a name that ends with `.tar`.

    Raises:
        InvalidInput: the name is that of a compressed tar: blobs are read where they are, at random.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        folder = self.path.is_dir()
        if self.path.name.endswith(_COMPRESSED) and not folder:
            raise InvalidInput(f"{self.path} would be a compressed tar: use a folder, or a name that ends with .tar")
        is_tar = self.path.is_file() or (self.path.suffix == ".tar" and not folder)
        super().__init__(tar_tree(self.path) if is_tar else folder_tree(self.path), str(self.path))

    def __repr__(self) -> str:
        return f"Layout({str(self.path)!r})"


@public_in("acr")
class Memory(Store):
    """Manifests and blobs in memory, for tests and small artifacts. Images are copied from it and into it."""

    def __init__(self) -> None:
        super().__init__(memory_tree(), "memory")

    def __repr__(self) -> str:
        return f"<Memory at {id(self):#x}>"


def _path(digest: Digest) -> str:
    digest = Digest(digest)  # whatever a caller may have passed for one: only a checked digest becomes a path
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _as_referrer(manifest: Manifest) -> Descriptor:
    """A descriptor as a registry's referrers list has it (OCI distribution spec, "Listing Referrers")."""
    config = manifest.config
    return attrs.evolve(
        manifest.descriptor,
        artifact_type=manifest.artifact_type or (config.media_type if config else None),
        annotations=manifest.annotations,
    )


def _media_type(content: bytes, what: str) -> str:
    """A manifest's own media type. OCI allows that there is none; docker's manifests always have one."""
    parsed = parse_object(content, what)
    named = parsed.get("mediaType")
    if named is None:
        return media_types.OCI_INDEX if "manifests" in parsed else media_types.OCI_MANIFEST
    try:
        return check_media_range(named)
    except InvalidInput as error:
        raise TransferError(f"{what}: {error}", side="source") from None

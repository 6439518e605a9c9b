"""OCI image layouts: images and artifacts on disk. Skopeo, oras, crane, regctl and docker read and write them, too.

See the OCI image spec, "Image Layout".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from acr import media_types
from acr._forks import Lock
from acr._later import later
from acr._outside.failures import reading
from acr._outside.layouts.roots import INDEX_LIMIT, Root, choose, digest_in, parse_index, roots_of, with_roots
from acr._outside.layouts.trees import DOCKER_LIST, INDEX, MARK, Tree, folder_tree, memory_tree
from acr._values.arguments import check_path
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.fields import parse_object, written
from acr._values.home import public_in
from acr._values.manifest import MANIFEST_LIMIT, Manifest, as_referrer
from acr._values.media_type import check_media_range
from acr._values.travel import stays
from acr.errors import InvalidInput, LimitExceeded, TransferError
from acr.protocols import Sink

if TYPE_CHECKING:
    from acr._outside.layouts import tar_trees
else:
    tar_trees = later("acr._outside.layouts.tar_trees")

_VERSION: Final = b'{"imageLayoutVersion":"1.0.0"}'
_MARK_LIMIT: Final = 64 * 1024
_COMPRESSED: Final = (".gz", ".tgz", ".zst", ".xz", ".bz2")


class Store:
    """An OCI image layout on a tree of files. It is a `Local`.

    Args:
        tree: the files.
        name: the name of the layout, for errors.
    """

    def __init__(self, tree: Tree, name: str) -> None:
        self._tree = tree
        self._name = name
        self._lock = Lock()  # of what is below, never for long: `abort` is called by the event loop
        self._tagged: list[tuple[Descriptor, str | None]] = []
        self._dropped = False
        self._committing = Lock()
        self._looking = Lock()
        self._attached: tuple[bytes, Mapping[Digest, Sequence[Descriptor]]] | None = None

    def tags(self) -> Sequence[str]:
        """List the names of its roots. A name is a tag or a whole name, such as `docker.io/team/app:v1`.

        Raises:
            TransferError: there is no layout, or it cannot be read.
        """
        return tuple(dict.fromkeys(root.names[0] for root in self._roots() if root.names))

    def resolve(self, reference: str | None) -> Descriptor:
        """Find a manifest; see `Local`.

        A reference may be a whole name, or the tag at the end of one (`v1` of `docker.io/team/app:v1`).
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
        """Read a manifest and verify it; see `Local`.

        OCI allows a manifest without a media type. Then its content says what it is.
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
        """Whether the layout has a blob or manifest with that digest and size; see `Local`."""
        return self._tree.size(_path(content.digest)) == content.size

    def open(self, blob: Descriptor) -> BinaryIO:
        """Open a blob as a file; see `Local`."""
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
        """Return a sink for the bytes of a blob; see `Local`."""
        return self._tree.sink(_path(blob.digest), blob)

    def put(self, manifest: Manifest) -> None:
        """Store a manifest; see `Local`. If it is attached to another one, it becomes a root: no manifest lists it."""
        hasher = Hasher(manifest.digest.algorithm)
        hasher.update(manifest.content)
        hasher.verify(manifest.digest, "the manifest")
        if not self.has(manifest.descriptor):
            self._tree.write(_path(manifest.digest), manifest.content)
        if b'"subject"' in manifest.content and manifest.subject is not None:
            self.tag(as_referrer(manifest), None)

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Make a manifest a root when `commit` is called; see `Local`."""
        with self._lock:
            if name is not None and (manifest, None) in self._tagged:
                self._tagged.remove((manifest, None))
            self._tagged.append((manifest, name))
            self._dropped = False

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """Return the manifests that are attached to another one; see `Local`."""
        with self._looking:
            content = self._index_content()
            if self._attached is None or self._attached[0] != content:
                attached: dict[Digest, dict[Digest, Descriptor]] = {}
                for manifest in self._walk(roots_of(parse_index(content, self._name), self._name)):
                    if manifest.subject is not None:
                        found = attached.setdefault(manifest.subject.digest, {})
                        found[manifest.digest] = as_referrer(manifest)
                self._attached = content, {digest: tuple(found.values()) for digest, found in attached.items()}
            return self._attached[1].get(subject, ())

    def commit(self) -> None:
        """Write the index; see `Local`. It keeps the roots that others wrote.

        Raises:
            TransferError: the index cannot be written, or `abort` has dropped the new tags.
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
                content = written(index, f"{INDEX} of {self._name}")
            if is_new or self._tree.changed:
                mark = _VERSION if self._tree.size(MARK) is None else self._read(MARK, _MARK_LIMIT)
                self._tree.commit({MARK: mark, INDEX: content})
            with self._lock:
                self._tagged = [root for root in self._tagged if root not in tagged]

    def abort(self) -> None:
        """Drop what was not committed; see `Local`. It does not wait for other threads."""
        with self._lock:
            self._dropped = self._dropped or bool(self._tagged)
            self._tagged.clear()
        self._tree.abort()

    def _roots(self) -> Sequence[Root[Descriptor]]:
        return roots_of(parse_index(self._index_content(), self._name), self._name)

    def _tops(self, roots: Sequence[Root[Descriptor]]) -> Sequence[Root[Descriptor]]:
        """The roots, without those that have no name and that other roots lead to. Oras lists such ones."""
        if len({root.identity for root in roots}) < 2 or all(root.names for root in roots):
            return roots
        below: set[str] = set()
        for manifest in self._walk(roots):
            below.update(child.digest for child in manifest.manifests)
            if manifest.subject is not None and self.has(manifest.subject):
                below.add(manifest.digest)
        return [root for root in roots if root.names or root.identity not in below]

    def _walk(self, roots: Sequence[Root[Descriptor]]) -> Iterator[Manifest]:
        """Yield all manifests that the layout has. It may have some of an index only."""
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
            told = f"{self._name}: expected an OCI image layout, but it has no {INDEX}"
            if self._tree.size(DOCKER_LIST) is not None:
                told += f"; it is an archive of `docker save`: open it as DockerArchive({self._name!r})"
            raise TransferError(told, side="source")
        return self._read(INDEX, INDEX_LIMIT)

    def _read(self, name: str, limit: int) -> bytes:
        with self._tree.open(name) as file, reading(f"{name} of {self._name}"):
            content = file.read(limit + 1)
        if len(content) > limit:
            raise LimitExceeded(f"{name} of {self._name}", limit=limit)
        return content


@public_in("acr")
@stays("its path")
class Layout(Store):
    """An OCI image layout on disk (OCI image spec, "Image Layout"): a folder, or a tar of one.

    You can copy images from it and into it. The first copy creates it, and later ones keep the images that it has.
    `docker save` and skopeo (as oci-archive) write such tars.

    Use one `Layout` for one copy at a time. Several of them, in several processes as well, may write into one folder.
    If several write into one tar at the same time, the first to end succeeds, and the others raise TransferError. A
    copy replaces the index of a folder in one step. It writes a tar anew beside the old one, and then replaces it.

    It trusts a blob that has the right name and size, as skopeo and oras do: hashing takes as long as copying. Whoever
    reads a blob verifies it. If a blob turns out to be damaged, remove its file and pull again.

    Args:
        path: the folder; or the tar, which exists or has a name that ends with `.tar`.

    Raises:
        InvalidInput: the name is one of a compressed tar. Decompress it first, since blobs are read at any place in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = check_path("path", path)
        folder = self.path.is_dir()
        if self.path.name.endswith(_COMPRESSED) and not folder:
            raise InvalidInput(f"{self.path} would be a compressed tar: use a folder, or a name that ends with .tar")
        is_tar = self.path.is_file() or (self.path.suffix == ".tar" and not folder)
        super().__init__(tar_trees.TarTree(self.path) if is_tar else folder_tree(self.path), str(self.path))

    def __repr__(self) -> str:
        return f"Layout({str(self.path)!r})"


@public_in("acr")
@stays("images by way of a Layout")
class Memory(Store):
    """An OCI image layout in memory, for tests and small artifacts. You can copy images from it and into it."""

    def __init__(self) -> None:
        super().__init__(memory_tree(), "memory")

    def __repr__(self) -> str:
        return f"<Memory at {id(self):#x}>"


def _path(digest: Digest) -> str:
    digest = Digest(digest)  # whatever a caller may have passed for one: only a checked digest becomes a path
    return f"blobs/{digest.algorithm}/{digest.hex}"


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

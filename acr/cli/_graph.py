"""The graph: what would break if a manifest were deleted. It says so for a whole repository at once.

An index needs what it lists, also if another index lists that index. A subject is deleted together with all that is
attached to it, so what is attached stands in the way. Manifests cannot change, so an index is read only once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import acr
from acr import media_types
from acr.cli._exits import CommandError
from acr.cli._images import cosign_tags
from acr.cli._output.rows import walk
from acr.cli._output.words import counted, listed

_AT_ONCE: Final = 4
_NO_INDEXES: Final = frozenset({media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST, *media_types.SCHEMA1})


class Graph:
    """What the manifests of a repository have to do with each other.

    Args:
        repository: the repository.
        ignores_unlisted: go on though the registry counts more manifests than it lists.
    """

    def __init__(self, repository: acr.Repository, *, ignores_unlisted: bool = False) -> None:
        self._repository = repository
        self._ignores_unlisted = ignores_unlisted
        self._children: dict[acr.Digest, Sequence[acr.Digest]] = {}
        self.manifests: Mapping[acr.Digest, acr.ManifestProperties] = {}
        self._tags: Mapping[str, acr.Digest] = {}
        self._parents: dict[acr.Digest, list[acr.Digest]] = {}
        self._attached: dict[acr.Digest, Sequence[acr.Digest]] = {}

    def read(self) -> None:
        """Read the repository, or read it again. Of the indexes it reads those that are new.

        Raises:
            CommandError: the registry hides manifests from its listing, so nobody can know what they need.
            AcrError: it cannot be read as a whole.
        """
        name = self._repository.name
        count = self._repository.properties().manifest_count
        listed = walk(self._repository.manifests(), f"the list of manifests of {name}")
        self.manifests = {one.digest: one for one in listed}
        if len(self.manifests) < count and not self._ignores_unlisted:
            raise CommandError(
                f"{name} has {counted(count, 'manifest')}, and lists {len(self.manifests):,}: what is hidden may need"
                " what goes",
                hint="`acr unlock --what list REF` shows what is hidden; if you know that nothing is, and the registry "
                "counts wrongly, pass --ignore-unlisted",
            )
        self._tags = {tag: one.digest for one in self.manifests.values() for tag in one.tags}
        new = [one.digest for one in self.manifests.values() if self._may_be_new_index(one)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for digest, children in zip(new, pool.map(self._read_children, new), strict=True):
                self._children[digest] = children
        self._attached.clear()
        self._parents.clear()
        for parent, children in self._children.items():
            for child in children if parent in self.manifests else ():
                self._parents.setdefault(child, []).append(parent)

    def _may_be_new_index(self, one: acr.ManifestProperties) -> bool:
        return one.digest not in self._children and one.media_type not in _NO_INDEXES

    def _read_children(self, digest: acr.Digest) -> Sequence[acr.Digest]:
        try:
            manifest = self._repository.manifest(digest).get(accept=("*/*", *media_types.ANY_MANIFEST))
            return [entry.digest for entry in manifest.manifests]
        except acr.NoMetadataApi:
            raise
        except acr.NotFound:
            return []  # deleted since it was listed

    def obstacles(self, digest: acr.Digest, going: Collection[str]) -> Iterator[str]:
        """What stands in the way of deleting a manifest, one sentence for each.

        Args:
            digest: the manifest.
            going: the tags and digests that go as well, because the user has named them.
        """
        found = self.manifests.get(digest)
        tags = [tag for tag in (found.tags if found else ()) if tag not in going]
        if tags:
            yield f"it has the tag{'s' if len(tags) > 1 else ''} {listed(tags)}"
        for parent in self._parents.get(digest, ()):
            if parent not in going:
                yield f"it is part of the index {self._called(parent)}"
        for attached in self._attached_to(digest):
            if attached not in going:
                yield f"{self._called(attached)} is attached to it"

    def needers(self, digest: acr.Digest) -> Sequence[acr.Digest]:
        """The manifests that need one: indexes that list it, and what is attached to it."""
        return [*self._parents.get(digest, ()), *self._attached_to(digest)]

    def _attached_to(self, digest: acr.Digest) -> Sequence[acr.Digest]:
        """What goes or breaks with a subject: its referrers, and what cosign keeps under tags."""
        if digest not in self._attached:
            self._attached[digest] = self._read_attached(digest) if digest in self.manifests else ()
        return self._attached[digest]

    def _read_attached(self, digest: acr.Digest) -> Sequence[acr.Digest]:
        found = [one.digest for one in self._repository.manifest(digest).referrers() if one.digest in self.manifests]
        stand_in = f"{digest.algorithm}-{digest.hex[:64]}"
        found += [self._tags[tag] for tag in (*cosign_tags(digest), stand_in) if tag in self._tags]
        return list(dict.fromkeys(one for one in found if one != digest))

    def _called(self, digest: acr.Digest) -> str:
        tags = self.manifests[digest].tags if digest in self.manifests else ()
        return f"{digest} (tag{'s' if len(tags) > 1 else ''} {listed(tags)})" if tags else str(digest)

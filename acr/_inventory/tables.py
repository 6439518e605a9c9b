"""Tables: an inventory as columns of numbers. A million manifests with their ten million links fit in 400 MB so.

A row of `contents` is a digest, of a manifest or of a blob, wherever it is used. A row of `manifests` is a manifest in
a repository: the same manifest in two repositories has two rows. The rows of a repository stand together, and so do
the links of a manifest: `first` columns say where each group begins, and have one more entry, which is the end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from acr._inventory.marks import (
    UNKNOWN,
    Column,
    Flag,
    column,
)
from acr._values.digest import Digest

_WIDTH: Final = 32


@attrs.frozen
class Contents:
    """Manifests and blobs, in the order of their digests. `size` is in bytes."""

    digests: Digests
    size: Column = column("q")


@attrs.frozen
class Repositories:
    """Repositories, in the order of their names. `manifest_count` and `tag_count` are what the registry says."""

    name: list[str] = attrs.field(factory=list)
    created: Column = column("q")
    updated: Column = column("q")
    manifest_count: Column = column("q")
    tag_count: Column = column("q")
    flags: Column = column("I")
    first_manifest: Column = column("I")
    first_tag: Column = column("I")


@attrs.frozen
class Manifests:
    """Manifests, by repository and digest. Types, platforms and troubles are rows of `texts`; 0 is none."""

    content: Column = column("I")
    media_type: Column = column("I")
    artifact_type: Column = column("I")
    platform: Column = column("I")
    trouble: Column = column("I")
    quarantine: Column = column("I")
    image_size: Column = column("q")
    created: Column = column("q")
    updated: Column = column("q")
    untagged_since: Column = column("q")
    flags: Column = column("I")
    first_link: Column = column("I")


@attrs.frozen
class Tags:
    """Tags, by repository and name. `content` is the manifest that a tag points to."""

    name: list[str] = attrs.field(factory=list)
    content: Column = column("I")
    created: Column = column("q")
    updated: Column = column("q")
    flags: Column = column("I")


@attrs.frozen
class Links:
    """What manifests lead to. `media_type` is what the manifest says about the content."""

    content: Column = column("I")
    kind: Column = column("B")
    media_type: Column = column("I")


@attrs.frozen(kw_only=True)
class Tables:
    """All of an inventory.

    Args:
        registry: login server.
        started: when the reading began, by the registry's clock.
        finished: when it ended.
        catalog: all names that the registry's catalog had; None if nobody asked for it.
        texts: media types and the like, each once. The first is empty.
        odd_sizes: contents of which somebody names another size. Of a manifest that was read it is the size that an
            index names. Else manifests disagree about it: it is the smallest that they name, and `size` the largest.
    """

    registry: str
    started: int
    finished: int
    catalog: Sequence[str] | None
    texts: Sequence[str]
    contents: Contents
    repositories: Repositories
    manifests: Manifests
    tags: Tags
    links: Links
    odd_sizes: Mapping[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether all repositories of the registry are in it."""
        return self.catalog is not None and set(self.catalog) <= set(self.repositories.name)

    def manifests_of(self, repository: int) -> range:
        """The rows of the manifests of a repository."""
        first = self.repositories.first_manifest
        return range(first[repository], first[repository + 1])

    def tags_of(self, repository: int) -> range:
        """The rows of the tags of a repository."""
        first = self.repositories.first_tag
        return range(first[repository], first[repository + 1])

    def links_of(self, manifest: int) -> range:
        """The rows of the links of a manifest."""
        first = self.manifests.first_link
        return range(first[manifest], first[manifest + 1])

    def contradictions(self, repository: int) -> Iterator[tuple[str, int, int]]:
        """What the registry counts in a repository, if it is not what was found: manifests or tags, counted, found.

        A repository that changed while it was read contradicts itself for that reason, and is left out.
        """
        columns = self.repositories
        if columns.flags[repository] & Flag.IS_MOVING:
            return
        counts = (
            ("manifests", columns.manifest_count[repository], len(self.manifests_of(repository))),
            ("tags", columns.tag_count[repository], len(self.tags_of(repository))),
        )
        for what, counted, found in counts:
            if counted not in (UNKNOWN, found):
                yield what, counted, found

    def repository(self, name: str) -> int | None:
        """The row of a repository; None if the inventory has none of that name."""
        names = self.repositories.name
        row = bisect_left(names, name)
        return row if row < len(names) and names[row] == name else None


class Digests(Sequence[Digest]):
    """Digests in ascending order, 32 bytes each.

    Args:
        first: the first 32 bytes of each; of sha256 these are all.
        rest: the other 32 bytes of those that are sha512, by row.
    """

    __slots__ = ("_first", "_rest")

    def __init__(self, first: bytes, rest: Mapping[int, bytes]) -> None:
        self._first = first
        self._rest = rest

    def __len__(self) -> int:
        return len(self._first) // _WIDTH

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digests) and (self._first, self._rest) == (other._first, other._rest)

    def __hash__(self) -> int:
        return hash(self._first)

    def __getitem__(self, row: Any) -> Any:
        packed = self.packed(row)
        return Digest(f"{'sha256' if len(packed) == _WIDTH else 'sha512'}:{packed.hex()}")

    @property
    def state(self) -> tuple[bytes, Mapping[int, bytes]]:
        """What it was made of."""
        return self._first, self._rest

    def packed(self, row: int) -> bytes:
        """The 32 or 64 bytes of a digest."""
        return self._first[_WIDTH * row : _WIDTH * (row + 1)] + self._rest.get(row, b"")

    def find(self, packed: bytes) -> int | None:
        """The row of a digest; None if there is none."""
        return next((row for row in self.beginning_with(packed[:_WIDTH]) if self.packed(row) == packed), None)

    def beginning_with(self, first: bytes) -> Iterator[int]:
        """The rows of digests that begin with 32 bytes. A tag has room for the first half of a sha512 alone."""
        row = bisect_left(range(len(self)), first, key=lambda at: self._first[_WIDTH * at : _WIDTH * (at + 1)])
        while self._first[_WIDTH * row : _WIDTH * (row + 1)] == first:
            yield row
            row += 1


_GROUPS: Final = {
    "repositories": Repositories,
    "manifests": Manifests,
    "tags": Tags,
    "links": Links,
}


def state_of(tables: Tables) -> dict[str, Any]:
    """The tables as types of Python alone, so that a pickle of them names no file of this package."""
    state = attrs.asdict(tables, recurse=False)
    digests, size = state.pop("contents").digests.state, tables.contents.size
    return {
        **state,
        "contents": (*digests, size),
        **{name: attrs.asdict(state[name], recurse=False) for name in _GROUPS},
    }


def tables_from(state: Mapping[str, Any]) -> Tables:
    """The tables of a state."""
    first, rest, size = state["contents"]
    groups = {name: kind(**state[name]) for name, kind in _GROUPS.items()}
    return Tables(**{**state, "contents": Contents(Digests(first, rest), size), **groups})


def pack(digest: Digest) -> bytes:
    """The 32 or 64 bytes of a digest. They sort as the digests of one algorithm do.

    >>> len(pack(Digest.of(b"")))
    32
    """
    return bytes.fromhex(digest.hex)

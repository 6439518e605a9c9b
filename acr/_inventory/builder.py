"""Builder: takes repositories in the order of their names, and makes the tables of an inventory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from acr._inventory.marks import UNKNOWN, Flag, Kind
from acr._inventory.tables import Contents, Digests, Links, Manifests, Repositories, Tables, Tags

_WIDTH: Final = 32


@attrs.frozen
class NewLink:
    """What a manifest leads to: a packed digest, what for, its type, and its size in bytes."""

    content: bytes
    kind: Kind
    media_type: str
    size: int


@attrs.frozen(kw_only=True)
class NewManifest:
    """A manifest of a repository. See `acr._inventory.tables.Manifests`. Its size is unknown if nobody has read it."""

    content: bytes
    size: int = UNKNOWN
    media_type: str = ""
    artifact_type: str = ""
    platform: str = ""
    trouble: str = ""
    quarantine: str = ""
    image_size: int = UNKNOWN
    created: int = UNKNOWN
    updated: int = UNKNOWN
    untagged_since: int = UNKNOWN
    flags: int = Flag(0)
    links: Sequence[NewLink] = ()


@attrs.frozen(kw_only=True)
class NewTag:
    """A tag of a repository."""

    name: str
    content: bytes
    created: int
    updated: int
    flags: int


@attrs.frozen(kw_only=True)
class NewRepository:
    """A repository with all that is in it. See `acr._inventory.tables.Repositories`."""

    name: str
    created: int
    updated: int
    manifest_count: int
    tag_count: int
    flags: int
    manifests: Iterable[NewManifest]
    tags: Iterable[NewTag]


class Builder:
    """The tables while they grow."""

    def __init__(self) -> None:
        self._rows: dict[bytes, int] = {}  # of contents, in the order of their arrival
        self._sizes = array("q")
        self._is_read = bytearray()  # whether a size is that of bytes that were read, and no claim
        self._texts: dict[str, int] = {"": 0}
        self._odd: dict[int, int] = {}
        self._repositories = Repositories()
        self._manifests = Manifests()
        self._tags = Tags()
        self._links = Links()

    def add(self, new: NewRepository) -> int:
        """Take in a repository. Its name comes after those that are in already. Return the number of its manifests."""
        to = self._repositories
        assert not to.name or to.name[-1] < new.name, "repositories come in the order of their names"  # noqa: S101
        to.name.append(new.name)
        to.created.append(new.created)
        to.updated.append(new.updated)
        to.manifest_count.append(new.manifest_count)
        to.tag_count.append(new.tag_count)
        to.flags.append(new.flags)
        to.first_manifest.append(len(self._manifests.content))
        to.first_tag.append(len(self._tags.content))
        for manifest in sorted(new.manifests, key=lambda one: one.content):
            self._add_manifest(manifest)
        for tag in sorted(new.tags, key=lambda one: one.name):
            self._tags.name.append(tag.name)
            self._tags.content.append(self._row(tag.content, UNKNOWN))
            self._tags.created.append(tag.created)
            self._tags.updated.append(tag.updated)
            self._tags.flags.append(tag.flags)
        return len(self._manifests.content) - to.first_manifest[-1]

    def note_size(self, content: bytes, size: int) -> None:
        """Take note of another size that somebody names for a content, if it is in."""
        if content in self._rows:
            self._claim(self._rows[content], size)

    def _add_manifest(self, new: NewManifest) -> None:
        to = self._manifests
        row = self._row(new.content, UNKNOWN)
        if new.size != UNKNOWN:
            self._measure(row, new.size)
        to.content.append(row)
        to.media_type.append(self._text(new.media_type))
        to.artifact_type.append(self._text(new.artifact_type))
        to.platform.append(self._text(new.platform))
        to.trouble.append(self._text(new.trouble))
        to.quarantine.append(self._text(new.quarantine))
        to.image_size.append(new.image_size)
        to.created.append(new.created)
        to.updated.append(new.updated)
        to.untagged_since.append(new.untagged_since)
        to.flags.append(new.flags if new.size == UNKNOWN else new.flags | Flag.READ)
        to.first_link.append(len(self._links.content))
        for link in new.links:
            self._links.content.append(self._row(link.content, link.size))
            self._links.kind.append(link.kind)
            self._links.media_type.append(self._text(link.media_type))

    def _row(self, content: bytes, size: int) -> int:
        row = self._rows.setdefault(content, len(self._sizes))
        if row == len(self._sizes):
            self._sizes.append(size)
            self._is_read.append(0)
        elif self._sizes[row] != size:
            self._claim(row, size)
        return row

    def _claim(self, row: int, size: int) -> None:
        """Take note of the size that a manifest names for a content."""
        known = self._sizes[row]
        if size in (UNKNOWN, known):
            return
        if self._is_read[row]:
            self._odd.setdefault(row, size)
            return
        if known != UNKNOWN:
            self._odd[row] = min(size, self._odd.get(row, known), known)
        self._sizes[row] = max(size, known)

    def _measure(self, row: int, size: int) -> None:
        """Take note of the size that a content has. What others name does not count against it."""
        claimed = [one for one in (self._odd.pop(row, UNKNOWN), self._sizes[row]) if one not in (UNKNOWN, size)]
        self._sizes[row] = size
        self._is_read[row] = 1
        if claimed:
            self._odd[row] = claimed[0]

    def _text(self, text: str) -> int:
        row = self._texts.get(text)
        if row is None:
            written = text.encode(errors="replace").decode()  # JSON can have lone surrogates, and a file cannot
            row = self._texts.setdefault(written, len(self._texts))
        return row

    def build(self, *, registry: str, started: int, finished: int, catalog: Iterable[str] | None) -> Tables:
        """Make the tables. The builder is used up. The arguments are those of `Tables`."""
        keys = list(self._rows)
        self._rows.clear()
        order = sorted(range(len(keys)), key=keys.__getitem__)
        rank = array("I", bytes(4 * len(order)))
        for place, row in enumerate(order):
            rank[row] = place
        first = b"".join([keys[row][:_WIDTH] for row in order])
        rest = {place: keys[row][_WIDTH:] for place, row in enumerate(order) if len(keys[row]) > _WIDTH}
        for group in (self._manifests, self._tags, self._links):
            _renumber(group.content, rank)
        self._repositories.first_manifest.append(len(self._manifests.content))
        self._repositories.first_tag.append(len(self._tags.content))
        self._manifests.first_link.append(len(self._links.content))
        return Tables(
            registry=registry,
            started=started,
            finished=finished,
            catalog=None if catalog is None else tuple(sorted(catalog)),
            texts=tuple(self._texts),
            contents=Contents(Digests(first, rest), array("q", [self._sizes[row] for row in order])),
            repositories=self._repositories,
            manifests=self._manifests,
            tags=self._tags,
            links=self._links,
            odd_sizes={rank[row]: size for row, size in self._odd.items()},
        )


def _renumber(column: array[int], rank: array[int]) -> None:
    for at, row in enumerate(column):
        column[at] = rank[row]

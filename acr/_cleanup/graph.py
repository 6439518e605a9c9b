"""Graph: what leads to what in one repository, as far as it decides what may go.

A node is a manifest or a tag. Manifests are known by their rows in the tables, and tags by `~row`, which is negative.
A link counts by what it points to, and not by what it claims to be: if a manifest names another one as a layer, that is
an edge, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from acr import media_types
from acr._inventory.marks import LEADS_DOWN, Flag, Kind
from acr._inventory.tables import Tables

NAMED: Final = re.compile(r"(sha256|sha512)-([0-9a-f]{64}).*")
"""A tag that is named after a digest, whatever follows. Of sha512, a tag has the first half."""

_SUBJECT: Final = int(Kind.SUBJECT)
_IMAGES: Final = frozenset({media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST})
"""Types of manifests that list no other manifests."""


class RepositoryGraph:
    """The manifests and tags of one repository.

    Args:
        tables: the inventory.
        repository: row of the repository.

    Attributes:
        rows: the row of each manifest, by its content.
        parts: the manifests that a manifest lists, by its row.
        subjects: the manifest that a manifest is attached to, by its row.
        referrers: what is attached to a manifest, by its row.
        dangling: manifests that are attached to what the repository lacks.
        targets: the manifest that a tag points to, by the row of the tag.
        tags_on: the tags that point to a manifest, by its row.
        named_after: the tags that are named after a manifest, by its row.
        named: the manifest that a tag is named after, by the row of the tag.
        orphan_tags: tags that are named after a manifest which the repository lacks, with the contents that it may be.
        repeated: tags whose names are there more than once: nobody knows what they point to.
        unread: manifests that may lead to more than is known.
        doubts: why something could lead to manifests unseen. Empty if all edges are known.
    """

    def __init__(self, tables: Tables, repository: int) -> None:
        self._tables = tables
        self.repository = repository
        content = tables.manifests.content
        self.manifests = tables.manifests_of(repository)
        self.tags = tables.tags_of(repository)
        self.rows: dict[int, int] = {content[row]: row for row in self.manifests}
        self.parts: dict[int, list[int]] = {}
        self.subjects: dict[int, int] = {}
        self.referrers: dict[int, list[int]] = {}
        self.dangling: set[int] = set()
        self.targets: dict[int, int] = {}
        self.tags_on: dict[int, list[int]] = {}
        self.named_after: dict[int, list[int]] = {}
        self.named: dict[int, int] = {}
        self.orphan_tags: dict[int, list[int]] = {}
        self.repeated: set[int] = set()
        self.unread: set[int] = set()
        self.doubts: list[str] = []
        self._read_links()
        self._read_tags()
        self._see_doubts()

    @property
    def name(self) -> str:
        """Name of the repository."""
        return self._tables.repositories.name[self.repository]

    def label(self, node: int) -> str:
        """A node for people, within its repository."""
        if node < 0:
            return self._tables.tags.name[~node]
        return str(self._tables.contents.digests[self._tables.manifests.content[node]])

    def _read_links(self) -> None:
        content, kind, first = self._tables.links.content, self._tables.links.kind, self._tables.manifests.first_link
        find = self.rows.get
        for row in self.manifests:
            begin, end = first[row], first[row + 1]
            for to, what in zip(content[begin:end], kind[begin:end], strict=True):
                target = find(to)
                if target is None:
                    if what == _SUBJECT:
                        self.dangling.add(row)
                    elif what in LEADS_DOWN:
                        self._see_missing(row, to)
                elif what == _SUBJECT:
                    self.subjects[row] = target
                    self.referrers.setdefault(target, []).append(row)
                else:
                    self.parts.setdefault(row, []).append(target)

    def _see_missing(self, row: int, content: int) -> None:
        """A missing index may list manifests that are here. A missing image lists none."""
        links, texts = self._tables.links, self._tables.texts
        types = {texts[links.media_type[at]] for at in self._tables.links_of(row) if links.content[at] == content}
        if not types <= _IMAGES:
            missing = self._tables.contents.digests[content]
            self.doubts.append(f"{self.label(row)} lists {missing}, which is missing and may list others")

    def _read_tags(self) -> None:
        names: dict[str, list[int]] = {}
        for tag in self.tags:
            names.setdefault(self._tables.tags.name[tag], []).append(tag)
            target = self.rows.get(self._tables.tags.content[tag])
            if target is None:
                self.doubts.append(f"the manifest that the tag {self.label(~tag)} points to is missing")
            else:
                self.targets[tag] = target
                self.tags_on.setdefault(target, []).append(tag)
            contents = _named_contents(self._tables, self._tables.tags.name[tag])
            if contents is None:
                continue
            found = [self.rows[content] for content in contents if content in self.rows]
            if found:
                self.named[tag] = found[0]
                self.named_after.setdefault(found[0], []).append(tag)
            else:
                self.orphan_tags[tag] = contents

        for name, tags in names.items():
            if len(tags) > 1:
                self.repeated.update(tags)
                self.doubts.append(f"the tag {name} was listed more than once")

    def _see_doubts(self) -> None:
        if len(self.rows) < len(self.manifests):
            self.doubts.append("a manifest was listed more than once")
        trouble, media_type, texts = (
            self._tables.manifests.trouble,
            self._tables.manifests.media_type,
            self._tables.texts,
        )
        for row in self.manifests:
            if trouble[row] and texts[media_type[row]] not in media_types.SCHEMA1:  # which leads to layers alone
                self.unread.add(row)
                self.doubts.append(f"{self.label(row)} cannot be read: {texts[trouble[row]]}")
        told = self._tables.repositories
        counts = (
            ("manifests", told.manifest_count[self.repository], len(self.manifests)),
            ("tags", told.tag_count[self.repository], len(self.tags)),
        )
        for what, expected, found in counts:
            if expected < 0:
                self.doubts.append(f"the registry does not say how many {what} it has")
            elif expected != found:
                self.doubts.append(
                    f"the registry counts {expected:,} {what}, and {found:,} were found: some are hidden"
                )
        if told.flags[self.repository] & Flag.IS_MOVING:
            self.doubts.append("it changed each time it was read")

    def is_attachment(self, row: int) -> bool:
        """Whether a manifest is attached to one that the repository has: by its subject, or by a tag on it."""
        return row in self.subjects or any(tag in self.named for tag in self.tags_on.get(row, ()))

    def below(self, row: int) -> Iterator[int]:
        """What belongs to a manifest: its parts, its referrers, and what is attached to it by tags."""
        yield from self.parts.get(row, ())
        yield from self.referrers.get(row, ())
        for tag in self.named_after.get(row, ()):
            if tag in self.targets:
                yield self.targets[tag]

    def reach(self, roots: Iterable[int], *, attached: bool = True) -> set[int]:
        """Some manifests, and all that belongs to them.

        Args:
            roots: rows of manifests.
            attached: whether what is attached counts; else parts alone.
        """
        found = set(roots)
        left = list(found)
        while left:
            row = left.pop()
            for one in self.below(row) if attached else self.parts.get(row, ()):
                if one not in found:
                    found.add(one)
                    left.append(one)
        return found

    def above(self, rows: Iterable[int]) -> set[int]:
        """Some manifests, and all that lead to them at any depth: what lists them, and what is attached to them."""
        holders: dict[int, list[int]] = {}
        for row, parts in self.parts.items():
            for part in parts:
                holders.setdefault(part, []).append(row)
        found = set(rows)
        left = list(found)
        while left:
            row = left.pop()
            attached = (self.targets[tag] for tag in self.named_after.get(row, ()) if tag in self.targets)
            for one in (*holders.get(row, ()), *self.referrers.get(row, ()), *attached):
                if one not in found:
                    found.add(one)
                    left.append(one)
        return found


def _named_contents(tables: Tables, name: str) -> list[int] | None:
    """The contents that a tag may be named after; None if it is an ordinary tag."""
    match = NAMED.fullmatch(name) if name.startswith("sha") else None
    if match is None:
        return None
    digests, length = tables.contents.digests, 64 if match[1] == "sha512" else 32
    return [row for row in digests.beginning_with(bytes.fromhex(match[2])) if len(digests.packed(row)) == length]

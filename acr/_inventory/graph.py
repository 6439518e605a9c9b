"""Graph: what leads to what within one repository, at every depth.

A manifest leads to the manifests that it lists, and to what is attached to it. There are three ways to be attached: the
field `subject`, a tag that cosign names after a digest (`sha256-….sig` and the like), and the tag that stands in for
the referrers API (OCI distribution spec, "Referrers Tag Schema").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from acr._inventory.marks import LEADS_DOWN, Flag
from acr._inventory.tables import Tables

_IS_INDEX: Final = int(Flag.IS_INDEX)  # to ask an enum a million times takes seconds
_HAS_SUBJECT: Final = int(Flag.HAS_SUBJECT)

_ATTACHED: Final = re.compile(r"(sha256|sha512)-([0-9a-f]{64}).*")
"""A tag that is named after a digest, with any suffix: tools have their own. A tag is too short for all of a sha512."""


class Graph:
    """The manifests and tags of one repository, by their rows in the tables.

    Args:
        tables: the inventory.
        repository: row of the repository.

    Attributes:
        rows: the row of each manifest, by its content.
        targets: the manifest that each tag points to, by the rows of the tags. A tag may point to nothing.
        attachments: rows of the tags that are named after a digest which the repository has.
        orphan_tags: rows of the tags that are named after a digest which the repository lacks.
        orphans: rows of the manifests that are attached to what the repository lacks, and to nothing else.
    """

    def __init__(self, tables: Tables, repository: int) -> None:
        self._tables = tables
        self.repository = repository
        content = tables.manifests.content
        self.rows: Mapping[int, int] = {content[row]: row for row in tables.manifests_of(repository)}
        self._attached: dict[int, list[int]] = {}
        self.targets: dict[int, int] = {}
        self.attachments: set[int] = set()
        self.orphan_tags: set[int] = set()
        orphans = set(self._attach_by_subject())
        orphans.update(self._attach_by_tag())
        self.orphans: frozenset[int] = frozenset(orphans.difference(*self._attached.values()))

    def _attach_by_subject(self) -> Iterator[int]:
        """Note what subjects say. Give the rows whose subject is missing."""
        flags, content, first = (
            self._tables.manifests.flags,
            self._tables.links.content,
            self._tables.manifests.first_link,
        )
        for row in self.rows.values():
            if flags[row] & _HAS_SUBJECT:
                subject = self.rows.get(content[first[row + 1] - 1])
                if subject is None:
                    yield row
                else:
                    self._attached.setdefault(subject, []).append(row)

    def _attach_by_tag(self) -> Iterator[int]:
        """Note what tags say. Give the rows of manifests under a tag whose digest is missing."""
        tags = self._tables.tags
        for tag in self._tables.tags_of(self.repository):
            target = self.rows.get(tags.content[tag])
            if target is not None:
                self.targets[tag] = target
            subject = subject_of_tag(self._tables, tags.name[tag])
            if subject is None:
                continue
            found = next((self.rows[content] for content in subject if content in self.rows), None)
            if found is None:
                self.orphan_tags.add(tag)
                if target is not None:
                    yield target
            else:
                self.attachments.add(tag)
                if target is not None:
                    self._attached.setdefault(found, []).append(target)

    @cached_property
    def roots(self) -> Mapping[int, list[int]]:
        """The tags of each tagged manifest, without tags that are the names of attachments."""
        found: dict[int, list[int]] = {}
        for tag, target in self.targets.items():
            if tag not in self.attachments:
                found.setdefault(target, []).append(tag)
        return found

    def children(self, row: int) -> Iterator[int]:
        """The rows of the manifests that an index lists, as far as the repository has them."""
        if self._tables.manifests.flags[row] & _IS_INDEX:
            links = self._tables.links
            for link in self._tables.links_of(row):
                if links.kind[link] in LEADS_DOWN:
                    child = self.rows.get(links.content[link])
                    if child is not None:
                        yield child

    def reach(self, roots: Iterable[int], *, attached: bool = True) -> set[int]:
        """The rows of some manifests, and of all that these lead to.

        Args:
            roots: rows of manifests.
            attached: whether attachments count.
        """
        found = set(roots)
        left = list(found)
        while left:
            row = left.pop()
            next_rows = [*self.children(row), *(self._attached.get(row, ()) if attached else ())]
            for one in next_rows:
                if one not in found:
                    found.add(one)
                    left.append(one)
        return found

    @cached_property
    def untagged_roots(self) -> list[int]:
        """The rows of the manifests that neither a tag nor another manifest leads to."""
        tagged = self.reach(self.roots)
        left = [row for row in self.rows.values() if row not in tagged]
        led_to = {below for row in left for below in (*self.children(row), *self._attached.get(row, ()))}
        roots = [row for row in left if row not in led_to]
        seen = self.reach(roots) if len(roots) < len(left) else set(left)
        # Tags may be moved so that manifests lead to each other in a circle, and nothing else to them.
        for row in left:
            if row not in seen:
                roots.append(row)
                seen |= self.reach([row])
        return roots

    @cached_property
    def tags_below(self) -> Mapping[int, list[int]]:
        """The tags, attachments too, that need a manifest to be whole: by the row of the manifest."""
        by_target: dict[int, list[int]] = {}
        for tag, target in self.targets.items():
            by_target.setdefault(target, []).append(tag)
        found: dict[int, list[int]] = {}
        for target, tags in by_target.items():
            for row in self.reach([target], attached=False):
                found.setdefault(row, []).extend(tags)
        return found


def subject_of_tag(tables: Tables, name: str) -> list[int] | None:
    """The contents that a tag may be named after; None if it is an ordinary tag."""
    match = _ATTACHED.fullmatch(name) if name.startswith("sha") else None
    if match is None:
        return None
    digests, is_long = tables.contents.digests, match[1] == "sha512"
    rows = digests.beginning_with(bytes.fromhex(match[2]))
    return [row for row in rows if (len(digests.packed(row)) == 64) is is_long]

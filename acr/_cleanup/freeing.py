"""Freeing: the bytes that a deletion frees. A content is freed by the deletion of the last manifest that uses it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

from acr._inventory.marks import BLOBS, Kind
from acr._inventory.tables import Tables

_FOREIGN: Final = int(Kind.FOREIGN)


class Freeing:
    """Counts down who still uses each content, in the order of the deletions.

    Args:
        tables: the inventory.

    Attributes:
        touched: bytes of all contents that what was deleted used, each once.
        freed: those of them that nothing uses any more.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._uses = array("I", [0]) * len(tables.contents.size)
        self._is_touched = bytearray(len(tables.contents.size))
        self.touched = 0
        self.freed = 0
        uses = self._uses
        for content in tables.manifests.content:
            uses[content] += 1
        for content, kind in zip(tables.links.content, tables.links.kind, strict=True):
            if kind in BLOBS:
                uses[content] += 1
        self._holding: frozenset[int] = frozenset(self._foreign())
        for link in self._holding:
            uses[tables.links.content[link]] += 1

    def _foreign(self) -> Iterator[int]:
        """Links to foreign layers that the repository stores all the same, since another manifest of it does so."""
        tables, links = self._tables, self._tables.links
        if _FOREIGN not in links.kind:
            return
        first = tables.manifests.first_link
        for repository in range(len(tables.repositories.name)):
            rows = tables.manifests_of(repository)
            here = range(first[rows.start], first[rows.stop])
            foreign = [link for link in here if links.kind[link] == _FOREIGN]
            if foreign:
                stored = {links.content[link] for link in here if links.kind[link] in BLOBS}
                yield from (link for link in foreign if links.content[link] in stored)

    def delete(self, row: int) -> int:
        """The bytes that are freed if a manifest is deleted now."""
        uses, sizes, is_touched = self._uses, self._tables.contents.size, self._is_touched
        freed = 0
        for content in self._contents(row):
            uses[content] -= 1
            size = max(sizes[content], 0)
            if not is_touched[content]:
                is_touched[content] = 1
                self.touched += size
            if not uses[content]:
                freed += size
        self.freed += freed
        return freed

    def _contents(self, row: int) -> Iterator[int]:
        first, links = self._tables.manifests.first_link, self._tables.links
        yield self._tables.manifests.content[row]
        for link in range(first[row], first[row + 1]):
            if links.kind[link] in BLOBS or link in self._holding:
                yield links.content[link]

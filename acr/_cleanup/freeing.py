"""Freeing: the bytes that a deletion frees. A content is freed by the deletion of the last manifest that uses it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from acr._inventory.tables import BLOBS, Kind, Tables

_HOLD: Final = BLOBS | {int(Kind.FOREIGN)}
"""Links that hold a content. What is a foreign layer to one manifest may be stored for another one."""


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
            if kind in _HOLD:
                uses[content] += 1

    def delete(self, row: int) -> int:
        """The bytes that are freed if a manifest is deleted now."""
        return sum(self._release(self._contents(row)))

    def _contents(self, row: int) -> Iterable[int]:
        first, links = self._tables.manifests.first_link, self._tables.links
        here = slice(first[row], first[row + 1])
        yield self._tables.manifests.content[row]
        for content, kind in zip(links.content[here], links.kind[here], strict=True):
            if kind in _HOLD:
                yield content

    def _release(self, contents: Iterable[int]) -> Iterable[int]:
        uses, sizes, is_touched = self._uses, self._tables.contents.size, self._is_touched
        for content in contents:
            uses[content] -= 1
            size = max(sizes[content], 0)
            if not is_touched[content]:
                is_touched[content] = 1
                self.touched += size
            if not uses[content]:
                self.freed += size
                yield size

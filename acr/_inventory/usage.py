"""Usage: which bytes a registry stores, what uses them, and what would free them.

A registry stores a content once, however many manifests and repositories use it. So sums over images are too large, and
what a tag frees is less than what it needs.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from acr._inventory.graph import Graph
from acr._inventory.reports import RepositoryUsage, TagUsage, Usage
from acr._inventory.tables import BLOBS, Flag, Kind, Tables, to_time

_NOBODY: Final = -1
_SEVERAL: Final = -2
_UNTAGGED: Final = -3
"""Who holds a content, if it is no row of a tag or of a repository."""

_USED: Final = 1
_TAGGED: Final = 2
_KEPT: Final = 4
_NO_STREAM: Final = 8
"""How a content is used: at all; by what a tag leads to; by what is no orphan; by what is no artifact streaming."""

_STREAMING: Final = "application/vnd.azure.artifact.streaming.v1"
"""The artifact type of what artifact streaming attaches to an image."""

_DAY: Final = 86_400_000_000
_AGES: Final = (7, 30, 90, 180, 365)


def usage(tables: Tables) -> Usage:
    """Compute the usage of an inventory."""
    count = _Count(tables)
    for repository in range(len(tables.repositories.name)):
        count.take(Graph(tables, repository))
    return count.result()


class _Count:
    """One pass over all manifests and their links. It keeps some numbers for each content."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        count = len(tables.contents.size)
        self._size = array("q", [max(size, 0) for size in tables.contents.size])
        self._holder = array("i", [_NOBODY]) * count  # the only tag that leads to it
        self._repository = array("i", [_NOBODY]) * count  # the only repository that has it
        self._latest = array("i", [_NOBODY]) * count  # the repository that was counted last
        self._use = bytearray(count)
        self._is_manifest = bytearray(count)
        self._type = array("I", [0]) * count
        self._first = array("q", [0]) * count  # when it was pushed first
        self._stamp = array("i", [0]) * count
        self._stamps = 0
        self._foreign: list[tuple[int, int]] = []
        self._tag_total = array("q", [0]) * len(tables.tags.name)
        self._repository_total = array("q", [0]) * len(tables.repositories.name)

    def take(self, graph: Graph) -> None:
        """Count a repository."""
        holders, uses = self._walk_roots(graph)
        manifests, texts = self._tables.manifests, self._tables.texts
        for row in graph.rows.values():
            is_streaming = texts[manifests.artifact_type[row]] == _STREAMING
            use = uses.get(row, _USED) | (0 if is_streaming else _NO_STREAM)
            self._take_manifest(graph.repository, row, holders.get(row, _UNTAGGED), use)
        # What is a foreign layer to one manifest may be stored for another one. Then both of them hold it.
        for content, holder in self._foreign:
            if self._latest[content] == graph.repository and self._holder[content] != holder:
                self._holder[content] = _SEVERAL
        self._foreign.clear()

    def _walk_roots(self, graph: Graph) -> tuple[dict[int, int], dict[int, int]]:
        """Who holds each manifest, and how it is used."""
        holders: dict[int, int] = {}
        uses: dict[int, int] = {}

        def hold(root: int, holder: int, use: int) -> set[int]:
            reached = graph.reach([root])
            for row in reached:
                holders[row] = holder if holders.get(row, holder) == holder else _SEVERAL
                uses[row] = uses.get(row, _USED) | use
            return reached

        for root, tags in graph.roots.items():
            use = _TAGGED if root in graph.orphans else _TAGGED | _KEPT
            reached = hold(root, tags[0] if len(tags) == 1 else _SEVERAL, use)
            total = self._total(reached)
            for tag in tags:
                self._tag_total[tag] = total
        for root in graph.untagged_roots:
            hold(root, _UNTAGGED, 0 if root in graph.orphans else _KEPT)
        for tag in graph.attachments:
            if tag in graph.targets:
                self._tag_total[tag] = self._total(graph.reach([graph.targets[tag]]))
        return holders, uses

    def _total(self, rows: Iterable[int]) -> int:
        """The bytes of some manifests with their blobs, each content once."""
        self._stamps += 1
        stamp, stamps, size = self._stamps, self._stamp, self._size
        contents, kinds = self._tables.links.content, self._tables.links.kind
        total = 0
        for row in rows:
            content = self._tables.manifests.content[row]
            if stamps[content] != stamp:
                stamps[content] = stamp
                total += size[content]
            for link in self._tables.links_of(row):
                content = contents[link]
                if stamps[content] != stamp and kinds[link] in BLOBS:
                    stamps[content] = stamp
                    total += size[content]
        return total

    def _take_manifest(self, repository: int, row: int, holder: int, use: int) -> None:
        manifests, links = self._tables.manifests, self._tables.links
        content, created = manifests.content[row], manifests.created[row]
        self._is_manifest[content] = 1
        self._note(content, repository, holder, use, created, manifests.media_type[row])
        kinds, contents, types, note = links.kind, links.content, links.media_type, self._note
        for link in self._tables.links_of(row):
            if kinds[link] in BLOBS:
                note(contents[link], repository, holder, use, created, types[link])
            elif kinds[link] == Kind.FOREIGN:
                self._foreign.append((contents[link], holder))

    def _note(self, content: int, repository: int, holder: int, use: int, created: int, media_type: int) -> None:
        """Note one use of a content."""
        if not self._use[content]:
            self._type[content], self._first[content], self._holder[content] = media_type, created, holder
        else:
            self._first[content] = min(self._first[content], created)
            if self._holder[content] != holder:
                self._holder[content] = _SEVERAL
        self._use[content] |= use
        if self._latest[content] != repository:
            is_new = self._latest[content] == _NOBODY
            self._repository[content] = repository if is_new else _SEVERAL
            self._latest[content] = repository
            self._repository_total[repository] += self._size[content]

    def result(self) -> Usage:
        """Sum up what was counted."""
        names = self._tables.repositories.name
        sums = dict.fromkeys(("blobs", "manifests", "untagged", "orphaned", "streaming"), 0)
        by_tag = array("q", [0]) * len(self._tables.tags.name)
        alone, untagged = (array("q", [0]) * len(names) for _ in range(2))
        by_type: dict[int, int] = {}
        by_day: dict[int, int] = {}
        for content, size in enumerate(self._size):
            use = self._use[content]
            if not use:  # a subject or a child that is missing, or a foreign layer
                continue
            sums["manifests" if self._is_manifest[content] else "blobs"] += size
            sums["untagged"] += 0 if use & _TAGGED else size
            sums["orphaned"] += 0 if use & _KEPT else size
            sums["streaming"] += 0 if use & _NO_STREAM else size
            by_type[self._type[content]] = by_type.get(self._type[content], 0) + size
            day = self._first[content] // _DAY
            by_day[day] = by_day.get(day, 0) + size
            holder, repository = self._holder[content], self._repository[content]
            if holder >= 0:
                by_tag[holder] += size
            if repository >= 0:
                alone[repository] += size
                untagged[repository] += 0 if use & _TAGGED else size
        return Usage(
            registry=self._tables.registry,
            at=to_time(self._tables.started),
            **sums,
            repositories=tuple(
                RepositoryUsage(
                    name=name,
                    total=self._repository_total[row],
                    exclusive=alone[row],
                    untagged=untagged[row],
                    manifests=len(self._tables.manifests_of(row)),
                    tags=tuple(self._tags(row, by_tag)),
                )
                for row, name in enumerate(names)
            ),
            by_media_type=_largest_first({self._tables.texts[row]: size for row, size in by_type.items()}),
            by_month=_by_month(by_day),
            by_age=_by_age(by_day, self._tables.started // _DAY),
            caveats=tuple(_caveats(self._tables)),
        )

    def _tags(self, repository: int, exclusive: array[int]) -> Iterator[TagUsage]:
        for row in self._tables.tags_of(repository):
            yield TagUsage(name=self._tables.tags.name[row], total=self._tag_total[row], exclusive=exclusive[row])


def _largest_first(sizes: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))))


def _by_month(by_day: Mapping[int, int]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for day, size in sorted(by_day.items()):
        month = "unknown" if day < 0 else datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m")
        found[month] = found.get(month, 0) + size
    return MappingProxyType(found)


def _by_age(by_day: Mapping[int, int], today: int) -> Mapping[str, int]:
    """Bytes by age of their first push: below 7 days, 7 to 29 days, and so on."""
    bounds = (0, *_AGES)
    names = [f"{low}-{high - 1} days" for low, high in zip(bounds, _AGES, strict=False)] + [f"{_AGES[-1]} days or more"]
    found = dict.fromkeys(names, 0)
    for day, size in by_day.items():
        place = sum(today - day >= bound for bound in _AGES)
        found[names[place]] += size
    return MappingProxyType(found)


def _caveats(tables: Tables) -> Iterator[str]:
    """What the numbers do not say."""
    if not tables.is_whole:
        yield (
            "Only a part of the registry was read: other repositories may share contents, so the exclusive bytes are"
            " the most that may be freed."
        )
    if any(kind == Kind.FOREIGN for kind in tables.links.kind):
        yield "Foreign layers count as 0 bytes: the registry does not store them."
    if any(tables.manifests.trouble):
        yield "Some manifests could not be read, so their blobs are missing here: see check()."
    if any(flags & Flag.IS_MOVING for flags in tables.repositories.flags):
        yield "Some repositories changed while they were read: see check()."
    yield "Each geo-replica stores these bytes once more. What soft delete keeps is not in them."

"""Usage: which bytes a registry stores, what uses them, and what would free them.

A registry stores a content once, however many manifests and repositories use it. So sums over images are too large, and
what a tag frees is less than what it needs.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from acr._inventory.graph import Graph
from acr._inventory.marks import BLOBS, UNKNOWN, Flag, Kind, to_time
from acr._inventory.reports import RepositoryUsage, TagUsage, Usage
from acr._inventory.tables import Tables

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
_NEVER: Final = 2**62
"""A time after all others: that of a push which the registry does not tell."""

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
        self._use = bytearray(count)
        self._is_manifest = bytearray(count)
        self._type = array("I", [0]) * count
        self._first = array("q", [0]) * count  # when it was pushed first
        self._stamp = array("i", [0]) * count
        self._stamps = 0
        self._tag_total = array("q", [0]) * len(tables.tags.name)
        self._repository_total = array("q", [0]) * len(tables.repositories.name)

    def take(self, graph: Graph) -> None:
        """Count a repository. Most of the time goes by here, so dicts of one repository are filled first."""
        holders, uses = self._walk_roots(graph)
        manifests, texts = self._tables.manifests, self._tables.texts
        held: dict[int, int] = {}  # who holds each content, within this repository
        used: dict[int, int] = {}
        first: dict[int, tuple[int, int]] = {}  # the time and the type of its first use, as the oldest comes first
        foreign: list[tuple[int, int]] = []
        for created, row in sorted((_pushed(manifests.created[row]), row) for row in graph.rows.values()):
            is_streaming = texts[manifests.artifact_type[row]] == _STREAMING
            use = uses.get(row, _USED) | (0 if is_streaming else _NO_STREAM)
            holder = holders.get(row, _UNTAGGED)
            own = manifests.content[row]
            self._is_manifest[own] = 1
            for content, kind, media_type in ((own, Kind.LAYER, manifests.media_type[row]), *self._links(row)):
                if kind not in BLOBS:
                    if kind == Kind.FOREIGN:
                        foreign.append((content, holder))
                elif content not in held:
                    held[content], used[content], first[content] = holder, use, (created, media_type)
                else:
                    used[content] |= use
                    if held[content] != holder:
                        held[content] = _SEVERAL
        # What is a foreign layer to one manifest may be stored for another one. Then both of them hold it.
        for content, holder in foreign:
            if held.get(content, holder) != holder:
                held[content] = _SEVERAL
        self._merge(graph.repository, held, used, first)

    def _merge(
        self, repository: int, held: Mapping[int, int], used: Mapping[int, int], first: Mapping[int, tuple[int, int]]
    ) -> None:
        """Add what was counted in a repository to what was counted before."""
        total = 0
        for content, holder in held.items():
            total += self._size[content]
            created, media_type = first[content]
            if not self._use[content]:
                self._first[content], self._type[content] = created, media_type
                self._holder[content], self._repository[content] = holder, repository
            else:
                self._first[content] = min(self._first[content], created)
                self._repository[content] = _SEVERAL
                if self._holder[content] != holder:
                    self._holder[content] = _SEVERAL
            self._use[content] |= used[content]
        self._repository_total[repository] = total

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
        stamp, stamps, size, total = self._stamps, self._stamp, self._size, 0
        for row in rows:
            content = self._tables.manifests.content[row]
            if stamps[content] != stamp:
                stamps[content] = stamp
                total += size[content]
            for content, kind, _ in self._links(row):
                if kind in BLOBS and stamps[content] != stamp:
                    stamps[content] = stamp
                    total += size[content]
        return total

    def _links(self, row: int) -> Iterable[tuple[int, int, int]]:
        """Content, kind and type of each link of a manifest. Slices are quicker than one row after another."""
        first, links = self._tables.manifests.first_link, self._tables.links
        here = slice(first[row], first[row + 1])
        return zip(links.content[here], links.kind[here], links.media_type[here], strict=True)

    def result(self) -> Usage:
        """Sum up what was counted."""
        names = self._tables.repositories.name
        by_use = [0] * 32
        by_type = [0] * len(self._tables.texts)
        by_day: dict[int, int] = defaultdict(int)
        by_tag = array("q", [0]) * len(self._tables.tags.name)
        alone, untagged = (array("q", [0]) * len(names) for _ in range(2))
        columns = (self._size, self._use, self._is_manifest, self._type, self._first, self._holder, self._repository)
        for size, use, is_manifest, media_type, first, holder, repository in zip(*columns, strict=True):
            if not use:  # a subject or a child that is missing, or a foreign layer
                continue
            by_use[use << 1 | is_manifest] += size
            by_type[media_type] += size
            by_day[UNKNOWN if first == _NEVER else first // _DAY] += size
            if holder >= 0:
                by_tag[holder] += size
            if repository >= 0:
                alone[repository] += size
                if not use & _TAGGED:
                    untagged[repository] += size
        return Usage(
            registry=self._tables.registry,
            at=to_time(self._tables.started),
            is_whole=self._tables.is_whole,
            blobs=sum(by_use[0::2]),
            manifests=sum(by_use[1::2]),
            untagged=_without(by_use, _TAGGED),
            orphaned=_without(by_use, _KEPT),
            streaming=_without(by_use, _NO_STREAM),
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
            by_media_type=_largest_first(dict(zip(self._tables.texts, by_type, strict=True))),
            by_month=_by_month(by_day),
            by_age=_by_age(by_day, self._tables.started // _DAY),
            caveats=tuple(_caveats(self._tables)),
        )

    def _tags(self, repository: int, exclusive: array[int]) -> Iterator[TagUsage]:
        for row in self._tables.tags_of(repository):
            yield TagUsage(name=self._tables.tags.name[row], total=self._tag_total[row], exclusive=exclusive[row])


def _pushed(created: int) -> int:
    return _NEVER if created == UNKNOWN else created


def _without(by_use: Sequence[int], use: int) -> int:
    """The bytes that are used otherwise. The lowest bit of the place tells manifests from blobs."""
    return sum(size for place, size in enumerate(by_use) if not place >> 1 & use)


def _largest_first(sizes: Mapping[str, int]) -> Mapping[str, int]:
    present = [(name, size) for name, size in sizes.items() if size]
    return MappingProxyType(dict(sorted(present, key=lambda item: (-item[1], item[0]))))


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
        if day < 0:
            found["unknown"] = found.get("unknown", 0) + size
            continue
        place = sum(today - day >= bound for bound in _AGES)
        found[names[place]] += size
    return MappingProxyType(found)


def _counts(tables: Tables, repository: int) -> Iterator[tuple[int, int]]:
    return ((counted, found) for _, counted, found in tables.contradictions(repository))


def _caveats(tables: Tables) -> Iterator[str]:
    """What the numbers do not say."""
    if not tables.is_whole:
        yield (
            "Only a part of the registry was read: other repositories may share contents, so the exclusive bytes are"
            " the most that may be freed."
        )
    if Kind.FOREIGN in tables.links.kind:
        yield "Foreign layers count as 0 bytes: the registry does not store them."
    if any(tables.manifests.trouble):
        yield (
            "Some manifests could not be read: see check(). The bytes of what they lead to may be missing here, or may"
            " seem untagged."
        )
    if any(found < counted for row in range(len(tables.repositories.name)) for counted, found in _counts(tables, row)):
        yield (
            "The registry counts more items than could be found: see check(). Hidden ones may use more bytes, and what"
            " they lead to may seem untagged."
        )
    if tables.odd_sizes:
        yield "Some manifests disagree about sizes: see check(). The largest size counts, unless the client knows it."
    if any(flags & Flag.IS_MOVING for flags in tables.repositories.flags):
        yield "Some repositories changed while they were read: see check()."
    yield "Each geo-replica stores these bytes once more. What soft delete keeps is not in them."

"""Changes: what differs between two inventories of one registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from acr._inventory.marks import BLOBS
from acr._inventory.reports import InventoryChanges
from acr._inventory.tables import Tables
from acr.errors import InvalidInput


def changes(earlier: Tables, later: Tables) -> InventoryChanges:
    """Compare two inventories.

    Raises:
        InvalidInput: they are of two registries.
    """
    if earlier.registry != later.registry:
        raise InvalidInput(f"the inventories are of two registries: {earlier.registry} and {later.registry}")
    unknown = _unknown(earlier, later) | _unknown(later, earlier)
    before, after = set(earlier.repositories.name) - unknown, set(later.repositories.name) - unknown
    tags = (_tags(earlier, before), _tags(later, after))
    manifests = (_manifests(earlier, before), _manifests(later, after))
    sizes = (_sizes(earlier, before), _sizes(later, after))
    grown = {name: sizes[1].get(name, 0) - sizes[0].get(name, 0) for name in before | after}
    return InventoryChanges(
        new_repositories=tuple(sorted(after - before)),
        gone_repositories=tuple(sorted(before - after)),
        new_tags=tuple(sorted(tags[1].keys() - tags[0].keys())),
        gone_tags=tuple(sorted(tags[0].keys() - tags[1].keys())),
        moved_tags=tuple(sorted(tag for tag in tags[0].keys() & tags[1].keys() if tags[0][tag] != tags[1][tag])),
        new_manifests=len(manifests[1] - manifests[0]),
        gone_manifests=len(manifests[0] - manifests[1]),
        grown=tuple(sorted(((name, size) for name, size in grown.items() if size), key=lambda one: (-one[1], one[0]))),
        not_compared=tuple(sorted(unknown)),
    )


def _unknown(one: Tables, other: Tables) -> set[str]:
    """The repositories of one inventory that the other one has not read, though the registry may have had them."""
    missing = set(one.repositories.name) - set(other.repositories.name)
    return missing if other.catalog is None else missing & set(other.catalog)


def _rows(tables: Tables, names: Set[str]) -> Iterator[tuple[int, str]]:
    return ((row, name) for row, name in enumerate(tables.repositories.name) if name in names)


def _tags(tables: Tables, names: Set[str]) -> Mapping[str, bytes]:
    """Where each tag points to, by `repository:tag`."""
    packed, content = tables.contents.digests.packed, tables.tags.content
    return {
        f"{name}:{tables.tags.name[tag]}": packed(content[tag])
        for row, name in _rows(tables, names)
        for tag in tables.tags_of(row)
    }


def _manifests(tables: Tables, names: Set[str]) -> set[tuple[str, bytes]]:
    packed, content = tables.contents.digests.packed, tables.manifests.content
    return {
        (name, packed(content[manifest])) for row, name in _rows(tables, names) for manifest in tables.manifests_of(row)
    }


def _sizes(tables: Tables, names: Set[str]) -> Mapping[str, int]:
    """The bytes of each repository, each content counted once."""
    found: dict[str, int] = {}
    size, kinds, contents = tables.contents.size, tables.links.kind, tables.links.content
    for row, name in _rows(tables, names):
        manifests = tables.manifests_of(row)
        seen = {tables.manifests.content[manifest] for manifest in manifests}
        seen |= {contents[link] for manifest in manifests for link in tables.links_of(manifest) if kinds[link] in BLOBS}
        found[name] = sum(max(size[content], 0) for content in seen)
    return found

"""Changes: what differs between two inventories of one registry."""

from __future__ import annotations

from collections.abc import Mapping

from acr._inventory.reports import InventoryChanges
from acr._inventory.tables import BLOBS, Tables
from acr.errors import InvalidInput


def changes(earlier: Tables, later: Tables) -> InventoryChanges:
    """Compare two inventories.

    Raises:
        InvalidInput: they are of two registries.
    """
    if earlier.registry != later.registry:
        raise InvalidInput(f"the inventories are of two registries: {earlier.registry} and {later.registry}")
    before, after = set(earlier.repositories.name), set(later.repositories.name)
    tags = (_tags(earlier), _tags(later))
    manifests = (_manifests(earlier), _manifests(later))
    sizes = (_sizes(earlier), _sizes(later))
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
    )


def _tags(tables: Tables) -> Mapping[str, bytes]:
    """Where each tag points to, by `repository:tag`."""
    packed, content = tables.contents.digests.packed, tables.tags.content
    return {
        f"{name}:{tables.tags.name[tag]}": packed(content[tag])
        for row, name in enumerate(tables.repositories.name)
        for tag in tables.tags_of(row)
    }


def _manifests(tables: Tables) -> set[tuple[str, bytes]]:
    packed, content = tables.contents.digests.packed, tables.manifests.content
    return {
        (name, packed(content[manifest]))
        for row, name in enumerate(tables.repositories.name)
        for manifest in tables.manifests_of(row)
    }


def _sizes(tables: Tables) -> Mapping[str, int]:
    """The bytes of each repository, each content counted once."""
    found: dict[str, int] = {}
    size, kinds, contents = tables.contents.size, tables.links.kind, tables.links.content
    for row, name in enumerate(tables.repositories.name):
        manifests = tables.manifests_of(row)
        seen = {tables.manifests.content[manifest] for manifest in manifests}
        seen |= {contents[link] for manifest in manifests for link in tables.links_of(manifest) if kinds[link] in BLOBS}
        found[name] = sum(max(size[content], 0) for content in seen)
    return found

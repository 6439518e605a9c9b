"""Joining: one inventory of several that are of parts of a registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acr._inventory.builder import Builder, NewLink, NewManifest, NewRepository, NewTag
from acr._inventory.marks import UNKNOWN, Flag, Kind
from acr._inventory.tables import Tables
from acr.errors import InvalidInput


def join(parts: Sequence[Tables]) -> Tables:
    """Make one inventory. Of a repository that is in several parts, the part that began last counts.

    Raises:
        InvalidInput: there are none, or they are of several registries.
    """
    registries = {part.registry for part in parts}
    if len(registries) != 1:
        names = ", ".join(sorted(registries)) or "none"
        raise InvalidInput(f"inventories of one registry can be joined, and these are of: {names}")
    latest: dict[str, Tables] = {}
    for part in sorted(parts, key=lambda one: one.started):
        latest |= dict.fromkeys(part.repositories.name, part)
    catalogs = [part.catalog for part in sorted(parts, key=lambda one: one.started) if part.catalog is not None]
    builder = Builder()
    for name, part in sorted(latest.items()):
        row = part.repository(name)
        if row is not None:
            builder.add(_repository(part, row))
    for part in parts:
        for content, size in part.odd_sizes.items():
            builder.note_size(part.contents.digests.packed(content), size)
    return builder.build(
        registry=registries.pop(),
        started=min(part.started for part in parts),
        finished=max(part.finished for part in parts),
        catalog=catalogs[-1] if catalogs else None,
    )


def _repository(tables: Tables, row: int) -> NewRepository:
    columns = tables.repositories
    return NewRepository(
        name=columns.name[row],
        created=columns.created[row],
        updated=columns.updated[row],
        manifest_count=columns.manifest_count[row],
        tag_count=columns.tag_count[row],
        flags=columns.flags[row],
        manifests=_manifests(tables, row),
        tags=[
            NewTag(
                name=tables.tags.name[tag],
                content=tables.contents.digests.packed(tables.tags.content[tag]),
                created=tables.tags.created[tag],
                updated=tables.tags.updated[tag],
                flags=tables.tags.flags[tag],
            )
            for tag in tables.tags_of(row)
        ],
    )


def _manifests(tables: Tables, repository: int) -> Iterator[NewManifest]:
    columns, texts = tables.manifests, tables.texts
    digests, size, links = tables.contents.digests, tables.contents.size, tables.links
    for row in tables.manifests_of(repository):
        yield NewManifest(
            content=digests.packed(columns.content[row]),
            size=size[columns.content[row]] if columns.flags[row] & Flag.READ else UNKNOWN,
            media_type=texts[columns.media_type[row]],
            artifact_type=texts[columns.artifact_type[row]],
            platform=texts[columns.platform[row]],
            trouble=texts[columns.trouble[row]],
            quarantine=texts[columns.quarantine[row]],
            image_size=columns.image_size[row],
            created=columns.created[row],
            updated=columns.updated[row],
            untagged_since=columns.untagged_since[row],
            flags=columns.flags[row],
            links=[
                NewLink(
                    digests.packed(links.content[link]),
                    Kind(links.kind[link]),
                    texts[links.media_type[link]],
                    size[links.content[link]],
                )
                for link in tables.links_of(row)
            ],
        )

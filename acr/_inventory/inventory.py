"""Inventory: an immutable picture of a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from acr._inventory.marks import BLOBS, LEADS_DOWN, UNKNOWN, Flag, Kind, to_time
from acr._inventory.records import InventoryManifest, InventoryRepository, InventoryTag
from acr._inventory.reports import Check, InventoryChanges, Usage
from acr._later import later
from acr._values.arguments import wrong_kind
from acr._values.home import public_in
from acr._values.plain import row_of
from acr.errors import InvalidInput

if TYPE_CHECKING:
    from acr._inventory import (
        blobs,
        changes as differences,
        check as checks,
        joining,
        page as pages,
        tables as columnar,
        usage as usages,
    )
    from acr._inventory.tables import Tables
else:
    blobs = later("acr._inventory.blobs")
    differences = later("acr._inventory.changes")
    checks = later("acr._inventory.check")
    joining = later("acr._inventory.joining")
    pages = later("acr._inventory.page")
    columnar = later("acr._inventory.tables")
    usages = later("acr._inventory.usage")
    Tables = object  # for `typing.get_type_hints`


@public_in("acr")
class Inventory:
    """A picture of a registry: its repositories, tags and manifests, and what leads to what. It does not change.

    `Registry.inventory` reads one, and `load_inventory` loads one from a file. What can be computed from it needs no
    registry: `usage`, `check` and `compare`.

    Example:
        inventory = registry.inventory()
        print(inventory.usage())
        print(inventory.check())
    """

    __slots__ = ("_tables",)

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def registry(self) -> str:
        """Login server of the registry."""
        return self._tables.registry

    @property
    def started(self) -> datetime:
        """When the reading began, by the clock of the registry."""
        return to_time(self._tables.started)

    @property
    def finished(self) -> datetime:
        """When the reading ended, by the clock of the registry."""
        return to_time(self._tables.finished)

    @property
    def catalog(self) -> Sequence[str] | None:
        """The names of all repositories of the registry; None if nobody asked for the catalog."""
        return self._tables.catalog

    @property
    def is_whole(self) -> bool:
        """Whether all repositories of the registry are in it."""
        return self._tables.is_whole

    def repositories(self) -> Iterator[InventoryRepository]:
        """Walk the repositories, by name."""
        columns = self._tables.repositories
        for row, name in enumerate(columns.name):
            flags = columns.flags[row]
            yield InventoryRepository(
                name=name,
                created=to_time(columns.created[row]),
                updated=to_time(columns.updated[row]),
                manifest_count=columns.manifest_count[row],
                tag_count=columns.tag_count[row],
                is_moving=bool(flags & Flag.IS_MOVING),
                is_cache=bool(flags & Flag.IS_CACHE),
                **_permissions(flags),
            )

    def tags(self, repository: str | None = None) -> Iterator[InventoryTag]:
        """Walk the tags, by repository and name.

        Args:
            repository: only those of this repository.

        Raises:
            InvalidInput: the inventory lacks the repository.
        """
        columns, digests = self._tables.tags, self._tables.contents.digests
        for at in self._rows(repository):
            for row in self._tables.tags_of(at):
                yield InventoryTag(
                    repository=self._tables.repositories.name[at],
                    name=columns.name[row],
                    digest=digests[columns.content[row]],
                    created=to_time(columns.created[row]),
                    updated=to_time(columns.updated[row]),
                    is_new=bool(columns.flags[row] & Flag.IS_NEW),
                    **_permissions(columns.flags[row]),
                )

    def manifests(self, repository: str | None = None) -> Iterator[InventoryManifest]:
        """Walk the manifests, by repository and digest.

        Args:
            repository: only those of this repository.

        Raises:
            InvalidInput: the inventory lacks the repository.
        """
        for at in self._rows(repository):
            for row in self._tables.manifests_of(at):
                yield self._manifest(at, row)

    def _rows(self, repository: str | None) -> Sequence[int]:
        if repository is None:
            return range(len(self._tables.repositories.name))
        row = self._tables.repository(repository) if isinstance(repository, str) else None
        if row is None:
            raise InvalidInput(f"the inventory has no repository {str(repository)[:300]!r}")
        return [row]

    def _manifest(self, repository: int, row: int) -> InventoryManifest:
        columns, texts, contents = self._tables.manifests, self._tables.texts, self._tables.contents
        links, of_it = self._tables.links, self._tables.links_of(row)
        flags = columns.flags[row]
        led = [(Kind(links.kind[link]), contents.digests[links.content[link]]) for link in of_it]
        return InventoryManifest(
            repository=self._tables.repositories.name[repository],
            digest=contents.digests[columns.content[row]],
            size=contents.size[columns.content[row]] if flags & Flag.READ else None,
            image_size=None if columns.image_size[row] == UNKNOWN else columns.image_size[row],
            media_type=texts[columns.media_type[row]] or None,
            artifact_type=texts[columns.artifact_type[row]] or None,
            platform=texts[columns.platform[row]] or None,
            created=_time(columns.created[row]),
            updated=_time(columns.updated[row]),
            untagged_since=_time(columns.untagged_since[row]),
            is_listed=bool(flags & Flag.LISTED),
            is_new=bool(flags & Flag.IS_NEW),
            trouble=texts[columns.trouble[row]] or None,
            quarantine=texts[columns.quarantine[row]] or None,
            children=tuple(digest for kind, digest in led if kind in LEADS_DOWN),
            blobs=tuple(digest for kind, digest in led if kind in BLOBS or kind == Kind.FOREIGN),
            subject=next((digest for kind, digest in led if kind == Kind.SUBJECT), None),
            **_permissions(flags),
        )

    def usage(self) -> Usage:
        """Compute the bytes that the registry stores: in all, by repository and by tag, shared or not."""
        return usages.usage(self._tables)

    def check(self) -> Check:
        """Find what is broken: children and subjects that are missing, orphans, and what could not be read.

        `Registry.verify_blobs` asks the registry for the blobs, too.
        """
        return checks.check(self._tables)

    @property
    def blob_requests(self) -> int:
        """How many requests `Registry.verify_blobs` takes: one for each blob of each repository."""
        return blobs.count(self._tables)

    def compare(self, earlier: Inventory) -> InventoryChanges:
        """Find what differs from an earlier inventory of the same registry.

        Args:
            earlier: the other inventory. What only one of the two has read counts as new or gone.

        Raises:
            InvalidInput: the other one is of another registry.
        """
        return differences.changes(tables_of(earlier), self._tables)

    @classmethod
    def join(cls, *parts: Inventory) -> Inventory:
        """Make one inventory of several that are of parts of one registry. Several machines may have read them.

        Args:
            parts: the inventories. If several have a repository, the one that began last counts.

        Raises:
            InvalidInput: there are none, or they are of several registries.
        """
        return cls(joining.join([tables_of(part) for part in parts]))

    def to_html(self, *, check: Check | None = None) -> str:
        """Make one HTML page of usage and findings, to be written to a file as UTF-8. It loads nothing.

        It has a treemap, tables that sort, and the growth by month. A table has the 500 largest, and the sum of the
        rest. Only its own style and script may run, whatever names the registry has.

        Args:
            check: findings to show, such as those of `Registry.verify_blobs`. The default is what `check` finds.

        Raises:
            InvalidInput: `check` is something else.

        Example:
            html = registry.inventory().to_html()
            print(f"{len(html):,} characters")
        """
        if not isinstance(check, Check | None):
            raise wrong_kind("check", check, "a Check, or None")
        return pages.page(self.usage(), self.check() if check is None else check)

    def rows(self, of: Literal["tags", "manifests", "repositories"] = "tags") -> list[dict[str, Any]]:
        """Make flat rows of native types. pandas and polars take them.

        Args:
            of: `tags`, `manifests` or `repositories`.

        Raises:
            InvalidInput: `of` is something else.
        """
        walks: dict[str, Callable[[], Iterator[object]]] = {
            "tags": self.tags,
            "manifests": self.manifests,
            "repositories": self.repositories,
        }
        if of not in walks:
            raise InvalidInput(f"of={of!r}: expected {', '.join(walks)}")
        return [row_of(item) for item in walks[of]()]

    def __getstate__(self) -> dict[str, Any]:
        return columnar.state_of(self._tables)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._tables = columnar.tables_from(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inventory) and self._tables == tables_of(other)

    def __hash__(self) -> int:
        return hash((self._tables.registry, self._tables.started, self._tables.finished))

    def __repr__(self) -> str:
        counts = (
            (len(self._tables.repositories.name), "repositories"),
            (len(self._tables.tags.name), "tags"),
            (len(self._tables.manifests.content), "manifests"),
        )
        told = ", ".join(f"{count:,} {what}" for count, what in counts)
        part = "" if self.is_whole else ", a part of the registry"
        return f"<{type(self).__name__} of {self.registry}: {told}{part}>"


def tables_of(inventory: Inventory) -> Tables:
    """The tables behind an inventory.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(inventory, Inventory):
        raise wrong_kind("inventory", inventory, "an Inventory")
    return inventory._tables  # noqa: SLF001 - of this file


def _time(number: int) -> datetime | None:
    return None if number == UNKNOWN else to_time(number)


def _permissions(flags: int) -> dict[str, bool]:
    return {
        "can_read": bool(flags & Flag.CAN_READ),
        "can_write": bool(flags & Flag.CAN_WRITE),
        "can_list": bool(flags & Flag.CAN_LIST),
        "can_delete": bool(flags & Flag.CAN_DELETE),
    }

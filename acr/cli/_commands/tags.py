"""List the tags of a repository, with digest, time, size and locks.

The size is that of the whole image, as ACR counts it. With --untagged it lists the manifests that have no tag: many of
them are part of something, such as a platform of an index or a signature, so `acr rm` looks before it deletes one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

import acr
from acr.cli import _filters
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._locks import LOCKS, locks_of
from acr.cli._output.rows import Column, Row, walk
from acr.cli._parsing import add_ages, add_common, add_filters, add_output
from acr.cli._references import Place

if TYPE_CHECKING:
    import sqlite3

EXAMPLES = (
    "acr tags team/app",
    "acr tags team/app --match 'v1.*' --sort newest --limit 1",
    "acr tags team/app --older-than 30d --fields name,digest,updated -o csv",
)


def short(digest: object) -> str:
    """The beginning of a digest."""
    return str(digest)[:19] if digest is not None else "-"


COLUMNS: Final = (
    Column("name", "text", "name of the tag; null for a manifest without one", 0, null=True),
    Column("digest", "text", "digest of the manifest", 3, lambda row: short(row["digest"])),
    Column("updated", "time", "when it was last updated", 1, title="updated (UTC)"),
    Column("size", "size", "size of the whole image in bytes, as ACR counts it", 2, null=True),
    LOCKS,
    Column("locked", "boolean", "a lock keeps clients from deleting it"),
    Column("repository", "text", "name of the repository"),
    Column("created", "time", "when it was created"),
    Column("media_type", "text", "type of the manifest", null=True),
    Column("can_write", "boolean", "clients may move and delete it"),
    Column("can_delete", "boolean", "clients may delete it"),
    Column("can_read", "boolean", "clients may pull it"),
    Column("can_list", "boolean", "listings show it"),
)
OF_MANIFESTS: Final = frozenset({"size", "media_type"})
"""Fields that the listing of tags lacks."""

_FEW: Final = 50
"""Manifests that are asked for one by one; if there may be more, the client lists them."""


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("repository", metavar="[HOST/]REPO", help="the repository")
    group = add_filters(parser, sorts=("name", "newest", "oldest", "size"))
    add_ages(group)
    group.add_argument("--larger-than", type=_filters.size, metavar="SIZE", help="such as 500MB or 1GiB")
    group.add_argument("--locked", action="store_true", help="those that a lock keeps from being deleted")
    group.add_argument("--untagged", action="store_true", help="manifests without a tag, in place of tags")
    parser.add_argument("--full-ref", action="store_true", help="print whole references in the format `name`")
    add_output(parser, lists=True)
    add_common(parser)


def run(context: Context) -> int:
    """List."""
    options = context.options
    place = context.names.repository(options.repository)
    if options.untagged and options.match:
        raise Usage("--untagged and --match: what has no tag has no name to match")
    found = _untagged(context, place) if options.untagged else _tagged(context, place)
    if options.sort == "size":
        found = iter(sorted(found, key=lambda row: row["size"] or 0, reverse=True))
    rows = _filters.limited(found, options.limit)

    def name(row: Row) -> str:
        reference = str(row["name"] or row["digest"])
        return place.named(reference) if options.full_ref else reference

    context.print_rows(COLUMNS, rows, name, what="manifests without a tag" if options.untagged else "tags")
    return 0


def _order(context: Context) -> acr.Order | None:
    sort = context.options.sort
    return cast("acr.Order", sort) if sort in ("newest", "oldest") else None


def _needs_manifests(context: Context) -> bool:
    """Whether the listing of the tags does not have all that is asked for."""
    options = context.options
    if options.larger_than is not None or options.sort == "size":
        return True
    fields: Sequence[str] = options.fields.split(",") if options.fields else ()
    if fields:
        return bool(OF_MANIFESTS.intersection(field.strip() for field in fields))
    return context.format != "name" or options.summary


def _tagged(context: Context, place: Place) -> Iterator[Row]:
    options = context.options
    repository = context.clients.repository(place)
    tags = walk(repository.tags(order_by=_order(context)), f"the list of tags of {place}")
    matches, is_aged = _filters.matcher(options.match), _filters.aged(options, _updated, context.clients.now)
    found = (tag for tag in tags if matches(tag.name) and is_aged(tag) and (tag.locked or not options.locked))
    sizes = _Sizes(repository, place, few=_is_few(options)) if _needs_manifests(context) else None
    try:
        for tag in found:
            more: Row = sizes.of(tag.digest) if sizes is not None else {}
            if options.larger_than is None or (more.get("size") or 0) > options.larger_than:
                yield {**_common(tag), "name": tag.name, "size": None, "media_type": None, **more}
    finally:
        if sizes is not None:
            sizes.close()


def _is_few(options: Any) -> bool:
    unsorted = options.limit is not None and options.limit <= _FEW and options.sort != "size"
    return unsorted and options.larger_than is None


def _untagged(context: Context, place: Place) -> Iterator[Row]:
    options = context.options
    listing = context.clients.repository(place).manifests(order_by=_order(context))
    is_aged = _filters.aged(options, _updated, context.clients.now)
    for one in walk(listing, f"the list of manifests of {place}"):
        if one.tags or not is_aged(one) or (options.locked and not one.locked):
            continue
        if options.larger_than is None or (one.size or 0) > options.larger_than:
            yield {**_common(one), "name": None, "size": one.size, "media_type": one.media_type}


def _updated(item: acr.TagProperties | acr.ManifestProperties) -> datetime:
    return item.updated


def _common(item: acr.TagProperties | acr.ManifestProperties) -> Row:
    keys = ("repository", "digest", "updated", "created", "locked", "can_write", "can_delete", "can_read", "can_list")
    return {**{key: getattr(item, key) for key in keys}, "locks": locks_of(item)}


_TABLE: Final = "CREATE TABLE manifest (digest TEXT PRIMARY KEY, size INTEGER, media_type TEXT) WITHOUT ROWID"


class _Sizes:
    """What the manifests say of tags: read one by one if they are few, or else from their listing.

    The listing may have a million manifests, so a database on disk holds what it says. It has no name, and goes with
    its connection.
    """

    def __init__(self, repository: acr.Repository, place: Place, *, few: bool) -> None:
        self._repository = repository
        self._place = place
        self._few = few
        self._asked: dict[str, Row] = {}
        self._listed: sqlite3.Connection | None = None

    def of(self, digest: acr.Digest) -> Row:
        """Size and type of a manifest."""
        if self._few:
            if digest not in self._asked:
                self._asked[digest] = self._one(digest)
            return self._asked[digest]
        if self._listed is None:
            self._listed = self._list()
        found = self._listed.execute("SELECT size, media_type FROM manifest WHERE digest = ?", (digest,)).fetchone()
        return {} if found is None else {"size": found[0], "media_type": found[1]}

    def close(self) -> None:
        """Give the space on disk back."""
        if self._listed is not None:
            self._listed.close()

    def _list(self) -> sqlite3.Connection:
        import sqlite3  # other commands do without it

        found = walk(self._repository.manifests(), f"the list of manifests of {self._place}")
        rows = ((one.digest, one.size, one.media_type) for one in found)
        listed = sqlite3.connect("")
        try:
            listed.execute(
                "CREATE TABLE manifest (digest TEXT PRIMARY KEY, size INTEGER, media_type TEXT) WITHOUT ROWID"
            )
            listed.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?, ?)", rows)
        except BaseException:
            listed.close()
            raise
        return listed

    def _one(self, digest: acr.Digest) -> Row:
        try:
            found = self._repository.manifest(digest).properties()
        except acr.NotFound:
            return {}  # deleted since it was listed
        return {"size": found.size, "media_type": found.media_type}

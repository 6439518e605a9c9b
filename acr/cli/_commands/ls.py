"""List repositories, or the tags of one.

Without an argument it lists the repositories of the registry; with `PREFIX/`, those whose names begin so. With a
repository it lists the names of its tags, on registries of every make. `acr tags` says more of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import acr
from acr.cli import _filters
from acr.cli._context import Context
from acr.cli._exits import Incomplete, Usage
from acr.cli._locks import LOCKS, locks_of
from acr.cli._output.rows import Column, Row, walk
from acr.cli._parsing import add_ages, add_common, add_filters, add_output

EXAMPLES = (
    "acr ls",
    "acr ls my.azurecr.io/team/app",
    "acr ls --long --match 'team/*' --sort updated -o json",
)

COLUMNS: Final = (
    Column("name", "text", "name of the repository", 0),
    Column("tag_count", "integer", "number of its tags; only with --long", 1, title="tags", optional=True),
    Column(
        "manifest_count", "integer", "number of its manifests; only with --long", 2, title="manifests", optional=True
    ),
    Column("updated", "time", "when it was last updated; only with --long", 1, title="updated (UTC)", optional=True),
    Column("created", "time", "when it was created; only with --long", optional=True),
    LOCKS._replace(about=f"{LOCKS.about}; only with --long", rank=3, optional=True),
    Column("locked", "boolean", "a lock keeps clients from deleting it; only with --long", optional=True),
)
TAG_COLUMNS: Final = (Column("name", "text", "name of the tag", 0),)

_LONG: Final = ("updated", "created", "tags", "manifests")
_EPOCH: Final = datetime.min


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("what", nargs="?", metavar="[HOST/][REPO | PREFIX/]", help="the default is all repositories")
    parser.add_argument(
        "-l", "--long", action="store_true", help="also ask for counts and times, repository by repository"
    )
    parser.add_argument("--full-ref", action="store_true", help="print whole references")
    group = add_filters(parser, sorts=("name", *_LONG))
    add_ages(group)
    add_output(parser, lists=True)
    add_common(parser)


def run(context: Context) -> int:
    """List."""
    what: str = context.options.what or ""
    if what and not what.endswith("/") and not context.names.is_host(what):
        _tags(context, what)
    else:
        _repositories(context, what)
    return 0


def _repositories(context: Context, what: str) -> None:
    options = context.options
    host, shown, prefix = start_of(context, what)
    registry = context.clients.registry(host)
    fits = _filters.matcher(options.match)
    names = walk(registry.repositories(), f"the list of repositories of {registry.login_server}")
    named = (name for name in names if name.startswith(prefix) and fits(name))
    is_long = bool(options.long or options.sort in _LONG or options.older_than or options.newer_than)
    rows = _long(context, registry, named) if is_long else ({"name": name} for name in named)
    if options.sort is not None:
        rows = iter(_ordered(rows, options.sort))
    columns = COLUMNS if is_long else COLUMNS[:1]
    full = shown if options.full_ref else ""
    found = ({**row, "name": f"{full}{row['name']}"} for row in _filters.limited(rows, options.limit))
    what = f"repositories below {prefix}" if prefix else "repositories"
    context.print_rows(columns, found, lambda row: str(row["name"]), what=what)


def start_of(context: Context, what: str) -> tuple[str, str, str]:
    """The registry, how it stands before names, and how the names begin."""
    if not what:
        host = context.names.default_host()
        return host, f"{host.partition('://')[2]}/", ""
    if context.names.is_host(what):
        host = context.names.host(what)
        return host, f"{host.partition('://')[2]}/", ""
    place = context.names.repository(what.rstrip("/"))
    return place.host, place.prefix or f"{place.host.partition('://')[2]}/", f"{place.repository}/"


def _long(context: Context, registry: acr.Registry, names: Iterator[str]) -> Iterator[Row]:
    fits = _filters.aged(context.options, _updated, context.clients.now)
    begun = False
    for name in names:
        try:
            found = registry.repository(name).properties()
        except acr.AcrError as error:
            if isinstance(error, acr.NotFound) and not isinstance(error, acr.NoMetadataApi):
                continue  # deleted since it was listed
            if begun:
                raise Incomplete(f"the repository {name} cannot be looked at, so the list is not whole") from error
            raise
        begun = True
        if fits(found):
            keys = ("tag_count", "manifest_count", "updated", "created", "locked")
            yield {"name": name, **{key: getattr(found, key) for key in keys}, "locks": locks_of(found)}


def _updated(properties: acr.RepositoryProperties) -> datetime:
    return properties.updated


def _ordered(rows: Iterator[Row], sort: str) -> list[Row]:
    key = {"tags": "tag_count", "manifests": "manifest_count"}.get(sort, sort)

    def value(row: Row) -> Any:
        return row[key]

    return sorted(rows, key=value, reverse=key != "name")


def _tags(context: Context, what: str) -> None:
    options = context.options
    if options.long or options.sort in _LONG or options.older_than or options.newer_than:
        raise Usage("the names of tags have no properties", hint=f"use `acr tags {what}`")
    place = context.names.repository(what)
    fits = _filters.matcher(options.match)
    names = walk(context.clients.repository(place).tag_names(), f"the list of tags of {place}")
    found: Iterator[str] = (name for name in names if fits(name))
    if options.sort is not None:
        found = iter(sorted(found))
    shown = (place.named(name) if options.full_ref else name for name in _filters.limited(found, options.limit))
    rows = ({"name": name} for name in shown)
    context.print_rows(TAG_COLUMNS, rows, lambda row: str(row["name"]), what="tags")

"""Say what uses the storage, by repository, by tag or otherwise.

A registry stores a content once, however many images share it. `total` is all that a repository or tag leads to,
also what is attached to it; `exclusive` is what nothing else leads to, which is freed if it is deleted, and `shared`
the difference. It reads each manifest once and keeps it in a cache, so the next time is quick. Name repositories, and
it reads them alone; with --match it reads all, and shows some, so `exclusive` is exact. --html writes a page with a
treemap and tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import acr
from acr.cli import _filters
from acr.cli._context import Context
from acr.cli._errors import as_command
from acr.cli._exits import Usage
from acr.cli._inventories import add_reading, picture, write_page
from acr.cli._output.rows import Column, Row
from acr.cli._parsing import add_common, add_filters, add_output

EXAMPLES = (
    "acr du",
    "acr du my.azurecr.io --html usage.html --by registry",
    "acr du team/app --by tag --sort total --limit 10 -o json",
)

COLUMNS: Final = (
    Column("name", "text", "the repository or tag; or the registry, media type, month or age, as --by says", 0),
    Column("exclusive", "size", "bytes that nothing else leads to; of repositories and tags", 1, optional=True),
    Column("shared", "size", "bytes that something else leads to, too; of repositories and tags", 3, optional=True),
    Column("total", "size", "bytes of all that it leads to, each content counted once", 1),
    Column("untagged", "size", "bytes that no tag leads to; of the registry and repositories", 2, optional=True),
    Column("orphaned", "size", "bytes that only orphans lead to; of the registry", 3, optional=True),
    Column("streaming", "size", "bytes that only artifact streaming uses; of the registry", 3, optional=True),
    Column("tags", "integer", "number of tags; of the registry and repositories", 4, optional=True),
    Column("manifests", "integer", "number of manifests; of the registry and repositories", 4, optional=True),
    Column("repository", "text", "name of the repository; of repositories and tags", optional=True),
    Column("tag", "text", "name of the tag; of tags", optional=True),
)

KEYS: Final[Mapping[str, Sequence[str]]] = {
    "repository": ("name", "exclusive", "shared", "total", "untagged", "tags", "manifests", "repository"),
    "tag": ("name", "exclusive", "shared", "total", "repository", "tag"),
    "registry": ("name", "total", "untagged", "orphaned", "streaming", "tags", "manifests"),
    "type": ("name", "total"),
    "month": ("name", "total"),
    "age": ("name", "total"),
}
"""The fields of each kind of row."""

_SORTS: Final = ("exclusive", "total", "untagged", "name")


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    add_reading(parser)
    parser.add_argument("--by", choices=tuple(KEYS), default="repository", help="a row for each (%(default)s)")
    parser.add_argument("--html", metavar="FILE", help="also write a page, which needs no network")
    add_filters(parser, sorts=_SORTS, default="the largest first: by `exclusive`, or by `total` if there is none")
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Say it."""
    by: str = context.options.by
    _see(context, by)
    found = picture(context)
    usage = found.inventory.usage()
    write_page(context, found.inventory)
    context.terminal.note(str(usage).partition("\n")[0], wraps=True)
    for caveat in usage.caveats:
        context.terminal.note(as_command(caveat), wraps=True)
    fits = _filters.matcher(context.options.match)
    rows = [row for row in _rows(usage, by, found.prefix) if fits(row.get("repository", ""))]
    order = _order(context.options.sort, by)
    rows = rows if order is None else sorted(rows, key=order)
    shown = _filters.limited(rows, context.options.limit)
    columns = [column for column in COLUMNS if column.key in KEYS[by]]
    context.print_rows(columns, shown, lambda row: str(row["name"]), what="tags" if by == "tag" else "repositories")
    return 0


def _see(context: Context, by: str) -> None:
    """See that the options go together, before anything is read."""
    if context.options.match and "repository" not in KEYS[by]:
        raise Usage(f"--match is for repositories and tags, and not for --by {by}")
    if context.options.sort not in (None, *KEYS[by]):
        there = ", ".join(key for key in _SORTS if key in KEYS[by])
        raise Usage(f"--by {by} has no {context.options.sort} to sort by", hint=f"there are {there}")


def _rows(usage: acr.Usage, by: str, prefix: str) -> list[Row]:
    if by == "repository":
        return [{**row, "name": f"{prefix}{row['repository']}"} for row in usage.rows()]
    if by == "tag":
        return [{**row, "name": f"{prefix}{row['repository']}:{row['tag']}"} for row in usage.rows("tag")]
    if by == "registry":
        row = {
            "name": usage.registry, "total": usage.unique, "untagged": usage.untagged, "orphaned": usage.orphaned,
            "streaming": usage.streaming, "tags": sum(len(one.tags) for one in usage.repositories),
            "manifests": sum(one.manifests for one in usage.repositories),
        }  # fmt: skip
        return [row]
    parts = {"type": usage.by_media_type, "month": usage.by_month, "age": usage.by_age}[by]
    return [{"name": name, "total": size} for name, size in parts.items()]


def _order(sort: str | None, by: str) -> Callable[[Row], Any] | None:
    """What to sort by; None for the order of the library, of months and ages."""
    if sort is None and by in ("month", "age"):
        return None
    key = sort or ("exclusive" if "exclusive" in KEYS[by] else "total")
    if key == "name":
        return lambda row: row["name"]
    return lambda row: (-row[key], -row["total"], row["name"])

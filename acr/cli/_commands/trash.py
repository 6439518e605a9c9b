"""List what was deleted and can be had again, if soft delete is on: repositories, or the tags and manifests of one.

`acr restore` brings it back. A tag may be there several times, if it was deleted several times. The tags that a restore
makes for a moment, `restoring-…`, are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from acr.cli import _filters
from acr.cli._commands.ls import start_of
from acr.cli._context import Context
from acr.cli._exits import DONE, Usage
from acr.cli._output.rows import Column, Row, walk
from acr.cli._output.words import counted
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr trash",
    "acr trash my.azurecr.io/team/app",
    "acr trash team/app --kind tag --fields reference,deleted -o csv",
)

KINDS: Final = ("tag", "manifest")

COLUMNS: Final = (
    Column("reference", "text", "the repository, tag or manifest, as `acr restore` takes it", 0),
    Column("kind", "text", "repository, tag or manifest", 1),
    Column("deleted", "time", "when it was deleted", 1, title="deleted (UTC)"),
    Column("created", "time", "when it was created; null if the registry does not say", 2, title="created (UTC)",
           null=True),
    Column("digest", "text", "digest of the manifest; null for a repository", 3,
           lambda row: str(row["digest"] or "-")[:19], null=True),
    Column("repository", "text", "name of the repository"),
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("what", nargs="?", metavar="[HOST/][REPO]", help="the default is the deleted repositories")
    group = parser.add_argument_group("filters")
    group.add_argument("--kind", choices=KINDS, action="append", help="only these of a repository; may be repeated")
    group.add_argument("--limit", type=_filters.count, metavar="N", help="the first N of them")
    add_output(parser, lists=True)
    add_common(parser)


def run(context: Context) -> int:
    """List."""
    what: str = context.options.what or ""
    is_all = not what or context.names.is_host(what)
    if is_all and context.options.kind:
        raise Usage(
            "--kind is for the trash of one repository", hint="`acr trash` lists repositories; name one of them"
        )
    passing: list[str] = []
    rows = _repositories(context, what) if is_all else _of_one(context, what, passing)
    limited = _filters.limited(rows, context.options.limit)
    found = context.print_rows(
        COLUMNS, limited, lambda row: str(row["reference"]), what="deleted repositories" if is_all else None
    )
    if not found and not is_all:
        # Also in a pipe: the registry answers alike for a name with a typing error.
        kinds = " and ".join(f"{one}s" for one in context.options.kind or KINDS)
        context.terminal.note(f"the trash has no {kinds} of {what}", dim=False)
    if passing:
        context.terminal.note(
            f"left out: {counted(len(passing), 'tag')} that a restore had made for a moment, restoring-…"
        )
    return DONE


def _repositories(context: Context, what: str) -> Iterator[Row]:
    host, shown, _ = start_of(context, what)
    registry = context.clients.registry(host)
    prefix = shown if what else ""
    for one in walk(registry.trashed_repositories(), f"the trash of {registry.login_server}"):
        yield {
            "reference": f"{prefix}{one.name}", "kind": "repository", "deleted": one.deleted, "created": one.created,
            "digest": None, "repository": one.name,
        }  # fmt: skip


def _of_one(context: Context, what: str, passing: list[str]) -> Iterator[Row]:
    place = context.names.repository(what)
    repository = context.clients.repository(place)
    kinds = context.options.kind or KINDS
    if "tag" in kinds:
        for tag in walk(repository.trashed_tags(), f"the deleted tags of {place}"):
            if tag.name == f"restoring-{tag.digest.hex[:24]}":
                passing.append(tag.name)
                continue
            common = {"deleted": tag.deleted, "created": tag.created, "digest": tag.digest}
            yield {"reference": place.named(tag.name), "kind": "tag", "repository": place.repository, **common}
    if "manifest" in kinds:
        for one in walk(repository.trashed_manifests(), f"the deleted manifests of {place}"):
            common = {"deleted": one.deleted, "created": one.created, "digest": one.digest}
            yield {"reference": place.named(one.digest), "kind": "manifest", "repository": place.repository, **common}

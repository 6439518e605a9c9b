"""List what is locked: repositories, tags and manifests, each with what is forbidden.

A tag, its manifest and the repository have separate locks, so each has a row of its own. Without an argument it looks
at all repositories of the registry; with `PREFIX/`, at those whose names begin so. Items that are hidden from listings
cannot be found; it warns if there are any. With --exit-code it exits with 4 if something is locked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

import acr
from acr.cli import _filters
from acr.cli._commands.ls import start_of
from acr.cli._context import Context
from acr.cli._exits import DONE, FINDINGS, Incomplete
from acr.cli._locks import LOCKS, locks_of
from acr.cli._output.rows import Column, Row, walk
from acr.cli._output.words import counted
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr locks team/app",
    "acr locks my.azurecr.io/team/",
    "acr locks --kind tag --fields reference,locks -o csv",
)

KINDS: Final = ("repository", "tag", "manifest")

COLUMNS: Final = (
    Column("reference", "text", "the repository, tag or manifest, as a command takes it", 0),
    Column("kind", "text", "repository, tag or manifest", 1),
    LOCKS._replace(rank=1),
    Column("updated", "time", "when it was last updated", 2, title="updated (UTC)"),
    Column("digest", "text", "digest of the manifest; null for a repository", null=True),
    Column("repository", "text", "name of the repository"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("what", nargs="?", metavar="[HOST/][REPO | PREFIX/]", help="the default is all repositories")
    group = parser.add_argument_group("filters")
    group.add_argument("--kind", choices=KINDS, action="append", help="only locks of these; may be repeated")
    group.add_argument("--limit", type=_filters.count, metavar="N", help="the first N of them")
    parser.add_argument("--exit-code", action="store_true", help="exit with 4 if something is locked")
    add_output(parser, lists=True)
    add_common(parser)


def run(context: Context) -> int:
    """List."""
    options = context.options
    found = 0

    def rows() -> Iterator[Row]:
        nonlocal found
        for row in _filters.limited(_locked(context), options.limit):
            found += 1
            yield row

    context.print_rows(COLUMNS, rows(), lambda row: str(row["reference"]), what="locks")
    return FINDINGS if found and options.exit_code else DONE


def _locked(context: Context) -> Iterator[Row]:
    what: str = context.options.what or ""
    if what and not what.endswith("/") and not context.names.is_host(what):
        place = context.names.repository(what)
        yield from _of(context, context.clients.repository(place), str(place))
        return
    host, _, prefix = start_of(context, what)
    before = what.removesuffix("/").removesuffix(prefix.removesuffix("/")).rstrip("/")
    registry = context.clients.registry(host)
    begun = False
    for name in walk(registry.repositories(), f"the list of repositories of {registry.login_server}"):
        if not name.startswith(prefix):
            continue
        try:
            yield from _of(context, registry.repository(name), f"{before}/{name}" if before else name)
        except acr.AcrError as error:
            if isinstance(error, acr.NotFound) and not isinstance(error, acr.NoMetadataApi):
                continue  # deleted since it was listed
            if begun:
                raise Incomplete(f"the repository {name} cannot be looked at, so the list is not whole") from error
            raise
        begun = True


def _of(context: Context, repository: acr.Repository, shown: str) -> Iterator[Row]:
    """The locks of a repository, and of what is in it."""
    kinds = context.options.kind or KINDS
    properties = repository.properties()
    if "repository" in kinds and locks_of(properties):
        yield _row("repository", shown, repository, properties, None)
    if "tag" in kinds:
        count = 0
        for tag in walk(repository.tags(), f"the list of tags of {shown}"):
            count += 1
            if locks_of(tag):
                yield _row("tag", f"{shown}:{tag.name}", repository, tag, tag.digest)
        _warn(context, shown, "tag", properties.tag_count, count)
    if "manifest" in kinds:
        count = 0
        for one in walk(repository.manifests(), f"the list of manifests of {shown}"):
            count += 1
            if locks_of(one):
                yield _row("manifest", f"{shown}@{one.digest}", repository, one, one.digest)
        _warn(context, shown, "manifest", properties.manifest_count, count)


def _warn(context: Context, shown: str, what: str, there: int, listed: int) -> None:
    if listed < there:
        context.terminal.warn(
            f"{shown} has {counted(there, what)} and lists {listed}: the locks of the others do not show"
        )


def _row(
    kind: str,
    shown: str,
    repository: acr.Repository,
    item: acr.RepositoryProperties | acr.TagProperties | acr.ManifestProperties,
    digest: acr.Digest | None,
) -> Row:
    return {
        "reference": shown, "kind": kind, "locks": locks_of(item), "updated": item.updated, "digest": digest,
        "repository": repository.name,
    }  # fmt: skip

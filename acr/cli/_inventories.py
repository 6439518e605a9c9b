"""Inventories: the picture of a registry that `du` and `fsck` compute from, read from the registry or from files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import acr
from acr.cli import _filters
from acr.cli._context import Context, files_there, path_arguments
from acr.cli._exits import Usage
from acr.cli._filters import is_pattern


class Picture(NamedTuple):
    """An inventory, and how to speak of what it has.

    Args:
        inventory: the inventory.
        host: the registry it was read from; None if it comes from a file.
        prefix: what stands before the names of repositories, as the user typed it.
    """

    inventory: acr.Inventory
    host: str | None
    prefix: str


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is read, and how."""
    parser.add_argument(
        "what",
        nargs="*",
        default=[],
        metavar="[HOST/][REPO | PATTERN | PREFIX/]",
        help="the default is all repositories",
    )
    group = parser.add_argument_group("what is read")
    group.add_argument(
        "--exclude", type=_filters.glob, action="append", default=[], metavar="GLOB",
        help="repositories to leave out; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--rate", type=_filters.number, default=2500, metavar="N",
        help="requests a minute, so that production is not throttled; 0 sets no limit (%(default)s)",
    )  # fmt: skip
    group.add_argument("--no-cache", action="store_true", help="keep no manifests for the next time, and use none")
    group.add_argument("--save", metavar="FILE", help="keep the inventory in a file, which is replaced")
    group.add_argument(
        "--load", action="append", default=[], metavar="FILE",
        help="take the inventory from a file, and ask no registry; several files of parts are joined",
    )  # fmt: skip


def picture(context: Context) -> Picture:
    """Read an inventory, or load it, as the options say. With `--save` it is in its file then.

    Raises:
        Usage: the options do not go together, or a file is not there.
        IncompleteInventory: a part could not be read.
        AcrError: nothing could be read, or a file is none.
    """
    options = context.options
    paths = path_arguments([] if options.save is None else [options.save])
    if options.load:
        if options.what or options.exclude:
            raise Usage("--load takes all that the file has", hint="--match chooses what is shown")
        found = Picture(acr.Inventory.join(*map(acr.load_inventory, files_there(options.load))), None, "")
    else:
        found = _read(context)
    if options.save is not None:
        acr.save_inventory(found.inventory, paths[0])
    return found


def write_page(context: Context, inventory: acr.Inventory, check: acr.Check | None = None) -> None:
    """Write the page that `--html` asks for.

    Raises:
        OSError: the file cannot be written.
    """
    path = context.options.html
    if path is not None:
        Path(path_arguments([path])[0]).write_text(inventory.to_html(check=check), encoding="utf-8")
        context.terminal.note(f"{path} has the page")


def _read(context: Context) -> Picture:
    host, patterns, prefix = _chosen(context, context.options.what)
    patterns += [f"!{one}" for one in context.options.exclude]
    context.clients.expect(host)
    with context.reading() as progress:
        try:
            inventory = context.clients.registry(host).inventory(
                repositories=patterns or None,
                rate=context.options.rate or None,
                cache=not context.options.no_cache,
                progress=progress,
            )
        except acr.IncompleteInventory as error:
            causes = list(error.unread.values())
            if len(patterns) == 1 and len(causes) == 1 and not is_pattern(patterns[0]):
                raise causes[0] from None  # all that was asked for: nothing is left that could be called a part
            raise
    return Picture(inventory, host, prefix)


def _chosen(context: Context, texts: Sequence[str]) -> tuple[str, list[str], str]:
    """The registry, the patterns of its repositories, and what stands before names.

    Raises:
        Usage: there are several registries.
    """
    if not texts:
        return context.names.default_host(), [], ""
    found = [context.names.pattern(text) for text in dict.fromkeys(texts)]
    if len({host for host, _, _ in found}) > 1:
        raise Usage("an inventory is of one registry: name repositories of one")
    return found[0][0], [pattern for _, pattern, _ in found], found[0][2]

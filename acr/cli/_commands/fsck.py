"""Find what is broken in a registry, which tags that breaks, and what to do about it. It changes nothing.

It looks for manifests that tags and indexes lead to and that are missing, for what is attached to nothing, and for what
cannot be read. It reads each manifest once and keeps it in a cache, so the next time is quick. --blobs also asks for
each blob, without a download: it says first how many they are, and --checkpoint lets it go on after an interruption.
With --exit-code it exits with 4 if it finds something.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Final

import acr
from acr.cli import _filters
from acr.cli._context import Context, path_arguments
from acr.cli._errors import as_command
from acr.cli._exits import DONE, FINDINGS, Incomplete, Usage
from acr.cli._inventories import Picture, add_reading, picture, write_page
from acr.cli._output.rows import Column, Row, summed
from acr.cli._output.terminal import RED, YELLOW, Terminal
from acr.cli._output.words import counted
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr fsck",
    "acr fsck my.azurecr.io/team/ --blobs --exit-code",
    "acr fsck --kind missing-child --kind missing-manifest -o json",
)

KINDS: Final = (
    "missing-manifest", "missing-child", "missing-blob", "wrong-size", "unreadable", "hidden", "moving", "miscounted",
    "dangling-subject", "orphan", "no-platform", "odd-size",
)  # fmt: skip

COLUMNS: Final = (
    Column("name", "text", "the manifest, blob or repository that it is about, as a command takes it", 0),
    Column("kind", "text", "what it is: one of those of --kind", 1),
    Column("tags", "texts", "names of the tags that it breaks", 1),
    Column("text", "text", "what was found", 2),
    Column("advice", "text", "what to do about it", 3),
    Column("repository", "text", "name of the repository"),
    Column("digest", "text", "digest of the manifest or blob; null if it is about the repository", null=True),
)

_MOST_TAGS: Final = 20
"""Tags that one finding names as text."""


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    add_reading(parser)
    parser.add_argument("--blobs", action="store_true", help="also ask for each blob, once for each repository")
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="with --blobs: a small file by which a later run goes on where this ended"
    )
    parser.add_argument("--html", metavar="FILE", help="also write a page with usage and findings")
    parser.add_argument("--exit-code", action="store_true", help="exit with 4 if something is found")
    group = parser.add_argument_group("filters")
    group.add_argument("--kind", choices=KINDS, action="append", metavar="KIND", help="only these; may be repeated")
    group.add_argument(
        "--match", type=_filters.glob, action="append", default=[], metavar="GLOB",
        help="only what is about repositories of these names; may be repeated",
    )  # fmt: skip
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Look."""
    options = context.options
    if options.checkpoint is not None and not options.blobs:
        raise Usage("--checkpoint is for --blobs")
    found = picture(context)
    check = found.inventory.check()
    if options.blobs:
        blobs = _of_blobs(context, found)
        check = acr.Check(
            findings=(*check.findings, *blobs.findings), manifests=check.manifests, blobs=blobs.blobs,
            is_whole=check.is_whole,
        )  # fmt: skip
    write_page(context, found.inventory, check)
    fits = _filters.matcher(options.match)
    kinds = options.kind or KINDS
    rows = [_row(one, found.prefix) for one in check.findings if one.kind in kinds and fits(one.repository)]
    _say(context, check, len(rows))
    if context.format == "table" and not options.fields:
        for row in summed(context.printing(stream=False), COLUMNS, rows):
            for line in _lines(row, context.terminal):
                context.terminal.write(line)
    else:
        context.print_rows(COLUMNS, rows, lambda row: str(row["name"]))
    return FINDINGS if rows and options.exit_code else DONE


def _of_blobs(context: Context, found: Picture) -> acr.Check:
    """Ask for the blobs.

    Raises:
        Usage: the inventory is of another registry than the one that is named.
        Incomplete: the registry did not answer for all of them.
    """
    options, inventory = context.options, found.inventory
    host = found.host or context.names.default_host()  # that of a file may be anybody's
    count, rate = inventory.blob_requests, options.rate or None
    pace = f": about {_time(count, rate)} at {counted(rate, 'request')} a minute" if rate else ""
    context.terminal.note(f"asking for {counted(count, 'blob')}{pace}")
    checkpoint = None if options.checkpoint is None else path_arguments([options.checkpoint])[0]
    registry = context.clients.registry(host)
    with context.reading() as progress:
        try:
            return registry.verify_blobs(
                inventory, rate=rate, checkpoint=checkpoint, progress=progress.counted("blobs")
            )
        except (acr.InvalidInput, acr.TransferError):
            raise  # nothing was asked for
        except acr.AcrError as error:
            hint = None if checkpoint is None else "the same command goes on where it ended"
            raise Incomplete("the registry did not answer for all blobs", hint=hint) from error


def _time(count: int, rate: int) -> str:
    """How long some requests take, at so many a minute."""
    seconds = ceil(count * 60 / rate)
    return counted(seconds, "second") if seconds < 60 else counted(ceil(count / rate), "minute")


def _row(finding: acr.Finding, prefix: str) -> Row:
    end = "" if finding.digest is None else f"@{finding.digest}"
    return {
        "name": f"{prefix}{finding.repository}{end}", "kind": finding.kind, "tags": list(finding.tags),
        "text": finding.text, "advice": as_command(finding.advice), "repository": finding.repository,
        "digest": finding.digest,
    }  # fmt: skip


def _say(context: Context, check: acr.Check, count: int) -> None:
    blobs = f" and {counted(check.blobs, 'blob')}" if context.options.blobs else ""
    things = counted(count, "finding") if count else "nothing found"
    context.terminal.note(f"{things} in {counted(check.manifests, 'manifest')}{blobs}")
    if not check.is_whole:
        context.terminal.note("orphans were not looked for: only a part of the registry was read")


def _lines(row: Row, terminal: Terminal) -> Iterator[str]:
    """A finding as text, which fits the terminal but for digests: people copy them."""
    kind = terminal.style(row["kind"], RED if row["tags"] else YELLOW)
    yield f"{kind} {acr.printable(row['name'])}\n"
    tags = row["tags"][:_MOST_TAGS]
    left = len(row["tags"]) - len(tags)
    broken = ", ".join(tags) + (f" and {counted(left, 'more tag')}" if left else "")
    for text in (row["text"], f"breaks: {broken}" if tags else "", row["advice"]):
        yield from _wrapped(acr.printable(text), terminal)


def _wrapped(text: str, terminal: Terminal) -> Iterable[str]:
    width = terminal.width if terminal.shows_rows else 10**6
    lines = textwrap.wrap(
        text, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return (f"{line}\n" for line in lines)

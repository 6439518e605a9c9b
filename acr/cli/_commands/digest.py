"""Print the digest of an image.

It prints one digest a line, in the order of the references. `--platform` prints that of one image of an index.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from acr.cli._context import Context
from acr.cli._images import chosen
from acr.cli._output.rows import Column, Row
from acr.cli._parsing import add_common, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr digest team/app:v1.0",
    "acr digest team/app:v1.0 --platform linux/arm64",
    "acr digest my.azurecr.io/team/app:v1.0 my.azurecr.io/team/app:v1.1 -o json",
)

COLUMNS: Final = (
    Column("digest", "text", "digest of the manifest", 0),
    Column("reference", "text", "the reference that was asked for", 1),
    Column("media_type", "text", "type of the manifest"),
    Column("size", "size", "size of the manifest itself in bytes"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("references", nargs="+", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the image of an index for this platform")
    parser.add_argument("--full-ref", action="store_true", help="print REPO@DIGEST in the format `name`")
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Print digests."""
    places = [context.names.place(text) for text in context.options.references]
    context.clients.expect(*(place.host for place in places))
    full = {str(place): place for place in places}

    def name(row: Row) -> str:
        place = full[row["reference"]]
        return place.named(row["digest"]) if context.options.full_ref else str(row["digest"])

    for place in places:
        context.or_latest(place)
    full.update({str(place): place for place in places})
    context.print_rows(COLUMNS, _rows(context, places), name)
    return 0


def _rows(context: Context, places: list[Place]) -> Iterator[Row]:
    platform: str | None = context.options.platform
    for place in places:
        manifest = context.clients.repository(place).manifest(context.or_latest(place))
        found = manifest.head() if platform is None else chosen(manifest.get(), platform, str(place))
        yield {"digest": found.digest, "reference": str(place), "media_type": found.media_type, "size": found.size}

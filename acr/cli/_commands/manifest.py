"""Print a manifest.

In a pipe and with `--raw` it prints the exact bytes, which the digest identifies. On a terminal it prints them with
indents, and escapes what a terminal would act upon.
"""

from __future__ import annotations

import argparse
import json

import acr
from acr.cli._context import Context
from acr.cli._images import chosen
from acr.cli._parsing import add_common

EXAMPLES = (
    "acr manifest team/app:v1.0",
    "acr manifest team/app:v1.0 --platform linux/arm64",
    "acr manifest my.azurecr.io/team/app:v1.0 --raw",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("--raw", action="store_true", help="print the exact bytes, also on a terminal if they are text")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the image of an index for this platform")
    add_common(parser)


def run(context: Context) -> int:
    """Print a manifest."""
    options = context.options
    place = context.names.place(options.reference)
    repository = context.clients.repository(place)
    manifest = repository.manifest(context.or_latest(place)).get()
    if options.platform is not None:
        manifest = repository.manifest(chosen(manifest, options.platform, str(place)).digest).get()
    if not context.terminal.shows_rows:
        context.terminal.write_bytes(manifest.content)
    elif options.raw:
        context.terminal.write(acr.printable(manifest.content.decode("utf-8", "backslashreplace")) + "\n")
    else:
        context.terminal.write(json.dumps(manifest.json, indent=2) + "\n")
    return 0

"""Print a manifest.

In a pipe and with `--raw` it prints the exact bytes, which the digest identifies. On a terminal it prints them with
indents, and escapes what a terminal would act upon.
"""

from __future__ import annotations

import argparse
import json
from typing import Final

import acr
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._images import chosen
from acr.cli._parsing import add_common

EXAMPLES = (
    "acr manifest team/app:v1.0",
    "acr manifest team/app:v1.0 --platform linux/arm64",
    "acr manifest my.azurecr.io/team/app:v1.0 --raw",
)

OF_ACR_CLI: Final = {
    "list": "use `acr tags REPO`, or `acr tags REPO --untagged`",
    "delete": "use `acr rm REPO@sha256:…`",
    "show": "use `acr manifest REF` or `acr show REF`",
    "list-metadata": "use `acr tags REPO -o json`",
    "list-referrers": "use `acr tree REF`",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("more", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--repository", help=argparse.SUPPRESS)  # of acr-cli, to say what to use in its place
    parser.add_argument("--raw", action="store_true", help="print the exact bytes, also on a terminal if they are text")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the image of an index for this platform")
    add_common(parser)


def run(context: Context) -> int:
    """Print a manifest."""
    options = context.options
    if options.reference in OF_ACR_CLI and (options.more or options.repository or options.reference != "show"):
        raise Usage(f"there is no `acr manifest {options.reference}`", hint=OF_ACR_CLI[options.reference])
    if options.more or options.repository:
        raise Usage("acr manifest takes one reference", hint="see `acr manifest --help`")
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

"""Pull the files of an artifact into a folder, or an image into a layout.

A file gets its name only after its digest was verified, and a file with the right content is not pulled again. A
folder is. With `oci:FOLDER` or `oci:FILE.tar` as the target, the whole image goes there, byte for byte.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import acr
from acr.cli._commands.cp import add_moving, pull_layout
from acr.cli._context import Context
from acr.cli._errors import reason
from acr.cli._exits import CommandError, Usage
from acr.cli._local import LocalPlace, local_place, nothing_left
from acr.cli._output.rows import Column, Row
from acr.cli._parsing import add_common, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr pull team/model:v1 downloads",
    "acr pull team/model:v1 downloads --include '*.onnx' -o json",
    "acr pull my.azurecr.io/team/app:v1.0 oci:images --referrers",
)

COLUMNS = (
    Column("path", "text", "path of the file or folder; of a layout, its name", 0),
    Column("size", "size", "bytes of its layer", 1, null=True),
    Column(
        "digest",
        "text",
        "digest of its layer; of a layout, that of the manifest",
        3,
        lambda row: str(row["digest"])[:19],
    ),
    Column("media_type", "text", "type of its layer", 2, null=True),
)

_WHOLE: Final = "`acr pull {} oci:FOLDER` takes the whole image"


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument(
        "target", nargs="?", default=".", metavar="FOLDER | oci:PATH", help="the default is the working folder"
    )
    parser.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help="only files with such names; may be repeated"
    )
    parser.add_argument("--no-unpack", action="store_true", help="leave folders as the archives that they are")
    add_moving(parser)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Pull."""
    options = context.options
    place = context.names.place(options.reference)
    layout = local_place(options.target)
    context.or_latest(place)
    if layout is None:
        if options.referrers:
            raise Usage(
                "what is attached can be pulled into a layout", hint=f"write oci:{options.target} as the target"
            )
        rows = _files(context, place)
    else:
        if options.include or options.no_unpack:
            raise Usage("--include and --no-unpack are for a folder; a layout takes the whole image")
        rows = _image(context, place, layout)
    context.print_rows(COLUMNS, rows, lambda row: str(row["path"]))
    return 0


def _image(context: Context, place: Place, layout: LocalPlace) -> Iterator[Row]:
    layout.check_target()
    if layout.reference is not None:
        raise Usage("an image keeps its tag in a layout", hint=f"write oci:{layout.path}")
    outcome = pull_layout(context, place, layout)
    yield {"path": str(layout), "size": None, "digest": outcome.digest, "media_type": None}


def _files(context: Context, place: Place) -> Iterator[Row]:
    options = context.options
    target = _path(options.target)
    repository = context.clients.repository(place)
    with ExitStack() as stack:
        stack.enter_context(nothing_left(target))
        progress = stack.enter_context(context.progress())
        stack.enter_context(_layout_is_named(place))
        pulled = repository.pull(
            place.reference or "latest",
            target,
            platform=options.platform,
            include=options.include or None,
            unpack=not options.no_unpack,
            concurrency=options.concurrency,
            progress=progress,
        )
    if not pulled.files:
        raise CommandError(
            f"{place} has no files with names",
            hint=f"it is an image: pull it into a layout, `acr pull {place} oci:FOLDER`",
        )
    if not any(layer.title is not None for layer in pulled.layers):
        context.terminal.note(f"its layers have no names of files; {_WHOLE.format(place)}")
    for path, layer in zip(pulled.files, pulled.layers, strict=True):
        yield {"path": str(path), "size": layer.size, "digest": layer.digest, "media_type": layer.media_type}


@contextmanager
def _layout_is_named(place: Place) -> Iterator[None]:
    """Let the error about an index say what takes all of it, too."""
    try:
        yield
    except acr.InvalidInput as error:
        if " is an index of " not in str(error):
            raise
        raise Usage(reason(error), hint=_WHOLE.format(place)) from None


def _path(text: str) -> Path:
    if "\0" in text or not text:
        raise Usage(f"{text!r} is no path")
    return Path(text)

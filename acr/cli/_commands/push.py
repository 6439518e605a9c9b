"""Push files and folders as one artifact, or the image of a layout.

Each file becomes a layer with its name as the title. A folder becomes one layer, packed as oras does it. `FILE:TYPE`
sets the media type of a layer. A layout (`oci:FOLDER[:TAG]`, `oci:FILE.tar`, `docker-archive:FILE`) is pushed byte for
byte. A tag that exists moves to what is pushed, unless `--no-clobber` is given: then files are not pushed at all, and
a layout only if the tag names it already.
"""

from __future__ import annotations

import argparse

from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._commands.cp import add_moving, add_no_clobber, kept_tag, push_layout
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._local import annotations_of, files_of, layouts_of, local_place
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr push team/model:v1 model.onnx notes --artifact-type application/x-model",
    "acr push team/docs:v1 README.md:text/markdown --annotation org.opencontainers.image.version=1",
    "acr push my.azurecr.io/team/app:v2 oci:images:v1.0",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG]")
    parser.add_argument("files", nargs="+", metavar="FILE", help="files and folders, or one layout")
    parser.add_argument("--artifact-type", metavar="TYPE", help="media type of the artifact")
    parser.add_argument(
        "--annotation", action="append", default=[], metavar="KEY=VALUE", help="of the manifest; may be repeated"
    )
    add_moving(parser)
    add_no_clobber(parser)
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Push."""
    options = context.options
    place = context.names.target(options.reference)
    if place.digest is not None:
        raise Usage(f"{options.reference!r}: the digest is that of what is pushed: name a tag, or none")
    layout = local_place(options.files[0])
    if layout is None:
        action = _files(context, place)
    else:
        if len(options.files) > 1 or options.artifact_type or options.annotation:
            raise Usage("a layout is pushed byte for byte: name it alone, without type and annotations")
        action = push_layout(context, layout, place)._replace(name="push")
    return perform(
        context, [action], lambda row: place.named(row["digest"]) if row["digest"] else str(row["reference"])
    )


def _files(context: Context, place: Place) -> Action:
    options = context.options
    if options.platform or options.referrers:
        raise Usage("--platform and --referrers are for layouts")
    files, annotations = files_of(options.files), annotations_of(options.annotation)
    for path in layouts_of(files):
        context.terminal.warn(
            f"{path} is a layout, and goes as a folder of files; `acr push {place} oci:{path}` pushes the image in it"
        )

    def do() -> Outcome:
        if (kept := kept_tag(context, place, place.tag, None)) is not None:
            return kept
        repository = context.clients.repository(place)
        with context.progress() as progress:
            if options.artifact_type is None:
                pushed = repository.push_artifact(files, tag=place.tag, annotations=annotations, progress=progress)
            else:
                pushed = repository.push_artifact(
                    files,
                    tag=place.tag,
                    artifact_type=options.artifact_type,
                    annotations=annotations,
                    progress=progress,
                )
        return Outcome(digest=pushed.digest, reason=progress.nothing_moved)

    return Action("push", str(place), None, do)

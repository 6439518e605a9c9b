"""Attach files to an image, such as an SBOM, as one artifact whose subject is the image.

The image itself does not change. `acr tree` shows what is attached, and `acr cp --referrers` copies it along.
"""

from __future__ import annotations

import argparse

from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._context import Context
from acr.cli._images import chosen
from acr.cli._local import annotations_of, files_of
from acr.cli._parsing import add_common, add_danger, add_output

EXAMPLES = (
    "acr attach team/app:v1.0 sbom.json --artifact-type application/spdx+json",
    "acr attach team/app:v1.0 sbom.json --artifact-type application/spdx+json --platform linux/arm64",
    "acr attach my.azurecr.io/team/app:v1.0 sbom.json --artifact-type application/spdx+json --dry-run",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("files", nargs="+", metavar="FILE", help="files and folders; FILE:TYPE sets the media type")
    parser.add_argument("--artifact-type", required=True, metavar="TYPE", help="such as application/spdx+json")
    parser.add_argument(
        "--annotation", action="append", default=[], metavar="KEY=VALUE", help="of the manifest; may be repeated"
    )
    parser.add_argument("--platform", metavar="OS/ARCH", help="attach to this platform of an index")
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Attach."""
    options = context.options
    place = context.names.place(options.reference)
    files, annotations = files_of(options.files), annotations_of(options.annotation)
    repository = context.clients.repository(place)
    manifest = repository.manifest(context.or_latest(place))
    subject = manifest.head()
    if options.platform is not None:
        subject = chosen(manifest.get(), options.platform, str(place))

    def do() -> Outcome:
        with context.progress() as progress:
            attached = repository.manifest(subject.digest).attach(
                files, artifact_type=options.artifact_type, annotations=annotations, progress=progress
            )
        return Outcome(digest=attached.digest, reason=f"attached to {subject.digest}")

    action = Action("attach", str(place), None, do)
    return perform(
        context, [action], lambda row: place.named(row["digest"]) if row["digest"] else str(row["reference"])
    )

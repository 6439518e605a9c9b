"""Make an index, which is an image of several platforms, of images of one repository.

`acr index create REPO:TAG SOURCE…` lists each SOURCE: a tag or a digest of the same repository. The platform of an
image is that of its config. Of a SOURCE that is an index it takes what that lists. No bytes of images move. A tag that
exists moves to the index, unless `--no-clobber` is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import acr
from acr import media_types
from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._commands.cp import add_no_clobber, kept_tag
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._images import config_of, is_attestation, platform_of
from acr.cli._local import annotations_of
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr index create team/app:v2 v2-amd64 v2-arm64",
    "acr index create team/app:v2 v2-amd64 v2-arm64 --annotation org.opencontainers.image.version=2 --dry-run",
    "acr index create my.azurecr.io/team/app:v2 v2-amd64 my.azurecr.io/team/app:v2-arm64 --no-clobber -o json",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("verb", choices=("create",), metavar="create", help="make one")
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG]")
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="TAG, DIGEST, or a reference to the same repository"
    )
    parser.add_argument(
        "--annotation", action="append", default=[], metavar="KEY=VALUE", help="of the index; may be repeated"
    )
    add_no_clobber(parser)
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Make an index."""
    options = context.options
    place = context.names.target(options.reference)
    if place.digest is not None:
        raise Usage(f"{options.reference!r}: the digest is that of the index: name a tag, or none")
    annotations = annotations_of(options.annotation)
    sources = [_source(context, place, text) for text in dict.fromkeys(options.sources)]
    repository = context.clients.repository(place)
    entries: dict[acr.Digest, acr.Descriptor] = {}
    for source in sources:
        for entry in _entries(repository, source):
            entries.setdefault(entry.digest, entry)
    _refuse_twins(list(entries.values()))
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [entry.to_json() for entry in entries.values()],
    }
    if annotations:
        content["annotations"] = annotations
    index = acr.Manifest.of(content)
    action = Action("index", str(place), index.digest, partial(_put, context, place, index))
    return perform(context, [action], lambda row: place.named(row["digest"]))


def _source(context: Context, place: Place, text: str) -> str:
    """A tag or a digest of the repository."""
    name = text.removeprefix("@")
    if name.startswith(("sha256:", "sha512:")):
        return acr.Digest(name)
    if not any(one in name for one in ":/@"):
        return acr.Reference("any", name).tag or name
    found = context.names.place(text)
    if (found.host, found.repository) != (place.host, place.repository):
        raise Usage(
            f"{text!r} is not in {place.named(None)}, and an index lists what is beside it",
            hint=f"copy it first: `acr cp {found} {place.named(None)}`",
        )
    if found.reference is None:
        raise Usage(f"{text!r} has neither a tag nor a digest")
    return found.reference


def _entries(repository: acr.Repository, source: str) -> Iterator[acr.Descriptor]:
    manifest = repository.manifest(source).get()
    if manifest.is_index:
        yield from manifest.manifests
        return
    config = config_of(repository, manifest)
    platform = platform_of(config)
    found = manifest.descriptor
    yield acr.Descriptor(
        found.media_type, found.digest, found.size, platform=platform, artifact_type=manifest.artifact_type
    )


def _refuse_twins(entries: Sequence[acr.Descriptor]) -> None:
    """Refuse two images for one platform: who pulls it would get either of them."""
    known: dict[str, acr.Digest] = {}
    for entry in entries:
        if entry.platform is None or is_attestation(entry):
            continue
        platform = str(entry.platform)
        other = known.setdefault(platform, entry.digest)
        if other != entry.digest:
            raise Usage(f"there are two images for {platform}: {other} and {entry.digest}", hint="name one of them")


def _put(context: Context, place: Place, index: acr.Manifest) -> Outcome:
    if (kept := kept_tag(context, place, place.tag, index.digest)) is not None:
        return kept
    pushed = context.clients.repository(place).put_manifest(index, tag=place.tag)
    return Outcome(digest=pushed.digest)

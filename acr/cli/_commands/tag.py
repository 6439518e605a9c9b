"""Give an image more tags. No bytes move.

A tag that exists moves to the image, unless `--no-clobber` is given. A locked tag does not move.
"""

from __future__ import annotations

import argparse
from functools import partial

import acr
from acr.cli._actions import COLUMNS as ACTIONS, Action, Outcome, perform
from acr.cli._commands.cp import add_no_clobber
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._parsing import add_common, add_danger, add_output

EXAMPLES = (
    "acr tag team/app:v1.0 stable",
    "acr tag team/app:v1.0 v1 latest --dry-run",
    "acr tag my.azurecr.io/team/app:v1.0 tested --no-clobber",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO:TAG or [HOST/]REPO@DIGEST")
    parser.add_argument("tags", nargs="+", metavar="TAG", help="the new tags")
    add_no_clobber(parser)
    add_danger(parser, asks=False)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Tag."""
    options = context.options
    place = context.names.exactly(options.reference, "tag")
    names = [_tag(name, place.named(None)) for name in dict.fromkeys(options.tags)]
    repository = context.clients.repository(place)
    manifest = repository.manifest(place.reference or "").get()
    actions = [
        Action("tag", place.named(name), manifest.digest, partial(_put, context, repository, manifest, name))
        for name in names
    ]
    return perform(context, actions)


def _tag(name: str, repository: str) -> str:
    if ":" in name or "/" in name:
        raise Usage(f"{name!r} is no tag", hint=f"write a tag alone; `acr cp` copies from {repository} to elsewhere")
    return acr.Reference("any", name).tag or name


def _put(context: Context, repository: acr.Repository, manifest: acr.Manifest, name: str) -> Outcome:
    try:
        before = repository.manifest(name).head().digest
    except acr.NotFound:
        before = None
    if before == manifest.digest:
        return Outcome(skipped="it was so already")
    if before is not None and context.options.no_clobber:
        return Outcome(skipped=f"the tag exists, and names {before}", digest=before)
    repository.put_manifest(manifest, tag=name)
    return Outcome(reason=None if before is None else f"it pointed to {before} before")

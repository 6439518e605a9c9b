"""Show an image: config, labels, platforms, sizes, locks, referrers.

An index shows its platforms, each with its size; `--platform` shows the config and the labels of one of them. It
prints text on a terminal and in a pipe; `-o json` prints one object, and `-o name` the digest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import acr
from acr.cli._commands.locks import locks_of
from acr.cli._context import Context
from acr.cli._images import chosen, config_of, is_attestation, platform_of, size_of_image, text_of, texts_of
from acr.cli._output.rows import Column, Row, as_json, size_of, time_of
from acr.cli._output.terminal import BOLD, Terminal
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr show team/app:v1.0",
    "acr show team/app:v1.0 --platform linux/arm64",
    "acr inspect my.azurecr.io/team/app:v1.0 -o json",
)

COLUMNS: Final = (
    Column("reference", "text", "what was asked for"),
    Column("digest", "text", "digest of the manifest"),
    Column("media_type", "text", "type of the manifest"),
    Column("artifact_type", "text", "type of the artifact, if it is one", null=True),
    Column(
        "size", "size", "bytes of the image with all platforms, each blob counted once for each platform", null=True
    ),
    Column("platform", "text", "what it runs on; null on an index", null=True),
    Column("created", "text", "when its config says that it was built, in the words of the config", null=True),
    Column("updated", "time", "when the registry last updated it", null=True),
    Column("tags", "texts", "all tags of this manifest", null=True),
    Column("locks", "texts", "what is forbidden: write, delete, read, list; of the manifest", null=True),
    Column("tag_locks", "texts", "the same of the tag", null=True),
    Column("labels", "map", "labels of the config"),
    Column("annotations", "map", "annotations of the manifest"),
    Column("config", "object", "user, entrypoint, command, working folder, ports and variables of the config"),
    Column(
        "layers",
        "objects",
        "layers: digest, size, media_type",
        items=(Column("digest", "text", ""), Column("size", "size", ""), Column("media_type", "text", "")),
    ),
    Column(
        "platforms",
        "objects",
        "images of an index: digest, platform, size",
        items=(
            Column("digest", "text", ""),
            Column("platform", "text", "", null=True),
            Column("size", "size", "", null=True),
        ),
    ),
    Column(
        "referrers",
        "objects",
        "what is attached to it: digest, artifact_type, size",
        items=(
            Column("digest", "text", ""),
            Column("artifact_type", "text", "", null=True),
            Column("size", "size", ""),
        ),
    ),
)

_MOST_PLATFORMS: Final = 100
_MOST_REFERRERS: Final = 1000
_CONFIG: Final = {
    "User": "user", "Entrypoint": "entrypoint", "Cmd": "cmd", "WorkingDir": "working_dir", "ExposedPorts": "ports",
    "Env": "env",
}  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the image of an index for this platform")
    add_output(parser, summary=False)
    add_common(parser)


def run(context: Context) -> int:
    """Show."""
    place = context.names.place(context.options.reference)
    reference = context.or_latest(place)
    repository = context.clients.repository(place)
    manifest = repository.manifest(reference).get()
    if context.options.platform is not None:
        manifest = repository.manifest(chosen(manifest, context.options.platform, str(place)).digest).get()
    row = {"reference": str(place), **_image(repository, manifest), **_stored(repository, manifest, place.tag)}
    row["referrers"] = _referrers(repository, manifest.digest)
    if context.options.output in (None, "table") and not context.options.fields:
        _print(context.terminal, row)
    elif context.options.output == "json":
        keys = [column.key for column in COLUMNS]
        if context.options.fields:
            context.print_rows(COLUMNS, [row], lambda one: str(one["digest"]))
        else:
            context.terminal.write(json.dumps({key: as_json(row.get(key)) for key in keys}, indent=2) + "\n")
    else:
        context.print_rows(COLUMNS, [row], lambda one: str(one["digest"]))
    return 0


def _image(repository: acr.Repository, manifest: acr.Manifest) -> Row:
    """What manifest and config say."""
    row: dict[str, Any] = {
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type,
        "annotations": dict(manifest.annotations),
        "labels": {}, "config": {}, "layers": [], "platforms": [], "platform": None, "created": None,
    }  # fmt: skip
    if manifest.is_index:
        row["platforms"] = list(_platforms(repository, manifest))
        sizes = [one["size"] for one in row["platforms"]]
        row["size"] = None if None in sizes else manifest.size + sum(sizes)
        return row
    config = config_of(repository, manifest)
    platform = platform_of(config)
    row |= {"size": size_of_image(manifest), "created": text_of(config.get("created"))}
    row["platform"] = None if platform is None else str(platform)
    row["layers"] = [{"digest": one.digest, "size": one.size, "media_type": one.media_type} for one in manifest.layers]
    inner = config.get("config")
    if isinstance(inner, Mapping):
        row["labels"] = texts_of(inner.get("Labels"))
        row["config"] = {name: inner[key] for key, name in _CONFIG.items() if inner.get(key)}
    return row


def _platforms(repository: acr.Repository, manifest: acr.Manifest) -> Iterator[Row]:
    """The images of an index. Those that are many, or missing, have no size."""
    for number, entry in enumerate(manifest.manifests):
        size = None
        if number < _MOST_PLATFORMS:
            with suppress(acr.NotFound):
                size = size_of_image(repository.manifest(entry.digest).get())
        platform = "attestation" if is_attestation(entry) else str(entry.platform) if entry.platform else None
        yield {"digest": entry.digest, "platform": platform, "size": size}


def _stored(repository: acr.Repository, manifest: acr.Manifest, tag: str | None) -> Row:
    """What ACR's metadata says; nothing on other registries."""
    try:
        found = repository.manifest(manifest.digest).properties()
        locks = locks_of(repository.tag(tag).properties()) if tag is not None and tag in found.tags else []
    except acr.NoMetadataApi:
        return {"updated": None, "tags": None, "locks": None, "tag_locks": None}
    return {"updated": found.updated, "tags": found.tags, "locks": locks_of(found), "tag_locks": locks}


def _referrers(repository: acr.Repository, digest: acr.Digest) -> list[Row]:
    found: list[Row] = []
    for one in repository.manifest(digest).referrers():
        found.append({"digest": one.digest, "artifact_type": one.artifact_type, "size": one.size})
        if len(found) >= _MOST_REFERRERS:
            break
    return found


def _print(terminal: Terminal, row: Row) -> None:
    """Print it for people."""
    for title, value in _facts(row):
        if value:
            terminal.write(f"{terminal.style(f'{title}:', BOLD)} {acr.printable(value)}\n")
    for title in ("labels", "annotations", "config"):
        if row[title]:
            terminal.write(terminal.style(f"{title}:", BOLD) + "\n")
            for key, value in row[title].items():
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                terminal.write(f"  {acr.printable(str(key))}: {acr.printable(text)}\n")
    for title in ("platforms", "layers", "referrers"):
        if row[title]:
            terminal.write(terminal.style(f"{title}:", BOLD) + "\n")
            for one in row[title]:
                what = one.get("platform") or one.get("artifact_type") or one.get("media_type") or "unknown"
                size = "missing" if one["size"] is None else size_of(one["size"])
                terminal.write(f"  {acr.printable(what)}  {size}  {one['digest']}\n")


def _facts(row: Row) -> Iterator[tuple[str, str | None]]:
    yield "reference", row["reference"]
    yield "digest", row["digest"]
    yield "type", row["media_type"]
    yield "artifact type", row["artifact_type"]
    yield "size", None if row["size"] is None else f"{size_of(row['size'])} ({row['size']} bytes)"
    yield "platform", row["platform"]
    yield "created", row["created"]
    yield "updated", None if row["updated"] is None else time_of(row["updated"])
    yield "tags", ", ".join(row["tags"] or ())
    if row["locks"] is not None:
        yield "locks of the manifest", ", ".join(row["locks"]) or "none"
    if row["tag_locks"]:
        yield "locks of the tag", ", ".join(row["tag_locks"])

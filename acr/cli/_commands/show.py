"""Show an image: config, labels, platforms, sizes, locks, referrers.

The size of anything is that of its manifest, config and layers, as in `acr tree`. An index shows its platforms, each
with its size; `--platform` shows the config and the labels of one of them. What is attached has its own size. It prints
text on a terminal and in a pipe; `-o json` prints one object, and `-o name` the digest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import acr
from acr.cli._context import Context
from acr.cli._images import chosen, config_of, contents_of, is_attestation, platform_of, text_of, texts_of
from acr.cli._locks import locks_of
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
        "size",
        "size",
        "bytes of manifest, config and layers; of an index, with its platforms, each content counted once",
        null=True,
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
        "layers: digest, size, media_type, title: the name of the file that it is, if it is one",
        items=(
            Column("digest", "text", ""),
            Column("size", "size", ""),
            Column("media_type", "text", ""),
            Column("title", "text", "", null=True),
        ),
    ),
    Column(
        "platforms",
        "objects",
        "images of an index: digest, platform, size of manifest, config and layers; null if it is missing, or not read",
        items=(
            Column("digest", "text", ""),
            Column("platform", "text", "", null=True),
            Column("size", "size", "", null=True),
        ),
    ),
    Column(
        "referrers",
        "objects",
        "what is attached to it: digest, artifact_type, size of manifest, config and layers; null if it was not read",
        items=(
            Column("digest", "text", ""),
            Column("artifact_type", "text", "", null=True),
            Column("size", "size", "", null=True),
        ),
    ),
)

_MOST_READ: Final = 100
"""Platforms, and attachments, whose manifests are read for their sizes."""
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
        parts = _Contents(repository)
        row["platforms"] = list(_platforms(parts, manifest))
        row["size"] = parts.size(manifest)
        return row
    config = config_of(repository, manifest)
    platform = platform_of(config)
    row |= {"size": sum(contents_of(manifest).values()), "created": text_of(config.get("created"))}
    row["platform"] = None if platform is None else str(platform)
    row["layers"] = [
        {"digest": one.digest, "size": one.size, "media_type": one.media_type, "title": one.title}
        for one in manifest.layers
    ]
    inner = config.get("config")
    if isinstance(inner, Mapping):
        row["labels"] = texts_of(inner.get("Labels"))
        row["config"] = {name: inner[key] for key, name in _CONFIG.items() if inner.get(key)}
    return row


def _platforms(parts: _Contents, manifest: acr.Manifest) -> Iterator[Row]:
    """The images of an index. Those that are many, or missing, have no size."""
    for entry in manifest.manifests:
        size = parts.size(entry.digest)
        platform = "attestation" if is_attestation(entry) else str(entry.platform) if entry.platform else None
        yield {"digest": entry.digest, "platform": platform, "size": size}


class _Contents:
    """What manifests consist of, with what they list, at every depth. It reads `_MOST_READ` of them at the most."""

    def __init__(self, repository: acr.Repository) -> None:
        self._repository = repository
        self._found: dict[str, dict[str, int] | None] = {}
        self._is_cut = False

    def size(self, of: acr.Digest | acr.Manifest) -> int | None:
        """Bytes of a manifest, each content counted once; None if it was not read, or is missing.

        Args:
            of: its digest; or the manifest itself, which then has no size either if something is missing that it lists.
        """
        found = self._in(of, is_top=True) if isinstance(of, acr.Manifest) else self._at(of)
        return None if found is None else sum(found.values())

    def _at(self, digest: acr.Digest) -> dict[str, int] | None:
        if digest not in self._found:
            if len(self._found) >= _MOST_READ:
                self._is_cut = True
                return None
            self._found[digest] = None
            with suppress(acr.NotFound):
                self._found[digest] = self._in(self._repository.manifest(digest).get())
        return self._found[digest]

    def _in(self, manifest: acr.Manifest, *, is_top: bool = False) -> dict[str, int] | None:
        contents = contents_of(manifest)
        for entry in manifest.manifests:
            found = self._at(entry.digest)
            if found is None and (is_top or self._is_cut):
                return None
            contents |= found or {}
        return contents


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
    contents = _Contents(repository)
    for one in repository.manifest(digest).referrers():
        size = contents.size(one.digest)
        found.append({"digest": one.digest, "artifact_type": one.artifact_type, "size": size})
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
            for number, one in enumerate(row[title]):
                what = one.get("platform") or one.get("artifact_type") or one.get("media_type") or "unknown"
                unknown = "missing" if number < _MOST_READ else "-"
                size = unknown if one["size"] is None else size_of(one["size"])
                name = f"  {acr.printable(one['title'])}" if one.get("title") else ""
                terminal.write(f"  {acr.printable(what)}  {size}  {one['digest']}{name}\n")


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

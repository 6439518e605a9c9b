"""Show platforms, referrers and signatures of an image as a tree, with sizes.

It follows indexes, what is attached to each manifest, and the tags of cosign. The size of anything is that of its
manifest, config and layers, as in `acr show`; what is attached has a line of its own. `-o json` prints the same as
nested objects.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import acr
from acr.cli._context import Context
from acr.cli._exits import Incomplete
from acr.cli._images import contents_of, cosign_tags, is_attestation
from acr.cli._output.rows import Column, as_json, size_of
from acr.cli._output.terminal import BOLD, DIM, Terminal, shortened, width_of
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr tree team/app:v1.0",
    "acr tree team/app:v1.0 --no-referrers",
    "acr tree my.azurecr.io/team/app:v1.0 -o json",
)

COLUMNS: Final = (
    Column("digest", "text", "digest of the manifest"),
    Column(
        "kind", "text", "image, index, artifact, attestation, or signature, attestation, sbom of cosign; or missing"
    ),
    Column("name", "text", "its platform, artifact type or tag"),
    Column(
        "size",
        "size",
        "bytes of manifest, config and layers; of an index, with the parts that are there, each content counted once",
        null=True,
    ),
    Column("parts", "trees", "what an index lists, in the same form"),
    Column("referrers", "trees", "what is attached to it, in the same form"),
)

_MOST: Final = 1000
_DEEPEST: Final = 16
_SHORT: Final = 19
"""The characters of a digest that show if there is no room for all: `sha256:` and twelve of its own."""

_LEAST_NAME: Final = 12


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("reference", metavar="REF", help="[HOST/]REPO[:TAG|@DIGEST]")
    parser.add_argument("--no-referrers", action="store_true", help="only what the manifest leads to")
    parser.add_argument("--no-cosign", action="store_true", help="do not look for tags of cosign")
    add_output(parser, summary=False, formats=("table", "json", "name"), fields=False)
    add_common(parser)


def run(context: Context) -> int:
    """Show."""
    options = context.options
    place = context.names.place(options.reference)
    reference = context.or_latest(place)
    walk = _Walk(context.clients.repository(place), referrers=not options.no_referrers, cosign=not options.no_cosign)
    root = walk.node(reference, "image", str(place), 0)
    if options.output == "json":
        context.terminal.write(json.dumps(as_json(root), indent=2) + "\n")
    elif options.output == "name":
        for digest in _digests(root):
            context.terminal.write(f"{digest}\n")
    else:
        for line in _lines(root, context.terminal):
            context.terminal.write(line)
    if walk.is_cut:
        raise Incomplete(f"the tree has more than {_MOST} manifests or {_DEEPEST} levels, and is cut there")
    return 0


class _Walk:
    """Walks what a manifest leads to, and what is attached to it. A registry cannot lead it in a circle."""

    def __init__(self, repository: acr.Repository, *, referrers: bool, cosign: bool) -> None:
        self._repository = repository
        self._referrers = referrers
        self._cosign = cosign and referrers
        self._path: list[str] = []
        self._contents: dict[str, dict[str, int]] = {}
        self._count = 0
        self.is_cut = False

    def node(self, reference: str, kind: str, name: str, depth: int) -> dict[str, Any]:
        """A manifest, as data.

        Args:
            reference: its tag or digest.
            kind: what it is, if it is no index.
            name: what to call it.
            depth: levels above it.

        Raises:
            NotFound: it is the root, and is missing.
        """
        self._count += 1
        try:
            manifest = self._repository.manifest(reference).get()
        except acr.NotFound:
            if depth == 0:
                raise
            return {"digest": reference, "kind": "missing", "name": name, "size": None, "parts": [], "referrers": []}
        kind = "index" if manifest.is_index else "artifact" if kind == "image" and manifest.artifact_type else kind
        contents = contents_of(manifest)
        node: dict[str, Any] = {
            "digest": str(manifest.digest), "kind": kind, "name": name, "size": 0, "parts": [], "referrers": [],
        }  # fmt: skip
        if manifest.digest not in self._path:
            self._path.append(manifest.digest)
            node["parts"] = list(self._parts(manifest, depth))
            for part in node["parts"]:
                contents |= self._contents.get(part["digest"], {})
            self._contents[node["digest"]] = contents
            node["referrers"] = list(self._attached(manifest, depth)) if self._referrers else []
            self._path.pop()
        node["size"] = sum(contents.values())
        return node

    def _goes_on(self, depth: int) -> bool:
        if self._count >= _MOST or depth + 1 > _DEEPEST:
            self.is_cut = True
        return not self.is_cut

    def _parts(self, manifest: acr.Manifest, depth: int) -> Iterator[dict[str, Any]]:
        for entry in manifest.manifests:
            if not self._goes_on(depth):
                return
            kind = "attestation" if is_attestation(entry) else "image"
            yield self.node(entry.digest, kind, str(entry.platform or entry.media_type), depth + 1)

    def _attached(self, manifest: acr.Manifest, depth: int) -> Iterator[dict[str, Any]]:
        for one in self._repository.manifest(manifest.digest).referrers():
            if not self._goes_on(depth):
                return
            yield self.node(one.digest, "artifact", one.artifact_type or one.media_type, depth + 1)
        for tag, kind in cosign_tags(manifest.digest).items() if self._cosign else ():
            if not self._goes_on(depth):
                return
            if self._repository.manifest(tag).exists():
                yield self.node(tag, kind, tag, depth + 1)


def _digests(node: dict[str, Any]) -> Iterator[str]:
    yield acr.printable(node["digest"])
    for child in _children(node):
        yield from _digests(child)


def _children(node: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [*node["parts"], *node["referrers"]]


def _lines(node: dict[str, Any], terminal: Terminal) -> Iterator[str]:
    (first, *rest) = _own(node, terminal, 0)
    yield f"{first}\n"
    yield from (f"{line}\n" for line in rest)
    strokes = ("├── ", "└── ", "│   ", "    ") if terminal.draws else ("|-- ", "`-- ", "|   ", "    ")
    yield from _branches(node, strokes, "", terminal)


def _branches(node: dict[str, Any], strokes: Sequence[str], before: str, terminal: Terminal) -> Iterator[str]:
    children = _children(node)
    for number, child in enumerate(children):
        is_last = number == len(children) - 1
        first, *rest = _own(child, terminal, len(before) + len(strokes[0]))
        yield f"{before}{strokes[1 if is_last else 0]}{first}\n"
        below = before + strokes[3 if is_last else 2]
        for line in rest:
            yield f"{below}{line}\n"
        yield from _branches(child, strokes, below, terminal)


def _own(node: dict[str, Any], terminal: Terminal, before: int) -> Sequence[str]:
    """The lines of a node. On a terminal they fit it: names that others lead to are shortened, and so are digests.

    Args:
        node: the node.
        terminal: where it is printed.
        before: the columns that are taken.
    """
    size = "missing" if node["size"] is None else size_of(node["size"])
    attached = "" if node["kind"] == "image" else "index: " if node["kind"] == "index" else f"{node['kind']}: "
    name, digest = acr.printable(node["name"]), acr.printable(node["digest"])
    if not terminal.shows_rows:
        return [f"{attached}{name}  {size}  {digest}"]
    room = terminal.width - before
    fixed = width_of(attached) + len(size) + 2
    if fixed + width_of(name) + 2 + len(digest) > room:
        digest = digest[:_SHORT]
    is_apart = fixed + min(width_of(name), _LEAST_NAME) + 2 + len(digest) > room
    if before:  # the first one is what the user has typed
        name = shortened(name, max(_LEAST_NAME, room - fixed - (0 if is_apart else 2 + len(digest))))
    line, shown = f"{attached}{terminal.style(name, BOLD)}  {size}", terminal.style(digest, DIM)
    is_apart = is_apart or fixed + width_of(name) + 2 + len(digest) > room
    return [line, shown] if is_apart else [f"{line}  {shown}"]

"""Blobs: which ones a registry must have, repository by repository, and which tags need one that it lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from itertools import groupby

import attrs

from acr._inventory.graph import Graph
from acr._inventory.marks import BLOBS, UNKNOWN, Flag
from acr._inventory.reports import Finding
from acr._inventory.tables import Tables


@attrs.frozen
class Wrong:
    """A blob that is missing, or that has another size than its manifests say.

    Args:
        repository: row of the repository.
        content: row of the blob.
        size: bytes that the registry has; None if the blob is missing.
    """

    repository: int
    content: int
    size: int | None


def uses(tables: Tables) -> Iterator[tuple[int, int, int | None]]:
    """The repository, the content and the expected size of each blob, in an order that is always the same.

    What a pull-through cache lacks, it gets when somebody pulls it. So its blobs are left out.
    """
    size = tables.contents.size
    for repository in range(len(tables.repositories.name)):
        for content in _blobs_of(tables, repository):
            yield repository, content, None if size[content] == UNKNOWN else size[content]


def count(tables: Tables) -> int:
    """How many there are."""
    return sum(len(_blobs_of(tables, repository)) for repository in range(len(tables.repositories.name)))


def _blobs_of(tables: Tables, repository: int) -> list[int]:
    if tables.repositories.flags[repository] & Flag.IS_CACHE:
        return []
    kinds, contents = tables.links.kind, tables.links.content
    rows = (link for manifest in tables.manifests_of(repository) for link in tables.links_of(manifest))
    return sorted({contents[link] for link in rows if kinds[link] in BLOBS})


def fingerprint(tables: Tables) -> str:
    """Tells inventories apart."""
    counts = (len(tables.contents.size), len(tables.manifests.content), len(tables.links.content))
    facts = repr((tables.registry, tables.started, tables.finished, counts, tables.repositories.name))
    return hashlib.sha256(facts.encode()).hexdigest()


def findings(tables: Tables, wrong: Mapping[tuple[int, int], Wrong]) -> list[Finding]:
    """What is to be said of the blobs that are missing or wrong."""
    found: list[Finding] = []
    for repository, group in groupby(sorted(wrong.values(), key=_place), key=lambda one: one.repository):
        here = list(group)
        tags = _tags(tables, repository, {one.content for one in here})
        for one in here:
            expected = tables.contents.size[one.content]
            finding = Finding(
                kind="missing-blob" if one.size is None else "wrong-size",
                repository=tables.repositories.name[repository],
                digest=tables.contents.digests[one.content],
                tags=tuple(sorted(tables.tags.name[tag] for tag in tags[one.content])),
                text=(
                    "the repository does not have a blob that its manifests name"
                    if one.size is None
                    else f"the blob has {one.size:,} bytes, and a manifest says {expected:,}"
                ),
                advice="Push the image again: the client uploads what is missing.",
            )
            found.append(finding)
    return found


def _place(one: Wrong) -> tuple[int, int]:
    return one.repository, one.content


def _tags(tables: Tables, repository: int, blobs: Set[int]) -> Mapping[int, set[int]]:
    """The rows of the tags that need some blobs, by blob."""
    graph, contents = Graph(tables, repository), tables.links.content
    found: dict[int, set[int]] = {blob: set() for blob in blobs}
    for row in graph.rows.values():
        for link in tables.links_of(row):
            if contents[link] in blobs:
                found[contents[link]].update(graph.tags_below.get(row, ()))
    return found

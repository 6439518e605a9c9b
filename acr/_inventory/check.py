"""Check: what is broken in a registry, found in an inventory alone. `verify_blobs` asks for the blobs, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from acr._inventory.graph import Graph, subject_of_tag
from acr._inventory.marks import LEADS_DOWN, Flag
from acr._inventory.reports import Check, Finding, FindingKind
from acr._inventory.tables import Tables
from acr._values.digest import Digest

_IS_INDEX: Final = int(Flag.IS_INDEX)  # to ask an enum a million times takes seconds
_HAS_PLATFORM: Final = int(Flag.HAS_PLATFORM)
_LISTED: Final = int(Flag.LISTED)
_READ: Final = int(Flag.READ)

_PUSH: Final = "Push the image again, or delete the tags."
_WAIT: Final = "Read the registry again later; unlock the item, or end its quarantine, if that is meant."


def check(tables: Tables) -> Check:
    """Find what is broken in an inventory."""
    everywhere = bytearray(len(tables.contents.size))
    for content in tables.manifests.content:
        everywhere[content] = 1
    is_whole = tables.is_whole
    findings = tuple(
        finding
        for repository in range(len(tables.repositories.name))
        for finding in _Repository(tables, repository, everywhere if is_whole else None).findings()
    )
    return Check(findings=findings, manifests=len(tables.manifests.content), is_whole=is_whole)


class _Repository:
    """The search in one repository.

    Args:
        tables: the inventory.
        repository: row of the repository.
        everywhere: which contents are manifests of any repository; None if only a part of the registry was read.
    """

    def __init__(self, tables: Tables, repository: int, everywhere: bytearray | None) -> None:
        self._tables = tables
        self._everywhere = everywhere
        self._row = repository
        self._name = tables.repositories.name[repository]
        self._flags = tables.repositories.flags[repository]
        self._graph = Graph(tables, repository)

    def findings(self) -> Iterator[Finding]:
        """All that is to be said of the repository, the worst first."""
        yield from self._missing()
        yield from self._of_manifests()
        yield from self._orphans()
        yield from self._unknown()

    def _missing(self) -> Iterator[Finding]:
        missing: dict[int, list[int]] = {}
        for tag in self._tables.tags_of(self._row):
            if tag not in self._graph.targets:
                missing.setdefault(self._tables.tags.content[tag], []).append(tag)
        for content, tags in missing.items():
            yield Finding(
                kind="missing-manifest",
                repository=self._name,
                digest=self._tables.contents.digests[content],
                tags=self._names(tags),
                text="the registry does not have the manifest that a tag points to",
                advice=_PUSH,
            )
        if self._flags & Flag.IS_CACHE:
            return  # a pull-through cache imports a child when somebody pulls it
        for row in self._graph.rows.values():
            if self._tables.manifests.flags[row] & _IS_INDEX:
                yield from self._missing_children(row)

    def _missing_children(self, row: int) -> Iterator[Finding]:
        links = self._tables.links
        for link in self._tables.links_of(row):
            if links.kind[link] in LEADS_DOWN and links.content[link] not in self._graph.rows:
                missing = self._tables.contents.digests[links.content[link]]
                yield Finding(
                    kind="missing-child",
                    repository=self._name,
                    digest=missing,
                    tags=self._broken(row),
                    text=f"the index {self._digest(row)} lists {missing}, which the repository does not have",
                    advice=_PUSH,
                )

    def _of_manifests(self) -> Iterator[Finding]:
        manifests, texts = self._tables.manifests, self._tables.texts
        for row in self._graph.rows.values():
            flags = manifests.flags[row]
            if manifests.trouble[row]:
                quarantine = texts[manifests.quarantine[row]]
                more = f" (quarantine: {quarantine})" if quarantine else ""
                yield self._about(row, "unreadable", f"{texts[manifests.trouble[row]]}{more}", _WAIT)
            if flags & (_IS_INDEX | _HAS_PLATFORM) == _IS_INDEX and not self._is_list(row):
                yield self._about(
                    row,
                    "no-platform",
                    "no entry of the index names a platform, so clients cannot choose one",
                    "Build the index with platforms, such as `docker buildx imagetools create`.",
                    breaks=False,
                )
            other = self._tables.odd_sizes.get(manifests.content[row])
            if other is not None:
                size = self._tables.contents.size[manifests.content[row]]
                text = (
                    f"another manifest says that the manifest has {other:,} bytes, but it has {size:,}"
                    if flags & _READ
                    else f"other manifests say that the manifest has {other:,} bytes, and {size:,}"
                )
                yield self._about(row, "odd-size", text, _PUSH)
            if not flags & _LISTED:
                yield self._about(
                    row,
                    "hidden",
                    "the listing of the repository does not show the manifest",
                    "Set can_list=True, if it should be shown.",
                    breaks=False,
                )
            yield from self._odd_blobs(row)

    def _is_list(self, row: int) -> bool:
        """Whether an index is the list behind a tag that stands in for the referrers API."""
        graph = self._graph
        return any(graph.targets.get(tag) == row for tag in (*graph.attachments, *graph.orphan_tags))

    def _odd_blobs(self, row: int) -> Iterator[Finding]:
        if not self._tables.odd_sizes:
            return
        for link in self._tables.links_of(row):
            content = self._tables.links.content[link]
            if content in self._tables.odd_sizes and content not in self._graph.rows:
                sizes = sorted((self._tables.odd_sizes[content], self._tables.contents.size[content]))
                yield Finding(
                    kind="odd-size",
                    repository=self._name,
                    digest=self._tables.contents.digests[content],
                    tags=self._broken(row),
                    text=f"manifests say that the blob has {sizes[0]:,} bytes, and {sizes[1]:,}: one of them is wrong",
                    advice="Run verify_blobs to see which, and push that image again.",
                )

    def _orphans(self) -> Iterator[Finding]:
        for row in sorted(self._graph.orphans):
            if self._tables.manifests.flags[row] & Flag.HAS_SUBJECT:
                yield self._about(
                    row,
                    "dangling-subject",
                    "the manifest is attached to one that the repository does not have",
                    "Delete it, unless its subject will be pushed.",
                    breaks=False,
                )
        for tag in sorted(self._graph.orphan_tags):
            name = self._tables.tags.name[tag]
            if self._everywhere is not None and not self._is_elsewhere(name, self._everywhere):
                yield Finding(
                    kind="orphan",
                    repository=self._name,
                    digest=self._tables.contents.digests[self._tables.tags.content[tag]],
                    text=f"no repository has the manifest that the tag {name} is named after",
                    advice="Delete the tag with its manifest, if it is a signature, an attestation or an SBOM.",
                )

    def _is_elsewhere(self, tag: str, everywhere: bytearray) -> bool:
        """Whether another repository has the manifest that a tag is named after. cosign can keep signatures apart."""
        return any(everywhere[content] for content in subject_of_tag(self._tables, tag) or ())

    def _unknown(self) -> Iterator[Finding]:
        for what, counted, found in self._tables.contradictions(self._row):
            is_less = found < counted
            told = f"but only {found:,} could be found" if is_less else f"and {found:,} were found"
            yield Finding(
                kind="hidden" if is_less else "miscounted",
                repository=self._name,
                text=f"the registry counts {counted:,} {what}, {told}",
                advice="Look for items with can_list=False." if is_less else "Read the registry again later.",
            )
        if self._flags & Flag.IS_MOVING:
            yield Finding(
                kind="moving",
                repository=self._name,
                text="the repository changed each time it was read",
                advice="Read it again when nobody pushes to it.",
            )

    def _about(self, row: int, kind: FindingKind, text: str, advice: str, *, breaks: bool = True) -> Finding:
        return Finding(
            kind=kind,
            repository=self._name,
            digest=self._digest(row),
            tags=self._broken(row) if breaks else (),
            text=text,
            advice=advice,
        )

    def _digest(self, row: int) -> Digest:
        digest: Digest = self._tables.contents.digests[self._tables.manifests.content[row]]
        return digest

    def _broken(self, row: int) -> tuple[str, ...]:
        return self._names(self._graph.tags_below.get(row, ()))

    def _names(self, tags: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self._tables.tags.name[tag] for tag in tags))

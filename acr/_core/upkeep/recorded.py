"""Recorded: what a purge notes before it deletes something, so that it can be put back, also by a later process."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from acr._cleanup.applying.doomed import Node
from acr._cleanup.plan import Plan
from acr._core.runtime import Runtime
from acr._core.storage import JOURNAL_FORM, Journal
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import Permissions
from acr.errors import InvalidInput, ProtocolViolation

_FLAGS: Final = ("can_read", "can_write", "can_list", "can_delete")


class Record:
    """The journal of one plan.

    Args:
        runtime: calls what blocks.
        journal: the file.
    """

    def __init__(self, runtime: Runtime, journal: Journal) -> None:
        self._runtime = runtime
        self._journal = journal
        self._places: dict[tuple[str, str], int] = {}
        self._gone: set[tuple[str, str]] = set()

    async def open(self, plan: Plan) -> None:
        """Read what an earlier process noted, or begin.

        Raises:
            InvalidInput: it belongs to another plan.
            ProtocolViolation: it is damaged.
            TransferError: it cannot be read or written, or another process has it.
        """
        head = {"journal": JOURNAL_FORM, "registry": plan.registry, "plan": plan.sha256}
        if not await self._runtime.blocking(self._load, head):
            await self._add([head])

    async def known(self, repository: str, digests: Iterable[Digest]) -> Mapping[Digest, Manifest]:
        """The manifests that it has of some, whatever plan it is of.

        Raises:
            ProtocolViolation, TransferError: as of `open`.
        """
        await self._runtime.blocking(self._load, None)
        found = {digest: await self.manifest(repository, digest) for digest in digests}
        return {digest: manifest for digest, manifest in found.items() if manifest is not None}

    def _load(self, head: Mapping[str, Any] | None) -> bool:
        is_there = False
        for place, entry in self._journal.open():
            if not is_there:
                if entry.get("journal") != JOURNAL_FORM:
                    raise ProtocolViolation(f"{self._journal.name} is no journal of a purge")
                if head is not None and dict(entry) != head:
                    raise InvalidInput(f"the journal {self._journal.name} belongs to another plan: name another file")
                is_there = True
                continue
            key = (str(entry.get("repository")), str(entry.get("key")))
            if entry.get("is") == "gone":
                self._gone.add(key)
            elif entry.get("is") in ("tag", "manifest"):
                self._places[key] = place
        return is_there

    def has(self, repository: str, node: Node) -> bool:
        """Whether a line may have been deleted."""
        return (repository, node.key) in self._places

    def is_gone(self, repository: str, node: Node) -> bool:
        """Whether a line was deleted for certain."""
        return (repository, node.key) in self._gone

    async def tags(self, repository: str, tags: Iterable[tuple[Node, Permissions]]) -> None:
        """Note tags that are about to be deleted."""
        entries = [
            {
                "is": "tag",
                "repository": repository,
                "key": node.key,
                "digest": str(node.digest),
                "flags": _flags(found),
            }
            for node, found in tags
        ]
        await self._note(repository, entries)

    async def manifests(
        self, repository: str, manifests: Iterable[tuple[Manifest, Permissions, Sequence[str]]]
    ) -> None:
        """Note manifests that are about to be deleted: their bytes, flags and tags."""
        entries = [
            {
                "is": "manifest",
                "repository": repository,
                "key": str(manifest.digest),
                "media_type": manifest.media_type,
                "flags": _flags(found),
                "tags": list(tags),
                "content": base64.b64encode(manifest.content).decode(),
            }
            for manifest, found, tags in manifests
        ]
        await self._note(repository, entries)

    async def _note(self, repository: str, entries: Sequence[Mapping[str, Any]]) -> None:
        places = await self._add(entries)
        for entry, place in zip(entries, places, strict=True):
            self._places[repository, str(entry["key"])] = place

    async def gone(self, repository: str, node: Node) -> None:
        """Note that a line was deleted."""
        await self._add([{"is": "gone", "repository": repository, "key": node.key}], is_durable=False)
        self._gone.add((repository, node.key))

    async def back(self, repository: str, node: Node) -> None:
        """Note that a line was put back."""
        await self._add([{"is": "back", "repository": repository, "key": node.key}], is_durable=False)

    async def _add(self, entries: Sequence[Mapping[str, Any]], *, is_durable: bool = True) -> Sequence[int]:
        return await self._runtime.blocking(self._journal.add, entries, is_durable=is_durable) if entries else ()

    async def manifest(self, repository: str, digest: Digest) -> Manifest | None:
        """The manifest as it was noted; None if it was not, or if the journal is damaged."""
        place = self._places.get((repository, str(digest)))
        if place is None:
            return None
        entry = await self._runtime.blocking(self._journal.read, place)
        try:
            content = base64.b64decode(entry["content"], validate=True)
            if Digest.of(content, algorithm=digest.algorithm) != digest:
                return None
            return Manifest(content, str(entry["media_type"]), digest=digest)
        except (KeyError, TypeError, ValueError):
            return None

    async def flags(self, repository: str, node: Node) -> Mapping[str, bool]:
        """Which of its permissions were off, as it was noted."""
        place = self._places.get((repository, node.key))
        entry = {} if place is None else await self._runtime.blocking(self._journal.read, place)
        noted = entry.get("flags")
        return {name: False for name in _FLAGS if isinstance(noted, dict) and noted.get(name) is False}

    async def close(self) -> None:
        """Let others have it."""
        await self._runtime.blocking(self._journal.close)


def _flags(found: Permissions) -> dict[str, bool]:
    return {name: getattr(found, name) for name in _FLAGS}

"""Recorded: what a purge notes before it deletes something, so that it can be put back, also by a later process."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial
from typing import Any, Final

import attrs

from acr._cleanup.applying.doomed import Node
from acr._cleanup.plan import Plan
from acr._core.runtime import Runtime
from acr._core.storage import JOURNAL_END, JOURNAL_FORM, Journal
from acr._values.digest import Digest, received_digest
from acr._values.manifest import Manifest
from acr._values.properties import Permissions
from acr.errors import InvalidInput, ProtocolViolation

FLAGS: Final = ("can_read", "can_write", "can_list", "can_delete")
"""The permissions of a tag or a manifest, as the journal names them."""

_SHORT: Final = 12
"""Digits of a plan's digest in the name of a journal that was put aside."""

_NAMES: Final = 1000
"""Tags that stay, in one line of the journal."""


@attrs.frozen
class Owed:
    """A lock that something had.

    Args:
        digest: of the manifest, or of the one that the tag points to.
        off: the permissions that were off, each with False.
        created: when it was created, in microseconds since 1970; None if it is put back itself.
    """

    digest: Digest
    off: Mapping[str, bool]
    created: int | None


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
        self._moved: dict[tuple[str, str], Digest] = {}
        self._doubts: dict[tuple[str, str], str] = {}
        self._owed: dict[tuple[str, str], Owed] = {}
        self._locks: dict[tuple[str, str], Mapping[str, bool]] = {}
        self._staying: dict[str, set[str]] = {}
        self._is_finished = False
        self.unlocked: dict[tuple[str, str], Owed] = {}

    @property
    def is_there(self) -> bool:
        """Whether an earlier process has left one."""
        return self._journal.is_there

    async def open(self, plan: Plan, *, anew: bool = True) -> InvalidInput | None:
        """Read what an earlier process noted, or begin.

        Args:
            plan: what is carried out.
            anew: whether to put it aside if it is of another plan that is done, and to begin a new one.

        Returns:
            That it belongs to another plan for the same registry. Nothing but its locks may be used then.

        Raises:
            InvalidInput: it is of another registry.
            ProtocolViolation: it is damaged.
            TransferError: it cannot be read or written, or another process has it.
        """
        head = {"journal": JOURNAL_FORM, "registry": plan.registry, "plan": plan.sha256}
        found = await self._runtime.blocking(self._load, plan.registry)
        if found is not None and found != head:
            if not (anew and self._is_finished and not self.unlocked):
                return self._of_another()
            await self._runtime.blocking(self._put_aside, found)
            found = await self._runtime.blocking(self._load, plan.registry)
        if found is None:
            await self._add([head])
        return None

    def _put_aside(self, head: Mapping[str, Any]) -> None:
        plan = str(head.get("plan"))
        self._journal.put_aside(plan[:_SHORT] if plan.isalnum() and plan.isascii() else "old")
        self._places, self._moved, self._owed, self._locks = {}, {}, {}, {}
        self._gone, self._doubts, self._staying = set(), {}, {}

    async def known(self, repository: str, digests: Iterable[Digest]) -> Mapping[Digest, Manifest]:
        """The manifests that it has of some, whatever plan it is of.

        Raises:
            ProtocolViolation, TransferError: as of `open`.
        """
        await self._runtime.blocking(self._load, None)
        found = {digest: await self.manifest(repository, digest) for digest in digests}
        return {digest: manifest for digest, manifest in found.items() if manifest is not None}

    def _of_another(self) -> InvalidInput:
        return InvalidInput(
            f"the journal {self._journal.name} belongs to another plan, which did not come to its end: carry that plan"
            " on with it, or move the file away, and keep it until you are content with what was deleted"
        )

    def _load(self, registry: str | None) -> dict[str, Any] | None:
        """Read all. Return the first entry; None if there is none.

        Args:
            registry: what it must be of; None for any.
        """
        head: dict[str, Any] | None = None
        self._is_finished = True  # one without lines has nothing to go on with
        for place, entry in self._journal.open():
            if head is None:
                head = dict(entry)
                if entry.get("journal") != JOURNAL_FORM:
                    raise ProtocolViolation(f"{self._journal.name} is no journal of a purge")
                if registry not in (None, entry.get("registry")):
                    raise InvalidInput(
                        f"the journal {self._journal.name} belongs to another plan, for another registry: name another"
                        " file (journal=, --journal)"
                    )
                continue
            key = (str(entry.get("repository")), str(entry.get("key")))
            self._is_finished = entry == JOURNAL_END
            self._take(key, entry, place)
        return head

    def _take(self, key: tuple[str, str], entry: Mapping[str, Any], place: int) -> None:
        """Take in an entry. The last one about a line counts."""
        match entry.get("is"):
            case "tag" | "manifest":
                self._places[key] = place
            case "gone":
                self._gone.add(key)
            case "moved":
                self._moved[key] = received_digest(str(entry.get("digest")), self._journal.name)
            case "back":
                self._gone.discard(key)
                self._moved.pop(key, None)
            case "doubt":
                self._doubts[key] = str(entry.get("why"))
            case "unlock":
                self.unlocked[key] = self._owed[key] = owed = self._read_owed(entry, place)
                self._locks[key] = owed.off
            case "locked":
                self.unlocked.pop(key, None)
            case "tags that stay":
                names = entry.get("names")
                self._staying.setdefault(key[0], set()).update(map(str, names if isinstance(names, list) else ()))
            case "tags are there":
                self._staying.pop(key[0], None)

    def _read_owed(self, entry: Mapping[str, Any], place: int) -> Owed:
        flags, created = entry.get("flags"), entry.get("created")
        if not isinstance(flags, dict) or not isinstance(created, int | None):
            raise ProtocolViolation(f"{self._journal.name} is damaged at byte {place:,}")
        digest = received_digest(str(entry.get("digest")), self._journal.name)
        return Owed(digest, {name: False for name in FLAGS if flags.get(name) is False}, created)

    def has(self, repository: str, node: Node) -> bool:
        """Whether a line may have been deleted."""
        return (repository, node.key) in self._places

    def is_gone(self, repository: str, node: Node) -> bool:
        """Whether a line was deleted for certain, and not put back since."""
        return (repository, node.key) in self._gone

    def moved_to(self, repository: str, node: Node) -> Digest | None:
        """What a tag pointed to when it was deleted, if it had moved and was not put back; else None."""
        return self._moved.get((repository, node.key))

    def doubt_of(self, repository: str, node: Node) -> str:
        """What an earlier process did not know of a line, and later ones cannot see; empty if there is nothing."""
        return self._doubts.get((repository, node.key), "")

    @property
    def repositories(self) -> frozenset[str]:
        """Where something may have been deleted."""
        return frozenset(repository for repository, _ in self._places)

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

    async def manifests(self, repository: str, manifests: Iterable[tuple[Manifest, Permissions]]) -> None:
        """Note manifests that are about to be deleted: their bytes and flags. Each of their tags has its own entry."""
        entries = [
            {
                "is": "manifest",
                "repository": repository,
                "key": str(manifest.digest),
                "media_type": manifest.media_type,
                "flags": _flags(found),
                "content": base64.b64encode(manifest.content).decode(),
            }
            for manifest, found in manifests
        ]
        await self._note(repository, entries)

    async def _note(self, repository: str, entries: Sequence[Mapping[str, Any]]) -> None:
        places = await self._add(entries)
        for entry, place in zip(entries, places, strict=True):
            self._places[repository, str(entry["key"])] = place

    async def stay(self, repository: str, names: Set[str]) -> None:
        """Note tags that stay: one that is moved onto a manifest at the moment when that is deleted goes with it."""
        new = sorted(names - self.stayed(repository))
        await self._add(
            [
                {"is": "tags that stay", "repository": repository, "names": new[first : first + _NAMES]}
                for first in range(0, len(new), _NAMES)
            ]
        )
        self._staying.setdefault(repository, set()).update(new)

    def stayed(self, repository: str) -> Set[str]:
        """The tags that were to stay, as far as a process has seen them that did not see them at the end."""
        return self._staying.get(repository, frozenset())

    async def seen(self, repository: str) -> None:
        """Note that all tags that were to stay are there at the end. What becomes of them later is others' work."""
        if self.stayed(repository):
            await self._add([{"is": "tags are there", "repository": repository}], is_durable=False)
            del self._staying[repository]

    async def gone(self, repository: str, node: Node) -> None:
        """Note that a line was deleted. A lock that was taken off is owed until somebody saw that the line is gone."""
        await self._add([{"is": "gone", "repository": repository, "key": node.key}], is_durable=False)
        self._gone.add((repository, node.key))

    async def moved(self, repository: str, node: Node, digest: Digest) -> None:
        """Note that a tag was deleted that pointed elsewhere by then: it is to be put back."""
        entry = {"is": "moved", "repository": repository, "key": node.key, "digest": str(digest)}
        await self._add([entry], is_durable=False)
        self._moved[repository, node.key] = digest

    async def owe_again(self, repository: str, key: str) -> None:
        """Note that something is still there whose lock was taken off, although it was said to be gone."""
        owed = self._owed.get((repository, key))
        if owed is not None and (repository, key) not in self.unlocked:
            await self.unlock(repository, key, owed)

    async def unlock(self, repository: str, key: str, owed: Owed) -> None:
        """Note that a lock is about to be taken off, or that something is about to be there again without its lock."""
        entry = {
            "is": "unlock",
            "repository": repository,
            "key": key,
            "digest": str(owed.digest),
            "created": owed.created,
            "flags": dict(owed.off),
        }
        await self._add([entry])
        self.unlocked[repository, key] = self._owed[repository, key] = owed
        self._locks[repository, key] = owed.off

    async def locked(self, repository: str, key: str) -> None:
        """Note that something has its lock again, or needs it no more."""
        await self._add([{"is": "locked", "repository": repository, "key": key}], is_durable=False)
        self.unlocked.pop((repository, key), None)

    async def doubt(self, repository: str, node: Node, why: str) -> None:
        """Note what nobody knows of a tag that is put back: later runs tell it, too, and cannot see it."""
        await self._add([{"is": "doubt", "repository": repository, "key": node.key, "why": why}], is_durable=False)
        self._doubts[repository, node.key] = why

    async def back(self, repository: str, node: Node) -> None:
        """Note that a line was put back. A later process then takes it for one that is there."""
        await self._add([{"is": "back", "repository": repository, "key": node.key}], is_durable=False)
        self._gone.discard((repository, node.key))
        self._moved.pop((repository, node.key), None)

    async def finish(self) -> None:
        """Note that the plan is done, so that the journal of the next one may take its place."""
        if not self._is_finished:
            await self._add([JOURNAL_END])
            self._is_finished = True

    async def again(self) -> None:
        """Note that a plan which was done goes on, so that no other journal may take the place of this one."""
        if self._is_finished:
            await self._add([{"is": "again"}])

    async def _add(self, entries: Sequence[Mapping[str, Any]], *, is_durable: bool = True) -> Sequence[int]:
        if not entries:
            return ()
        is_durable = is_durable or self._is_finished  # else the end may be the last entry after a loss of power
        places = await self._runtime.blocking(self._journal.add, entries, is_durable=is_durable)
        self._is_finished = False
        return places

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
        off = {name: False for name in FLAGS if isinstance(noted, dict) and noted.get(name) is False}
        return {**off, **self._locks.get((repository, node.key), {})}

    async def close(self) -> None:
        """Let others have it."""
        await self._runtime.to_the_end(partial(self._runtime.blocking, self._journal.close))


def _flags(found: Permissions) -> dict[str, bool]:
    return {name: getattr(found, name) for name in FLAGS}

"""Purging one repository: what is there is looked at, noted, compared line by line, deleted, and looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from acr import media_types
from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._cleanup.applying.report import PurgeItem
from acr._core.listed import catalog, manifests, tags
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import read_links
from acr._core.upkeep.pace import Pace
from acr._core.upkeep.putting_back import PuttingBack
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import Watch, leads_to
from acr._inventory.tables import to_number
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import ManifestProperties, TagProperties
from acr.errors import (
    AcrError,
    IntegrityError,
    LimitExceeded,
    Locked,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    TransportError,
)

_BATCH: Final = 32
"""Deletions between two looks at what is new."""

_SLICE: Final = 100
"""Manifests that are in memory at the same time, before they are in the journal."""


class RepositoryPurge:
    """The work on one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        watch: sees what is new.
        record: the journal.
        pace: of the deletions.
        concurrency: reads at the same time.
    """

    def __init__(
        self, remote: Remote, doomed: Doomed, watch: Watch, record: Record, *, pace: Pace, concurrency: int
    ) -> None:
        self._remote = remote
        self.name: str = remote.name
        self.doomed = doomed
        self._watch = watch
        self._record = record
        self._back = PuttingBack(remote, doomed, record)
        self._pace = pace
        self._concurrency = concurrency
        self._is_there = False
        self._learned: set[str] = set()
        self.broken: list[PurgeItem] = []
        self.notes: list[str] = []

    async def begin(self) -> str | None:
        """See what is there, before anything is deleted.

        Returns:
            The time as the registry says it, empty if it does not; None if there is no such repository.
        """
        try:
            date = await self._watch.begin()
        except NoMetadataApi:
            raise
        except NotFound:
            if await catalog.exists(self._remote):  # one answer of many is a doubt
                raise
            for node in self.doomed.nodes.values():
                node.state = State.GONE if self._record.is_gone(self.name, node) else State.ABSENT
            return None
        self._is_there = True
        for node in self.doomed.nodes.values():
            if node.key not in self._watch.listed and self._record.has(self.name, node):
                node.state = State.GONE
                if node.name and not self._record.is_gone(self.name, node):
                    self.notes.append(
                        f"{self._reference(node)} was being deleted when an earlier run ended. If it had just moved,"
                        " nobody knows where to"
                    )
        return date or ""

    async def run(self) -> None:
        """Delete what the plan deletes, as far as it still stands."""
        if not self._is_there:
            return
        try:
            await self._carry_out()
        except NoMetadataApi:
            raise
        except NotFound:
            if await catalog.exists(self._remote):
                raise
            self._vanish()

    def _vanish(self) -> None:
        """Take note that somebody deleted the whole repository."""
        self._is_there = False
        self.notes.append(f"{self.name} was deleted by somebody else while the work went on")
        self._watch.missing.clear()
        for node in self.doomed.nodes.values():
            if node.state in (State.WAITING, State.HELD):
                node.state = State.ABSENT

    async def _carry_out(self) -> None:
        await self._note()
        await self._watch.compare()
        await self._back.run()
        while batch := self.doomed.next(_BATCH):
            await self.look()
            for node in batch:
                if node.state is State.WAITING:
                    await self._delete(node)
        await self.end()

    async def look(self) -> None:
        """Look at what is new, and put back what it needs."""
        await self._watch.newest()
        await self._back.run()

    async def end(self) -> None:
        """Look for the last time, also at whether what is said to be deleted is, and what is kept is there."""
        if not self._is_there:
            return
        if any(node.is_ended for node in self.doomed.nodes.values()):
            await self._check(await self._watch.all_manifests())
        await self.look()
        if not any(node.is_ended for node in self.doomed.nodes.values()):
            return
        listed = await self._watch.all_tags()
        for node in self.doomed.nodes.values():
            if node.name in listed:
                await self._check_end(node)
        for name in sorted(set(self._watch.tags) - listed):
            known = self.doomed.nodes.get(name)
            if known is None or not (known.is_ended or known.state is State.LOST):
                self.broken.append(
                    PurgeItem(
                        reference=f"{self.name}:{name}",
                        why="it is gone: somebody deleted it, or moved it onto a manifest at the moment when that was"
                        " deleted",
                    )
                )

    async def _check(self, listed: set[str]) -> None:
        """Compare the manifests of the plan with those that are listed at the end."""
        for node in self.doomed.manifests():
            if node.key in listed:
                await self._check_end(node)
            elif node.state is State.HELD and node.key in self._watch.listed and not await self._is_found(node):
                self._break(node, "it was kept, and is gone: somebody deleted it, or its subject")
        is_less = any(node.state is State.GONE for node in self.doomed.manifests())
        for node in self.doomed.manifests():
            if is_less and node.state is State.HELD and node.key in listed and node.key not in self._learned:
                self._break(node, "it is kept, and cannot be read: nobody knows whether it needs what was deleted")

    async def _check_end(self, node: Node) -> None:
        """See whether a line that is listed is one that the registry said it does not have."""
        if node.state in (State.GONE, State.ABSENT) and await self._is_found(node):
            node.state, node.why = State.DOUBTFUL, "the registry said that it is gone, and still has it"

    async def _is_found(self, node: Node) -> bool:
        """Whether the registry has a line as it was."""
        if not node.name:
            return await self._watch.exists(node.digest)
        try:
            found = await tags.get(self._remote, node.name)
        except NoMetadataApi:
            raise
        except NotFound:
            return False
        return _is_as_planned(node, found)

    def _break(self, node: Node, why: str) -> None:
        self.broken.append(PurgeItem(reference=self._reference(node), why=why))

    async def _note(self) -> None:
        """Note in the journal what may go, and learn what leads to what."""
        listed = self._watch.listed
        await self._record.tags(
            self.name, [(node, listed[node.key]) for node in self.doomed.nodes.values() if self._is_to_note(node, True)]
        )
        for node in self.doomed.manifests():
            noted = await self._record.manifest(self.name, node.digest)
            if noted is not None:
                self._learn(noted)
        left = [node for node in self.doomed.manifests() if self._is_to_note(node, False)]
        for first in range(0, len(left), _SLICE):
            await self._fetch(left[first : first + _SLICE])

    def _is_to_note(self, node: Node, is_tag: bool) -> bool:
        return (
            bool(node.name) is is_tag
            and node.state is State.WAITING
            and node.key in self._watch.listed
            and not self._is_noted(node)
        )

    def _is_noted(self, node: Node) -> bool:
        """Whether a line is in the journal; of a manifest also whether its bytes can be read there."""
        return self._record.has(self.name, node) and (bool(node.name) or node.key in self._learned)

    async def _fetch(self, nodes: Sequence[Node]) -> None:
        runtime, width = self._remote.session.runtime, self._remote.session.learned.throttle.width
        listed = [self._watch.listed[node.key] for node in nodes]
        tasks = [partial(self._get, one) for one in listed if isinstance(one, ManifestProperties)]
        got = [one for one in await runtime.gather(self._concurrency, tasks, width=width) if one is not None]
        entries = []
        for told, found in got:
            if isinstance(found, Manifest):
                self._learn(found)
                entries.append((found, told, told.tags))
            else:
                self.doomed.hold_all(f"a doubt: {told.digest} cannot be read: {found}")
        await self._record.manifests(self.name, entries)

    async def _get(self, listed: ManifestProperties) -> tuple[ManifestProperties, Manifest | str] | None:
        try:
            return listed, await self._watch.fetch(listed)
        except NotFound:  # once may be a hiccup, and what it leads to is not known then
            return (listed, "a replica lags behind") if await self._watch.exists(listed.digest) else None
        except (Locked, IntegrityError, LimitExceeded, ProtocolViolation) as error:
            return listed, str(error)

    def _learn(self, manifest: Manifest) -> None:
        reading = read_links(manifest)
        self._learned.add(str(manifest.digest))
        self.doomed.learn(str(manifest.digest), *leads_to(reading))
        if reading.trouble and manifest.media_type not in media_types.SCHEMA1:
            self.doomed.hold_all(f"a doubt: {manifest.digest} cannot be read: {reading.trouble}")

    async def _delete(self, node: Node) -> None:
        """Delete a line, if it stands as the plan says."""
        await self._pace.wait()  # now, as nothing must come between the comparison and the deletion
        if not node.name:
            await self._watch.newest_manifests()
            await self._back.run()
            if node.state is not State.WAITING:
                return
        try:
            found = await self._found(node)
        except NoMetadataApi:
            raise
        except NotFound:
            node.state = State.GONE if self._record.is_gone(self.name, node) else State.ABSENT
            return
        why = self._why_not(node, found)
        if why:
            self.doomed.hold(node.key, why)
            self.doomed.hold_any([str(found.digest)], f"the tag {node.name} points to it")
            return
        try:
            await (self._delete_tag(node) if node.name else self._delete_manifest(node))
        except Locked:
            self.doomed.hold(node.key, "it is locked")
        except TransportError:
            node.why = "the request was sent, and no answer came: nobody knows whether it is deleted"
            raise

    async def _found(self, node: Node) -> TagProperties | ManifestProperties:
        if not node.name:
            return await manifests.properties(self._remote, node.digest)
        found = await tags.get(self._remote, node.name)
        if found.digest == node.digest and not self._watch.is_cache:  # a cache would ask its source, and import
            try:
                there = await manifests.head(self._remote, node.name)
            except NotFound:
                found = await tags.get(self._remote, node.name)  # it is gone, or else this is a doubt
                self.doomed.hold(node.key, "it is listed, and what it points to was not found")
                return found
            if there.digest != node.digest and there.digest.algorithm == node.digest.algorithm:
                self.doomed.hold_any([str(there.digest)], f"the tag {node.name} points to it")
                self.doomed.hold(node.key, "it has changed since the plan was made")
        return found

    def _why_not(self, node: Node, found: TagProperties | ManifestProperties) -> str:
        """Why a line must not be deleted; empty if it may. One that was not noted leads to nobody knows what."""
        why = self._differs(node, found)
        if self._is_noted(node):
            return why
        if not node.name:
            self.doomed.hold_all(f"a doubt: {node.digest} could not be read, so nobody knows what it leads to")
        return why or "it could not be read when the work began"

    def _differs(self, node: Node, found: TagProperties | ManifestProperties) -> str:
        """Why a line does not stand as the plan says; empty if it does."""
        if node.state is not State.WAITING:
            return node.why
        if found.locked:
            return "it is locked"
        if not _is_as_planned(node, found):
            return "it has changed since the plan was made"
        if isinstance(found, ManifestProperties) and found.tags:
            return f"it has the tag {found.tags[0]}"
        return ""

    async def _delete_tag(self, node: Node) -> None:
        try:
            told = await tags.delete(self._remote, node.name, missing_ok=False)
        except NoMetadataApi:
            raise
        except NotFound:
            node.state = State.ABSENT
            return
        if told is None or told == node.digest:
            await self._is_gone(node)
            return
        await self._put_moved_back(node, told)

    async def _put_moved_back(self, node: Node, digest: Digest) -> None:
        """Put a tag back that moved between its comparison and its deletion."""
        why = f"it moved to {digest} while it was deleted"
        self.doomed.hold(node.key, why)
        self.doomed.hold_any([str(digest)], f"the tag {node.name} points to it")
        try:
            await self._back.run()
            is_lost = await self._back.tag(node, digest)
        except AcrError as error:
            node.state, node.why = State.LOST, f"{why}, and cannot be put back: {error}"
            if not isinstance(error, NotFound | ProtocolViolation | IntegrityError):
                raise
            return
        node.state, node.why = State.BACK, why
        await self._record.back(self.name, node)
        if is_lost:
            self._break(node, "somebody set it while it was put back")

    async def _delete_manifest(self, node: Node) -> None:
        try:
            await manifests.delete(self._remote, node.digest, missing_ok=False)
        except NoMetadataApi:
            raise
        except NotFound:
            node.state = State.ABSENT
            return
        await self._is_gone(node)

    async def _is_gone(self, node: Node) -> None:
        node.state = State.GONE
        await self._record.gone(self.name, node)

    def _reference(self, node: Node) -> str:
        return f"{self.name}:{node.name}" if node.name else f"{self.name}@{node.digest}"

    def missing(self) -> list[PurgeItem]:
        """New manifests that lack something."""
        return [PurgeItem(reference=f"{self.name}@{key}", why=why) for key, why in self._watch.missing.items()]


def _is_as_planned(node: Node, found: TagProperties | ManifestProperties) -> bool:
    """Whether an item is what the plan saw."""
    return found.digest == node.digest and to_number(found.updated) == node.updated

"""Purging one repository: what is there is looked at, noted, deleted line by line, and looked at again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._cleanup.applying.report import PurgeItem
from acr._core.listed import catalog, tags
from acr._core.listed.existence import is_found
from acr._core.talk.remote import Remote
from acr._core.upkeep.counting import is_counted
from acr._core.upkeep.deleting import Deleting
from acr._core.upkeep.evidence import Evidence
from acr._core.upkeep.noting import Noting
from acr._core.upkeep.pace import Pace
from acr._core.upkeep.putting_back import PuttingBack
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.restoring import is_helper
from acr._core.upkeep.unlocking import Unlocking
from acr._core.upkeep.watching import Watch
from acr.errors import NoMetadataApi, NotFound, TransferError

_BATCH: Final = 32
"""Deletions between two looks at what is new."""

_UNCOUNTED: Final = (
    "the registry counts other manifests than it lists: either its count lags behind the deletions, or somebody has"
    " pushed something hidden, and nobody knows whether that needs what was deleted"
)
_LOST_TAG: Final = "it is gone: somebody deleted it, or moved it onto a manifest at the moment when that was deleted"


class RepositoryPurge:
    """The work on one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        watch: sees what is new.
        record: the journal.
        locks: takes locks off.
        pace: of the deletions.
        concurrency: reads at the same time.
    """

    def __init__(
        self,
        remote: Remote,
        doomed: Doomed,
        watch: Watch,
        record: Record,
        *,
        locks: Unlocking,
        pace: Pace,
        concurrency: int,
    ) -> None:
        self._remote = remote
        self.name: str = remote.name
        self.doomed = doomed
        self._watch = watch
        self._record = record
        self._locks = locks
        self._back = PuttingBack(remote, doomed, record, self._break)
        self._evidence = Evidence(remote, doomed, watch, record, concurrency)
        self._noting = Noting(remote, doomed, watch, record, concurrency)
        self._deleting = Deleting(self._noting, watch, self._back, locks, pace=pace, evidence=self._evidence)
        self._is_there = False
        self._broken: dict[PurgeItem, None] = {}
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
            if self.name in self._record.repositories and await self._is_served():  # something may have gone
                raise
            self._evidence.without_repository()
            return None
        self._is_there = True
        await self._drop_helpers()
        await self._evidence.begin()
        await self._locks.put_back()
        return date or ""

    async def _drop_helpers(self) -> None:
        """Take off the tags that a killed process left on what it put back. Others may be of a restore that goes on."""
        for name, digest in list(self._watch.tags.items()):
            if not is_helper(name, digest):
                continue
            node = self.doomed.nodes.get(str(digest))
            if node is not None and self._record.has(self.name, node):
                await tags.delete(self._remote, name, missing_ok=True)
                self._watch.forget(name)
            else:
                self.notes.append(
                    f"{self.name}:{name} is of a restore that goes on or was interrupted. The next restore in"
                    f" {self.name} takes it off"
                )

    async def run(self) -> None:
        """Delete what the plan deletes, as far as it still stands."""
        await self._as_long_as_it_is_there(self._carry_out)

    async def put_back(self) -> None:
        """Put back what an earlier process deleted and is needed, and delete nothing more."""
        await self._as_long_as_it_is_there(self._repair)

    async def _as_long_as_it_is_there(self, work: Callable[[], Awaitable[None]]) -> None:
        if not self._is_there:
            return
        try:
            await work()
        except NoMetadataApi:
            raise
        except NotFound:
            if await catalog.exists(self._remote) or await self._is_served():
                raise
            self._vanish()

    async def _is_served(self) -> bool:
        """Whether the OCI API has the repository. One replica may lack it, and what was deleted may be needed."""

        async def ask() -> None:
            async with aclosing(tags.names(self._remote, page_size=1, last=None).pages()) as pages:
                await anext(pages)

        return await is_found(ask())

    async def _repair(self) -> None:
        for node in self.doomed.nodes.values():
            node.may_unlock = node.unlocks  # nothing goes: what the plan unlocks is no reason to put things back
        await self._noting.recall()
        await self._watch.compare()
        await self._back.run()
        await self.end()

    def _vanish(self) -> None:
        """Take note that somebody deleted the whole repository."""
        self._is_there = False
        self.notes.append(f"{self.name} was deleted by somebody else while the work went on")
        self._watch.missing.clear()
        self._watch.unread.clear()
        self.doomed.lacking.clear()
        self._evidence.without_repository()

    async def _carry_out(self) -> None:
        await self._noting.run()
        self.doomed.withhold()
        await self._watch.compare()
        await self._back.run()
        while batch := self.doomed.next(_BATCH):
            await self.look()
            await self._record.stay(self.name, self._seen_tags() - self.doomed.nodes.keys())
            for node in batch:
                if node.state is State.WAITING:
                    await self._deleting.run(node)
        await self.end()

    def _seen_tags(self) -> set[str]:
        """The tags that are known by now, without those of a restore that goes on."""
        return {name for name, digest in self._watch.tags.items() if not is_helper(name, digest)}

    async def look(self) -> None:
        """Look at what is new, and put back what it needs."""
        await self._watch.newest()
        await self._back.run()

    async def end(self) -> None:
        """Look for the last time, also at whether what is said to be deleted is, and what is kept is there."""
        if not self._is_there:
            return
        if self._has_deleted():
            await self._check(await self._watch.all_manifests())
        await self.look()
        await self._watch.end()
        if not self._has_deleted():
            return
        if not await is_counted(self._remote, self._watch.known()):
            self.notes.append(f"{self.name}: {_UNCOUNTED}")
        listed = await self._watch.all_tags()
        for node in self.doomed.nodes.values():
            if node.name:
                await self._evidence.end(node, is_listed=node.name in listed)
        await self._check_tags(listed)
        await self._back.run()

    async def _check_tags(self, listed: set[str]) -> None:
        """Tell which tags that were to stay are gone, also those that an earlier process saw."""
        are_there = True
        for name in sorted((self._seen_tags() | self._record.stayed(self.name)) - listed):
            known = self.doomed.nodes.get(name)
            if known is not None and (known.is_ended or known.state is State.LOST):
                continue
            if not await tags.exists(self._remote, name):  # else it is hidden
                self._add(f"{self.name}:{name}", _LOST_TAG)
                are_there = False
        if are_there:
            with suppress(TransferError):  # then a later run looks for them once more
                await self._record.seen(self.name)

    @property
    def has_begun(self) -> bool:
        """Whether something was deleted, or may be, by this process or an earlier one."""
        states = (State.WAITING, State.HELD, State.ABSENT)
        return any(node.is_taken or node.doubt or node.state not in states for node in self.doomed.nodes.values())

    def _has_deleted(self) -> bool:
        """Whether something was deleted, or may be. An earlier process may have put all of it back."""
        nodes = self.doomed.nodes.values()
        is_known = any(node.is_ended or node.is_sent or node.state is State.BACK for node in nodes)
        return is_known or bool(self._record.stayed(self.name))

    async def _check(self, listed: set[str]) -> None:
        """Compare the manifests of the plan with those that are listed at the end."""
        for node in self.doomed.manifests():
            await self._evidence.end(node, is_listed=node.key in listed)
            if node.key not in listed:
                await self._check_unlisted(node)
        if not any(node.state is not State.WANTED and node.is_taken for node in self.doomed.manifests()):
            return
        for node in self.doomed.manifests():
            if node.state is State.HELD and node.key in listed and not self.doomed.knows(node):
                self._break(node, "it is kept, and cannot be read: nobody knows whether it needs what was deleted")

    async def _check_unlisted(self, node: Node) -> None:
        """See whether a manifest is there that should be, and is not listed at the end."""
        was_there = node.state is State.BACK or (node.state is State.HELD and node.key in self._watch.listed)
        if was_there and await self._evidence.find(node) is None:
            what = "kept" if node.state is State.HELD else "put back"
            self._break(node, f"it was {what}, and is gone: somebody deleted it, or its subject")

    def _break(self, node: Node, why: str) -> None:
        self._add(node.reference(self.name), why)

    def _add(self, reference: str, why: str) -> None:
        self._broken[PurgeItem(reference=reference, why=why)] = None

    def not_whole(self) -> list[PurgeItem]:
        """What lacks something, or may lack something."""
        nodes = self.doomed.nodes
        found = dict(self._broken)
        lacks = [(key, f"it lists {part}, which somebody else deleted") for key, part in self.doomed.lacking]
        if any(node.is_taken for node in self.doomed.manifests()):
            lacks += [
                (key, f"it is new, and cannot be read ({why}): nobody knows whether it needs what was deleted")
                for key, (_, why) in self._watch.unread.items()
            ]
        lacks += [(key, why) for (key, _), why in self._watch.missing.items()]
        for key, why in lacks:
            reference = nodes[key].reference(self.name) if key in nodes else f"{self.name}@{key}"
            found[PurgeItem(reference=reference, why=why)] = None
        return list(found)

    def bare(self) -> list[str]:
        """Manifests that stay, and have lost all of their tags."""
        nodes = self.doomed.nodes
        left = self._watch.tags.items()
        tagged = {str(digest) for name, digest in left if name not in nodes or not nodes[name].is_ended}
        bare = {str(node.digest) for node in nodes.values() if node.name and node.is_ended} - tagged
        return [
            node.reference(self.name)
            for node in self.doomed.manifests()
            if node.key in bare and node.state in (State.HELD, State.BACK)
        ]

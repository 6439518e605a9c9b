"""Evidence: what became of a line, decided in one place from what is known of it.

Known are the listings, the answers to deletions, the journal, and what the trash tells. One answer that a line is not
found, of a registry that lists it, is a doubt. A doubt is told, and the line is not counted as whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.listed import manifest_metadata, manifests, tags, trash
from acr._core.listed.existence import if_found, is_found
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import Watch
from acr._inventory.marks import to_number
from acr._values.digest import Digest
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr.errors import AcrError

NO_ANSWER: Final = "its deletion was sent, and no answer came: nobody knows whether it is deleted"
_STILL_THERE: Final = "the registry said that it is gone, and still has it"
_STILL_LISTED: Final = "the registry said that it is gone, and still lists it"


class Evidence:
    """Decides what became of the lines of one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        watch: has what is listed.
        record: the journal.
        concurrency: reads at the same time.
    """

    def __init__(self, remote: Remote, doomed: Doomed, watch: Watch, record: Record, concurrency: int) -> None:
        self._remote = remote
        self._doomed = doomed
        self._watch = watch
        self._record = record
        self._concurrency = concurrency
        for node in doomed.nodes.values():  # all that is known if the registry lets nobody look
            if record.is_gone(remote.name, node):
                node.state = State.GONE
            node.doubt = record.doubt_of(remote.name, node)

    async def begin(self) -> None:
        """Decide when the listings are there, and before anything is deleted."""
        unlisted: list[Node] = []
        for node in self._doomed.nodes.values():
            if node.key not in self._watch.listed:
                unlisted.append(node)
            elif node.state is State.GONE:  # it is there still, or somebody pushed it again
                node.state = State.WAITING
                await self._record.owe_again(self._remote.name, node.key)
        unsure = [node for node in unlisted if node.state is not State.GONE]
        await self._each([partial(self._unlisted, node) for node in unsure])

    async def _each(self, tasks: list[Callable[[], Awaitable[None]]]) -> None:
        session = self._remote.session
        await session.runtime.gather(self._concurrency, tasks, width=session.learned.throttles.width)

    async def _unlisted(self, node: Node) -> None:
        """Decide about a line that is not listed, and that nobody is known to have deleted."""
        found = await self.find(node)
        if found is not None:
            self._watch.listed[node.key] = found
            self._doomed.hold(node.key, "it is hidden from the listing")
            return
        moved_to = self._record.moved_to(self._remote.name, node)
        if moved_to is not None:
            self._doomed.moved(node.key, moved_to, f"it had moved to {moved_to} when it was deleted")
        elif node.name and self._record.has(self._remote.name, node):
            await self.vanished(node)
        else:
            node.is_unclaimed = self._record.has(self._remote.name, node)
            node.state = State.ABSENT

    def without_repository(self) -> None:
        """Decide when somebody deleted the whole repository. Nothing is there then that could lack something."""
        for node in self._doomed.nodes.values():
            node.is_sent, node.doubt = False, ""
            if node.state in (State.WAITING, State.HELD):
                node.state = State.ABSENT

    async def not_found(self, node: Node) -> None:
        """Decide about a line that is gone when it is looked at, or when its deletion is answered."""
        if node.is_sent:
            await self.vanished(node)
        else:
            node.state = State.GONE if self._record.is_gone(self._remote.name, node) else State.ABSENT

    async def answered(self, node: Node) -> None:
        """Take note that the registry said that it has deleted a line as it was planned."""
        node.state, node.why, node.is_sent = State.GONE, "", False
        await self._record.gone(self._remote.name, node)

    async def vanished(self, node: Node) -> None:
        """Decide about a line that is gone, perhaps by a deletion of this plan, whose answer nobody has.

        A digest is the same manifest always. A tag may have moved just before: only the trash tells what it was.
        """
        last = await self._trashed(node) if node.name else node.digest
        if last == node.digest:
            await self.answered(node)
            return
        node.state, node.why, node.is_sent = State.GONE, "", False
        node.doubt = (
            "it is gone, and no answer told what it pointed to then: if it had just moved, nobody knows where to"
            if last is None
            else f"it is gone, and the trash tells that it pointed to {last} by then: restore it if that is not meant"
        )

    async def _trashed(self, node: Node) -> Digest | None:
        """What a tag pointed to when it was deleted, by the trash; None if that does not tell for certain.

        What the trash has of it counts if it was deleted after the plan saw it. Something else than was planned counts
        more than what was planned: it is what may be lost.
        """
        if node.updated is None:
            return None
        try:
            told = [one async for one in items(trash.tags(self._remote, page_size=LARGEST_PAGE))]
        except AcrError:  # soft delete is off, or nobody may look
            return None
        found = [one.digest for one in told if one.name == node.name and to_number(one.deleted) >= node.updated]
        return next((one for one in found if one != node.digest), node.digest if found else None)

    async def end(self, node: Node, *, is_listed: bool) -> None:
        """Decide at the end, when all is listed once more."""
        if is_listed and node.is_sent:
            node.is_sent = False
        if is_listed and node.state in (State.GONE, State.ABSENT):
            await self._listed_still(node)
        elif not is_listed and node.is_sent and await self.find(node) is None:
            is_held, why = node.state is State.HELD, node.why
            await self.vanished(node)
            if is_held:
                self._doomed.hold(node.key, why)

    async def _listed_still(self, node: Node) -> None:
        """Decide about a line that was said to be gone, and that is listed at the end.

        The listing may be late, or one replica lacks the line. What the registry has deleted counts as gone if it is
        found in neither of its APIs. What was only not found is a doubt.
        """
        found = await self.find(node)
        if found is not None and node.name and not is_as_planned(node, found):
            return  # somebody set it again
        await self._record.owe_again(self._remote.name, node.key)
        if found is None and node.state is State.GONE and not await self._is_served(node):
            return
        node.state, node.doubt = State.DOUBTFUL, ""
        node.why = _STILL_LISTED if found is None else _STILL_THERE

    async def _is_served(self, node: Node) -> bool:
        """Whether the OCI API has a line, or may have it. What may be a cache would import it, and is not asked."""
        return self._watch.is_cache is not False or await is_found(manifests.head(self._remote, node.key))

    async def find(self, node: Node) -> TagProperties | ManifestProperties | None:
        """A line as the registry has it; None if it has none."""
        if node.name:
            return await if_found(tags.get(self._remote, node.name))
        return await if_found(manifest_metadata.get(self._remote, node.digest))


def is_as_planned(node: Node, found: TagProperties | ManifestProperties) -> bool:
    """Whether an item is what the plan saw."""
    return found.digest == node.digest and to_number(found.updated) == node.updated

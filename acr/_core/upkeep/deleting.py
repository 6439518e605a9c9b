"""Deleting: a line is compared with the registry, and deleted at once if it stands as the plan says."""

from __future__ import annotations

from contextlib import suppress

from acr._cleanup.applying.doomed import Node, State
from acr._core.listed import manifest_metadata, manifests, tags
from acr._core.talk.attempts import Attempts, may_have_taken_effect
from acr._core.upkeep.evidence import Evidence, is_as_planned
from acr._core.upkeep.links import ACCEPTED
from acr._core.upkeep.noting import Noting
from acr._core.upkeep.pace import Pace
from acr._core.upkeep.putting_back import PuttingBack
from acr._core.upkeep.unlocking import Unlocking
from acr._core.upkeep.watching import Watch
from acr._values.properties import ManifestProperties, TagProperties
from acr.errors import (
    CredentialError,
    IntegrityError,
    LimitExceeded,
    Locked,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    ResponseError,
    TransportError,
)


class Deleting:
    """Deletes the lines of one repository.

    Args:
        noting: knows what was noted.
        watch: sees what is new.
        back: puts back what is needed after all.
        locks: takes locks off.
        pace: of the deletions.
        evidence: decides what became of a line.
    """

    def __init__(
        self,
        noting: Noting,
        watch: Watch,
        back: PuttingBack,
        locks: Unlocking,
        *,
        pace: Pace,
        evidence: Evidence,
    ) -> None:
        self._remote = noting.remote
        self._doomed = noting.doomed
        self._record = noting.record
        self._noting = noting
        self._watch = watch
        self._back = back
        self._locks = locks
        self._pace = pace
        self._evidence = evidence

    async def run(self, node: Node) -> None:
        """Delete a line, if it stands as the plan says. A lock that is in the way goes off first, and on again.

        Each try compares anew. A registry that throttles lets a minute pass, and somebody may set a tag in it.
        """
        attempts = self._remote.session.sender.attempts()
        while True:
            try:
                await self._try(node)
            except (TransportError, ResponseError) as problem:
                await attempts.again(problem)
            else:
                return

    async def _try(self, node: Node) -> None:
        if node.state is not State.WAITING:  # an earlier try has decided, and did not put all back
            await self._back.run()
            return
        await self._pace.wait()  # now, as nothing must come between the comparison and the deletion
        found = await self._standing(node, may_be_locked=node.may_unlock)
        if found is None:
            return
        if not found.locked:
            await self._send(node)
            return
        try:
            is_open = await self._unlock(node, found)
            if is_open and await self._standing(node, may_be_locked=False) is not None:
                await self._send(node)
        finally:
            await self._locks.put_back()  # unless the line is gone

    async def _unlock(self, node: Node, found: TagProperties | ManifestProperties) -> bool:
        try:
            await self._locks.take_off(self._remote, node, found)
        except Locked as error:
            self._doomed.hold_locked(node.key, f"it is locked, and cannot be unlocked: {error}")
            return False
        except NoMetadataApi:
            raise
        except NotFound:
            return True  # looked at again next
        return True

    async def _standing(self, node: Node, *, may_be_locked: bool) -> TagProperties | ManifestProperties | None:
        """A line as the registry has it, if it is to be deleted."""
        if not node.name:
            await self._watch.newest_manifests()
            await self._back.run()
            if node.state is not State.WAITING:
                return None
        try:
            found = await self._found(node)
        except NoMetadataApi:
            raise
        except NotFound:
            await self._evidence.not_found(node)
            return None
        why = self._differs(node, found, may_be_locked)
        if not self._noting.is_noted(node):
            self._hold_unread(node)
            why = why or "it could not be read when the work began"
        if not why:
            return found
        (self._doomed.hold_locked if found.locked else self._doomed.hold)(node.key, why)
        self._doomed.hold_any([str(found.digest)], f"the tag {node.name} points to it")
        return None

    async def _send(self, node: Node) -> None:
        await self._record.again()
        was_sent, node.is_sent = node.is_sent, True
        try:
            await (self._delete_tag(node) if node.name else self._delete_manifest(node))
        except (NoMetadataApi, CredentialError):
            node.is_sent = was_sent
            raise
        except NotFound:
            node.is_sent = was_sent
            await self._evidence.not_found(node)
        except Locked:
            node.is_sent = was_sent
            self._doomed.hold_locked(node.key, "it is locked")
        except ResponseError as error:
            node.is_sent = was_sent or may_have_taken_effect(error)
            raise

    async def _found(self, node: Node) -> TagProperties | ManifestProperties:
        if not node.name:
            return await manifest_metadata.get(self._remote, node.digest)
        found = await tags.get(self._remote, node.name)
        if found.digest == node.digest:
            try:
                if await self._is_cache(node):  # it would ask its source, and import
                    return found
                there = await manifests.head(self._remote, node.name)
            except NotFound:
                found = await tags.get(self._remote, node.name)  # it is gone, or else this is a doubt
                self._doomed.hold(node.key, "it is listed, and what it points to was not found")
                return found
            except Locked as error:
                self._doomed.hold(node.key, f"nobody can see what it points to: {error}")
                return found
            if there.digest != node.digest and there.digest.algorithm == node.digest.algorithm:
                self._doomed.hold_any([str(there.digest)], f"the tag {node.name} points to it")
                self._doomed.hold(node.key, "it has changed since the plan was made")
        return found

    async def _is_cache(self, node: Node) -> bool:
        """Whether the repository is a pull-through cache. If nothing was read, what a tag points to is: that is there.

        Only an answer with a manifest tells it.
        """
        if self._watch.is_cache is None:
            with suppress(IntegrityError, LimitExceeded, ProtocolViolation):
                found = await manifests.fetch(self._remote, node.digest, accept=ACCEPTED)
                self._watch.is_cache = found.origin is not None
        return bool(self._watch.is_cache)

    def _hold_unread(self, node: Node) -> None:
        """Hold what a line that was not noted may lead to: of a manifest that is anything in the repository."""
        if not node.name:
            self._doomed.hold_all(f"a doubt: {node.digest} could not be read, so nobody knows what it leads to")

    def _differs(self, node: Node, found: TagProperties | ManifestProperties, may_be_locked: bool) -> str:
        """Why a line does not stand as the plan says; empty if it does."""
        if node.state is not State.WAITING:
            return node.why
        if found.locked and not may_be_locked:
            return "it is locked"
        if not is_as_planned(node, found):
            return "it has changed since the plan was made"
        if isinstance(found, ManifestProperties) and found.tags:
            return f"it has the tag {found.tags[0]}"
        return ""

    async def _delete_tag(self, node: Node) -> None:
        told = await tags.delete(self._remote, node.name, missing_ok=False, attempts=self._once())
        if told is None:
            await self._evidence.vanished(node)
            return
        if told == node.digest:
            await self._evidence.answered(node)
            return
        node.is_sent = False  # it moved between its comparison and its deletion
        self._doomed.moved(node.key, told, f"it moved to {told} while it was deleted")
        try:
            await self._record.moved(self._remote.name, node, told)
        finally:  # also if the disk is full: nobody else knows where it was
            await self._back.run()

    async def _delete_manifest(self, node: Node) -> None:
        await manifests.delete(self._remote, node.digest, missing_ok=False, attempts=self._once())
        await self._evidence.answered(node)

    def _once(self) -> Attempts:
        """A try that is not repeated before the line was compared again."""
        return self._remote.session.sender.attempts(lambda _: False)

"""Putting back: what was deleted and turns out to be needed is pushed again, children first, as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.listed import manifest_metadata, manifests, tags, trash
from acr._core.listed.existence import if_found
from acr._core.talk.remote import Remote
from acr._core.upkeep.recorded import Owed, Record
from acr._core.upkeep.restoring import restore_untagged
from acr._core.upkeep.unlocking import with_flags
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import TagProperties
from acr.errors import (
    Denied,
    IntegrityError,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    RateLimited,
    ResponseError,
    TransferError,
)

_NOT_NOTED = "its bytes are not in the journal"
_NOT_SEEN = "the registry took it, and says that it is not there"
_WAS_PUT_BACK: Final = (
    "it was put back to where the plan saw it, and no answer told what it pointed to when it was deleted: if it had"
    " just moved, nobody knows where to"
)


class PuttingBack:
    """Puts things back in one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        record: has the bytes.
        tell: is told what may lack something, and why.
    """

    def __init__(self, remote: Remote, doomed: Doomed, record: Record, tell: Callable[[Node, str], None]) -> None:
        self._remote = remote
        self._doomed = doomed
        self._record = record
        self._tell = tell

    async def run(self) -> None:
        """Put back what is wanted. What cannot be put back is marked as lost, with the reason.

        Raises:
            TransferError: something could not be noted, as if the disk is full. What needs no note is back.
        """
        unnoted: TransferError | None = None
        for node in self._doomed.wanted():
            try:
                await self._one(node)
            except TransferError as error:
                unnoted = unnoted or error
        if unnoted is not None:
            raise unnoted

    async def _one(self, node: Node) -> None:
        try:
            is_ours = await (self._tag(node, node.moved_to or node.digest) if node.name else self._manifest(node))
        except (RateLimited, NoMetadataApi):
            raise
        except (ResponseError, IntegrityError, ProtocolViolation) as error:
            node.state, node.why = State.LOST, f"{node.why}; it cannot be put back: {error}"
            if isinstance(error, Denied):
                raise
        else:
            node.state = State.BACK
            if is_ours:
                await self._record.back(self._remote.name, node)

    async def _manifest(self, node: Node) -> bool:
        found = await self._record.manifest(self._remote.name, node.digest)
        if found is None:
            raise ProtocolViolation(_NOT_NOTED)
        off = await self._owe(node, node.digest)
        try:
            await manifests.put(self._remote, found, tag=None)
        except ResponseError as error:
            if not (error.status == 409 and await trash.has(self._remote, node.digest)):
                raise
            await restore_untagged(self._remote, node.digest)
        if off:
            await manifest_metadata.update(self._remote, node.digest, with_flags(off))
            await self._record.locked(self._remote.name, node.key)
        return True

    async def _owe(self, node: Node, digest: Digest) -> Mapping[str, bool]:
        """Note that something is about to be there without its lock. Return the permissions that were off."""
        off = await self._record.flags(self._remote.name, node)
        if off:
            await self._record.unlock(self._remote.name, node.key, Owed(digest, off, None))
        return off

    async def _tag(self, node: Node, digest: Digest) -> bool:
        """Put a tag back, unless somebody has set it to something else meanwhile. Return whether it was put.

        If it is seen as it was before its deletion, that may be an answer from before it. To put it changes nothing
        then.

        Args:
            node: the tag.
            digest: what it points to.

        Raises:
            NotFound: the manifest is gone, too.
        """
        there = await self._look(node)
        if there is not None and there.digest not in (node.digest, digest):
            return False
        found = await self._bytes(digest)
        off = await self._owe(node, digest)
        if node.doubt:
            await self._record.doubt(self._remote.name, node, _WAS_PUT_BACK)
        await manifests.put(self._remote, found, tag=node.name)
        now = await self._look(node) or await self._look(node)  # one answer that it is not there is a doubt
        if now is None:
            raise ProtocolViolation(_NOT_SEEN)
        if off:
            await tags.update(self._remote, node.name, with_flags(off))
            await self._record.locked(self._remote.name, node.key)
        if now.created != now.updated:  # it was there when it was put
            what = "what that was is lost"
            if there is not None and there.created == now.created:
                what = f"it was {there.digest} just before"
            why = f"somebody set it while it was put back, and {what}"
            self._tell(node, why)
            await self._record.doubt(self._remote.name, node, why)
        return True

    async def _look(self, node: Node) -> TagProperties | None:
        return await if_found(tags.get(self._remote, node.name))

    async def _bytes(self, digest: Digest) -> Manifest:
        try:
            return await manifests.get(self._remote, digest)
        except NotFound:
            noted = await self._record.manifest(self._remote.name, digest)
            if noted is None:
                raise
            return noted

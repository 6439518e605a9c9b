"""Putting back: what was deleted and turns out to be needed is pushed again, children first, as it was."""

from __future__ import annotations

from collections.abc import Mapping

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.listed import manifests, tags, trash
from acr._core.listed.permissions import Changes, changes
from acr._core.talk.remote import Remote
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.restoring import restore_untagged
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr.errors import Denied, IntegrityError, NoMetadataApi, NotFound, ProtocolViolation, RateLimited, ResponseError

_NOT_NOTED = "its bytes are not in the journal"


class PuttingBack:
    """Puts things back in one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        record: has the bytes.
    """

    def __init__(self, remote: Remote, doomed: Doomed, record: Record) -> None:
        self._remote = remote
        self._doomed = doomed
        self._record = record

    async def run(self) -> None:
        """Put back what is wanted. What cannot be put back is marked as lost, with the reason."""
        for node in self._doomed.wanted():
            try:
                await (self.tag(node, node.digest) if node.name else self._manifest(node))
            except (RateLimited, NoMetadataApi):
                raise
            except (ResponseError, IntegrityError, ProtocolViolation) as error:
                node.state, node.why = State.LOST, f"{node.why}; it cannot be put back: {error}"
                if isinstance(error, Denied):
                    raise
            else:
                node.state = State.BACK
                await self._record.back(self._remote.name, node)

    async def _manifest(self, node: Node) -> None:
        found = await self._record.manifest(self._remote.name, node.digest)
        if found is None:
            raise ProtocolViolation(_NOT_NOTED)
        try:
            await manifests.put(self._remote, found, tag=None)
        except ResponseError as error:
            if not (error.status == 409 and await trash.has(self._remote, node.digest)):
                raise
            await restore_untagged(self._remote, node.digest)
        off = await self._record.flags(self._remote.name, node)
        if off:
            await manifests.update(self._remote, node.digest, _off(off))

    async def tag(self, node: Node, digest: Digest) -> bool:
        """Put a tag back, unless somebody has set it meanwhile.

        Args:
            node: the tag.
            digest: what it points to.

        Returns:
            Whether somebody set it at the same moment, so that what that was is lost.

        Raises:
            NotFound: the manifest is gone, too.
        """
        if await tags.exists(self._remote, node.name):
            return False
        found = await self._bytes(digest)
        await manifests.put(self._remote, found, tag=node.name)
        off = await self._record.flags(self._remote.name, node)
        if off:
            await tags.update(self._remote, node.name, _off(off))
        now = await tags.get(self._remote, node.name)
        return now.created != now.updated

    async def _bytes(self, digest: Digest) -> Manifest:
        try:
            return await manifests.get(self._remote, digest)
        except NotFound:
            noted = await self._record.manifest(self._remote.name, digest)
            if noted is None:
                raise
            return noted


def _off(flags: Mapping[str, bool]) -> Changes:
    return changes(**{name: flags.get(name) for name in ("can_read", "can_write", "can_list", "can_delete")})

"""Family: what belongs to a manifest in its repository: what it lists, and what is attached to any of it."""

from __future__ import annotations

from acr import media_types
from acr._cleanup.graph import NAMED
from acr._core.images.graph import MOST_MANIFESTS
from acr._core.listed import manifest_metadata, manifests, referrers, tags
from acr._core.listed.existence import is_found
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import ACCEPTED, read_links
from acr._core.upkeep.watching import digest_of
from acr._inventory.marks import LEADS_DOWN
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr.errors import LimitExceeded, NotFound, ProtocolViolation


class Family:
    """What belongs to a manifest, at any depth. What was asked for once is known."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._tags: list[TagProperties] | None = None
        self._manifests: list[ManifestProperties] | None = None
        self._named: dict[tuple[str, str], list[TagProperties]] = {}
        self._below: dict[Digest, list[Digest]] = {}
        self._is_cache = False

    async def tags(self) -> list[TagProperties]:
        """All tags of the repository."""
        if self._tags is None:
            walk = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
            self._tags = [one async for one in items(walk)]
            for tag in self._tags:
                match = NAMED.fullmatch(tag.name)
                if match is not None:
                    self._named.setdefault((match[1], match[2]), []).append(tag)
        return self._tags

    async def manifests(self) -> list[ManifestProperties]:
        """All manifests of the repository."""
        if self._manifests is None:
            walk = manifest_metadata.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
            self._manifests = [one async for one in items(walk)]
        return self._manifests

    async def locked(self) -> set[str]:
        """The names of the tags and the digests of the manifests that were locked at the first look."""
        tagged = {tag.name for tag in await self.tags() if tag.locked}
        return tagged | {str(one.digest) for one in await self.manifests() if one.locked}

    async def of(self, root: Digest) -> tuple[list[Digest], list[TagProperties]]:
        """A manifest with all that belongs to it, and the tags that are named after any of it.

        Raises:
            NotFound: it is not there.
            ProtocolViolation: something cannot be read, so nobody knows what belongs to it.
            LimitExceeded: it is too much.
        """
        await self.tags()
        found = {root: None}
        named: dict[str, TagProperties] = {}
        left = [root]
        while left:
            digest = left.pop(0)
            below = await self._directly_below(digest, is_root=digest == root)
            for tag in self._named.get((digest.algorithm, digest.hex[:64]), ()):
                named[tag.name] = tag
                below = [*below, tag.digest]
            for one in below:
                if one not in found:
                    found[one] = None
                    left.append(one)
            if len(found) > MOST_MANIFESTS:
                raise LimitExceeded(f"what belongs to {root}", limit=MOST_MANIFESTS, unit="manifests")
        return [one for one in found if one in self._below], list(named.values())

    async def _directly_below(self, digest: Digest, *, is_root: bool) -> list[Digest]:
        if digest in self._below:
            return self._below[digest]
        found = await self._read(digest, is_root=is_root)
        if found is None:
            return []  # an index may list what is not here
        reading = read_links(found)
        if reading.trouble and found.media_type not in media_types.SCHEMA1:
            raise ProtocolViolation(
                f"{self._remote.name}@{digest} may lead to others, and cannot be read: {reading.trouble}"
            )
        children = [Digest(digest_of(link.content)) for link in reading.links if link.kind in LEADS_DOWN]
        attached = [one.digest async for one in items(referrers.Referrers(self._remote, digest, None, True))]
        self._below[digest] = list(dict.fromkeys([*children, *attached]))
        return self._below[digest]

    async def _read(self, digest: Digest, *, is_root: bool) -> Manifest | None:
        """A manifest; None if it is not there, and not the root."""
        if self._is_cache and not await self._is_there(digest):  # a pull-through cache would import it
            return None
        try:
            found, origin = await manifests.fetch(self._remote, digest, accept=ACCEPTED)
        except NotFound as error:
            if await self._is_there(digest):  # a 404 that passes must not hide what belongs together
                raise ProtocolViolation(
                    f"{self._remote.name}@{digest} is there, and cannot be read: try again"
                ) from error
            if is_root:
                raise
            return None
        self._is_cache = self._is_cache or origin is not None
        return found

    async def _is_there(self, digest: Digest) -> bool:
        if await is_found(manifest_metadata.get(self._remote, digest)):
            return True
        return any(one.digest == digest for one in await self.manifests())

"""Restoring: brings back from the trash what a tag or a manifest needs. ACR restores one manifest at a time.

ACR demands a tag for each manifest that it restores. One that had no tag gets a tag for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from acr import media_types
from acr._cleanup.graph import NAMED
from acr._core.images.graph import MOST_MANIFESTS
from acr._core.listed import manifests, tags, trash
from acr._core.listed.existence import is_found
from acr._core.listed.referrers import Referrers
from acr._core.storage import Journal, ManifestCache
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import ACCEPTED, read_links
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import digest_of
from acr._inventory.tables import LEADS_DOWN
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import LARGEST_PAGE
from acr._values.reference import check_reference
from acr._values.trash import Restored, TrashedTag
from acr.errors import LimitExceeded, NotFound, ResponseError

_GONE: Final = "it is neither there nor in the trash"


async def restore_untagged(remote: Remote, digest: Digest) -> None:
    """Bring one manifest back, and leave it without a tag."""
    name = _helper(digest)
    await trash.restore(remote, digest, name, force=False)
    await tags.delete(remote, name, missing_ok=True)


def _helper(digest: Digest) -> str:
    """The tag that a manifest without a tag gets for a moment."""
    return f"restoring-{digest.hex[:24]}"


async def restore(
    remote: Remote,
    reference: str,
    *,
    deep: bool,
    force: bool,
    cache: ManifestCache | None,
    journal: Journal | None,
) -> Restored:
    """Bring a tag or a manifest back.

    Args:
        remote: the repository.
        reference: tag or digest.
        deep: also what it lists, and what is attached to any of it.
        force: whether the tag moves if it points elsewhere now.
        cache: has manifests of earlier inventories, and so knows what is in the trash.
        journal: that of a purge. It knows what that deleted.

    Raises:
        NotFound: it is neither there nor in the trash, or the registry has no trash.
    """
    record = None if journal is None else Record(remote.session.runtime, journal)
    try:
        work = _Restoring(remote, force, cache, record)
        return await work.run(check_reference(reference), deep=deep)
    finally:
        if cache is not None:
            await remote.session.runtime.blocking(cache.close)
        if record is not None:
            await record.close()


class _Restoring:
    """The work on one reference."""

    def __init__(self, remote: Remote, force: bool, cache: ManifestCache | None, record: Record | None) -> None:
        self._remote = remote
        self._force = force
        self._cache = cache
        self._record = record
        self._trashed: set[Digest] = set()
        self._tags: list[TrashedTag] = []
        self._live_tags: dict[tuple[str, str], list[Digest]] | None = None
        self._known: dict[Digest, Manifest] = {}
        self._reached: dict[Digest, None] = {}
        self._back: list[Digest] = []
        self._back_tags: list[str] = []
        self._missing: dict[str, str] = {}

    async def run(self, reference: str, *, deep: bool) -> Restored:
        """Bring it back."""
        self._trashed = {one.digest async for one in items(trash.manifests(self._remote, page_size=LARGEST_PAGE))}
        found = [one async for one in items(trash.tags(self._remote, page_size=LARGEST_PAGE))]
        found = [one for one in found if one.name != _helper(one.digest)]  # nobody but this client gave it that name
        self._tags = sorted(found, key=lambda one: one.deleted)  # of several with one name, the last one counts
        if self._cache is not None:
            self._known |= await self._remote.session.runtime.blocking(self._cache.find, list(self._trashed))
        if self._record is not None:
            self._known |= await self._record.known(self._remote.name, self._trashed)
        root, tag = await self._root(reference)
        await self._bring_all(root, tag, deep=deep)
        if deep:
            await self._bring_attached()
        left = self._trashed - set(self._back) - set(self._known)
        return Restored(
            repository=self._remote.name,
            digest=root,
            tags=tuple(self._back_tags),
            manifests=tuple(self._back),
            missing=self._missing,
            unknown=tuple(sorted(left)) if deep else (),
        )

    async def _root(self, reference: str) -> tuple[Digest, str | None]:
        """What is asked for, and the tag that it gets."""
        if isinstance(reference, Digest):
            if reference in self._trashed or await self._is_there(reference):
                return reference, await self._free_tag(reference)
        else:
            found = [one for one in self._tags if one.name == reference]
            if not (found and self._force) and await tags.exists(self._remote, reference):
                return (await tags.get(self._remote, reference)).digest, None  # what is there wins
            if found:
                return found[-1].digest, reference
        raise NotFound(f"{self._remote.name} has no {reference}, and neither has its trash", status=404)

    async def _free_tag(self, digest: Digest) -> str | None:
        """The tag that a manifest had last, if nothing has it now."""
        if digest not in self._trashed:
            return None
        found = [one.name for one in self._tags if one.digest == digest]
        if not found or await tags.exists(self._remote, found[-1]):
            return None
        return found[-1]

    async def _bring_all(self, root: Digest, tag: str | None, *, deep: bool) -> None:
        """Bring a manifest and what it lists: children first if it is known what these are."""
        left: list[tuple[Digest, str | None, bool]] = [(root, tag, False)]
        while left:
            digest, name, is_known = left.pop()
            if is_known:
                await self._bring(digest, name)
                continue
            if digest in self._reached:
                continue
            self._reached[digest] = None
            if len(self._reached) > MOST_MANIFESTS:
                raise LimitExceeded(f"what belongs to {root}", limit=MOST_MANIFESTS, unit="manifests")
            known = self._known.get(digest)
            if known is None:
                await self._bring(digest, name)
                known = await self._fetched(digest)
            else:
                left.append((digest, name, True))
            children = self._children(known) if known is not None else []
            if deep:
                left += [(child, None, False) for child in children]
            else:
                await self._look(children)

    async def _look(self, children: Iterable[Digest]) -> None:
        for child in children:
            if child in self._trashed:
                self._missing[str(child)] = "it is in the trash: deep=True brings it back, too"
            elif not await self._is_there(child):
                self._missing[str(child)] = _GONE

    async def _bring(self, digest: Digest, tag: str | None) -> None:
        """Bring one manifest back, or let a tag point to one that is there."""
        try:
            if tag is not None:
                await trash.restore(self._remote, digest, tag, force=self._force)
                self._back_tags.append(tag)
            elif digest in self._trashed:
                await restore_untagged(self._remote, digest)
        except NotFound:
            self._missing[str(digest)] = _GONE
            return
        if digest in self._trashed:
            self._back.append(digest)

    async def _fetched(self, digest: Digest) -> Manifest | None:
        try:
            return await manifests.get(self._remote, digest, accept=ACCEPTED)
        except NotFound:
            self._missing[str(digest)] = _GONE
            return None

    async def _is_there(self, digest: Digest) -> bool:
        return await is_found(manifests.properties(self._remote, digest))

    def _children(self, manifest: Manifest) -> list[Digest]:
        reading = read_links(manifest)
        if reading.trouble and manifest.media_type not in media_types.SCHEMA1:
            self._missing[str(manifest.digest)] = f"it may list others, and cannot be read: {reading.trouble}"
        return [Digest(digest_of(link.content)) for link in reading.links if link.kind in LEADS_DOWN]

    async def _bring_attached(self) -> None:
        """Bring what is attached to anything that was reached, until there is no more."""
        done: set[Digest] = set()
        while left := [one for one in self._reached if one not in done]:
            for digest in left:
                done.add(digest)
                for tag in self._named_after(digest):
                    await self._bring_tag(tag)
                for one in await self._live_after(digest):  # a part of it may be in the trash
                    await self._bring_all(one, None, deep=True)
                for one in self._attached_to(digest):
                    await self._bring_all(one, await self._free_tag(one), deep=True)

    async def _live_after(self, digest: Digest) -> list[Digest]:
        """The manifests that are there, and are attached to a manifest, by the API or by the name of a tag."""
        if self._live_tags is None:
            walk = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
            self._live_tags = {}
            async for tag in items(walk):
                match = NAMED.fullmatch(tag.name)
                if match is not None:
                    self._live_tags.setdefault((match[1], match[2]), []).append(tag.digest)
        found = list(self._live_tags.get((digest.algorithm, digest.hex[:64]), ()))
        if str(digest) not in self._missing:
            found += [one.digest async for one in items(Referrers(self._remote, digest, None, True))]
        return found

    def _named_after(self, digest: Digest) -> Sequence[TrashedTag]:
        """The deleted tags that are named after a manifest: of each name the last one."""
        found: dict[str, TrashedTag] = {}
        for tag in self._tags:
            match = NAMED.fullmatch(tag.name)
            if match is not None and (match[1], match[2]) == (digest.algorithm, digest.hex[:64]):
                found[tag.name] = tag
        return list(found.values())

    async def _bring_tag(self, tag: TrashedTag) -> None:
        if await tags.exists(self._remote, tag.name):
            return
        try:
            if tag.digest in self._reached:
                await self._bring(tag.digest, tag.name)
            else:
                await self._bring_all(tag.digest, tag.name, deep=True)
        except ResponseError as error:
            self._missing[tag.name] = str(error)

    def _attached_to(self, digest: Digest) -> list[Digest]:
        """The manifests in the trash that are attached to a manifest, as far as it is known what they are."""
        found = []
        for one, manifest in self._known.items():
            subject = next((link for link in read_links(manifest).links if link.kind.name == "SUBJECT"), None)
            if subject is not None and digest_of(subject.content) == digest and one not in self._reached:
                found.append(one)
        return found

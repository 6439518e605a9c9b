"""Restoring: brings back from the trash what a tag or a manifest needs. ACR restores one manifest at a time.

ACR demands a tag for each manifest that it restores. One that had no tag gets a tag for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from functools import partial
from typing import Final

from acr import media_types
from acr._cleanup.graph import NAMED
from acr._core.images.graph import MOST_MANIFESTS
from acr._core.listed import manifest_metadata, manifests, tags, trash
from acr._core.listed.existence import is_found
from acr._core.listed.referrers import Referrers
from acr._core.storage import Journal, ManifestCache
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import ACCEPTED, read_links
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import digest_of
from acr._inventory.marks import LEADS_DOWN
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import LARGEST_PAGE
from acr._values.reference import check_reference
from acr._values.trash import Restored, TrashedTag
from acr.errors import Denied, LimitExceeded, Locked, NotFound, ResponseError

_PREFIX: Final = "restoring-"
_HELPERS_PAGE: Final = 100
_GONE: Final = "it is neither there nor in the trash"


async def restore_untagged(remote: Remote, digest: Digest) -> None:
    """Bring one manifest back, and leave it without a tag."""
    name = _helper(digest)
    await trash.restore(remote, digest, name, force=False)
    await tags.delete(remote, name, missing_ok=True)


def _helper(digest: Digest) -> str:
    """The tag that a manifest without a tag gets for a moment."""
    return f"{_PREFIX}{digest.hex[:24]}"


def is_helper(tag: str, digest: Digest) -> bool:
    """Whether a tag is one that a manifest gets for a moment. Nobody but this client gives it that name."""
    return tag == _helper(digest)


async def _left_helpers(remote: Remote) -> list[str]:
    """The tags that a process has left which was killed while it brought something back."""
    walk = tags.tags(remote, order_by=None, page_size=_HELPERS_PAGE, last=_PREFIX, digest=None)  # from there on
    found: list[str] = []
    with suppress(NotFound):  # the whole repository is in the trash
        async with aclosing(items(walk)) as listed:
            async for tag in listed:
                if not tag.name.startswith(_PREFIX):
                    break
                if is_helper(tag.name, tag.digest):
                    found.append(tag.name)
    return found


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
    runtime = remote.session.runtime
    record = None if journal is None else Record(runtime, journal)
    async with AsyncExitStack() as closing:
        if record is not None:
            closing.push_async_callback(record.close)
        if cache is not None:
            closing.push_async_callback(runtime.to_the_end, partial(runtime.blocking, cache.close))
        work = _Restoring(remote, force, cache, record)
        return await work.run(check_reference(reference), deep=deep)


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
        self._was_live = False
        self._older: Digest | None = None

    async def run(self, reference: str, *, deep: bool) -> Restored:
        """Bring it back."""
        self._trashed = {one.digest async for one in items(trash.manifests(self._remote, page_size=LARGEST_PAGE))}
        found = [one async for one in items(trash.tags(self._remote, page_size=LARGEST_PAGE))]
        found = [one for one in found if not is_helper(one.name, one.digest)]
        self._tags = sorted(found, key=lambda one: one.deleted)  # of several with one name, the last one counts
        if self._cache is not None:
            self._known |= await self._remote.session.runtime.blocking(self._cache.find, list(self._trashed))
        if self._record is not None:
            self._known |= await self._record.known(self._remote.name, self._trashed)
        await self._drop_helpers()
        root, tag = await self._root(reference)
        await self._bring_all(root, tag, deep=deep)
        if deep:
            await self._bring_attached()
        left = self._trashed - set(self._back) - set(self._known)
        return Restored(
            repository=self._remote.name,
            reference=reference,
            digest=root,
            was_live=self._was_live,
            in_trash=self._older if self._older != root else None,
            tags=tuple(self._back_tags),
            manifests=tuple(self._back),
            missing=self._missing,
            unknown=tuple(sorted(left)) if deep else (),
        )

    async def _drop_helpers(self) -> None:
        """Take off what an earlier restore left. If one goes on at the same time, it would take off the same."""
        for name in await _left_helpers(self._remote):
            try:
                await tags.delete(self._remote, name, missing_ok=True)
            except (Denied, Locked) as error:
                self._missing[name] = f"an earlier restore left this tag, and it cannot be deleted: {error}"

    async def _root(self, reference: str) -> tuple[Digest, str | None]:
        """What is asked for, and the tag that it gets."""
        if isinstance(reference, Digest):
            self._was_live = reference not in self._trashed
            if not self._was_live or await self._is_there(reference):
                return reference, await self._free_tag(reference)
        else:
            found = [one for one in self._tags if one.name == reference]
            if not (found and self._force) and await tags.exists(self._remote, reference):
                self._was_live, self._older = True, found[-1].digest if found else None
                return (await tags.get(self._remote, reference)).digest, None  # what is there wins
            if found:
                return found[-1].digest, reference
        raise NotFound(f"{self._remote.name} has no {reference}, and neither has its trash", status=404)

    async def _free_tag(self, digest: Digest) -> str | None:
        """The tag that a manifest had last, if nothing has it now, and nothing else had it later."""
        if digest not in self._trashed:
            return None
        last = {one.name: one.digest for one in self._tags}
        found = [one.name for one in self._tags if one.digest == digest == last[one.name]]
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
        return await is_found(manifest_metadata.get(self._remote, digest))

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

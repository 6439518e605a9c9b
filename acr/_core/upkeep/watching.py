"""Watching: what has come to a repository since a plan was made, and what of the plan it leads to.

A listing by time shows the newest first. So to look again takes a page each of tags and manifests, however many there
are. If a registry does not obey the order, it takes all pages. A new manifest is fetched: what it leads to must stay,
or be put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

import attrs

from acr import media_types
from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.listed import catalog, manifest_metadata, manifests, tags
from acr._core.listed.existence import if_found, is_found
from acr._core.talk import scopes
from acr._core.talk.paging import Walk
from acr._core.talk.remote import Remote
from acr._core.upkeep.counting import LISTINGS, is_still, uncounted
from acr._core.upkeep.links import Reading, read_links
from acr._core.upkeep.repositories import accepted
from acr._inventory.marks import LEADS_DOWN, Kind, to_number
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr.errors import (
    Denied,
    IntegrityError,
    LimitExceeded,
    Locked,
    NotFound,
    ProtocolViolation,
)

T = TypeVar("T", TagProperties, ManifestProperties)

_SLACK: Final = 60_000_000
"""Microseconds before the newest that was seen: a replica may show something late."""

_NEWEST_PAGE: Final = 100
_PASSED: Final = "Passed"


@attrs.frozen
class Planned:
    """What the plan says of a repository beside its deletions: what stays there."""

    digests: frozenset[str]


def digest_of(packed: bytes) -> str:
    """A packed digest as text."""
    return f"{'sha256' if len(packed) == 32 else 'sha512'}:{packed.hex()}"


def leads_to(reading: Reading) -> tuple[list[str], str | None]:
    """What a manifest lists, and what it is attached to."""
    parts = [digest_of(link.content) for link in reading.links if link.kind != Kind.SUBJECT]
    subject = next((digest_of(link.content) for link in reading.links if link.kind == Kind.SUBJECT), None)
    return parts, subject


class Order:
    """Whether a listing shows the newest first, as it was asked to."""

    def __init__(self) -> None:
        self._is_known = False
        self._is_kept = True
        self._last: int | None = None

    def begin(self) -> None:
        """Begin with the first page."""
        self._last = None

    def is_below(self, times: Sequence[int], floor: int) -> bool:
        """Take in the times of a page. Return whether all that is behind it is older than the newest that was seen."""
        if not times:
            return False
        if not self._is_known:  # nothing has gone yet, so the newest that was seen is there
            self._is_known, self._is_kept = True, times[0] >= floor
        shown = times if self._last is None else [self._last, *times]
        if any(later > before for before, later in pairwise(shown)):
            self._is_kept = False
        self._last = times[-1]
        return self._is_kept and self._last < floor - _SLACK


class Watch:
    """Sees what is new in one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan. What something new leads to is held there.
        planned: what stays by the plan.
        concurrency: requests at the same time.
    """

    def __init__(self, remote: Remote, doomed: Doomed, planned: Planned, concurrency: int) -> None:
        self._remote = remote
        self._doomed = doomed
        self._planned = planned
        self._concurrency = concurrency
        self.tags: dict[str, Digest] = {}
        self.listed: dict[str, ManifestProperties | TagProperties] = {}
        self.manifests: set[str] = set()
        self.missing: dict[tuple[str, str], str] = {}
        """What new manifests list and is not there: the digests of both, and why."""
        self.unread: dict[str, tuple[ManifestProperties | TagProperties, str]] = {}
        """New manifests that cannot be read, each with how it is known, and why."""
        self._read: set[str] = set()
        self._newest: dict[str, int] = {}
        self._orders: dict[str, Order] = {}
        self._found_manifests: list[ManifestProperties] = []
        self._found_tags: list[TagProperties] = []
        self._uncounted = ""
        self._is_locked = False
        self.is_cache: bool | None = None  # until an answer with a manifest tells it

    async def begin(self) -> str | None:
        """List all that is there. Call `compare` when it is known what an earlier process deleted.

        Returns:
            The header `Date` of the registry.

        Raises:
            NotFound: there is no such repository.
        """
        scope = scopes.read_metadata(self._remote.name)
        first, date = await catalog.get_dated(self._remote, scope)
        told = [first]
        for _ in range(LISTINGS):
            self._found_manifests = await self._all_manifests()
            self._found_tags = await self._all_tags()
            told.append((await catalog.get_dated(self._remote, scope))[0])
            if is_still(told):
                break
        self.manifests = {str(one.digest) for one in self._found_manifests}
        self.tags = {one.name: one.digest for one in self._found_tags}
        self.listed = {str(one.digest): one for one in self._found_manifests if str(one.digest) in self._doomed.nodes}
        self.listed |= {one.name: one for one in self._found_tags if one.name in self._doomed.nodes}
        self._uncounted = uncounted(told, len(self.manifests), len(self.tags))
        self._is_locked = any(one.locked for one in told)
        return date

    async def compare(self) -> None:
        """Hold what has changed since the plan was made, and what something new leads to."""
        if self._is_locked:
            self._doomed.hold_all("the repository is locked")
        if self._uncounted:
            self._doomed.hold_all(self._uncounted)
        await self._take(self._found_tags, self._found_manifests)
        self._found_tags, self._found_manifests = [], []

    def forget(self, tag: str) -> None:
        """Forget a tag that was listed at the beginning, and that this client has taken off."""
        self.tags.pop(tag, None)
        self._found_tags = [one for one in self._found_tags if one.name != tag]

    async def newest(self) -> None:
        """Look at what has come since the last look. What could not be read then may be readable now."""
        walk = manifest_metadata.manifests(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None)
        listing = tags.tags(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None, digest=None)
        found = await self._list(walk, "manifests", self._newest.get("manifests"))
        found_tags = await self._list(listing, "tags", self._newest.get("tags"))
        await self._take(found_tags, found)
        await self._read_new([one for one, _ in self.unread.values() if str(one.digest) not in self._read])

    async def newest_manifests(self) -> None:
        """As `newest`, for manifests alone: the registry deletes what is attached to a manifest together with it.

        While something new is read, more may come. So this looks again, three times at the most.
        """
        for _ in range(LISTINGS):
            walk = manifest_metadata.manifests(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None)
            if not await self._take([], await self._list(walk, "manifests", self._newest.get("manifests"))):
                break

    async def all_tags(self) -> set[str]:
        """The names of all tags."""
        return {one.name for one in await self._all_tags()}

    async def all_manifests(self) -> set[str]:
        """The digests of all manifests. What was pushed again since it was deleted is held."""
        found = await self._all_manifests()
        await self._take([], found)
        return {str(one.digest) for one in found}

    def known(self) -> set[str]:
        """The manifests of which it is known what they lead to, also if they are hidden from the listing."""
        kept = {one.key for one in self._doomed.manifests() if not one.is_ended and self._doomed.knows(one)}
        return kept | self._read | self._planned.digests

    async def _all_manifests(self) -> list[ManifestProperties]:
        walk = manifest_metadata.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        return await self._list(walk, "manifests", None)

    async def _all_tags(self) -> list[TagProperties]:
        listing = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
        return await self._list(listing, "tags", None)

    async def _list(self, walk: Walk[T], what: str, floor: int | None) -> list[T]:
        """List items: all, or the newest ones down to a time.

        Not every registry obeys the order that it is asked for. If one shows something older before something newer,
        or not the newest first when nothing has gone yet, all of its pages are read.
        """
        found: list[T] = []
        order = self._orders.setdefault(what, Order())
        order.begin()
        async with aclosing(walk.pages()) as pages:
            async for page in pages:
                found += page.items
                if floor is not None and order.is_below([to_number(item.updated) for item in page.items], floor):
                    break
        self._newest[what] = max([self._newest.get(what, 0), *(to_number(item.updated) for item in found)])
        return found

    async def _take(self, found_tags: Iterable[TagProperties], found: Iterable[ManifestProperties]) -> bool:
        """Take in what is listed. Return whether something new was read."""
        new: dict[str, ManifestProperties | TagProperties] = {}
        for manifest in found:
            digest = str(manifest.digest)
            self.manifests.add(digest)
            node = self._doomed.nodes.get(digest)
            if node is not None:
                was_absent = node.state is State.ABSENT
                is_same = self._compare(node, manifest)
                if was_absent and not is_same:  # somebody pushed it again
                    new[digest] = manifest
                continue
            if self._is_new(digest):
                new[digest] = manifest
            if manifest.locked:
                self._doomed.hold_locked(digest, "it is locked")  # with the tags of the plan that point to it
        for tag in found_tags:
            self._take_tag(tag)
            digest = str(tag.digest)
            if digest not in self.manifests and self._is_new(digest):
                new[digest] = tag  # its manifest is hidden from the listing, or came behind it
        await self._read_new(list(new.values()))
        return bool(new)

    def _is_new(self, digest: str) -> bool:
        """Whether a manifest must be read, as nobody knows what it leads to. One that was gone is there again."""
        if digest in self._doomed.nodes:
            return self._doomed.nodes[digest].state is State.ABSENT
        return digest not in self._planned.digests and digest not in self._read and digest not in self.unread

    def _take_tag(self, tag: TagProperties) -> None:
        doomed = self._doomed
        self.tags[tag.name] = tag.digest
        node = doomed.nodes.get(tag.name)
        if node is not None and self._compare(node, tag):
            return
        why = f"the tag {tag.name} points to it"
        doomed.hold_any([str(tag.digest)], why)
        doomed.hold_any([doomed.named(tag.name)], f"the tag {tag.name} is named after it")

    def _compare(self, node: Node, found: TagProperties | ManifestProperties) -> bool:
        """Compare a line with what the registry lists. Return whether the line stands as it was."""
        doomed = self._doomed
        is_same = found.digest == node.digest and to_number(found.updated) == node.updated
        if is_same and node.state is State.WAITING and found.locked and not node.may_unlock:
            doomed.hold_locked(node.key, "it is locked")
        elif not is_same and node.state is State.WAITING:
            doomed.hold(node.key, "it has changed since the plan was made")
        elif not is_same and (node.is_ended or (node.state is State.LOST and not node.name)):
            doomed.returned(node.key, "somebody pushed it again")
        return is_same

    async def _read_new(self, new: Sequence[ManifestProperties | TagProperties]) -> None:
        """Read new manifests, and hold what they lead to."""
        runtime, width = self._remote.session.runtime, self._remote.session.learned.throttles.width
        got = await runtime.gather(self._concurrency, [partial(self.read, one) for one in new], width=width)
        for one, found in zip(new, got, strict=True):
            self.unread.pop(str(one.digest), None)
            if isinstance(found, str):
                self._doubt(one, found)
            elif found is not None:  # one that vanished may come again, or be there on another replica
                self._read.add(str(one.digest))
                await self._follow(one, found)

    def _doubt(self, new: ManifestProperties | TagProperties, why: str) -> None:
        """Take note that nobody knows what a new manifest leads to."""
        self.unread[str(new.digest)] = new, why
        self._doomed.hold_all(f"a doubt: {new.digest}, which is new, cannot be read: {why}")

    async def _follow(self, new: ManifestProperties | TagProperties, found: Manifest) -> None:
        """Hold what a new manifest leads to."""
        reading = read_links(found)
        parts, subject = leads_to(reading)
        if str(new.digest) in self._doomed.nodes:
            self._doomed.returned(str(new.digest), "it was gone, and is there again")
            self._doomed.learn(str(new.digest), parts, subject)
        if reading.trouble and found.media_type not in media_types.SCHEMA1:
            self._doubt(new, reading.trouble)
        self._doomed.hold_any(parts, f"it is part of {new.digest}, which is new")
        self._doomed.hold_any([subject], f"it has the attachment {new.digest}, which is new")
        children = {digest_of(link.content) for link in reading.links if link.kind in LEADS_DOWN}
        for child in children - self.manifests - self._planned.digests - set(self._doomed.nodes):
            if not self.is_cache and not await self.exists(Digest(child)):
                self.missing[str(new.digest), child] = f"it lists {child}, which is missing"
        for child in children & set(self._doomed.nodes):
            if self._doomed.nodes[child].state is State.ABSENT:
                self.missing[str(new.digest), child] = f"it lists {child}, which somebody else deleted"

    async def end(self) -> None:
        """See whether what was missing is there by now."""
        for key, child in [*self.missing, *self._doomed.lacking]:
            if await self.exists(Digest(child)):
                self.missing.pop((key, child), None)
                self._doomed.lacking.pop((key, child), None)

    async def exists(self, digest: Digest) -> bool:
        """Whether the repository has a manifest. A pull-through cache imports nothing for this question."""
        return await is_found(manifest_metadata.get(self._remote, digest))

    async def read(self, known: ManifestProperties | TagProperties) -> Manifest | str | None:
        """A manifest that a listing or a tag names, or why it cannot be read; None if it is gone."""
        listed = await self._listed(known) if isinstance(known, TagProperties) else known
        if not isinstance(listed, ManifestProperties):
            return listed
        try:
            found = await manifests.fetch(self._remote, listed.digest, accept=accepted(listed))
        except NotFound:
            return "a replica lags behind" if await self.exists(listed.digest) else None
        except (Locked, IntegrityError, LimitExceeded, ProtocolViolation) as error:
            return str(error)
        except Denied as error:
            if listed.quarantine_state in (None, _PASSED) and listed.can_read:
                raise
            return str(error)
        self.is_cache = bool(self.is_cache) or found.origin is not None
        return found.manifest

    async def _listed(self, tag: TagProperties) -> ManifestProperties | str | None:
        """What the registry tells of the manifest of a tag that no listing shows; None if the tag is gone, or moved."""
        there = await if_found(manifest_metadata.get(self._remote, tag.digest))
        if there is not None:
            return there
        now = await if_found(tags.get(self._remote, tag.name))
        is_still = now is not None and now.digest == tag.digest
        return f"the tag {tag.name} points to it, and it is not found" if is_still else None

"""Watching: what has come to a repository since a plan was made, and what of the plan it leads to.

A listing by time shows the newest first. So to look again takes a page each of tags and manifests, however many there
are. A new manifest is fetched: what it leads to must stay, or be put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final, TypeVar

import attrs

from acr import media_types
from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.listed import catalog, manifests, tags
from acr._core.listed.existence import is_found
from acr._core.talk import scopes
from acr._core.talk.paging import Walk
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import Reading, read_links
from acr._core.upkeep.repositories import accepted
from acr._inventory.tables import LEADS_DOWN, Kind, to_number
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.properties import LARGEST_PAGE, ManifestProperties, RepositoryProperties, TagProperties
from acr.errors import Denied, IntegrityError, LimitExceeded, Locked, NotFound, ProtocolViolation

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
        self.missing: dict[str, str] = {}
        self._read: set[str] = set()
        self._newest: dict[str, int] = {}
        self._found_manifests: list[ManifestProperties] = []
        self._found_tags: list[TagProperties] = []
        self._counts: RepositoryProperties | None = None
        self._is_locked = False
        self.is_cache = False

    async def begin(self) -> str | None:
        """List all that is there. Call `compare` when it is known what an earlier process deleted.

        Returns:
            The header `Date` of the registry.

        Raises:
            NotFound: there is no such repository.
        """
        scope = scopes.read_metadata(self._remote.name)
        before, date = await catalog.get_dated(self._remote, scope)
        walk = manifests.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        listing = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
        self._found_manifests = await self._list(walk, "manifests", None)
        self._found_tags = await self._list(listing, "tags", None)
        after, _ = await catalog.get_dated(self._remote, scope)
        self.manifests = {str(one.digest) for one in self._found_manifests}
        self.tags = {one.name: one.digest for one in self._found_tags}
        self.listed = {str(one.digest): one for one in self._found_manifests if str(one.digest) in self._doomed.nodes}
        self.listed |= {one.name: one for one in self._found_tags if one.name in self._doomed.nodes}
        self._counts = before if _state(before) == _state(after) else None
        self._is_locked = before.locked or after.locked
        return date

    async def compare(self) -> None:
        """Hold what has changed since the plan was made, and what something new leads to."""
        if self._is_locked:
            self._doomed.hold_all("the repository is locked")
        counts = self._counts
        if counts is not None and (counts.manifest_count, counts.tag_count) != (len(self.manifests), len(self.tags)):
            self._doomed.hold_all("the registry counts other items than it lists: some are hidden")
        await self._take(self._found_tags, self._found_manifests)
        self._found_tags, self._found_manifests = [], []

    async def newest(self) -> None:
        """Look at what has come since the last look."""
        walk = manifests.manifests(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None)
        listing = tags.tags(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None, digest=None)
        found = await self._list(walk, "manifests", self._newest.get("manifests"))
        found_tags = await self._list(listing, "tags", self._newest.get("tags"))
        await self._take(found_tags, found)

    async def newest_manifests(self) -> None:
        """As `newest`, for manifests alone: the registry deletes what is attached to a manifest together with it."""
        walk = manifests.manifests(self._remote, order_by="newest", page_size=_NEWEST_PAGE, last=None)
        await self._take([], await self._list(walk, "manifests", self._newest.get("manifests")))

    async def all_tags(self) -> set[str]:
        """The names of all tags."""
        listing = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
        return {one.name for one in await self._list(listing, "tags", None)}

    async def all_manifests(self) -> set[str]:
        """The digests of all manifests. What was pushed again since it was deleted is held."""
        walk = manifests.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        found = await self._list(walk, "manifests", None)
        await self._take([], found)
        return {str(one.digest) for one in found}

    async def _list(self, walk: Walk[T], what: str, floor: int | None) -> list[T]:
        """List items: all, or down to a time."""
        found: list[T] = []
        newest = floor or 0
        async with aclosing(walk.pages()) as pages:
            async for page in pages:
                found += page.items
                oldest, newest = _span(page.items, newest)
                if floor is not None and oldest < floor - _SLACK:
                    break
        self._newest[what] = max(newest, self._newest.get(what, 0))
        return found

    async def _take(self, found_tags: Iterable[TagProperties], found: Iterable[ManifestProperties]) -> None:
        new: list[ManifestProperties] = []
        for manifest in found:
            digest = str(manifest.digest)
            self.manifests.add(digest)
            if digest in self._doomed.nodes:
                self._compare(self._doomed.nodes[digest], manifest)
            elif digest not in self._planned.digests and digest not in self._read:
                new.append(manifest)
        for tag in found_tags:
            self._take_tag(tag)
        await self._read_new(new)

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
        if is_same and node.state is State.WAITING and found.locked:
            doomed.hold(node.key, "it is locked")
        elif not is_same and node.state is State.WAITING:
            doomed.hold(node.key, "it has changed since the plan was made")
        elif not is_same and node.is_ended:
            doomed.returned(node.key, "somebody pushed it again")
        return is_same

    async def _read_new(self, new: list[ManifestProperties]) -> None:
        """Read new manifests, and hold what they lead to."""
        runtime, width = self._remote.session.runtime, self._remote.session.learned.throttle.width
        got = await runtime.gather(self._concurrency, [partial(self._get, one) for one in new], width=width)
        for one, found in zip(new, got, strict=True):
            self._read.add(str(one.digest))
            if found is not None:
                await self._follow(one, found)

    async def _follow(self, new: ManifestProperties, found: Manifest | str) -> None:
        """Hold what a new manifest leads to."""
        reading = Reading(trouble=found) if isinstance(found, str) else read_links(found)
        parts, subject = leads_to(reading)
        if reading.trouble and not (isinstance(found, Manifest) and found.media_type in media_types.SCHEMA1):
            self._doomed.hold_all(f"a doubt: {new.digest}, which is new, cannot be read: {reading.trouble}")
        self._doomed.hold_any(parts, f"part of {new.digest}, which is new")
        self._doomed.hold_any([subject], f"the subject of {new.digest}, which is new")
        children = {digest_of(link.content) for link in reading.links if link.kind in LEADS_DOWN}
        for child in children - self.manifests - self._planned.digests - set(self._doomed.nodes):
            if not self.is_cache and not await self.exists(Digest(child)):
                self.missing[str(new.digest)] = f"it lists {child}, which is missing"

    async def exists(self, digest: Digest) -> bool:
        """Whether the repository has a manifest. A pull-through cache imports nothing for this question."""
        return await is_found(manifests.properties(self._remote, digest))

    async def _get(self, listed: ManifestProperties) -> Manifest | str | None:
        """A manifest that is listed, or why it cannot be read; None if it is gone."""
        try:
            return await self.fetch(listed)
        except NotFound:
            return "a replica lags behind" if await self.exists(listed.digest) else None
        except (Locked, IntegrityError, LimitExceeded, ProtocolViolation) as error:
            return str(error)
        except Denied as error:
            if listed.quarantine_state in (None, _PASSED) and listed.can_read:
                raise
            return str(error)

    async def fetch(self, listed: ManifestProperties) -> Manifest:
        """Get a manifest that is listed."""
        found = await manifests.fetch(self._remote, listed.digest, accept=accepted(listed))
        self.is_cache = self.is_cache or found.origin is not None
        return found.manifest


def _span(items: Sequence[TagProperties | ManifestProperties], newest: int) -> tuple[int, int]:
    """The oldest time of some items, and the newest one of them and another."""
    times = [newest, *(to_number(item.updated) for item in items)]
    return min(times), max(times)


def _state(told: RepositoryProperties) -> tuple[object, ...]:
    return told.updated, told.manifest_count, told.tag_count

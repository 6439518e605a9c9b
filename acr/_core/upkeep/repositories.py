"""Repositories: one of them while an inventory reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import attrs

from acr import media_types
from acr._core.listed import catalog, manifest_metadata, manifests, tags
from acr._core.talk import scopes
from acr._core.talk.paging import Walk
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import ACCEPTED, read_links
from acr._core.upkeep.pace import Pace
from acr._core.upkeep.rows import Known, manifest_row, reach, repository_row, tag_row
from acr._inventory.builder import NewManifest, NewRepository
from acr._inventory.marks import LARGEST_COUNT, MANIFESTS, UNKNOWN, Flag
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.media_type import check_media_range
from acr._values.properties import (
    LARGEST_PAGE,
    ManifestProperties,
    RepositoryProperties,
    TagProperties,
)
from acr._values.reference import check_tag
from acr.errors import (
    AcrError,
    Denied,
    IntegrityError,
    InvalidInput,
    LimitExceeded,
    Locked,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
)

T = TypeVar("T")

_PASSED: Final = "Passed"
_LAGS: Final = "the registry lists it, but does not have it: a replica may lag behind"


class Gone(Exception):
    """There is no such repository, or it was deleted meanwhile."""

    def __init__(self, error: NotFound) -> None:
        super().__init__(str(error))
        self.error = error


class RepositoryReading:
    """What is known of a repository so far. It may be listed again, and keeps the manifests that it has read.

    Args:
        remote: the repository.
        pace: of all requests.

    Attributes:
        date: the time of the registry's last answer, as in the header `Date`.
        fetched: manifests that came from the registry, and are not in the cache yet.
        is_moving: whether it changed each time.
        has_changed: whether it changed since it was listed, so that it must be listed again.
    """

    def __init__(self, remote: Remote, pace: Pace) -> None:
        self.name: str = remote.name
        self._remote = remote
        self._pace = pace
        self._known: dict[Digest, Known] = {}
        self.date: str | None = None
        self.fetched: list[Manifest] = []
        self.is_moving = False
        self._is_cache: bool | None = None  # nobody has said yet
        self._has_origin = False  # whether an answer has said if this is a cache
        self._probed: set[Digest] = set()
        self._forget()

    def _forget(self) -> None:
        """Drop what the next listing says anew, and what was only remembered of the state before."""
        self._manifests: dict[Digest, ManifestProperties] = {}
        self._hidden: dict[Digest, ManifestProperties | None] = {}
        self._tags: list[TagProperties] = []
        self._absent: set[Digest] = set()
        self._troubles: dict[Digest, str] = {}
        self._lags = self.has_changed = False
        self._is_cache = self._is_cache if self._has_origin else None

    async def list_items(self) -> None:
        """List tags and manifests.

        Raises:
            Gone: there is no such repository.
            ResponseError, ProtocolViolation: it cannot be listed.
        """
        self._forget()
        self._before = await self._properties()
        walk = manifest_metadata.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        listing = tags.tags(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
        with _gone():
            # What moves between two pages is on both of them, and the later one counts.
            self._manifests = {one.digest: one for one in await self._all(walk)}
            self._tags = list({_checked(one).name: one for one in await self._all(listing)}.values())

    async def look_again(self) -> None:
        """See whether the repository has changed since it was listed. Errors as of `list_items`."""
        after = await self._properties()
        self.is_moving = _state(after) != _state(self._before)
        self.has_changed = self.is_moving or self._lags

    async def _properties(self) -> RepositoryProperties:
        await self._pace.wait()
        scope = scopes.repository(self.name, ["metadata_read", "pull"])  # one token for all of the reading
        with _gone():
            found, self.date = await catalog.get_dated(self._remote, scope)
        for what, count in (("manifests", found.manifest_count), ("tags", found.tag_count)):
            if not 0 <= count <= LARGEST_COUNT:
                raise ProtocolViolation(f"the registry counts {count} {what} in {self.name}")
        return found

    async def _all(self, walk: Walk[T]) -> list[T]:
        found: list[T] = []
        await self._pace.wait()
        async for page in walk.pages():
            found += page.items
            if page.continuation is not None:
                await self._pace.wait()
        return found

    def unknown(self) -> Sequence[Digest]:
        """The manifests to ask for next; none if all is known.

        First come those of the listing. Then come those that tags, indexes and subjects name, and the listing does not:
        they may be hidden, or missing. A pull-through cache would import what is asked for. So the client asks for
        nothing unlisted before an answer has said that the repository is no such cache. If it knows all that is listed,
        it asks for one of that, as no pattern of a policy is about such a cache.
        """
        listed = [digest for digest in self._manifests if not self._is_settled(digest)]
        if listed:
            return listed
        unlisted = list(dict.fromkeys(digest for digest in self._named() if not self._is_settled(digest)))
        if self._is_cache is None and self._manifests:
            return [digest for digest in self._manifests if digest not in self._probed][:1]
        return [] if self._is_cache else unlisted

    @property
    def is_cache(self) -> bool | None:
        """Whether it is a pull-through cache; None if nobody knows."""
        return self._is_cache

    def was(self, is_cache: bool | None) -> None:
        """Take note of whether it was a pull-through cache in this state; None if nobody knows."""
        if self._is_cache is None:
            self._is_cache = is_cache

    def may_use(self, digest: Digest) -> bool:
        """Whether a manifest may come from the cache: the repository must list it."""
        return digest in self._manifests and not self._is_settled(digest)

    @property
    def state(self) -> str | None:
        """The state that it was listed in; None if that does not tell whether something was pushed since.

        A push changes it. So what it lacked in one state it lacks whenever it is in that state again.
        """
        told = self._before
        if told.updated is None or self.has_changed:
            return None
        return f"{told.updated.isoformat()} {told.manifest_count} {told.tag_count}"

    @property
    def missing(self) -> Collection[Digest]:
        """What tags, indexes and subjects name, and the registry does not have."""
        return self._absent

    def lacks(self, missing: Collection[Digest]) -> None:
        """Take note of what it is known to lack."""
        self._absent.update(digest for digest in missing if digest not in self._manifests)

    def _is_settled(self, digest: Digest) -> bool:
        is_here = digest in self._manifests or digest in self._hidden
        return digest in self._absent or digest in self._troubles or (is_here and digest in self._known)

    def _named(self) -> Iterator[Digest]:
        """What tags, indexes and subjects name, and the listing does not have."""
        for tag in self._tags:
            if tag.digest not in self._manifests:
                yield tag.digest
        for digest in [*self._manifests, *self._hidden]:
            known = self._known.get(digest)
            for target in known.targets if known else ():
                if target not in self._manifests:
                    yield target

    def take_in(self, manifest: Manifest) -> None:
        """Take note of what a manifest says."""
        reading = read_links(manifest)
        targets = tuple(
            Digest(f"{'sha256' if len(link.content) == 32 else 'sha512'}:{link.content.hex()}")
            for link in reading.links
            if link.kind in MANIFESTS
        )
        self._known[manifest.digest] = Known(manifest.size, manifest.media_type, reading, targets)

    async def fetch(self, digest: Digest) -> None:
        """Ask the registry for a manifest.

        Raises:
            ResponseError: the registry refuses, for a reason that is not the manifest's own.
        """
        listed = self._manifests.get(digest)
        self._probed.add(digest)
        await self._pace.wait()
        try:
            found = await manifests.fetch(self._remote, digest, accept=accepted(listed))
        except NotFound:
            if listed is None:
                self._absent.add(digest)
                return
            self._lags = True
            self._troubles[digest] = _LAGS
        except (Denied, Locked, IntegrityError, LimitExceeded, ProtocolViolation) as error:
            self._troubles[digest] = self._trouble(error, listed)
        else:
            self._has_origin = True
            self._is_cache = bool(self._is_cache) or found.origin is not None
            self.take_in(found.manifest)
            self.fetched.append(found.manifest)
        if listed is None:
            await self._find_out(digest)

    def _trouble(self, error: AcrError, listed: ManifestProperties | None) -> str:
        """Why a manifest cannot be read.

        Raises:
            AcrError: the error, if it is about more than this manifest.
        """
        if isinstance(error, Locked):
            return "it is locked against reading (readEnabled is off)"
        if isinstance(error, Denied):
            if self._is_of_its_own(listed):
                return f"the registry denies it: {error}"
            raise error
        if isinstance(error, ProtocolViolation) and error.is_page:
            raise error
        return str(error)

    def _is_of_its_own(self, listed: ManifestProperties | None) -> bool:
        """Whether a refusal (403) is about one manifest. Else the client may not read the repository at all.

        Args:
            listed: what the listing says of it; None if the listing does not show it. Then it counts whether the
                repository has given another manifest.
        """
        if listed is None:
            return self._has_origin
        return listed.quarantine_state not in (None, _PASSED) or not listed.can_read

    async def _find_out(self, digest: Digest) -> None:
        """Get the properties of a manifest that the listing does not show. The registry may refuse to tell them."""
        self._hidden[digest] = None
        await self._pace.wait()
        with suppress(NotFound, Denied, Locked, ProtocolViolation):
            self._hidden[digest] = await manifest_metadata.get(self._remote, digest)

    def untagged(self) -> Sequence[Digest]:
        """The manifests of the listing that no tag leads to; none if one that could not be read may lead to any."""
        tagged = [tag.digest for tag in self._tags] + [digest for digest, one in self._manifests.items() if one.tags]
        led_to = reach(tagged, self._known)
        return [] if any(map(self._is_unread, led_to)) else [one for one in self._manifests if one not in led_to]

    def _is_unread(self, digest: Digest) -> bool:
        known = self._known.get(digest)
        if known is None or digest in self._troubles:
            return digest in self._manifests or digest in self._hidden
        return bool(known.reading.trouble) and known.media_type not in media_types.SCHEMA1

    def result(self, started: int, untagged_since: Mapping[Digest, int]) -> NewRepository:
        """All that was read.

        Args:
            started: when the whole reading began. What is newer is marked.
            untagged_since: when it was first seen that no tag leads to a manifest.
        """
        flags = (Flag.IS_MOVING if self.is_moving else Flag(0)) | (Flag.IS_CACHE if self._is_cache else Flag(0))
        listed = [
            self._row(digest, one, Flag.LISTED, started, untagged_since.get(digest, UNKNOWN))
            for digest, one in self._manifests.items()
        ]
        hidden = [self._row(digest, one, Flag(0), started, UNKNOWN) for digest, one in self._hidden.items()]
        tag_rows = [tag_row(tag, started) for tag in self._tags]
        return repository_row(self.name, self._before, flags, [*listed, *hidden], tag_rows)

    def _row(
        self, digest: Digest, told: ManifestProperties | None, flags: Flag, started: int, untagged_since: int
    ) -> NewManifest:
        row = manifest_row(digest, told, self._known.get(digest), started)
        trouble = self._troubles.get(digest, row.trouble)
        return attrs.evolve(row, flags=row.flags | flags, trouble=trouble, untagged_since=untagged_since)


@contextmanager
def _gone() -> Iterator[None]:
    """Tell a repository that is not there from a registry that knows nothing of any."""
    try:
        yield
    except NoMetadataApi:
        raise
    except NotFound as error:
        raise Gone(error) from None


def _checked(tag: TagProperties) -> TagProperties:
    try:
        check_tag(tag.name)
    except InvalidInput as error:
        raise ProtocolViolation(f"the registry lists a name that no tag can have: {error}") from None
    return tag


def _state(properties: RepositoryProperties) -> tuple[object, ...]:
    return properties.updated, properties.manifest_count, properties.tag_count


def accepted(listed: ManifestProperties | None) -> Sequence[str]:
    """The types to accept: those that are known, and the one that the listing names."""
    try:
        own = [check_media_range(listed.media_type)] if listed is not None and listed.media_type else []
    except InvalidInput:
        own = []
    return [*ACCEPTED, *own]

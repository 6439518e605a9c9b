"""Repositories: one of them while an inventory reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import attrs

from acr import media_types
from acr._core.listed import catalog, manifests, tags
from acr._core.talk import scopes
from acr._core.talk.paging import Walk
from acr._core.talk.session import Session
from acr._core.upkeep.links import Reading, read_links
from acr._core.upkeep.pace import Pace
from acr._inventory.builder import NewManifest, NewRepository, NewTag
from acr._inventory.tables import MANIFESTS, UNKNOWN, Flag, pack, to_number
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.media_type import check_media_range
from acr._values.properties import (
    LARGEST_PAGE,
    ManifestProperties,
    Permissions,
    RepositoryProperties,
    TagProperties,
)
from acr.errors import (
    Denied,
    IntegrityError,
    InvalidInput,
    LimitExceeded,
    Locked,
    NotFound,
    ProtocolViolation,
    ResponseError,
)

T = TypeVar("T")

_ACCEPTED: Final = (*media_types.ANY_MANIFEST, media_types.OCI_ARTIFACT_MANIFEST)
_PASSED: Final = "Passed"
_LAGS: Final = "the registry lists it, but does not have it: a replica may lag behind"


class Gone(Exception):
    """There is no such repository, or it was deleted meanwhile."""

    def __init__(self, error: NotFound) -> None:
        super().__init__(str(error))
        self.error = error


@attrs.frozen
class _Known:
    """A manifest that was read: its size and type, and what it leads to."""

    size: int
    media_type: str
    reading: Reading
    targets: tuple[Digest, ...]


class RepositoryReading:
    """What is known of a repository so far. It may be listed again, and keeps the manifests that it has read.

    Args:
        session: the client.
        name: of the repository.
        pace: of all requests.

    Attributes:
        date: the time of the registry's last answer, as in the header `Date`.
        fetched: manifests that came from the registry, and are not in the cache yet.
        is_moving: whether it changed each time.
        has_changed: whether it changed since it was listed, so that it must be listed again.
    """

    def __init__(self, session: Session, name: str, pace: Pace) -> None:
        self.name = name
        self._session = session
        self._pace = pace
        self._known: dict[Digest, _Known] = {}
        self.date: str | None = None
        self.fetched: list[Manifest] = []
        self.is_moving = False
        self.has_changed = False
        self._is_cache = False
        self._has_origin = False  # whether an answer has said if this is a cache
        self._probed: set[Digest] = set()
        self._forget()

    def _forget(self) -> None:
        """Drop what the next listing says anew."""
        self._manifests: dict[Digest, ManifestProperties] = {}
        self._hidden: dict[Digest, ManifestProperties | None] = {}
        self._tags: list[TagProperties] = []
        self._absent: set[Digest] = set()
        self._troubles: dict[Digest, str] = {}
        self._lags = False

    async def list_items(self) -> None:
        """List tags and manifests.

        Raises:
            Gone: there is no such repository.
            ResponseError, ProtocolViolation: it cannot be listed.
        """
        self._forget()
        self._before = await self._properties()
        walk = manifests.manifests(self._session, self.name, order_by=None, page_size=LARGEST_PAGE, last=None)
        listing = tags.tags(self._session, self.name, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
        try:
            self._manifests = {one.digest: one for one in await self._all(walk)}
            self._tags = await self._all(listing)
        except NotFound as error:
            raise Gone(error) from None

    async def look_again(self) -> None:
        """See whether the repository has changed since it was listed. Errors as of `list_items`."""
        after = await self._properties()
        self.is_moving = _state(after) != _state(self._before)
        self.has_changed = self.is_moving or self._lags

    async def _properties(self) -> RepositoryProperties:
        await self._pace.wait()
        scope = scopes.repository(self.name, ["metadata_read", "pull"])  # one token for all of the reading
        try:
            found, self.date = await catalog.get_dated(self._session, self.name, scope)
        except NotFound as error:
            raise Gone(error) from None
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
        nothing unlisted before an answer has said that the repository is no such cache.
        """
        listed = [digest for digest in self._manifests if not self._is_settled(digest)]
        if listed:
            return listed
        unlisted = list(dict.fromkeys(digest for digest in self._named() if not self._is_settled(digest)))
        if not unlisted or self._is_cache:
            return []
        if self._manifests and not self._has_origin:
            return [digest for digest in self._manifests if digest not in self._probed][:1]
        return unlisted

    def may_use(self, digest: Digest) -> bool:
        """Whether a manifest may come from the cache: the repository must list it."""
        return digest in self._manifests and not self._is_settled(digest)

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
        self._known[manifest.digest] = _Known(manifest.size, manifest.media_type, reading, targets)

    async def fetch(self, digest: Digest) -> None:
        """Ask the registry for a manifest.

        Raises:
            ResponseError: the registry refuses, for a reason that is not the manifest's own.
        """
        listed = self._manifests.get(digest)
        self._probed.add(digest)
        await self._pace.wait()
        try:
            found = await manifests.fetch(self._session, self.name, digest, accept=_accepted(listed))
        except NotFound:
            if listed is None:
                self._absent.add(digest)
                return
            self._lags = True
            self._troubles[digest] = _LAGS
        except Locked:
            self._troubles[digest] = "it is locked against reading (readEnabled is off)"
        except Denied as error:
            if not self._is_of_its_own(listed):
                raise
            self._troubles[digest] = f"the registry denies it: {error}"
        except (IntegrityError, LimitExceeded) as error:
            self._troubles[digest] = str(error)
        except ProtocolViolation as error:
            if error.is_page:
                raise
            self._troubles[digest] = str(error)
        else:
            self._has_origin = True
            self._is_cache = self._is_cache or found.origin is not None
            self.take_in(found.manifest)
            self.fetched.append(found.manifest)
        if listed is None:
            await self._find_out(digest)

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
        """Get the properties of a manifest that the listing does not show."""
        self._hidden[digest] = None
        await self._pace.wait()
        with suppress(ResponseError, ProtocolViolation):
            self._hidden[digest] = await manifests.properties(self._session, self.name, digest)

    def untagged(self) -> Sequence[Digest]:
        """The manifests of the listing that have no tag."""
        tagged = {tag.digest for tag in self._tags}
        return [digest for digest, one in self._manifests.items() if not one.tags and digest not in tagged]

    def result(self, started: int, untagged_since: Mapping[Digest, int]) -> NewRepository:
        """All that was read.

        Args:
            started: when the whole reading began. What is newer is marked.
            untagged_since: when a manifest was first seen without a tag.
        """
        known = self._before
        flags = _permissions(known)
        flags |= Flag.IS_MOVING if self.is_moving else Flag(0)
        flags |= Flag.IS_CACHE if self._is_cache else Flag(0)
        listed = [
            self._new(digest, one, Flag.LISTED, started, untagged_since.get(digest, UNKNOWN))
            for digest, one in self._manifests.items()
        ]
        hidden = [self._new(digest, one, Flag(0), started, UNKNOWN) for digest, one in self._hidden.items()]
        return NewRepository(
            name=self.name,
            created=to_number(known.created),
            updated=to_number(known.updated),
            manifest_count=known.manifest_count,
            tag_count=known.tag_count,
            flags=flags,
            manifests=[*listed, *hidden],
            tags=[
                NewTag(
                    name=tag.name,
                    content=pack(tag.digest),
                    created=to_number(tag.created),
                    updated=to_number(tag.updated),
                    flags=_permissions(tag) | _newness(to_number(tag.updated), started),
                )
                for tag in self._tags
            ],
        )

    def _new(
        self, digest: Digest, listed: ManifestProperties | None, flags: Flag, started: int, untagged_since: int
    ) -> NewManifest:
        known = self._known.get(digest)
        reading = known.reading if known else Reading()
        new = NewManifest(
            content=pack(digest),
            size=known.size if known else UNKNOWN,
            media_type=known.media_type if known else "",
            artifact_type=reading.artifact_type,
            trouble=self._troubles.get(digest, reading.trouble),
            flags=flags | reading.flags,
            links=reading.links,
            untagged_since=untagged_since,
        )
        if listed is None:
            return new
        created, updated = to_number(listed.created), to_number(listed.updated)
        return attrs.evolve(
            new,
            media_type=new.media_type or listed.media_type or "",
            platform="/".join(part for part in (listed.os, listed.architecture) if part),
            quarantine=listed.quarantine_state or "",
            image_size=UNKNOWN if listed.size is None else listed.size,
            created=created,
            updated=updated,
            flags=new.flags | _permissions(listed) | _newness(created, started),
        )


def _state(properties: RepositoryProperties) -> tuple[object, ...]:
    return properties.updated, properties.manifest_count, properties.tag_count


def _permissions(item: Permissions) -> Flag:
    flags = (
        (item.can_read, Flag.CAN_READ),
        (item.can_write, Flag.CAN_WRITE),
        (item.can_list, Flag.CAN_LIST),
        (item.can_delete, Flag.CAN_DELETE),
    )
    return Flag(sum(flag for allowed, flag in flags if allowed))


def _newness(time: int, started: int) -> Flag:
    return Flag.IS_NEW if time > started else Flag(0)


def _accepted(listed: ManifestProperties | None) -> Sequence[str]:
    """The types to accept: those that are known, and the one that the listing names."""
    try:
        own = [check_media_range(listed.media_type)] if listed is not None and listed.media_type else []
    except InvalidInput:
        own = []
    return [*_ACCEPTED, *own]

"""Reading: makes an inventory of what a registry lists, and of its manifests. It is whole, or an error says why not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

import attrs

from acr._core.listed import catalog
from acr._core.storage import ManifestCache
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.choosing import Choice
from acr._core.upkeep.pace import MOST_AT_ONCE, Pace
from acr._core.upkeep.repositories import Gone, RepositoryReading
from acr._inventory.builder import Builder
from acr._inventory.inventory import Inventory
from acr._inventory.marks import to_number
from acr._inventory.records import InventoryProgress
from acr._values.arguments import check_callback, check_count
from acr._values.digest import Digest
from acr._values.properties import LARGEST_PAGE
from acr.errors import (
    AcrError,
    IncompleteInventory,
    InvalidReference,
    LimitExceeded,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    RateLimited,
    ResponseError,
)

_TRIES: Final = 3
"""How often a repository is read that changes meanwhile."""

_AT_A_TIME: Final = 32
"""Repositories whose listings are in memory at the same time."""

_SLICE: Final = 500
"""Manifests that are fetched before the cache gets them."""

Tell = Callable[[InventoryProgress], None]
Wanted: TypeAlias = list[tuple[RepositoryReading, Digest]]
"""Manifests to get, and of which repository."""


@attrs.frozen(kw_only=True)
class Options:
    """How to read.

    Args:
        choice: which repositories.
        rate: requests a minute; None for as many as there are.
        concurrency: requests at the same time.
        cache: has manifests of earlier runs; None for no cache.
        progress: is told.
    """

    choice: Choice
    rate: float | None
    concurrency: int
    cache: ManifestCache | None
    progress: Tell | None

    def __attrs_post_init__(self) -> None:
        check_count("concurrency", self.concurrency, most=MOST_AT_ONCE)
        check_callback("progress", self.progress)


async def read(session: Session, options: Options, *, clock: Callable[[], float] = time.time) -> Inventory:
    """Read an inventory.

    Args:
        session: the client.
        options: what to read, and how.
        clock: seconds since 1970, if the registry does not tell the time.

    Raises:
        IncompleteInventory: something could not be read.
        TransportError, CredentialError, RateLimited: nothing more can be read.
        NoMetadataApi: the registry is of another make.
    """
    reading = _Reading(session, options, Pace(session.runtime, options.rate), clock)
    try:
        return await reading.run()
    finally:
        if options.cache is not None:
            await session.runtime.to_the_end(partial(session.runtime.blocking, options.cache.close))


class _Reading:
    """One reading of an inventory."""

    def __init__(self, session: Session, options: Options, pace: Pace, clock: Callable[[], float]) -> None:
        self._session = session
        self._options = options
        self._pace = pace
        self._clock = clock
        self._builder = Builder()
        self._unread: dict[str, AcrError] = {}
        self._gone: dict[str, NotFound] = {}
        self._names: list[str] = []
        self._begun = session.runtime.now()
        self._done = self._manifests = self._cached = self._pending = 0
        self._started: int | None = None
        self._finished = 0

    async def run(self) -> Inventory:
        """Read everything."""
        catalog_names = await self._catalog() if self._options.choice.needs_catalog else None
        self._names = self._options.choice.select(catalog_names or ())
        left = iter(self._remotes())
        while batch := list(islice(left, _AT_A_TIME)):
            await self._read_batch([RepositoryReading(remote, self._pace) for remote in batch])
        await self._look_for_gone()
        if self._unread:
            raise IncompleteInventory(self._session.registry.netloc, dict(sorted(self._unread.items())))
        started = self._started if self._started is not None else int(self._clock() * 1e6)
        tables = await self._session.runtime.blocking(
            self._builder.build,
            registry=self._session.registry.netloc,
            started=started,
            finished=max(started, self._finished),
            catalog=None if catalog_names is None else [name for name in catalog_names if name not in self._gone],
        )
        return Inventory(tables)

    def _remotes(self) -> Iterator[Remote]:
        """The repositories to read. A catalog may name some that nobody can ask for."""
        for name in self._names:
            try:
                yield Remote(self._session, name)
            except InvalidReference as error:
                self._unread[name] = ProtocolViolation(f"the catalog has a name that no repository can have: {error}")

    async def _look_for_gone(self) -> None:
        """See that the catalog lacks what the registry says is gone. A replica that lags behind says so, too."""
        if self._gone:
            names = set(await self._catalog())
            self._unread |= {name: error for name, error in self._gone.items() if name in names}

    async def _catalog(self) -> list[str]:
        names: list[str] = []
        try:
            await self._pace.wait()
            async for name in items(catalog.repositories(self._session, page_size=LARGEST_PAGE, last=None)):
                names.append(name)
                if len(names) % LARGEST_PAGE == 0:
                    await self._pace.wait()
        except (RateLimited, NoMetadataApi):
            raise
        except (ResponseError, ProtocolViolation, LimitExceeded) as error:
            raise IncompleteInventory(self._session.registry.netloc, {}, catalog=error, names=len(names)) from error
        return names

    async def _read_batch(self, batch: Sequence[RepositoryReading]) -> None:
        """Read some repositories, and those that change meanwhile again."""
        left = list(batch)
        for _ in range(_TRIES):
            await self._each(left, RepositoryReading.list_items)
            left = [one for one in left if self._is_there(one)]
            await self._recall(left)
            await self._fetch(left)
            await self._each(left, RepositoryReading.look_again)
            left = [one for one in left if self._is_there(one) and one.has_changed]
            if not left:
                break
        for one in batch:
            if self._is_there(one):
                await self._take(one)
            self._done += 1
            self._tell()

    def _is_there(self, one: RepositoryReading) -> bool:
        return one.name not in self._unread and one.name not in self._gone

    async def _each(
        self, repositories: Sequence[RepositoryReading], verb: Callable[[RepositoryReading], Awaitable[None]]
    ) -> None:
        tasks = [partial(self._safely, one, verb) for one in repositories]
        await self._session.runtime.gather(self._options.concurrency, tasks, width=self._width)

    async def _safely(self, one: RepositoryReading, verb: Callable[[RepositoryReading], Awaitable[None]]) -> None:
        """Do something with a repository. Its errors are kept for later. Those of the whole registry go out at once."""
        if not self._is_there(one):
            return
        try:
            await verb(one)
        except (RateLimited, NoMetadataApi):
            raise
        except Gone as gone:
            if one.name in self._options.choice.wanted:
                self._unread[one.name] = gone.error
            else:
                self._gone[one.name] = gone.error
        except (ResponseError, ProtocolViolation, LimitExceeded) as error:
            self._unread[one.name] = error
        self._see_time(one)

    def _see_time(self, one: RepositoryReading) -> None:
        date = one.date
        try:
            now = None if date is None else to_number(parsedate_to_datetime(date))
        except (TypeError, ValueError):
            now = None
        now = int(self._clock() * 1e6) if now is None else now
        self._started = now if self._started is None else min(now, self._started)
        self._finished = max(self._finished, now)

    async def _fetch(self, repositories: Sequence[RepositoryReading]) -> None:
        """Get the manifests that are not known yet, until there is nothing left to ask for."""
        while wanted := [(one, digest) for one in repositories if self._is_there(one) for digest in one.unknown()]:
            left = await self._from_cache(wanted)
            self._pending = len(left)
            for first in range(0, len(left), _SLICE):
                some = left[first : first + _SLICE]
                tasks = [partial(self._safely, one, partial(self._fetch_one, digest)) for one, digest in some]
                try:
                    await self._session.runtime.gather(self._options.concurrency, tasks, width=self._width)
                finally:  # after a failure the next reading goes on from here
                    await self._keep({one.name: one for one, _ in some}.values())
                self._tell()

    async def _recall(self, repositories: Sequence[RepositoryReading]) -> None:
        """Let repositories know what they lacked and were in the same state, so that nobody asks for it again."""
        cache, blocking = self._options.cache, self._session.runtime.blocking
        for one in repositories if cache is not None else ():
            if cache is not None and one.state is not None:
                where = (self._session.registry.netloc, one.name, one.state)
                one.lacks(await blocking(cache.missing, *where))
                one.was(await blocking(cache.is_pull_through, *where))

    async def _keep(self, repositories: Collection[RepositoryReading]) -> None:
        """Give the cache what was fetched."""
        new = {manifest.digest: manifest for one in repositories for manifest in one.fetched}
        for one in repositories:
            one.fetched.clear()
        if self._options.cache is not None:
            await self._session.runtime.blocking(self._options.cache.keep, list(new.values()))

    async def _from_cache(self, wanted: Wanted) -> Wanted:
        """Take from the cache what it has. Return what is still wanted."""
        cache = self._options.cache
        if cache is None:
            return wanted
        digests = list({digest for one, digest in wanted if one.may_use(digest)})
        found = await self._session.runtime.blocking(cache.find, digests)
        left: Wanted = []
        for one, digest in wanted:
            if digest in found and one.may_use(digest):
                one.take_in(found[digest])
                self._cached += 1
            else:
                left.append((one, digest))
        return left

    async def _fetch_one(self, digest: Digest, one: RepositoryReading) -> None:
        await one.fetch(digest)
        self._pending -= 1

    async def _take(self, one: RepositoryReading) -> None:
        """Take a repository into the tables."""
        since: Mapping[Digest, int] = {}
        if self._options.cache is not None:
            registry, now = self._session.registry.netloc, self._finished
            note = self._options.cache.note_untagged
            since = await self._session.runtime.blocking(note, registry, one.name, one.untagged(), now)
            if one.state is not None:
                note_missing = self._options.cache.note_missing
                await self._session.runtime.blocking(note_missing, registry, one.name, one.state, one.missing)
            if one.state is not None and one.is_cache is not None:
                note_it = self._options.cache.note_pull_through
                await self._session.runtime.blocking(note_it, registry, one.name, one.state, one.is_cache)
        new = one.result(self._started or 0, since)
        self._manifests += self._builder.add(new)

    def _width(self, limit: int) -> int:
        return self._session.learned.throttles.width(limit)

    def _tell(self) -> None:
        if self._options.progress is None:
            return
        left = self._pending + (len(self._names) - self._done) * self._pace.sent // max(1, self._done)
        measured = left * (self._session.runtime.now() - self._begun) / max(1, self._pace.sent)
        self._options.progress(
            InventoryProgress(
                repositories=len(self._names),
                repositories_done=self._done,
                manifests=self._manifests,
                requests=self._pace.sent,
                cached=self._cached,
                seconds_left=max(self._pace.seconds(left) or 0, measured) if self._done else None,
            )
        )

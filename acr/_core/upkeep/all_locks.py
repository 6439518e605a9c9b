"""All locks: what is locked in a whole registry, repository by repository."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs

from acr._core.listed import catalog
from acr._core.talk.deadline import each_one_call
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.deep_locks import locks
from acr._values.locks import LockedItem
from acr._values.page import Page
from acr._values.reference import check_repository
from acr.errors import NoMetadataApi, NotFound


@attrs.frozen
class AllLocks:
    """What is locked, to be walked like any listing: a page is a repository. Making one sends nothing.

    Args:
        session: the client.
        prefix: what the names of the repositories begin with; None for all of them.
    """

    session: Session
    prefix: str | None

    @property
    def what(self) -> str:
        """What it lists, for people."""
        return f"locks of {self.session.registry.netloc}"

    @each_one_call
    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[LockedItem], None]:
        """Walk them, a repository at a time; a page may be empty.

        Args:
            continuation: the repository of the page before.
        """
        last = None if continuation is None else check_repository(continuation)
        names = catalog.repositories(self.session, page_size=None, last=last, prefix=self.prefix)
        before = None
        async with aclosing(items(names)) as walk:
            async for name in walk:
                if before is not None:
                    yield Page(await _of(Remote(self.session, before)), before)
                before = name
        if before is not None:
            yield Page(await _of(Remote(self.session, before)))


async def _of(remote: Remote) -> list[LockedItem]:
    """What is locked of one repository; nothing if somebody deleted it since it was listed."""
    try:
        told = await catalog.get(remote)
        found = [
            LockedItem(
                repository=remote.name, kind=one.kind, name=one.name, digest=one.digest, can_write=one.can_write,
                can_delete=one.can_delete,
            )
            for one in await locks(remote)
        ]  # fmt: skip
    except NoMetadataApi:
        raise
    except NotFound:
        if await catalog.exists(remote):  # one answer of many is a doubt
            raise
        return []
    if told.locked:
        own = LockedItem(
            repository=remote.name, kind="repository", name=None, digest=None, can_write=told.can_write,
            can_delete=told.can_delete,
        )  # fmt: skip
        found.insert(0, own)
    return found

"""Unlocking: a lock is taken off just before a deletion, and put back if what it was on is still there.

The journal has it first. So a process that was killed leaves a lock off only until the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

from acr._cleanup.applying.doomed import Node
from acr._cleanup.applying.report import PurgeItem
from acr._core.listed import manifest_metadata, tags
from acr._core.listed.existence import if_found
from acr._core.listed.permissions import Changes, changes
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.recorded import FLAGS, Owed, Record
from acr._inventory.marks import to_number
from acr._text import printable
from acr._values.digest import Digest
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr.errors import AcrError, NoMetadataApi, NotFound, ResponseError


def with_flags(flags: Mapping[str, bool]) -> Changes:
    """The change to some permissions. What is not among them stays as it is."""
    return changes(**{name: flags.get(name) for name in FLAGS})


class Unlocking:
    """Takes locks off, and puts them back.

    Args:
        session: the client.
        record: the journal.
    """

    def __init__(self, session: Session, record: Record) -> None:
        self._session = session
        self._record = record
        self._why: dict[tuple[str, str], str] = {}

    async def take_off(self, remote: Remote, node: Node, found: TagProperties | ManifestProperties) -> None:
        """Take the lock off a line.

        Args:
            remote: its repository.
            node: the line.
            found: what the registry has.
        """
        off = {name: False for name in ("can_write", "can_delete") if not getattr(found, name)}
        await self._record.unlock(remote.name, node.key, Owed(found.digest, off, to_number(found.created)))
        await _update(remote, node.key, dict.fromkeys(off, True))

    async def put_back(self) -> None:
        """Put each lock back that is off. What cannot be locked is in `left` from then on."""
        for place, owed in list(self._record.unlocked.items()):
            repository, key = place
            try:
                await self._lock(Remote(self._session, repository), key, owed)
                await self._record.locked(repository, key)
            except AcrError as error:  # also of a full disk: the other locks are put back all the same
                self._why[place] = str(error)

    async def _lock(self, remote: Remote, key: str, owed: Owed) -> None:
        found = await _find(remote, key)
        if found is None or not _is_the_same(found, owed) or not any(getattr(found, name) for name in owed.off):
            return
        try:
            await _update(remote, key, owed.off)
        except NoMetadataApi:
            raise
        except NotFound:  # a replica showed it a moment longer
            if await _find(remote, key) is not None:
                raise

    def left(self) -> list[PurgeItem]:
        """What is unlocked now, and was not before."""
        return [
            PurgeItem(
                reference=f"{repository}{'@' if ':' in key else ':'}{key}",
                why=f"its lock was taken off, and could not be put back: {self._why.get((repository, key), 'no time')}",
            )
            for repository, key in self._record.unlocked
        ]

    def tell(self, error: BaseException) -> None:
        """Let an error name what is unlocked now, and was not before."""
        left = self.left()
        if left:
            told = printable(f"not locked as before: {'; '.join(map(str, left))}. The same call puts the locks back")
            if isinstance(error, ResponseError):
                error.hint = f"{error.hint}; {told}" if error.hint else told
            else:
                error.add_note(told)


def _is_the_same(found: TagProperties | ManifestProperties, owed: Owed) -> bool:
    """Whether it is what had the lock, and nothing that somebody pushed in its place."""
    return found.digest == owed.digest if owed.created is None else to_number(found.created) == owed.created


async def _find(remote: Remote, key: str) -> TagProperties | ManifestProperties | None:
    """A tag or a manifest; None if it is gone. One answer of many is a doubt: the listing is asked, too."""
    there = await if_found(_get(remote, key))
    if there is not None:
        return there
    return await if_found(_find_listed(remote, key))


async def _get(remote: Remote, key: str) -> TagProperties | ManifestProperties:
    if ":" in key:
        return await manifest_metadata.get(remote, Digest(key))
    return await tags.get(remote, key)


async def _find_listed(remote: Remote, key: str) -> TagProperties | ManifestProperties | None:
    if ":" in key:
        walk = manifest_metadata.manifests(remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        async with aclosing(items(walk)) as listed:
            return next((one for one in [one async for one in listed] if one.digest == key), None)
    names = tags.tags(remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)
    async with aclosing(items(names)) as named:
        return next((one for one in [one async for one in named] if one.name == key), None)


async def _update(remote: Remote, key: str, flags: Mapping[str, bool]) -> None:
    if ":" in key:
        await manifest_metadata.update(remote, Digest(key), with_flags(flags))
    else:
        await tags.update(remote, key, with_flags(flags))

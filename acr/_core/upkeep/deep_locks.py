"""Deep locks: a tag, its manifest, all that this lists, and what is attached to any of it are locked, and unlocked.

ACR locks each tag and each manifest by itself. A clean-up that looks at the index alone may delete its platforms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from acr import media_types
from acr._cleanup.graph import NAMED
from acr._core.images.graph import MOST_MANIFESTS
from acr._core.listed import manifests, referrers, tags
from acr._core.listed.existence import is_found
from acr._core.listed.permissions import Changes, changes
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import ACCEPTED, read_links
from acr._core.upkeep.watching import digest_of
from acr._inventory.tables import LEADS_DOWN
from acr._text import printable
from acr._values.digest import Digest
from acr._values.locks import LockItem, LockState, Unlocked
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr._values.reference import check_reference
from acr.errors import (
    AcrError,
    InvalidInput,
    LimitExceeded,
    Locked,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    ResponseError,
)

_LOCKED: Final = changes(can_read=None, can_list=None, can_write=False, can_delete=False)


class _Family:
    """What belongs to a manifest, at any depth. What was asked for once is known."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._tags: list[TagProperties] | None = None
        self._manifests: list[ManifestProperties] | None = None
        self._named: dict[tuple[str, str], list[TagProperties]] = {}
        self._below: dict[Digest, list[Digest]] = {}

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
            walk = manifests.manifests(self._remote, order_by=None, page_size=LARGEST_PAGE, last=None)
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
        try:
            found = await manifests.get(self._remote, digest, accept=ACCEPTED)
        except NotFound as error:
            if await self._is_there(digest):  # a 404 that passes must not hide what belongs together
                raise ProtocolViolation(
                    f"{self._remote.name}@{digest} is there, and cannot be read: try again"
                ) from error
            if is_root:
                raise
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

    async def _is_there(self, digest: Digest) -> bool:
        if await is_found(manifests.properties(self._remote, digest)):
            return True
        return any(one.digest == digest for one in await self.manifests())


async def lock(remote: Remote, reference: str, *, deep: bool) -> LockState:
    """Lock a tag or a manifest. If something cannot be locked, what this call has locked is unlocked again.

    Args:
        remote: the repository.
        reference: tag or digest. With a tag, its manifest is locked, too.
        deep: also lock what the manifest lists, and what is attached to any of it.
    """
    checked = check_reference(reference)
    done: list[LockItem] = []
    try:
        if isinstance(checked, Digest):
            root = checked
        else:  # the tag comes first: it cannot move from then on
            before = await tags.get(remote, checked)
            done.append(_item(before, before.digest))  # before the PATCH: its answer may be lost
            root = (await tags.update(remote, checked, _LOCKED)).digest
            done[-1] = _item(before, root)
        digests, named = await _Family(remote).of(root) if deep else ([root], [])
        for digest in digests:
            told = await manifests.properties(remote, digest)
            done.append(_item(told, digest))
            await manifests.update(remote, digest, _LOCKED)
        for tag in named:
            told_tag = await tags.get(remote, tag.name)
            done.append(_item(told_tag, told_tag.digest))
            now = await tags.update(remote, tag.name, _LOCKED)
            done[-1] = _item(told_tag, now.digest)
    except BaseException as error:
        _tell(error, await _undo(remote, done))
        raise
    return LockState(
        registry=remote.session.registry.netloc, repository=remote.name, reference=str(checked), items=tuple(done)
    )


async def _undo(remote: Remote, done: Iterable[LockItem]) -> dict[str, str]:
    """Put back what was, as far as that is possible. Return what may still be locked, and why."""
    still: dict[str, str] = {}
    for item in reversed(list(done)):
        try:
            await _update(remote, item, _as_before(item))
        except AcrError as error:
            if not await _is_as_before(remote, item):
                still[item.name or str(item.digest)] = type(error).__name__
    return still


async def _is_as_before(remote: Remote, item: LockItem) -> bool:
    """Whether an item surely has the permissions that it had: what was refused may not have been changed at all."""
    try:
        found = await (manifests.properties(remote, item.digest) if item.name is None else tags.get(remote, item.name))
    except AcrError:
        return False
    return (found.can_write, found.can_delete) == (item.can_write, item.can_delete)


def _tell(error: BaseException, still: Mapping[str, str]) -> None:
    """Let an error name what could not be unlocked again."""
    if still:
        names = ", ".join(f"{key} ({why})" for key, why in still.items())
        told = printable(f"may still be locked, since it could not be unlocked again: {names}")
        if isinstance(error, ResponseError):
            error.hint = f"{error.hint}; {told}" if error.hint else told
        else:
            error.add_note(told)


async def unlock(remote: Remote, what: LockState | str, *, deep: bool) -> Unlocked:
    """Take a lock off. What another locked root reaches stays locked.

    Args:
        remote: the repository.
        what: the state that `lock` gave: each item gets the permissions that it had before. Or a tag or digest: both
            permissions are given.
        deep: of a tag or digest: also unlock what belongs to it.

    Raises:
        InvalidInput: the state is of another repository.
    """
    family = _Family(remote)
    if isinstance(what, LockState):
        if (what.registry, what.repository) != (remote.session.registry.netloc, remote.name):
            raise InvalidInput(f"the state is of {what.registry}/{what.repository}, and not of {remote}")
        mine = list(what.items)
    else:
        mine = await _found(remote, family, check_reference(what), deep=deep)
    locked = await family.locked()
    held = _locked_before(mine, locked) | await _held(remote, family, mine)
    unlocked: list[LockItem] = []
    still = {} if deep or isinstance(what, LockState) else await _beside(family, mine, locked)
    absent: list[str] = []
    for item in reversed(mine):
        key = item.name or str(item.digest)
        if key in held:
            still[key] = held[key]
        elif item.can_write or item.can_delete:
            try:
                unlocked.append(await _update(remote, item, _as_before(item)))
            except NoMetadataApi:
                raise
            except NotFound:
                absent.append(key)
    return Unlocked(items=tuple(unlocked), still_locked=still, absent=tuple(absent))


def _locked_before(mine: Iterable[LockItem], locked: set[str]) -> dict[str, str]:
    """What was locked before the state was made, and is locked now."""
    keys = {item.name or str(item.digest) for item in mine if not (item.can_write or item.can_delete)}
    return dict.fromkeys(keys & locked, "it was locked before")


async def _found(remote: Remote, family: _Family, reference: str, *, deep: bool) -> list[LockItem]:
    """What a tag or digest is about, to be unlocked wholly."""
    found: list[LockItem] = []
    root = reference
    if not isinstance(root, Digest):
        tag = await tags.get(remote, reference)
        root = tag.digest
        found.append(_open("tag", tag.name, root))
    digest = Digest(root)
    digests, named = await family.of(digest) if deep else ([digest], [])
    found += [_open("manifest", None, one) for one in digests]
    return found + [_open("tag", tag.name, tag.digest) for tag in named]


def _open(kind: str, name: str | None, digest: Digest) -> LockItem:
    return LockItem(
        kind="tag" if kind == "tag" else "manifest", name=name, digest=digest, can_write=True, can_delete=True
    )


async def _held(remote: Remote, family: _Family, mine: Iterable[LockItem]) -> dict[str, str]:
    """What other locked tags and manifests lead to, with the reason."""
    own = {item.name or str(item.digest) for item in mine}
    held: dict[str, str] = {}
    doubted: dict[str, str] = {}
    for root, label in await _other_roots(family, own):
        try:
            digests, named = await family.of(root)
        except NotFound:
            continue  # it is surely not there, and leads to nothing
        except ProtocolViolation:  # it may lead to any of them
            may = [key for key in own if ":" in key or NAMED.fullmatch(key)]
            doubted |= dict.fromkeys(may, f"nobody can tell whether the locked {label} leads to it")
            continue
        for key in (*map(str, digests), *(tag.name for tag in named)):
            held.setdefault(key, f"the locked {label} leads to it")
    return doubted | held


async def _beside(family: _Family, mine: Sequence[LockItem], locked: set[str]) -> dict[str, str]:
    """What belongs to what is unlocked, is locked, and was not asked for."""
    own = {item.name or str(item.digest) for item in mine}
    left = locked - own
    if not left:
        return {}
    try:
        digests, named = await family.of(next(item.digest for item in mine))
    except (NotFound, ProtocolViolation, Locked):
        return dict.fromkeys(sorted(left), "nobody can tell whether it belongs to what was unlocked")
    keys = [*map(str, digests), *(tag.name for tag in named)]
    return {key: "it was not asked for: deep=True unlocks it, too" for key in keys if key in left}


async def _other_roots(family: _Family, own: set[str]) -> list[tuple[Digest, str]]:
    found = [(tag.digest, f"tag {tag.name}") for tag in await family.tags() if tag.locked and tag.name not in own]
    roots = [one.digest for one in await family.manifests() if one.locked and str(one.digest) not in own]
    return [*found, *((root, f"manifest {root}") for root in roots)]


async def locks(remote: Remote) -> list[LockItem]:
    """The tags and manifests that are locked."""
    found: list[LockItem] = []
    async for tag in items(tags.tags(remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)):
        found += _if_locked(tag)
    async for one in items(manifests.manifests(remote, order_by=None, page_size=LARGEST_PAGE, last=None)):
        found += _if_locked(one)
    return found


def _if_locked(found: TagProperties | ManifestProperties) -> Iterator[LockItem]:
    if found.locked:
        yield _item(found, found.digest)


def _item(found: TagProperties | ManifestProperties, digest: Digest) -> LockItem:
    return LockItem(
        kind="tag" if isinstance(found, TagProperties) else "manifest",
        name=found.name if isinstance(found, TagProperties) else None,
        digest=digest,
        can_write=found.can_write,
        can_delete=found.can_delete,
    )


def _as_before(item: LockItem) -> Changes:
    return changes(can_read=None, can_list=None, can_write=item.can_write, can_delete=item.can_delete)


async def _update(remote: Remote, item: LockItem, wanted: Changes) -> LockItem:
    if item.name is None:
        return _item(await manifests.update(remote, item.digest, wanted), item.digest)
    found = await tags.update(remote, item.name, wanted)
    return _item(found, found.digest)

"""Deep locks: a tag, its manifest, all that this lists, and what is attached to any of it are locked, and unlocked.

ACR locks each tag and each manifest by itself. A clean-up that looks at the index alone may delete its platforms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from acr._cleanup.graph import NAMED
from acr._core.listed import manifest_metadata, tags
from acr._core.listed.permissions import Changes, changes
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._core.upkeep.family import Family
from acr._text import printable
from acr._values.digest import Digest
from acr._values.locks import LockItem, LockState, Unlocked
from acr._values.properties import LARGEST_PAGE, ManifestProperties, TagProperties
from acr._values.reference import check_reference
from acr.errors import (
    AcrError,
    InvalidInput,
    Locked,
    NoMetadataApi,
    NotFound,
    ProtocolViolation,
    ResponseError,
)

_LOCKED: Final = changes(can_read=None, can_list=None, can_write=False, can_delete=False)


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
        digests, named = await Family(remote).of(root) if deep else ([root], [])
        for digest in digests:
            told = await manifest_metadata.get(remote, digest)
            done.append(_item(told, digest))
            await manifest_metadata.update(remote, digest, _LOCKED)
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
                still[_key(item)] = type(error).__name__
    return still


async def _is_as_before(remote: Remote, item: LockItem) -> bool:
    """Whether an item surely has the permissions that it had: what was refused may not have been changed at all."""
    try:
        found = await (manifest_metadata.get(remote, item.digest) if item.name is None else tags.get(remote, item.name))
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
    family = Family(remote)
    mine = await _asked(remote, family, what, deep=deep)
    locked = await family.locked()
    moved = await _moved(family, mine)
    mine = [item for item in mine if item.name not in moved]
    held = _locked_before(mine, locked) | await _held(remote, family, mine)
    still = {} if deep or isinstance(what, LockState) else await _beside(family, mine, locked)
    still |= {name: why for name, why in moved.items() if name in locked}
    still |= {key: held[key] for key in map(_key, reversed(mine)) if key in held}
    unlocked, absent = await _put_all_back(remote, [item for item in reversed(mine) if _key(item) not in held])
    return Unlocked(items=tuple(unlocked), still_locked=still, absent=tuple(absent))


async def _put_all_back(remote: Remote, mine: Iterable[LockItem]) -> tuple[list[LockItem], list[str]]:
    """Give items the permissions that they had. Return them, and what is not there any more."""
    unlocked: list[LockItem] = []
    absent: list[str] = []
    for item in mine:
        if not (item.can_write or item.can_delete):
            continue
        try:
            unlocked.append(await _update(remote, item, _as_before(item)))
        except NoMetadataApi:
            raise
        except NotFound:
            absent.append(_key(item))
    return unlocked, absent


def _key(item: LockItem) -> str:
    return item.name or str(item.digest)


async def _asked(remote: Remote, family: Family, what: LockState | str, *, deep: bool) -> list[LockItem]:
    """What is to be unlocked, with the permissions that it gets."""
    if not isinstance(what, LockState):
        return await _found(remote, family, check_reference(what), deep=deep)
    if (what.registry, what.repository) != (remote.session.registry.netloc, remote.name):
        raise InvalidInput(f"the state is of {what.registry}/{what.repository}, and not of {remote}")
    return list(what.items)


async def _moved(family: Family, mine: Iterable[LockItem]) -> dict[str, str]:
    """The tags that point elsewhere by now, with the reason why they are left as they are."""
    now = {tag.name: tag.digest for tag in await family.tags()}
    return {
        item.name: f"it points to {now[item.name]} by now, and whoever locked that may need it"
        for item in mine
        if item.name is not None and now.get(item.name, item.digest) != item.digest
    }


def _locked_before(mine: Iterable[LockItem], locked: set[str]) -> dict[str, str]:
    """What was locked before the state was made, and is locked now."""
    keys = {_key(item) for item in mine if not (item.can_write or item.can_delete)}
    return dict.fromkeys(keys & locked, "it was locked before")


async def _found(remote: Remote, family: Family, reference: str, *, deep: bool) -> list[LockItem]:
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


async def _held(remote: Remote, family: Family, mine: Iterable[LockItem]) -> dict[str, str]:
    """What other locked tags and manifests lead to, with the reason."""
    own = {_key(item) for item in mine}
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


async def _beside(family: Family, mine: Sequence[LockItem], locked: set[str]) -> dict[str, str]:
    """What belongs to what is unlocked, is locked, and was not asked for."""
    own = {_key(item) for item in mine}
    left = locked - own
    if not left:
        return {}
    try:
        digests, named = await family.of(next(item.digest for item in mine))
    except (NotFound, ProtocolViolation, Locked):
        return dict.fromkeys(sorted(left), "nobody can tell whether it belongs to what was unlocked")
    keys = [*map(str, digests), *(tag.name for tag in named)]
    return {key: "it was not asked for: deep=True unlocks it, too" for key in keys if key in left}


async def _other_roots(family: Family, own: set[str]) -> list[tuple[Digest, str]]:
    found = [(tag.digest, f"tag {tag.name}") for tag in await family.tags() if tag.locked and tag.name not in own]
    roots = [one.digest for one in await family.manifests() if one.locked and str(one.digest) not in own]
    return [*found, *((root, f"manifest {root}") for root in roots)]


async def locks(remote: Remote) -> list[LockItem]:
    """The tags and manifests that are locked."""
    found: list[LockItem] = []
    async for tag in items(tags.tags(remote, order_by=None, page_size=LARGEST_PAGE, last=None, digest=None)):
        found += _if_locked(tag)
    async for one in items(manifest_metadata.manifests(remote, order_by=None, page_size=LARGEST_PAGE, last=None)):
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
        return _item(await manifest_metadata.update(remote, item.digest, wanted), item.digest)
    found = await tags.update(remote, item.name, wanted)
    return _item(found, found.digest)

"""Rows: what was read of a repository, as the tables of an inventory take it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs

from acr._core.upkeep.links import Reading
from acr._inventory.builder import NewManifest, NewRepository, NewTag
from acr._inventory.marks import UNKNOWN, Flag, to_number
from acr._inventory.tables import pack
from acr._values.digest import Digest
from acr._values.properties import ManifestProperties, Permissions, RepositoryProperties, TagProperties

_LARGEST_IMAGE: Final = 2**60
"""Bytes. What a registry says beyond that it says of nothing."""


@attrs.frozen
class Known:
    """A manifest that was read: its size and type, and what it leads to."""

    size: int
    media_type: str
    reading: Reading
    targets: tuple[Digest, ...]


def reach(roots: Sequence[Digest], known: Mapping[Digest, Known]) -> Collection[Digest]:
    """Some manifests, and what belongs to them: what they list, and what is attached to any of it."""
    below = _below(known)
    left = list(roots)
    found = set(left)
    while left:
        new = [one for one in below.get(left.pop(), ()) if one not in found]
        found.update(new)
        left += new
    return found


def _below(known: Mapping[Digest, Known]) -> Mapping[Digest, Sequence[Digest]]:
    """What a manifest lists, and what is attached to it."""
    below: dict[Digest, list[Digest]] = {}
    for digest, one in known.items():
        if one.targets:
            has_subject = Flag.HAS_SUBJECT in one.reading.flags  # which is the last target
            below.setdefault(digest, []).extend(one.targets[:-1] if has_subject else one.targets)
            if has_subject:
                below.setdefault(one.targets[-1], []).append(digest)
    return below


def repository_row(
    name: str, told: RepositoryProperties, flags: Flag, manifests: Sequence[NewManifest], tags: Sequence[NewTag]
) -> NewRepository:
    """A repository.

    Args:
        name: its name, whatever the registry says.
        told: what the registry says of it.
        flags: beside its permissions.
        manifests: its manifests.
        tags: its tags.
    """
    return NewRepository(
        name=name,
        created=to_number(told.created),
        updated=to_number(told.updated),
        manifest_count=told.manifest_count,
        tag_count=told.tag_count,
        flags=flags | _permissions(told),
        manifests=manifests,
        tags=tags,
    )


def tag_row(told: TagProperties, started: int) -> NewTag:
    """A tag. It is new if it has moved since the reading started."""
    updated = to_number(told.updated)
    return NewTag(
        name=told.name,
        content=pack(told.digest),
        created=to_number(told.created),
        updated=updated,
        flags=_permissions(told) | _newness(updated, started),
    )


def manifest_row(digest: Digest, told: ManifestProperties | None, known: Known | None, started: int) -> NewManifest:
    """A manifest.

    Args:
        digest: of it.
        told: what the registry says of it; None if it says nothing.
        known: what was read in it; None if it could not be read.
        started: when the reading began. What was pushed since is new.
    """
    reading = known.reading if known else Reading()
    new = NewManifest(
        content=pack(digest),
        size=known.size if known else UNKNOWN,
        media_type=known.media_type if known else "",
        artifact_type=reading.artifact_type,
        trouble=reading.trouble,
        flags=reading.flags,
        links=reading.links,
    )
    if told is None:
        return new
    created = to_number(told.created)
    return attrs.evolve(
        new,
        media_type=new.media_type or told.media_type or "",
        platform="/".join(part for part in (told.os, told.architecture) if part),
        quarantine=told.quarantine_state or "",
        image_size=_image_size(told),
        created=created,
        updated=to_number(told.updated),
        flags=new.flags | _permissions(told) | _newness(created, started),
    )


def _image_size(listed: ManifestProperties) -> int:
    return listed.size if listed.size is not None and 0 <= listed.size <= _LARGEST_IMAGE else UNKNOWN


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

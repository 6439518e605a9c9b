"""Counting: whether a registry lists all that it counts. What is hidden from the listing may lead to something."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from acr._core.listed import catalog, manifest_metadata
from acr._core.listed.existence import is_found
from acr._core.talk.paging import items
from acr._core.talk.remote import Remote
from acr._values.digest import Digest
from acr._values.properties import LARGEST_PAGE, RepositoryProperties

LISTINGS: Final = 3
"""How often all is listed, if somebody pushes meanwhile, so that what is listed cannot be compared with the counts."""


def is_still(told: Sequence[RepositoryProperties]) -> bool:
    """Whether nobody changed a repository between the last two times that the registry told of it."""
    before, after = ((one.updated, one.manifest_count, one.tag_count) for one in told[-2:])
    return before == after


def uncounted(told: Sequence[RepositoryProperties], manifest_count: int, tag_count: int) -> str:
    """Why something may be hidden from the listings; empty if they show all that the registry counts.

    Args:
        told: what the registry told of the repository, before and after each listing.
        manifest_count: how many manifests were listed.
        tag_count: how many tags were listed.
    """
    if not is_still(told):
        return "a doubt: it changes while it is listed, so nobody knows whether something is hidden"
    if (told[-1].manifest_count, told[-1].tag_count) != (manifest_count, tag_count):
        return "the registry counts other items than it lists: some are hidden"
    return ""


async def is_counted(remote: Remote, known: Collection[str]) -> bool:
    """Whether each manifest that the registry counts is listed, or known.

    Args:
        remote: the repository.
        known: manifests of which it is known what they lead to, wherever they are listed.
    """
    before = (await catalog.get(remote)).manifest_count
    for _ in range(LISTINGS):
        walk = manifest_metadata.manifests(remote, order_by=None, page_size=LARGEST_PAGE, last=None)
        listed = {str(one.digest) async for one in items(walk)}
        after = (await catalog.get(remote)).manifest_count
        if before == after:
            return len(listed) == after or len(listed) + await _hidden(remote, set(known) - listed) == after
        before = after
    return False


async def _hidden(remote: Remote, unlisted: Collection[str]) -> int:
    return sum([await is_found(manifest_metadata.get(remote, Digest(one))) for one in unlisted])

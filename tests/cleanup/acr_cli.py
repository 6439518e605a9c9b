"""A double of acr-cli's purge: it does what the source of acr-cli does at cfbb835 (2026-03-12).

The program itself is written in Go, and cannot be had here. This has its semantics, with their defects, to show what
harm they do, and that a release which is locked deeply survives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

import acr
from acr import Digest, media_types

_FETCHED = (media_types.OCI_MANIFEST, media_types.OCI_INDEX, media_types.DOCKER_MANIFEST_LIST)


@attrs.frozen(kw_only=True)
class Options:
    """The flags of `acr purge`.

    Args:
        filter: repository and tag, as regular expressions. The first must match the whole name, the second any part.
        ago: what is older is eligible.
        keep: so many of the newest eligible ones stay, of tags, and again of untagged manifests.
        untagged: also delete untagged manifests.
        untagged_only: delete these alone.
        include_locked: unlock what is locked, and delete it.
    """

    filter: str = ".*:.*"
    ago: timedelta = timedelta(0)
    keep: int = 0
    untagged: bool = False
    untagged_only: bool = False
    include_locked: bool = False


def purge(registry: acr.Registry, now: datetime, options: Options) -> None:
    """Purge a registry as acr-cli does."""
    wanted, _, tag = options.filter.rpartition(":")
    for name in list(registry.repositories()):  # the catalog is listed even if the filter names one repository
        if re.fullmatch(wanted, name):
            repository = registry.repository(name)
            if not options.untagged_only:
                _purge_tags(repository, tag, now - options.ago, options)
            if options.untagged or options.untagged_only:
                _purge_untagged(repository, now - options.ago, options)


def _purge_tags(repository: acr.Repository, pattern: str, before: datetime, options: Options) -> None:
    newest_first = list(repository.tags(order_by="newest"))
    eligible = [one for one in newest_first if re.search(pattern, one.name) and one.updated <= before]
    for tag in eligible[options.keep :]:
        if tag.locked and not options.include_locked:
            continue
        if tag.locked:
            repository.tag(tag.name).update(can_write=True, can_delete=True)
        repository.tag(tag.name).delete(missing_ok=True)


def _purge_untagged(repository: acr.Repository, before: datetime, options: Options) -> None:
    spared: set[Digest] = set()
    candidates: list[acr.ManifestProperties] = []
    for one in repository.manifests(order_by="newest"):
        if one.locked and not options.include_locked:
            continue  # before its children are spared
        if one.tags or one.updated > before:
            spared |= set(_children(repository, one.digest))
            continue
        if one.media_type in _FETCHED:
            manifest = repository.manifest(one.digest).get()
            if manifest.subject is not None and manifest.manifests:
                spared |= set(_children(repository, one.digest))  # and the index itself is forgotten
            elif manifest.subject is not None:
                continue
        candidates.append(one)
    for one in [one for one in candidates if one.digest not in spared][options.keep :]:
        if one.locked:
            repository.manifest(one.digest).update(can_write=True, can_delete=True)
        repository.manifest(one.digest).delete(missing_ok=True)


def _children(repository: acr.Repository, digest: Digest) -> Iterable[Digest]:
    manifest = repository.manifest(digest).get()
    for child in manifest.manifests if manifest.is_index else ():
        yield child.digest
        yield from _children(repository, child.digest)

"""Properties of repositories, tags and manifests, as ACR's metadata API reports them, and the orders of listings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import attrs

from acr._values.arguments import check_count
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain

Order = Literal["newest", "oldest"]
"""The order of a listing, by the time of the last update. By default ACR lists tags by name and manifests by digest."""

LARGEST_PAGE: Final = 1000
"""The most items of one page. ACR silently caps a larger page size."""


def check_page_size(size: int | None) -> int | None:
    """Return `size`, or ACR's own limit if that is smaller.

    Raises:
        InvalidInput: `size` is not a positive integer.
    """
    if size is None:
        return None
    return min(check_count("page_size", size), LARGEST_PAGE)


@public_in("acr")
@attrs.frozen(kw_only=True)
class Permissions(Plain):
    """What clients may do with a repository, tag or manifest. All four are True on a new item, and False locks.

    Args:
        can_read: clients may pull the item.
        can_write: clients may overwrite and delete the item.
        can_list: listings show the item.
        can_delete: clients may delete the item.
    """

    can_read: bool = True
    can_write: bool = True
    can_list: bool = True
    can_delete: bool = True

    @property
    def locked(self) -> bool:
        """Whether a lock keeps clients from deleting the item."""
        return not (self.can_delete and self.can_write)


@public_in("acr")
@attrs.frozen(kw_only=True)
class RepositoryProperties(Permissions):
    """Properties of a repository, and its permissions.

    Args:
        name: name of the repository.
        created: when it was created.
        updated: when it was last updated.
        manifest_count: number of its manifests.
        tag_count: number of its tags.
    """

    name: str
    created: datetime
    updated: datetime
    manifest_count: int
    tag_count: int


@public_in("acr")
@attrs.frozen(kw_only=True)
class TagProperties(Permissions):
    """Properties of a tag, and its permissions.

    Args:
        repository: name of the repository.
        name: name of the tag.
        digest: digest of the manifest that the tag points to.
        created: when it was created.
        updated: when it was last updated.
        signed: whether ACR reports the tag as signed.
    """

    repository: str
    name: str
    digest: Digest
    created: datetime
    updated: datetime
    signed: bool = False


@public_in("acr")
@attrs.frozen(kw_only=True)
class RelatedManifest(Plain):
    """A manifest that an index lists, as ACR's metadata API reports it.

    Args:
        digest: digest of the manifest.
        architecture: processor, as Go names it; None if ACR does not know it.
        os: operating system, as Go names it; None if ACR does not know it.
    """

    digest: Digest
    architecture: str | None = None
    os: str | None = None


@public_in("acr")
@attrs.frozen(kw_only=True)
class ManifestProperties(Permissions):
    """Properties of a manifest, and its permissions.

    Args:
        repository: name of the repository.
        digest: digest of the manifest.
        size: size of the whole image in bytes, as ACR counts it.
        created: when it was created.
        updated: when it was last updated.
        media_type: type of the manifest.
        config_media_type: type of its config.
        architecture: processor, as Go names it; None on an index.
        os: operating system, as Go names it; None on an index.
        tags: the tags that point to it.
        related: the manifests that an index lists. Listings leave it empty; `RepositoryManifest.properties` fills it.
        quarantine_state: the state of the quarantine, as ACR reports it; None if it reports none.
        quarantine_details: details of the quarantine, as ACR reports them; None if it reports none.
    """

    repository: str
    digest: Digest
    size: int | None = None
    created: datetime
    updated: datetime
    media_type: str | None = None
    config_media_type: str | None = None
    architecture: str | None = None
    os: str | None = None
    tags: Sequence[str] = ()
    related: Sequence[RelatedManifest] = ()
    quarantine_state: str | None = None
    quarantine_details: str | None = None


@public_in("acr")
@attrs.frozen(kw_only=True)
class DeletedRepository(Plain):
    """What was deleted together with a repository.

    Args:
        manifests: digests of its manifests.
        tags: names of its tags.
    """

    manifests: Sequence[Digest] = ()
    tags: Sequence[str] = ()

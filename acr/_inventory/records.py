"""Records: what an inventory knows of one repository, tag or manifest."""

from collections.abc import Sequence
from datetime import datetime

import attrs

from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain
from acr._values.properties import Permissions


@public_in("acr")
@attrs.frozen(kw_only=True)
class InventoryRepository(Permissions):
    """A repository in an inventory.

    Args:
        name: name of the repository.
        created: when it was created.
        updated: when it was last updated.
        manifest_count: number of manifests, as the registry counts them.
        tag_count: number of tags, as the registry counts them.
        is_moving: whether it changed each time it was read. What is newer than the reading is marked as new.
        is_cache: whether it is a pull-through cache of another registry.
    """

    name: str
    created: datetime
    updated: datetime
    manifest_count: int
    tag_count: int
    is_moving: bool = False
    is_cache: bool = False


@public_in("acr")
@attrs.frozen(kw_only=True)
class InventoryTag(Permissions):
    """A tag in an inventory.

    Args:
        repository: name of the repository.
        name: name of the tag.
        digest: digest of the manifest that it points to. The inventory may lack that manifest.
        created: when the tag was created.
        updated: when it was last moved.
        is_new: whether it was pushed or moved after the reading had begun.
    """

    repository: str
    name: str
    digest: Digest
    created: datetime
    updated: datetime
    is_new: bool = False


@public_in("acr")
@attrs.frozen(kw_only=True)
class InventoryManifest(Permissions):
    """A manifest in an inventory, with what it leads to.

    Args:
        repository: name of the repository.
        digest: digest of the manifest.
        size: bytes of the manifest itself; None if it could not be read.
        image_size: bytes of the image, as ACR counts them; None if ACR does not say.
        media_type: type of the manifest.
        artifact_type: type of the artifact, or of the config; None if there is none.
        platform: what the image runs on, such as `linux/arm64`, as ACR lists it; None if ACR does not know it.
        created: when it was pushed; None if it is not in the listing.
        updated: when it was last updated; None if it is not in the listing.
        untagged_since: when an inventory first saw that no tag leads to it; None if one does, or if nobody knows, as in
            the first inventory of a repository.
        is_listed: whether the listing of the repository shows it. If not, and if ACR does not tell its properties
            either, all its permissions are False.
        is_new: whether it was pushed after the reading had begun.
        trouble: why it could not be read; None if it could.
        quarantine: state of its quarantine, as ACR reports it; None if ACR reports none.
        children: manifests that it lists.
        blobs: its config and layers.
        subject: the manifest that it is attached to; None if there is none.
    """

    repository: str
    digest: Digest
    size: int | None
    image_size: int | None
    media_type: str | None
    artifact_type: str | None
    platform: str | None
    created: datetime | None
    updated: datetime | None
    untagged_since: datetime | None = None
    is_listed: bool = True
    is_new: bool = False
    trouble: str | None = None
    quarantine: str | None = None
    children: Sequence[Digest] = ()
    blobs: Sequence[Digest] = ()
    subject: Digest | None = None


@public_in("acr")
@attrs.frozen(kw_only=True)
class InventoryProgress(Plain):
    """How far the reading of an inventory got. The callback `progress` receives it.

    Args:
        repositories: repositories to read.
        repositories_done: repositories that were read.
        manifests: manifests that were found so far.
        requests: requests that were sent so far.
        cached: manifests that came from the cache.
        seconds_left: how long the manifests that are known to be missing will take at this pace; None if that is not
            known yet.
    """

    repositories: int
    repositories_done: int
    manifests: int
    requests: int
    cached: int
    seconds_left: float | None = None

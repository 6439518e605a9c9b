"""Properties of repositories, tags and manifests, as ACR's metadata API gives them, and the orders it can list in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import attrs

from acr._values.digest import Digest
from acr._values.home import public_in
from acr.errors import InvalidInput

Order = Literal["newest", "oldest"]
"""By time of the last update. Without an order ACR lists repositories and tags by name, manifests by digest."""

LARGEST_PAGE: Final = 1000
"""Items; ACR silently caps a larger page size."""


def check_page_size(size: int | None) -> int | None:
    """Return `size`, at most what ACR serves.

    Raises:
        InvalidInput: it is not a positive number.
    """
    if size is None:
        return None
    if not isinstance(size, int) or size < 1:
        raise InvalidInput(f"page_size={size!r}: expected 1 to {LARGEST_PAGE}")
    return min(size, LARGEST_PAGE)


@public_in("acr")
@attrs.frozen(kw_only=True)
class Permissions:
    """What may be done with an item: its locks. `False` locks; all are `True` on a new item.

    Args:
        can_read: it may be pulled.
        can_write: it may be overwritten, and deleted.
        can_list: it shows up in listings.
        can_delete: it may be deleted.
    """

    can_read: bool = True
    can_write: bool = True
    can_list: bool = True
    can_delete: bool = True

    @property
    def locked(self) -> bool:
        """Whether it cannot be deleted."""
        return not (self.can_delete and self.can_write)


@public_in("acr")
@attrs.frozen(kw_only=True)
class RepositoryProperties(Permissions):
    """Properties of a repository."""

    name: str
    created: datetime
    updated: datetime
    manifest_count: int
    tag_count: int


@public_in("acr")
@attrs.frozen(kw_only=True)
class TagProperties(Permissions):
    """Properties of a tag."""

    repository: str
    name: str
    digest: Digest
    created: datetime
    updated: datetime
    signed: bool = False


@public_in("acr")
@attrs.frozen(kw_only=True)
class RelatedManifest:
    """A manifest that an index lists, as ACR's metadata gives it."""

    digest: Digest
    architecture: str | None = None
    os: str | None = None


@public_in("acr")
@attrs.frozen(kw_only=True)
class ManifestProperties(Permissions):
    """Properties of a manifest.

    `size` is of the whole image, as ACR counts it. `tags` is empty on an untagged manifest. `architecture` and `os` are
    None on an index, whose `related` lists what it is made of (only when one manifest is asked for, not in listings).
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
@attrs.frozen
class Chunk:
    """Part of a blob. It cannot be verified: a digest is of the whole.

    Args:
        content: the bytes; fewer than were asked for at the end of the blob.
        offset: of the first of them in the blob.
        size: bytes of the whole blob; None where the registry does not tell.
    """

    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")
    offset: int
    size: int | None


@public_in("acr")
@attrs.frozen(kw_only=True)
class DeletedRepository:
    """What went with a repository."""

    manifests: Sequence[Digest] = ()
    tags: Sequence[str] = ()

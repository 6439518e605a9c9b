"""Repositories, tags and manifests as the metadata keeps them."""

from __future__ import annotations

from typing import Literal

import attrs

from acr._values.digest import Digest

Order = Literal["", "none", "timeasc", "timedesc"]


@attrs.frozen
class Page:
    """Which part of a listing is wanted.

    Args:
        limit: how many items at most.
        last: the name of the item that they come after.
        order: how the listing is sorted.
        time: of that item, in ticks, if the listing is by time and the client was told it; None to look it up.
    """

    limit: int
    last: str | None = None
    order: Order = ""
    time: int | None = None


@attrs.frozen(kw_only=True)
class Locks:
    """What may be done with an item."""

    delete: bool
    write: bool
    read: bool
    listing: bool

    @property
    def may_delete(self) -> bool:
        """A write lock protects from deletion too."""
        return self.delete and self.write

    def to_json(self) -> dict[str, bool]:
        """As `changeableAttributes`."""
        return {
            "deleteEnabled": self.delete,
            "writeEnabled": self.write,
            "readEnabled": self.read,
            "listEnabled": self.listing,
        }


@attrs.frozen(kw_only=True)
class Item:
    """A repository, or the common part of a tag and a manifest (whose name is its digest)."""

    name: str
    created: int
    updated: int
    locks: Locks


@attrs.frozen(kw_only=True)
class Tag(Item):
    """A tag."""

    digest: Digest


@attrs.frozen(kw_only=True)
class Manifest(Item):
    """A manifest without its content."""

    media_type: str
    size: int
    image_size: int
    architecture: str | None
    os: str | None
    config_media_type: str | None
    artifact_type: str | None
    annotations: dict[str, str]


@attrs.frozen(kw_only=True)
class NewManifest:
    """A manifest as it is pushed."""

    digest: Digest
    media_type: str
    content: bytes
    image_size: int
    architecture: str | None
    os: str | None
    config_media_type: str | None
    artifact_type: str | None
    subject: Digest | None
    annotations: dict[str, str]

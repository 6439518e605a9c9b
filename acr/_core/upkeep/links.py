"""Links: what a manifest leads to, read with care: it may be anybody's.

What cannot be read is said, and never left out in silence: a link that nobody knows could lead anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from acr import media_types
from acr._core.images.graph import check_one_kind
from acr._inventory.builder import NewLink
from acr._inventory.marks import LARGEST_SIZE, UNKNOWN, Flag, Kind
from acr._inventory.tables import pack
from acr._values.digest import received_digest
from acr._values.fields import integer, list_of, object_of, optional_text, text
from acr._values.manifest import Manifest
from acr.errors import LimitExceeded, ProtocolViolation, UnsupportedDigest

_ATTESTS: Final = "vnd.docker.reference.digest"
"""The annotation by which BuildKit marks the entry of an attestation. It is a part of its index."""

ACCEPTED: Final = (*media_types.ANY_MANIFEST, media_types.OCI_ARTIFACT_MANIFEST)
"""The types of manifests whose links are known."""


@attrs.frozen(kw_only=True)
class Reading:
    """What was read in a manifest.

    Args:
        links: what it leads to.
        artifact_type: type of the artifact, or of the config.
        flags: whether it is an index, and what kind of one.
        trouble: why it cannot be read, or not wholly; empty if it can.
    """

    links: Sequence[NewLink] = ()
    artifact_type: str = ""
    flags: Flag = Flag(0)
    trouble: str = ""


def read_links(manifest: Manifest) -> Reading:
    """Read what a manifest leads to."""
    try:
        if manifest.media_type in media_types.SCHEMA1 or "fsLayers" in manifest.json:
            return Reading(trouble="it is of Docker's schema 1, which does not say how large its layers are")
        check_one_kind(manifest)
        links = list(_links(manifest.json))
        config = next((link.media_type for link in links if link.kind == Kind.CONFIG), "")
        artifact_type = optional_text(manifest.json, "artifactType", "the manifest") or config
        flags = _flags(manifest.json, links)
    except (ProtocolViolation, UnsupportedDigest, LimitExceeded) as error:
        return Reading(trouble=f"it is malformed: {error}")
    is_known = manifest.media_type in ACCEPTED
    trouble = "" if is_known else f"its type is unknown: {manifest.media_type}"
    return Reading(links=links, artifact_type=artifact_type, flags=flags, trouble=trouble)


def _links(fields: Mapping[str, Any]) -> Iterator[NewLink]:
    where = "the manifest"
    for entry in list_of(fields, "manifests", where):
        link = _link(entry, Kind.CHILD)
        if link.media_type in media_types.CACHED:  # BuildKit lists the layers of its caches so
            yield attrs.evolve(link, kind=Kind.LAYER)
        elif _ATTESTS in object_of(entry.get("annotations") or {}, f"{where}'s annotations"):
            yield attrs.evolve(link, kind=Kind.ATTESTATION)
        else:
            yield link
    if fields.get("config") is not None:
        yield _link(fields["config"], Kind.CONFIG)
    for key in ("layers", "blobs"):
        for entry in list_of(fields, key, where):
            link = _link(entry, Kind.LAYER)
            is_foreign = link.media_type in media_types.FOREIGN_LAYERS
            yield attrs.evolve(link, kind=Kind.FOREIGN, size=UNKNOWN) if is_foreign else link
    if fields.get("subject") is not None:
        yield _link(fields["subject"], Kind.SUBJECT)  # the last one, as the tables have it


def _link(entry: object, kind: Kind) -> NewLink:
    where = f"the manifest's {kind.name.lower()}"
    data = object_of(entry, where)
    size = integer(data, "size", where)
    if not 0 <= size <= LARGEST_SIZE:
        raise ProtocolViolation(f"{where} is said to have {size} bytes")
    digest = received_digest(text(data, "digest", where), where)
    return NewLink(pack(digest), kind, text(data, "mediaType", where), size)


def _flags(fields: Mapping[str, Any], links: Sequence[NewLink]) -> Flag:
    flags = Flag(0)
    if any(link.kind in (Kind.CHILD, Kind.ATTESTATION) for link in links):
        flags |= Flag.IS_INDEX
    if links and links[-1].kind == Kind.SUBJECT:
        flags |= Flag.HAS_SUBJECT
    if any(isinstance(entry.get("platform"), dict) for entry in list_of(fields, "manifests", "the manifest")):
        flags |= Flag.HAS_PLATFORM
    return flags

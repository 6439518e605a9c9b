"""What the registry says of manifests: their listing, their properties, and what may be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from acr_rest.api.container_registry import get_manifest_properties, get_manifests, update_manifest_properties
from acr_rest.models.manifest_changeable_attributes import ManifestChangeableAttributes
from acr_rest.types import Response

from acr._core.listed import tags
from acr._core.listed.locks import explained
from acr._core.listed.permissions import Changes, permissions
from acr._core.talk import scopes
from acr._core.talk.answers import done, listed, told
from acr._core.talk.deadline import one_call
from acr._core.talk.paging import Walk
from acr._core.talk.remote import Remote
from acr._text import printable
from acr._values.arguments import check_text
from acr._values.digest import Digest, received_digest
from acr._values.properties import ManifestProperties, Order, RelatedManifest, check_page_size
from acr._values.reference import check_reference

if TYPE_CHECKING:
    from acr_rest.models.manifest_attributes_base import ManifestAttributesBase


def manifests(
    remote: Remote,
    *,
    order_by: Order | None,
    page_size: int | None,
    last: str | None,
) -> Walk[ManifestProperties]:
    """The manifests of a repository."""
    first = get_manifests.build_request(
        remote.name,
        last=check_text("last", last),
        n=check_page_size(page_size),
        orderby=tags.order_on_wire(order_by, last),
    )

    def read(reply: Response) -> Sequence[ManifestProperties]:
        found = listed(reply, "manifests", get_manifests.parse(reply).body.manifests)
        return [_properties(remote.name, manifest) for manifest in found]

    return Walk(remote.session, first, read, scopes.read_metadata(remote.name), f"manifests of {remote.name}")


async def digest_of(remote: Remote, reference: str) -> Digest:
    """The digest behind a tag, by metadata; a digest is its own."""
    checked = check_reference(reference)
    if isinstance(checked, Digest):
        return checked
    return (await tags.get(remote, checked)).digest


@one_call
async def get(remote: Remote, reference: str) -> ManifestProperties:
    """Properties of a manifest, by tag or digest."""
    digest = await digest_of(remote, reference)
    request = get_manifest_properties.build_request(remote.name, digest)
    needed = scopes.read_metadata(remote.name)
    reply = await remote.session.call_for_list(request, get_manifest_properties.parse, scopes=needed)  # of all its tags
    return _properties(remote.name, reply.body.manifest)


@one_call
async def update(remote: Remote, reference: str, changes: Changes) -> ManifestProperties:
    """Change what may be done with a manifest, by tag or digest."""
    digest = await digest_of(remote, reference)
    body = ManifestChangeableAttributes(**changes)
    request = update_manifest_properties.build_request(remote.name, digest, body=body)
    async with explained(f"the manifest {remote.name}@{digest}", partial(get, remote, digest)):
        parse = told(done(update_manifest_properties.parse, 200))
        reply = await remote.session.call_for_list(request, parse, scopes=scopes.write_metadata(remote.name))
    return _properties(remote.name, reply.body.manifest) if reply else await get(remote, digest)


def _properties(repository: str, manifest: ManifestAttributesBase) -> ManifestProperties:
    attributes = manifest.changeable_attributes
    return ManifestProperties(
        repository=repository,
        digest=received_digest(manifest.digest, "a manifest"),
        size=manifest.image_size,
        created=manifest.created_time,
        updated=manifest.last_update_time,
        media_type=_text(manifest.media_type),
        config_media_type=_text(manifest.config_media_type),
        architecture=_text(manifest.architecture),
        os=_text(manifest.os),
        tags=tuple(map(printable, manifest.tags)),
        related=tuple(
            RelatedManifest(
                digest=received_digest(one.digest, "a related manifest"),
                architecture=_text(one.architecture),
                os=_text(one.os),
            )
            for one in manifest.references
        ),
        quarantine_state=_text(attributes.quarantine_state) if attributes else None,
        quarantine_details=_text(attributes.quarantine_details) if attributes else None,
        **permissions(attributes),
    )


def _text(value: str | None) -> str | None:
    """What the registry says in words, fit to be printed."""
    return None if value is None else printable(str(value))

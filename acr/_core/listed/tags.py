"""Tags: their listing, their properties, their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from acr_rest import types
from acr_rest.api.container_registry import (
    delete_tag,
    get_tag_names,
    get_tag_properties,
    get_tags,
    update_tag_properties,
)
from acr_rest.models.tag_changeable_attributes import TagChangeableAttributes
from acr_rest.types import Response

from acr._core.listed.existence import is_found
from acr._core.listed.locks import explained
from acr._core.listed.permissions import Changes, permissions
from acr._core.talk import scopes
from acr._core.talk.answers import done, listed, told
from acr._core.talk.attempts import Attempts
from acr._core.talk.deadline import one_call
from acr._core.talk.paging import Shown, Walk
from acr._core.talk.remote import Remote
from acr._core.talk.unlinked import Unlinked
from acr._text import printable
from acr._values.arguments import check_number, check_text
from acr._values.digest import Digest, received_digest
from acr._values.properties import Order, TagProperties, check_page_size
from acr._values.reference import check_tag
from acr.errors import InvalidInput, InvalidReference, NoMetadataApi, NotFound, UnsupportedDigest

if TYPE_CHECKING:
    from acr_rest.models.tag_attributes_base import TagAttributesBase

_ORDERS: Final = {None: None, "newest": "timedesc", "oldest": "timeasc"}


def order_on_wire(order: Order | None, last: str | None) -> str | None:
    """What `orderby` takes.

    Args:
        order: what is asked for.
        last: where the listing is to begin, if that is asked for as well. In an order by time ACR pages by a number
            that stands before the name, and takes a name alone for nothing: it would give the first page again.

    Raises:
        InvalidInput: the order is unknown, or does not go with `last`.
    """
    if not isinstance(order, str | None) or order not in _ORDERS:
        raise InvalidInput(f"order_by={order!r}: expected 'newest', 'oldest' or None")
    if order is not None and last is not None:
        raise InvalidInput(
            f"last={last[:100]!r} goes by name, and order_by={order!r} by time: pass one of them, or go on from a page"
            " with pages(continuation=…)"
        )
    return _ORDERS[order]


def tags(
    remote: Remote,
    *,
    order_by: Order | None,
    page_size: int | None,
    last: str | None,
    digest: str | None,
) -> Walk[TagProperties]:
    """The tags of a repository."""
    first = get_tags.build_request(
        remote.name,
        last=check_text("last", last),
        n=check_page_size(page_size),
        orderby=order_on_wire(order_by, last),
        digest=None if digest is None else Digest(digest),
    )
    which = f"tags of {remote.name}" if digest is None else f"tags of {remote.name}@{digest}"
    return Walk(remote.session, first, reader(remote.name), scopes.read_metadata(remote.name), which)


def reader(repository: str) -> Callable[[Response], Sequence[TagProperties]]:
    """What reads a page of the tags of a repository."""

    def read(reply: Response) -> Sequence[TagProperties]:
        return [_properties(repository, tag) for tag in listed(reply, "tags", get_tags.parse(reply).body.tags)]

    return read


def names(remote: Remote, *, page_size: int | None, last: str | None) -> Shown:
    """The names of the tags of a repository, as every OCI registry lists them."""
    size = check_page_size(page_size)
    first = get_tag_names.build_request(remote.name, n=size, last=check_text("last", last))
    walk = Walk(remote.session, first, _names, scopes.pull(remote.name), f"names of tags of {remote.name}")
    return Shown(Unlinked(walk, size))


async def get(remote: Remote, tag: str) -> TagProperties:
    """Properties of a tag."""
    request = get_tag_properties.build_request(remote.name, check_tag(tag))
    reply = await remote.session.call(request, get_tag_properties.parse, scopes=scopes.read_metadata(remote.name))
    return _properties(remote.name, reply.body.tag)


async def exists(remote: Remote, tag: str) -> bool:
    """Whether there is such a tag."""
    return await is_found(get(remote, tag))


async def wait(remote: Remote, tag: str, *, seconds: float, interval: float) -> TagProperties:
    """Ask for a tag again and again until it is there.

    Args:
        remote: the repository.
        tag: its name.
        seconds: how long to wait at the most.
        interval: seconds between two questions.

    Raises:
        NotFound: it is not there in time.
    """
    check_number("seconds", seconds, lambda value: value >= 0, "seconds, 0 at the least")
    check_number("interval", interval, lambda value: value > 0, "seconds above 0")
    end = remote.session.runtime.now() + seconds
    while True:
        try:
            return await get(remote, tag)
        except NoMetadataApi:
            raise
        except NotFound as error:
            left = end - remote.session.runtime.now()
            if left <= 0:
                error.hint = f"it did not appear within {seconds:g} s"
                raise
        await remote.session.runtime.sleep(min(interval, left))


@one_call
async def update(remote: Remote, tag: str, changes: Changes) -> TagProperties:
    """Change what may be done with a tag."""
    body = TagChangeableAttributes(**changes)
    request = update_tag_properties.build_request(remote.name, check_tag(tag), body=body)
    async with explained(f"the tag {tag} of {remote.name}", partial(get, remote, tag)):
        parse = told(done(update_tag_properties.parse, 200))
        reply = await remote.session.call(request, parse, scopes=scopes.write_metadata(remote.name))
    return _properties(remote.name, reply.body.tag) if reply else await get(remote, tag)


async def delete(remote: Remote, tag: str, *, missing_ok: bool, attempts: Attempts | None = None) -> Digest | None:
    """Delete a tag, not what it points to.

    Args:
        remote: the repository.
        tag: its name.
        missing_ok: whether it may be gone.
        attempts: of the caller, who looks again before another try; None for the usual ones.

    Returns:
        What it pointed to; None if the registry does not tell, or if the tag was gone.
    """
    request = delete_tag.build_request(remote.name, check_tag(tag))
    attempts = attempts or remote.session.sender.attempts()
    with attempts.may_be_gone(missing_ok=missing_ok):
        async with explained(f"the tag {tag} of {remote.name}", partial(get, remote, tag)):
            parse = done(delete_tag.parse, 202)
            reply = await remote.session.call(request, parse, scopes=scopes.delete(remote.name), attempts=attempts)
        with suppress(InvalidReference, UnsupportedDigest):  # the tag is gone, whatever the registry tells of it
            return Digest(reply.x_ms_int_docker_content_digest or "")
    return None


def _names(reply: Response) -> Sequence[str]:
    return listed(reply, "tags", get_tag_names.parse(reply).body.tags)


def _properties(repository: str, tag: TagAttributesBase) -> TagProperties:
    made: Any = types.new(_DRAFT)  # a page has a thousand of them: `types.draft` says why
    made.repository = repository
    made.name = printable(tag.name)
    made.digest = received_digest(tag.digest, "a tag")
    made.created = tag.created_time
    made.updated = tag.last_update_time
    made.signed = bool(tag.signed)
    flags = permissions(tag.changeable_attributes)
    made.can_read = flags["can_read"]
    made.can_write = flags["can_write"]
    made.can_list = flags["can_list"]
    made.can_delete = flags["can_delete"]
    made.__class__ = TagProperties
    properties: TagProperties = made
    return properties


_DRAFT: Final = types.draft(TagProperties)

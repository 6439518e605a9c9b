"""Redirects: a registry may send the client elsewhere, such as to its storage."""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import urljoin

import attrs
from acr_rest.types import AnyRequest as Request

from acr._core.runtime import Incoming
from acr._core.talk import bodies
from acr._core.talk.links import split
from acr._core.talk.scopes import Scopes
from acr._core.talk.sending import Sender
from acr._values.reference import Endpoint
from acr.errors import InvalidReference, ProtocolViolation, TransportError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST: Final = 5
_BODY: Final = 64 * 1024


class Opener(Protocol):
    """Sends requests to a registry with the token that they need; `Session` is one."""

    registry: Endpoint
    sender: Sender

    async def open(self, request: Request, *, scopes: Scopes, is_large: bool = False) -> Incoming:
        """Send, and give the answer with its body unread."""
        ...


@attrs.frozen
class Place:
    """Where a redirect leads.

    Args:
        endpoint: the host.
        target: path and query.
    """

    endpoint: Endpoint
    target: str = attrs.field(repr=False)  # it may hold a signature


def leads_on(incoming: Incoming) -> bool:
    """Whether an answer sends the client elsewhere."""
    return incoming.status in _REDIRECTS and bool(incoming.headers.get("location"))


async def follow(
    session: Opener, request: Request, incoming: Incoming, scopes: Scopes, *, is_large: bool = False
) -> tuple[Incoming, Place]:
    """Go where an answer leads, until one is no redirect.

    Args:
        session: the client.
        request: what the answer is to. It is sent on as it is, but for its target.
        incoming: the answer; it is closed if it leads on.
        scopes: what the request needs, if it leads to the registry itself.
        is_large: the answer may have a large body, to be read by `readinto`.

    Returns:
        The last answer, to be closed by the caller, and where it is from.

    Raises:
        ProtocolViolation: a redirect leads to an unusable place, or there are more than 5 in a row.
        ResponseError, TransportError, CredentialError: there is an error where it leads.
    """
    place = session.registry
    for _ in range(_MOST):
        if not leads_on(incoming):
            return incoming, Place(place, request.target)
        location = incoming.headers.get("location", "")
        try:
            await bodies.read_at_most(incoming, _BODY)  # so that the connection can be used again
        finally:
            await incoming.aclose()
        place, target = _elsewhere(session.registry, place, request.target, location)
        request = attrs.evolve(request, target=target)
        incoming = await _sent(session, place, request, scopes, is_large=is_large)
    if leads_on(incoming):
        await incoming.aclose()
        raise ProtocolViolation(
            f"{session.registry.netloc} redirects more than {_MOST} times, at last to {place.netloc}"
        )
    return incoming, Place(place, request.target)


async def _sent(session: Opener, place: Endpoint, request: Request, needed: Scopes, *, is_large: bool) -> Incoming:
    """Send to where a redirect leads; without the token, if it is not the registry itself.

    Storage refuses the token, and it is none of its business.
    """
    if place == session.registry:
        return await session.open(request, scopes=needed, is_large=is_large)
    session.sender.learned.throttles.leads_to(place)
    try:
        return await session.sender.send(place, request, None, is_large=is_large)
    except TransportError as error:
        problem = type(error)(  # of the same class, and as final: who repeats it looks at both
            f"{session.registry.netloc} redirects to {place.netloc}, which did not answer: {error}"
            " (if a firewall is in the way, allow that host, or use the registry's dedicated data endpoints)"
        )
        problem.exhausted = error.exhausted
        raise problem from error


def _elsewhere(registry: Endpoint, place: Endpoint, path: str, location: str) -> tuple[Endpoint, str]:
    try:
        found, target = split(urljoin(f"{place}{path}", location))
        if found.scheme == "http" and registry.scheme == "https":
            raise InvalidReference(f"from https to plain http at {found.netloc}")
    except ValueError as error:  # InvalidReference is one, and so is what urllib finds
        raise ProtocolViolation(f"{place.netloc} redirects to an unusable place: {error}") from None
    return found, target

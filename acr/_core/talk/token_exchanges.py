"""Exchanges: the requests that turn one credential into another, at the realm that a challenge names.

Entra token --/oauth2/exchange--> refresh token --/oauth2/token--> access token (for one set of scopes)
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import attrs
from acr_rest.api.authentication import (
    get_access_token as exchange_refresh,
    get_access_token_with_password as log_in,
    get_refresh_token as exchange_entra,
)
from acr_rest.types import AnyRequest as Request, InvalidResponse, Response

from acr._core.talk.answers import done
from acr._core.talk.challenge import Challenge
from acr._core.talk.links import split
from acr._core.talk.scopes import Scopes
from acr._values.credentials import UsernamePassword
from acr._values.reference import Endpoint
from acr.errors import CredentialError, ProtocolViolation, ResponseError

_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1

_DIGITS: Final = re.compile(r"([0-9]{1,10})(?:\.[0-9]{1,10})?")

_LONGEST_LIFE: Final = 10**10
"""Seconds: three centuries. JSON numbers may be larger than any float."""

_UNKNOWN_LIFETIME: Final = 60.0
"""Seconds that a token lives of which nothing is known (the distribution project's token specification)."""

T = TypeVar("T")

Send = Callable[[Endpoint, Request, str | None], Awaitable[Response]]
"""Sends a request with the given Authorization header, or with none. Raises ResponseError and TransportError."""


class Issued(NamedTuple):
    """A token, and the seconds that it lives from now."""

    token: str
    lifetime: float

    def __repr__(self) -> str:
        return f"<token, {self.lifetime:.0f} s>"


@attrs.frozen
class Authority:
    """Who issues tokens for a registry: the realm and the service of its challenge.

    Args:
        endpoint: of the realm.
        target: path and query of the realm.
        service: what the registry is called there.
        is_foreign: it is on a host that may be sent no credential.
    """

    endpoint: Endpoint
    target: str
    service: str
    is_foreign: bool = False

    @classmethod
    def of(
        cls,
        challenge: Challenge,
        registry: Endpoint,
        token_hosts: frozenset[str],
        *,
        is_anonymous: bool = False,
    ) -> Authority:
        """Read it off a Bearer challenge.

        Args:
            challenge: the registry's.
            registry: the registry; a realm on its own host is always allowed.
            token_hosts: further hosts (with port, if it has one) that may be sent the credential.
            is_anonymous: there is no credential, and so nothing that another host must not get to know.

        Raises:
            ProtocolViolation: the realm is no URL, or is on a host that was not allowed.
        """
        realm = challenge.parameters.get("realm", "")
        try:
            endpoint, target = split(realm, allow_http=registry.scheme == "http")
        except ValueError as error:  # urlsplit's own, or InvalidReference
            raise ProtocolViolation(f"{registry.netloc} names an unusable token realm: {error}") from None
        if registry.scheme == "https" and endpoint.scheme == "http":
            raise ProtocolViolation(
                f"{registry.netloc} asks to send credentials over plain http, to {endpoint.netloc!r}: they stay here"
            )
        is_foreign = endpoint != registry and endpoint.netloc not in token_hosts
        found = cls(endpoint, target, challenge.parameters.get("service", registry.netloc), is_foreign)
        if not is_anonymous:
            found.check_trusted()
        return found

    def check_trusted(self) -> None:
        """See that it may be sent a credential.

        Raises:
            ProtocolViolation: it is on a host that was not allowed.
        """
        if self.is_foreign:
            host = self.endpoint.netloc
            raise ProtocolViolation(
                f"the registry asks to send credentials to another host, {host!r}; if that is right, pass"
                f" token_hosts=[{host!r}]"
            )


async def entra_to_refresh(
    send: Send,
    authority: Authority,
    entra_token: str | None,
    *,
    entra_refresh_token: str | None = None,
    tenant: str | None = None,
) -> Issued:
    """Exchange an Entra token for an ACR refresh token.

    Args:
        send: sends the request.
        authority: who issues it.
        entra_token: for the registry's audience.
        entra_refresh_token: of Entra, beside the token or in its place.
        tenant: of the tokens; ACR reads it off them if it is left out.

    Raises:
        CredentialError: the registry refuses it.
    """
    authority.check_trusted()
    given = {"access_token": entra_token, "refresh_token": entra_refresh_token}
    request = exchange_entra.build_request(
        service=authority.service,
        grant_type="_".join(name for name, token in given.items() if token is not None),
        access_token=entra_token,
        refresh_token=entra_refresh_token,
        tenant=tenant,
    )
    what = (
        "it refuses the Entra token: check that it is for the registry's audience (audience=) and of its tenant, and"
        " that the identity has a role on the registry"
    )
    reply = await _ask(send, authority.endpoint, request, what)
    return _issued(_parsed(done(exchange_entra.parse, 200), reply).body.refresh_token, None)


async def refresh_to_access(send: Send, authority: Authority, scopes: Scopes, refresh_token: str) -> Issued:
    """Exchange a refresh token for an access token.

    Raises:
        CredentialError: the registry refuses it.
    """
    authority.check_trusted()
    request = exchange_refresh.build_request(
        service=authority.service, scope=_texts(scopes), grant_type="refresh_token", refresh_token=refresh_token
    )
    what = "it refuses the refresh token, which may have expired or been revoked: sign in again"
    return _access(await _ask(send, authority.endpoint, _at(authority, request), what))


async def password_to_access(send: Send, authority: Authority, scopes: Scopes, credential: UsernamePassword) -> Issued:
    """Exchange a name and password for an access token.

    Raises:
        CredentialError: the registry refuses them.
    """
    authority.check_trusted()
    request = log_in.build_request(service=authority.service, scope=_texts(scopes))
    what = f"it refuses the name {credential.username!r} or its password"
    return _access(await _ask(send, authority.endpoint, _at(authority, request), what, basic(credential)))


async def anonymous_access(send: Send, authority: Authority, scopes: Scopes) -> Issued:
    """Get an access token for nobody in particular.

    ACR issues it for any scope, and refuses the request instead. It takes a form with the grant type `password`; other
    registries take a GET. Any host may be asked: nothing is told to it that the registry does not know.
    """
    request = (
        exchange_refresh.build_request(service=authority.service, scope=_texts(scopes), grant_type="password")
        if authority.target == "/oauth2/token" and not authority.is_foreign
        else log_in.build_request(service=authority.service, scope=_texts(scopes))
    )
    what = "it gives none to clients without a credential"
    return _access(await _ask(send, authority.endpoint, _at(authority, request), what))


def basic(credential: UsernamePassword) -> str:
    """The value of an Authorization header (RFC 7617)."""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def claims(token: str) -> Mapping[str, Any]:
    """What a token says of itself; nothing if it is no JWT. It is the registry that verifies it."""
    try:
        part = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, RecursionError):  # ValueError: it is no base64, no UTF-8 or no JSON
        return {}
    return told if isinstance(told, dict) else {}


def is_sendable(token: str) -> bool:
    """Whether UTF-8 can write a token, as a form needs it. Python's own error would show the token."""
    try:
        token.encode()
    except UnicodeEncodeError:
        return False
    return True


def lifetime(token: str, expires_in: int | None) -> float:
    """Seconds that a token just issued will live.

    ACR sends no `expires_in`: it is in the JWT. What counts is the time between issue and end, since the clock of this
    machine may differ from the registry's.

    Raises:
        ProtocolViolation: `expires_in` is more than any time.
    """
    told = claims(token)
    try:
        seconds = float(told["exp"]) - float(told["iat"] if "iat" in told else told["nbf"])
    except (KeyError, TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isfinite(seconds):
        return seconds
    if expires_in is not None and abs(expires_in) > _LONGEST_LIFE:
        raise ProtocolViolation(
            "the token endpoint: expires_in: expected the seconds that the token lives, got too large a number"
        )
    return float(expires_in or _UNKNOWN_LIFETIME)


def _texts(scopes: Scopes) -> list[str]:
    return sorted(str(scope) for scope in scopes)


def _at(authority: Authority, request: Request) -> Request:
    """The same request at the realm's own path, which is `/oauth2/token` at ACR alone, and may have a query."""
    query = request.target.removeprefix("/oauth2/token")
    if "?" in authority.target:
        query = query.replace("?", "&", 1)
    return attrs.evolve(request, target=authority.target + query)


async def _ask(
    send: Send, endpoint: Endpoint, request: Request, what: str, authorization: str | None = None
) -> Response:
    try:
        return await send(endpoint, request, authorization)
    except ResponseError as error:
        if error.status in (400, 401, 403):
            error.hint = None  # it speaks of requests with a token
            raise CredentialError(f"the registry gives no token: {what}: {error}") from error
        raise


def _access(reply: Response) -> Issued:
    body = _parsed(done(exchange_refresh.parse, 200), _with_number(reply)).body
    issued = _issued(body.access_token or body.token, body.expires_in)  # ACR's name for it, and everyone else's
    if _BEARER.fullmatch(issued.token) is None:  # otherwise the HTTP library would quote the token in its error
        raise ProtocolViolation("the token endpoint answered with a token that fits into no header")
    return issued


def _with_number(reply: Response) -> Response:
    """The same answer, with `expires_in` as a whole number. Some write it as text (`"300"`), or as `300.0`."""
    try:
        value = json.loads(reply.body)
        seconds = value["expires_in"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return reply
    if not isinstance(seconds, str | float) or (found := _DIGITS.fullmatch(str(seconds))) is None:
        return reply
    return attrs.evolve(reply, body=json.dumps({**value, "expires_in": int(found[1])}).encode())


def _parsed(parse: Callable[[Response], T], reply: Response) -> T:
    try:
        return parse(reply)
    except InvalidResponse as error:
        raise ProtocolViolation(f"unusable answer of the token endpoint: {error}") from None


def _issued(token: str | None, expires_in: int | None) -> Issued:
    if not token:
        raise ProtocolViolation("the token endpoint answered without a token")
    if not is_sendable(token):
        raise ProtocolViolation("the token endpoint answered with a token that UTF-8 cannot write")
    return Issued(token, lifetime(token, expires_in))

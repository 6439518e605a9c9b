"""Who may do what: an operation names the actions it needs, and a request without them gets the challenge for them."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable

import attrs
from starlette.requests import Request

from acr._values.reference import check_repository
from acr.emulator._access.tokens import Access, Bearer, InvalidToken, Tokens, Trouble
from acr.emulator._wire import Refusal, page_not_found, refusal
from acr.errors import InvalidReference

_VISIT = "authentication required, visit https://aka.ms/acr/authorization for more information."


def unauthorized(detail: object, headers: dict[str, str] | None = None) -> Refusal:
    """401 in ACR's words."""
    return refusal(401, "UNAUTHORIZED", _VISIT, detail, headers)


def origin_of(request: Request) -> tuple[str, str]:
    """The registry's URL and service name as the client sees them, which may be through a port forward."""
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}", host


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """The name and the password in an Authorization header of the scheme Basic; None if it is of no such form."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # it is no base64, no ASCII or no UTF-8
        return None
    return (name, password) if colon else None


class Gate:
    """Lets requests in by their access tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        # Both orders were recorded of one registry within minutes (go uploadChunk, completeUpload_wrongDigest), so a
        # client must not depend on either.
        self._orders = itertools.cycle([("pull", "push"), ("push", "pull")])

    def repository(self, request: Request, *actions: str, source: str | None = None) -> str:
        """The repository that a request is about, if its token allows all the actions on it.

        Args:
            request: the request.
            actions: what it needs on the repository of its path.
            source: another repository, which it needs to pull from.

        Raises:
            Refusal: the token does not allow it; or the name is none.
        """
        name: str = request.path_params["name"]
        try:
            check_repository(name)
        except InvalidReference:
            raise page_not_found() from None
        needed = [Access("repository", name, actions)]
        if source is not None:
            needed.append(Access("repository", source, ("pull",)))
        self._admit(request, needed)
        return name

    def catalog(self, request: Request) -> None:
        """Let a request list the repositories.

        Raises:
            Refusal: its token does not allow it.
        """
        self._admit(request, [Access("registry", "catalog", ("*",))])

    def deleted_catalog(self, request: Request) -> None:
        """Let a request list the deleted repositories. Errors as of `catalog`."""
        self._admit(request, [Access("registry", "deleted_catalog", ("*",))])

    def anyone(self, request: Request) -> None:
        """Let a request in that has any token at all.

        Raises:
            Refusal: it has none; the challenge names no scope and the detail is null (azure-cli on GET /v2/).
        """
        bearer, trouble = self._bearer(request)
        if bearer is None:
            raise unauthorized(None, _challenge(request, None, trouble))

    def identity(self, request: Request) -> str:
        """Who sends a request. All who are anonymous are one."""
        bearer, _ = self._bearer(request)
        return "" if bearer is None else bearer.subject

    def may_pull(self, request: Request, repository: str) -> bool:
        """Whether the token of a request allows to pull from another repository."""
        bearer, _ = self._bearer(request)
        return bearer is not None and bearer.allows("repository", repository, "pull")

    def _admit(self, request: Request, needed: Iterable[Access]) -> None:
        bearer, trouble = self._bearer(request)
        asked = [(access.type, access.name, action) for access in needed for action in access.actions]
        if bearer is not None:
            if all(bearer.allows(*one) for one in asked):
                return
            trouble = "insufficient_scope"
        detail = [{"Type": kind, "Name": name, "Action": action} for kind, name, action in asked]
        scope = " ".join(str(self._in_some_order(access)) for access in needed)
        raise unauthorized(detail, _challenge(request, scope, trouble))

    def _in_some_order(self, access: Access) -> Access:
        pushes = set(access.actions) == {"pull", "push"}
        return attrs.evolve(access, actions=next(self._orders)) if pushes else access

    def _bearer(self, request: Request) -> tuple[Bearer | None, Trouble | None]:
        authorization = request.headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            try:
                return self._tokens.read_access(token.strip()), None
            except InvalidToken:
                return None, "invalid_token"
        login = basic_credentials(authorization)
        return None if login is None else self._tokens.read_basic(*login), None


def _challenge(request: Request, scope: str | None, trouble: Trouble | None) -> dict[str, str]:
    url, service = origin_of(request)
    parts = [f'realm="{url}/oauth2/token"', f'service="{service}"']
    if scope is not None:
        parts.append(f'scope="{scope}"')
    if trouble is not None:
        parts.append(f'error="{trouble}"')
    return {"WWW-Authenticate": f"Bearer {','.join(parts)}"}

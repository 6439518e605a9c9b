"""Who may do what: an operation names the actions it needs, and a request without them gets the challenge for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from starlette.requests import Request

from acr._values.reference import check_repository
from acr.emulator._access.tokens import Bearer, InvalidToken, Tokens, Trouble
from acr.emulator._wire import Refusal, page_not_found, refusal
from acr.errors import InvalidReference

_VISIT = "authentication required, visit https://aka.ms/acr/authorization for more information."


def unauthorized(detail: object, headers: dict[str, str] | None = None) -> Refusal:
    """401 in ACR's words."""
    return refusal(401, "UNAUTHORIZED", _VISIT, detail, headers)


def origin_of(request: Request) -> tuple[str, str]:
    """The registry's URL and service name as the client sees them, which may be through a port forward."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}", host


class Gate:
    """Lets requests in by their access tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        # Both orders were recorded of one registry within minutes (go uploadChunk, completeUpload_wrongDigest), so a
        # client must not depend on either.
        self._orders = itertools.cycle([("pull", "push"), ("push", "pull")])

    def repository(self, request: Request, *actions: str) -> str:
        """The repository that a request is about, if its token allows all the actions on it.

        Raises:
            Refusal: it does not; or the name is none.
        """
        name: str = request.path_params["name"]
        try:
            check_repository(name)
        except InvalidReference:
            raise page_not_found() from None
        self._admit(request, "repository", name, actions)
        return name

    def catalog(self, request: Request) -> None:
        """Let a request list the repositories.

        Raises:
            Refusal: its token does not allow it.
        """
        self._admit(request, "registry", "catalog", ("*",))

    def anyone(self, request: Request) -> None:
        """Let a request in that has any token at all.

        Raises:
            Refusal: it has none; the challenge names no scope and the detail is null (azure-cli on GET /v2/).
        """
        bearer, trouble = self._bearer(request)
        if bearer is None:
            raise unauthorized(None, _challenge(request, None, trouble))

    def may_pull(self, request: Request, repository: str) -> bool:
        """Whether the token of a request allows to pull from another repository."""
        bearer, _ = self._bearer(request)
        return bearer is not None and bearer.allows("repository", repository, "pull")

    def _admit(self, request: Request, kind: str, name: str, actions: Sequence[str]) -> None:
        bearer, trouble = self._bearer(request)
        if bearer is not None:
            if all(bearer.allows(kind, name, action) for action in actions):
                return
            trouble = "insufficient_scope"
        order = next(self._orders) if set(actions) == {"pull", "push"} else actions
        detail = [{"Type": kind, "Name": name, "Action": action} for action in actions]
        raise unauthorized(detail, _challenge(request, f"{kind}:{name}:{','.join(order)}", trouble))

    def _bearer(self, request: Request) -> tuple[Bearer | None, Trouble | None]:
        # Basic is for the token endpoint; here it counts as nothing.
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None, None
        try:
            return self._tokens.read_access(token.strip()), None
        except InvalidToken:
            return None, "invalid_token"


def _challenge(request: Request, scope: str | None, trouble: Trouble | None) -> dict[str, str]:
    url, service = origin_of(request)
    parts = [f'realm="{url}/oauth2/token"', f'service="{service}"']
    if scope is not None:
        parts.append(f'scope="{scope}"')
    if trouble is not None:
        parts.append(f'error="{trouble}"')
    return {"WWW-Authenticate": f"Bearer {','.join(parts)}"}

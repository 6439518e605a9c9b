"""The token endpoints: an Entra token becomes a refresh token, and that or a password becomes an access token."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acr.emulator._access.gate import basic_credentials, origin_of, unauthorized
from acr.emulator._access.tokens import NOBODY, Identity, InvalidToken, Tokens, parse_scopes
from acr.emulator._wire import bad_request, body_of, json_response

_LARGEST_FORM: Final = 256 * 1024
"""Bytes. Forms come without a token, so anybody can send one. Entra's tokens have a few KB."""

_EXCHANGES: Final = frozenset({"access_token", "access_token_refresh_token", "refresh_token"})


class OauthRoutes:
    """`/oauth2/exchange` and `/oauth2/token`."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.routes = [
            Route("/oauth2/exchange", self.exchange, methods=["POST"]),
            Route("/oauth2/token", self.token_of_login, methods=["GET"]),
            Route("/oauth2/token", self.token, methods=["POST"]),
        ]

    async def exchange(self, request: Request) -> Response:
        """An Entra token for a refresh token."""
        form = await _form(request)
        _check_service(request, form)
        if _last(form, "grant_type") not in _EXCHANGES:
            raise bad_request("grant_type must be access_token, refresh_token or access_token_refresh_token")
        entra = _last(form, "access_token") or _last(form, "refresh_token")
        if not entra:
            raise unauthorized(None)
        try:
            identity = self._tokens.read_entra(entra)
        except InvalidToken:
            raise unauthorized(None) from None
        return _chunked({"refresh_token": self._tokens.refresh(identity)})

    async def token(self, request: Request) -> Response:
        """A refresh token, or a name and a password, for an access token; or one for anybody."""
        form = await _form(request)
        _check_service(request, form)
        grant = _last(form, "grant_type")
        if grant == "refresh_token":
            return self._access(self._by_refresh_token(_last(form, "refresh_token")), form)
        if grant == "password":
            # Anonymous clients send this grant without a user. Some send a refresh token too, even a bad one: ignored.
            name = _last(form, "username")
            return self._access(self._by_password(name, _last(form, "password")) if name else None, form)
        raise bad_request("grant_type must be refresh_token or password")

    async def token_of_login(self, request: Request) -> Response:
        """An access token for Basic credentials; without them, one for anybody."""
        query = parse_qs(request.scope["query_string"].decode("latin-1"))
        _check_service(request, query)
        authorization = request.headers.get("authorization")
        return self._access(None if authorization is None else self._by_basic(authorization), query)

    def _by_basic(self, authorization: str) -> Identity:
        login = basic_credentials(authorization)
        if login is None:
            raise unauthorized(None)
        return self._by_password(*login)

    def _by_password(self, name: str, password: str) -> Identity:
        try:
            identity = self._tokens.by_own_token(password) if name == NOBODY else self._tokens.sign_in(name, password)
        except InvalidToken:
            identity = None
        if identity is None:
            raise unauthorized(None)
        return identity

    def _by_refresh_token(self, token: str) -> Identity:
        try:
            return self._tokens.read_refresh(token)
        except InvalidToken:
            raise unauthorized(None) from None

    def _access(self, identity: Identity | None, asked: dict[str, list[str]]) -> Response:
        # What is granted may be less than what was asked, down to nothing: the refusal is the API's (go
        # getAccessToken_live_anonymous: 200 for a scope that is not granted).
        if identity is None:
            return _chunked({"access_token": self._tokens.anonymous_access()})
        return _chunked({"access_token": self._tokens.access(identity, parse_scopes(asked.get("scope", [])))})


def _check_service(request: Request, asked: dict[str, list[str]]) -> None:
    # What ACR answers to another service was never recorded; a token of another registry is of no use anyway.
    service = _last(asked, "service")
    if not service:
        raise bad_request("service is missing")
    if service.lower() != origin_of(request)[1].lower():
        raise unauthorized(None)


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await body_of(request, _LARGEST_FORM)).decode("latin-1"))


def _last(form: dict[str, list[str]], key: str) -> str:
    return form.get(key, [""])[-1]


def _chunked(value: dict[str, str]) -> Response:
    # Recorded with Transfer-Encoding: chunked, however short.
    response = json_response(value)
    if "content-length" in response.headers:
        del response.headers["content-length"]
    return response

"""What a registry's challenge makes of a credential: Basic, Bearer, both, neither, or another one than last time."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from acr._core.talk.challenge import Challenge
from acr._core.talk.token_exchanges import Authority
from acr._values.reference import Endpoint
from tests.twin import Twin

BEARER = 'Bearer realm="https://registry.example/oauth2/token",service="registry.example"'
LOGIN = acr.UsernamePassword("user", "secret")
BASIC = "Basic " + base64.b64encode(b"user:secret").decode()


class Registry:
    """It has the repository `app`, and refuses whoever comes without the right header.

    Args:
        challenge: of its refusals.
        right: the Authorization header that it takes.
    """

    def __init__(self, challenge: str | None, right: str) -> None:
        self.challenge = challenge
        self.right = right
        self._issued = 0
        self.seen: list[str | None] = []
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/oauth2/"):
            self.asked.append(request)
            self._issued += 1
            name = "refresh_token" if request.url.path.endswith("exchange") else "access_token"
            return httpx.Response(200, json={name: f"t{self._issued}", "expires_in": 300})
        refused = httpx.Response(401, headers={"WWW-Authenticate": self.challenge} if self.challenge else {})
        if request.url.path == "/v2/":
            return refused
        self.seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"repositories": ["app"]}) if self.seen[-1] == self.right else refused


def connect(twin: Twin, registry: Registry, credential: acr.Credential | None = LOGIN, **more: Any) -> acr.Registry:
    return twin.connect("registry.example", credential, transport=httpx.MockTransport(registry), **more)


class Entra:
    """A credential in the manner of azure-identity."""

    def __init__(self, token: Any) -> None:
        self._token = token

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        if isinstance(self._token, Exception):
            raise self._token
        return type("AccessToken", (), {"token": self._token, "expires_on": 0})()


def test_a_registry_may_take_name_and_password_themselves(twin: Twin) -> None:
    server = Registry('Basic realm="Registry"', BASIC)
    assert list(connect(twin, server).repositories()) == ["app"]
    assert (server.seen, server.asked) == ([BASIC], [])


def test_tokens_are_preferred_to_the_password(twin: Twin) -> None:
    server = Registry(f'Negotiate, Basic realm="Registry", {BEARER}', "Bearer t1")
    assert list(connect(twin, server).repositories()) == ["app"]
    assert server.seen == ["Bearer t1"]
    assert server.asked[0].headers["authorization"] == BASIC


def test_nobody_has_nothing_to_say_to_basic(twin: Twin) -> None:
    server = Registry('Basic realm="Registry"', BASIC)
    with pytest.raises(acr.Unauthorized):
        list(connect(twin, server, None).repositories())
    assert set(server.seen) == {None}


@pytest.mark.parametrize("credential", [acr.RefreshToken("r"), Entra("e")])
def test_a_token_is_no_name_and_password(twin: Twin, credential: acr.Credential) -> None:
    server = Registry('Basic realm="Registry"', BASIC)
    with pytest.raises(acr.CredentialError, match="registry.example takes a name and password only"):
        list(connect(twin, server, credential).repositories())
    assert server.seen == []


@pytest.mark.parametrize("challenge", ["Negotiate", "Digest realm=x", ""])
def test_a_challenge_of_another_kind_is_told(twin: Twin, challenge: str) -> None:
    with pytest.raises(acr.ProtocolViolation, match="expected a Bearer or Basic challenge, got|without a challenge"):
        list(connect(twin, Registry(challenge, "")).repositories())


@pytest.mark.parametrize("challenge", ['Basic realm="Registry"', None])
def test_a_registry_without_tokens_gives_none(twin: Twin, challenge: str | None) -> None:
    def open_to_all(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, headers={"WWW-Authenticate": challenge}) if challenge else httpx.Response(200)

    registry = twin.connect("registry.example", LOGIN, transport=httpx.MockTransport(open_to_all))
    with pytest.raises(acr.ProtocolViolation, match="registry.example takes no tokens"):
        registry.access_token(["registry:catalog:*"])


def test_a_token_that_is_refused_is_forgotten_and_asked_for_once_more(twin: Twin) -> None:
    server = Registry(BEARER, "Bearer t1")
    registry = connect(twin, server)
    for right in ("Bearer t1", "Bearer t2", "Bearer t2"):
        server.right = right
        assert list(registry.repositories()) == ["app"]
    assert server.seen == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]


def test_the_second_refusal_counts(twin: Twin) -> None:
    server = Registry(BEARER, "Bearer t9")
    registry = connect(twin, server, acr.RefreshToken("r"))
    for _ in range(2):
        with pytest.raises(acr.Unauthorized):
            list(registry.repositories())
    assert server.seen == ["Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"]


def test_a_refusal_without_a_challenge_is_final(twin: Twin) -> None:
    server = Registry(BEARER, "Bearer t9")
    registry = connect(twin, server)
    registry.ping()
    server.challenge = None
    with pytest.raises(acr.Unauthorized):
        list(registry.repositories())
    assert server.seen == ["Bearer t1"]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "gave an empty token for https://containerregistry.azure.net/.default"),
        (None, "gave an empty token for"),
        (7, "gave an empty token for"),
        (RuntimeError("az login has expired"), "RuntimeError: az login has expired"),
        (acr.CredentialError("not today"), "^not today$"),
    ],
)
def test_a_credential_without_a_token_is_told(twin: Twin, token: object, told: str) -> None:
    server = Registry(BEARER, "Bearer t2")
    with pytest.raises(acr.CredentialError, match=told):
        list(connect(twin, server, Entra(token)).repositories())
    assert server.asked == []


def test_what_looks_like_a_credential_and_is_async_is_told(twin: Twin) -> None:
    class Half:
        def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            async def token() -> Any:
                return type("AccessToken", (), {"token": "e", "expires_on": 0})()

            return token()

    server = Registry(BEARER, "Bearer t2")
    registry = connect(twin, server, Half())
    if twin.colour == "sync":
        with pytest.raises(acr.CredentialError, match="AsyncRegistry"):
            list(registry.repositories())
    else:
        assert list(registry.repositories()) == ["app"]


def test_a_login_that_is_refused_is_looked_up_once_more_and_sent_again_if_it_is_another(
    twin: Twin, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(401, headers={"WWW-Authenticate": BEARER})
        asked.append(request.headers["authorization"])
        return httpx.Response(401)

    def log_in(password: str) -> str:
        login = base64.b64encode(f"user:{password}".encode()).decode()
        path.write_text(json.dumps({"auths": {"registry.example": {"auth": login}}}))
        return f"Basic {login}"

    first = log_in("first")
    registry = twin.connect("registry.example", acr.DockerConfig(path), transport=httpx.MockTransport(answer))
    for _ in range(2):
        with pytest.raises(acr.CredentialError, match="refuses the name 'user' or its password"):
            list(registry.repositories())
    assert asked == [first, first]
    second = log_in("second")
    with pytest.raises(acr.CredentialError):
        list(registry.repositories())
    assert asked == [first, first, first, second]


@pytest.mark.parametrize(
    "realm", ["http://localhost:5000/token", "http://127.0.0.1/token", "http://evil.example/token"]
)
def test_a_realm_on_plain_http_behind_https_is_refused(realm: str) -> None:
    """Also on this machine, and where its host may issue tokens: the credential would leave TLS."""
    challenge = Challenge("bearer", {"realm": realm, "service": "x"})
    registry = Endpoint.parse("registry.example")
    with pytest.raises(acr.ProtocolViolation, match="plain http"):
        Authority.of(challenge, registry, frozenset({"localhost:5000", "127.0.0.1", "127.0.0.1:80"}))

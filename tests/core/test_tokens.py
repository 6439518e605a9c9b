"""When a token is renewed, and what is kept of it: tried with an issuer and a clock of the test's own."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from acr._core.talk.challenge import Challenge
from acr._core.talk.learned import Demand
from acr._core.talk.scopes import pull
from acr._core.talk.sending import Sender
from acr._core.talk.token_exchanges import Authority
from acr._core.talk.tokens import Tokens
from acr._shells.blocking import BlockingRuntime, run
from acr._shells.http import Network
from acr._values.credentials import UsernamePassword
from acr._values.options import Retries, Timeouts
from acr._values.reference import Endpoint
from acr.errors import ProtocolViolation
from acr.protocols import Credential

REGISTRY = Endpoint.parse("my.azurecr.io")
AUTHORITY = Authority(REGISTRY, "/oauth2/token", "my.azurecr.io")
LOGIN = UsernamePassword("user", "secret")


class World:
    """Issues tokens of one lifetime, at a time that the test sets."""

    def __init__(self, lifetime: float, credential: Credential | None = LOGIN) -> None:
        self.now = 1000.0
        self.issued: list[str] = []
        self._lifetime = lifetime
        runtime = BlockingRuntime(
            Network(timeouts=Timeouts()), httpx.MockTransport(self._issue), clock=lambda: self.now, sleep=lambda _: None
        )
        sender = Sender(runtime, Retries(), "test", None, None)
        self.tokens = Tokens(sender, credential, registry=REGISTRY, audience="a", token_hosts=frozenset())

    def _issue(self, request: httpx.Request) -> httpx.Response:
        claims = json.dumps({"iat": 7, "exp": 7 + self._lifetime, "jti": len(self.issued)}).encode()
        part = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
        self.issued.append(request.url.path)
        token = f"eyJhbGciOiJub25lIn0.{part}."
        return httpx.Response(200, json={"access_token": token, "refresh_token": token})

    def access_token(self, name: str = "app") -> str:
        return run(self.tokens.access_token(AUTHORITY, pull(name)))


class Entra:
    def get_token(self, *scopes: str, **kwargs: object) -> object:
        return type("AccessToken", (), {"token": "e", "expires_on": 0})()


@pytest.mark.parametrize(("lifetime", "renewed"), [(50, 40), (300, 240), (4500, 4440)])
def test_a_token_is_renewed_a_minute_before_its_end_or_a_fifth_of_its_life(lifetime: float, renewed: float) -> None:
    access = World(lifetime)
    refresh = World(lifetime, Entra())
    for world in (access, refresh):
        got = []
        for age in (0, renewed - 0.5, renewed, renewed + 0.5):
            world.now = 1000 + age
            got.append(world.access_token() if world is access else run(world.tokens.refresh_token(AUTHORITY)))
        assert got[0] == got[1] != got[2] == got[3]
        assert len(world.issued) == 2


def test_tokens_that_have_expired_are_not_kept() -> None:
    world = World(300)
    for name in "abc":
        world.access_token(name)
    assert len(world.tokens._access) == len(keys(world)) == 3
    world.now += 240
    world.access_token("d")
    assert {scopes for _, scopes in world.tokens._access} == {pull("d")}
    assert {scopes for _, scopes in keys(world)} == {pull("d")}


def keys(world: World) -> list[Any]:
    """What the flights of access tokens are kept for."""
    return [key for states in world.tokens._access_flight._homes.values() for key in states]


def test_only_the_token_that_was_refused_is_forgotten() -> None:
    world = World(300)
    refused, kept = world.access_token("a"), world.access_token("b")
    world.tokens.reject(f"Bearer {refused}")
    world.tokens.reject(f"Bearer {refused}")
    assert world.access_token("b") == kept
    assert world.access_token("a") != refused


def test_the_realm_of_a_challenge_is_parsed_once() -> None:
    """It once was with each request, to look a token up."""
    tokens = World(300).tokens
    demand = Demand(Challenge("bearer", {"realm": "https://my.azurecr.io/oauth2/token", "service": "my.azurecr.io"}))
    assert demand.authority is None
    found = run(tokens.authority(demand))
    assert found == AUTHORITY
    assert run(tokens.authority(demand)) is found is demand.authority


def test_what_was_parsed_for_nobody_is_checked_for_somebody() -> None:
    """A client that has no credential may be sent anywhere. One that finds a credential later may not."""
    demand = Demand(Challenge("bearer", {"realm": "https://elsewhere.example/token"}))
    nobody = World(300, None).tokens
    assert run(nobody.authority(demand)).is_foreign
    with pytest.raises(ProtocolViolation, match="elsewhere"):
        run(World(300).tokens.authority(demand))

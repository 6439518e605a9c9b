"""When a token is renewed, and what is kept of it: tried with an issuer and a clock of the test's own."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from acr._core.talk.challenge import Challenge
from acr._core.talk.learned import Demand
from acr._core.talk.scopes import pull
from acr._core.talk.sending import Sender
from acr._core.talk.token_exchanges import Authority
from acr._core.talk.tokens import Tokens
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import run
from acr._values.credentials import RefreshToken, UsernamePassword
from acr._values.options import Retries, Timeouts
from acr._values.reference import Endpoint
from acr.errors import CredentialError, ProtocolViolation
from acr.protocols import Credential
from tests.patience import PATIENCE, until

REGISTRY = Endpoint.parse("my.azurecr.io")
AUTHORITY = Authority(REGISTRY, "/oauth2/token", "my.azurecr.io")
LOGIN = UsernamePassword("user", "secret")


class Runtime(BlockingRuntime):
    """Notes where somebody connects to ahead."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connected: list[Endpoint] = []

    async def connect(self, endpoint: Endpoint, deadline: float | None) -> None:
        self.connected.append(endpoint)


class World:
    """Issues tokens of one lifetime, at a time that the test sets."""

    def __init__(self, lifetime: float, credential: Credential | None = LOGIN) -> None:
        self.now = 1000.0
        self.issued: list[str] = []
        self.meet: threading.Barrier | None = None
        self.meanwhile: Callable[[], None] | None = None
        self._lifetime = lifetime
        self.runtime = runtime = Runtime(
            Network(timeouts=Timeouts()), httpx.MockTransport(self._issue), clock=lambda: self.now, sleep=lambda _: None
        )
        sender = Sender(runtime, Retries(), "test", None, None)
        self.tokens = Tokens(sender, credential, registry=REGISTRY, audience="a", token_hosts=frozenset())

    def _issue(self, request: httpx.Request) -> httpx.Response:
        if self.meet is not None:
            self.meet.wait(PATIENCE)
        if self.meanwhile is not None:
            self.meanwhile()
        self.issued.append(request.url.path)
        new = token({"iat": 7, "exp": 7 + self._lifetime, "jti": request.url.path + str(len(self.issued))})
        return httpx.Response(200, json={"access_token": new, "refresh_token": new})

    def access_token(self, name: str = "app") -> str:
        return run(self.tokens.access_token(AUTHORITY, pull(name)))


def token(claims: dict[str, object]) -> str:
    """A token that says so."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{part}."


class Bare:
    """A keyring that has nothing."""

    def lookup(self, host: str) -> None:
        return None


class Holds:
    """A keyring that has one credential for all."""

    def __init__(self, credential: RefreshToken) -> None:
        self._credential = credential

    def lookup(self, host: str) -> RefreshToken:
        return self._credential


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


def test_who_waits_for_a_token_that_another_fetches_makes_a_connection_meanwhile() -> None:
    world = World(lifetime=100)
    waiting = threading.Thread(target=world.access_token)

    def another() -> None:
        assert world.runtime.connected == []
        waiting.start()
        until(lambda: world.runtime.connected)

    world.meanwhile = another
    world.access_token()
    waiting.join(PATIENCE)
    assert len(world.issued) == 1
    assert world.runtime.connected == [REGISTRY]


def test_what_is_kept_shows_no_token() -> None:
    world = World(300)
    shown = world.access_token()
    assert shown not in repr(world.tokens._access)
    assert "renew_at=" in repr(world.tokens._access)


def test_a_keyring_is_a_credential_until_it_was_asked() -> None:
    assert World(300, None).tokens.is_anonymous
    assert not World(300, Bare()).tokens.is_anonymous
    assert not World(300).tokens.is_anonymous


class Talkative:
    def get_token(self, *scopes: str, **kwargs: object) -> object:
        raise ValueError("x" * 10_000)


def test_what_a_credential_says_when_it_fails_is_cut() -> None:
    with pytest.raises(CredentialError) as caught:
        run(World(300, Talkative()).tokens.refresh_token(AUTHORITY))
    assert str(caught.value).endswith(f": ValueError: {'x' * 1500}")


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


def test_a_token_that_came_in_the_moment_of_the_request_may_be_as_bad() -> None:
    world = World(300)
    refused, beside = world.access_token("a"), world.access_token("b")
    world.tokens.reject(f"Bearer {refused}", sent_at=world.now)
    assert world.access_token("b") != beside


def test_a_token_that_came_after_the_request_is_kept() -> None:
    world = World(300)
    refused = world.access_token("a")
    world.now += 1
    later = world.access_token("b")
    world.tokens.reject(f"Bearer {refused}", sent_at=world.now - 1)
    assert world.access_token("b") == later


def test_a_refresh_token_that_came_since_outlives_the_refusal_of_the_one_before() -> None:
    """If several calls are refused at once, the first drops what all had, and the others take what it got."""
    world = World(4500, Entra())
    before = run(world.tokens.refresh_token(AUTHORITY))
    kept = world.tokens._refresh[AUTHORITY]
    assert run(world.tokens._another(AUTHORITY, None, kept))
    assert AUTHORITY not in world.tokens._refresh
    since = run(world.tokens.refresh_token(AUTHORITY))
    assert since != before
    assert run(world.tokens._another(AUTHORITY, None, kept))
    assert run(world.tokens.refresh_token(AUTHORITY)) == since


def test_two_authorities_that_are_asked_at_once_give_a_token_each() -> None:
    world = World(4500, Entra())
    other = Authority(REGISTRY, "/other/token", "other")
    both = [partial(world.tokens.refresh_token, one) for one in (AUTHORITY, other)]
    world.meet = threading.Barrier(2)
    first, second = run(world.runtime.gather(2, both))
    assert first != second
    assert len(world.issued) == 2


def test_a_class_is_no_credential() -> None:
    expected = "credential=UsernamePassword: expected an object, got the class: pass UsernamePassword(…)"
    with pytest.raises(CredentialError, match=f"^{re.escape(expected)}$"):
        World(300, UsernamePassword)  # type: ignore[arg-type]


def test_a_password_gets_no_refresh_token() -> None:
    expected = "a refresh token takes an Entra credential, or a refresh token, as the credential"
    with pytest.raises(CredentialError, match=f"^{expected}$"):
        run(World(300).tokens.refresh_token(AUTHORITY))


@pytest.mark.parametrize("header", [None, "Basic dXNlcjpzZWNyZXQ="])
def test_of_a_request_without_a_token_no_cause_is_known(header: str | None) -> None:
    assert World(300).tokens.cause(header, pull("app")) is None


def test_the_cause_names_the_registry_that_a_client_is_anonymous_to() -> None:
    assert "anonymous to my.azurecr.io" in str(World(300, None).tokens.cause(None, pull("app")))


def test_the_cause_names_the_keyring_that_has_no_entry() -> None:
    tokens = World(300, Bare()).tokens
    assert run(tokens.resolved()) is None
    said = str(tokens.cause(None, pull("app")))
    assert said.startswith("Bare has no entry for my.azurecr.io, so the client is anonymous")


@pytest.mark.parametrize("claims", [{"aad_identity": {}}, {}])
def test_a_refresh_token_tells_whether_roles_are_assigned_by_repository(claims: dict[str, object]) -> None:
    held = RefreshToken(token(claims))
    for tokens in (World(300, held).tokens, World(300, Holds(held)).tokens):
        run(tokens.resolved())
        assert tokens._is_abac() is bool(claims)
        lacks = tokens.cause(f"Bearer {token({'access': []})}", pull("app"))
        assert lacks is not None
        assert ("Container Registry Repository Reader" in lacks) is bool(claims)

"""Tokens: how long they live, and who may issue them."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from acr_rest import source
from acr_rest.types import AnyRequest as Request, Response

from acr._core.talk.challenge import parse_challenges
from acr._core.talk.scopes import pull
from acr._core.talk.token_exchanges import (
    Authority,
    Issued,
    Send,
    anonymous_access,
    basic,
    entra_to_refresh,
    lifetime,
    password_to_access,
    refresh_to_access,
)
from acr._shells.stepping import run
from acr._values.credentials import UsernamePassword
from acr._values.reference import Endpoint
from acr.errors import CredentialError, ProtocolViolation, ResponseError

REGISTRY = Endpoint.parse("my.azurecr.io")
NOWHERE: frozenset[str] = frozenset()
SCOPES = pull("b") | pull("a")


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(payload: bytes | dict[str, Any], header: bytes = b'{"alg":"RS256","typ":"JWT"}') -> str:
    content = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    return f"{part(header)}.{part(content)}.{part(b'signature')}"


@pytest.mark.parametrize(
    ("claims", "seconds"),
    [
        ({"iat": 1000, "exp": 5500}, 4500),
        ({"iat": 1000, "nbf": 900, "exp": 12700}, 11700),
        ({"nbf": 1000, "exp": 2200}, 1200),
        ({"iat": 1000.5, "exp": 1030}, 29.5),
        ({"iat": 2**40, "exp": 2**40 + 90}, 90),  # in the far future, by this machine's clock
        ({"iat": 1, "exp": 91}, 90),  # and long over
    ],
)
def test_a_token_lives_from_issue_to_end_by_its_own_clock(claims: dict[str, Any], seconds: float) -> None:
    assert lifetime(token(claims), None) == seconds
    assert lifetime(token(claims), 5) == seconds  # it knows better


def test_payloads_in_the_url_alphabet_are_read() -> None:
    # "-" and "_" in it, and a length that takes padding: what other clients fail at.
    seen = ""
    for length in range(3):
        issued = token({"iat": 0, "exp": 77, "name": ">>>???" + "x" * length})
        seen += issued.split(".")[1]
        assert lifetime(issued, None) == 77
    assert {"-", "_"} <= set(seen)


UNREADABLE = {
    "empty": "",
    "opaque": "f3c1a7",
    "two parts": "a.b",
    "no base64": "é.é.é",
    "no JSON": token(b"\xff"),
    "no object": token(b"[]"),
    "no claims": token({}),
    "no issue": token({"exp": 5}),
    "no end": token({"iat": 5}),
    "null": token({"iat": 5, "exp": None}),
    "text": token({"iat": 5, "exp": "soon"}),
    "list": token({"iat": [], "exp": 5}),
    "huge": token(b'{"iat":0,"exp":' + b"9" * 400 + b"}"),
    "infinite": token(b'{"iat":0,"exp":Infinity}'),
    "no number": token(b'{"iat":0,"exp":NaN}'),
    "deep": token(b"[" * 100_000),
    "deep header": token({}, header=b"[" * 100_000),
    "half a character": "\ud800.b.c",
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(("expires_in", "seconds"), [(300, 300), (None, 60), (0, 60)])
def test_a_token_that_cannot_be_read_lives_as_long_as_was_said_or_a_minute(
    unreadable: str, expires_in: int | None, seconds: float
) -> None:
    assert lifetime(unreadable, expires_in) == seconds


def authority(realm: str, registry: Endpoint = REGISTRY, token_hosts: frozenset[str] = NOWHERE) -> Authority:
    [challenge] = parse_challenges(f'Bearer realm="{realm}",service="registry"')
    return Authority.of(challenge, registry, token_hosts)


@pytest.mark.parametrize(
    ("realm", "path"),
    [
        ("https://my.azurecr.io/oauth2/token", "/oauth2/token"),
        ("https://MY.azurecr.io:443/token", "/token"),
        ("https://my.azurecr.io", "/"),
        ("https://my.azurecr.io?a=b", "/?a=b"),
    ],
)
def test_a_realm_on_the_registry_itself_is_taken(realm: str, path: str) -> None:
    found = authority(realm)

    assert (found.endpoint.host, found.target, found.service) == ("my.azurecr.io", path, "registry")


def test_without_a_service_it_is_the_registry() -> None:
    [challenge] = parse_challenges('Bearer realm="https://my.azurecr.io/oauth2/token"')

    assert Authority.of(challenge, REGISTRY, NOWHERE).service == "my.azurecr.io"


@pytest.mark.parametrize(
    "realm",
    [
        "https://auth.example/token",
        "https://my.azurecr.io.evil.example/token",
        "https://my.azurecr.io:8443/token",
        "https://localhost/token",
    ],
)
def test_a_realm_on_another_host_is_refused_until_it_is_allowed(realm: str) -> None:
    host = realm.split("/")[2]
    with pytest.raises(ProtocolViolation, match=rf"pass token_hosts=\['{host}'\]"):
        authority(realm)
    with pytest.raises(ProtocolViolation):
        authority(realm, token_hosts=frozenset({"other.example"}))

    assert authority(realm, token_hosts=frozenset({host})).endpoint.netloc == host


@pytest.mark.parametrize("hosts", [NOWHERE, frozenset({"my.azurecr.io", "auth.example", "127.0.0.1"})])
@pytest.mark.parametrize(
    "realm", ["http://my.azurecr.io/oauth2/token", "http://auth.example/token", "http://127.0.0.1/token"]
)
def test_credentials_of_an_https_registry_never_go_over_plain_http(realm: str, hosts: frozenset[str]) -> None:
    with pytest.raises(ProtocolViolation, match="unusable token realm|over plain http"):
        authority(realm, token_hosts=hosts)


def test_a_registry_on_plain_http_may_have_its_realm_there() -> None:
    registry = Endpoint.parse("http://registry.internal:5000", allow_http=True)

    assert authority("http://registry.internal:5000/token", registry).endpoint == registry


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "/oauth2/token",
        "//my.azurecr.io/token",
        "ftp://my.azurecr.io/",
        "https://",
        "https:///token",
        "https://[::1/token",
        "https://½.example/token",
        "https://my.azurecr.io:99999/",
        "https://my.azurecr.io:0/",
        "https://user:hunter2@my.azurecr.io/token",
        "https://my.azurecr.io@evil.example/token",
    ],
)
def test_what_is_no_url_is_no_realm(realm: str) -> None:
    with pytest.raises(ProtocolViolation, match="unusable token realm") as caught:
        authority(realm)

    assert "hunter2" not in str(caught.value)


def test_a_challenge_without_a_realm_is_refused() -> None:
    [challenge] = parse_challenges('Bearer service="x"')

    with pytest.raises(ProtocolViolation, match="unusable token realm"):
        Authority.of(challenge, REGISTRY, NOWHERE)


def anonymous(body: bytes, realm: str = "https://my.azurecr.io/oauth2/token") -> tuple[Issued, Request]:
    """What a token endpoint that answers with `body` gives, and what it was asked."""
    asked: list[Request] = []

    async def send(_endpoint: Endpoint, request: Request, authorization: str | None) -> Response:
        assert authorization is None
        asked.append(request)
        return Response(200, {"content-type": "application/json"}, body)

    return run(anonymous_access(send, authority(realm), pull("app"))), asked[0]


@pytest.mark.parametrize("field", ["access_token", "token"])
def test_a_token_has_one_name_at_acr_and_another_elsewhere(field: str) -> None:
    issued, _ = anonymous(json.dumps({field: token({"iat": 0, "exp": 77})}).encode())

    assert issued.lifetime == 77
    assert repr(issued) == "<token, 77 s>"


def test_all_that_a_header_takes_may_be_in_a_token() -> None:
    issued, _ = anonymous(b'{"token":"aZ09-._~+/=="}')

    assert issued.token == "aZ09-._~+/=="


@pytest.mark.parametrize(
    ("realm", "method"), [("https://my.azurecr.io/oauth2/token", "POST"), ("https://my.azurecr.io/auth", "GET")]
)
def test_acr_is_asked_for_an_anonymous_token_with_a_form_and_others_without(realm: str, method: str) -> None:
    _, request = anonymous(b'{"token":"x"}', realm)

    assert request.method == method
    assert f"https://my.azurecr.io{request.target}".startswith(realm)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"access_token":null}',
        b'{"access_token":""}',
        b'{"access_token":5}',
        b'{"access_token":"a\\r\\nX-Injected: 1"}',
        b'{"access_token":"\\u00e9"}',
        b'{"token":"\\ud800"}',
    ],
)
def test_an_answer_without_a_usable_token_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="token endpoint"):
        anonymous(body)


@pytest.mark.parametrize(("status", "kind"), [(400, CredentialError), (401, CredentialError), (429, ResponseError)])
def test_a_refused_credential_is_told_from_other_failures(status: int, kind: type[Exception]) -> None:
    async def send(_endpoint: Endpoint, _request: Request, _authorization: str | None) -> Response:
        raise ResponseError("refused", status=status)

    credential = UsernamePassword("me", "hunter2")
    with pytest.raises(kind) as caught:
        run(password_to_access(send, authority("https://my.azurecr.io/oauth2/token"), pull("app"), credential))

    assert "hunter2" not in str(caught.value)


def test_a_name_and_password_become_a_header() -> None:
    assert basic(UsernamePassword("Aladdin", "open sesame")) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert base64.b64decode(basic(UsernamePassword("é", "ü:\n")).split()[1]).decode() == "é:ü:"


def test_the_query_of_a_realm_is_kept() -> None:
    asked: list[Request] = []

    async def send(endpoint: Endpoint, request: Request, authorization: str | None) -> Response:
        asked.append(request)
        return Response(200, {}, b'{"token":"t"}')

    (challenge,) = parse_challenges('Bearer realm="https://my.azurecr.io/auth?account=a",service="s"')
    authority = Authority.of(challenge, REGISTRY, NOWHERE)
    issued = run(anonymous_access(send, authority, pull("a")))
    assert issued.token == "t"
    assert asked[0].target == "/auth?account=a&service=s&scope=repository%3Aa%3Apull"


async def entra(send: Send, authority: Authority) -> Issued:
    return await entra_to_refresh(send, authority, "e", tenant="t")


async def refresh(send: Send, authority: Authority) -> Issued:
    return await refresh_to_access(send, authority, SCOPES, "r")


async def password(send: Send, authority: Authority) -> Issued:
    return await password_to_access(send, authority, SCOPES, UsernamePassword("u", "p"))


async def nobody(send: Send, authority: Authority) -> Issued:
    return await anonymous_access(send, authority, SCOPES)


WANTED = {"service": ["registry"], "scope": ["repository:a:pull", "repository:b:pull"]}
VERSION = {"api-version": [source.API_VERSION]}
ENTRA = {"service": ["registry"], "grant_type": ["access_token"], "access_token": ["e"], "tenant": ["t"]}
REFRESH = {**WANTED, "grant_type": ["refresh_token"], "refresh_token": ["r"]}


@pytest.mark.parametrize(
    ("exchange", "realm", "path", "query", "form"),
    [
        (entra, "/oauth2/token", "/oauth2/exchange", VERSION, ENTRA),
        (refresh, "/oauth2/token", "/oauth2/token", VERSION, REFRESH),
        (refresh, "/auth?a=b", "/auth", {"a": ["b"], **VERSION}, REFRESH),
        (password, "/oauth2/token", "/oauth2/token", WANTED, {}),
        (password, "/auth?a=b", "/auth", {"a": ["b"], **WANTED}, {}),
        (nobody, "/oauth2/token", "/oauth2/token", VERSION, {**WANTED, "grant_type": ["password"]}),
        (nobody, "/auth", "/auth", WANTED, {}),
    ],
)
def test_what_is_sent_for_a_token(
    exchange: Callable[[Send, Authority], Awaitable[Issued]], realm: str, path: str, query: object, form: object
) -> None:
    async def send(endpoint: Endpoint, request: Request, authorization: str | None) -> Response:
        assert endpoint == REGISTRY
        assert authorization == ("Basic dTpw" if exchange is password else None)
        assert request.method == ("POST" if form else "GET")
        content = request.content or b""
        assert isinstance(content, bytes)
        asked = urlsplit(request.target)
        assert (asked.path, parse_qs(asked.query), parse_qs(content.decode())) == (path, query, form)
        return Response(200, {}, b'{"access_token":"t","refresh_token":"t","expires_in":90}')

    issued = run(exchange(send, authority(f"https://my.azurecr.io{realm}")))
    assert (issued.token, issued.lifetime) == ("t", 60 if exchange is entra else 90)

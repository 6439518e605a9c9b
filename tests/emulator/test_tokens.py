"""Challenges, the token endpoints, scopes and expiry."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from acr.emulator import Emulator
from tests.emulator.user import User, error_of, plain

FORM = {"api-version": "2021-07-01"}
NOBODY = "00000000-0000-0000-0000-000000000000"


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Iterator[Emulator]:
    with Emulator(clock=clock) as emulator:
        yield emulator


def exchange(registry: Emulator, token: str, **more: str) -> httpx.Response:
    form = {"grant_type": "access_token", "service": registry.login_server, "access_token": token, **more}
    return plain.post(f"{registry.url}/oauth2/exchange", params=FORM, data=form)


def access(registry: Emulator, refresh_token: str, *scopes: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "service": registry.login_server, "refresh_token": refresh_token}
    return plain.post(f"{registry.url}/oauth2/token", params=FORM, data={**form, "scope": list(scopes)})


def entra_token(registry: Emulator, audience: str = "https://containerregistry.azure.net") -> str:
    return registry.credential().get_token(f"{audience}/.default").token


def test_whole_flow_from_entra_to_the_api(registry: Emulator) -> None:
    first = plain.get(f"{registry.url}/acr/v1/_catalog")
    assert first.status_code == 401
    assert first.headers["WWW-Authenticate"] == (
        f'Bearer realm="{registry.url}/oauth2/token",service="{registry.login_server}",scope="registry:catalog:*"'
    )
    refresh_token = exchange(registry, entra_token(registry)).json()["refresh_token"]
    reply = access(registry, refresh_token, "registry:catalog:*")
    assert list(reply.json()) == ["access_token"]
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.headers["x-ms-ratelimit-remaining-calls-per-second"] == "166.65"
    assert "Docker-Distribution-Api-Version" not in reply.headers
    assert len(reply.headers.get_list("Strict-Transport-Security")) == 1
    headers = {"Authorization": f"Bearer {reply.json()['access_token']}"}
    assert plain.get(f"{registry.url}/acr/v1/_catalog", headers=headers).text == '{"repositories":[]}\n'


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/acr/v1/a%2Fb", "metadata_read"),
        ("GET", "/acr/v1/a%2Fb/_tags", "metadata_read"),
        ("GET", "/acr/v1/a/b/_tags/v1", "metadata_read"),
        ("GET", "/acr/v1/a/b/_manifests", "metadata_read"),
        ("GET", f"/acr/v1/a/b/_manifests/sha256%3A{'0' * 64}", "metadata_read"),
        ("PATCH", "/acr/v1/a%2Fb", "metadata_write"),
        ("PATCH", "/acr/v1/a/b/_tags/v1", "metadata_write"),
        ("PATCH", f"/acr/v1/a/b/_manifests/sha256:{'0' * 64}", "metadata_write"),
        ("DELETE", "/acr/v1/a/b", "delete"),
        ("DELETE", "/acr/v1/a/b/_tags/v1", "delete"),
        ("DELETE", "/v2/a/b/manifests/v1", "delete"),
        ("DELETE", f"/v2/a/b/blobs/sha256:{'0' * 64}", "delete"),
        ("DELETE", "/v2/a/b/blobs/uploads/some-id", "delete"),
        ("GET", "/v2/a%2Fb/manifests/v1", "pull"),
        ("GET", f"/v2/a/b/blobs/sha256:{'0' * 64}", "pull"),
        ("GET", f"/v2/a/b/referrers/sha256:{'0' * 64}", "pull"),
        ("GET", "/v2/a/b/tags/list", "pull"),
    ],
)
def test_each_operation_asks_for_its_scope(user: User, method: str, path: str, scope: str) -> None:
    reply = user.send(method, path)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].endswith(f',scope="repository:a/b:{scope}"')
    assert error_of(reply) == {
        "code": "UNAUTHORIZED",
        "message": "authentication required, visit https://aka.ms/acr/authorization for more information.",
        "detail": [{"Type": "repository", "Name": "a/b", "Action": scope}],
    }
    # Any other action is not enough.
    wrong = user.send(method, path, "repository:a/b:" + ("pull" if scope != "pull" else "push,delete,metadata_read"))
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"].endswith(f'scope="repository:a/b:{scope}",error="insufficient_scope"')
    assert user.send(method, path, f"repository:a/b:{scope}").status_code in (200, 404, 405)


def test_pushing_asks_for_pull_and_push_in_either_order(user: User) -> None:
    replies = [user.send("POST", "/v2/app/blobs/uploads/") for _ in range(2)]
    scopes = {reply.headers["WWW-Authenticate"].rpartition("scope=")[2] for reply in replies}
    assert scopes == {'"repository:app:pull,push"', '"repository:app:push,pull"'}
    assert [[item["Action"] for item in error_of(reply)["detail"]] for reply in replies] == [["pull", "push"]] * 2
    assert len(replies[0].content) == len(replies[1].content)


def test_body_of_401_has_the_recorded_length(user: User) -> None:
    assert user.send("GET", "/v2/hello-world/manifests/latest").headers["Content-Length"] == "205"


def test_head_401_has_the_length_and_no_body(user: User) -> None:
    reply = user.send("HEAD", "/v2/hello-world/manifests/latest")
    assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (401, b"", "205")


def test_v2_itself_asks_for_no_scope(user: User) -> None:
    reply = user.send("GET", "/v2/")
    assert "scope" not in reply.headers["WWW-Authenticate"]
    assert error_of(reply)["detail"] is None
    assert user.send("GET", "/v2/", "repository:a:pull").status_code == 200


def test_realm_is_the_host_that_the_client_named(registry: Emulator) -> None:
    port = registry.login_server.rpartition(":")[2]
    challenge = plain.get(f"{registry.url}/v2/", headers={"Host": f"localhost:{port}"}).headers["WWW-Authenticate"]
    assert challenge == f'Bearer realm="http://localhost:{port}/oauth2/token",service="localhost:{port}"'


def test_tokens_have_the_recorded_claims_and_lifetimes(registry: Emulator, clock: Clock) -> None:
    refresh_token = exchange(registry, entra_token(registry)).json()["refresh_token"]
    found = claims(refresh_token)
    assert found["exp"] - found["iat"] == 11_700
    assert found["grant_type"] == "refresh_token"
    found = claims(access(registry, refresh_token, "repository:a:pull").json()["access_token"])
    assert found["exp"] - found["iat"] == 4_500
    assert found["iat"] == clock.now
    assert found["access"] == [{"type": "repository", "name": "a", "actions": ["pull"]}]


def test_expired_tokens_are_refused(registry: Emulator, clock: Clock) -> None:
    refresh_token = exchange(registry, entra_token(registry)).json()["refresh_token"]
    token = access(registry, refresh_token, "registry:catalog:*").json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    clock.now += 4_499
    assert plain.get(f"{registry.url}/acr/v1/_catalog", headers=headers).status_code == 200
    clock.now += 1
    reply = plain.get(f"{registry.url}/acr/v1/_catalog", headers=headers)
    assert reply.headers["WWW-Authenticate"].endswith('scope="registry:catalog:*",error="invalid_token"')
    clock.now += 11_700
    assert access(registry, refresh_token, "registry:catalog:*").status_code == 401


def test_several_scopes_in_one_token(user: User) -> None:
    repeated = user.token("repository:a:pull", "repository:b:pull,push")
    spaced = user.token("repository:a:pull repository:b:pull,push")
    assert claims(repeated)["access"] == claims(spaced)["access"]
    assert [entry["name"] for entry in claims(spaced)["access"]] == ["a", "b"]


@pytest.mark.parametrize(
    "audience",
    [
        "https://containerregistry.azure.net",
        "https://management.azure.com/",
        "https://management.core.windows.net",
        "https://vault.azure.net",
    ],
)
def test_audience_of_entra_tokens(registry: Emulator, audience: str) -> None:
    expected = 401 if "vault" in audience else 200
    assert exchange(registry, entra_token(registry, audience)).status_code == expected


def test_audience_can_be_set() -> None:
    with Emulator(audiences=["https://containerregistry.azure.net"]) as registry:
        assert exchange(registry, entra_token(registry)).status_code == 200
        assert exchange(registry, entra_token(registry, "https://management.azure.com")).status_code == 401


def test_entra_tokens(registry: Emulator, clock: Clock) -> None:
    token = registry.credential(lifetime=60).get_token("https://containerregistry.azure.net/.default")
    assert token.expires_on == clock.now + 60
    assert token.token not in repr(token)
    assert exchange(registry, token.token, tenant="some-tenant").status_code == 200
    assert exchange(registry, "a token of somebody else").status_code == 200
    assert exchange(registry, "").status_code == 401
    clock.now += 60
    assert exchange(registry, token.token).status_code == 401


def test_async_credential(registry: Emulator) -> None:
    async def token() -> str:
        async with registry.async_credential() as credential:
            return (await credential.get_token("https://containerregistry.azure.net/.default")).token

    assert exchange(registry, asyncio.run(token())).status_code == 200


def test_what_is_not_granted_is_refused_by_the_api(registry: Emulator, user: User) -> None:
    credential = registry.credential(scopes=["repository:team/*:pull"])
    refresh_token = exchange(registry, credential.get_token("https://management.azure.com/.default").token).json()
    reply = access(registry, refresh_token["refresh_token"], "repository:team/app:pull,push", "repository:other:pull")
    assert reply.status_code == 200
    token = reply.json()["access_token"]
    assert claims(token)["access"] == [{"type": "repository", "name": "team/app", "actions": ["pull"]}]
    reply = user.send("POST", "/v2/team/app/blobs/uploads/", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 401
    assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]


def test_scoped_token_signs_in_with_name_and_password(registry: Emulator, user: User) -> None:
    registry.add_token("reader", "secret", scopes=["repository:app:pull,metadata_read"])
    token = user.token("repository:app:pull,push", "registry:catalog:*", auth=("reader", "secret"))
    assert claims(token)["access"] == [{"type": "repository", "name": "app", "actions": ["pull"]}]
    form = {"grant_type": "password", "service": registry.login_server, "scope": "repository:app:pull"}
    reply = user.http.post("/oauth2/token", data={**form, "username": "reader", "password": "secret"})
    assert claims(reply.json()["access_token"])["sub"] == "reader"


@pytest.mark.parametrize(
    "authorization", ["reader:wrong", "nobody:", "nobody", "00000000-0000-0000-0000-000000000000:x"]
)
def test_wrong_passwords(registry: Emulator, user: User, authorization: str) -> None:
    registry.add_token("reader", "secret", scopes=[])
    headers = {"Authorization": f"Basic {base64.b64encode(authorization.encode()).decode()}"}
    reply = user.http.get("/oauth2/token", params={"service": registry.login_server}, headers=headers)
    assert reply.status_code == 401
    assert error_of(reply)["code"] == "UNAUTHORIZED"


def test_refresh_token_as_password(registry: Emulator, user: User) -> None:
    refresh_token = exchange(registry, entra_token(registry)).json()["refresh_token"]
    token = user.token("repository:a:pull", auth=(NOBODY, refresh_token))
    assert claims(token)["access"][0]["name"] == "a"


@pytest.mark.parametrize("path", ["/v2/", "/acr/v1/_catalog", "/v2/_catalog", "/acr/v1/app", "/v2/app/tags/list"])
def test_the_api_takes_the_password_of_the_admin(registry: Emulator, user: User, path: str) -> None:
    """ACR's document AAD-OAuth.md: "Catalog listing using SP/Admin with Basic Auth"; acr-cli and az send it."""
    user.push_image("app", "v1")
    assert user.http.get(path, auth=(registry.username, registry.password)).status_code == 200
    reply = user.http.get(path, auth=(registry.username, "wrong"))
    assert reply.status_code == 401
    assert "error=" not in reply.headers["WWW-Authenticate"]
    with Emulator(basic_on_api=False) as other:
        assert plain.get(f"{other.url}{path}", auth=(other.username, other.password)).status_code == 401


def test_the_admin_does_everything_by_password(registry: Emulator, user: User) -> None:
    digest = user.push_image("app", "v1")
    login = (registry.username, registry.password)
    assert user.http.patch("/acr/v1/app", auth=login, json={"listEnabled": True}).status_code == 200
    assert user.http.post("/v2/app/blobs/uploads/", auth=login).status_code == 202
    assert user.http.delete(f"/v2/app/manifests/{digest}", auth=login).status_code == 202


def test_the_api_takes_no_password_of_a_scoped_token(registry: Emulator, user: User) -> None:
    """acr#466: it is exchanged at the token endpoint."""
    registry.add_token("reader", "secret", scopes=["repository:app:pull,metadata_read"])
    user.push_image("app", "v1")
    for login in (("reader", "secret"), (NOBODY, exchange(registry, entra_token(registry)).json()["refresh_token"])):
        assert user.http.get("/v2/app/tags/list", auth=login).status_code == 401
    assert user.token("repository:app:pull", auth=("reader", "secret"))


@pytest.mark.parametrize("how", ["basic", "form"])
def test_access_token_as_password(registry: Emulator, user: User, clock: Clock, how: str) -> None:
    """ACR's document AAD-OAuth.md, "Docker login with ACR Access Token": it gives no more, and lives no longer."""
    password = user.token("repository:a:pull", "repository:b:pull,push")
    clock.now += 4_000

    def again(*scopes: str) -> httpx.Response:
        asked = {"service": registry.login_server, "scope": list(scopes)}
        if how == "basic":
            return user.http.get("/oauth2/token", params=asked, auth=(NOBODY, password))
        form = {"grant_type": "password", "username": NOBODY, "password": password}
        return user.http.post("/oauth2/token", data={**form, **asked})

    found = claims(again("repository:a:pull,push", "repository:b:push", "registry:catalog:*").json()["access_token"])
    assert [(entry["name"], entry["actions"]) for entry in found["access"]] == [("a", ["pull"]), ("b", ["push"])]
    assert found["exp"] - clock.now == 500
    clock.now += 500
    assert again("repository:a:pull").status_code == 401


def test_access_token_as_password_can_be_refused() -> None:
    with Emulator(access_token_as_password=False) as registry:
        user = User(registry)
        with user.http:
            token = user.token("repository:a:pull")
            query = {"service": registry.login_server, "scope": "repository:a:pull"}
            assert user.http.get("/oauth2/token", params=query, auth=(NOBODY, token)).status_code == 401
            refresh_token = exchange(registry, entra_token(registry)).json()["refresh_token"]
            assert user.http.get("/oauth2/token", params=query, auth=(NOBODY, refresh_token)).status_code == 200


def entra_of_others(**claims: object) -> str:
    return jwt.encode({"aud": "https://containerregistry.azure.net", **claims}, "another key, of 32 bytes at least")


@pytest.mark.parametrize(
    ("token", "strict"),
    [
        ("a token of somebody else", 401),
        ("a.b.c", 401),
        ("{}", 401),
        (entra_of_others(exp=1_700_000_001), 200),
        (entra_of_others(exp=1_700_000_001, aud=["https://vault.azure.net", "https://management.azure.com/"]), 200),
        (entra_of_others(exp=1_700_000_001, aud="https://vault.azure.net"), 401),
        (entra_of_others(exp=1_700_000_001, aud=None), 401),
        (entra_of_others(exp=1_700_000_001, aud={"a": 1}), 401),
        (entra_of_others(exp=1_700_000_000), 401),
        (entra_of_others(exp="soon"), 401),
        (entra_of_others(), 401),
    ],
)
def test_strict_entra(token: str, strict: int, clock: Clock) -> None:
    with Emulator(clock=clock, strict_entra=True) as registry:
        assert exchange(registry, token).status_code == strict
        assert exchange(registry, entra_token(registry)).status_code == 200
        assert exchange(registry, entra_token(registry, "https://vault.azure.net")).status_code == 401
    with Emulator(clock=clock) as registry:
        assert exchange(registry, token).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password"},
        {"grant_type": "password", "refresh_token": ""},
        {"grant_type": "password", "refresh_token": "anything"},
    ],
)
@pytest.mark.parametrize("anonymous_pull", [True, False])
def test_anonymous_token_is_always_given(form: dict[str, str], anonymous_pull: bool) -> None:
    with Emulator(anonymous_pull=anonymous_pull) as registry, httpx.Client(base_url=registry.url) as http:
        asked = {"service": registry.login_server, "scope": "repository:app:delete"}
        token = http.post("/oauth2/token", data={**form, **asked}).json()["access_token"]
        found = claims(token)
        assert (found["sub"], found["exp"] - found["iat"]) == ("acr_anon_pull", 1_200)
        granted = [{"type": "repository", "name": "*", "actions": ["pull"]}] if anonymous_pull else []
        assert found["access"] == granted
        headers = {"Authorization": f"Bearer {token}"}
        seen = [
            http.request(method, path, headers=headers).status_code
            for method, path in [
                ("GET", "/acr/v1/_catalog"),
                ("GET", "/acr/v1/app"),
                ("GET", "/acr/v1/app/_tags"),
                ("GET", "/v2/app/manifests/v1"),
                ("PATCH", "/acr/v1/app"),
                ("DELETE", "/acr/v1/app"),
                ("POST", "/v2/app/blobs/uploads/"),
            ]
        ]
        assert seen == ([200, 404, 404, 404, 401, 401, 401] if anonymous_pull else [401] * 7)
        assert claims(http.get("/oauth2/token", params=asked).json()["access_token"])["sub"] == "acr_anon_pull"


@pytest.mark.parametrize("path", ["/oauth2/exchange", "/oauth2/token"])
def test_requests_that_make_no_sense(registry: Emulator, user: User, path: str) -> None:
    service = {"service": registry.login_server}
    assert user.http.post(path, data={**service, "grant_type": "nonsense"}).status_code == 400
    assert user.http.post(path, data={"grant_type": "access_token"}).status_code == 400
    other = {"service": "other.azurecr.io", "grant_type": "refresh_token", "refresh_token": "x"}
    assert user.http.post(path, data=other).status_code == 401
    junk = json.dumps({"service": 1}).encode()
    assert user.http.post(path, content=junk).status_code == 400

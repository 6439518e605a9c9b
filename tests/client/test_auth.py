"""Tokens: every kind of credential, exchanged as seldom as can be, renewed in time, and shown to nobody else."""

from __future__ import annotations

import base64
import json
import logging
import re
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest

import acr
from acr.emulator import Emulator
from tests.content import bytes_of, push_image
from tests.shells.script import Script, digest_of, gives, head
from tests.twin import Twin

MIB = 1024 * 1024
DIGEST = acr.Digest.of(b"abc")


class Clock:
    """A clock for client and emulator, set by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def count(emulator: Emulator, path: str) -> int:
    return sum(r.path.startswith(path) for r in emulator.requests)


def refresh_token(emulator: Emulator) -> str:
    """A refresh token, as `az acr login --expose-token` gives it."""
    entra = emulator.credential().get_token("https://containerregistry.azure.net/.default").token
    form = {"grant_type": "access_token", "service": emulator.login_server, "access_token": entra}
    token: str = httpx.post(f"{emulator.url}/oauth2/exchange", data=form).json()["refresh_token"]
    return token


def credential_of(kind: str, emulator: Emulator, folder: Path) -> acr.Credential:
    if kind == "entra":
        return emulator.credential()
    if kind == "admin":
        return acr.UsernamePassword(emulator.username, emulator.password)
    if kind == "scoped token":
        emulator.add_token("ci", "secret", ["repository:app:pull,push,metadata_read", "registry:catalog:*"])
        return acr.UsernamePassword("ci\n", "secret\n")
    if kind == "refresh token":
        return acr.RefreshToken(refresh_token(emulator))
    if kind == "access token":  # ACR's document AAD-OAuth.md, "Docker login with ACR Access Token"
        query = {
            "service": emulator.login_server,
            "scope": ["repository:app:pull,push,metadata_read", "registry:catalog:*"],
        }
        reply = httpx.get(f"{emulator.url}/oauth2/token", params=query, auth=(emulator.username, emulator.password))
        return acr.UsernamePassword("00000000-0000-0000-0000-000000000000", reply.json()["access_token"])
    login = base64.b64encode(f"{emulator.username}:{emulator.password}".encode()).decode()
    auths = {emulator.login_server: {"auth": login}}
    if kind == "identity token":
        auths = {emulator.login_server: {"identitytoken": refresh_token(emulator)}}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    return acr.DockerConfig(folder / "config.json")


KINDS = ["entra", "admin", "scoped token", "refresh token", "access token", "docker config", "identity token"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_credential_gets_in(twin: Twin, acr_emulator: Emulator, tmp_path: Path, kind: str) -> None:
    registry = twin.connect(acr_emulator.url, credential_of(kind, acr_emulator, tmp_path))
    push_image(registry.repository("app"), tag="v1")
    assert [tag.name for tag in registry.repository("app").tags()] == ["v1"]
    assert list(registry.repositories()) == ["app"]


def test_an_async_credential_serves_async_code_alone(twin: Twin, acr_emulator: Emulator) -> None:
    credential = acr_emulator.async_credential()
    if twin.colour == "sync":
        with pytest.raises(acr.CredentialError, match="AsyncRegistry"):
            twin.connect(acr_emulator.url, credential)
    else:
        assert list(twin.connect(acr_emulator.url, credential).repositories()) == []


def test_anonymous_pull(twin: Twin) -> None:
    with Emulator(anonymous_pull=True) as emulator:
        image = push_image(twin.connect(emulator.url, emulator.credential()).repository("app"), tag="v1")
        anyone = twin.connect(emulator.url)
        assert anyone.repository("app").manifest("v1").get().digest == image.digest
        assert [tag.name for tag in anyone.repository("app").tags()] == ["v1"]
        with pytest.raises(acr.Unauthorized):
            push_image(anyone.repository("app"), tag="v2")


def test_anonymous_where_it_is_not_allowed_is_refused_and_does_not_loop(twin: Twin, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.Unauthorized, match="insufficient|UNAUTHORIZED") as caught:
        twin.connect(acr_emulator.url).repository("app").manifest("v1").get()
    assert caught.value.challenge is not None
    assert len(acr_emulator.requests) <= 4


def test_what_a_scoped_token_may_not_do_is_refused(twin: Twin, acr_emulator: Emulator) -> None:
    """acr#675: a scope map without the catalog cannot list repositories."""
    acr_emulator.add_token("ci", "secret", ["repository:app:pull,metadata_read"])
    push_image(twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app"), tag="v1")
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "secret"))
    assert registry.repository("app").manifest("v1").exists()
    for refused in (
        lambda: list(registry.repositories()),
        lambda: registry.repository("app").upload_blob(b"x"),
        lambda: registry.repository("other").tag("v1").properties(),
    ):
        with pytest.raises(acr.Unauthorized, match="the token lacks .* (scope map|a right of its own)"):
            refused()


@pytest.mark.parametrize("credential", [object(), "token", ("user", "password"), 7])
def test_what_is_no_credential_is_refused_before_any_request(
    twin: Twin, acr_emulator: Emulator, credential: Any
) -> None:
    """azure-sdk-for-python#29665: an object without get_token was an AttributeError deep inside."""
    with pytest.raises(
        acr.CredentialError, match=f"^credential: expected .*get_token.* got {type(credential).__name__}"
    ) as caught:
        twin.connect(acr_emulator.url, credential)
    assert "password" not in str(caught.value)
    assert acr_emulator.requests == []


def test_a_wrong_password_tells_so(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword(acr_emulator.username, "wr0ng"))
    with pytest.raises(acr.CredentialError) as caught:
        list(registry.repositories())
    assert isinstance(caught.value.__cause__, acr.ResponseError)
    assert "wr0ng" not in str(caught.value)


def test_a_credential_that_fails_is_named(twin: Twin, acr_emulator: Emulator) -> None:
    class Broken:
        def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            raise RuntimeError("az login has expired")

    with pytest.raises(acr.CredentialError, match=r"Broken .*az login has expired"):
        list(twin.connect(acr_emulator.url, Broken()).repositories())


def test_a_token_that_cannot_be_sent_is_an_error_that_does_not_show_it(twin: Twin, acr_emulator: Emulator) -> None:
    class Odd:
        def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            return SimpleNamespace(token="hunter2\udcff", expires_on=2**31)

    with pytest.raises(acr.CredentialError, match="Odd gave a token for .* that UTF-8 cannot write") as caught:
        list(twin.connect(acr_emulator.url, Odd()).repositories())
    shown = "".join(traceback.format_exception(caught.value))
    assert "\\udcff" not in shown
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert count(acr_emulator, "/oauth2/") == 0


def test_a_refresh_token_that_cannot_be_sent_is_the_registrys_error(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/oauth2/exchange", status=200, body=b'{"refresh_token": "hunter2\\udcff"}')
    with pytest.raises(acr.ProtocolViolation, match="a token that UTF-8 cannot write") as caught:
        list(twin.connect(acr_emulator.url, acr_emulator.credential()).repositories())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("audience", ["https://management.azure.com", "https://management.azure.com/.default"])
def test_the_audience_can_be_set(twin: Twin, acr_emulator: Emulator, audience: str) -> None:
    asked: list[str] = []
    inner = acr_emulator.credential()

    class Recording:
        def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            asked.extend(scopes)
            return inner.get_token(*scopes)

    list(twin.connect(acr_emulator.url, Recording()).repositories())
    list(twin.connect(acr_emulator.url, Recording(), audience=audience).repositories())
    assert asked == ["https://containerregistry.azure.net/.default", "https://management.azure.com/.default"]


def test_no_request_is_sent_only_to_be_refused(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    repository.tag("v1").update(can_delete=True)
    list(registry.repositories())
    repository.delete()
    assert [r.path for r in acr_emulator.requests if r.status == 401] == ["/v2/"]


def test_ten_listings_of_one_repository_take_at_most_13_requests(
    registry: acr.Registry, twin: Twin, acr_emulator: Emulator
) -> None:
    push_image(registry.repository("app"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    acr_emulator.clear_requests()
    for _ in range(10):
        list(client.repository("app").tags())
    assert len(acr_emulator.requests) <= 13


def test_listings_that_alternate_between_two_repositories_keep_both_tokens(
    registry: acr.Registry, twin: Twin, acr_emulator: Emulator
) -> None:
    for name in ("one", "two"):
        push_image(registry.repository(name), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    for most in (25, 20):
        acr_emulator.clear_requests()
        for number in range(20):
            list(client.repository(("one", "two")[number % 2]).tags())
        assert len(acr_emulator.requests) <= most
    assert len(acr_emulator.requests) == 20


def test_one_exchange_is_in_flight_however_many_wait(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry
) -> None:
    push_image(registry.repository("app"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    acr_emulator.clear_requests()
    found = twin.at_once([client.repository("app").manifest("v1").get for _ in range(16)])
    assert len({manifest.digest for manifest in found}) == 1
    assert (count(acr_emulator, "/oauth2/exchange"), count(acr_emulator, "/oauth2/token")) == (1, 1)
    assert [r.path for r in acr_emulator.requests].count("/v2/") == 1


def test_who_waits_for_another_token_is_not_given_this_one(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry
) -> None:
    names = [f"app{number}" for number in range(8)]
    for name in names:
        push_image(registry.repository(name), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    acr_emulator.clear_requests()
    twin.at_once([client.repository(name).manifest("v1").get for name in names])
    assert [r.path for r in acr_emulator.requests if r.status == 401] == ["/v2/"]
    assert count(acr_emulator, "/oauth2/token") == 8


def test_a_wider_token_does_for_a_narrower_need(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    assert repository.blob(blob.digest).exists()
    assert count(acr_emulator, "/oauth2/token") == 1


def test_tokens_are_renewed_before_they_expire(twin: Twin) -> None:
    """acr-cli#641: a clean-up died after three hours, when the refresh token had expired."""
    clock = Clock()
    with Emulator(clock=clock) as emulator:
        registry = twin.connect(emulator.url, emulator.credential(), clock=clock)
        for _ in range(5):
            list(registry.repositories())
            clock.now += 4_450  # of the 4,500 s of an access token; 11,700 s is the life of a refresh token
        assert [r.path for r in emulator.requests if r.status == 401] == ["/v2/"]
        assert (count(emulator, "/oauth2/exchange"), count(emulator, "/oauth2/token")) == (2, 5)


def test_tokens_are_renewed_in_the_middle_of_an_upload(twin: Twin) -> None:
    """acr#841, acr#214: pushes that outlived their token failed."""
    clock = Clock()
    with Emulator(clock=clock) as emulator:

        def later(response: acr.ResponseInfo) -> None:
            if response.request.method == "PATCH":
                clock.now += 2_000

        registry = twin.connect(emulator.url, emulator.credential(), clock=clock, on_response=later)
        content = bytes_of(6 * MIB)
        blob = registry.repository("app").upload_blob(content, chunk_size=MIB)
        assert blob.digest == acr.Digest.of(content)
        assert [r.path for r in emulator.requests if r.status == 401] == ["/v2/"]
        assert sum(r.received for r in emulator.requests if r.method in ("PATCH", "PUT")) == len(content)


def test_the_lifetime_counts_and_not_the_clock_of_this_machine(twin: Twin) -> None:
    """A registry whose clock is a day behind sends tokens that look expired."""
    clock = Clock()
    with Emulator(clock=lambda: clock.now - 86_400) as emulator:
        registry = twin.connect(emulator.url, emulator.credential(), clock=clock)
        for _ in range(3):
            list(registry.repositories())
        assert count(emulator, "/oauth2/token") == 1


def test_a_token_that_is_refused_before_its_time_is_renewed_once(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator
) -> None:
    list(registry.repositories())
    challenge = (
        f'Bearer realm="{acr_emulator.url}/oauth2/token",service="{acr_emulator.login_server}",'
        'scope="registry:catalog:*",error="invalid_token"'
    )
    refusal: dict[str, Any] = {"path_contains": "_catalog", "status": 401, "headers": {"WWW-Authenticate": challenge}}
    acr_emulator.clear_requests()
    acr_emulator.fail(times=1, **refusal)
    assert list(registry.repositories()) == []
    assert count(acr_emulator, "/oauth2/token") == 1
    acr_emulator.fail(times=2, **refusal)
    with pytest.raises(acr.Unauthorized):
        list(registry.repositories())


def test_after_the_machine_has_slept_no_token_of_before_is_tried(twin: Twin) -> None:
    """Its clock may stand still meanwhile. The token for pushing covers pulling, and is as old as the one refused."""
    clock = Clock()
    with Emulator(clock=clock) as emulator:
        registry = twin.connect(emulator.url, acr.UsernamePassword(emulator.username, emulator.password))
        app = registry.repository("app")
        assert not app.blob(DIGEST).exists()
        blob = app.upload_blob(b"abc")
        clock.now += 10_000
        assert app.blob(blob.digest).exists()
        assert count(emulator, "/oauth2/token") == 3
        assert [r.status for r in emulator.requests if r.method == "HEAD"] == [404, 401, 200]


def test_a_revoked_refresh_token_is_replaced(registry: acr.Registry, acr_emulator: Emulator) -> None:
    list(registry.repositories())
    acr_emulator.fail(times=1, path_contains="/oauth2/token", status=401, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')
    registry.repository("app").upload_blob(b"abc")
    assert count(acr_emulator, "/oauth2/exchange") == 2


def test_a_refresh_token_that_several_find_expired_is_replaced_for_all(twin: Twin) -> None:
    clock = Clock()
    with Emulator(clock=clock) as emulator:
        registry = twin.connect(emulator.url, emulator.credential())
        assert not registry.repository("app").blob(DIGEST).exists()
        clock.now += 20_000
        emulator.fail(path_contains="/oauth2/exchange", delay=0.2)  # meanwhile all are refused

        calls = [registry.repository(f"app{number}").blob(DIGEST).exists for number in range(4)]
        assert twin.at_once(calls) == [False] * 4


def test_a_throttled_exchange_is_tried_again_and_no_login_problem(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator
) -> None:
    """azure-cli#24886: 429 at /oauth2/exchange was reported as a wrong login."""
    throttled: dict[str, Any] = {"path_contains": "/oauth2/exchange", "status": 429, "headers": {"Retry-After": "7"}}
    acr_emulator.fail(times=1, **throttled)
    assert list(registry.repositories()) == []
    assert twin.slept == [7]
    other = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, **throttled)
    with pytest.raises(acr.RateLimited):
        list(other.repositories())


@pytest.mark.parametrize("realm", ["https://evil.example/oauth2/token", "http://127.0.0.1:1/oauth2/token", "", "x"])
def test_a_realm_on_another_host_is_not_sent_the_credential(twin: Twin, acr_emulator: Emulator, realm: str) -> None:
    challenge = f'Bearer realm="{realm}",service="r"'
    acr_emulator.fail(times=1, path_contains="/v2/", status=401, headers={"WWW-Authenticate": challenge})
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("user", "secret"))
    with pytest.raises(acr.ProtocolViolation, match="realm|another host"):
        list(registry.repositories())
    assert len(acr_emulator.requests) == 1


def test_a_realm_on_another_host_can_be_allowed(twin: Twin, acr_emulator: Emulator) -> None:
    with Emulator() as issuer:
        challenge = f'Bearer realm="{issuer.url}/oauth2/token",service="r"'
        acr_emulator.fail(times=1, path_contains="/v2/", status=401, headers={"WWW-Authenticate": challenge})
        login = acr.UsernamePassword(issuer.username, issuer.password)
        registry = twin.connect(acr_emulator.url, login, token_hosts=[issuer.login_server])
        with pytest.raises(acr.AcrError):
            list(registry.repositories())  # the emulator knows no token of another issuer
        assert count(issuer, "/oauth2/token") == 1


def test_no_secret_is_in_a_log_a_repr_or_an_error(
    twin: Twin, acr_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credential = acr.UsernamePassword(acr_emulator.username, acr_emulator.password)
    token = acr.RefreshToken(refresh_token(acr_emulator))
    caplog.clear()
    registry = twin.connect(acr_emulator.url, credential)
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    repository.download_blob(blob.digest).read()
    other = twin.connect(acr_emulator.url, token)
    list(other.repositories())
    acr_emulator.fail(times=1, path_contains="_catalog", status=500, body=token.token.encode())
    silent = twin.connect(acr_emulator.url, token, retries=acr.Retries(limit=0))
    with pytest.raises(acr.ServerError) as caught:
        list(silent.repositories())
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("acr"))
    everything = caplog.text + repr([registry, repository, credential, token, caught.value]) + str(caught.value)
    for secret in (acr_emulator.password, token.token):
        assert secret not in everything
    assert "Bearer" not in ours
    assert "sig=" not in ours
    assert not [r for r in caplog.records if r.name == "httpx"]


def test_a_new_login_is_found_in_dockers_config(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    """A refresh token of `az acr login` lives three hours; the client outlives it, and the user logs in again."""
    path = tmp_path / "config.json"

    def log_in(token: str) -> None:
        path.write_text(json.dumps({"auths": {acr_emulator.login_server: {"identitytoken": token}}}))

    log_in("an.expired.token")
    registry = twin.connect(acr_emulator.url, acr.DockerConfig(path))
    with pytest.raises(acr.CredentialError):
        list(registry.repositories())
    log_in(refresh_token(acr_emulator))
    assert list(registry.repositories()) == []


def test_tokens_can_be_had_for_other_clients(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    entra = acr_emulator.credential().get_token("https://containerregistry.azure.net/.default").token
    for refresh in (registry.refresh_token(), registry.exchange_entra_token(entra)):
        assert list(twin.connect(acr_emulator.url, acr.RefreshToken(refresh)).repositories()) == []
        for access in (
            registry.access_token(["registry:catalog:*"]),
            registry.exchange_refresh_token(refresh, ["registry:catalog:*"]),
        ):
            answer = httpx.get(f"{acr_emulator.url}/acr/v1/_catalog", headers={"Authorization": f"Bearer {access}"})
            assert answer.status_code == 200
    login = acr.UsernamePassword(acr_emulator.username, acr_emulator.password)
    with pytest.raises(acr.CredentialError, match="Entra credential"):
        twin.connect(acr_emulator.url, login).refresh_token()


def test_ping_takes_no_credential(twin: Twin, acr_emulator: Emulator) -> None:
    twin.connect(acr_emulator.url, acr_emulator.credential()).ping()
    assert [r.path for r in acr_emulator.requests] == ["/v2/"]
    acr_emulator.fail(path_contains="/v2/", status=404, body=b"<html>")
    with pytest.raises(acr.NotFound):
        twin.connect(acr_emulator.url).ping()


def test_hooks_are_told_of_all_traffic_and_of_no_secret(twin: Twin, acr_emulator: Emulator) -> None:
    sent: list[acr.RequestInfo] = []
    received: list[acr.ResponseInfo] = []
    login = acr.UsernamePassword(acr_emulator.username, acr_emulator.password)
    registry = twin.connect(acr_emulator.url, login, on_request=sent.append, on_response=received.append)
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    repository.download_blob(blob.digest).read()
    assert len(sent) == len(received) == len(acr_emulator.requests)
    assert [answer.status for answer in received] == [r.status for r in acr_emulator.requests]
    told = repr([sent, received])
    assert "Authorization" not in told
    assert acr_emulator.password not in told
    for request in acr_emulator.requests:
        for secret in re.findall(r"(?:sig|_state)=([^&]+)", request.path):
            assert secret not in told


def test_what_a_server_may_use_as_a_secret_is_not_told_by_hooks_and_logs(
    twin: Twin, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the parameter is called: the query of a redirect or of an upload is a capability."""
    told: list[object] = []
    caplog.set_level(logging.DEBUG)
    cookie = "Set-Cookie: session=opaque1"
    with (
        Script(gives(head(3, cookie) + b"abc")) as storage,
        Script(
            gives(head(0, f"Location: {storage.url}/b?ticket=opaque2", cookie, status="307 Temporary Redirect")),
            gives(head(0, "Location: /v2/app/blobs/uploads/1?key=opaque3", "Range: 0-0", status="202 Accepted")),
            gives(head(0, "Range: 0-0", "Authorization: opaque4", status="204 No Content")),
        ) as server,
    ):
        repository = twin.connect(server.url, on_request=told.append, on_response=told.append).repository("app")
        assert repository.download_blob(digest_of(b"abc")).read() == b"abc"
        assert repository.start_upload().status() == 0
        assert storage.asked[0].target == "/b?ticket=opaque2"
        assert server.asked[2].target == "/v2/app/blobs/uploads/1?key=opaque3"
    logged = [record.getMessage() for record in caplog.records if record.name.startswith(("httpcore", "acr"))]
    assert any("Set-Cookie" in text for text in logged)
    assert "opaque" not in repr([told, logged])
    assert "/b?…" in repr(told)


def test_what_a_credential_says_in_its_error_is_redacted(twin: Twin, acr_emulator: Emulator) -> None:
    token = jwt.encode({"sub": "me"}, "k" * 32)

    class Failing:
        def get_token(self, *scopes: str, **_: object) -> Any:
            raise RuntimeError(f"refused: {token}, client_secret=hunter2")

    with pytest.raises(acr.CredentialError, match="RuntimeError: refused: …, client_secret=…") as caught:
        list(twin.connect(acr_emulator.url, Failing()).repositories())
    assert token not in str(caught.value)


def test_a_chain_of_credentials_says_in_short_what_each_of_them_says(twin: Twin, acr_emulator: Emulator) -> None:
    """What azure-identity says is pages long, and the line of az stands near its end. No secret is cut in two."""
    token = f"eyJ{'h' * 200}.eyJ{'p' * 200}.{'s' * 80}"

    class Chain:
        def get_token(self, *scopes: str, **_: object) -> Any:
            tried = "".join(f"\n\tNumber{number}: no. {'More of it. ' * 40}\nVisit https://x" for number in range(8))
            raise RuntimeError(f"it failed\nTried:{tried}\n\tHas: {token}\n\tAzureCliCredential: run 'az login'")

    with pytest.raises(acr.CredentialError, match=r"RuntimeError: it failed; Number0: no\. .*…; Has: …") as caught:
        list(twin.connect(acr_emulator.url, Chain()).repositories())
    assert str(caught.value).endswith("; AzureCliCredential: run 'az login'")
    assert "hhh" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_a_transport_of_the_callers_own_is_used(twin: Twin) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, json={"repositories": ["mocked"]})
            if "_catalog" in request.url.path
            else httpx.Response(200)
        )

    registry = twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer))
    assert list(registry.repositories()) == ["mocked"]


def test_httpcores_own_log_has_no_signature(
    registry: acr.Registry, acr_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG it prints the headers of each answer, and a redirect to storage is signed."""
    caplog.set_level(logging.DEBUG)
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    caplog.clear()
    repository.download_blob(blob.digest).read()
    (storage,) = [r for r in acr_emulator.requests if r.origin == "storage"]
    (signature,) = re.findall(r"sig=([^&]+)", storage.path)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("httpcore"))
    assert "receive_response_headers" in logged
    assert signature not in logged


@pytest.mark.parametrize(
    ("token", "refresh", "grant"),
    [("a", None, "access_token"), (None, "r", "refresh_token"), ("a", "r", "access_token_refresh_token")],
)
def test_a_refresh_token_of_entra_can_be_exchanged_too(
    twin: Twin, token: str | None, refresh: str | None, grant: str
) -> None:
    """The recorded SDKs and the emulator know the first of the three grants alone; the swagger has all."""
    forms: list[dict[str, list[str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            challenge = 'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io"'
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        forms.append(parse_qs(request.read().decode()))
        return httpx.Response(200, json={"refresh_token": "of.the.registry"})

    class Reading(httpx.MockTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.aread()
            return await super().handle_async_request(request)

    registry = twin.connect("my.azurecr.io", transport=Reading(answer))
    assert registry.exchange_entra_token(token, refresh_token=refresh, tenant="t") == "of.the.registry"
    (form,) = forms
    assert form["grant_type"] == [grant]
    assert (form.get("access_token"), form.get("refresh_token")) == (token and [token], refresh and [refresh])
    assert form["tenant"] == ["t"]
    with pytest.raises(acr.InvalidInput, match="nothing to exchange"):
        registry.exchange_entra_token()


def test_what_a_keyring_of_the_caller_s_raises_is_an_error_of_ours(twin: Twin) -> None:
    class Keys:
        def lookup(self, host: str) -> None:
            raise RuntimeError(f"no {host} \x1b[2J")

    def answer(_: httpx.Request) -> httpx.Response:
        challenge = 'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    registry = twin.connect("my.azurecr.io", Keys(), transport=httpx.MockTransport(answer))
    text = r"^Keys gave no credential for my\.azurecr\.io: RuntimeError: no my\.azurecr\.io \\x1b\[2J$"
    with pytest.raises(acr.CredentialError, match=text):
        list(registry.repositories())


def test_neither_hooks_nor_log_nor_errors_show_where_an_upload_is(twin: Twin, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, headers={"Location": "/v2/app/blobs/uploads/secret-place?_state=x"})
        return httpx.Response(200 if request.url.path == "/v2/" else 500)

    registry = twin.connect(
        "my.azurecr.io",
        transport=httpx.MockTransport(answer),
        retries=acr.Retries(limit=0),
        on_request=seen.append,
        on_response=seen.append,
    )
    caplog.set_level("DEBUG", "acr")
    with pytest.raises(acr.ServerError, match="PATCH /v2/app/blobs/uploads/…") as caught:
        registry.repository("app").start_upload().write(b"abc")
    assert "/blobs/uploads/…" in caplog.text
    assert "secret-place" not in f"{seen} {caught.value} {caplog.text}"

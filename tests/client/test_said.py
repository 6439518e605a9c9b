"""What errors say: the cause, if it can be known, and nothing that harms whoever prints it."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

import acr
from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.content import push_image
from tests.twin import Twin

FORGED = "\x1b[2J\r\nERROR forged \x9b31m\u202e\u2028"


def is_plain(text: str) -> bool:
    return text.isprintable()


def test_what_a_registry_says_is_never_raw(
    registry: acr.Registry, acr_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """In the text of the error, its fields and the log of the retry."""
    entry = {"code": f"C{FORGED}", "message": f"m{FORGED}", "detail": {f"k{FORGED}": [f"v{FORGED}"]}}
    body = json.dumps({"errors": [entry]}).encode()
    acr_emulator.fail(times=1 + acr.Retries().limit, method="GET", path_contains="/_tags", status=503, body=body)
    with caplog.at_level(logging.DEBUG), pytest.raises(acr.ServerError) as caught:
        list(registry.repository("app").tags(page_size=10))
    error = caught.value
    (told,) = error.errors
    for text in (str(error), told.code, told.message, *told.detail, *told.detail.popitem()[1]):
        assert is_plain(text)
        assert "\\x1b[2J" in text
    assert all(is_plain(record.getMessage()) for record in caplog.records if record.name == "acr")
    assert any("trying again" in record.getMessage() for record in caplog.records)


def test_keys_of_a_detail_are_redacted_like_values(registry: acr.Registry, acr_emulator: Emulator) -> None:
    secret = "https://x.blob.core.windows.net/b?sig=abc"
    body = json.dumps({"errors": [{"code": "X", "detail": {secret: {secret: secret}}}]}).encode()
    acr_emulator.fail(method="GET", path_contains="/_tags", status=400, body=body)
    with pytest.raises(acr.ResponseError) as caught:
        list(registry.repository("app").tags())
    assert "abc" not in str(caught.value.detail)


def test_an_error_text_is_of_bounded_length(registry: acr.Registry, acr_emulator: Emulator) -> None:
    body = json.dumps({"errors": [{"code": "X", "message": "m" * 60_000}]}).encode()
    acr_emulator.fail(method="GET", path_contains="/_tags", status=400, body=body)
    with pytest.raises(acr.ResponseError) as caught:
        list(registry.repository("app").tags())
    assert len(str(caught.value)) < 3000


def test_every_error_of_ours_can_be_printed() -> None:
    for error in (acr.TransportError(FORGED), acr.InvalidInput(FORGED), acr.TransferError(FORGED, side="source")):
        assert is_plain(str(error))


def test_an_anonymous_client_is_told_that_it_is(twin: Twin, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.Unauthorized, match="no credential was passed, so the client is anonymous"):
        twin.connect(acr_emulator.url).repository("app").manifest("v1").get()


def test_a_docker_config_without_the_registry_is_named_with_the_command_that_helps(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"other.example": {"auth": "dTpw"}}}')
    registry = twin.connect(acr_emulator.url, acr.DockerConfig(tmp_path / "config.json"))
    with pytest.raises(acr.Unauthorized) as caught:
        registry.repository("app").manifest("v1").get()
    assert f"{tmp_path / 'config.json'}" in str(caught.value)
    assert f"has no entry for {acr_emulator.login_server}" in str(caught.value)
    assert f"docker login {acr_emulator.login_server}" in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_password_that_is_refused_is_a_credential_error(twin: Twin, acr_emulator: Emulator, status: int) -> None:
    acr_emulator.fail(path_contains="/oauth2/token", status=status)
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "wrong-password"))
    with pytest.raises(acr.CredentialError, match="refuses the name 'ci' or its password") as caught:
        registry.repository("app").manifest("v1").get()
    assert "wrong-password" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_an_entra_token_that_is_refused_says_what_to_check(twin: Twin, acr_emulator: Emulator, status: int) -> None:
    acr_emulator.fail(path_contains="/oauth2/exchange", status=status)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    with pytest.raises(acr.CredentialError, match="refuses the Entra token.*audience.*tenant"):
        registry.repository("app").manifest("v1").get()


Call = Callable[[acr.Repository], Any]
CALLS: list[tuple[Call, str]] = [
    (lambda app: app.put_manifest(b"{}", media_type="a/b"), "lacks push on the repository app; .*AcrPush"),
    (lambda app: app.tag("v1").delete(), "lacks delete on the repository app; .*AcrDelete"),
    (lambda app: app.tag("v1").update(can_write=False), "lacks metadata_write on the repository app"),
]


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_a_token_that_lacks_an_action_says_which_and_on_what(
    twin: Twin, acr_emulator: Emulator, call: Call, expected: str
) -> None:
    acr_emulator.add_token("ci", "secret", ["repository:app:pull,metadata_read"])
    push_image(twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app"), tag="v1")
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "secret"))
    with pytest.raises(acr.Unauthorized, match=expected) as caught:
        call(registry.repository("app"))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("the token lacks")


def signed(**claims: Any) -> str:
    return jwt.encode(claims, "k" * 32)


def test_on_an_abac_registry_the_role_that_lacks_is_named(twin: Twin, acr_emulator: Emulator) -> None:
    """The claim aad_identity of the refresh token says that roles are assigned by repository."""
    access = signed(access=[{"type": "repository", "name": "app", "actions": ["pull"]}], exp=2, iat=1)
    answer = json.dumps({"access_token": access}).encode()
    acr_emulator.fail(times=2, path_contains="/oauth2/token", status=200, body=answer)
    registry = twin.connect(acr_emulator.url, acr.RefreshToken(signed(aad_identity="someone")))
    with pytest.raises(acr.Unauthorized, match="lacks metadata_write.*Container Registry Repository Writer"):
        registry.repository("app").update(can_write=False)


def test_a_403_of_the_registry_says_what_the_token_lacks(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.add_token("ci", "secret", ["repository:app:pull"])
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "secret"))
    acr_emulator.fail(method="DELETE", status=403)
    with pytest.raises(acr.Denied, match="the token lacks delete on the repository app"):
        registry.repository("app").tag("v1").delete()


LOCKED: list[tuple[str, Call]] = [
    ("the tag v1 of app has can_delete=False and can_write=False", lambda app: app.tag("v1").delete()),
    ("the tag v1 of app has .*", lambda app: app.put_manifest(app.manifest("v2").get(), tag="v1")),
    (
        "the manifest app@sha256:.* has can_delete=False",
        lambda app: app.manifest(app.manifest("m").head().digest).delete(),
    ),
    ("the repository app itself is not locked", lambda app: app.delete()),
]


@pytest.mark.parametrize(("expected", "call"), LOCKED)
def test_a_lock_says_which_flag_of_which_item(
    registry: acr.Registry, acr_emulator: Emulator, expected: str, call: Call
) -> None:
    app = registry.repository("app")
    for tag in ("v1", "v2", "m"):
        push_image(app, tag=tag, layer=tag.encode())
    app.tag("v1").update(can_delete=False, can_write=False)
    app.manifest("m").update(can_delete=False)
    with pytest.raises(acr.Locked, match=expected):
        call(app)


def test_a_lock_that_cannot_be_read_hides_no_error(registry: acr.Registry, acr_emulator: Emulator) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    app.tag("v1").update(can_delete=False)
    acr_emulator.fail(method="GET", path_contains="/_tags/v1", status=500)
    with pytest.raises(acr.Locked, match="unlock it first"):
        app.tag("v1").delete()
    assert [r.method for r in acr_emulator.requests if "/_tags/v1" in r.path][-2:] == ["DELETE", "GET"]


def test_a_throttled_client_is_told_how_long_to_wait(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(method="GET", path_contains="/_tags", status=429, headers={"Retry-After": "120"})
    with pytest.raises(acr.RateLimited, match="asks to wait 120 s"):
        list(registry.repository("app").tags())


def test_what_a_head_did_not_find_is_named(registry: acr.Registry) -> None:
    app = registry.repository("team/app")
    push_image(app, tag="v1")
    with pytest.raises(acr.NotFound, match="the repository team/app has no manifest v2"):
        app.manifest("v2").head()
    blob = acr.Digest.of(b"nothing")
    with pytest.raises(acr.NotFound, match=f"the repository team/app has no blob {blob}"):
        app.blob(blob).head()


@contextmanager
def proxy_that_says(status: bytes) -> Iterator[str]:
    """A proxy that answers CONNECT with a status and nothing else. Gives its host and port."""

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required"])
def test_what_a_proxy_refuses_is_told_of_the_proxy(twin: Twin, status: bytes) -> None:
    with proxy_that_says(status) as address:
        registry = twin.connect("my.azurecr.io", proxy=f"http://me:top-secret@{address}")
        with pytest.raises(
            acr.TransportError, match=f"the proxy http://{address}: refused .{status.decode()}"
        ) as caught:
            registry.ping()
    assert "top-secret" not in str(caught.value)


def test_a_dead_proxy_is_named(twin: Twin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    registry = twin.connect("my.azurecr.io", proxy=f"http://me:top-secret@{address}")
    with pytest.raises(acr.TransportError, match=f"by way of the proxy http://{address}: cannot connect") as caught:
        registry.ping()
    assert "top-secret" not in str(caught.value)


def test_a_certificate_of_an_unknown_authority_names_the_cures(twin: Twin, tmp_path: Path) -> None:
    with (
        Emulator(tls=make_certificate(tmp_path)) as emulator,
        pytest.raises(acr.TransportError, match="SSL_CERT_FILE.*ssl_context="),
    ):
        twin.connect(emulator.url, retries=acr.Retries(limit=0)).ping()


HALF = "a\ud800"  # as `os.environ` and `os.listdir` give what is no UTF-8


@pytest.mark.parametrize(
    "make",
    [
        lambda text: acr.UsernamePassword("user", text),
        lambda text: acr.UsernamePassword(text, "password"),
        acr.RefreshToken,
    ],
)
@pytest.mark.parametrize("text", [HALF, None, "", "\n", b"bytes"])
def test_a_secret_that_cannot_be_one_is_a_credential_error_that_shows_nothing_of_it(make: Any, text: Any) -> None:
    with pytest.raises(acr.CredentialError) as caught:
        make(text)
    assert "ud800" not in str(caught.value)
    assert "b'bytes'" not in str(caught.value)


TEXTS: list[Call] = [
    lambda app: list(app.tags(last=HALF)),
    lambda app: list(app.tag_names(last=HALF)),
    lambda app: list(app.manifests(last=HALF)),
    lambda app: list(app.tags().pages(continuation=HALF)),
    lambda app: list(app.tags(digest=HALF)),
    lambda app: app.tag(HALF),
    lambda app: app.manifest(HALF),
    lambda app: app.blob(HALF),
    lambda app: app.put_manifest(f'{{"a": "{HALF}"}}', media_type="a/b"),
    lambda app: app.put_manifest({"a": HALF}, media_type="a/b"),
    lambda app: app.put_manifest(b"{}", media_type=HALF),
    lambda app: app.put_manifest(b"{}", media_type="a/b", tag=HALF),
    lambda app: app.push_artifact([], tag="x", annotations={"a": HALF}),
    lambda app: app.push_artifact([], tag="x", annotations={HALF: "a"}),
    lambda app: app.push_artifact([], tag="x", artifact_type=HALF),
    lambda app: app.push_artifact([], tag="x", subject=HALF),
    lambda app: app.mount_blob(acr.Digest.of(b""), HALF),
    lambda app: app.resume_upload(HALF).status(),
    lambda app: list(app.manifest("v1").referrers(artifact_type=HALF)),
    lambda app: app.manifest("v1").get(accept=HALF),
    lambda app: app.pull("v1", acr.Memory(), platform=HALF),
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_half_a_character_in_any_text_is_invalid_input(
    registry: acr.Registry, acr_emulator: Emulator, number: int
) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    before = len(acr_emulator.requests)
    with pytest.raises(acr.InvalidInput):
        TEXTS[number](app)
    assert not [r for r in acr_emulator.requests[before:] if r.method not in ("GET", "HEAD")]


@pytest.mark.parametrize(
    "call",
    [
        lambda registry: list(registry.repositories(last=HALF)),
        lambda registry: registry.access_token([f"repository:{HALF}:pull"]),
        lambda registry: registry.exchange_refresh_token(HALF, ["repository:app:pull"]),
        lambda registry: registry.exchange_entra_token(HALF),
        lambda registry: registry.exchange_entra_token("token", tenant=HALF),
        lambda registry: registry.copy(f"app:{HALF}", "other:v1"),
    ],
)
def test_half_a_character_in_a_text_of_a_registry_is_invalid_input(registry: acr.Registry, call: Any) -> None:
    with pytest.raises(acr.InvalidInput):
        call(registry)


@pytest.mark.parametrize("proxy", ["http://[::1", "ftp://top-secret@x", "http://", "http://a:top-secret:c", ":3128"])
def test_a_malformed_proxy_of_the_environment_is_invalid_input(
    twin: Twin, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(acr.InvalidInput, match="https_proxy in the environment") as caught:
        twin.connect("my.azurecr.io").ping()
    assert "top-secret" not in str(caught.value)


PAGE = b"<!DOCTYPE html><title>Sign in</title>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_a_login_page_is_no_registry(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url)
    acr_emulator.fail(path_contains="/v2/", status=200, body=PAGE, headers=HTML)
    with pytest.raises(
        acr.ProtocolViolation, match="expected a registry at .*, got something else, such as a login page"
    ):
        registry.ping()
    acr_emulator.fail(path_contains="/v2/", status=302, headers={"Location": "https://login.example/?sig=secret"})
    with pytest.raises(acr.ProtocolViolation, match=r"answered 302 leading to 'https://login.example/\?…'"):
        registry.ping()


def test_a_web_page_is_never_a_manifest_or_a_listing(registry: acr.Registry, acr_emulator: Emulator) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    for call in (lambda: app.manifest("v1").get(), lambda: list(app.tags()), lambda: list(app.tag_names())):
        acr_emulator.fail(method="GET", status=200, body=PAGE, headers=HTML)
        with pytest.raises(acr.ProtocolViolation, match="with a web page"):
            call()
    acr_emulator.fail(
        method="HEAD", status=200, headers={**HTML, "Docker-Content-Digest": app.tag("v1").properties().digest}
    )
    acr_emulator.fail(method="GET", status=200, body=PAGE, headers=HTML)
    with pytest.raises(acr.ProtocolViolation, match="with a web page"):
        app.manifest("v1").head()


def test_check_tells_who_the_client_is_and_what_it_may_do(twin: Twin, acr_emulator: Emulator) -> None:
    access = twin.connect(acr_emulator.url, acr_emulator.credential()).check("team/app")
    assert access.registry == acr_emulator.login_server
    assert access.actions == frozenset({"pull", "push", "delete", "metadata_read", "metadata_write"})
    assert (access.catalog, access.abac) == (True, False)
    assert access.identity
    assert access.expires is not None
    acr_emulator.add_token("ci", "secret", ["repository:team/app:pull,metadata_read"])
    registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "secret"))
    access = registry.check("team/app")
    assert (access.identity, access.actions, access.catalog) == ("ci", frozenset({"pull", "metadata_read"}), False)
    assert registry.check("other").actions == frozenset()
    assert registry.check().actions is None


def test_check_of_an_abac_registry(twin: Twin, acr_emulator: Emulator) -> None:
    refresh = signed(aad_identity="someone", sub="someone", exp=1_900_000_000)
    access = signed(access=[{"type": "repository", "name": "app", "actions": ["pull"]}], exp=2, iat=1)
    acr_emulator.fail(
        times=2, path_contains="/oauth2/token", status=200, body=json.dumps({"access_token": access}).encode()
    )
    found = twin.connect(acr_emulator.url, acr.RefreshToken(refresh)).check("app")
    assert (found.identity, found.actions, found.catalog, found.abac) == ("someone", frozenset({"pull"}), False, True)
    assert found.expires is not None
    assert found.expires.year == 2030


def test_check_of_a_credential_that_does_not_work(twin: Twin, acr_emulator: Emulator) -> None:
    for repository in (None, "app"):
        registry = twin.connect(acr_emulator.url, acr.UsernamePassword("ci", "wrong"))
        with pytest.raises(acr.CredentialError, match="refuses the name 'ci' or its password"):
            registry.check(repository)


def test_check_of_an_anonymous_client(twin: Twin, acr_emulator: Emulator) -> None:
    with Emulator(anonymous_pull=True) as emulator:
        access = twin.connect(emulator.url).check("app")
        assert access.identity is None
        assert access.actions is not None
        assert "pull" in access.actions
        assert "push" not in access.actions

"""What goes wrong on the way: retries and their limits, errors that say what happened, TLS, proxies, time-outs."""

from __future__ import annotations

import pickle
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from traceback import walk_stack
from typing import Any

import pytest

import acr
from acr._shells.blocking import _Lock
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import push_image
from tests.patience import until
from tests.twin import Twin


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_problem_is_tried_again(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    acr_emulator.fail(times=4, path_contains="_catalog", status=status)
    assert list(registry.repositories(page_size=10)) == []  # of a larger page half would be asked for
    assert len(twin.slept) == 4
    assert all(0 <= seconds <= 0.5 * 2**attempt for attempt, seconds in enumerate(twin.slept))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 501])
def test_a_lasting_problem_is_not(twin: Twin, registry: acr.Registry, acr_emulator: Emulator, status: int) -> None:
    acr_emulator.fail(times=1, path_contains="_catalog", status=status)
    with pytest.raises(acr.ResponseError) as caught:
        list(registry.repositories())
    assert caught.value.status == status
    assert twin.slept == []


def test_retries_end(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    acr_emulator.fail(times=ALWAYS, path_contains="_catalog", drop=True)
    with pytest.raises(acr.TransportError, match="_catalog"):
        list(registry.repositories())
    assert sum("_catalog" in r.path for r in acr_emulator.requests) == 3


def test_a_wait_beyond_the_cap_is_not_begun(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(times=1, path_contains="_catalog", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(acr.RateLimited, match="fewer requests") as caught:
        list(registry.repositories())
    assert caught.value.retry_after == 3600
    assert twin.slept == []


def test_a_retry_is_logged(registry: acr.Registry, acr_emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    acr_emulator.fail(times=1, path_contains="_catalog", status=503)
    list(registry.repositories(page_size=10))
    (record,) = [r for r in caplog.records if r.name == "acr"]
    assert "503" in record.getMessage()
    assert "again" in record.getMessage()


def test_a_non_json_error_tells_its_beginning_its_status_and_the_correlation_id(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    headers = {"Content-Type": "text/html"}
    body = b"<html>client with IP 1.2.3.4 is not allowed</html>" + b" " * 100_000
    acr_emulator.fail(times=1, path_contains="_catalog", status=403, headers=headers, body=body)
    with pytest.raises(acr.Denied) as caught:
        list(registry.repositories())
    text = str(caught.value)
    for part in ("GET /acr/v1/_catalog", "403", "client with IP", "text/html", "network rules"):
        assert part in text
    assert len(text) < 1000
    assert caught.value.codes == ()
    assert caught.value.correlation_id
    assert f"[correlation id {caught.value.correlation_id}]" in text


def test_an_error_names_its_request_without_what_is_secret(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    with pytest.raises(acr.NotFound) as caught:
        repository.tag("v9").properties()
    error = pickle.loads(pickle.dumps(caught.value))
    host = acr_emulator.url.partition("//")[2]
    assert (error.method, error.host, error.path) == ("GET", host, "/acr/v1/team/app/_tags/v9")
    acr_emulator.fail(method="PATCH", status=400)
    with pytest.raises(acr.ResponseError) as refused:
        repository.upload_blob([b"content"], chunk_size=3)
    assert (refused.value.method, refused.value.path) == ("PATCH", "/v2/team/app/blobs/uploads/…")


def test_an_answer_that_is_no_json_is_a_protocol_violation(registry: acr.Registry, acr_emulator: Emulator) -> None:
    for body in (b"<html>", b"[]", b'{"repositories":7}', b""):
        acr_emulator.fail(times=1, path_contains="_catalog", status=200, body=body)
        with pytest.raises(acr.ProtocolViolation, match="GetRepositories"):
            list(registry.repositories())


def test_a_status_that_the_operation_does_not_have_is_a_protocol_violation(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    for status in (204, 302):
        acr_emulator.fail(times=1, path_contains="_catalog", status=status, headers={"Location": "https://x.example/"})
        with pytest.raises(acr.ProtocolViolation, match=str(status)):
            list(registry.repositories())
    assert all(r.origin == "registry" for r in acr_emulator.requests)


def test_a_refused_connection_tells_where(twin: Twin) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    registry = twin.connect(f"http://127.0.0.1:{port}")
    with pytest.raises(acr.TransportError, match=f"127.0.0.1:{port}: cannot connect"):
        list(registry.repositories())
    assert len(twin.slept) == 4


def test_a_registry_that_is_silent_times_out(twin: Twin) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        registry = twin.connect(
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            timeouts=acr.Timeouts(read=0.05),
            retries=acr.Retries(limit=0),
        )
        with pytest.raises(acr.TransportError, match="timed out"):
            list(registry.repositories())


def test_a_host_that_is_no_registry_is_told(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.fail(
        path_contains="/v2/", status=404, headers={"Content-Type": "text/html"}, body=b"<html>blog</html>"
    )
    with pytest.raises(acr.NotFound, match="blog"):
        list(twin.connect(acr_emulator.url).repositories())


def test_a_proxy_is_used(twin: Twin, acr_emulator: Emulator) -> None:
    """For plain http a proxy is sent the whole URL; the emulator takes that as any server must (RFC 9112, 3.2.2)."""
    with Emulator() as proxy:
        registry = twin.connect("http://registry.invalid", allow_http=True, proxy=proxy.url)
        with pytest.raises(acr.AcrError):
            list(registry.repositories())
        assert proxy.requests[0].headers["host"] == "registry.invalid"


def test_the_proxy_of_the_environment_is_used_and_its_exceptions_are_kept(
    twin: Twin, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Emulator() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert list(twin.connect(acr_emulator.url, acr_emulator.credential()).repositories()) == []
        assert proxy.requests == []
        with pytest.raises(acr.AcrError):
            list(twin.connect("http://registry.invalid", allow_http=True).repositories())
        assert proxy.requests[0].headers["host"] == "registry.invalid"


def test_what_is_no_proxy_is_refused_and_not_shown(twin: Twin) -> None:
    with pytest.raises(acr.InvalidInput, match="proxy") as caught:
        twin.connect("my.azurecr.io", proxy="user:secret@proxy.example")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://my.azurecr.io", "plain http"),
        ("myregistry", "myregistry.azurecr.io"),
        ("", "login server"),
        ("my.azurecr.io/app", "login server"),
        ("ftp://my.azurecr.io", "https"),
        ("my.azurecr.io:99999", "login server"),
    ],
)
def test_a_malformed_login_server_is_refused(twin: Twin, endpoint: str, expected: str) -> None:
    with pytest.raises(acr.InvalidReference, match=expected):
        twin.connect(endpoint)


def test_a_password_in_a_login_server_is_not_shown(twin: Twin) -> None:
    with pytest.raises(acr.InvalidReference) as caught:
        twin.connect("https://user:secret@my.azurecr.io")
    assert "secret" not in str(caught.value)


def test_the_client_names_itself(twin: Twin, acr_emulator: Emulator) -> None:
    list(twin.connect(acr_emulator.url, acr_emulator.credential(), user_agent="my-tool/1").repositories())
    assert {r.headers["user-agent"] for r in acr_emulator.requests} == {f"my-tool/1 acr-client/{acr.__version__}"}


def test_a_client_is_closed_and_can_be_shown(twin: Twin, acr_emulator: Emulator) -> None:
    with twin.connect(acr_emulator.url, acr_emulator.credential()) as registry:
        push_image(registry.repository("team/app"), tag="v1")
        repository = registry.repository("team/app")
        shown: list[Any] = [registry, repository, repository.tag("v1"), repository.manifest("v1"), repository.tags()]
        assert all(acr_emulator.login_server in repr(one) for one in shown)
        assert repr(repository.tag("v1")).endswith("team/app:v1>")


def test_an_error_whose_body_breaks_off_keeps_its_status(registry: acr.Registry, acr_emulator: Emulator) -> None:
    list(registry.repositories())
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        location = f"http://127.0.0.1:{server.getsockname()[1]}/blob"

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n<Error>Auth")

        thread = threading.Thread(target=answer)
        thread.start()
        acr_emulator.fail(method="GET", path_contains="/blobs/", status=307, headers={"Location": location})
        with pytest.raises(acr.Denied, match="<Error>Auth"):
            registry.repository("app").download_blob("sha256:" + "0" * 64).read()
        thread.join()


def test_an_answer_that_breaks_off_is_asked_for_again(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator
) -> None:
    push_image(registry.repository("app"), tag="v1")
    acr_emulator.fail(path_contains="_catalog", drop_after=5)
    assert list(registry.repositories()) == ["app"]
    acr_emulator.fail(path_contains="/manifests/", drop_after=5)
    assert registry.repository("app").manifest("v1").get().layers
    assert len(twin.slept) == 2


def test_retries_do_not_multiply(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    other = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app")
    attempts: list[tuple[dict[str, Any], Callable[[], object]]] = [
        ({"method": "POST"}, lambda: repository.upload_blob(b"more")),
        ({"method": "PATCH"}, lambda: repository.upload_blob(b"more than one chunk", chunk_size=4)),
        ({"path_contains": "/oauth2/token"}, lambda: other.download_blob(blob.digest).read()),
        ({"origin": "storage"}, lambda: repository.download_blob(blob.digest).read()),
    ]
    for fault, attempt in attempts:
        acr_emulator.fail(times=5, status=503, **fault)  # a sixth request would do
        with pytest.raises(acr.ServerError) as caught:
            attempt()
        assert caught.value.exhausted


@pytest.mark.parametrize("status", [204, 302])
def test_what_is_no_manifest_is_not_taken_for_one(registry: acr.Registry, acr_emulator: Emulator, status: int) -> None:
    acr_emulator.fail(
        path_contains="/manifests/",
        status=status,
        headers={"Content-Type": "text/html"},
        body=b"" if status == 204 else b"x",
    )
    with pytest.raises(acr.ProtocolViolation, match=str(status)):
        registry.repository("app").manifest("v1").get()


def test_who_waits_for_the_same_thing_shares_its_failure(twin: Twin) -> None:
    """Else each of many threads would wait for the time-out of a dead registry, one after the other."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        until(lambda: threads_in(_Lock.__aenter__) == 15)  # all but the one that fetches
        slept.append(seconds)

    # Tasks all come to the flight before the loop goes on to the first answer.
    options: dict[str, Any] = {"sleep": sleep} if twin.colour == "sync" else {}
    registry = twin.connect(f"http://127.0.0.1:{port}", **options)

    def attempt() -> object:
        return registry.repository("app").tag("v1").properties()

    with pytest.raises(acr.TransportError):
        twin.at_once([attempt] * 16)
    assert len(slept or twin.slept) == 4


def threads_in(function: Callable[..., object]) -> int:
    """How many threads are in a function, or in what it has called."""
    stacks = (walk_stack(frame) for frame in sys._current_frames().values())
    return sum(any(frame.f_code is function.__code__ for frame, _ in stack) for stack in stacks)


@pytest.mark.parametrize(
    "call",
    [
        lambda registry: registry.repository("app").blob(None),
        lambda registry: registry.repository("app").download_blob(b"sha256:" + b"0" * 64),
        lambda registry: registry.repositories(page_size="10"),
        lambda registry: registry.repository("app").put_manifest(7),
        lambda registry: registry.repository("app").put_manifest(b"{}", media_type="a\r\nX: y"),
        lambda registry: registry.repository("app").put_manifest(b"{}", media_type="é/é"),
        lambda registry: registry.repository("app").put_manifest(b"no json"),
        lambda registry: registry.repository("app").manifest("v1").get(accept="no media type"),
        lambda registry: registry.access_token("repository:app:pull"),
        lambda registry: registry.access_token(["app"]),
    ],
)
def test_arguments_that_cannot_be_right_are_our_errors_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator, call: Callable[[Any], Any]
) -> None:
    with pytest.raises((acr.InvalidInput, acr.UnsupportedDigest)):
        call(registry)
    assert [r.path for r in acr_emulator.requests if r.path != "/v2/"] == []


def test_what_http_has_no_room_for_is_not_tried_again(twin: Twin, registry: acr.Registry) -> None:
    with pytest.raises(acr.InvalidInput, match="cannot be sent"):
        list(registry.repository("app").tags(last="x" * 70_000))
    assert twin.slept == []


@pytest.mark.parametrize("options", [{"user_agent": "ü"}, {"user_agent": "a\nb"}, {"token_hosts": "auth.example"}])
def test_options_that_cannot_be_right_are_refused(twin: Twin, options: dict[str, Any]) -> None:
    with pytest.raises(acr.InvalidInput):
        twin.connect("my.azurecr.io", **options)


@pytest.mark.parametrize("endpoint", ["999.1.1.1", "a" * 64 + ".azurecr.io", "a." * 130 + "io", "my..azurecr.io"])
def test_a_host_that_cannot_be_is_refused(twin: Twin, endpoint: str) -> None:
    with pytest.raises(acr.InvalidReference, match="login server"):
        twin.connect(endpoint)


def test_this_machine_is_not_reached_by_the_proxy_of_the_environment(
    twin: Twin, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert list(twin.connect(acr_emulator.url, acr_emulator.credential()).repositories()) == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "socks4://127.0.0.1:1"])
def test_a_proxy_of_the_environment_that_cannot_be_used_is_told(
    twin: Twin, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises((acr.InvalidInput, acr.TransportError), match="socks|SOCKS|connect"):
        list(twin.connect("registry.invalid").repositories())


def test_a_closed_client_says_so(registry: acr.Registry) -> None:
    registry.close()
    with pytest.raises(acr.InvalidInput, match="closed"):
        list(registry.repositories())


def test_a_malformed_digest_in_an_answer_is_no_fault_of_the_caller(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    headers = {"Content-Type": acr.media_types.OCI_MANIFEST, "Docker-Content-Digest": "zz", "Content-Length": "2"}
    acr_emulator.fail(path_contains="/manifests/", status=200, headers=headers, body=b"{}")
    with pytest.raises(acr.ProtocolViolation, match="zz"):
        registry.repository("app").manifest("v1").get()

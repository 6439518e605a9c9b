"""What anybody can send: bodies without end, input that is malformed. And a disk that is full. None of it is a 500."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator
from acr.emulator._server import application
from tests.emulator.user import User, error_of, plain

PULL = "repository:app:pull"
PUSH = "repository:app:pull,push"
READ = "repository:app:metadata_read"
DEEP = b"[" * 50_000


def send(registry: Emulator, head: str, body: bytes = b"") -> bytes:
    """Send raw bytes; gives what comes back until the connection is closed, or the answer is whole."""
    host, _, port = registry.login_server.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        return connection.recv(65_536)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/exchange"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_form_without_end(user: User, path: str, announced: bool) -> None:
    form = b"service=x&grant_type=refresh_token&refresh_token=" + bytes(256 * 1024)
    reply = user.http.post(path, content=form if announced else iter([form[:1000], form[1000:]]))
    assert (reply.status_code, error_of(reply)["code"]) == (413, "SIZE_INVALID")
    assert user.http.post(path, content=form[: 256 * 1024]).status_code in (400, 401)


def test_a_change_without_end(user: User) -> None:
    user.push_image("app", "v1")
    change = b'{"writeEnabled":true' + b" " * 64 * 1024 + b"}"
    for path in ("/acr/v1/app", "/acr/v1/app/_tags/v1"):
        assert user.send("PATCH", path, "repository:app:metadata_write", content=change).status_code == 413


ROUTES = [
    ("GET", "/v2/"),
    ("GET", "/acr/v1/_catalog"),
    ("PATCH", "/acr/v1/app"),
    ("PUT", "/v2/app/manifests/v1"),
    ("POST", "/v2/app/blobs/uploads/"),
    ("PATCH", "/v2/app/blobs/uploads/some-id"),
    ("POST", "/oauth2/token"),
    ("POST", "/nothing"),
    ("PROPFIND", "/v2/"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_body_without_end_and_without_a_token(
    registry: Emulator, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """It is dropped as it comes, so that the client sees the answer; behind a bound the connection is closed."""
    monkeypatch.setattr(application, "_LARGEST_REST", 1_000_000)
    host, _, port = registry.login_server.partition(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: {registry.login_server}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        with pytest.raises(OSError):  # noqa: PT011 - a reset or a broken pipe
            while sent < 100_000_000:
                connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                sent += 0x10000
    assert 1_000_000 < sent < 20_000_000  # what the kernel's buffers take comes on top
    assert 400 <= registry.requests[0].status < 500
    assert registry.requests[0].received < 2_000_000


BASIC = [
    "\xff",
    "=",
    "YQ",
    "\u00e9\u00e9",
    base64.b64encode(b"\xff:\xff").decode(),
    base64.b64encode(b"admin").decode(),
]


@pytest.mark.parametrize("scheme", ["Basic", "basic", "Bearer", "Negotiate", ""])
@pytest.mark.parametrize("value", [*BASIC, "a.b.c", "e30.e30.", "\xe9.\xe9.\xe9"])
def test_authorization_of_any_form(registry: Emulator, scheme: str, value: str) -> None:
    for target in (f"/oauth2/token?service={registry.login_server}", "/v2/", "/acr/v1/_catalog"):
        head = f"GET {target} HTTP/1.1\nHost: {registry.login_server}\nAuthorization: {scheme} {value}"
        assert send(registry, head).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "host", ["[", "a:b:c", "[::1", "\xe9", "", "a b", "//", "a/b", "x" * 1000, "127.0.0.1:99999999"]
)
def test_host_of_any_form(registry: Emulator, user: User, host: str) -> None:
    digest = user.push_blob("app", b"layer")
    token = user.token(PULL)
    assert send(registry, f"GET /v2/ HTTP/1.1\nHost: {host}").startswith(b"HTTP/1.1 4")
    head = f"GET /v2/app/blobs/{digest} HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}"
    assert send(registry, head).startswith(b"HTTP/1.1 307 ")


@pytest.mark.parametrize(
    "target",
    ["/v2/%ff", "/v2/%00", "/v2/a%2F..%2Fb/tags/list", "/acr/v1/%F0%9F%98%80", "*", "x", "http://", "http://x"],
)
def test_path_of_any_form(registry: Emulator, target: str) -> None:
    assert send(registry, f"GET {target} HTTP/1.1\nHost: x").startswith(b"HTTP/1.1 4")


IMAGE: dict[str, Any] = {"schemaVersion": 2, "layers": []}
ODD_MANIFESTS: list[Any] = [
    {**IMAGE, "artifactType": {"a": 1}},
    {**IMAGE, "artifactType": "\ud800"},
    {**IMAGE, "annotations": {"a": "\ud800", "n": 1, "null": None, "deep": [[{}]]}},
    {**IMAGE, "annotations": None},
    {**IMAGE, "annotations": "x"},
    {**IMAGE, "layers": [{"digest": "sha256:" + "0" * 64, "size": 10**30, "urls": ["x"]}] * 3},
    {**IMAGE, "layers": [{"digest": "sha256:" + "0" * 64, "size": 2**63 - 1, "urls": ["x"]}] * 3},
    {**IMAGE, "layers": [{"digest": "sha256:" + "0" * 64, "size": "big", "urls": ["x"]}]},
    {**IMAGE, "config": {"mediaType": ["a"], "digest": str(Digest.of(b"{}"))}},
    {**IMAGE, "config": {"mediaType": media_types.OCI_CONFIG, "digest": str(Digest.of(b"odd"))}},
    {"manifests": None},
    {"manifests": []},
    {"mediaType": "\ud800"},
]
ODD_CHILDREN: list[Any] = [None, {}, "linux/amd64", {"architecture": {"a": 1}, "os": ["linux"]}, 5]
KINDS = [media_types.OCI_MANIFEST, media_types.OCI_INDEX, media_types.DOCKER_MANIFEST_LIST, media_types.DOCKER_MANIFEST]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_odd_in_a_manifest_is_kept_and_left_out_of_the_metadata(user: User, kind: str) -> None:
    subject = {"mediaType": kind, "digest": "sha256:" + "1" * 64, "size": 1}
    user.push_blob("app", b"{}")
    user.push_blob("app", b'{"architecture":["a"],"os":{}}')
    odd = Digest.of(b'{"architecture":["a"],"os":{}}')
    child = user.push_image("app", "child")
    entries = [{"manifests": [{"digest": child, "platform": platform}]} for platform in ODD_CHILDREN]
    taken = 0
    for manifest in [*ODD_MANIFESTS, *entries]:
        content = json.dumps({**manifest, "subject": subject}).replace(str(Digest.of(b"odd")), odd).encode()
        reply = user.put_manifest("app", "odd", content, kind)
        assert reply.status_code in (201, 400), (content, reply.text)
        if reply.status_code == 400:
            continue
        taken += 1
        digest = reply.headers["Docker-Content-Digest"]
        assert user.send("GET", f"/v2/app/manifests/{digest}", PULL).content == content
        told = user.send("GET", f"/acr/v1/app/_manifests/{digest}", READ).json()["manifest"]
        assert 0 <= told["imageSize"] < 2**63
        for path, scope in (("/acr/v1/app/_manifests", READ), (f"/v2/app/referrers/{subject['digest']}", PULL)):
            assert user.send("GET", path, scope).status_code == 200
        assert user.send("GET", "/v2/app/manifests/odd", PULL).status_code in (200, 404)
    assert taken > 5


@pytest.mark.parametrize(
    "content", [DEEP, b'{"a":' + DEEP, b'{"a":NaN}', b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"9" * 5000]
)
def test_what_is_no_json(user: User, content: bytes) -> None:
    user.push_image("app", "v1")
    reply = user.put_manifest("app", "v2", content, media_types.OCI_MANIFEST)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "MANIFEST_INVALID")
    reply = user.send("PATCH", "/acr/v1/app", "repository:app:metadata_write", content=content)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "BAD_REQUEST")


def test_a_manifest_that_is_too_large(user: User) -> None:
    content = b'{"a":"' + b"x" * 4 * 1024 * 1024 + b'"}'
    assert user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST).status_code == 413


FULL = """
import resource, sys
from acr.emulator.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))  # where the kernel says EFBIG, a full disk says ENOSPC
sys.exit(main(["--data", {folder!r}]))
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """Nothing is half there, and what is small enough goes on."""
    program = FULL.format(size=3_000_000, folder=str(tmp_path / "data"))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        url, password = process.stdout.readline().strip(), process.stdout.readline().split()[7].rstrip(";")
        login = ("admin", password)
        with httpx.Client(base_url=url, auth=login, timeout=30) as http:
            location = http.post("/v2/app/blobs/uploads/").headers["Location"]
            first = http.patch(location, content=bytes(2_000_000), headers={"Content-Range": "0-1999999"})
            assert first.status_code == 202
            for content in (bytes(2_000_000), iter([bytes(70_000)] * 40)):
                reply = http.patch(first.headers["Location"], content=content)
                assert (reply.status_code, error_of(reply)["code"]) == (507, "DISK_FULL")
            status = http.get(first.headers["Location"])
            assert (status.headers["Range"], status.headers["Location"]) == ("0-1999999", first.headers["Location"])
            digest = Digest.of(bytes(2_000_000))
            assert http.put(f"{first.headers['Location']}&digest={digest}").status_code == 201
            assert plain.get(http.get(f"/v2/app/blobs/{digest}").headers["Location"]).content == bytes(2_000_000)

            answers = []
            for number in range(200):  # the database has no room for all of them
                headers = {"Content-Type": "application/x"}
                body = json.dumps({"number": number, "filler": "x" * 30_000}).encode()
                answers.append(http.put(f"/v2/app/manifests/v{number}", content=body, headers=headers).status_code)
            assert set(answers) == {201, 507}
            tags = http.get("/acr/v1/app/_tags?n=1000").json()["tags"]
            assert len(tags) == answers.count(201)
            assert http.get("/v2/app/manifests/v0").status_code == 200
        process.terminate()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    with Emulator(tmp_path / "data") as registry:  # nothing is broken
        user = User(registry)
        with user.http:
            assert user.send("GET", "/acr/v1/app", READ).json()["tagCount"] == answers.count(201)
            assert user.send("HEAD", f"/v2/app/blobs/{digest}", PULL).headers["Content-Length"] == "2000000"

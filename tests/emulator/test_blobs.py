"""Blobs: uploads, mounts, downloads by way of the second origin, deletes."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from pathlib import Path

import httpx
import pytest

from acr._values.digest import Digest
from acr.emulator import Emulator
from tests.emulator.user import User, error_of, plain

PULL = "repository:team/app:pull"
PUSH = "repository:team/app:pull,push"
DELETE = "repository:team/app:delete"
NOWHERE = "sha256:" + "0" * 64


def start(user: User) -> str:
    location: str = user.send("POST", "/v2/team%2Fapp/blobs/uploads/", PUSH).headers["Location"]
    return location


def chunk(user: User, location: str, content: bytes, content_range: str | None = None) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    if content_range is not None:
        headers["Content-Range"] = content_range
    return user.send("PATCH", location, PUSH, headers, content=content)


def test_start(user: User) -> None:
    reply = user.send("POST", "/v2/team%2Fapp/blobs/uploads/", PUSH)
    assert (reply.status_code, reply.headers["Content-Length"]) == (202, "0")
    assert reply.headers["Range"] == "0-0"
    location = reply.headers["Location"]
    match = re.fullmatch(r"/v2/team/app/blobs/uploads/([0-9a-f-]{36})\?_nouploadcache=false&_state=([\w%-]+)", location)
    assert match
    assert match[1] == reply.headers["Docker-Upload-Uuid"]
    state = base64.urlsafe_b64decode(match[2].replace("%3D", "="))
    facts = json.loads(state[32:])
    assert list(facts) == ["Name", "UUID", "Offset", "StartedAt"]
    assert (facts["Name"], facts["UUID"], facts["Offset"]) == ("team/app", match[1], 0)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_chunks(user: User, algorithm: str) -> None:
    content = os.urandom(2479)
    first = chunk(user, start(user), content[:1239], "0-1238")
    assert (first.status_code, first.headers["Range"], first.headers["Content-Length"]) == (202, "0-1238", "0")
    second = chunk(user, first.headers["Location"], content[1239:], "1239-2478")
    assert second.headers["Range"] == "0-2478"
    assert second.headers["Location"] != first.headers["Location"]
    digest = Digest.of(content, algorithm=algorithm)
    done = user.send("PUT", f"{second.headers['Location']}&digest={digest.replace(':', '%3A')}", PUSH)
    assert (done.status_code, done.headers["Docker-Content-Digest"]) == (201, digest)
    assert done.headers["Location"] == f"/v2/team/app/blobs/{digest}"
    assert "Range" not in done.headers
    assert user.send("GET", f"/v2/team/app/blobs/{digest}", PULL, follow_redirects=False).status_code == 307
    again = user.send("PUT", f"{second.headers['Location']}&digest={digest}", PUSH)
    assert (again.status_code, error_of(again)["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_last_chunk_with_the_end(user: User) -> None:
    location = chunk(user, start(user), b"hello, ").headers["Location"]
    digest = Digest.of(b"hello, world")
    assert user.send("PUT", f"{location}&digest={digest}", PUSH, content=b"world").status_code == 201


def test_empty_blob(user: User) -> None:
    digest = user.push_blob("team/app", b"")
    assert user.send("HEAD", f"/v2/team/app/blobs/{digest}", PULL).headers["Content-Length"] == "0"


@pytest.mark.parametrize("data", [False, True])
def test_large_blob_comes_and_goes_in_pieces(tmp_path: Path, data: bool) -> None:
    content = os.urandom(5 * 1024 * 1024 + 17)
    with Emulator(tmp_path if data else None) as registry:
        user = User(registry)
        with user.http:
            digest = user.push_blob("team/app", content)
            headers = {"Authorization": f"Bearer {user.token(PULL)}"}
            reply = user.http.get(f"/v2/team/app/blobs/{digest}", headers=headers, follow_redirects=True)
            assert reply.content == content
            sent = next(record for record in registry.requests if record.origin == "storage")
            assert (sent.sent, sent.status, "authorization" in sent.headers) == (len(content), 200, False)
            received = [record.received for record in registry.requests if record.method == "PATCH"]
            assert received == [len(content)]


def test_old_state_is_refused(user: User) -> None:
    location = start(user)
    newer = chunk(user, location, b"one").headers["Location"]
    for request in (chunk(user, location, b"one"), user.send("PUT", f"{location}&digest={NOWHERE}", PUSH)):
        assert request.status_code == 404
        assert error_of(request)["code"] == "BLOB_UPLOAD_INVALID"
    assert chunk(user, newer.partition("?")[0], b"two").status_code == 404
    status = user.send("GET", location, PULL)  # the status is told to any state
    assert (status.status_code, status.headers["Range"]) == (204, "0-2")
    assert status.headers["Location"] == newer
    assert status.headers["Docker-Upload-Uuid"] in location


def test_chunk_that_comes_again_and_tells_its_place(user: User) -> None:
    location = start(user)
    newer = chunk(user, location, b"one", "0-2").headers["Location"]
    reply = chunk(user, location, b"one", "0-2")
    assert (reply.status_code, error_of(reply)["code"]) == (416, "RANGE_INVALID")
    assert (reply.headers["Range"], reply.headers["Location"]) == ("0-2", newer)


@pytest.mark.parametrize("content_range", ["0-2", "4-6", "3-4", "3-9", "5-3"])
def test_chunk_that_does_not_follow(user: User, content_range: str) -> None:
    location = chunk(user, start(user), b"one").headers["Location"]
    reply = chunk(user, location, b"two", content_range)
    assert (reply.status_code, error_of(reply)["code"]) == (416, "RANGE_INVALID")
    assert (reply.headers["Range"], reply.headers["Location"]) == ("0-2", location)
    assert chunk(user, location, b"two", "3-5").headers["Range"] == "0-5"


def test_chunk_of_unknown_length_that_is_too_short(user: User) -> None:
    location = start(user)
    reply = user.send("PATCH", location, PUSH, {"Content-Range": "0-9"}, content=iter([b"fi", b"ve!"]))
    assert reply.status_code == 416
    assert reply.headers["Range"] == "0-0"
    assert chunk(user, location, b"five!").headers["Range"] == "0-4"


@pytest.mark.parametrize("content_range", ["bytes 0-2/3", "bytes=0-2", "0-2/*", "x"])
def test_content_range_of_another_form(user: User, content_range: str) -> None:
    assert chunk(user, start(user), b"one", content_range).status_code == 400


def test_chunk_that_breaks_off_has_not_happened(user: User, registry: Emulator) -> None:
    location = start(user)
    host, _, port = registry.login_server.partition(":")
    token = user.token(PUSH)
    with socket.create_connection((host, int(port))) as connection:
        head = f"PATCH {location} HTTP/1.1\r\nHost: {registry.login_server}\r\nAuthorization: Bearer {token}\r\n"
        connection.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode() + bytes(2_000_000))
    while chunk(user, location, b"whole", "0-4").status_code != 202:
        pass  # until the server has noticed
    status = user.send("GET", location, PULL)
    assert status.headers["Range"] == "0-4"
    digest = Digest.of(b"whole")
    assert user.send("PUT", f"{status.headers['Location']}&digest={digest}", PUSH).status_code == 201


def test_bytes_of_a_chunk_that_is_still_coming_do_not_count(user: User, registry: Emulator) -> None:
    """A client that went on behind them would be refused when they are dropped."""
    location = start(user)
    host, _, port = registry.login_server.partition(":")
    token = user.token(PUSH)
    with socket.create_connection((host, int(port))) as connection:
        head = f"PATCH {location} HTTP/1.1\r\nHost: {registry.login_server}\r\nAuthorization: Bearer {token}\r\n"
        connection.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode() + bytes(2_500_000))
        for _ in range(50):
            assert user.send("GET", location, PULL).headers["Range"] == "0-0"
        connection.sendall(bytes(500_000))
        assert b" 202 " in connection.recv(4096)
    assert user.send("GET", location, PULL).headers["Range"] == "0-2999999"


def test_wrong_digest(user: User) -> None:
    location = chunk(user, start(user), b"one").headers["Location"]
    reply = user.send("PUT", f"{location}&digest=sha256%3A00000000", PUSH)
    assert reply.status_code == 400
    assert error_of(reply) == {
        "code": "DIGEST_INVALID",
        "message": "provided digest did not match uploaded content",
        "detail": "digest parsing failed",
    }
    assert reply.headers["Content-Length"] == "131"  # as recorded
    reply = user.send("PUT", f"{location}&digest={NOWHERE}", PUSH)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "DIGEST_INVALID")
    assert isinstance(error_of(reply)["detail"], str)
    assert user.send("GET", location, PULL).status_code == 404


def test_cancel(user: User) -> None:
    location = start(user)
    reply = user.send("DELETE", location, DELETE)
    assert reply.status_code == 204
    assert reply.headers["Docker-Upload-Uuid"] in location
    reply = user.send("DELETE", location, DELETE)
    assert (reply.status_code, error_of(reply)["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_uploads_that_are_open(user: User) -> None:
    cancelled, completed, lost, left = (start(user) for _ in range(4))
    ids = [location.partition("?")[0].rpartition("/")[2] for location in (cancelled, completed, lost, left)]
    assert user.registry.open_uploads == ids
    user.send("DELETE", cancelled, DELETE)
    assert user.registry.open_uploads == ids[1:]
    assert user.send("PUT", f"{completed}&digest={Digest.of(b'x')}", PUSH, content=b"x").status_code == 201
    assert user.send("PUT", f"{lost}&digest={NOWHERE}", PUSH, content=b"x").status_code == 400
    assert user.registry.open_uploads == ids[3:]
    user.registry.reset()
    assert user.registry.open_uploads == []


def test_session_is_of_its_repository(user: User) -> None:
    location = start(user).replace("/team/app/", "/other/")
    assert user.send("PATCH", location, "repository:other:pull,push", content=b"x").status_code == 404


def test_mount(user: User) -> None:
    digest = user.push_blob("source", b"layer")
    scopes = "repository:team/app:pull,push repository:source:pull"
    path = f"/v2/team/app/blobs/uploads/?mount={digest.replace(':', '%3A')}&from=source"
    reply = user.send("POST", path, scopes)
    assert (reply.status_code, reply.headers["Docker-Content-Digest"]) == (201, digest)
    assert reply.headers["Location"] == f"/v2/team/app/blobs/{digest}"
    assert user.send("HEAD", f"/v2/team/app/blobs/{digest}", PULL).status_code == 200
    user.send("DELETE", f"/v2/source/blobs/{digest}", "repository:source:delete")
    assert user.send("HEAD", f"/v2/team/app/blobs/{digest}", PULL).status_code == 200


@pytest.mark.parametrize("query", [f"mount={NOWHERE}&from=source", "mount=x&from=source", f"mount={NOWHERE}", ""])
def test_what_cannot_be_mounted_opens_a_session(user: User, query: str) -> None:
    scopes = "repository:team/app:pull,push repository:source:pull"
    reply = user.send("POST", f"/v2/team/app/blobs/uploads/?{query}", scopes)
    assert (reply.status_code, reply.headers["Range"]) == (202, "0-0")


def test_mount_needs_pull_on_the_source(user: User) -> None:
    digest = user.push_blob("source", b"layer")
    assert user.send("POST", f"/v2/team/app/blobs/uploads/?mount={digest}&from=source", PUSH).status_code == 202


def test_a_mount_can_ask_for_the_source() -> None:
    """A guess about ACR; distribution 2.8.2 does it so."""
    with Emulator(mount_challenge=True) as registry:
        user = User(registry)
        with user.http:
            digest = user.push_blob("source", b"layer")
            path = f"/v2/team/app/blobs/uploads/?mount={digest}&from=source"
            both = "repository:team/app:pull,push repository:source:pull"
            refused = [user.send("POST", path), user.send("POST", path, PUSH)]
            for reply, error in zip(refused, ("", ',error="insufficient_scope"'), strict=True):
                assert reply.status_code == 401
                scope = reply.headers["WWW-Authenticate"].partition("scope=")[2].replace("push,pull", "pull,push")
                assert scope == f'"{both}"{error}'
                found = [(entry["Name"], entry["Action"]) for entry in error_of(reply)["detail"]]
                assert found == [("team/app", "pull"), ("team/app", "push"), ("source", "pull")]
            assert user.send("POST", path, both).status_code == 201
            assert user.send("POST", path.replace(digest, NOWHERE), both).status_code == 202
            for query in ("mount=x&from=source", f"mount={digest}&from=Source", f"mount={digest}"):
                assert user.send("POST", f"/v2/team/app/blobs/uploads/?{query}", PUSH).status_code == 202


def test_head_tells_the_whole_length(user: User) -> None:
    digest = user.push_blob("team/app", b"0123456789")
    path = f"/v2/team%2Fapp/blobs/{digest.replace(':', '%3A')}"
    reply = user.send("HEAD", path, PULL, {"Range": "bytes=0-3"})
    assert (reply.status_code, reply.headers["Content-Length"], reply.content) == (200, "10", b"")
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Docker-Content-Digest"] == digest
    assert "Content-Range" not in reply.headers


def redirect(user: User, content: bytes = b"0123456789") -> httpx.Response:
    digest = user.push_blob("team/app", content)
    reply = user.send("GET", f"/v2/team/app/blobs/{digest}", PULL)
    assert reply.status_code == 307
    return reply


def test_redirect(user: User, registry: Emulator) -> None:
    reply = redirect(user)
    location = httpx.URL(reply.headers["Location"])
    assert location.host == "localhost"
    assert f"{location.host}:{location.port}" != registry.login_server
    assert list(location.params) == ["se", "sig", "sp", "spr", "sr", "sv", "regid"]
    assert reply.headers["Docker-Content-Digest"] == Digest.of(b"0123456789")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    escaped = reply.headers["Location"].replace("&", "&amp;")
    assert reply.text == f'<a href="{escaped}">Temporary Redirect</a>.\n\n'
    assert "X-Ms-Request-Id" not in reply.headers
    blob = plain.get(location)
    assert (blob.status_code, blob.content) == (200, b"0123456789")
    assert "Docker-Content-Digest" not in blob.headers
    assert blob.headers["Accept-Ranges"] == "bytes"
    assert blob.headers.get_list("Server") == ["Windows-Azure-Blob/1.0", "Microsoft-HTTPAPI/2.0"]
    assert {"ETag", "Last-Modified", "x-ms-request-id", "x-ms-version"} <= {*map(str, blob.headers)} | {
        "ETag",
        "Last-Modified",
    }
    head = plain.head(location)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "content"),
    [
        ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=7-99", 206, "bytes 7-9/10", b"789"),
        ("bytes=0-0", 206, "bytes 0-0/10", b"0"),
        ("bytes=10-", 416, "bytes */10", None),
        ("bytes=-3", 200, None, b"0123456789"),
        ("lines=1-2", 200, None, b"0123456789"),
    ],
)
def test_ranges(user: User, asked: str, status: int, content_range: str | None, content: bytes | None) -> None:
    location = redirect(user).headers["Location"]
    reply = plain.get(location, headers={"Range": asked})
    assert (reply.status_code, reply.headers.get("Content-Range")) == (status, content_range)
    if content is None:
        assert reply.headers["x-ms-error-code"] == "InvalidRange"
    else:
        assert reply.content == content


def test_blob_store_refuses_authorization(user: User) -> None:
    location = redirect(user).headers["Location"]
    reply = plain.get(location, headers={"Authorization": "Bearer x"})
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "application/xml")
    assert "<Code>InvalidAuthenticationInfo</Code>" in reply.text


def test_blob_store_refuses_other_signatures(user: User) -> None:
    location = redirect(user).headers["Location"]
    for bad in (location.replace("sig=", "sig=x"), location.replace("se=20", "se=21"), location.partition("?")[0]):
        reply = plain.get(bad)
        assert reply.status_code == 403
        assert "<Code>AuthenticationFailed</Code>" in reply.text
    assert plain.put(location).status_code == 405


@pytest.mark.parametrize(
    ("host", "storage"),
    [("127.0.0.1", "localhost"), ("[::1]", "localhost"), ("localhost", "127.0.0.1"), ("machine", "machine")],
)
def test_redirects_go_to_another_host_where_this_machine_has_two_names(user: User, host: str, storage: str) -> None:
    digest = user.push_blob("team/app", b"0123456789")
    reply = user.send("GET", f"/v2/team/app/blobs/{digest}", PULL, {"Host": f"{host}:5000"})
    assert httpx.URL(reply.headers["Location"]).host == storage


def test_redirects_expire() -> None:
    now = [1_700_000_000.0]
    with Emulator(clock=lambda: now[0], redirect_lifetime=60) as registry:
        user = User(registry)
        with user.http:
            location = redirect(user).headers["Location"]
            now[0] += 59
            assert plain.get(location).status_code == 200
            now[0] += 1
            assert plain.get(location).status_code == 403


def test_delete(user: User) -> None:
    location = redirect(user).headers["Location"]
    digest = Digest.of(b"0123456789")
    reply = user.send("DELETE", f"/v2/team/app/blobs/{digest}", DELETE)
    assert (reply.status_code, reply.content) == (202, b"")
    assert "Docker-Content-Digest" not in reply.headers
    gone = plain.get(location)
    assert (gone.status_code, gone.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    for method, scope in (("DELETE", DELETE), ("GET", PULL)):
        reply = user.send(method, f"/v2/team/app/blobs/{digest}", scope)
        assert reply.status_code == 404
        assert error_of(reply) == {"code": "BLOB_UNKNOWN", "message": "blob unknown to registry"}
    md5 = user.send("GET", "/v2/team/app/blobs/md5:" + "0" * 32, PULL)
    assert (md5.status_code, error_of(md5)["code"]) == (400, "DIGEST_INVALID")


def test_blob_is_in_the_repositories_it_was_put_in(user: User) -> None:
    digest = user.push_blob("source", b"layer")
    assert user.send("GET", f"/v2/team/app/blobs/{digest}", PULL).status_code == 404

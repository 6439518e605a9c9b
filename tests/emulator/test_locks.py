"""Locks: what `changeableAttributes` forbid."""

from __future__ import annotations

import pytest

from acr._values.digest import Digest
from acr.emulator import Emulator
from tests.emulator.user import ANY, User, error_of

PULL = "repository:app:pull"
PUSH = "repository:app:pull,push"
READ = "repository:app:metadata_read"
DELETE = "repository:app:delete"
ITEMS = ["/acr/v1/app", "/acr/v1/app/_tags/v1", "/acr/v1/app/_manifests/{digest}"]


@pytest.fixture
def digest(user: User) -> Digest:
    return user.push_image("app", "v1")


def lock(user: User, path: str, attribute: str, *, enabled: bool = False) -> None:
    reply = user.send("PATCH", path, "repository:app:metadata_write", json={attribute: enabled})
    assert reply.status_code == 200


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("attribute", ["deleteEnabled", "writeEnabled"])
def test_no_delete(user: User, digest: Digest, item: str, attribute: str) -> None:
    path = item.format(digest=digest)
    lock(user, path, attribute)
    refused = ["/acr/v1/app", f"/v2/app/manifests/{digest}"]
    if "_manifests" not in item:
        refused.append("/acr/v1/app/_tags/v1")
    for target in refused:
        reply = user.send("DELETE", target, DELETE)
        assert (reply.status_code, error_of(reply)["code"]) == (405, "REGISTRY_DISALLOWED_OPERATION")
    lock(user, path, attribute, enabled=True)
    assert user.send("DELETE", f"/v2/app/manifests/{digest}", DELETE).status_code == 202


def test_no_delete_of_blobs_in_a_locked_repository(user: User, digest: Digest) -> None:
    lock(user, "/acr/v1/app", "deleteEnabled")
    assert user.send("DELETE", f"/v2/app/blobs/{Digest.of(b'layer ')}", DELETE).status_code == 405


def test_refusal_is_as_seen(user: User, digest: Digest) -> None:
    """acr-cli#70, azure-sdk-for-net#22827: 263 bytes with the newline."""
    lock(user, "/acr/v1/app/_tags/v1", "writeEnabled")
    replies = [user.send("DELETE", path, DELETE) for path in ("/acr/v1/app/_tags/v1", f"/v2/app/manifests/{digest}")]
    for reply in replies:
        assert (reply.status_code, reply.headers["Content-Length"]) == (405, "263")
        assert reply.text.endswith(',"detail":{}}]}\n')
    assert ["X-Ms-Request-Id" in reply.headers for reply in replies] == [False, True]


def test_refusal_without_its_detail() -> None:
    with Emulator(lock_refusals_as_seen=False) as registry:
        user = User(registry)
        with user.http:
            user.push_image("app", "v1")
            lock(user, "/acr/v1/app/_tags/v1", "writeEnabled")
            reply = user.send("DELETE", "/acr/v1/app/_tags/v1", DELETE)
            assert (reply.status_code, list(error_of(reply))) == (405, ["code", "message"])
            assert "X-Ms-Request-Id" in reply.headers


@pytest.mark.parametrize("item", ITEMS)
def test_no_push(user: User, digest: Digest, item: str) -> None:
    lock(user, item.format(digest=digest), "writeEnabled")
    content = user.send("GET", f"/v2/app/manifests/{digest}", PULL)
    reply = user.put_manifest("app", "v1", content.content, content.headers["Content-Type"])
    assert (reply.status_code, error_of(reply)["code"]) == (405, "REGISTRY_DISALLOWED_OPERATION")
    expected = 405 if item == "/acr/v1/app" else 202
    assert user.send("POST", "/v2/app/blobs/uploads/", PUSH).status_code == expected


@pytest.mark.parametrize("item", ITEMS)
def test_no_pull(user: User, digest: Digest, item: str) -> None:
    lock(user, item.format(digest=digest), "readEnabled")
    assert user.send("GET", "/v2/app/manifests/v1", PULL, {"Accept": ANY}).status_code == 405
    assert user.send("HEAD", "/v2/app/manifests/v1", PULL, {"Accept": ANY}).status_code == 405
    by_digest = user.send("GET", f"/v2/app/manifests/{digest}", PULL).status_code
    assert by_digest == (200 if "_tags" in item else 405)
    blob = user.send("GET", f"/v2/app/blobs/{Digest.of(b'layer ')}", PULL).status_code
    assert blob == (405 if item == "/acr/v1/app" else 307)
    assert user.send("GET", item.format(digest=digest), READ).status_code == 200


def test_hidden_items(user: User, digest: Digest) -> None:
    lock(user, "/acr/v1/app/_tags/v1", "listEnabled")
    lock(user, f"/acr/v1/app/_manifests/{digest}", "listEnabled")
    assert user.send("GET", "/acr/v1/app/_tags", READ).json()["tags"] is None
    assert user.send("GET", "/v2/app/tags/list", PULL).json()["tags"] == []
    assert user.send("GET", "/acr/v1/app/_manifests", READ).json()["manifests"] is None
    lock(user, "/acr/v1/app", "listEnabled")
    assert user.send("GET", "/acr/v1/_catalog", "registry:catalog:*").json() == {"repositories": []}
    deleted = user.send("DELETE", "/acr/v1/app", DELETE).json()
    assert deleted == {"manifestsDeleted": [digest], "tagsDeleted": ["v1"]}

"""Manifests: push, pull, conversion, properties, deletes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator
from tests.emulator.user import ANY, User, error_of

PULL = "repository:app:pull"
PUSH = "repository:app:pull,push"
READ = "repository:app:metadata_read"
WRITE = "repository:app:metadata_write"
DELETE = "repository:app:delete"
NOWHERE = "sha256:" + "0" * 64


def manifest_of(user: User, **more: Any) -> dict[str, Any]:
    config = {"mediaType": media_types.OCI_EMPTY, "digest": user.push_blob("app", b"{}"), "size": 2}
    return {"schemaVersion": 2, "config": config, "layers": [], **more}


def test_exact_bytes_come_back(user: User) -> None:
    content = json.dumps(manifest_of(user), indent=3).encode().replace(b"/", rb"\/") + b"\n"
    reply = user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST)
    digest = Digest.of(content)
    assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (201, b"", "0")
    assert reply.headers["Location"] == f"/v2/app/manifests/{digest}"
    assert reply.headers["Docker-Content-Digest"] == digest
    for reference in ("v1", digest, digest.replace(":", "%3A")):
        reply = user.send("GET", f"/v2/app/manifests/{reference}", PULL, {"Accept": ANY})
        assert reply.content == content
        assert reply.headers["Content-Type"] == media_types.OCI_MANIFEST
        assert reply.headers["ETag"] == f'"{digest}"'
        head = user.send("HEAD", f"/v2/app/manifests/{reference}", PULL, {"Accept": ANY})
        assert (head.content, head.headers["Content-Length"]) == (b"", str(len(content)))
        assert head.headers["Docker-Content-Digest"] == digest


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_push_by_digest(user: User, algorithm: str) -> None:
    content = json.dumps(manifest_of(user)).encode()
    digest = Digest.of(content, algorithm=algorithm)
    reply = user.put_manifest("app", digest, content, media_types.OCI_MANIFEST)
    assert reply.headers["Docker-Content-Digest"] == digest
    assert user.send("GET", f"/v2/app/manifests/{digest}", PULL).content == content
    reply = user.put_manifest("app", digest, content + b" ", media_types.OCI_MANIFEST)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "DIGEST_INVALID")
    assert isinstance(error_of(reply)["detail"], str)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"no json", media_types.OCI_MANIFEST),
        (b"[]", media_types.OCI_MANIFEST),
        (b'{"config":{}}', media_types.OCI_MANIFEST),
        (b'{"layers":[1]}', media_types.OCI_MANIFEST),
        (b'{"mediaType":"application/x"}', media_types.OCI_MANIFEST),
        (b"{}", ""),
    ],
)
def test_malformed(user: User, content: bytes, media_type: str) -> None:
    reply = user.put_manifest("app", "v1", content, media_type)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "MANIFEST_INVALID")


def test_too_large(user: User) -> None:
    padding = b" " * (4 * 1024 * 1024 - 2)
    assert user.put_manifest("app", "v1", b"{}" + padding, "application/x").status_code == 201
    assert user.put_manifest("app", "v1", b"{}" + padding + b" ", "application/x").status_code == 413


def test_what_it_refers_to_must_be_there(user: User) -> None:
    missing = {"mediaType": media_types.OCI_LAYER, "digest": NOWHERE, "size": 1}
    content = json.dumps(manifest_of(user, layers=[missing])).encode()
    reply = user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert error_of(reply)["detail"] == NOWHERE
    # A blob that is in another repository is not here.
    missing["digest"] = user.push_blob("other", b"layer")
    content = json.dumps(manifest_of(user, layers=[missing])).encode()
    assert user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST).status_code == 400
    content = json.dumps({"schemaVersion": 2, "manifests": [missing]}).encode()
    assert user.put_manifest("app", "v1", content, media_types.OCI_INDEX).status_code == 400
    # Foreign layers are elsewhere.
    content = json.dumps(manifest_of(user, layers=[{**missing, "urls": ["https://example.com"]}])).encode()
    assert user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST).status_code == 201


def test_subject_may_be_missing(user: User) -> None:
    subject = {"mediaType": media_types.OCI_MANIFEST, "digest": NOWHERE, "size": 1}
    content = json.dumps(manifest_of(user, subject=subject)).encode()
    reply = user.put_manifest("app", "v1", content, media_types.OCI_MANIFEST)
    assert (reply.status_code, reply.headers["OCI-Subject"]) == (201, NOWHERE)


def test_docker_image_becomes_schema1_when_its_type_is_not_accepted(user: User) -> None:
    content = json.dumps(manifest_of(user)).encode()
    user.put_manifest("app", "v1", content, media_types.DOCKER_MANIFEST)
    reply = user.send("GET", "/v2/app/manifests/v1", PULL, {"Accept": "*/*"})
    assert reply.headers["Content-Type"] == media_types.DOCKER_MANIFEST_SCHEMA1
    assert reply.headers["Docker-Content-Digest"] == Digest.of(reply.content) != Digest.of(content)
    by_digest = user.send("GET", f"/v2/app/manifests/{Digest.of(content)}", PULL)
    assert by_digest.content == content
    # Accept may come in several lines (go GetManifest).
    lines = [("Accept", "application/json"), ("Accept", media_types.DOCKER_MANIFEST)]
    headers = [("Authorization", f"Bearer {user.token(PULL)}"), *lines]
    assert user.http.get("/v2/app/manifests/v1", headers=headers).content == content


def test_types_that_are_not_accepted(user: User) -> None:
    image = user.push_image("app", "image")
    entry = {"mediaType": media_types.OCI_MANIFEST, "digest": image, "size": 1}
    amd64 = {**entry, "platform": {"architecture": "amd64", "os": "linux"}}
    user.push_manifest("app", "index", {"schemaVersion": 2, "manifests": [entry]}, media_types.OCI_INDEX)
    user.push_manifest("app", "list", {"schemaVersion": 2, "manifests": [amd64]}, media_types.DOCKER_MANIFEST_LIST)
    user.push_manifest("app", "poor", {"schemaVersion": 2, "manifests": [entry]}, media_types.DOCKER_MANIFEST_LIST)
    user.push_manifest("app", "own", {}, "application/vnd.own+json")

    def status(tag: str, accept: str) -> int:
        return user.send("GET", f"/v2/app/manifests/{tag}", PULL, {"Accept": accept}).status_code

    assert status("image", media_types.DOCKER_MANIFEST) == 404
    assert status("index", media_types.OCI_MANIFEST) == 404
    assert status("own", media_types.OCI_MANIFEST) == 200
    assert status("poor", media_types.OCI_MANIFEST) == 404
    reply = user.send("GET", "/v2/app/manifests/list", PULL, {"Accept": media_types.OCI_MANIFEST})
    assert reply.headers["Docker-Content-Digest"] == image


def test_unknown_manifests(user: User) -> None:
    user.push_image("app", "v1")
    reply = user.send("GET", "/v2/app/manifests/wrong-tag", PULL, {"Accept": ANY})
    assert reply.status_code == 404
    assert error_of(reply) == {
        "code": "MANIFEST_UNKNOWN",
        "message": 'manifest tagged by "wrong-tag" is not found',
        "detail": {"Tag": "wrong-tag"},
    }
    assert reply.headers["Content-Length"] == "128"  # as recorded
    unknown = {"code": "MANIFEST_UNKNOWN", "message": f"manifest {NOWHERE} is not found"}
    assert error_of(user.send("GET", f"/v2/app/manifests/{NOWHERE}", PULL)) == unknown
    reply = user.send("DELETE", f"/v2/app/manifests/{NOWHERE}", DELETE)
    assert (reply.status_code, error_of(reply)) == (404, unknown)
    assert error_of(user.send("GET", f"/acr/v1/app/_manifests/{NOWHERE}", READ)) == unknown
    for method, scope in (("GET", READ), ("PATCH", WRITE), ("DELETE", DELETE)):
        reply = user.send(method, "/acr/v1/app/_tags/wrong-tag", scope)
        assert reply.status_code == 404
        assert error_of(reply) == {"code": "TAG_UNKNOWN", "message": "the specified tag does not exist"}


def test_push_to_a_digest_that_is_none(user: User) -> None:
    reply = user.put_manifest("app", "sha256:short", b"{}", media_types.OCI_MANIFEST)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    "path",
    [
        "/acr/v1/app/_manifests/not-a-digest",
        "/acr/v1/APP/_tags",
        "/acr/v1/..%2Fapp",
        "/v2/app/manifests/.bad",
        "/v2/app/blobs/sha256:short",
        "/nowhere",
    ],
)
def test_paths_that_the_router_does_not_know_are_told_before_any_challenge(user: User, path: str) -> None:
    reply = user.send("GET", path)
    assert (reply.status_code, reply.text) == (404, "404 page not found\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Access-Control-Expose-Headers" not in reply.headers
    assert "X-Ms-Correlation-Request-Id" in reply.headers


def test_properties_of_an_image(user: User) -> None:
    digest = user.push_image("app", "v1")
    user.push_image("app", "v2")
    reply = user.send("GET", f"/acr/v1/app/_manifests/{digest.replace(':', '%3A')}", READ).json()
    assert list(reply) == ["registry", "imageName", "manifest"]
    manifest = reply["manifest"]
    assert list(manifest) == [
        "digest", "imageSize", "createdTime", "lastUpdateTime", "architecture", "os", "mediaType", "configMediaType",
        "tags", "changeableAttributes",
    ]  # fmt: skip
    assert (manifest["architecture"], manifest["os"], manifest["tags"]) == ("arm64", "linux", ["v1", "v2"])
    assert manifest["imageSize"] == len("layer ")  # of its layers
    repository = user.send("GET", "/acr/v1/app", READ).json()
    assert list(repository) == [
        "registry", "imageName", "createdTime", "lastUpdateTime", "manifestCount", "tagCount", "changeableAttributes"
    ]  # fmt: skip
    assert (repository["manifestCount"], repository["tagCount"]) == (1, 2)


def test_properties_of_an_index(user: User) -> None:
    image = user.push_image("app", "v1")
    entry = {"mediaType": media_types.OCI_MANIFEST, "digest": image, "size": 1}
    platform = {"architecture": "arm64", "os": "linux", "variant": "v8"}
    index = {"schemaVersion": 2, "manifests": [{**entry, "platform": platform}]}
    digest = user.push_manifest("app", "all", index, media_types.OCI_INDEX)
    manifest = user.send("GET", f"/acr/v1/app/_manifests/{digest}", READ).json()["manifest"]
    assert manifest["references"] == [{"digest": image, "architecture": "arm64", "os": "linux"}]
    assert manifest["imageSize"] == len("layer ")
    assert not {"architecture", "os", "configMediaType"} & set(manifest)


def test_a_tag_moves(user: User) -> None:
    old = user.push_image("app", "v1", "old")
    before = user.send("GET", "/acr/v1/app/_tags/v1", READ).json()["tag"]
    new = user.push_image("app", "v1", "new")
    after = user.send("GET", "/acr/v1/app/_tags/v1", READ).json()["tag"]
    assert (before["digest"], after["digest"]) == (old, new)
    assert before["createdTime"] == after["createdTime"] < after["lastUpdateTime"]
    assert "tags" not in user.send("GET", f"/acr/v1/app/_manifests/{old}", READ).json()["manifest"]


@pytest.mark.parametrize("what", ["/acr/v1/app", "/acr/v1/app/_tags/v1", "/acr/v1/app/_manifests/{digest}"])
def test_update_of_attributes(user: User, what: str) -> None:
    path = what.format(digest=user.push_image("app", "v1"))

    def inner(reply: Any) -> Any:
        return reply.json().get("tag") or reply.json().get("manifest") or reply.json()

    before = inner(user.send("GET", path, READ))
    everything = {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True}
    assert before["changeableAttributes"] == everything
    reply = user.send("PATCH", path, WRITE, json={"writeEnabled": False, "quarantineState": "Passed"})
    assert reply.status_code == 200
    assert inner(reply)["changeableAttributes"] == {**everything, "writeEnabled": False}
    assert inner(reply)["lastUpdateTime"] == before["lastUpdateTime"]
    assert inner(user.send("PATCH", path, WRITE))["changeableAttributes"]["writeEnabled"] is False
    nothing = dict.fromkeys(everything, False)
    assert inner(user.send("PATCH", path, WRITE, json=nothing))["changeableAttributes"] == nothing
    assert inner(user.send("PATCH", path, WRITE, json=everything)) == before
    for bad in (b"no json", b"[]", b'{"writeEnabled":"no"}'):
        assert user.send("PATCH", path, WRITE, content=bad).status_code == 400


def test_delete_of_a_tag(user: User) -> None:
    digest = user.push_image("app", "v1")
    reply = user.send("DELETE", "/acr/v1/app/_tags/v1", DELETE)
    assert (reply.status_code, reply.headers["Content-Length"]) == (202, "0")
    assert reply.headers["X-Ms-Int-Docker-Content-Digest"] == digest
    assert user.send("GET", "/acr/v1/app/_tags/v1", READ).status_code == 404
    assert user.send("GET", f"/v2/app/manifests/{digest}", PULL).status_code == 200


def test_delete_of_a_manifest(user: User) -> None:
    digest = user.push_image("app", "v1")
    reply = user.send("DELETE", "/v2/app/manifests/v1", DELETE)
    assert reply.status_code == 405
    assert error_of(reply) == {"code": "UNSUPPORTED", "message": "A manifest can only be deleted by digest."}
    reply = user.send("DELETE", f"/v2/app/manifests/{digest}", DELETE)
    assert (reply.status_code, reply.content) == (202, b"")
    assert user.send("GET", "/v2/app/manifests/v1", PULL).status_code == 404
    assert user.send("GET", "/acr/v1/app/_tags", READ).json()["tags"] is None
    assert user.send("GET", "/acr/v1/app", READ).json()["manifestCount"] == 0


def attach(user: User, subject: Digest, tag: str) -> Digest:
    descriptor = {"mediaType": media_types.OCI_MANIFEST, "digest": subject, "size": 1}
    return user.push_artifact("app", tag, subject=descriptor, artifactType="text/sbom")


def test_delete_of_a_subject_takes_what_is_attached(user: User) -> None:
    """Told by ACR's document "Manage OCI artifacts"; the signature of an SBOM goes with the SBOM's subject."""
    subject, other = user.push_image("app", "v1"), user.push_image("app", "v2", "2")
    sbom = attach(user, subject, "sbom")
    attach(user, sbom, "signature")
    kept = attach(user, other, "kept")
    assert user.send("DELETE", f"/v2/app/manifests/{subject}", DELETE).status_code == 202
    left = user.send("GET", "/acr/v1/app/_manifests", READ).json()["manifests"]
    assert {item["digest"] for item in left} == {other, kept}
    assert user.send("GET", "/v2/app/tags/list", PULL).json()["tags"] == ["kept", "v2"]


def test_a_locked_referrer_protects_its_subject(user: User) -> None:
    subject = user.push_image("app", "v1")
    sbom = attach(user, subject, "sbom")
    user.send("PATCH", f"/acr/v1/app/_manifests/{sbom}", WRITE, json={"deleteEnabled": False})
    assert user.send("DELETE", f"/v2/app/manifests/{subject}", DELETE).status_code == 405
    assert user.send("GET", "/acr/v1/app", READ).json()["manifestCount"] == 2


def test_what_is_attached_can_be_left() -> None:
    with Emulator(referrers_follow_subject=False) as registry:
        user = User(registry)
        with user.http:
            subject = user.push_image("app", "v1")
            sbom = attach(user, subject, "sbom")
            user.send("DELETE", f"/v2/app/manifests/{subject}", DELETE)
            (left,) = user.send("GET", "/acr/v1/app/_manifests", READ).json()["manifests"]
            assert left["digest"] == sbom


def test_delete_of_a_repository(user: User) -> None:
    digest = user.push_image("app", "v1")
    reply = user.send("DELETE", "/acr/v1/app", DELETE)
    assert reply.status_code == 202
    assert reply.text == f'{{"manifestsDeleted":["{digest}"],"tagsDeleted":["v1"]}}\n'
    reply = user.send("DELETE", "/acr/v1/app", DELETE)
    assert (reply.status_code, error_of(reply)["code"]) == (404, "NAME_UNKNOWN")
    user.push_manifest("app", digest_of({}), {}, "application/x")
    assert user.send("DELETE", "/acr/v1/app", DELETE).json()["tagsDeleted"] is None


def digest_of(manifest: dict[str, Any]) -> Digest:
    return Digest.of(json.dumps(manifest).encode())

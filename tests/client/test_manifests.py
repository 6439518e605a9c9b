"""Manifests: exact bytes of any type, verified, capped at 4 MiB while reading; referrers."""

from __future__ import annotations

import json
from typing import Any

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.content import image_manifest, push_image, push_index

MIB = 1024 * 1024


def test_a_manifest_comes_back_byte_for_byte(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    config, layer = repository.upload_blob(b"{}"), repository.upload_blob(b"layer")
    odd = json.dumps(image_manifest(config, [layer]), indent=3).replace("/", "\\/").encode() + b"\n\n"
    pushed = repository.put_manifest(odd, tag="v1")
    assert pushed.digest == acr.Digest.of(odd)
    for reference in ("v1", pushed.digest):
        found = repository.manifest(reference).get()
        assert (found.content, found.media_type, found.digest) == (odd, media_types.OCI_MANIFEST, pushed.digest)
    assert found.config is not None
    assert (found.config.digest, [one.digest for one in found.layers]) == (config.digest, [layer.digest])


def test_a_manifest_without_a_type_of_its_own_needs_one(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    layer = repository.upload_blob(b"layer")
    content = image_manifest(layer, [layer])
    del content["mediaType"]
    with pytest.raises(acr.InvalidInput, match="media_type="):
        repository.put_manifest(content, tag="v1")
    repository.put_manifest(content, media_type=media_types.OCI_MANIFEST, tag="v1")
    assert repository.manifest("v1").get().media_type == media_types.OCI_MANIFEST


def test_head_gives_type_digest_and_size(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    pushed = push_image(repository, tag="v1")
    assert repository.manifest("v1").head() == pushed
    assert repository.manifest("v1").exists()
    assert not repository.manifest("v2").exists()


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        (media_types.OCI_MANIFEST, media_types.OCI_MANIFEST),
        ([media_types.OCI_MANIFEST, "application/json"], f"{media_types.OCI_MANIFEST}, application/json"),
        (None, ", ".join(media_types.ANY_MANIFEST)),
    ],
)
def test_the_types_that_are_accepted_are_asked_for_in_one_request(
    registry: acr.Registry, acr_emulator: Emulator, accept: str | list[str] | None, asked: str
) -> None:
    push_image(registry.repository("app"), tag="v1")
    manifest = registry.repository("app").manifest("v1")
    manifest.get()
    acr_emulator.clear_requests()
    assert manifest.head(accept=accept) == manifest.get(accept=accept).descriptor
    assert [(r.method, r.headers["accept"]) for r in acr_emulator.requests] == [("HEAD", asked), ("GET", asked)]


@pytest.mark.parametrize(
    "told",
    [
        {"status": 405},
        {"status": 501},
        {"status": 200, "without": "Content-Type"},
        {"status": 200, "without": "Docker-Content-Digest"},
        {"status": 200, "Content-Length": "0"},
        {"status": 200, "Content-Encoding": "gzip"},
        {"status": 200, "Content-Type": "application/json"},
        {"status": 200, "Content-Type": "application/octet-stream"},
        {"status": 200, "Content-Type": "text/plain"},
        {"status": 200, "Content-Type": "text/html; charset=utf-8"},
    ],
    ids=str,
)
def test_a_manifest_is_read_if_head_does_not_tell(
    registry: acr.Registry, acr_emulator: Emulator, told: dict[str, Any]
) -> None:
    image = push_image(registry.repository("app"), tag="v1")
    manifest = registry.repository("app").manifest("v1")
    manifest.get()
    headers = {
        "Content-Type": media_types.OCI_MANIFEST,
        "Docker-Content-Digest": acr.Digest.of(b"of another one"),
        "Content-Length": "7",
        **told,
    }
    status, without = headers.pop("status"), headers.pop("without", "")
    headers.pop(without, None)
    acr_emulator.clear_requests()
    acr_emulator.fail(method="HEAD", status=status, headers=headers)
    assert manifest.head(accept=media_types.OCI_MANIFEST) == image
    asked = [(r.method, r.headers["accept"]) for r in acr_emulator.requests]
    assert asked == [("HEAD", media_types.OCI_MANIFEST), ("GET", media_types.OCI_MANIFEST)]


def test_a_manifest_by_sha512(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    layer = repository.upload_blob(b"layer")
    content = json.dumps(image_manifest(layer, [layer])).encode()
    digest = acr.Digest.of(content, algorithm="sha512")
    pushed = repository.put_manifest(acr.Manifest(content, media_types.OCI_MANIFEST, digest=digest))
    assert pushed.digest == digest
    found = repository.manifest(digest).get()
    assert (found.content, found.digest) == (content, digest)


def test_an_index_is_asked_for_and_comes_as_one(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """Without an Accept header ACR converts to schema 1, and to another digest."""
    repository = registry.repository("app")
    pushed = push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    found = repository.manifest("v1").get()
    assert (found.digest, found.is_index) == (pushed.digest, True)
    assert [str(one.platform) for one in found.manifests] == ["linux/amd64", "linux/arm64"]
    accept = acr_emulator.requests[-1].headers["accept"]
    assert set(accept.split(", ")) == set(media_types.ANY_MANIFEST)


def test_a_manifest_whose_blob_is_missing_is_refused(registry: acr.Registry) -> None:
    nothing = acr.Descriptor(media_types.OCI_LAYER, acr.Digest.of(b"missing"), 7)
    with pytest.raises(acr.ResponseError) as caught:
        registry.repository("app").put_manifest(image_manifest(nothing, []), tag="v1")
    assert caught.value.codes == ("MANIFEST_BLOB_UNKNOWN",)


def test_an_unknown_tag_tells_which(registry: acr.Registry) -> None:
    push_image(registry.repository("app"), tag="v1")
    with pytest.raises(acr.NotFound, match="none") as caught:
        registry.repository("app").manifest("none").get()
    assert caught.value.detail == {"Tag": "none"}


def test_a_manifest_of_other_bytes_than_its_digest_is_refused(registry: acr.Registry, acr_emulator: Emulator) -> None:
    digest = acr.Digest.of(b"{}")
    headers = {"Content-Type": media_types.OCI_MANIFEST, "Docker-Content-Digest": digest}
    for reference in (digest, "v1"):
        acr_emulator.fail(times=1, path_contains="/manifests/", status=200, headers=headers, body=b"{ }")
        with pytest.raises(acr.DigestMismatch) as caught:
            registry.repository("app").manifest(reference).get()
        assert (caught.value.expected, caught.value.actual) == (digest, acr.Digest.of(b"{ }"))


@pytest.mark.parametrize("told", [{}, {"Docker-Content-Digest": acr.Digest.of(b"{ }")}], ids=["nothing", "another"])
def test_the_digest_that_was_asked_for_counts_and_not_the_one_that_the_registry_tells(
    registry: acr.Registry, acr_emulator: Emulator, told: dict[str, str]
) -> None:
    digest = acr.Digest.of(b"{}")
    headers = {"Content-Type": media_types.OCI_MANIFEST, **told}
    acr_emulator.fail(path_contains="/manifests/", status=200, headers=headers, body=b"{ }")
    with pytest.raises(acr.DigestMismatch) as caught:
        registry.repository("app").manifest(digest).get()
    assert str(caught.value) == f"the manifest app@{digest}: expected {digest}, got {acr.Digest.of(b'{ }')}"


@pytest.mark.parametrize("call", ["get", "head", "put"])
def test_a_malformed_digest_in_an_answer_names_the_header(
    registry: acr.Registry, acr_emulator: Emulator, call: str
) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    manifest = repository.manifest("v1").get()
    headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": "sha256:zz"}
    acr_emulator.fail(path_contains="/manifests/", status=201 if call == "put" else 200, headers=headers)
    calls: dict[str, Any] = {
        "get": repository.manifest("v1").get,
        "head": repository.manifest("v1").head,
        "put": lambda: repository.put_manifest(manifest, tag="v2"),
    }
    with pytest.raises(acr.ProtocolViolation, match="^Docker-Content-Digest: expected a digest.*got 'sha256:zz'"):
        calls[call]()


def test_a_manifest_of_no_type_is_refused_by_its_name(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/manifests/", status=200, headers={"Content-Type": ""}, body=b"{}")
    with pytest.raises(acr.ProtocolViolation) as caught:
        registry.repository("app").manifest("v1").get()
    assert str(caught.value) == "the manifest app@v1 came without a Content-Type"


def test_a_manifest_too_large_to_push_is_refused_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    with pytest.raises(acr.LimitExceeded, match="4194304"):
        registry.repository("app").put_manifest(b" " * (4 * MIB + 1), media_type=media_types.OCI_MANIFEST)
    assert acr_emulator.requests == []


def test_a_manifest_too_large_to_pull_is_not_read_to_its_end(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """Peers trust Content-Length alone; what counts is what comes."""
    acr_emulator.fail(
        times=1,
        path_contains="/manifests/",
        status=200,
        headers={"Content-Type": media_types.OCI_MANIFEST},
        body=b" " * (4 * MIB + 1),
    )
    with pytest.raises(acr.LimitExceeded) as caught:
        registry.repository("app").manifest("v1").get()
    assert str(caught.value) == "the answer to GET /v2/app/manifests/v1 is larger than the 4194304 bytes allowed"
    assert caught.value.limit == 4 * MIB


def test_referrers_are_listed_and_filtered(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    subject = push_image(repository, tag="v1")
    empty = repository.upload_blob(b"{}")
    attached = {
        kind: repository.put_manifest(
            image_manifest(empty, [empty], subject=subject.to_json(), artifactType=kind, annotations={"a": kind})
        )
        for kind in ("application/x-one", "application/x-two")
    }
    found = list(repository.manifest("v1").referrers())
    assert {one.digest for one in found} == {one.digest for one in attached.values()}
    (one,) = repository.manifest(subject.digest).referrers(artifact_type="application/x-two")
    assert (one.digest, one.artifact_type) == (attached["application/x-two"].digest, "application/x-two")
    assert dict(one.annotations) == {"a": "application/x-two"}
    assert list(repository.manifest(one.digest).referrers()) == []


def test_referrers_are_kept_under_a_tag_where_the_registry_has_no_api_for_them(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    """OCI distribution spec, "Referrers Tag Schema"."""
    repository = registry.repository("app")
    subject = push_image(repository, tag="v1")
    empty = repository.upload_blob(b"{}")
    attached = []
    for kind in ("application/x-one", "application/x-two"):
        manifest = acr.Manifest.of(image_manifest(empty, [empty], subject=subject.to_json(), artifactType=kind))
        # A registry without the API does not confirm the subject.
        headers = {"Docker-Content-Digest": manifest.digest}
        acr_emulator.fail(method="PUT", path_contains=manifest.digest, status=201, headers=headers, after=True)
        repository.put_manifest(manifest)
        registry_has = acr_emulator.requests[-1]
        assert registry_has.path.startswith(f"/v2/app/manifests/sha256-{subject.digest.hex}")
        attached.append(manifest.digest)
    acr_emulator.fail(times=2, path_contains="/referrers/", status=404, body=b"404 page not found\n")
    assert [one.digest for one in repository.manifest("v1").referrers()] == attached
    found = list(repository.manifest(subject.digest).referrers(artifact_type="application/x-two"))
    assert [one.artifact_type for one in found] == ["application/x-two"]


def test_a_subject_without_referrers_has_none_there_either(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    acr_emulator.fail(path_contains="/referrers/", status=404, body=b"404 page not found\n")
    assert list(repository.manifest("v1").referrers()) == []

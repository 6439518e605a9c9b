"""Properties and locks of repositories, tags and manifests."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image, push_index
from tests.twin import Twin


def test_repository_properties(twin: Twin) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    with Emulator(clock=now.timestamp) as emulator:
        repository = twin.connect(emulator.url, emulator.credential()).repository("team/app")
        push_image(repository, tag="a", layer=b"1")
        push_image(repository, tag="b", layer=b"2")
        found = repository.properties()
    assert (found.name, found.manifest_count, found.tag_count) == ("team/app", 2, 2)
    assert found.created == found.updated == now
    assert not found.locked


def test_tag_properties(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    pushed = push_image(repository, tag="v1")
    found = repository.tag("v1").properties()
    assert (found.repository, found.name, found.digest) == ("team/app", "v1", pushed.digest)
    assert isinstance(found.digest, acr.Digest)
    assert found.created.tzinfo is not None


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_manifest_properties_by_tag_and_by_digest(registry: acr.Registry, by: str) -> None:
    repository = registry.repository("team/app")
    pushed = push_image(repository, tag="v1")
    found = repository.manifest("v1" if by == "tag" else pushed.digest).properties()
    assert (found.digest, found.media_type, tuple(found.tags)) == (pushed.digest, acr.media_types.OCI_MANIFEST, ("v1",))
    assert (found.os, found.architecture, found.config_media_type) == ("linux", "amd64", acr.media_types.OCI_CONFIG)


def test_properties_of_an_index_tell_what_it_is_made_of(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    found = repository.manifest("v1").properties()
    assert (found.os, found.architecture) == (None, None)
    assert [(one.os, one.architecture) for one in found.related] == [("linux", "amd64"), ("linux", "arm64")]


def test_an_unknown_architecture_or_null_parses(registry: acr.Registry, acr_emulator: Emulator) -> None:
    digest = "sha256:" + "a" * 64
    manifest = {
        "digest": digest,
        "imageSize": 1,
        "createdTime": "2021-05-14T21:30:32.1Z",
        "lastUpdateTime": "2021-05-14T21:30:32.1854167Z",
        "architecture": "loong64",
        "os": None,
        "tags": None,
        "changeableAttributes": {"deleteEnabled": True},
    }
    body = json.dumps({"registry": "r", "imageName": "app", "manifest": manifest})
    acr_emulator.fail(times=1, path_contains="_manifests", status=200, body=body.encode())
    found = registry.repository("app").manifest(digest).properties()
    assert (found.architecture, found.os, tuple(found.tags)) == ("loong64", None, ())
    assert found.created == datetime(2021, 5, 14, 21, 30, 32, 100_000, UTC)
    assert found.updated == datetime(2021, 5, 14, 21, 30, 32, 185_416, UTC)


def test_what_is_not_named_in_an_update_stays_as_it_is(registry: acr.Registry) -> None:
    push_image(registry.repository("app"), tag="v1")
    tag = registry.repository("app").tag("v1")
    locked = tag.update(can_write=False)
    assert (locked.can_read, locked.can_write, locked.can_list, locked.can_delete) == (True, False, True, True)
    locked = tag.update(can_delete=False)
    assert (locked.can_write, locked.can_delete) == (False, False)
    assert tag.properties() == locked
    assert not tag.update(can_write=True, can_delete=True).locked


def test_an_update_of_nothing_is_refused(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    for item in (repository, repository.tag("v1"), repository.manifest("v1")):
        with pytest.raises(acr.InvalidInput, match="nothing to update"):
            item.update()
    assert acr_emulator.requests == []


def test_a_locked_tag_is_not_moved(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    first = push_image(repository, tag="v1", layer=b"1")
    repository.tag("v1").update(can_write=False)
    with pytest.raises(acr.Locked):
        push_image(repository, tag="v1", layer=b"2")
    assert repository.tag("v1").properties().digest == first.digest


@pytest.mark.parametrize(("kind", "code"), [("tag", "TAG_UNKNOWN"), ("manifest", "MANIFEST_UNKNOWN")])
def test_properties_of_what_is_missing(registry: acr.Registry, kind: str, code: str) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    item = repository.tag("none") if kind == "tag" else repository.manifest("sha256:" + "0" * 64)
    with pytest.raises(acr.NotFound) as caught:
        item.properties()
    assert caught.value.codes == (code,)
    assert caught.value.correlation_id
    assert caught.value.correlation_id in str(caught.value)


@pytest.mark.parametrize("name", ["", "Team/app", "a//b", "../a", "a/", "/a", "a b", "a@b", "a\n", "a" * 256])
def test_a_malformed_repository_is_refused(registry: acr.Registry, acr_emulator: Emulator, name: str) -> None:
    with pytest.raises(acr.InvalidReference, match="repository name"):
        registry.repository(name)
    assert acr_emulator.requests == []


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "a b", "a\n", "ä", "a" * 129])
def test_a_malformed_tag_is_refused(registry: acr.Registry, acr_emulator: Emulator, tag: str) -> None:
    with pytest.raises(acr.InvalidReference, match="tag"):
        registry.repository("app").tag(tag)
    with pytest.raises(acr.InvalidReference):
        registry.repository("app").manifest(tag)
    assert acr_emulator.requests == []


def test_a_digest_of_an_unknown_algorithm_is_refused(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.UnsupportedDigest, match="md5"):
        registry.repository("app").manifest("md5:" + "0" * 32)
    with pytest.raises(acr.UnsupportedDigest, match="md5"):
        registry.repository("app").download_blob("md5:" + "0" * 32)
    assert acr_emulator.requests == []

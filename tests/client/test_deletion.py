"""Deletion of repositories, tags, manifests and blobs: what goes, what stays, and what is an error."""

from __future__ import annotations

from typing import Any

import pytest

import acr
from acr._core.listed import tags
from acr._shells.stepping import run
from acr.emulator import Emulator
from tests.content import push_image
from tests.shells.script import Script, gives, head
from tests.twin import Twin

KINDS = ["repository", "tag", "manifest", "blob"]
MISSING = "sha256:" + "0" * 64


def items_of(registry: acr.Registry) -> dict[str, Any]:
    """An item of each kind."""
    repository = registry.repository("team/app")
    pushed = push_image(repository, tag="v1")
    blob = repository.upload_blob(b"a blob of no image")
    return {
        "repository": repository,
        "tag": repository.tag("v1"),
        "manifest": repository.manifest(pushed.digest),
        "blob": repository.blob(blob.digest),
    }


def missing_of(registry: acr.Registry) -> dict[str, Any]:
    """An item of each kind that is not there, beside one of each that is."""
    items_of(registry)
    repository = registry.repository("team/app")
    return {
        "repository": registry.repository("none"),
        "tag": repository.tag("none"),
        "manifest": repository.manifest(MISSING),
        "blob": repository.blob(MISSING),
    }


@pytest.mark.parametrize("kind", ["repository", "tag", "manifest"])
def test_a_locked_item_is_not_deleted(registry: acr.Registry, kind: str) -> None:
    item = items_of(registry)[kind]
    assert item.update(can_delete=False).locked
    with pytest.raises(acr.Locked, match="unlock it") as caught:
        item.delete()
    assert caught.value.codes == ("REGISTRY_DISALLOWED_OPERATION",)
    item.update(can_delete=True)
    item.delete()


def test_deleting_a_tag_leaves_the_manifest(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    pushed = push_image(repository, tag="v1")
    repository.tag("v1").delete()
    assert [tag.name for tag in repository.tags()] == []
    assert repository.manifest(pushed.digest).exists()


def test_deleting_a_manifest_takes_its_tags(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    pushed = push_image(repository, tag="v1", layer=b"1")
    push_image(repository, tag="v2", layer=b"2")
    repository.manifest(pushed.digest).delete()
    assert [tag.name for tag in repository.tags()] == ["v2"]


def test_a_manifest_is_not_deleted_by_tag(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.InvalidInput) as caught:
        registry.repository("app").manifest("v1").delete()
    assert str(caught.value) == (
        "'v1': a manifest is deleted by its digest, and takes all its tags with it; to remove the tag alone use"
        " tag('v1').delete()"
    )
    assert acr_emulator.requests == []


def test_deleting_a_repository_tells_what_went(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    pushed = push_image(repository, tag="v1")
    deleted = repository.delete()
    assert (list(deleted.manifests), list(deleted.tags)) == ([pushed.digest], ["v1"])
    assert list(registry.repositories()) == []


def test_deleting_a_repository_without_tags_gives_an_empty_list(registry: acr.Registry) -> None:
    """ACR answers `"tagsDeleted":null`."""
    repository = registry.repository("app")
    push_image(repository, tag=None)
    assert list(repository.delete().tags) == []


def test_a_deleted_blob_is_gone(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    repository.blob(blob.digest).delete()
    assert not repository.blob(blob.digest).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_an_error_unless_that_is_fine(registry: acr.Registry, kind: str) -> None:
    item = missing_of(registry)[kind]
    assert item.delete(missing_ok=True) == (acr.DeletedRepository() if kind == "repository" else None)
    with pytest.raises(acr.NotFound):
        item.delete()


@pytest.mark.parametrize("kind", KINDS)
def test_any_other_error_is_one_even_if_a_missing_item_is_fine(
    registry: acr.Registry, acr_emulator: Emulator, kind: str
) -> None:
    item = items_of(registry)[kind]
    acr_emulator.fail(method="DELETE", status=403)
    with pytest.raises(acr.Denied):
        item.delete(missing_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_delete_whose_answer_is_lost_has_been_done(registry: acr.Registry, acr_emulator: Emulator, kind: str) -> None:
    item = items_of(registry)[kind]
    acr_emulator.fail(method="DELETE", drop=True, after=True)
    assert item.delete() == (acr.DeletedRepository() if kind == "repository" else None)
    with pytest.raises(acr.NotFound):
        item.delete()


@pytest.mark.parametrize(
    ("faults", "is_done"),
    [
        ([{"drop": True}], True),
        ([{"status": 500}], True),
        ([{"status": 503}, {"status": 429}], True),
        ([{"drop": True}, {"status": 429}], True),
        ([{"status": 429}, {"status": 503}], True),
        ([{"status": 429}], False),
        ([{"status": 408}, {"status": 429}], True),
        ([], False),
    ],
    ids=str,
)
def test_what_is_missing_was_deleted_only_if_an_earlier_attempt_may_have_done_it(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator, faults: list[dict[str, Any]], *, is_done: bool
) -> None:
    """A registry that throttles has done nothing. A gateway may say 408 for one that deletes."""
    for item in missing_of(registry).values():
        twin.slept.clear()
        for fault in faults:
            acr_emulator.fail(method="DELETE", **fault)
        if is_done:
            item.delete()
        else:
            with pytest.raises(acr.NotFound):
                item.delete()
        assert len(twin.slept) == len(faults)


@pytest.mark.parametrize("kind", KINDS)
def test_a_delete_is_tried_again_as_often_as_any_call(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry, kind: str
) -> None:
    item = items_of(registry)[kind]
    acr_emulator.fail(times=4, method="DELETE", status=503)
    item.delete()
    assert len(twin.slept) == 4
    twin.slept.clear()
    acr_emulator.fail(times=5, method="DELETE", drop=True)
    with pytest.raises(acr.TransportError) as caught:
        item.delete()
    assert caught.value.exhausted
    assert len(twin.slept) == 4
    assert all(0 <= seconds <= 0.5 * 2**attempt for attempt, seconds in enumerate(twin.slept))


@pytest.mark.parametrize("status", [200, 202, 204, 299])
@pytest.mark.parametrize("kind", KINDS)
def test_any_success_is_one(registry: acr.Registry, acr_emulator: Emulator, kind: str, status: int) -> None:
    item = items_of(registry)[kind]
    acr_emulator.fail(method="DELETE", status=status)
    assert item.delete() == (acr.DeletedRepository() if kind == "repository" else None)


@pytest.mark.parametrize("status", [300, 304])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_else_is_a_success(registry: acr.Registry, acr_emulator: Emulator, kind: str, status: int) -> None:
    item = items_of(registry)[kind]
    acr_emulator.fail(method="DELETE", status=status)
    with pytest.raises(acr.ProtocolViolation, match=str(status)):
        item.delete()


def test_a_deleted_manifest_of_a_malformed_digest_is_the_registrys_fault(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    body = b'{"manifestsDeleted":["sha256:zz"],"tagsDeleted":[]}'
    acr_emulator.fail(method="DELETE", status=202, headers={"Content-Type": "application/json"}, body=body)
    with pytest.raises(acr.ProtocolViolation, match="^a deleted manifest: expected a digest.*got 'sha256:zz'"):
        registry.repository("app").delete()


def test_a_cancelled_upload_is_gone(registry: acr.Registry, acr_emulator: Emulator) -> None:
    upload = registry.repository("app").start_upload()
    upload.write(b"abc")
    acr_emulator.fail(method="DELETE", status=200, after=True)
    upload.cancel()
    with pytest.raises(acr.NotFound):
        upload.status()


@pytest.mark.parametrize("told", [None, "", "sha256:zz", "md5:" + "0" * 32])
def test_a_tag_is_deleted_whatever_the_registry_tells_of_what_it_pointed_to(twin: Twin, told: str | None) -> None:
    more = [] if told is None else [f"X-Ms-Int-Docker-Content-Digest: {told}"]
    with Script(gives(head(0, *more, status="202 Accepted"))) as script:
        twin.connect(script.url).repository("app").tag("v1").delete()
        assert [asked.method for asked in script.asked] == ["DELETE"]


@pytest.mark.parametrize(("told", "found"), [(MISSING, acr.Digest(MISSING)), ("sha256:zz", None), ("", None)])
def test_the_core_learns_what_a_tag_pointed_to(told: str, found: acr.Digest | None) -> None:
    """A purge compares it with its plan."""
    with (
        Script(gives(head(0, f"X-Ms-Int-Docker-Content-Digest: {told}", status="202 Accepted"))) as script,
        acr.Registry(script.url) as registry,
    ):
        assert run(tags.delete(registry.repository("app")._remote, "v1", missing_ok=False)) == found

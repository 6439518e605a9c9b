"""Locks: each flag by itself, what they make of an item, and which of them an error names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image

FLAGS = ("can_read", "can_write", "can_list", "can_delete")
DISALLOWED = b'{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"the operation is disallowed"}]}'

Item = acr.Repository | acr.RepositoryTag | acr.RepositoryManifest

ITEMS: dict[str, tuple[str, Callable[[acr.Repository, acr.Digest], Item]]] = {
    "repository": ("the repository team/app", lambda app, _: app),
    "tag": ("the tag v1 of team/app", lambda app, _: app.tag("v1")),
    "manifest": ("the manifest team/app@{digest}", lambda app, digest: app.manifest(digest)),
    "manifest by tag": ("the manifest team/app@{digest}", lambda app, _: app.manifest("v1")),
}
"""Kinds of items, what errors call them, and how one comes to them."""


@pytest.fixture(params=ITEMS)
def found(request: pytest.FixtureRequest, registry: acr.Registry) -> tuple[Item, str]:
    """An item, and what errors call it."""
    app = registry.repository("team/app")
    digest = push_image(app, tag="v1").digest
    name, item = ITEMS[request.param]
    return item(app, digest), name.format(digest=digest)


def flags_of(permissions: acr.Permissions) -> dict[str, bool]:
    return {flag: getattr(permissions, flag) for flag in FLAGS}


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_is_set_by_itself_and_set_back(found: tuple[Item, str], flag: str) -> None:
    item, _ = found
    all_allowed = dict.fromkeys(FLAGS, True)
    assert flags_of(item.properties()) == all_allowed
    changed: dict[str, Any] = {flag: False}
    assert flags_of(item.update(**changed)) == {**all_allowed, **changed}
    assert flags_of(item.properties()) == {**all_allowed, **changed}
    assert flags_of(item.update(**{flag: True})) == all_allowed


def test_an_update_tells_the_properties_of_the_item(registry: acr.Registry) -> None:
    app = registry.repository("team/app")
    digest = push_image(app, tag="v1").digest
    repository, tag = app.update(can_list=False), app.tag("v1").update(can_list=False)
    manifest = app.manifest(digest).update(can_list=False)
    assert repository == app.properties()
    assert tag == app.tag("v1").properties()
    assert manifest == app.manifest(digest).properties()
    assert (repository.name, tag.repository, tag.name, tag.digest) == ("team/app", "team/app", "v1", digest)
    assert (manifest.repository, manifest.digest) == ("team/app", digest)


def test_a_lock_is_on_what_cannot_be_written_or_deleted() -> None:
    for values in itertools.product((False, True), repeat=len(FLAGS)):
        flags = dict(zip(FLAGS, values, strict=True))
        assert acr.Permissions(**flags).locked is not (flags["can_write"] and flags["can_delete"])
    assert not acr.Permissions().locked
    assert flags_of(acr.Permissions()) == dict.fromkeys(FLAGS, True)


def test_what_the_registry_does_not_say_is_allowed(registry: acr.Registry, acr_emulator: Emulator) -> None:
    properties = b'"createdTime":"2021-05-14T21:30:32.1Z","lastUpdateTime":"2021-05-14T21:30:32.1Z"'
    digest = "sha256:" + "a" * 64
    for attributes in (b"", b',"changeableAttributes":{}', b',"changeableAttributes":null'):
        tag = b'{"name":"v1","digest":"%s",%s,"signed":true%s}' % (digest.encode(), properties, attributes)
        body = b'{"registry":"r","imageName":"app","tag":%s}' % tag
        acr_emulator.fail(path_contains="/_tags/v1", status=200, body=body)
        read = registry.repository("app").tag("v1").properties()
        assert flags_of(read) == dict.fromkeys(FLAGS, True)
        assert read.signed


def test_an_update_is_one_request(found: tuple[Item, str], acr_emulator: Emulator) -> None:
    item, _ = found
    item.properties()
    item.update(can_list=True)
    acr_emulator.clear_requests()
    item.update(can_write=False)
    is_by_tag = getattr(item, "reference", None) == "v1"
    assert [request.method for request in acr_emulator.requests] == (["GET", "PATCH"] if is_by_tag else ["PATCH"])


@pytest.mark.parametrize("status", [200, 299])
def test_an_update_that_is_answered_with_nothing_was_made(
    found: tuple[Item, str], acr_emulator: Emulator, status: int
) -> None:
    item, _ = found
    acr_emulator.fail(method="PATCH", status=status, after=True)
    assert item.update(can_delete=False).locked


@pytest.mark.parametrize("status", [300, 302, 304])
def test_an_update_that_is_led_elsewhere_was_not_made(
    found: tuple[Item, str], acr_emulator: Emulator, status: int
) -> None:
    item, _ = found
    acr_emulator.fail(method="PATCH", status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(acr.ProtocolViolation, match=str(status)):
        item.update(can_delete=False)


@pytest.mark.parametrize("off", [("can_delete",), ("can_write",), ("can_delete", "can_write"), ()], ids="+".join)
def test_the_error_of_an_update_names_the_item_and_its_flags(
    found: tuple[Item, str], acr_emulator: Emulator, off: tuple[str, ...]
) -> None:
    item, name = found
    if off:
        item.update(**dict.fromkeys(off, False))
    acr_emulator.fail(method="PATCH", status=405, body=DISALLOWED)
    with pytest.raises(acr.Locked) as caught:
        item.update(can_list=False)
    assert caught.value.hint == hint(name, off)


@pytest.mark.parametrize("off", [("can_delete",), ("can_write",), ("can_delete", "can_write"), ()], ids="+".join)
@pytest.mark.parametrize("kind", ["repository", "tag", "manifest"])
def test_the_error_of_a_delete_names_the_item_and_its_flags(
    registry: acr.Registry, acr_emulator: Emulator, kind: str, off: tuple[str, ...]
) -> None:
    app = registry.repository("team/app")
    digest = push_image(app, tag="v1").digest
    name, of = ITEMS[kind]
    item = of(app, digest)
    if off:
        item.update(**dict.fromkeys(off, False))
    acr_emulator.fail(method="DELETE", status=409, body=DISALLOWED)
    with pytest.raises(acr.Locked) as caught:
        item.delete()
    assert caught.value.hint == hint(name.format(digest=digest), off)
    item.update(can_delete=True, can_write=True)
    item.delete()


def hint(name: str, off: tuple[str, ...]) -> str:
    """What an error says of an item whose flags are off."""
    if not off:
        return f"{name} itself is not locked: look at the properties() of its tags, its manifest and its repository"
    told = " and ".join(f"{flag}=False" for flag in off)
    cure = ", ".join(f"{flag}=True" for flag in off)
    return f"{name} has {told}: unlock it first with update({cure})"


def test_the_error_of_a_read_names_the_flag_of_reading(registry: acr.Registry) -> None:
    """It used to name can_write and can_delete, which were on."""
    app = registry.repository("team/app")
    push_image(app, tag="v1")
    app.tag("v1").update(can_read=False)
    for read in (lambda: app.manifest("v1").get(), lambda: app.manifest("v1").head()):
        with pytest.raises(acr.Locked, match=r"unlock it first with update\(can_read=True\)"):
            read()
    app.tag("v1").update(can_read=True)
    app.manifest("v1").get()


@pytest.mark.parametrize("tag", ["v1", None])
def test_the_error_of_a_put_names_the_tag_or_the_repository(
    registry: acr.Registry, acr_emulator: Emulator, tag: str | None
) -> None:
    app = registry.repository("team/app")
    push_image(app, tag="v1")
    item: Item = app if tag is None else app.tag(tag)
    item.update(can_write=False)
    manifest = acr.Manifest.of({**app.manifest("v1").get().json, "annotations": {"is": "another"}})
    acr_emulator.fail(method="PUT", path_contains="/manifests/", status=405, body=DISALLOWED)
    with pytest.raises(acr.Locked) as caught:
        app.put_manifest(manifest, tag=tag)
    assert caught.value.hint == hint(
        "the repository team/app" if tag is None else "the tag v1 of team/app", ("can_write",)
    )


def test_an_update_of_nothing_says_what_can_be_updated(registry: acr.Registry) -> None:
    with pytest.raises(acr.InvalidInput) as caught:
        registry.repository("app").update()
    assert str(caught.value) == "nothing to update: pass can_read, can_write, can_list or can_delete"


@pytest.mark.parametrize("flag", ["can_read", "can_write", "can_list", "can_delete"])
def test_a_flag_that_is_none_is_named(registry: acr.Registry, flag: str) -> None:
    given: dict[str, Any] = {flag: "no"}
    with pytest.raises(acr.InvalidInput, match=f"^{flag}='no': expected True, False or None"):
        registry.repository("app").tag("v1").update(**given)

"""Deep locks: all that a release needs is locked with it, and what another locked release needs stays locked."""

from __future__ import annotations

import json

import pytest

import acr
from acr.emulator import Emulator
from tests.upkeep import assert_whole, push_image, push_nested, push_release


def locked_in(repository: acr.Repository) -> set[str]:
    items = [*repository.tags(), *repository.manifests()]
    return {str(getattr(one, "name", None) or one.digest) for one in items if one.locked}


def everything_in(repository: acr.Repository) -> set[str]:
    return {tag.name for tag in repository.tags()} | {str(one.digest) for one in repository.manifests()}


def test_a_deep_lock_covers_platforms_referrers_and_cosigns_tags(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    push_release(repository, "v1", fallback=True)
    all_of_it = everything_in(repository)
    push_image(repository, "other", tag="other")
    state = repository.lock("v1", deep=True)
    assert locked_in(repository) == all_of_it
    assert {item.name or str(item.digest) for item in repository.locks()} == all_of_it
    assert state.items[0].name == "v1"
    assert all(item.can_write and item.can_delete for item in state.items)
    for tag in all_of_it:
        if ":" not in tag:
            with pytest.raises(acr.Locked):
                repository.tag(tag).delete()
        else:
            with pytest.raises(acr.Locked):
                repository.manifest(tag).delete()
    kept = acr.LockState.from_dict(json.loads(json.dumps(state.to_dict())))
    assert kept == state
    done = repository.unlock(kept)
    assert locked_in(repository) == set()
    assert len(done.items) == len(state.items)
    assert (done.still_locked, done.absent) == ({}, ())
    assert_whole(repository, "v1")


def test_a_plain_lock_covers_the_tag_and_its_manifest(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    assert [str(item) for item in repository.lock("v1").items] == ["v1", str(index.digest)]
    assert locked_in(repository) == {"v1", str(index.digest)}
    assert "v1 (can_write and can_delete off)" in [str(item) for item in repository.locks()]
    repository.unlock("v1")
    assert locked_in(repository) == set()
    repository.lock(str(index.digest))
    assert locked_in(repository) == {str(index.digest)}


def test_what_another_locked_root_needs_stays_locked(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    shared = push_image(repository, "shared")
    push_nested(repository, "a", shared)
    push_nested(repository, "b", shared)
    first = repository.lock("a", deep=True)
    second = repository.lock("b", deep=True)
    done = repository.unlock(first)
    assert done.still_locked == {str(shared.digest): "the locked tag b leads to it"}
    assert repository.manifest(shared.digest).properties().locked
    assert not repository.tag("a").properties().locked
    done = repository.unlock(second)
    assert done.still_locked == {str(shared.digest): "it was locked before"}
    done = repository.unlock("b", deep=True)  # without a state, all is unlocked
    assert locked_in(repository) == set()
    assert done.still_locked == {}


def test_what_was_half_locked_before_is_so_again(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    repository.manifest(index.digest).update(can_write=False)
    state = repository.lock("v1", deep=True)
    assert not repository.manifest(index.digest).properties().can_delete
    repository.unlock(state)
    properties = repository.manifest(index.digest).properties()
    assert (properties.can_write, properties.can_delete) == (False, True)


def test_a_lock_that_fails_leaves_nothing_locked(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    fault = acr_emulator.fail(method="PATCH", path_contains=str(child), status=403)
    with pytest.raises(acr.Denied):
        repository.lock("v1", deep=True)
    assert fault.left == 0
    assert locked_in(repository) == set()


def test_a_manifest_that_nobody_can_read_cannot_be_locked_deep(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    repository.manifest(child).update(can_read=False)
    with pytest.raises(acr.Locked):
        repository.lock("v1", deep=True)
    repository.manifest(child).update(can_read=True)
    assert locked_in(repository) == set()


@pytest.mark.parametrize("path", ["platform", "/referrers/"])
def test_a_404_that_passes_lets_no_part_go_unlocked(registry: acr.Registry, acr_emulator: Emulator, path: str) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    path = f"/manifests/{child}" if path == "platform" else path
    fault = acr_emulator.fail(method="GET", path_contains=path, status=404)
    with pytest.raises(acr.ProtocolViolation, match="try again"):
        repository.lock("v1", deep=True)
    assert fault.left == 0
    assert locked_in(repository) == set()
    repository.lock("v1", deep=True)
    assert locked_in(repository) == everything_in(repository)


def test_a_platform_that_is_not_there_hinders_no_lock(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    repository.manifest(child).delete()
    repository.lock("v1", deep=True)
    assert locked_in(repository) == everything_in(repository)


def test_a_pull_through_cache_imports_nothing_because_of_a_lock(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """It has the platforms that somebody pulled."""
    source, mirror = registry.repository("source"), registry.repository("mirror")
    index = push_release(source, "v1")
    first = source.manifest(index.digest).get().manifests[0].digest
    acr_emulator.add_cache("mirror", "source")
    mirror.manifest("v1").get()
    mirror.manifest(first).get()
    assert everything_in(mirror) == {"v1", str(index.digest), str(first)}
    state = mirror.lock("v1", deep=True)
    assert everything_in(mirror) == locked_in(mirror) == {"v1", str(index.digest), str(first)}
    mirror.unlock(state)
    assert everything_in(mirror) == {"v1", str(index.digest), str(first)}
    assert locked_in(mirror) == set()


def test_a_404_of_another_locked_root_keeps_what_it_may_need(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    shared = push_image(repository, "shared")
    push_nested(repository, "a", shared)
    root = push_nested_digest(repository, "b", shared)
    first = repository.lock("a", deep=True)
    repository.lock("b")
    fault = acr_emulator.fail(times=2, method="GET", path_contains=f"/manifests/{root}", status=404)
    done = repository.unlock(first)
    assert fault.left == 0
    assert "nobody can tell" in done.still_locked[str(shared.digest)]
    assert [item.name for item in done.items] == ["a"]
    assert repository.manifest(shared.digest).properties().locked


def push_nested_digest(repository: acr.Repository, tag: str, shared: acr.Descriptor) -> acr.Digest:
    push_nested(repository, tag, shared)
    return repository.tag(tag).properties().digest


def test_a_lock_whose_answer_was_lost_is_taken_off_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    fault = acr_emulator.fail(method="PATCH", path_contains=str(child), status=403, after=True)
    with pytest.raises(acr.Denied):
        repository.lock("v1", deep=True)
    assert fault.left == 0
    assert locked_in(repository) == set()


def test_what_could_not_be_unlocked_again_is_told(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[1].digest
    acr_emulator.fail(method="PATCH", path_contains=str(child), status=403, after=True)
    acr_emulator.fail(method="PATCH", path_contains=str(child), status=403)
    with pytest.raises(acr.Denied, match=f"may still be locked.*{child}"):
        repository.lock("v1", deep=True)
    assert locked_in(repository) == {str(child)}


def test_an_unlock_that_is_not_deep_names_what_stays_locked(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    repository.lock("v1", deep=True)
    done = repository.unlock("v1")
    assert set(done.still_locked) == everything_in(repository) - {"v1", str(index.digest)} == locked_in(repository)
    assert set(done.still_locked.values()) == {"it was not asked for: deep=True unlocks it, too"}


def test_two_states_of_one_image_tell_what_stays_locked(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    push_release(repository, "v1")
    repository.put_manifest(repository.manifest("v1").get(), tag="v2")
    first, second = repository.lock("v1", deep=True), repository.lock("v2", deep=True)
    repository.unlock(first)
    done = repository.unlock(second)
    assert set(done.still_locked) == locked_in(repository) != set()
    repository.unlock("v1", deep=True)
    assert locked_in(repository) == set()


@pytest.mark.parametrize("is_locked", [True, False])
def test_the_state_of_an_image_takes_no_lock_off_another_one_that_has_its_tag_by_now(
    registry: acr.Registry, is_locked: bool
) -> None:
    """Somebody unlocked the tag, let it point to another release, and locked that tag, which alone keeps its parts."""
    repository = registry.repository("team/app")
    shared = push_image(repository, "shared")
    entry = repository.manifest(shared.digest).head().to_json()
    fields = {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": [entry]}
    first = repository.put_manifest(fields, tag="v1").digest
    state = repository.lock("v1", deep=True)
    tag = repository.tag("v1")
    tag.update(can_write=True, can_delete=True)
    second = repository.put_manifest({**fields, "annotations": {"a": "b"}}, tag="v1").digest
    if is_locked:
        tag.update(can_write=False, can_delete=False)
    done = repository.unlock(state)
    assert not repository.manifest(first).properties().locked
    assert tag.properties().digest == second
    if is_locked:
        assert locked_in(repository) == {"v1", str(shared.digest)}
        assert done.still_locked["v1"] == f"it points to {second} by now, and whoever locked that may need it"
        assert "tag v1 leads to it" in done.still_locked[str(shared.digest)]
    else:
        assert locked_in(repository) == set()
        assert done.still_locked == {}


def test_mistakes_are_told_before_any_request(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    push_image(repository, "x", tag="v1")
    state = repository.lock("v1")
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidInput, match="and not of"):
        registry.repository("team/other").unlock(state)
    with pytest.raises(acr.InvalidInput, match="deep"):
        repository.lock("v1", deep="yes")  # type: ignore[arg-type]
    with pytest.raises(acr.ProtocolViolation):
        acr.LockState.from_dict({"registry": 3})
    assert acr_emulator.requests == []
    with pytest.raises(acr.NotFound):
        repository.lock("v2", deep=True)


def test_what_is_gone_meanwhile_is_told(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    image = push_image(repository, "x", tag="v1")
    state = repository.lock("v1")
    repository.tag("v1").update(can_write=True, can_delete=True)
    repository.tag("v1").delete()
    assert repository.unlock(state).absent == ("v1",)
    assert not repository.manifest(image.digest).properties().locked

"""The trash, in both forms that are known of it: what was deleted is listed, and a release is brought back whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.cleanup.aged import ALL, DAY, emulated
from tests.twin import Twin
from tests.upkeep import assert_whole, everything_in, push_image, push_nested, push_release

FORMS = ["draft", "az"]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emulator(form: str) -> Iterator[Emulator]:
    with Emulator(trash=form) as emulator:  # type: ignore[arg-type]
        yield emulator


@pytest.fixture
def registry(twin: Twin, emulator: Emulator) -> acr.Registry:
    return twin.connect(emulator.url, emulator.credential())


def delete_all(repository: acr.Repository) -> tuple[set[str], set[acr.Digest]]:
    """Delete all tags and manifests, as a clean-up does. Return what there was."""
    found = everything_in(repository)
    for tag in found[0]:
        repository.tag(tag).delete()
    for digest in found[1]:
        repository.manifest(digest).delete(missing_ok=True)
    assert everything_in(repository) == (set(), set())
    return found


def test_what_was_deleted_is_listed(registry: acr.Registry, form: str) -> None:
    repository = registry.repository("team/app")
    first = push_image(repository, "first", tag="v1")
    second = push_image(repository, "second")
    repository.put_manifest(repository.manifest(second.digest).get(), tag="v1")
    repository.tag("v1").delete()
    repository.put_manifest(repository.manifest(first.digest).get(), tag="v1")
    repository.manifest(first.digest).delete()
    tags = list(repository.trashed_tags())
    assert [(one.name, one.digest) for one in tags] == [("v1", second.digest), ("v1", first.digest)]
    assert [one.name for one in repository.trashed_tags(page_size=1)] == ["v1", "v1"]
    assert all(one.created is not None and one.created <= one.deleted for one in tags)
    assert [one.digest for one in repository.trashed_manifests()] == [first.digest]
    repository.delete()
    assert {one.digest for one in repository.trashed_manifests(page_size=1)} == {first.digest, second.digest}
    if form == "az":
        assert [one.name for one in registry.trashed_repositories(page_size=1)] == ["team/app"]
    else:
        with pytest.raises(acr.NotFound, match="or it does not list deleted repositories"):
            list(registry.trashed_repositories())


def test_a_release_comes_back_whole_with_signature_and_sbom(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1", fallback=True)
    other = push_image(repository, "other", tag="other")
    registry.inventory(cache=tmp_path)
    before = delete_all(repository)
    restored = repository.restore("v1", deep=True, cache=tmp_path)
    assert restored.is_whole, str(restored)
    assert everything_in(repository) == (before[0] - {"other"}, before[1] - {other.digest})
    assert repository.tag("v1").properties().digest == index.digest == restored.digest
    assert_whole(repository, "v1")
    assert {one.digest for one in repository.trashed_manifests()} == {other.digest}
    again = repository.restore("v1", deep=True, cache=tmp_path)
    assert (again.manifests, again.tags, again.is_whole) == ((), (), True)


def test_without_a_cache_the_index_comes_first_and_what_is_unknown_is_told(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    children = [one.digest for one in repository.manifest(index.digest).get().manifests]
    sboms = {one.digest for one in repository.manifest(index.digest).referrers()}
    delete_all(repository)
    restored = repository.restore("v1", deep=True, cache=False)
    assert not restored.missing
    assert not restored.is_whole
    assert sboms <= set(restored.unknown)
    assert set(children) <= set(restored.manifests)
    assert f"sha256-{index.digest.hex}.sig" in restored.tags
    repository.pull("v1", acr.Memory())
    for digest in restored.unknown:
        repository.restore(str(digest))
    assert_whole(repository, "v1")


def test_a_plain_restore_tells_what_is_missing(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    shared = push_image(repository, "shared")
    push_nested(repository, "v1", shared)
    delete_all(repository)
    restored = repository.restore("v1", cache=False)
    assert restored.tags == ("v1",)
    assert list(restored.missing.values()) == ["it is in the trash: deep=True brings it back, too"]
    assert "missing: sha256:" in str(restored)
    restored = repository.restore("v1", deep=True, cache=False)  # the tag is there, and what it lists is not
    assert (len(restored.manifests), restored.tags) == (3, ())
    repository.pull("v1", acr.Memory())


def test_a_tag_that_is_in_use_moves_only_by_force(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    old = push_image(repository, "old", tag="v1")
    repository.manifest(old.digest).delete()
    new = push_image(repository, "new", tag="v1")
    restored = repository.restore("v1", cache=False)  # what is there wins
    assert (restored.digest, restored.tags, restored.manifests) == (new.digest, (), ())
    assert (restored.was_live, restored.in_trash, restored.reference) == (True, old.digest, "v1")
    assert str(restored).splitlines() == [
        f"team/app: v1 at {new.digest} was live; nothing was restored",
        f"in the trash: {old.digest}; force=True brings it",
    ]
    assert repository.tag("v1").properties().digest == new.digest
    forced = repository.restore("v1", force=True, cache=False)
    assert (forced.digest, forced.was_live, forced.in_trash) == (old.digest, False, None)
    assert str(forced) == f"team/app: v1 at {old.digest}; 1 manifest and 1 tag came back"
    again = repository.restore("v1", cache=False)
    assert (again.digest, again.was_live, again.in_trash) == (old.digest, True, None)
    by_digest = repository.restore(str(old.digest), cache=False)
    assert str(by_digest) == f"team/app: {old.digest} was live; nothing was restored"
    assert repository.tag("v1").properties().digest == old.digest
    assert repository.manifest(new.digest).exists()


def test_a_live_tag_gets_its_parts_back_though_the_trash_has_an_older_one(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    push_image(repository, "old", tag="v1")
    repository.tag("v1").delete()
    index = push_release(repository, "v1")
    child = repository.manifest(index.digest).get().manifests[0].digest
    repository.manifest(child).delete()
    restored = repository.restore("v1", deep=True, cache=False)
    assert (restored.digest, restored.manifests) == (index.digest, (child,))
    assert repository.tag("v1").properties().digest == index.digest
    assert_whole(repository, "v1")


def test_what_is_attached_to_a_live_attachment_comes_back(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("team/app")
    index = push_release(repository, "v1")
    (sbom,) = repository.manifest(index.digest).referrers()
    (signature,) = repository.manifest(sbom.digest).referrers()
    registry.inventory(cache=tmp_path)
    repository.manifest(signature.digest).delete()
    restored = repository.restore("v1", deep=True, cache=tmp_path)
    assert restored.manifests == (signature.digest,)
    assert restored.is_whole
    assert_whole(repository, "v1")


@pytest.mark.parametrize("first", [0, 1])
def test_a_tag_comes_back_to_where_it_was_last(registry: acr.Registry, tmp_path: Path, first: int) -> None:
    """Two attachments had it, one after the other. Each of them may be the first that comes back."""
    repository = registry.repository("team/app")
    subject = repository.manifest(push_image(repository, "app", tag="v1").digest)
    entry = subject.head().to_json()
    fields = [{**subject.get().json, "subject": entry, "annotations": {"number": str(number)}} for number in (1, 2)]
    fields.sort(key=lambda one: acr.Manifest.of(json.dumps(one).encode()).digest, reverse=bool(first))
    older = repository.put_manifest(fields[0], tag="sbom").digest
    repository.tag("sbom").delete()
    last = repository.put_manifest(fields[1], tag="sbom").digest
    registry.inventory(cache=tmp_path)
    delete_all(repository)
    restored = repository.restore("v1", deep=True, cache=tmp_path)
    assert restored.is_whole, str(restored)
    assert {tag.name: tag.digest for tag in repository.tags()} == {"v1": entry["digest"], "sbom": last}
    repository.tag("sbom").delete()
    repository.manifest(older).delete()
    assert repository.restore(str(older), cache=False).tags == ()
    assert not repository.tag("sbom").exists()


def test_the_tag_of_a_moment_is_no_name(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    image = push_image(repository, "x")
    for _ in range(2):
        repository.manifest(image.digest).delete()
        assert repository.restore(str(image.digest), cache=False).tags == ()
        assert everything_in(repository) == (set(), {image.digest})


def test_a_push_of_what_is_in_the_trash_names_restore(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    image = push_image(repository, "x", tag="v1")
    manifest = repository.manifest("v1").get()
    repository.manifest(image.digest).delete()
    with pytest.raises(acr.ResponseError, match="is in the trash: restore") as refused:
        repository.put_manifest(manifest, tag="v1")
    assert refused.value.status == 409
    repository.restore(str(image.digest), cache=False)
    assert repository.tag("v1").properties().digest == image.digest
    repository.put_manifest(manifest, tag="v2")


def test_what_is_in_the_trash_keeps_its_blobs(registry: acr.Registry, emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    push_release(repository, "v1")
    before = emulator.stored
    delete_all(repository)
    assert emulator.collect() == 0
    assert emulator.stored == before
    repository.delete()
    assert emulator.collect() == 0
    repository.restore("v1", deep=True, cache=False)
    repository.pull("v1", acr.Memory())
    assert repository.exists()


def test_what_is_not_there_is_told(registry: acr.Registry, twin: Twin, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    push_image(repository, "x", tag="v1")
    with pytest.raises(acr.NotFound, match="neither has its trash"):
        repository.restore("v2", cache=False)
    with pytest.raises(acr.NotFound, match="neither has its trash"):
        repository.restore(str(acr.Digest.of(b"")), cache=False)
    without = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("team/app")
    push_image(without, "x", tag="v1")
    calls = (
        lambda: without.restore("v1"),
        lambda: list(without.trashed_tags()),
        lambda: list(without.trashed_manifests()),
    )
    for call in calls:
        with pytest.raises(
            acr.NotFound, match="404 soft delete is off for this registry \\(`az acr config soft-delete"
        ):
            call()
    repositories = "soft delete is off for this registry, or it does not list deleted repositories.*--status enabled"
    with pytest.raises(acr.NotFound, match=repositories):
        list(twin.connect(acr_emulator.url, acr_emulator.credential()).trashed_repositories())


def test_a_purge_is_undone_by_its_journal(twin: Twin, form: str, tmp_path: Path) -> None:
    """No inventory was cached: the journal alone knows what was attached to what."""
    with emulated(form) as (emulator, clock):  # type: ignore[arg-type]
        registry = twin.connect(emulator.url, emulator.credential())
        repository = registry.repository("team/app")
        push_release(repository, "old", fallback=True)
        before = everything_in(repository)
        clock.now += 30 * DAY
        plan = acr.Policy(ALL).plan(registry.inventory(cache=False))
        report = registry.purge(plan, journal=tmp_path / "journal", rate=None)
        assert everything_in(repository) == (set(), set())
        with pytest.raises(acr.TransferError, match="cannot write the journal"):
            repository.restore("old", deep=True, cache=False, journal=tmp_path / "none")
        restored = repository.restore("old", deep=True, cache=False, journal=tmp_path / "journal")
        assert restored.is_whole, str(restored)
        assert len(restored.manifests) + len(restored.tags) == len(report.deleted)
        assert everything_in(repository) == before
        assert_whole(repository, "old")


@pytest.mark.parametrize("deep", [False, True])
def test_a_tag_that_a_killed_restore_left_is_taken_off_by_the_next_one(registry: acr.Registry, deep: bool) -> None:
    """So is no other tag, whatever it is called."""
    repository = registry.repository("team/app")
    left = push_image(repository, "left")
    push_image(repository, "other", tag="v1")
    names = {f"restoring-{left.digest.hex[:24]}", "restoring-", f"restoring-{'a' * 24}", "restoring", "restorinh"}
    for name in names:
        repository.put_manifest(repository.manifest(left.digest).get(), tag=name)
    repository.tag("v1").delete()
    repository.restore("v1", deep=deep)
    assert {tag.name for tag in repository.tags()} == names - {f"restoring-{left.digest.hex[:24]}"} | {"v1"}
    assert left.digest in everything_in(repository)[1]

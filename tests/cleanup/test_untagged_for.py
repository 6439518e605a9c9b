"""Untagged for how long: what the cache of inventories knows of a tag that has moved on."""

from __future__ import annotations

from pathlib import Path

import pytest

import acr
from tests.cleanup.aged import DAY, Clock, emulated
from tests.twin import Twin
from tests.upkeep import push_image, push_release

POLICY = '[purge.untagged]\nuntagged_for = "2d"\n'


def test_a_manifest_whose_tag_moved_counts_from_the_first_inventory_that_saw_it_untagged(
    twin: Twin, tmp_path: Path
) -> None:
    with emulated() as (emulator, clock):
        registry = twin.connect(emulator.url, emulator.credential())
        repository = registry.repository("app")
        old = push_image(repository, "old", tag="prod")
        clock.now += 100 * DAY
        for _ in range(3):  # one a day, and all is tagged
            clock.now += DAY
            registry.inventory(cache=tmp_path)
        new = push_image(repository, "new", tag="prod")
        assert repository.tag("prod").properties().digest == new.digest
        clock.now += DAY / 12
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert not plan.deletions
        assert "an earlier inventory did not see it so" in str(plan.explain(f"app@{old.digest}"))
        clock.now += 3 * DAY
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert [one.digest for one in plan.deletions] == [old.digest]
        assert "since an inventory first saw it so" in plan.deletions[0].why


def test_without_an_earlier_inventory_it_counts_from_the_push(twin: Twin, tmp_path: Path) -> None:
    with emulated() as (emulator, clock):
        registry = twin.connect(emulator.url, emulator.credential())
        old = push_image(registry.repository("app"), "old")
        clock.now += 100 * DAY
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert [one.digest for one in plan.deletions] == [old.digest]
        assert "age of its push" in plan.deletions[0].why


def inventoried_daily(registry: acr.Registry, clock: Clock, cache: Path) -> None:
    """What was pushed becomes old, and three inventories see it, one a day."""
    clock.now += 100 * DAY
    for _ in range(3):
        clock.now += DAY
        registry.inventory(cache=cache)


def test_what_was_pushed_anew_counts_from_that_push(twin: Twin, tmp_path: Path) -> None:
    """An inventory saw the same digest untagged before. It was deleted, pushed again with a tag, and lost that."""
    with emulated() as (emulator, clock):
        registry = twin.connect(emulator.url, emulator.credential())
        repository = registry.repository("app")
        push_image(repository, "other", tag="keep")
        old = push_image(repository, "old").digest
        content = repository.manifest(old).get()
        inventoried_daily(registry, clock, tmp_path)
        repository.manifest(old).delete()
        clock.now += DAY
        repository.put_manifest(content, tag="prod")
        clock.now += DAY / 4
        repository.tag("prod").delete()
        clock.now += DAY / 12
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert not plan.deletions
        assert "age of its push" in str(plan.explain(f"app@{old}"))
        clock.now += 3 * DAY
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert [one.digest for one in plan.deletions] == [old]


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_platform_counts_from_the_first_inventory_to_which_no_tag_led_to_it(
    twin: Twin, tmp_path: Path, is_readable: bool
) -> None:
    """A platform has no tag of its own. While the tag of its index leads to it, it is not untagged."""
    with emulated() as (emulator, clock):
        registry = twin.connect(emulator.url, emulator.credential())
        repository = registry.repository("app")
        push_image(repository, "other", tag="keep")
        push_image(repository, "never tagged")
        push_release(repository, "v1")
        index = repository.tag("v1").properties().digest
        platforms = {one.digest for one in repository.manifest(index).get().manifests}
        path = f"/v2/app/manifests/{index}"
        if not is_readable:  # it may lead to anything by then
            emulator.fail(times=4, method="GET", path_contains=path, status=200, body=b"{}")
        inventoried_daily(registry, clock, tmp_path)
        if not is_readable:
            registry.inventory(cache=tmp_path)
        repository.manifest(index).delete()
        clock.now += DAY / 12
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert not platforms & {one.digest for one in plan.deletions}
        for one in platforms:
            assert "an earlier inventory did not see it so" in str(plan.explain(f"app@{one}"))
        clock.now += 3 * DAY
        plan = acr.Policy(POLICY).plan(registry.inventory(cache=tmp_path))
        assert platforms <= {one.digest for one in plan.deletions}

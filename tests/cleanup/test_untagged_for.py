"""Untagged for how long: what the cache of inventories knows of a tag that has moved on."""

from __future__ import annotations

from pathlib import Path

import acr
from tests.cleanup.aged import DAY, emulated
from tests.twin import Twin
from tests.upkeep import push_image

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

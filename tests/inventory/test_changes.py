"""Inventories of parts become one; two inventories are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import acr
from acr import Inventory
from tests.inventory.graphs import Store, random_store
from tests.inventory.test_usage import image


def part(store: Store, *names: str) -> Inventory:
    """What a machine would read that reads some repositories alone."""
    some = Store()
    for repository, tags, manifests in store.items():
        if repository in names:
            for digest in manifests:
                some.put(repository, store.fields(repository, digest), algorithm=digest.algorithm)
            for tag, digest in tags.items():
                some.tag(repository, digest, tag)
    return some.inventory(is_whole=False)


@pytest.mark.parametrize("seed", range(20))
def test_parts_join_into_what_one_reading_gives(seed: int) -> None:
    store = random_store(seed)
    whole = store.inventory(is_whole=False)
    joined = Inventory.join(*(part(store, name) for name, _, _ in store.items()))
    assert joined.rows("manifests") == whole.rows("manifests")
    assert joined.rows("tags") == whole.rows("tags")
    assert joined.usage() == whole.usage()
    assert joined.check() == whole.check()


def test_parts_are_the_whole_if_one_of_them_has_the_catalog() -> None:
    store = Store()
    for name in ("app", "base"):
        image(store, name, b"layer", tag="v1")
    first, second = part(store, "app"), part(store, "base")
    assert not Inventory.join(first, second).is_whole
    with_catalog = Inventory(attrs.evolve(first._tables, catalog=("app", "base")))
    assert not with_catalog.is_whole
    assert Inventory.join(with_catalog, second).is_whole
    assert not Inventory.join(with_catalog, with_catalog).is_whole


def test_what_cannot_be_joined() -> None:
    with pytest.raises(acr.InvalidInput, match="none"):
        Inventory.join()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda one, folder: one.compare("x"), "inventory='x': expected an Inventory"),
        (lambda one, folder: Inventory.join(one, None), "inventory=None"),  # type: ignore[arg-type]
        (lambda one, folder: one.to_html(check="x"), "check='x': expected a Check, or None"),
        (lambda one, folder: one.usage().rows("tags"), "by='tags': expected repository or tag"),
        (lambda one, folder: one.rows("tag"), "of='tag': expected tags, manifests, repositories"),
        (lambda one, folder: list(one.tags(5)), "has no repository '5'"),
        (lambda one, folder: acr.save_inventory("x", folder / "it"), "inventory='x'"),  # type: ignore[arg-type]
        (lambda one, folder: acr.save_inventory(one, 5), "path=5: expected a path"),  # type: ignore[arg-type]
        (lambda one, folder: acr.load_inventory(None), "path=None: expected a path"),  # type: ignore[arg-type]
    ],
)
def test_arguments_that_cannot_be_meant(call: Callable[[Any, Path], object], told: str, tmp_path: Path) -> None:
    with pytest.raises(acr.InvalidInput) as caught:
        call(random_store(1).inventory(), tmp_path)
    assert told in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_changes() -> None:
    before, after = Store(), Store()
    image(before, "app", b"old", tag="moved")
    image(before, "app", b"same", tag="same")
    image(before, "gone", b"gone", tag="v1")
    image(after, "app", b"new and larger", tag="moved")
    image(after, "app", b"same", tag="same")
    image(after, "app", b"untagged")
    image(after, "new", b"new", tag="v1")
    changes = after.inventory().compare(before.inventory())
    assert changes.new_repositories == ("new",)
    assert changes.gone_repositories == ("gone",)
    assert changes.new_tags == ("new:v1",)
    assert changes.gone_tags == ("gone:v1",)
    assert changes.moved_tags == ("app:moved",)
    assert (changes.new_manifests, changes.gone_manifests) == (3, 2)
    assert dict(changes.grown)["gone"] < 0 < dict(changes.grown)["app"]
    assert "1 moved tag\n" in str(changes)


def test_nothing_has_changed() -> None:
    store = random_store(3)
    changes = store.inventory().compare(store.inventory())
    assert (changes.grown, changes.moved_tags, changes.new_tags, changes.gone_tags) == ((), (), (), ())
    assert str(changes) == "no tag has changed"

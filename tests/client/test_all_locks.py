"""What is locked in a whole registry, as a lazy listing."""

from __future__ import annotations

import pytest

import acr
from acr.emulator import Emulator
from tests.upkeep import push_image


@pytest.fixture
def locked(registry: acr.Registry) -> list[str]:
    for name in ("a", "b/app", "b/more", "c"):
        push_image(registry.repository(name), name, tag="v1")
    a, app = registry.repository("a"), registry.repository("b/app")
    a.update(can_delete=False)
    a.tag("v1").update(can_write=False)
    digest = app.tag("v1").properties().digest
    app.manifest(digest).update(can_write=False, can_delete=False)
    return ["a (can_delete off)", "a:v1 (can_write off)", f"b/app@{digest} (can_write and can_delete off)"]


def test_all_that_is_locked_is_listed(registry: acr.Registry, locked: list[str]) -> None:
    assert [str(one) for one in registry.locks()] == locked
    assert [one.kind for one in registry.locks()] == ["repository", "tag", "manifest"]
    assert [str(one) for one in registry.locks(prefix="b/")] == locked[2:]
    assert [row["repository"] for row in registry.locks().rows()] == ["a", "a", "b/app"]
    assert registry.repository("a").locks()[0].name == "v1"


def test_it_is_lazy_and_can_be_continued(registry: acr.Registry, acr_emulator: Emulator, locked: list[str]) -> None:
    acr_emulator.clear_requests()
    listing = registry.locks()
    assert acr_emulator.requests == []
    assert str(next(iter(listing))) == locked[0]
    assert not [one for one in acr_emulator.requests if "/b" in one.path]
    pages = list(listing.pages())
    assert [len(page.items) for page in pages] == [2, 1, 0, 0]
    assert [str(one) for page in listing.pages(continuation=pages[0].continuation) for one in page.items] == locked[2:]
    with pytest.raises(acr.InvalidReference):
        list(listing.pages(continuation="/acr/v1/_catalog?last=a"))


def test_a_repository_that_is_deleted_meanwhile_is_left_out_and_one_that_fails_is_not(
    registry: acr.Registry, acr_emulator: Emulator, locked: list[str]
) -> None:
    walk = iter(registry.locks())
    assert str(next(walk)) == locked[0]
    registry.repository("b/more").delete()
    assert [str(one) for one in walk] == locked[1:]
    acr_emulator.fail(times=1, status=404, path_contains="/b/app", method="GET")
    with pytest.raises(acr.NotFound):
        list(registry.locks())
    acr_emulator.fail(times=1, status=403, path_contains="/b/app/_tags", method="GET")
    with pytest.raises(acr.Denied):
        list(registry.locks())
    for wrong in (7, b"x"):
        with pytest.raises(acr.InvalidInput):
            registry.locks(prefix=wrong)  # type: ignore[arg-type]

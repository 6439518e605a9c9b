"""A registry that ignores the order by time: what is new is seen all the same, before each deletion."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

import acr
from acr import Digest, media_types
from acr.emulator import Emulator
from acr.emulator._routes import paging
from tests.cleanup.aged import DAY, Clock, Purge, plan_of
from tests.upkeep import push_release

FIRST_PAGE = 100


def fields(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [], **more}


def behind_the_first_page(after: str, **more: Any) -> acr.Manifest:
    """An index whose digest comes late in the order of names."""
    for number in count():
        content = json.dumps(fields(annotations={"number": str(number)}, **more)).encode()
        if Digest.of(content) > after:
            return acr.Manifest(content, media_types.OCI_INDEX)
    raise AssertionError


def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_ORDERS", dict.fromkeys(paging._ORDERS, ""))


def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_ORDERS", {**paging._ORDERS, "timedesc": "timeasc"})


@pytest.mark.parametrize("order", [by_name, backwards])
def test_what_is_new_is_seen_although_it_is_not_on_the_first_page(
    purge: Purge, owner: acr.Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    order: Callable[[pytest.MonkeyPatch], None],
) -> None:  # fmt: skip
    repository = owner.repository("team/app")
    digests = [
        repository.put_manifest(fields(annotations={"keep": str(number)}), tag=f"keep{number}").digest
        for number in range(FIRST_PAGE + 10)
    ]
    clock.now += DAY
    push_release(repository, "old")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    images = [one.to_json() for one in repository.manifest("old").get().manifests]
    late = behind_the_first_page(sorted(digests)[FIRST_PAGE], manifests=images)
    order(monkeypatch)
    report = purge(plan, before="DELETE ", do=lambda: repository.put_manifest(late, tag="zzz"))
    assert report.is_whole, str(report)
    assert report.put_back == ()  # it was seen in time
    assert {f"team/app@{one['digest']}" for one in images} <= {one.reference for one in report.kept}
    repository.pull("zzz", acr.Memory(), referrers=True)


def test_a_registry_that_obeys_is_asked_for_one_page(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = owner.repository("team/app")
    for number in range(FIRST_PAGE + 10):
        repository.put_manifest(fields(annotations={"keep": str(number)}), tag=f"keep{number}")
    clock.now += 2 * DAY
    repository.put_manifest(fields(annotations={"old": "1"}), tag="old")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    emulator.clear_requests()
    assert purge(plan).is_whole
    looks = [one.path for one in emulator.requests if "timedesc" in one.path]
    assert looks
    assert not [path for path in looks if "last=" in path]

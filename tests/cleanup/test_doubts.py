"""A registry that answers wrongly once, a journal that is damaged: what is in doubt is kept, and told as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

import acr
from acr.emulator import Emulator
from tests.cleanup.aged import ALL, Clock, Purge, filled, plan_of
from tests.client.test_wrong_kinds import taken
from tests.twin import Twin
from tests.upkeep import assert_whole, everything_in

MISSING: Final[dict[str, Any]] = {
    "status": 404,
    "body": b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}',
    "headers": {"x-ms-correlation-request-id": "a"},
}


@pytest.mark.parametrize("which", ["index", "referrer"])
def test_a_manifest_that_is_listed_and_not_found_once_keeps_all(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, which: str
) -> None:
    """What it leads to is not known."""
    repository = filled(owner, clock)
    index = repository.tag("old").properties().digest
    plan = plan_of(owner)
    before = everything_in(repository)
    found = index if which == "index" else next(iter(repository.manifest(index).referrers())).digest
    fault = emulator.fail(times=1, method="GET", path_contains=f"/v2/team/app/manifests/{found}", **MISSING)
    report = purge(plan)
    assert fault.left == 0
    assert everything_in(repository) == before
    assert any(str(found) in one.why and one.why.startswith("a doubt: ") for one in report.kept)
    assert report.is_whole
    assert len(purge(plan).deleted) == len(plan.deletions)


def test_a_line_of_the_journal_that_cannot_be_read_is_noted_anew(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    repository = filled(owner, clock)
    index = repository.tag("old").properties().digest
    plan = plan_of(owner)
    fault = emulator.fail(times=1000, method="DELETE", status=403)
    purge(plan)
    fault.left = 0
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    damaged = [{**line, "content": "AAAA"} if line.get("key") == index else line for line in lines]
    journal.write_text("".join(json.dumps(line) + "\n" for line in damaged))
    report = purge(plan, before="DELETE ", do=lambda: repository.manifest(index).update(can_delete=False))
    assert any(str(index) in one.reference for one in report.kept)
    assert_whole(repository, str(index))
    assert report.is_whole, str(report)


def test_a_deletion_that_is_answered_not_found_is_none(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    fault = emulator.fail(times=1000, method="DELETE", **MISSING)
    report = purge(plan)
    assert everything_in(repository) == before
    assert (report.deleted, report.absent, report.frees) == ((), (), 0)
    assert not report.is_whole
    doubtful, kept = ({one.reference for one in items} for items in (report.not_whole, report.kept))
    assert doubtful | kept == {one.reference for one in plan.deletions}
    assert {"team/app:old", "team/app:sha256-"} <= {one[:16] if "sha256-" in one else one for one in doubtful}
    fault.left = 0
    report = purge(plan)
    assert (len(report.deleted), report.is_whole) == (len(plan.deletions), True)


def test_what_somebody_else_deleted_at_the_same_moment_is_absent_and_frees_nothing(
    purge: Purge, owner: acr.Registry, clock: Clock
) -> None:
    repository = filled(owner, clock)
    digest = repository.tag("old").properties().digest
    plan = plan_of(owner)
    report = purge(
        plan, before=f"DELETE {repository_url(owner)}/manifests/{digest}", do=repository.manifest(digest).delete
    )
    assert f"team/app@{digest}" in report.absent
    assert len(report.deleted) + len(report.absent) == len(plan.deletions)
    assert report.frees == sum(one.frees for one in plan.deletions if one.reference in report.deleted)
    assert report.is_whole, str(report)


def repository_url(owner: acr.Registry) -> str:
    return f"http://{owner.login_server}/v2/team/app"


@pytest.mark.parametrize("path", ["/acr/v1/team/app/_tags", "/acr/v1/team/app/_manifests"])
def test_one_listing_that_is_not_found_makes_no_line_absent(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, path: str
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    emulator.fail(times=1, method="GET", path_contains=path, **MISSING)
    report = purge(plan)
    assert everything_in(repository) == before
    assert report.absent == ()
    assert list(report.unfinished) == ["team/app"]
    assert len(purge(plan).deleted) == len(plan.deletions)


def test_a_tag_whose_manifest_is_not_found_once_is_kept(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    emulator.fail(times=1, method="HEAD", path_contains="/v2/team/app/manifests/old", status=404)
    report = purge(plan)
    assert "team/app:old" in {one.reference for one in report.kept}
    assert report.absent == ()
    assert_whole(repository, "old")
    assert report.is_whole, str(report)


@pytest.mark.parametrize("before", ["DELETE {}/manifests/", "GET /acr/v1/team/app/_tags/old"])
def test_a_repository_that_somebody_deletes_in_the_midst_is_done(
    purge: Purge, owner: acr.Registry, clock: Clock, before: str
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = before.format(repository_url(owner)).replace("GET ", f"GET http://{owner.login_server}")
    report = purge(plan, before=before, do=repository.delete)
    assert report.is_whole, str(report)
    assert report.kept == ()
    assert len(report.deleted) + len(report.absent) == len(plan.deletions)
    assert report.absent
    assert any("deleted by somebody else" in note for note in report.notes)


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("max_age", "time"),
        ("max_deletions", "count or None"),
        ("max_share", "share or None"),
        ("progress", "callback or None"),
        ("rate", "rate or None"),
        ("concurrency", "count"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_for_a_plan_that_could_be_carried_out(
    twin: Twin, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path, option: str, kind: str
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    client: Any = twin.connect(emulator.url, emulator.credential())
    emulator.clear_requests()
    problems = taken(lambda value: client.purge(plan, journal=journal, **{option: value}), option, kind)
    assert not problems, problems
    assert emulator.requests == []
    assert not journal.exists()


def test_a_progress_that_raises_ends_the_run_and_loses_no_report(
    purge: Purge, owner: acr.Registry, clock: Clock
) -> None:
    for name in ("a", "b", "c"):
        filled(owner, clock, name)
    plan = plan_of(owner)
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        raise RuntimeError("the screen is gone")

    report = purge(plan, progress=progress)
    assert len(told) == 1
    assert {one.split(":")[0].split("@")[0] for one in report.deleted} == {"a"}
    assert len(report.deleted) == told[0]
    assert dict(report.unfinished) == dict.fromkeys(("b", "c"), "not reached, because progress raised RuntimeError")
    assert "progress raised RuntimeError: the screen is gone" in report.notes
    assert len(purge(plan).deleted) == len(plan.deletions)


def test_a_plan_takes_a_reference_to_protect_and_refuses_what_is_none(owner: acr.Registry, clock: Clock) -> None:
    filled(owner, clock)
    inventory = owner.inventory(cache=False)
    policy = acr.Policy(ALL)
    reference = acr.Reference.parse("team/app:old")
    expected = list(policy.plan(inventory, protect=["team/app:old"]).deletions)
    assert len(expected) < len(policy.plan(inventory).deletions)
    assert list(policy.plan(inventory, protect=[reference]).deletions) == expected
    assert list(policy.plan(inventory, protect=reference).deletions) == expected  # type: ignore[arg-type]
    for value in (7, None, b"team/app:old", [7], [None], [b"team/app:old"]):
        with pytest.raises(acr.InvalidInput, match="protect"):
            policy.plan(inventory, protect=value)  # type: ignore[arg-type]

"""A registry that answers wrongly once, a journal that is damaged: what is in doubt is kept, and told as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cleanup.aged import ALL, DAY, Clock, Purge, filled, plan_of
from tests.client.test_wrong_kinds import taken
from tests.twin import Twin
from tests.upkeep import assert_whole, everything_in, push_image

MISSING: Final[dict[str, Any]] = {
    "status": 404,
    "body": b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}',
    "headers": {"x-ms-correlation-request-id": "a"},
}


def why(items: Any) -> dict[str, str]:
    return {one.reference: one.why for one in items}


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


def test_a_new_index_that_was_not_found_once_is_read_at_the_next_look(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """Somebody deletes it just when it is read, and pushes it again. It was never read then."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    old = repository.manifest("old").get()
    new = acr.Manifest.of(json.dumps({**json.loads(old.content), "annotations": {"a": "b"}}).encode(), old.media_type)
    faults: list[Any] = []

    def push() -> None:
        repository.put_manifest(new, tag="late")
        paths = [f"{path}{new.digest}" for path in ("/v2/team/app/manifests/", "/acr/v1/team/app/_manifests/")]
        faults.extend(emulator.fail(times=1, method="GET", path_contains=path, **MISSING) for path in paths)
        repository.tag("late").delete()

    report = purge(plan, before="DELETE ", do=push)
    assert [fault.left for fault in faults] == [0, 0]
    repository.pull(str(new.digest), acr.Memory())
    assert report.is_whole, str(report)


@pytest.mark.parametrize("fault", [{"status": 429, "headers": {"Retry-After": "30"}}, {"status": 503}])
def test_a_deletion_is_not_sent_again_before_the_line_was_compared(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, fault: dict[str, Any]
) -> None:
    """Somebody set a tag while the client waited. The second try took the tag with it, and nobody was told."""
    repository = filled(owner, clock)
    digest = repository.tag("old").properties().digest
    plan = plan_of(owner)
    old = repository.manifest(digest).get()
    armed = emulator.fail(times=1, method="DELETE", path_contains=f"/manifests/{digest}", **fault)
    report = purge(
        plan,
        before=f"DELETE {repository_url(owner)}/manifests/{digest}",
        do=lambda: repository.put_manifest(old, tag="release-now"),
    )
    assert armed.left == 0
    assert repository.tag("release-now").properties().digest == digest
    assert any(str(digest) in one.reference and "release-now" in one.why for one in report.kept)
    repository.pull("release-now", acr.Memory())


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


def test_a_deletion_that_timed_out_at_a_gateway_may_have_taken_a_tag_that_moved(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """A gateway answers 408 for a registry that deletes."""
    repository = filled(owner, clock)
    plan = plan_of(owner)

    def move() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
        emulator.fail(times=1, method="DELETE", path_contains="/_tags/old", status=408, after=True)

    report = purge(plan, before="DELETE .*/_tags/old[?]", do=move)
    assert not report.is_whole
    assert "team/app:old" in report.deleted
    assert "nobody knows where to" in why(report.not_whole)["team/app:old"]


@pytest.mark.parametrize("has_moved", [False, True])
def test_what_an_earlier_run_may_have_deleted_is_not_told_as_kept_if_its_repository_is_not_reached(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, has_moved: bool
) -> None:
    filled(owner, clock, "a/app")
    repository = filled(owner, clock, "b/app")
    keep = repository.tag("keep").properties().digest
    plan = plan_of(owner)
    faults: list[Any] = []

    def move_or_cut() -> None:
        if has_moved:
            repository.put_manifest(repository.manifest("keep").get(), tag="old")
            faults.append(emulator.fail(times=ALWAYS, method="PUT", path_contains="b/app/manifests/old", drop=True))
        else:
            emulator.fail(times=1, method="DELETE", drop=True, after=True)
            faults.append(emulator.fail(times=ALWAYS, path_contains="b/app", drop=True))

    assert not purge(plan, before="DELETE .*b/app/_tags/old", do=move_or_cut).is_whole
    faults[0].left = 0
    fault = emulator.fail(times=ALWAYS, path_contains="a/app", drop=True)
    report = purge(plan)
    assert set(report.unfinished) == {"a/app", "b/app"}
    assert not repository.tag("old").exists()
    assert "b/app:old" not in {*why(report.kept), *report.deleted, *report.absent}
    expected = f"it had moved to {keep}" if has_moved else "nobody knows whether it is deleted"
    assert expected in why(report.not_whole)["b/app:old"]
    fault.left = 0
    report = purge(plan)
    if has_moved:
        assert repository.tag("old").properties().digest == keep
        assert report.is_whole, str(report)
    else:
        assert "nobody knows where to" in why(report.not_whole)["b/app:old"]


def test_a_repository_that_no_run_has_noted_is_told_as_not_reached(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    filled(owner, clock, "a/app")
    filled(owner, clock, "b/app")
    plan = plan_of(owner)
    emulator.fail(times=ALWAYS, method="GET", path_contains="b/app", drop=True)
    report = purge(plan)
    assert why(report.kept)["b/app:old"] == "it was not reached"
    assert report.not_whole == ()


@pytest.mark.parametrize("shown", ["as it moved", "as planned"])
def test_a_tag_that_is_seen_once_more_after_its_deletion_is_put_back_all_the_same(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, shown: str
) -> None:
    """A replica that lags behind shows the tag as it was before."""
    repository = filled(owner, clock)
    keep = repository.tag("keep").properties().digest
    plan = plan_of(owner)
    bodies = [tag_as_told(owner, repository)]

    def move() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
        bodies.append(tag_as_told(owner, repository))
        body = bodies[shown == "as it moved"]
        headers = {"Content-Type": "application/json"}
        emulator.fail(
            times=1, method="GET", path_contains="/acr/v1/team/app/_tags/old", status=200, body=body, headers=headers
        )

    report = purge(plan, before="DELETE .*/_tags/old[?]", do=move)
    assert "team/app:old" in why(report.put_back)
    assert repository.tag("old").properties().digest == keep
    assert report.is_whole, str(report)


def tag_as_told(owner: acr.Registry, repository: acr.Repository) -> bytes:
    found = repository.tag("old").properties()
    created, updated = (one and one.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for one in (found.created, found.updated))
    tag = {"name": "old", "digest": str(found.digest), "createdTime": created, "lastUpdateTime": updated}
    return json.dumps({"registry": owner.login_server, "imageName": "team/app", "tag": tag}).encode()


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


def test_a_tag_that_may_not_be_read_is_kept_and_hinders_no_other_line(
    purge: Purge, owner: acr.Registry, clock: Clock
) -> None:
    """Its permission to be read is off, and it has no lock. Nothing of its repository ever went."""
    repository = filled(owner, clock)
    untagged = next(one.digest for one in plan_of(owner).deletions if one.rule == "untagged")
    repository.tag("old").update(can_read=False)
    plan = plan_of(owner)
    assert any(one.name == "old" for one in plan.deletions)
    report = purge(plan)
    assert report.is_whole, str(report)
    assert why(report.kept)["team/app:old"].startswith("nobody can see what it points to: ")
    assert_whole(repository, str(repository.tag("old").properties().digest))
    assert f"team/app@{untagged}" in report.deleted


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


def test_no_pattern_is_about_a_pull_through_cache_whose_manifests_an_earlier_inventory_has_read(
    owner: acr.Registry, emulator: Emulator, clock: Clock, tmp_path: Path
) -> None:
    filled(owner, clock)
    emulator.add_cache("team/app", "source")
    for _ in range(2):
        assert not acr.Policy(ALL).plan(owner.inventory(cache=tmp_path)).deletions
        clock.now += DAY
    by_name = ALL.replace('tags = { glob = ["old*"] }', 'repositories = ["team/app"]\ntags = { glob = ["old*"] }')
    assert acr.Policy(by_name).plan(owner.inventory(cache=tmp_path)).deletions


@pytest.mark.parametrize("how", ["goes on", "tags alone"])
def test_a_pull_through_cache_imports_nothing_because_of_a_purge_that_has_read_nothing_in_it(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, how: str
) -> None:
    """Its manifests are in the journal, or none of them goes. Its source has something else under the tag by now."""
    source, mirror = owner.repository("source"), owner.repository("mirror")
    old = push_image(source, "old", tag="old").digest
    emulator.add_cache("mirror", "source")
    mirror.manifest("old").get()
    if how == "tags alone":
        mirror.put_manifest(mirror.manifest("old").get(), tag="keep")
    clock.now += 30 * DAY
    plan = plan_of(owner, ALL.replace("[[purge.rule]]", '[[purge.rule]]\nrepositories = ["mirror"]'))
    assert plan.deletions
    push_image(source, "new", tag="old")
    if how == "goes on":
        emulator.fail(times=1, method="DELETE", status=403)
        assert not purge(plan).is_whole
    report = purge(plan)
    assert report.is_whole, str(report)
    assert len(report.deleted) == len(plan.deletions)
    assert {one.digest for one in mirror.manifests()} == ({old} if how == "tags alone" else set())

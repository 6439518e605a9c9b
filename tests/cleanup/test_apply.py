"""A plan is carried out: what goes, in which order, what stops it, and what is kept after all."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cleanup.aged import DAY, Clock, Purge, filled, plan_of
from tests.twin import Twin
from tests.upkeep import assert_whole, everything_in, push_image, push_release, sign


def test_what_the_plan_lists_goes_and_nothing_else(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    emulator.clear_requests()
    told: list[tuple[int, int]] = []
    report = purge(plan, progress=lambda *counts: told.append(counts))
    gone = {one.name for one in plan.deletions if one.name}, {one.digest for one in plan.deletions if not one.name}
    assert everything_in(repository) == (before[0] - gone[0], before[1] - gone[1])
    assert set(report.deleted) == {one.reference for one in plan.deletions}
    assert (report.absent, report.kept, report.put_back, report.not_whole) == ((), (), (), ())
    assert report.is_whole
    assert report.frees == plan.frees
    assert told == [(len(plan.deletions), len(plan.deletions))]
    assert_whole(repository, "keep")
    paths = [unquote(one.path) for one in emulator.requests if one.method == "DELETE"]
    assert [path.rpartition("/")[2].partition("?")[0] for path in paths] == [
        one.name or str(one.digest) for one in plan.deletions
    ]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert "deleted, which frees at most" in str(report)


def test_a_second_call_has_nothing_left_to_do(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    first = purge(plan)
    after = everything_in(repository)
    emulator.clear_requests()
    assert purge(plan) == first
    assert everything_in(repository) == after
    assert not [one for one in emulator.requests if one.method not in ("GET", "HEAD", "POST")]


def test_a_plan_that_exceeds_a_limit_deletes_nothing(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    filled(owner, clock)
    limited = plan_of(
        owner, "[purge]\nmax_deletions = 2\n[purge.untagged]\nolder_than = '7d'\n[[purge.rule]]\nolder_than='1d'"
    )
    plan = plan_of(owner)
    emulator.clear_requests()
    with pytest.raises(acr.PlanRefused, match="max_deletions is 2"):
        purge(limited)
    with pytest.raises(acr.PlanRefused, match="max_deletions is 3"):
        purge(plan, max_deletions=3)
    with pytest.raises(acr.PlanRefused, match=r"team/app: \d+ of \d+ manifests go, and max_share is 0.1"):
        purge(plan, max_share=0.1)
    with pytest.raises(acr.InvalidInput, match="max_share"):
        purge(plan, max_share=7)
    assert emulator.requests == []
    assert not journal.exists()


def test_a_plan_that_is_too_old_deletes_nothing(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    clock.now += 2 * DAY
    with pytest.raises(acr.PlanRefused, match="the plan is 2 days, 0:00:0. old, and max_age is 1 day"):
        purge(plan)
    assert everything_in(repository) == before
    assert purge(plan, max_age=timedelta(days=3)).deleted


def test_a_plan_of_another_registry_and_a_journal_of_another_plan_are_refused(
    purge: Purge, owner: acr.Registry, twin: Twin, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    with Emulator() as other, pytest.raises(acr.InvalidInput, match="the plan is for"):
        twin.connect(other.url, other.credential()).purge(plan, journal=journal)
    fault = emulator.fail(status=403, method="DELETE", path_contains="team/app", times=ALWAYS)
    assert not purge(plan).is_whole
    fault.left = 0
    content = journal.read_bytes()
    clock.now += 60
    with pytest.raises(acr.InvalidInput, match="belongs to another plan, which did not come to its end"):
        purge(plan_of(owner))
    assert journal.read_bytes() == content
    elsewhere = content.replace(plan.registry.encode(), b"other.azurecr.io")
    journal.write_bytes(elsewhere)
    with pytest.raises(acr.InvalidInput, match="belongs to another plan, for another registry"):
        purge(plan)
    assert journal.read_bytes() == elsewhere
    journal.write_text("something else\n")
    with pytest.raises(acr.ProtocolViolation, match="no journal of a purge"):
        purge(plan)
    assert journal.read_text() == "something else\n"


def test_a_journal_that_is_done_is_put_aside(
    purge: Purge, owner: acr.Registry, clock: Clock, journal: Path, twin: Twin
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    assert purge(plan).deleted
    content = journal.read_bytes()
    assert purge(plan).deleted  # the same plan has nothing to do, and the journal stays as it is
    assert journal.read_bytes() == content
    for number in range(2):
        push_image(repository, f"old {number}", tag="old")
        clock.now += 30 * DAY
        assert "team/app:old" in purge(plan_of(owner)).deleted
    first = journal.with_name(f"plan.journal.{plan.sha256[:12]}")
    assert first.read_bytes() == content
    assert len(list(journal.parent.iterdir())) == 3
    refused = plan_of(owner, "[purge]\nmax_deletions = 1\n[[purge.rule]]\nolder_than = '1d'")
    with pytest.raises(acr.PlanRefused):
        purge(refused)
    assert len(list(journal.parent.iterdir())) == 3
    first.rename(journal)
    assert purge(plan, max_age=timedelta(days=99)).deleted  # it goes on where it was
    assert journal.read_bytes() == content


def test_a_journal_under_which_nothing_was_done_is_put_aside(
    purge: Purge, owner: acr.Registry, clock: Clock, journal: Path
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    clock.now += 2 * DAY
    with pytest.raises(acr.PlanRefused, match="max_age"):
        purge(plan)
    assert journal.exists()
    assert purge(plan_of(owner)).deleted
    assert journal.with_name(f"plan.journal.{plan.sha256[:12]}").exists()


@pytest.mark.parametrize(
    "change", ["moved", "locked", "locked index", "locked repository", "tagged", "nested", "hidden"]
)
def test_a_line_that_changed_is_kept_with_all_that_it_leads_to(
    purge: Purge, owner: acr.Registry, clock: Clock, change: str
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    index = repository.tag("old").properties().digest
    image = repository.manifest(index).get().manifests[0].digest
    if change == "moved":
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
    elif change == "locked":
        repository.tag("old").update(can_delete=False)
    elif change == "locked index":
        repository.manifest(index).update(can_write=False)
    elif change == "locked repository":
        repository.update(can_write=False)
    elif change == "tagged":
        repository.put_manifest(repository.manifest(image).get(), tag="prod")
    elif change == "nested":
        entry = repository.manifest(index).head().to_json()
        fields = {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": [entry]}
        repository.put_manifest(fields, tag="nested")
    elif change == "hidden":
        push_image(repository, "hidden", tag="hidden")
        repository.tag("hidden").update(can_list=False)
    report = purge(plan)
    kept = {one.reference for one in report.kept}
    assert report.is_whole
    assert f"team/app@{image}" in kept
    repository.manifest(image).get()
    if change != "tagged":
        assert f"team/app@{index}" in kept
        assert_whole(repository, str(index))
    if change in ("locked repository", "hidden"):
        assert not report.deleted
    if change == "locked index":
        assert "team/app:old" in kept
    if change == "nested":
        assert any("left without a tag: team/app@" in note for note in report.notes)
    again = purge(plan)
    assert again.kept == report.kept


@pytest.mark.parametrize("before", ["HEAD ", "DELETE "])
def test_what_is_pushed_meanwhile_keeps_what_it_needs(
    purge: Purge, owner: acr.Registry, clock: Clock, before: str
) -> None:
    """An index over a platform, while that is being deleted: all that went is put back, as it was."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    index = repository.manifest("old").get()
    fields = {**index.json, "annotations": {"made": "late"}}
    report = purge(plan, before=before, do=lambda: repository.put_manifest(fields, tag="late"))
    assert report.is_whole, str(report)
    pulled = acr.Memory()
    repository.pull("late", pulled, referrers=True)
    assert len([one for one in report.deleted if "@" in one]) > 1  # the rest goes all the same


@pytest.mark.parametrize("trash", ["", "draft", "az"])
def test_what_was_deleted_is_put_back_children_first(purge: Purge, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index = repository.manifest("old").get()
    image = index.manifests[0].digest
    signature = sign(repository, repository.manifest(image).head())
    repository.manifest(image).update(can_list=True)
    clock.now += 30 * DAY
    plan = plan_of(owner)
    fields = {"schemaVersion": 2, "mediaType": index.media_type, "manifests": [index.json["manifests"][0]]}

    def late() -> None:
        repository.put_manifest(fields, tag="late")

    report = purge(plan, before=f"DELETE {repository_url(owner)}/manifests/{image}", do=late)
    assert report.is_whole, str(report)
    assert {one.reference for one in report.put_back} >= {
        f"team/app@{image}",
        f"team/app:sha256-{image.hex}.sig",
    }
    repository.pull("late", acr.Memory(), referrers=True)
    repository.pull(f"sha256-{image.hex}.sig", acr.Memory())
    assert repository.tag(f"sha256-{image.hex}.sig").properties().digest == signature.digest


def repository_url(owner: acr.Registry) -> str:
    return f"http://{owner.login_server}/v2/team/app"


def test_a_tag_that_moves_while_it_is_deleted_is_put_back(purge: Purge, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    first = plan.deletions[0].name
    assert first is not None
    new = push_release(repository, "new")
    moved = repository.manifest(new.digest).get()
    report = purge(plan, before="DELETE ", do=lambda: repository.put_manifest(moved, tag=first))
    assert f"team/app:{first}" in {one.reference for one in report.put_back}
    assert repository.tag(first).properties().digest == new.digest
    assert report.is_whole, str(report)


def test_a_forbidden_repository_ends_by_itself(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    for name in ("a", "b", "c"):
        push_release(owner.repository(name), "old")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    fault = emulator.fail(times=1, method="DELETE", path_contains="/b/", status=403)
    report = purge(plan)
    assert fault.left == 0
    assert list(report.unfinished) == ["b"]
    assert not report.is_whole
    assert everything_in(owner.repository("a")) == (set(), set())
    assert everything_in(owner.repository("c")) == (set(), set())
    assert purge(plan).is_whole
    assert everything_in(owner.repository("b")) == (set(), set())


def test_what_somebody_else_deleted_is_done(purge: Purge, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    repository.tag("old").delete()
    report = purge(plan)
    assert report.absent == ("team/app:old",)
    assert report.is_whole
    owner.repository("team/app").delete()
    report = purge(plan)
    assert report.is_whole
    assert not report.kept


def test_a_lost_answer_is_no_failure(purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    emulator.fail(times=3, method="DELETE", path_contains="/manifests/", drop=True, after=True)
    report = purge(plan)
    assert len(report.deleted) == len(plan.deletions)
    assert report.is_whole


def test_a_run_that_cannot_go_on_tells_what_it_did(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    filled(owner, clock)
    push_release(owner.repository("z"), "old")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    fault = emulator.fail(times=1000, method="DELETE", status=429, path_contains="/manifests/")
    report = purge(plan)
    assert report.deleted
    assert set(report.unfinished) == {"team/app", "z"}
    assert len(report.deleted) + len(report.kept) == len(plan.deletions)
    fault.left = 0
    assert purge(plan).is_whole


def test_the_pace_holds_nothing_up_between_a_comparison_and_its_deletion(
    owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    told: list[str] = []
    sleeping = iter(range(10_000))

    def sleep(seconds: float) -> None:
        next(sleeping)
        told.append("sleep")

    with acr.Registry(
        emulator.url,
        emulator.credential(),
        sleep=sleep,
        clock=lambda: 0.0,
        on_request=lambda request: told.append(request.method),
    ) as registry:
        report = registry.purge(plan, journal=journal, rate=60)
    assert len(report.deleted) == len(plan.deletions)
    assert told.count("sleep") == len(plan.deletions) - 4  # of 60 a minute, those of three seconds go at once
    places = [at for at, one in enumerate(told) if one == "DELETE"]
    assert len(places) == len(plan.deletions)
    assert all(told[at - 1] in ("GET", "HEAD", "POST") for at in places)


def test_a_large_repository_takes_a_look_per_batch_and_not_per_tag(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = owner.repository("team/app")
    image = push_image(repository, "x", tag="keep")
    manifest = repository.manifest(image.digest).get()
    for number in range(70):
        repository.put_manifest(manifest, tag=f"old{number}")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    emulator.clear_requests()
    report = purge(plan)
    assert len(report.deleted) == 70
    looks = [one for one in emulator.requests if "/_tags" in one.path and "timedesc" in one.path]
    assert len(looks) == 4  # before each of three batches, and at the end


def test_a_new_manifest_that_nobody_can_read_keeps_everything(purge: Purge, owner: acr.Registry, clock: Clock) -> None:
    """It could lead to anything."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    new = push_image(repository, "new", tag="new")
    repository.manifest(new.digest).update(can_read=False)
    report = purge(plan)
    assert not report.deleted
    assert before[0] <= everything_in(repository)[0]
    assert all(one.why.startswith("a doubt: ") for one in report.kept)
    repository.manifest(new.digest).update(can_read=True)
    assert len(purge(plan).deleted) == len(plan.deletions)


def test_a_journal_that_cannot_be_written_stops_before_the_first_deletion(
    owner: acr.Registry, twin: Twin, emulator: Emulator, clock: Clock, tmp_path: Path
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    before = everything_in(repository)
    with pytest.raises(acr.TransferError, match="cannot write the journal"):
        twin.connect(emulator.url, emulator.credential()).purge(plan, journal=tmp_path / "none" / "journal")
    with pytest.raises(acr.InvalidInput, match="journal"):
        twin.connect(emulator.url, emulator.credential()).purge(plan, journal=7)  # type: ignore[arg-type]
    assert everything_in(repository) == before


def test_a_journal_says_what_it_is_of_and_has_no_token(
    purge: Purge, owner: acr.Registry, clock: Clock, journal: Path
) -> None:
    filled(owner, clock)
    report = purge(plan_of(owner))
    text = journal.read_text() + str(report) + repr(report) + str(report.to_dict())
    assert "Bearer" not in text
    assert json.loads(journal.read_text().splitlines()[0]) == {
        "journal": "acr-purge-journal/1",
        "registry": owner.login_server,
        "plan": report.plan,
    }

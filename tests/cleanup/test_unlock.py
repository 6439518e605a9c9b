"""Unlocking by name: a lock goes off only if the policy and the caller name its item, and never for nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import acr
from acr.emulator import Emulator, Fault
from tests.armed import ALWAYS
from tests.cleanup.aged import ALL, DAY, Clock, Purge, filled, plan_of
from tests.upkeep import assert_whole, push_image, sign

LOCKED = ("can_write", "can_delete")


def unlocking(*names: str, rules: str = ALL) -> str:
    return f"[purge]\nunlock = {json.dumps(list(names))}\n{rules}"


def lock(item: Any) -> None:
    item.update(can_write=False, can_delete=False)


def lines(plan: acr.Plan) -> dict[str, bool]:
    return {one.reference: one.unlocks for one in plan.deletions}


# The plan.


def test_a_plan_says_what_is_unlocked_and_its_digest_covers_it(owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index = repository.tag("old").properties().digest
    lock(repository.tag("old"))
    lock(repository.manifest(index))
    assert "team/app:old" not in lines(plan_of(owner))
    assert "team/app:old" not in lines(plan_of(owner, unlocking("team/app:old")))  # its manifest keeps it
    assert f"team/app@{index}" not in lines(plan_of(owner, unlocking(f"team/app@{index}")))  # its tag keeps it
    plan = plan_of(owner, unlocking("team/app:old", f"team/app@{index}"))
    assert lines(plan)["team/app:old"] is lines(plan)[f"team/app@{index}"] is True
    assert sum(lines(plan).values()) == 2
    assert plan.unlocks == ["team/app:old", f"team/app@{index}"]
    assert "team/app:old is locked, and goes only if unlock= names it: the policy allows that" in plan.warnings
    assert "unlocked first" in str(plan)
    told = plan.to_dict()
    assert acr.Plan.from_dict(json.loads(json.dumps(told))) == plan
    assert [one["name"] for one in told["delete"] if one.get("unlocks") and one["kind"] == "tag"] == ["old"]
    for change in (False, None):
        changed = json.loads(json.dumps(told))
        next(one for one in changed["delete"] if one.get("name") == "old")["unlocks"] = change
        with pytest.raises(acr.DigestMismatch):
            acr.Plan.from_dict(changed)


def test_what_is_locked_and_not_named_stays_with_all_that_it_needs(owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index = repository.tag("old").properties().digest
    child = repository.manifest(index).get().manifests[0].digest
    signature = f"sha256-{index.hex}.sig"
    for item in (repository.tag("old"), repository.manifest(index), repository.manifest(child)):
        lock(item)
    plan = plan_of(owner, unlocking("team/app:old", f"team/app@{index}"))
    assert {"team/app:old", f"team/app@{index}"} <= lines(plan).keys()
    assert f"team/app@{child}" not in lines(plan)
    lock(repository.tag(signature))
    plan = plan_of(owner, unlocking("team/app:old", f"team/app@{index}", f"team/app@{child}"))
    assert not {f"team/app@{index}", f"team/app@{child}"} & lines(plan).keys()  # the signature needs them


def test_protection_and_rules_come_before_unlocking(owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    for tag in ("old", "keep"):
        lock(repository.tag(tag))
    policy = '[purge]\nprotect = ["old"]\nunlock = ["team/app:old", "team/app:keep"]\n' + ALL
    assert not {"team/app:old", "team/app:keep"} & lines(plan_of(owner, policy)).keys()
    repository.update(can_delete=False)
    assert lines(plan_of(owner, unlocking("team/app:old"))) == {}


def test_an_entry_that_is_not_there_is_told(owner: acr.Registry, clock: Clock) -> None:
    filled(owner, clock)
    plan = plan_of(owner, unlocking("team/app:none", "other:v1", "team/app:old"))
    assert [one for one in plan.warnings if one.startswith("unlock")] == [
        "unlock names team/app:none, which was not found",
        "unlock names other:v1, which was not found",
    ]
    assert plan.unlocks == []  # it is not locked


@pytest.mark.parametrize(
    "entry",
    [
        "team/app", "old", "team/app:*", "team/*:old", "team/app:", ":old", "@sha256:" + "a" * 64, "sha256:" + "a" * 64,
        "team/app@sha256:aa", f"team/app:old@sha256:{'a' * 64}", "my.azurecr.io/team/app:old", "localhost:5000/app:old",
        "!team/app:old", "team/app:old ", "team/app:old,x", "TEAM/app:old",
    ],
)  # fmt: skip
def test_only_full_names_of_one_item_are_read(entry: str) -> None:
    with pytest.raises(acr.InvalidPolicy, match="^policy:2: unlock: ") as caught:
        acr.Policy(unlocking(entry))
    assert caught.value.line == 2


def test_an_example_knows_unlocking() -> None:
    example = (
        '[[purge.example]]\nrepository = "team/app"\nitems = [\n'
        '{ tag = "old1", age = "9d", locked = true, expect = "delete" },\n'
        '{ tag = "old2", age = "9d", locked = true, expect = "keep" }]\n'
    )
    assert len(acr.Policy(ALL + example).test()) == 1
    assert acr.Policy(unlocking("team/app:old1") + example).test() == ()


# The purge.


@pytest.fixture
def index(owner: acr.Registry, clock: Clock) -> acr.Digest:
    """A release with a locked tag and a locked index."""
    repository = filled(owner, clock)
    index = repository.tag("old").properties().digest
    lock(repository.tag("old"))
    lock(repository.manifest(index))
    return index


@pytest.fixture
def plan(owner: acr.Registry, index: acr.Digest) -> acr.Plan:
    """It takes both."""
    return plan_of(owner, unlocking("team/app:old", f"team/app@{index}"))


def locked(owner: acr.Registry) -> dict[str, tuple[bool, bool]]:
    repository = owner.repository("team/app")
    found = {tag.name: (tag.can_write, tag.can_delete) for tag in repository.tags() if tag.locked}
    return found | {str(one.digest): (one.can_write, one.can_delete) for one in repository.manifests() if one.locked}


def entries(journal: Path) -> list[tuple[str, str]]:
    found = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    return [(one["is"], one.get("key", "")) for one in found]


def test_what_the_plan_and_the_caller_name_goes(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, index: acr.Digest, journal: Path
) -> None:
    emulator.clear_requests()
    report = purge(plan, unlock=plan.unlocks)
    assert report.is_whole, str(report)
    assert set(report.deleted) == {one.reference for one in plan.deletions}
    patched = [
        unquote(one.path).partition("?")[0].rpartition("/")[2] for one in emulator.requests if one.method == "PATCH"
    ]
    assert patched == ["old", str(index)]
    order = entries(journal)
    for key in ("old", str(index)):
        assert order.index(("unlock", key)) < order.index(("gone", key))
    assert purge(plan, unlock=plan.unlocks) == report


def test_what_the_caller_does_not_name_is_kept_with_all_that_it_needs(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, index: acr.Digest
) -> None:
    before = locked(owner)
    release = owner.repository("team/app").manifest(index).get().manifests
    for unlock in ((), ["team/app:old"]):
        emulator.clear_requests()
        report = purge(plan, unlock=unlock)
        kept = {one.reference: one.why for one in report.kept}
        why = kept["team/app:old" if not unlock else f"team/app@{index}"]
        assert why == "the plan unlocks it, and the caller did not name it"
        assert all(one.is_withheld for one in report.kept)
        assert {"team/app:old", *(f"team/app@{one.digest}" for one in release)} <= kept.keys()
        assert locked(owner) == before
        assert not [one for one in emulator.requests if one.method == "PATCH"]
    assert report.is_whole
    assert_whole(owner.repository("team/app"), "old")


def test_what_has_changed_is_not_withheld(purge: Purge, owner: acr.Registry, plan: acr.Plan) -> None:
    owner.repository("team/app").tag("old").update(can_write=True)
    push_image(owner.repository("team/app"), "moved", tag="old")
    report = purge(plan, unlock=plan.unlocks)
    assert {one.reference: one.is_withheld for one in report.kept}["team/app:old"] is False


def test_a_plan_says_what_else_is_locked(owner: acr.Registry, clock: Clock) -> None:
    """A release that was locked deeply stays if its tag alone is named. A lock elsewhere is not spoken of."""
    repository = filled(owner, clock)
    repository.lock("old", deep=True)
    names = sorted(item.reference for item in owner.locks())
    repository.lock("keep", deep=True)
    rule = "[[purge.rule]]\ntags = { glob = ['old*'] }\nolder_than = '7d'"

    def told(unlock: list[str]) -> list[str]:
        plan = plan_of(owner, f"[purge]\nunlock = {json.dumps(unlock)}\n{rule}")
        assert set(plan.unlocks) == (set(unlock) if len(unlock) == len(names) else set())
        return [text for text in plan.warnings if "although unlock names it" in text]

    (text,) = told(["team/app:old"])
    assert text.startswith("team/app:old stays, although unlock names it: what belongs to it has locks of its own.")
    assert sorted(json.loads(text.partition("write unlock = ")[2])) == names
    assert told(names) == []
    assert any('"team/app:old"' in text for text in told(names[1:]))


def test_a_plan_does_not_say_what_else_is_locked_if_that_would_not_help(owner: acr.Registry, clock: Clock) -> None:
    """A locked index that the policy does not name keeps its platform, whatever else is named."""
    repository = filled(owner, clock)
    platform = repository.manifest("old").get().manifests[0].digest
    sign(repository, repository.manifest(platform).head())
    signature = f"sha256-{platform.hex}.sig"
    clock.now += 30 * DAY
    for item in (repository.manifest("old"), repository.manifest(platform), repository.tag(signature)):
        lock(item)
    for names in ([f"team/app@{platform}"], [f"team/app@{platform}", f"team/app:{signature}"]):
        plan = plan_of(owner, unlocking(*names))
        assert f"team/app@{platform}" not in {one.reference for one in plan.deletions}
        assert not [text for text in plan.warnings if "stays, although unlock names it" in text]


def test_names_that_the_plan_does_not_unlock_are_refused(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, journal: Path
) -> None:
    emulator.clear_requests()
    for wrong in (
        ["team/app:keep"], ["team/app"], ["team/app:*"], ["old"], ["TEAM/APP:old"], ["other.azurecr.io/team/app:old"],
        [f"team/app:old@{plan.unlocks[1].partition('@')[2]}"], "team/app:old", b"x", 7, [7], [None], {"team/app:x": 1},
    ):  # fmt: skip
        with pytest.raises(acr.InvalidInput, match="unlock"):
            purge(plan, unlock=wrong)
    assert emulator.requests == []
    assert not journal.exists()


def test_a_reference_and_its_registry_name_an_item(purge: Purge, owner: acr.Registry, plan: acr.Plan) -> None:
    host = owner.login_server
    names = [f"{host}/{plan.unlocks[0]}", acr.Reference.parse(plan.unlocks[1])]
    assert set(purge(plan, unlock=names).deleted) == {one.reference for one in plan.deletions}


def test_what_was_locked_since_is_kept_although_the_policy_names_it(
    purge: Purge, owner: acr.Registry, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner, unlocking("team/app:old"))
    repository.tag("old").update(can_delete=False)
    assert plan.unlocks == []
    report = purge(plan)
    assert "team/app:old" in {one.reference for one in report.kept}
    assert locked(owner) == {"old": (True, False)}


@pytest.mark.parametrize(
    ("what", "status"),
    [("tag", 403), ("tag", 404), ("tag", 409), ("manifest", 404), ("manifest", 405), ("manifest", 429)],
)
def test_a_deletion_that_fails_puts_the_lock_back(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, index: acr.Digest, journal: Path,
    what: str, status: int,
) -> None:  # fmt: skip
    key = "old" if what == "tag" else str(index)
    owner.repository("team/app").tag("old").update(can_write=True)  # each flag comes back by itself
    before = locked(owner)
    fault = emulator.fail(times=ALWAYS, method="DELETE", status=status, path_contains=f"/{key}")
    told = purge(plan, unlock=plan.unlocks)
    assert fault.left < ALWAYS
    assert ("unlock", key) in entries(journal)
    assert locked(owner)[key] == before[key]
    assert not any("its lock was" in one.why for one in told.not_whole), str(told)
    fault.left = 0
    again = purge(plan, unlock=plan.unlocks)
    assert again.is_whole, str(again)
    assert key not in locked(owner), str(again)


def test_a_tag_that_moves_while_it_is_unlocked_is_locked_again(
    purge: Purge, owner: acr.Registry, plan: acr.Plan
) -> None:
    """Before the deletion it is kept; in the same moment it is put back to where it was."""
    repository = owner.repository("team/app")
    moved = repository.manifest("keep").get()
    late = partial(repository.put_manifest, moved, tag="old")
    report = purge(plan, unlock=plan.unlocks, before="DELETE .*/old", do=late)
    assert "team/app:old" in {one.reference for one in report.put_back}
    assert report.is_whole, str(report)
    assert repository.tag("old").properties().digest == moved.digest
    assert locked(owner)["old"] == (False, False)


def test_what_is_tagged_while_it_is_unlocked_is_kept_and_locked_again(
    purge: Purge, owner: acr.Registry, plan: acr.Plan, index: acr.Digest
) -> None:
    repository = owner.repository("team/app")
    content = repository.manifest(index).get()

    def tag() -> None:
        repository.manifest(index).update(can_write=True, can_delete=True)
        repository.put_manifest(content, tag="prod")
        repository.manifest(index).update(can_write=False, can_delete=False)

    report = purge(plan, unlock=plan.unlocks, before=f"PATCH .*(:|%3A){index.hex}", do=tag)
    assert f"team/app@{index}" in {one.reference for one in report.kept}
    assert report.is_whole, str(report)
    assert_whole(repository, "prod")
    assert locked(owner) == {str(index): (False, False)}


def test_a_lock_that_cannot_be_put_back_is_told_by_name(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan
) -> None:
    before = locked(owner)
    fault = emulator.fail(times=ALWAYS, method="DELETE", status=409, path_contains="/old")
    broken: list[Fault] = []

    def break_patches() -> None:
        broken.append(emulator.fail(times=ALWAYS, method="PATCH", status=403, path_contains="/old"))

    report = purge(plan, unlock=plan.unlocks, before="DELETE .*/old", do=break_patches)
    assert not report.is_whole
    (told,) = [one for one in report.not_whole if "lock" in one.why]
    assert told.reference == "team/app:old"
    assert told.why.startswith("its lock was taken off, and could not be put back: ")
    assert "old" not in locked(owner)
    fault.left = 0
    report = purge(plan)  # it is not locked now, and nobody named it
    assert "team/app:old" in {one.reference for one in report.kept}
    assert "team/app:old" in {one.reference for one in report.not_whole}
    broken[0].left = 0
    assert purge(plan).is_whole
    assert locked(owner) == before


def test_an_error_names_what_is_not_locked_any_more(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """No deletion was sent yet: there is no report. After one was sent, the report names both."""
    repository = owner.repository("team/app")
    push_image(repository, "old", tag="old")
    lock(repository.tag("old"))
    clock.now += 30 * DAY
    plan = plan_of(owner, unlocking("team/app:old"))
    before = locked(owner)
    faults: list[Fault] = []

    def cut(*methods: str) -> None:
        faults[:] = [emulator.fail(times=ALWAYS, method=one, path_contains="team/app", drop=True) for one in methods]

    with pytest.raises(acr.TransportError) as caught:
        purge(plan, unlock=plan.unlocks, before="PATCH .*/old", do=partial(cut, "GET"))
    told = "".join(caught.value.__notes__)
    assert "team/app:old (its lock was taken off, and could not be put back" in told
    assert "The same call puts the locks back" in told
    faults[0].left = 0
    assert locked(owner) == {}
    with pytest.raises(acr.PlanRefused):
        purge(plan, unlock=plan.unlocks, max_deletions=1)
    assert locked(owner) == before
    report = purge(plan, unlock=plan.unlocks, before="DELETE .*/old", do=partial(cut, "GET", "DELETE"))
    assert any("its lock was taken off, and could not be put back" in one.why for one in report.not_whole)
    assert any("nobody knows whether it is deleted" in one.why for one in report.not_whole)
    for fault in faults:
        fault.left = 0
    with pytest.raises(acr.PlanRefused):
        purge(plan, unlock=plan.unlocks, max_deletions=1)
    assert locked(owner) == before


def left_by_a_killed_process(journal: Path, plan: acr.Plan, item: acr.TagProperties, count: int) -> None:
    """What is in the journal when a process is killed before it has deleted a tag that it had unlocked."""
    created = (item.created - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    about = {"repository": "team/app", "key": item.name, "digest": str(item.digest)}
    entries = [
        {"journal": "acr-purge-journal/1", "registry": plan.registry, "plan": plan.sha256},
        {"is": "tag", **about, "flags": {"can_read": True, "can_write": False, "can_list": True, "can_delete": False}},
        {"is": "unlock", **about, "created": created, "flags": {"can_write": False, "can_delete": False}},
    ]
    journal.write_text("".join(json.dumps(one) + "\n" for one in entries[:count]))


def test_locks_are_back_before_anything_else_happens(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, journal: Path
) -> None:
    before = locked(owner)
    tag = owner.repository("team/app").tag("old")
    left_by_a_killed_process(journal, plan, tag.properties(), 3)
    tag.update(can_write=True, can_delete=True)
    emulator.clear_requests()
    report = purge(plan)
    changes = [one for one in emulator.requests if one.method in ("PATCH", "DELETE", "PUT")]
    assert changes[0].method == "PATCH"
    assert [one.method for one in changes].count("PATCH") == 1
    assert locked(owner) == before
    assert report.is_whole


def test_a_plan_that_is_too_old_by_now_puts_the_locks_back(
    purge: Purge, owner: acr.Registry, plan: acr.Plan, journal: Path, clock: Clock
) -> None:
    before = locked(owner)
    tag = owner.repository("team/app").tag("old")
    left_by_a_killed_process(journal, plan, tag.properties(), 3)
    tag.update(can_write=True, can_delete=True)
    clock.now += 2 * DAY
    with pytest.raises(acr.PlanRefused, match="old, and max_age is"):
        purge(plan, unlock=plan.unlocks)
    assert locked(owner) == before


def test_a_purge_of_another_plan_puts_the_locks_back_and_refuses(
    purge: Purge, owner: acr.Registry, plan: acr.Plan, journal: Path
) -> None:
    before = locked(owner)
    tag = owner.repository("team/app").tag("old")
    left_by_a_killed_process(journal, plan, tag.properties(), 3)
    tag.update(can_write=True, can_delete=True)
    with pytest.raises(acr.InvalidInput, match="belongs to another plan"):
        purge(plan_of(owner))
    assert locked(owner) == before


@pytest.mark.parametrize("what", ["moved", "pushed anew", "gone"])
def test_no_lock_is_put_on_what_somebody_pushed_instead(
    purge: Purge, owner: acr.Registry, plan: acr.Plan, journal: Path, clock: Clock, what: str
) -> None:
    repository = owner.repository("team/app")
    tag = repository.tag("old")
    left_by_a_killed_process(journal, plan, tag.properties(), 3)
    tag.update(can_write=True, can_delete=True)
    if what != "moved":
        tag.delete()
    if what != "gone":
        clock.now += 5
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
    report = purge(plan)
    assert [one.reference for one in report.not_whole] == (["team/app:old"] if what == "gone" else []), str(report)
    assert ("old" in locked(owner)) is (what == "moved")  # a tag that moves keeps its locks
    assert ("team/app:old" in [*report.absent, *report.deleted]) is (what == "gone")


def test_what_is_put_back_is_locked_as_it_was(
    purge: Purge, owner: acr.Registry, emulator: Emulator, plan: acr.Plan, index: acr.Digest
) -> None:
    """An index over the one that is gone: it comes back, with its lock."""
    repository = owner.repository("team/app")
    entry = repository.manifest(index).head().to_json()
    fields = {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": [entry]}
    late = partial(repository.put_manifest, fields, tag="late")
    report = purge(plan, unlock=plan.unlocks, before=f"DELETE .*(:|%3A){index.hex}", do=late)
    assert f"team/app@{index}" in {one.reference for one in report.put_back}, str(report)
    assert report.is_whole, str(report)
    assert locked(owner) == {str(index): (False, False)}

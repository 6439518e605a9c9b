"""What became of a line is told from what is known of it: answers, listings, the journal, the trash.

What nobody knows is told as a doubt, and what was done is never told as kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator, Fault
from tests.armed import ALWAYS
from tests.cleanup.aged import DAY, Clock, filled, plan_of
from tests.cleanup.test_doubts import MISSING
from tests.cleanup.test_unlock import lock, locked, unlocking
from tests.twin import Twin
from tests.upkeep import assert_whole, push_image

Acts = Callable[..., acr.PurgeReport]


@pytest.fixture
def acts(twin: Twin, emulator: Emulator, journal: Path) -> Acts:
    """Carries a plan out, and does something before the first request that matches each expression, in order."""

    def purge(plan: acr.Plan, *steps: tuple[str, Callable[[], Any]], **more: Any) -> Any:
        left = list(steps)
        busy: list[bool] = []

        def see(request: acr.RequestInfo) -> None:
            if left and not busy and re.search(left[0][0], f"{request.method} {request.url}"):
                busy.append(True)
                left.pop(0)[1]()
                busy.pop()

        client = twin.connect(emulator.url, emulator.credential(), on_request=see)
        try:
            return client.purge(plan, journal=journal, rate=None, **more)
        finally:
            assert not left, f"no request was {left[0][0]}"

    return purge


class Stopped(BaseException):
    """The run ends here, as by Ctrl-C."""


def stop() -> None:
    raise Stopped


def why(items: Any) -> dict[str, str]:
    return {one.reference: one.why for one in items}


def index_over(repository: acr.Repository, digest: acr.Digest, **more: Any) -> dict[str, Any]:
    entry = repository.manifest(digest).head().to_json()
    return {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": [entry], **more}


def parts(repository: acr.Repository, tag: str = "old") -> tuple[acr.Digest, list[acr.Digest]]:
    index = repository.tag(tag).properties().digest
    return index, [one.digest for one in repository.manifest(index).get().manifests]


def before_manifest(digest: acr.Digest) -> str:
    return f"DELETE .*/manifests/{digest}"


# A deletion whose answer is lost.


def move(repository: acr.Repository, emulator: Emulator) -> None:
    """A tag moves, and the answer to its deletion is lost."""
    repository.put_manifest(repository.manifest("keep").get(), tag="old")
    emulator.fail(times=1, method="DELETE", path_contains="/_tags/old", drop=True, after=True)


def test_a_tag_whose_deletion_was_not_answered_may_have_moved(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    report = acts(plan, ("DELETE .*/_tags/old[?]", partial(move, repository, emulator)))
    assert "team/app:old" in report.deleted
    assert "nobody knows where to" in why(report.not_whole)["team/app:old"]
    assert not report.is_whole
    again = acts(plan)
    assert (again.deleted, again.not_whole) == (report.deleted, report.not_whole)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_tag_that_was_put_back_in_doubt_is_told_by_later_runs_too(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, is_stopped: bool
) -> None:
    """It moves, the answer to its deletion is lost, and it is needed: nobody knows what it was put back from.

    The run may end as soon as it is there again, and before that is noted.
    """
    repository = filled(owner, clock)
    _, (first, _) = parts(repository)
    signature = f"sha256-{first.hex}.sig"
    push_image(repository, "a signature", tag=signature)
    clock.now += 30 * DAY
    plan = plan_of(owner)
    fields = index_over(repository, first)

    def move_and_cut() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag=signature)
        emulator.fail(times=1, method="DELETE", path_contains=f"/_tags/{signature}", drop=True, after=True)

    steps = [
        (f"DELETE .*/_tags/{signature}", move_and_cut),
        (before_manifest(first), lambda: repository.put_manifest(fields, tag="late")),
    ]
    name = f"team/app:{signature}"
    if is_stopped:
        with pytest.raises(Stopped):
            acts(plan, *steps, (f"PUT .*/manifests/{signature}", lambda: None), ("GET ", stop))
    else:
        report = acts(plan, *steps)
        assert name in why(report.put_back)
        assert "nobody knows where to" in why(report.not_whole)[name]
    assert "nobody knows where to" in why(acts(plan).not_whole)[name]


def test_a_tag_of_which_the_answer_tells_nothing_may_have_moved(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    emulator.fail(times=1, method="DELETE", path_contains="/_tags/old", status=202, after=True)
    report = acts(plan)
    assert "nobody knows where to" in why(report.not_whole)["team/app:old"]
    assert len(report.deleted) == len(plan.deletions)


@pytest.mark.parametrize("trash", ["draft", "az"])
@pytest.mark.parametrize("has_moved", [False, True])
def test_the_trash_tells_what_a_tag_was_whose_deletion_was_not_answered(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, has_moved: bool
) -> None:
    repository = filled(owner, clock)
    keep = repository.tag("keep").properties().digest
    repository.put_manifest(repository.manifest("keep").get(), tag="old-2")  # an older end of that name
    repository.tag("old-2").delete()
    repository.put_manifest(repository.manifest("old").get(), tag="old-2")
    clock.now += 30 * DAY
    plan = plan_of(owner)
    if has_moved:
        report = acts(plan, ("DELETE .*/_tags/old[?]", partial(move, repository, emulator)))
        assert str(keep) in why(report.not_whole)["team/app:old"]
    else:
        emulator.fail(times=1, method="DELETE", path_contains="/_tags/old-2", drop=True, after=True)
        report = acts(plan)
        assert report.is_whole, str(report)
    assert len(report.deleted) == len(plan.deletions)


def test_a_tag_that_is_gone_since_it_was_noted_may_have_moved(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """As after a SIGKILL between a deletion and the note of it."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    fault = emulator.fail(times=ALWAYS, method="DELETE", status=403)
    acts(plan)
    fault.left = 0
    repository.tag("old").delete()
    report = acts(plan)
    assert "team/app:old" in report.deleted
    assert "nobody knows where to" in why(report.not_whole)["team/app:old"]


@pytest.mark.parametrize("after", [False, True])
def test_a_line_whose_deletion_is_never_answered_is_not_told_as_kept(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, after: bool
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)

    def cut() -> None:
        emulator.fail(times=1, method="DELETE", drop=True, after=after)
        emulator.fail(times=ALWAYS, path_contains="team/app", drop=True)

    report = acts(plan, ("DELETE .*/_tags/old[?]", cut))
    assert "team/app:old" not in why(report.kept)
    assert "nobody knows whether it is deleted" in why(report.not_whole)["team/app:old"]
    assert list(report.unfinished) == ["team/app"]


def test_a_manifest_that_is_needed_and_may_be_deleted_is_put_back(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """The answer to its deletion is lost, and at the next look something new lists it."""
    repository = filled(owner, clock)
    _, (first, _) = parts(repository)
    plan = plan_of(owner)
    fields = index_over(repository, first)

    def push_and_cut() -> None:
        repository.put_manifest(fields, tag="late")
        emulator.fail(times=1, method="DELETE", path_contains=f"/manifests/{first}", drop=True, after=True)

    report = acts(plan, (before_manifest(first), push_and_cut))
    assert f"team/app@{first}" in why(report.put_back)
    assert report.is_whole, str(report)
    repository.pull("late", acr.Memory())


def test_a_tag_that_moved_and_is_not_put_back_yet_is_put_back_by_the_next_run(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    keep = repository.tag("keep").properties().digest
    plan = plan_of(owner)
    faults: list[Fault] = []

    def move_and_break() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
        faults.append(emulator.fail(times=ALWAYS, method="PUT", drop=True))

    report = acts(plan, ("DELETE .*/_tags/old[?]", move_and_break))
    assert "it moved to" in why(report.not_whole)["team/app:old"]
    faults[0].left = 0
    report = acts(plan)
    assert "team/app:old" in why(report.put_back)
    assert repository.tag("old").properties().digest == keep
    assert report.is_whole, str(report)


# What is new.


@pytest.mark.parametrize("is_readable_later", [False, True])
def test_a_new_manifest_that_cannot_be_read_may_need_what_is_deleted(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, is_readable_later: bool
) -> None:
    repository = filled(owner, clock)
    _, (first, second) = parts(repository)
    order = [str(one.digest) for one in plan_of(owner).deletions if not one.name]
    early, late = sorted((first, second), key=lambda one: order.index(str(one)))
    plan = plan_of(owner)
    fields = index_over(repository, early)
    new: list[acr.Digest] = []
    faults: list[Fault] = []

    def push() -> None:
        """It comes before its child goes, and is seen when that is gone."""
        new.append(repository.put_manifest(fields, tag="late").digest)
        path, times = f"/v2/team/app/manifests/{new[0]}", 1 if is_readable_later else ALWAYS
        faults.append(emulator.fail(times=times, method="GET", path_contains=path, status=200, body=b"{}"))

    report = acts(plan, (before_manifest(early), push))
    assert faults[0].left in (0, ALWAYS - 1, ALWAYS - 2, ALWAYS - 3)
    assert f"team/app@{late}" in why(report.kept)
    if is_readable_later:
        assert report.is_whole, str(report)
        assert f"team/app@{early}" in why(report.put_back)
        repository.pull("late", acr.Memory())
    else:
        assert "cannot be read" in why(report.not_whole)[f"team/app@{new[0]}"]


def test_a_new_index_that_is_hidden_is_read_if_its_tag_is_seen(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    fields = index_over(repository, index)

    def push() -> None:
        pushed = repository.put_manifest(fields, tag="late")
        repository.manifest(pushed.digest).update(can_list=False)

    report = acts(plan, (before_manifest(index), push))
    assert report.is_whole, str(report)
    repository.pull("late", acr.Memory())


def test_a_new_index_over_what_somebody_else_deleted_is_told(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    _, (first, second) = parts(repository)
    plan = plan_of(owner)
    new = repository.put_manifest(index_over(repository, first), tag="late").digest
    repository.manifest(first).delete()
    report = acts(plan)
    assert f"team/app@{first}" in report.absent
    assert f"team/app@{first}" not in why(report.kept)
    assert why(report.not_whole)[f"team/app@{new}"] == f"it lists {first}, which somebody else deleted"
    assert f"team/app@{second}" in report.deleted


def test_a_kept_index_of_which_somebody_else_deleted_a_part_is_told(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    repository = filled(owner, clock)
    index, (first, _) = parts(repository)
    plan = plan_of(owner)
    repository.manifest(index).update(can_delete=False)
    repository.manifest(first).delete()
    report = acts(plan)
    assert f"team/app@{first}" in report.absent
    assert why(report.not_whole)[f"team/app@{index}"] == f"it lists {first}, which somebody else deleted"


@pytest.mark.parametrize("is_hidden", [False, True])
def test_what_was_gone_and_is_there_again_keeps_what_it_needs(
    acts: Acts, owner: acr.Registry, clock: Clock, is_hidden: bool
) -> None:
    """Somebody deleted an index before the purge, and pushes it again while its platforms go."""
    repository = filled(owner, clock)
    index, platforms = parts(repository)
    plan = plan_of(owner)
    again = repository.manifest(index).get()
    repository.manifest(index).delete()
    order = [one.digest for one in plan.deletions if one.digest in platforms]

    def push() -> None:
        repository.put_manifest(again, tag="again")
        repository.manifest(index).update(can_list=not is_hidden)

    report = acts(plan, (before_manifest(order[0]), push))
    assert f"team/app@{index}" not in report.absent
    assert {f"team/app@{one}" for one in (index, *platforms)} <= why([*report.kept, *report.put_back]).keys()
    assert f"team/app@{index}" not in why(report.not_whole)  # the list of its attachments is, as these went with it
    repository.pull("again", acr.Memory())


def test_what_was_missing_and_comes_in_time_is_not_told(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    _, (first, second) = parts(repository)
    plan = plan_of(owner)
    repository.put_manifest(index_over(repository, first), tag="late")
    again = repository.manifest(first).get()
    repository.manifest(first).delete()
    report = acts(plan, (before_manifest(second), partial(repository.put_manifest, again)))
    assert report.is_whole, str(report)
    repository.pull("late", acr.Memory())


# What an earlier run has done.


def stopped_before(acts: Acts, plan: acr.Plan, emulator: Emulator, digest: acr.Digest) -> None:
    """A run that ends before it deletes a manifest."""
    fault = emulator.fail(times=1, method="DELETE", path_contains=f"/manifests/{digest}", status=403)
    report = acts(plan)
    assert fault.left == 0
    assert report.deleted
    assert list(report.unfinished) == ["team/app"]


@pytest.mark.parametrize("refused", ["age", "limit"])
def test_a_refused_plan_puts_back_what_a_late_push_needs(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, refused: str
) -> None:
    """The late push came before the deletion, and the first run ended before it looked again."""
    repository = filled(owner, clock)
    _, (first, second) = parts(repository)
    order = [str(one.digest) for one in plan_of(owner).deletions if not one.name]
    early, late = sorted((first, second), key=lambda one: order.index(str(one)))
    plan = plan_of(owner)
    fields = index_over(repository, early)
    faults: list[Fault] = []

    def push() -> None:
        repository.put_manifest(fields, tag="late")
        faults.append(emulator.fail(times=ALWAYS, method="GET", drop=True))

    acts(plan, (before_manifest(early), push))
    faults[0].left = 0
    there = {one.digest for one in repository.manifests()}
    assert early not in there
    assert late in there
    clock.now += 2 * DAY
    options: dict[str, Any] = {} if refused == "age" else {"max_deletions": 0}
    reason = "old, and max_age is" if refused == "age" else "max_deletions is 0"
    with pytest.raises(acr.PlanRefused, match=reason) as caught:
        acts(plan, **options)
    assert f"put back: team/app@{early}" in str(caught.value)
    assert {one.digest for one in repository.manifests()} - there == {early}
    repository.pull("late", acr.Memory())
    emulator.clear_requests()
    with pytest.raises(acr.PlanRefused, match=reason) as caught:
        acts(plan, **options)
    assert "put back" not in str(caught.value)
    assert not [one for one in emulator.requests if one.method in ("DELETE", "PUT", "PATCH")]


def test_an_error_after_what_was_put_back_leaves_a_report(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = owner.repository("team/app")
    push_image(repository, "keep", tag="keep")
    push_image(repository, "old", tag="old")
    clock.now += 30 * DAY
    plan = plan_of(owner)

    def move_and_break() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
        emulator.fail(times=ALWAYS, method="GET", path_contains="timedesc", drop=True)

    report = acts(plan, ("DELETE .*/_tags/old[?]", move_and_break))
    assert "team/app:old" in why(report.put_back)
    assert list(report.unfinished) == ["team/app"]


@pytest.mark.parametrize("status", [403, 503])
def test_a_next_run_that_cannot_look_tells_what_the_first_one_deleted(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, status: int
) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    stopped_before(acts, plan, emulator, index)
    there = {one.name for one in repository.tags()} | {one.digest for one in repository.manifests()}
    gone = {one.reference for one in plan.deletions if (one.name or one.digest) not in there}
    assert gone
    fault = emulator.fail(times=ALWAYS, method="GET", path_contains="/acr/v1/", status=status)
    report = acts(plan)
    assert set(report.deleted) == gone
    assert not set(why(report.kept)) & gone
    assert list(report.unfinished) == ["team/app"]
    fault.left = 0
    assert acts(plan).is_whole


def test_a_line_that_was_noted_and_is_hidden_since_is_kept(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    stopped_before(acts, plan, emulator, index)
    repository.manifest(index).update(can_list=False)
    report = acts(plan)
    assert f"team/app@{index}" not in report.deleted
    assert f"team/app@{index}" in why(report.kept)
    assert report.is_whole, str(report)
    repository.manifest(index).update(can_list=True)
    repository.pull(str(index), acr.Memory(), referrers=True)


def test_a_doubt_about_the_repository_brings_back_what_its_manifests_need(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """The first run deleted what is attached to the index. Then something is hidden, and all that is left stays."""
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    stopped_before(acts, plan, emulator, index)
    repository.tag("keep").update(can_list=False)
    report = acts(plan)
    assert why(report.kept)[f"team/app@{index}"] == "the registry counts other items than it lists: some are hidden"
    assert report.is_whole, str(report)
    assert_whole(repository, str(index))


def test_what_was_put_back_without_its_tags_is_named(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    late = partial(repository.put_manifest, index_over(repository, index), tag="late")
    report = acts(plan, (before_manifest(index), late))
    assert f"team/app@{index}" in why(report.put_back)
    assert any(f"left without a tag: team/app@{index}" in note for note in report.notes)


def test_what_has_another_tag_is_not_without_one(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    plan = plan_of(owner)
    again = partial(repository.put_manifest, repository.manifest(index).get(), tag="prod")
    report = acts(plan, ("DELETE .*/_tags/old[?]", again))
    assert f"team/app@{index}" in why(report.kept)
    assert not any("left without a tag" in note for note in report.notes), report.notes


def test_a_tag_that_somebody_set_while_it_was_put_back_is_told(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    tag = f"sha256-{index.hex}.sig"
    plan = plan_of(owner)
    late = partial(repository.put_manifest, index_over(repository, index), tag="late")
    other = partial(repository.put_manifest, repository.manifest("keep").get(), tag=tag)
    report = acts(plan, (before_manifest(index), late), (f"PUT .*/manifests/{tag}", other))
    assert f"team/app:{tag}" in why(report.put_back)
    assert "what that was is lost" in why(report.not_whole)[f"team/app:{tag}"]


@pytest.mark.parametrize("target", ["keep", "other"])
def test_a_tag_that_somebody_set_after_its_deletion_is_told_if_it_was_put_over(
    acts: Acts, owner: acr.Registry, clock: Clock, target: str
) -> None:
    """If it points to something else than before its deletion, it stays so."""
    repository = filled(owner, clock)
    push_image(repository, "other", tag="other")
    clock.now += 30 * DAY
    found = {name: repository.manifest(name).get() for name in ("keep", "other")}
    plan = plan_of(owner)
    digest = found[target].digest

    def set_again() -> None:
        repository.put_manifest(found[target], tag="old")

    def move() -> None:
        repository.put_manifest(found["keep"], tag="old")

    report = acts(plan, ("DELETE .*/_tags/old[?]", move), ("GET .*/_tags/old[?]", set_again))
    assert repository.tag("old").properties().digest == digest
    assert "team/app:old" in why(report.put_back)
    if target == "keep":
        assert f"it was {digest} just before" in why(report.not_whole)["team/app:old"]
    else:
        assert report.is_whole, str(report)


@pytest.mark.parametrize("times", [1, 2])
def test_a_tag_that_was_put_back_and_is_not_found_once_is_back(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, times: int
) -> None:
    repository = filled(owner, clock)
    keep = repository.manifest("keep").get()
    plan = plan_of(owner)

    def move() -> None:
        repository.put_manifest(keep, tag="old")

    body = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}'

    def hide() -> None:
        headers = {"x-ms-correlation-request-id": "a"}
        emulator.fail(times=times, method="GET", path_contains="/_tags/old", status=404, body=body, headers=headers)

    report = acts(plan, ("DELETE .*/_tags/old[?]", move), ("PUT .*/manifests/old$", hide))
    assert repository.tag("old").properties().digest == keep.digest
    if times == 1:
        assert "team/app:old" in why(report.put_back)
        assert report.is_whole, str(report)
    else:
        assert "took it, and says that it is not there" in why(report.not_whole)["team/app:old"]


# Locks.


@pytest.mark.parametrize("what", ["tag", "manifest"])
def test_a_lock_is_back_if_the_registry_says_that_it_deleted_and_did_not(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, what: str
) -> None:
    repository = filled(owner, clock)
    index, _ = parts(repository)
    for item in (repository.tag("old"), repository.manifest(index)):
        lock(item)
    before = locked(owner)
    key = "old" if what == "tag" else str(index)
    plan = plan_of(owner, unlocking("team/app:old", f"team/app@{index}"))
    fault = emulator.fail(times=ALWAYS, method="DELETE", path_contains=f"/{key}", status=202)
    report = acts(plan, unlock=plan.unlocks)
    assert locked(owner)[key] == before[key]
    reference = f"team/app{'@' if ':' in key else ':'}{key}"
    assert {reference: "the registry said that it is gone, and still has it"}.items() <= why(report.not_whole).items()
    fault.left = 0
    report = acts(plan, unlock=plan.unlocks)
    assert key not in locked(owner), str(report)
    assert not [one for one in report.not_whole if "lock" in one.why]


def test_a_lock_is_back_if_what_was_said_to_be_gone_is_there_at_the_next_run(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    """The first process was killed before it looked at the end: its last note is that the tag is gone."""
    repository = filled(owner, clock)
    lock(repository.tag("old"))
    before = locked(owner)
    plan = plan_of(owner, unlocking("team/app:old"))
    told = {"X-Ms-Int-Docker-Content-Digest": str(repository.tag("old").properties().digest)}
    emulator.fail(times=1, method="DELETE", path_contains="/old", status=202, headers=told)
    acts(plan, unlock=plan.unlocks)
    lines = journal.read_text().splitlines(keepends=True)
    last = next(at for at, line in enumerate(lines) if json.loads(line).get("is") == "gone" and '"old"' in line)
    journal.write_text("".join(lines[: last + 1]))
    repository.tag("old").update(can_write=True, can_delete=True)
    with pytest.raises(acr.PlanRefused):
        acts(plan, max_deletions=0)
    assert locked(owner) == before


# What a killed process left.


def test_a_tag_that_a_killed_process_left_on_what_it_put_back_is_taken_off(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    index, _ = parts(repository)
    stopped_before(acts, plan, emulator, index)
    keep = repository.tag("keep").properties().digest
    own, other = f"restoring-{index.hex[:24]}", f"restoring-{keep.hex[:24]}"
    repository.put_manifest(repository.manifest(index).get(), tag=own)
    repository.put_manifest(repository.manifest(keep).get(), tag=other)
    report = acts(plan)
    assert {tag.name for tag in repository.tags()} == {"keep", other, f"sha256-{keep.hex}.sig"}
    assert f"team/app@{index}" in report.deleted
    assert report.is_whole, str(report)
    assert any(f"team/app:{other} is of a restore" in note for note in report.notes)


def test_an_entry_of_the_journal_does_not_grow_with_the_tags_of_a_manifest(
    acts: Acts, owner: acr.Registry, clock: Clock, journal: Path
) -> None:
    """A line with tens of thousands of them could not be read again."""
    repository = owner.repository("team/app")
    image = push_image(repository, "keep", tag="keep")
    old = repository.manifest(push_image(repository, "x").digest).get()
    names = [f"old-{number}-{'x' * 100}" for number in range(40)]
    for name in names:
        repository.put_manifest(old, tag=name)
    clock.now += 30 * DAY
    report = acts(plan_of(owner))
    assert report.is_whole, str(report)
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {one["key"] for one in entries if one.get("is") == "tag" and one["digest"] == str(old.digest)} == set(names)
    assert max(len(json.dumps(one)) for one in entries) < 2 * len(old.content) + 1000
    assert [one.digest for one in repository.manifests()] == [image.digest]


# One wrong answer.


def first_of(plan: acr.Plan, digests: list[acr.Digest]) -> acr.Digest:
    return next(one.digest for one in plan.deletions if not one.name and one.digest in digests)


@pytest.mark.parametrize("how", ["tag", "index"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_was_not_found_once_and_is_needed_keeps_its_platforms(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, method: str, how: str
) -> None:
    """One replica lacks the index when it is its turn. Then somebody sets a tag on it, or lists it."""
    repository = filled(owner, clock)
    index, platforms = parts(repository)
    plan = plan_of(owner)
    new = repository.manifest(index).get() if how == "tag" else index_over(repository, index)
    turn, path = ("GET .*/_manifests/", "/_manifests/") if method == "GET" else ("DELETE .*/manifests/", "/manifests/")
    miss = partial(emulator.fail, times=1, method=method, path_contains=f"{path}{index}", **MISSING)
    push = partial(repository.put_manifest, new, tag="prod")
    report = acts(plan, (f"{turn}{index}", miss), (before_manifest(first_of(plan, platforms)), push))
    repository.pull("prod", acr.Memory())
    assert f"team/app@{index}" in why(report.not_whole)
    assert {f"team/app@{one}" for one in platforms} <= why([*report.kept, *report.put_back]).keys()
    assert f"team/app@{index}" in why(acts(plan).kept)


@pytest.mark.parametrize("is_needed", [False, True])
def test_what_is_not_found_twice_and_is_listed_at_the_end_is_a_doubt(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, is_needed: bool
) -> None:
    repository = filled(owner, clock)
    index, platforms = parts(repository)
    plan = plan_of(owner)
    old = repository.manifest(index).get()
    miss = partial(emulator.fail, times=2, method="GET", path_contains=f"/_manifests/{index}", **MISSING)
    steps: list[tuple[str, Callable[[], Any]]] = [(f"GET .*/_manifests/{index}", miss)]
    if is_needed:
        push = partial(repository.put_manifest, old, tag="prod")
        steps.append((before_manifest(first_of(plan, platforms)), push))
    report = acts(plan, *steps)
    assert f"team/app@{index}" not in report.absent
    assert "still lists it" in why(report.not_whole)[f"team/app@{index}"]
    if is_needed:
        repository.pull("prod", acr.Memory())


def test_a_lock_is_back_on_what_is_listed_at_the_end(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    """The registry says that it deleted a manifest. It did not, and lacks it in all answers until the end."""
    repository = filled(owner, clock)
    untagged = push_image(repository, "locked").digest
    clock.now += 30 * DAY
    lock(repository.manifest(untagged))
    before = locked(owner)
    plan = plan_of(owner, unlocking(f"team/app@{untagged}"))

    def lie() -> None:
        emulator.fail(times=1, method="DELETE", path_contains=str(untagged), status=202)
        emulator.fail(times=2, method="GET", path_contains=f"/_manifests/{untagged}", **MISSING)
        body = json.dumps({"registry": owner.login_server, "imageName": "team/app", "manifests": []}).encode()
        headers = {"Content-Type": "application/json"}
        emulator.fail(times=1, method="GET", path_contains="/_manifests?", status=200, body=body, headers=headers)

    report = acts(plan, (before_manifest(untagged), lie), unlock=plan.unlocks)
    assert locked(owner) == before
    assert f"team/app@{untagged}" not in report.deleted
    assert "still lists it" in why(report.not_whole)[f"team/app@{untagged}"]


def test_a_repository_that_is_not_found_twice_in_the_midst_is_not_taken_for_deleted(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    _, platforms = parts(repository)
    plan = plan_of(owner)
    first = first_of(plan, platforms)
    push = partial(repository.put_manifest, index_over(repository, first), tag="late")

    def miss() -> None:
        for path in ("/acr/v1/team/app/_manifests?", "/acr/v1/team/app"):
            emulator.fail(times=1, method="GET", path_contains=path, **MISSING)

    report = acts(plan, (before_manifest(first), push), ("GET .*/team/app/_manifests[?]", miss))
    assert list(report.unfinished) == ["team/app"]
    assert report.absent == ()
    repository.pull("late", acr.Memory())
    assert acts(plan).is_whole


# Hidden items.


@pytest.mark.parametrize("pushes", [1, 3])
def test_hidden_items_are_counted_also_if_somebody_pushes_during_the_listing(
    acts: Acts, owner: acr.Registry, clock: Clock, pushes: int
) -> None:
    repository = filled(owner, clock)
    _, platforms = parts(repository)
    plan = plan_of(owner)
    hidden = repository.put_manifest(index_over(repository, platforms[0])).digest
    repository.manifest(hidden).update(can_list=False)
    steps = [("GET .*/_tags", partial(push_image, repository, f"x{n}", tag=f"x{n}")) for n in range(pushes)]
    report = acts(plan, *steps)
    assert report.deleted == ()
    told = "some are hidden" if pushes == 1 else "a doubt: it changes while it is listed"
    assert any(told in one.why for one in report.kept)
    repository.pull(str(hidden), acr.Memory())


def test_a_manifest_that_is_pushed_in_the_midst_and_hidden_is_told(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    repository = filled(owner, clock)
    index, platforms = parts(repository)
    plan = plan_of(owner)
    fields = index_over(repository, platforms[0])

    def push() -> None:
        repository.manifest(repository.put_manifest(fields).digest).update(can_list=False)

    report = acts(plan, (before_manifest(index), push))
    (note,) = report.notes
    assert note.startswith("team/app: the registry counts other manifests than it lists")


def test_a_kept_manifest_that_is_hidden_in_the_midst_is_no_doubt(acts: Acts, owner: acr.Registry, clock: Clock) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    keep = repository.manifest(repository.tag("keep").properties().digest)
    report = acts(plan, ("DELETE ", partial(keep.update, can_list=False)))
    assert len(report.deleted) == len(plan.deletions)
    assert report.is_whole, str(report)


def test_a_kept_tag_that_is_hidden_in_the_midst_is_not_told_as_gone(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    repository = filled(owner, clock)
    plan = plan_of(owner)
    report = acts(plan, ("DELETE ", partial(repository.tag("keep").update, can_list=False)))
    assert repository.tag("keep").exists()
    assert report.is_whole, str(report)


def test_what_is_attached_while_something_new_is_read_is_seen_before_the_deletion(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    """Between the look at the newest manifests and the deletion there was a request for each new one."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    going = next(one.digest for one in plan.deletions if not one.name)
    late: list[acr.Digest] = []

    def attach() -> None:
        subject = repository.manifest(going).head().to_json()
        fields = {**repository.manifest("keep").get().json, "subject": subject, "annotations": {"late": "yes"}}
        late.append(repository.put_manifest(fields, tag="late").digest)

    tag = next(one.name for one in reversed(plan.deletions) if one.name)
    last_tag = f"DELETE .*/_tags/{tag}[?]"
    new = push_image(owner.repository("other"), "new").digest
    steps = [(last_tag, partial(push_image, repository, "new")), (f"GET .*/manifests/{new}", attach)]
    report = acts(plan, *steps)
    assert "which is new" in why(report.kept)[f"team/app@{going}"]
    assert repository.manifest("late").get().digest == late[0]
    assert report.is_whole, str(report)


# A tag that stays is moved onto a manifest at the moment when that is deleted, and the run ends there.


@pytest.mark.parametrize("tag", ["keep", "late", "old"])
def test_a_tag_that_stayed_and_went_in_a_run_that_was_interrupted_is_told_by_the_next_one(
    acts: Acts, owner: acr.Registry, clock: Clock, tag: str
) -> None:
    """One that the plan kept, one that is new, and one that the run kept after all, since it had moved."""
    repository = filled(owner, clock)
    going = push_image(repository, "alone").digest
    clock.now += 30 * DAY
    plan = plan_of(owner)
    content = repository.manifest(going).get()
    if tag != "keep":
        repository.put_manifest(repository.manifest("keep").get(), tag=tag)

    def move() -> None:
        repository.put_manifest(content, tag=tag)

    with pytest.raises(Stopped):
        acts(plan, (before_manifest(going), move), ("GET ", stop))
    report = acts(plan)
    assert not repository.tag(tag).exists()
    told = why(report.not_whole)[f"team/app:{tag}"]
    assert ("nobody knows where to" if tag == "old" else "somebody deleted it, or moved it onto a manifest") in told


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_tag_that_went_is_told_also_if_all_that_was_deleted_is_there_again(
    acts: Acts, owner: acr.Registry, clock: Clock, is_refused: bool
) -> None:
    """Something new needs the one line of the plan: it is put back, and the run ends before it looks at the tags."""
    repository = owner.repository("team/app")
    push_image(repository, "keep", tag="keep")
    going = push_image(repository, "alone").digest
    clock.now += 30 * DAY
    plan = plan_of(owner)
    content, fields = repository.manifest(going).get(), index_over(repository, going)

    def move() -> None:
        repository.put_manifest(fields, tag="late")
        repository.put_manifest(content, tag="keep")

    steps = [(before_manifest(going), move), ("PUT ", lambda: None), ("GET .*/team/app/_tags", stop)]
    with pytest.raises(Stopped):
        acts(plan, *steps)
    assert repository.manifest(going).get().digest == going
    if is_refused:
        with pytest.raises(acr.PlanRefused, match="not whole: team/app:keep"):
            acts(plan, max_deletions=0)
    report = acts(plan)
    assert (report.deleted, report.put_back) == ((), ())
    assert "moved it onto a manifest" in why(report.not_whole)["team/app:keep"]


@pytest.mark.parametrize("is_done", [False, True])
def test_a_tag_that_was_there_at_the_end_may_be_deleted_before_the_plan_is_called_again(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, is_done: bool
) -> None:
    """The work in this repository had come to its end, whether that in another one had or not."""
    repository = filled(owner, clock)
    filled(owner, clock, "team/other")
    plan = plan_of(owner)
    if not is_done:
        emulator.fail(times=1, method="DELETE", path_contains="team/other", status=403)
    assert acts(plan).is_whole is is_done
    repository.tag("keep").delete()
    report = acts(plan)
    assert report.is_whole, str(report)
    assert len(report.deleted) == len(plan.deletions)


def test_a_tag_that_went_in_a_run_that_was_interrupted_is_no_doubt_if_the_plan_took_it(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    with pytest.raises(Stopped):
        acts(plan, ("DELETE .*/manifests/", stop))
    report = acts(plan)
    assert len(report.deleted) == len(plan.deletions)
    assert report.is_whole, str(report)


def test_the_tag_of_a_moment_that_a_restore_has_taken_off_is_no_loss(
    acts: Acts, owner: acr.Registry, clock: Clock
) -> None:
    """Somebody restores something in the same repository at the same time."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    keep = repository.manifest("keep").get()
    name = f"restoring-{keep.digest.hex[:24]}"
    repository.put_manifest(keep, tag=name)
    report = acts(plan, ("DELETE ", repository.tag(name).delete))
    assert report.is_whole, str(report)


def test_what_could_not_be_put_back_and_somebody_pushed_again_is_not_lost(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock
) -> None:
    repository = filled(owner, clock)
    _, platforms = parts(repository)
    plan = plan_of(owner)
    first = first_of(plan, platforms)
    content, fields = repository.manifest(first).get(), index_over(repository, first)

    def push() -> None:
        repository.put_manifest(fields, tag="late")
        emulator.fail(times=1, method="PUT", path_contains=f"/manifests/{first}", status=400)

    again = ("GET .*/team/app/_manifests[?]n=1000", partial(repository.put_manifest, content))
    report = acts(plan, (before_manifest(first), push), ("PUT ", lambda: None), again)
    assert f"team/app@{first}" not in why(report.not_whole)
    assert report.is_whole, str(report)
    repository.pull("late", acr.Memory())


# What was noted, and somebody else deleted.


@pytest.mark.parametrize("is_needed", [False, True])
def test_a_manifest_that_was_only_noted_and_is_gone_is_absent_and_back_if_it_is_needed(
    acts: Acts, owner: acr.Registry, emulator: Emulator, clock: Clock, is_needed: bool
) -> None:
    """Perhaps a process deleted it that was killed before it noted that: nobody knows."""
    repository = filled(owner, clock)
    index, platforms = parts(repository)
    plan = plan_of(owner)
    fields = index_over(repository, platforms[0])
    fault = emulator.fail(times=ALWAYS, method="DELETE", status=403)
    acts(plan)
    fault.left = 0
    if is_needed:
        repository.put_manifest(fields, tag="late")
    for digest in (index, platforms[0]):
        repository.manifest(digest).delete()
    emulator.clear_requests()
    report = acts(plan)
    assert not [one for one in emulator.requests if one.method == "DELETE" and str(index) in one.path]
    assert f"team/app@{index}" in report.absent
    assert f"team/app@{index}" not in report.deleted
    if is_needed:
        assert f"team/app@{platforms[0]}" in why(report.put_back)
        repository.pull("late", acr.Memory())
    else:
        assert f"team/app@{platforms[0]}" in report.absent

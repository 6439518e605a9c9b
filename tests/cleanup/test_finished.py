"""A plan that is done, and goes on with its journal: what it does from then on is not done, as the journal has it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cleanup.aged import DAY, Clock, Purge, filled, plan_of

END = {"is": "end"}


def last(journal: Path) -> Any:
    return json.loads(journal.read_text().splitlines()[-1])


def since_the_end(journal: Path) -> list[Any]:
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    return entries[len(entries) - entries[::-1].index(END) :]


def refuses_another(purge: Purge, owner: acr.Registry, journal: Path) -> None:
    with pytest.raises(acr.InvalidInput, match="did not come to its end"):
        purge(plan_of(owner))
    assert list(journal.parent.iterdir()) == [journal]


def test_a_journal_says_that_its_plan_goes_on_before_anything_is_deleted(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    """All was kept at first. As after a SIGKILL at the first deletion, the next plan must not put the journal aside."""
    repository = filled(owner, clock)
    plan = plan_of(owner)
    repository.update(can_delete=False)
    assert purge(plan).is_whole
    assert last(journal) == END
    repository.update(can_delete=True)
    found: list[Any] = []

    def look() -> None:
        found.extend(since_the_end(journal))
        faults.append(emulator.fail(times=ALWAYS, path_contains="team/app", drop=True, after=True))

    faults: list[Any] = []
    report = purge(plan, before="DELETE ", do=look)
    assert [one["is"] for one in found] == ["tags that stay"]  # so the end is not the last entry any more
    assert not report.is_whole
    faults[0].left = 0
    refuses_another(purge, owner, journal)
    report = purge(plan)
    assert not report.unfinished
    assert len(report.deleted) == len(plan.deletions)


def test_a_journal_is_not_done_if_what_is_needed_after_all_cannot_be_put_back(
    purge: Purge, owner: acr.Registry, emulator: Emulator, clock: Clock, journal: Path
) -> None:
    repository = filled(owner, clock)
    old = repository.manifest("old").get()
    plan = plan_of(owner)
    assert purge(plan).is_whole
    subject = {"mediaType": old.media_type, "digest": str(old.digest), "size": len(old.content)}
    repository.put_manifest({**json.loads(repository.manifest("keep").get().content), "subject": subject}, tag="new")
    fault = emulator.fail(times=ALWAYS, method="PUT", status=400)
    report = purge(plan)
    assert not report.is_whole
    assert last(journal) == {"is": "again"}
    fault.left = 0
    refuses_another(purge, owner, journal)
    report = purge(plan)
    assert report.is_whole, str(report)
    assert f"team/app@{old.digest}" in {one.reference for one in report.put_back}
    assert last(journal) == END


@pytest.mark.parametrize("options", [{"max_deletions": 0}, {"max_age": timedelta(hours=1)}, {}])
def test_a_journal_stays_done_if_its_plan_is_refused_or_finds_nothing_to_do(
    purge: Purge, owner: acr.Registry, clock: Clock, journal: Path, options: dict[str, Any]
) -> None:
    filled(owner, clock)
    plan = plan_of(owner)
    assert purge(plan).is_whole
    before = journal.read_bytes()
    if options:
        clock.now += DAY / 2
        with pytest.raises(acr.PlanRefused):
            purge(plan, **options)
    else:
        assert purge(plan).is_whole
    assert journal.read_bytes() == before
    assert purge(plan_of(owner)).is_whole
    assert len(list(journal.parent.iterdir())) == 2

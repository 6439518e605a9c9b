"""A registry that answers wrongly once, a journal that is damaged: what is in doubt is kept, and told as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

import acr
from acr.emulator import Emulator
from tests.cleanup.aged import Clock, Purge, filled, plan_of
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

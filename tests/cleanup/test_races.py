"""Somebody changes a registry before each request of a purge: nothing that is kept breaks unless the report says so.

30 schedules; 500 by `make test-upkeep`.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, Literal

import pytest

import acr
from tests.cleanup.aged import ALL, DAY, emulated
from tests.cleanup.races import Verdict, Writer, judge
from tests.twin import Twin

RUNS = int(os.environ.get("ACR_UPKEEP_RACES", "30"))
CHUNK = 10
TRASH: Final[tuple[Literal["", "draft", "az"], ...]] = ("", "", "draft", "az")


def race(seed: int, journal: Path) -> tuple[Verdict, acr.PurgeReport, Writer]:
    """One plan and its purge, beside a writer."""
    twin = Twin("async" if seed % 2 else "sync")
    trash = TRASH[seed // 2 % len(TRASH)]
    with emulated(trash) as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as own:
        writer = Writer(own, seed)
        writer.fill()
        clock.now += 30 * DAY
        try:
            client = twin.connect(emulator.url, emulator.credential(), on_request=writer.see)
            plan = acr.Policy(ALL).plan(client.inventory(cache=False, concurrency=1, rate=None))
            writer.going = {one.name for one in plan.deletions if one.name}
            report = client.purge(plan, journal=journal, rate=None, concurrency=1)
        finally:
            twin.close()
        return judge(writer, plan, report), report, writer


@pytest.mark.parametrize("first", range(0, RUNS, CHUNK))
def test_nothing_that_is_kept_breaks_in_silence(first: int, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, min(first + CHUNK, RUNS)):
        verdict, report, writer = race(seed, tmp_path / f"{seed}")
        assert verdict.broken == [], f"seed {seed}\n{report}"
        counts["acts"] += writer.acts
        counts["deleted"] += len(report.deleted)
        counts["kept"] += len(report.kept)
        counts["put back"] += len(report.put_back)
        counts["not whole"] += len(report.not_whole)
        counts["unseeable"] += len(verdict.unseeable)
    assert counts["acts"] > 5 * CHUNK, counts
    assert counts["deleted"] > CHUNK, counts

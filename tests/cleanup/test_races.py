"""Somebody changes a registry before each request of a purge: nothing that is kept breaks unless the report says so.

30 schedules; 500 by `make test-upkeep`. As many again lose answers to deletions, and interrupt runs.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Final, Literal

import pytest

import acr
from tests.cleanup.aged import ALL, DAY, emulated
from tests.cleanup.races import Interrupted, Trouble, Writer, judge
from tests.twin import Twin

RUNS = int(os.environ.get("ACR_UPKEEP_RACES", "30"))
CHUNK = 10
TRASH: Final[tuple[Literal["", "draft", "az"], ...]] = ("", "", "draft", "az")


def race(seed: int, journal: Path, counts: Counter[str], *, has_trouble: bool) -> None:
    """One plan and its purge, beside a writer. A purge that is interrupted is called again, with the same journal."""
    twin = Twin("async" if seed % 2 else "sync")
    trash = TRASH[seed // 2 % len(TRASH)]
    with emulated(trash) as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as own:
        writer = Writer(own, seed)
        trouble = Trouble(emulator, seed, writer)
        writer.fill()
        unlock = writer.lock_some() if seed % 3 == 2 else []
        policy = f"purge.unlock = {json.dumps(unlock)}\n{ALL}" if unlock else ALL
        clock.now += 30 * DAY
        try:
            client = twin.connect(emulator.url, emulator.credential(), on_request=writer.see)
            plan = acr.Policy(policy).plan(client.inventory(cache=False, concurrency=1, rate=None))
            writer.going = {one.name for one in plan.deletions if one.name}
            if has_trouble:
                client = twin.connect(emulator.url, emulator.credential(), on_request=trouble.see)
            report = None
            while report is None:
                trouble.may_interrupt = trouble.interrupted < 3
                writer.begin()
                try:
                    report = client.purge(plan, journal=journal, rate=None, concurrency=1, unlock=plan.unlocks)
                except Interrupted:
                    continue
        finally:
            twin.close()
        verdict = judge(writer, plan, report)
    assert verdict.broken == [], f"seed {seed}\n{report}"
    counts["acts"] += writer.acts
    counts["deleted"] += len(report.deleted)
    counts["kept"] += len(report.kept)
    counts["put back"] += len(report.put_back)
    counts["not whole"] += len(report.not_whole)
    counts["unseeable"] += len(verdict.unseeable)
    counts["unlocks"] += len(plan.unlocks)
    counts["unlocked"] += len(set(plan.unlocks) & set(report.deleted))
    counts["lost"] += trouble.lost
    counts["moved"] += trouble.moved
    counts["interrupted"] += trouble.interrupted


@pytest.mark.parametrize("first", range(0, RUNS, CHUNK))
def test_nothing_that_is_kept_breaks_in_silence(first: int, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, min(first + CHUNK, RUNS)):
        race(seed, tmp_path / f"{seed}", counts, has_trouble=False)
    assert counts["acts"] > 5 * CHUNK, counts
    assert counts["deleted"] > CHUNK, counts
    assert counts["unlocks"], counts


@pytest.mark.parametrize("first", range(0, RUNS, CHUNK))
def test_nothing_breaks_in_silence_by_lost_answers_and_interrupted_runs(first: int, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, min(first + CHUNK, RUNS)):
        race(seed, tmp_path / f"{seed}", counts, has_trouble=True)
    assert counts["deleted"] > CHUNK, counts
    assert counts["lost"] >= counts["moved"] >= 0, counts
    assert counts["lost"], counts
    assert counts["interrupted"], counts

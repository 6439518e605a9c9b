"""A process is killed while it carries a plan out; the next one ends where one that nobody disturbed would have.

4 seeded moments; 50 by `make test-upkeep`. Half of the plans take locks off.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.cleanup.aged import ALL, DAY, emulated
from tests.cleanup.races import NAME, Writer
from tests.upkeep import everything_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")

RUNS = int(os.environ.get("ACR_UPKEEP_KILLS", "4"))
UNLOCKING = (1, 2)
"""Seeds, modulo 4, whose plans unlock something. The others have nothing to do with locks."""

PROJECT = Path(__file__).resolve().parent.parent.parent

SYNC = """
import sys
import acr

url, username, password, plan, journal, *unlock = sys.argv[1:]
with acr.Registry(url, acr.UsernamePassword(username, password)) as registry:
    registry.purge(acr.load_plan(plan), journal=journal, rate=None, unlock=unlock)
"""
ASYNC = """
import asyncio
import sys
import acr

url, username, password, plan, journal, *unlock = sys.argv[1:]

async def main():
    async with acr.AsyncRegistry(url, acr.UsernamePassword(username, password)) as registry:
        await registry.purge(acr.load_plan(plan), journal=journal, rate=None, unlock=unlock)

asyncio.run(main())
"""


def killed(seed: int, emulator: Emulator, plan: acr.Plan, path: Path, journal: Path) -> bool:
    """Carry a plan out in another process, and kill it at a moment. Return whether it was still at work."""
    dice = random.Random(seed)
    wanted = dice.randrange(max(1, len(plan.deletions) + len(plan.unlocks)))
    who = [emulator.url, emulator.username, emulator.password, str(path), str(journal), *plan.unlocks]
    process = subprocess.Popen([sys.executable, "-c", ASYNC if seed % 2 else SYNC, *who], cwd=PROJECT)
    never = threading.Event()
    while process.poll() is None and sum(one.method in ("DELETE", "PATCH") for one in emulator.requests) < wanted:
        never.wait(0.0005)
    never.wait(dice.random() * 0.02)  # anywhere within what it does then
    process.kill()
    status = process.wait(20)
    assert status in (0, -9)
    return status == -9


def filled(seed: int, registry: acr.Registry) -> tuple[acr.Repository, str]:
    """A repository with locked items, and a policy. Of half of the seeds it unlocks some of what it takes."""
    writer = Writer(registry, seed)
    writer.fill()
    repository, unlock = writer.repository, []
    for number, (tag, digest) in enumerate(sorted(writer.ledger.tags.items())):
        if tag.startswith("keep") or (seed % 4 in UNLOCKING and number % 4 == 3):
            repository.tag(tag).update(can_delete=False)
        elif seed % 4 in UNLOCKING:
            repository.tag(tag).update(can_write=False, can_delete=number % 2 == 0)
            repository.manifest(digest).update(can_delete=False)
            unlock += [f"{NAME}:{tag}", f"{NAME}@{digest}"]
    return repository, f"purge.unlock = {json.dumps(unlock)}\n{ALL}" if unlock else ALL


def locks(repository: acr.Repository) -> dict[str, tuple[bool, bool]]:
    items = [*repository.tags(), *repository.manifests()]
    return {
        str(getattr(one, "name", None) or one.digest): (one.can_write, one.can_delete) for one in items if one.locked
    }


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_second_apply_ends_where_one_would_have(seed: int, tmp_path: Path) -> None:
    with emulated() as (undisturbed, clock), acr.Registry(undisturbed.url, undisturbed.credential()) as registry:
        repository, policy = filled(seed, registry)
        clock.now += 30 * DAY
        plan = acr.Policy(policy).plan(registry.inventory(cache=False))
        registry.purge(plan, journal=tmp_path / "undisturbed", rate=None, unlock=plan.unlocks)
        expected, locked = everything_in(repository), locks(repository)
    path, journal = tmp_path / "plan.json", tmp_path / "journal"
    with emulated() as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as registry:
        repository, policy = filled(seed, registry)
        clock.now += 30 * DAY
        plan = acr.Policy(policy).plan(registry.inventory(cache=False))
        acr.save_plan(plan, path)
        emulator.clear_requests()
        before, locked_before = everything_in(repository), locks(repository)
        killed(seed, emulator, plan, path, journal)
        between = everything_in(repository)
        planned = {one.name or one.digest for one in plan.deletions}
        assert (before[0] | before[1]) - (between[0] | between[1]) <= planned
        if journal.exists() and plan.deletions:  # it puts the locks back even if it refuses to go on
            with pytest.raises(acr.PlanRefused):
                registry.purge(acr.load_plan(path), journal=journal, rate=None, max_deletions=0)
            there = {*between[0], *map(str, between[1])}
            assert locks(repository) == {key: flags for key, flags in locked_before.items() if key in there}
        report = registry.purge(acr.load_plan(path), journal=journal, rate=None, unlock=plan.unlocks)
        assert everything_in(repository) == expected
        assert locks(repository) == locked
        doubts = [one for one in report.not_whole if "nobody knows where to" in one.why]  # of the tag it was just at
        assert list(report.not_whole) == doubts
        assert len(doubts) <= 1
        assert not report.unfinished
        assert len(report.deleted) + len(report.absent) == len(plan.deletions)
        assert repository.name == NAME


def test_some_of_the_plans_unlock_something(tmp_path: Path) -> None:
    with emulated() as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as registry:
        _, policy = filled(min(UNLOCKING), registry)
        clock.now += 30 * DAY
        assert acr.Policy(policy).plan(registry.inventory(cache=False)).unlocks

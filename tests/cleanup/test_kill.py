"""A process is killed while it carries a plan out; the next one ends where one that nobody disturbed would have.

4 seeded moments; 50 by `make test-upkeep`.
"""

from __future__ import annotations

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
PROJECT = Path(__file__).resolve().parent.parent.parent

SYNC = """
import sys
import acr

url, username, password, plan, journal = sys.argv[1:]
with acr.Registry(url, acr.UsernamePassword(username, password)) as registry:
    registry.purge(acr.load_plan(plan), journal=journal, rate=None)
"""
ASYNC = """
import asyncio
import sys
import acr

url, username, password, plan, journal = sys.argv[1:]

async def main():
    async with acr.AsyncRegistry(url, acr.UsernamePassword(username, password)) as registry:
        await registry.purge(acr.load_plan(plan), journal=journal, rate=None)

asyncio.run(main())
"""


def killed(seed: int, emulator: Emulator, plan: Path, journal: Path, deletions: int) -> bool:
    """Carry a plan out in another process, and kill it at a moment. Return whether it was still at work."""
    dice = random.Random(seed)
    wanted = dice.randrange(deletions)
    who = [emulator.url, emulator.username, emulator.password, str(plan), str(journal)]
    process = subprocess.Popen([sys.executable, "-c", ASYNC if seed % 2 else SYNC, *who], cwd=PROJECT)
    never = threading.Event()
    while process.poll() is None and sum(one.method == "DELETE" for one in emulator.requests) < wanted:
        never.wait(0.0005)
    never.wait(dice.random() * 0.02)  # anywhere within what it does then
    process.kill()
    status = process.wait(20)
    assert status in (0, -9)
    return status == -9


def filled(seed: int, registry: acr.Registry) -> acr.Repository:
    writer = Writer(registry, seed)
    writer.fill()
    for tag in writer.ledger.tags:
        if tag.startswith("keep"):
            writer.repository.tag(tag).update(can_delete=False)
    return writer.repository


def locks(repository: acr.Repository) -> set[str]:
    items = [*repository.tags(), *repository.manifests()]
    return {str(getattr(one, "name", None) or one.digest) for one in items if one.locked}


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_second_apply_ends_where_one_would_have(seed: int, tmp_path: Path) -> None:
    with emulated() as (undisturbed, clock), acr.Registry(undisturbed.url, undisturbed.credential()) as registry:
        repository = filled(seed, registry)
        clock.now += 30 * DAY
        plan = acr.Policy(ALL).plan(registry.inventory(cache=False))
        registry.purge(plan, journal=tmp_path / "undisturbed", rate=None)
        expected, locked = everything_in(repository), locks(repository)
    path, journal = tmp_path / "plan.json", tmp_path / "journal"
    with emulated() as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as registry:
        repository = filled(seed, registry)
        clock.now += 30 * DAY
        plan = acr.Policy(ALL).plan(registry.inventory(cache=False))
        acr.save_plan(plan, path)
        emulator.clear_requests()
        before = everything_in(repository)
        killed(seed, emulator, path, journal, max(1, len(plan.deletions)))
        between = everything_in(repository)
        planned = {one.name or one.digest for one in plan.deletions}
        assert (before[0] | before[1]) - (between[0] | between[1]) <= planned
        report = registry.purge(acr.load_plan(path), journal=journal, rate=None)
        assert everything_in(repository) == expected
        assert locks(repository) == locked
        assert report.is_whole
        assert len(report.deleted) + len(report.absent) == len(plan.deletions)
        assert repository.name == NAME

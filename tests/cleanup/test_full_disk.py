"""The disk with the journal is full in the midst: nothing more is deleted, and what is needed is put back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from tests.cleanup.aged import Clock, filled, plan_of
from tests.cleanup.test_evidence import Acts, acts, before_manifest, first_of, index_over, parts, why

if sys.platform == "win32":
    pytest.skip("Windows has no limit for the size of a file", allow_module_level=True)

import resource

__all__ = ["acts"]  # a fixture


class Disk:
    """Lets no file become larger than the journal is, from `fill` to `free`."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._journal.stat().st_size, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@pytest.fixture
def disk(journal: Path) -> Iterator[Disk]:
    disk = Disk(journal)
    yield disk
    disk.free()


def test_a_tag_that_moved_is_put_back_although_that_cannot_be_noted(
    acts: Acts, owner: acr.Registry, clock: Clock, disk: Disk
) -> None:
    """Its deletion told where it pointed to, and the registry tells that only once."""
    repository = filled(owner, clock)
    keep = repository.tag("keep").properties().digest
    plan = plan_of(owner)

    def move() -> None:
        repository.put_manifest(repository.manifest("keep").get(), tag="old")
        disk.fill()

    report = acts(plan, ("DELETE .*/_tags/old[?]", move))
    assert list(report.unfinished) == ["team/app"]
    assert "File too large" in report.unfinished["team/app"]
    assert "team/app:old" in why(report.put_back)
    assert repository.tag("old").properties().digest == keep
    disk.free()
    report = acts(plan)
    assert report.is_whole, str(report)
    assert repository.tag("old").properties().digest == keep


def test_what_a_late_push_needs_is_put_back_although_nothing_can_be_noted(
    acts: Acts, owner: acr.Registry, clock: Clock, disk: Disk
) -> None:
    repository = filled(owner, clock)
    _, platforms = parts(repository)
    plan = plan_of(owner)
    first = first_of(plan, platforms)
    fields = index_over(repository, first)

    def push() -> None:
        repository.put_manifest(fields, tag="late")
        disk.fill()

    report = acts(plan, (before_manifest(first), push))
    assert list(report.unfinished) == ["team/app"]
    assert f"team/app@{first}" in why(report.put_back)
    repository.pull("late", acr.Memory())
    disk.free()
    assert acts(plan).is_whole
    repository.pull("late", acr.Memory())

"""Verdicts: what a policy of eight rules says of 42 tags at five ages, without a registry."""

from __future__ import annotations

import hashlib

import pytest

from acr import Inventory
from acr._cleanup.policy import Policy
from acr._inventory.builder import Builder, NewManifest, NewRepository, NewTag
from acr._inventory.marks import Flag
from tests.cleanup.scenes import DAY, FREE, HOUR, NOW, SECOND

POLICY = r"""
[purge]
protect = ["latest", "prod-*"]

[[purge.rule]]
name = "releases"
repositories = ["team/*"]
tags = { semver = ">=1.0" }
keep = "all"

[[purge.rule]]
name = "holds"
tags = { glob = ["hold-*"] }
keep = "all"

[[purge.rule]]
name = "pull requests"
repositories = ["team/*"]
tags = { glob = ["pr-*"] }
older_than = "7d"
keep_newest = 1
group_by = "pr-([0-9]+).*"

[[purge.rule]]
name = "nightly"
tags = { regex = "nightly-[0-9]{8}" }
older_than = "30d"
keep_newest = 2

[[purge.rule]]
name = "build caches"
repositories = ["cache/*"]
keep_at_most = 2

[[purge.rule]]
name = "branches"
tags = { glob = ["feature-*", "bugfix-*"] }
older_than = "2w"
only_if_more_than = 2

[[purge.rule]]
name = "old versions"
repositories = ["team/*"]
tags = { semver = "<1" }
older_than = "90d"

[[purge.rule]]
name = "scratch"
repositories = ["scratch/*"]
older_than = "P1D"
"""

AGES = (HOUR // 2, 3 * DAY, 10 * DAY, 40 * DAY, 100 * DAY)

# k: it stays, d: it goes; at each of the ages. A tag is a second older than the one above it.
TABLE = """
team/app:v1.0.0              kkkkk  releases
team/app:1.4.2               kkkkk  releases
team/app:v0.9.0              kkkkd  old versions
team/app:v1.0.0-rc.1         kkkkk  -
team/app:v1.0                kkkkk  -
team/app:latest              kkkkk  -
team/app:prod-7              kkkkk  -
team/app:hold-me             kkkkk  holds
team/app:pr-1                kkkkk  pull requests
team/app:pr-1-abc            kkddd  pull requests
team/app:pr-1-def            kkddd  pull requests
team/app:pr-2                kkkkk  pull requests
team/app:pr-x                kkkkk  pull requests
team/app:xpr-3               kkkkk  -
team/app:nightly-20260101    kkkkk  nightly
team/app:nightly-20260102    kkkkk  nightly
team/app:nightly-20260103    kkkdd  nightly
team/app:nightly-2026010     kkkkk  -
team/app:nightly-20260104-x  kkkkk  -
team/app:feature-a           kkkdd  branches
team/app:feature-b           kkkdd  branches
team/app:bugfix-c            kkkdd  branches
team/app:hotfix-d            kkkkk  -
team/lib:feature-a           kkkkk  branches
team/lib:feature-b           kkkkk  branches
team/lib:v2.0.0              kkkkk  releases
team/lib:pr-9                kkkkk  pull requests
team/lib:pr-9-1              kkddd  pull requests
cache/ci:latest              kkkkk  -
cache/ci:a                   kkkkk  build caches
cache/ci:hold-x              kkkkk  holds
cache/ci:b                   kkkkk  build caches
cache/ci:c                   kdddd  build caches
cache/ci:v1.2.3              kdddd  build caches
scratch/me:anything          kdddd  scratch
scratch/me:v1.0.0            kdddd  scratch
scratch/me:latest            kkkkk  -
scratch/me:nightly-20260101  kkkkk  nightly
scratch/me:pr-5              kdddd  scratch
other/app:v1.0.0             kkkkk  -
other/app:nightly-20260101   kkkkk  nightly
other/app:hold-1             kkkkk  holds
"""
ROWS = [(*line.split(None, 2),) for line in TABLE.strip().splitlines()]


def inventory(age: int) -> Inventory:
    """All tags at one age, each with a manifest of its own."""
    names = [reference for reference, _, _ in ROWS]
    builder = Builder()
    for repository in sorted({name.partition(":")[0] for name in names}):
        own = [(place, name) for place, name in enumerate(names) if name.startswith(f"{repository}:")]
        times = {name: NOW - age - place * SECOND for place, name in own}
        contents = {name: hashlib.sha256(name.encode()).digest() for _, name in own}
        builder.add(
            NewRepository(
                name=repository,
                created=0,
                updated=0,
                manifest_count=len(own),
                tag_count=len(own),
                flags=FREE,
                manifests=[
                    NewManifest(
                        content=contents[name],
                        size=1,
                        created=times[name],
                        updated=times[name],
                        flags=FREE | int(Flag.LISTED),
                    )
                    for _, name in own
                ],
                tags=[
                    NewTag(
                        name=name.partition(":")[2],
                        content=contents[name],
                        created=times[name],
                        updated=times[name],
                        flags=FREE,
                    )
                    for _, name in own
                ],
            )
        )
    return Inventory(builder.build(registry="made.up", started=NOW, finished=NOW, catalog=None))


@pytest.mark.parametrize("column", range(len(AGES)), ids=["30m", "3d", "10d", "40d", "100d"])
def test_the_table(column: int) -> None:
    assert len(ROWS) >= 40
    plan = Policy(POLICY).plan(inventory(AGES[column]))
    found = {reference: plan.explain(reference) for reference, _, _ in ROWS}
    expected = {reference: letters[column] for reference, letters, _ in ROWS}
    assert {reference: "d" if one.goes else "k" for reference, one in found.items()} == expected
    rules = {reference: one.rule or "-" for reference, one in found.items()}
    # What is younger than an hour stays by no rule's word; its rule is told all the same.
    assert rules == {reference: rule for reference, _, rule in ROWS} | {
        reference: "-" for reference, rule in rules.items() if rule == "-" and column == 0
    }
    deleted = {line.reference for line in plan.deletions if line.name}
    assert deleted == {reference for reference, one in found.items() if one.goes}


def test_the_examples_of_a_policy_say_the_same() -> None:
    """The same table as examples within the file: ranks come from the ages there."""
    items: dict[str, list[str]] = {}
    for place, (reference, letters, rule) in enumerate(ROWS):
        repository, _, tag = reference.partition(":")
        expect = "delete" if letters[4] == "d" else "keep"
        more = f', rule = "{rule}"' if rule != "-" else ""
        items.setdefault(repository, []).append(f'{{ tag = "{tag}", age = "100d{place}s", expect = "{expect}"{more} }}')
    text = POLICY
    for name, own in items.items():
        lines = ",\n".join(own)
        text += f'[[purge.example]]\nrepository = "{name}"\nitems = [\n{lines}\n]\n'
    assert Policy(text).test() == ()
    item = 'tag = "xpr-3", age = "100d13s", expect = '
    (failure,) = Policy(text.replace(f'{item}"keep"', f'{item}"delete"')).test()
    assert (failure.item, failure.found) == ("team/app:xpr-3", "keep")

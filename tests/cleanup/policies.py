"""Policies that are made up at random, as TOML and as what they mean. The client has no part in the meaning."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import attrs

from tests.cleanup.scenes import DAY, HOUR, Item, Place, Scene

DAYS = (0, 2, 7, 30)
TAGS: Mapping[str, Callable[[str], bool]] = {
    '{ glob = ["v*"] }': lambda tag: tag.startswith("v"),
    '{ glob = ["v0", "v[1-2]"] }': lambda tag: tag in ("v0", "v1", "v2"),
    '{ regex = "v[0-3]" }': lambda tag: tag in ("v0", "v1", "v2", "v3"),
    '{ regex = "v" }': lambda tag: tag == "v",
    '{ glob = ["sha256-*"] }': lambda tag: tag.startswith("sha256-"),
    '{ glob = ["*"] }': lambda tag: True,
}


@attrs.define(kw_only=True)
class MadeRule:
    """A rule."""

    name: str
    repositories: list[str]
    tags: str | None
    keep_all: bool = False
    keeps_subject: bool = True
    group_by: bool = False  # by odd and even
    older_than: int | None = None  # days
    keep_newest: int | None = None
    keep_at_most: int | None = None
    only_if_more_than: int | None = None

    def is_about(self, place: Place) -> bool:
        if place.is_cache:
            return place.name in self.repositories
        return any(fnmatchcase(place.name, one) for one in self.repositories)

    def matches(self, tag: str) -> bool:
        return self.tags is None or TAGS[self.tags](tag)

    def takes(self, age: int, rank: int, count: int) -> bool:
        """Whether a tag goes, that has a rank among so many."""
        if self.keep_all or (self.only_if_more_than is not None and count <= self.only_if_more_than):
            return False
        if self.keep_newest is not None and rank <= self.keep_newest:
            return False
        if self.keep_at_most is not None and rank > self.keep_at_most:
            return True
        if self.older_than is not None:
            return age > self.older_than * DAY
        return self.keep_newest is not None

    def toml(self) -> str:
        found: dict[str, Any] = {"name": self.name, "repositories": self.repositories}
        for key in ("older_than", "keep_newest", "keep_at_most", "only_if_more_than"):
            value = getattr(self, key)
            if value is not None:
                found[key] = f"{value}d" if key == "older_than" else value
        found |= {"keep": "all"} if self.keep_all else {}
        found |= {"keeps_subject": False} if not self.keeps_subject else {}
        found |= {"group_by": "v([02468])?.*"} if self.group_by else {}
        tags = [f"tags = {self.tags}"] if self.tags else []
        return "\n".join(["[[purge.rule]]", *(f"{key} = {json.dumps(value)}" for key, value in found.items()), *tags])


@attrs.define(kw_only=True)
class MadePolicy:
    """A policy."""

    rules: list[MadeRule]
    protect: list[str]
    running: list[str]
    unlock: list[str] = attrs.field(factory=list)
    untagged: int | None = None  # days
    untagged_newest: int = 0
    orphans: int | None = None

    def toml(self) -> str:
        parts = ["[purge]", f"protect = {json.dumps(self.protect)}" if self.protect else ""]
        parts.append('protect_from = ["running.txt"]' if self.running else "")
        parts.append(f"unlock = {json.dumps(self.unlock)}" if self.unlock else "")
        parts += [rule.toml() for rule in self.rules]
        if self.untagged is not None:
            parts.append(f'[purge.untagged]\nolder_than = "{self.untagged}d"\nkeep_newest = {self.untagged_newest}')
        if self.orphans is not None:
            parts.append(f'[purge.orphans]\nolder_than = "{self.orphans}d"')
        return "\n".join(parts)

    def is_held(self, place: Place, key: str) -> bool:
        """Whether a tag or a manifest is locked, and stays so."""
        return place.about[key].is_locked and f"{place.name}{'@' if ':' in key else ':'}{key}" not in self.unlock

    def is_protected(self, tag: str) -> bool:
        return any(fnmatchcase(tag, one) for one in self.protect)

    def going(self, place: Place, exempt: Iterable[str]) -> set[str]:
        """The tags that the rules take.

        Args:
            place: the repository.
            exempt: tags that are protected, and so count nowhere.
        """
        groups: dict[tuple[str, Any], list[str]] = {}
        for tag in place.tags:
            if place.about[tag].is_hidden or tag in exempt or _is_named(place, tag):
                continue
            rule = next((one for one in self.rules if one.is_about(place) and one.matches(tag)), None)
            if rule is None or (rule.group_by and not tag.startswith("v")):
                continue
            group = tag[1:2] if rule.group_by and tag[1:2] in ("0", "2", "4", "6", "8") else ""
            groups.setdefault((rule.name, group), []).append(tag)
        found = set()
        by_name = {rule.name: rule for rule in self.rules}
        for (name, _), tags in groups.items():
            tags.sort(key=lambda tag: (place.about[tag].age, tag))
            for rank, tag in enumerate(tags, 1):
                if by_name[name].takes(place.about[tag].age, rank, len(tags)) and place.about[tag].age >= HOUR:
                    found.add(tag)
        return found

    def keeps_subject(self, place: Place, tag: str) -> bool:
        rule = next((one for one in self.rules if one.is_about(place) and one.matches(tag)), None)
        return rule is None or rule.keeps_subject


def _is_named(place: Place, tag: str) -> bool:
    return place.is_attached(tag)


def random_policy(seed: int, scene: Scene) -> MadePolicy:
    """A policy that is made up at random, for a registry."""
    dice = random.Random(f"policy {seed}")
    rules = [_rule(dice, number) for number in range(dice.randint(1, 3))]
    place = dice.choice(list(scene.places.values()))
    digests = [*place.fields, *(one for digest in place.fields for one in sorted(place.configs(digest)))]
    running = [str(dice.choice(digests))] if digests and dice.random() < 0.2 else []
    running += [f"some.where/{place.name}:v1"] if dice.random() < 0.1 else []
    names = [f"{one.name}{'@' if ':' in key else ':'}{key}" for one in scene.places.values() for key in one.about]
    locked = [name for name in names if _item(scene, name).is_locked]
    own = random.Random(f"unlock {seed}")
    unlock = [name for name in locked if own.random() < 0.8] if own.random() < 0.7 else []
    return MadePolicy(
        unlock=[*unlock, *own.sample(names, min(len(names), 2))] if unlock else [],
        rules=rules,
        protect=dice.choice([[], [], ["v1"], ["v[3-4]", "latest"]]),
        running=running,
        untagged=dice.choice([None, 0, 2, 30, 30]),
        untagged_newest=dice.choice([0, 0, 1, 2]),
        orphans=dice.choice([None, 0, 2]),
    )


def _item(scene: Scene, name: str) -> Item:
    repository, _, key = name.partition("@") if "@" in name else name.partition(":")
    return scene.places[repository].about[key]


def _rule(dice: random.Random, number: int) -> MadeRule:
    rule = MadeRule(
        name=f"rule-{number}",
        repositories=dice.choice([["*"], ["*"], ["a"], ["b/*", "d"]]),
        tags=dice.choice([None, *TAGS]),
        keeps_subject=dice.random() < 0.7,
    )
    kind = dice.random()
    if kind < 0.15:
        rule.keep_all = True
        return rule
    if kind < 0.75:
        rule.older_than = dice.choice(DAYS)
    if kind > 0.6:
        rule.keep_newest = dice.randint(0, 2)
    if kind < 0.3:
        rule.keep_at_most = 2
        rule.keep_newest = dice.choice([None, 0, 1])
    rule.only_if_more_than = dice.choice([None, None, None, 1])
    rule.group_by = dice.random() < 0.2 and (rule.keep_newest, rule.keep_at_most, rule.only_if_more_than) != (None,) * 3
    return rule

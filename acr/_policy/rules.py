"""Rules: which tags go, which untagged manifests, and which orphans. A rule judges, and knows nothing of a registry."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import attrs

from acr._policy.patterns import Repositories, Tags
from acr._values.durations import exact_duration, shown_duration

FLOOR: Final = timedelta(hours=1)
"""What is younger stays, whatever a rule says: somebody may be pushing what leads to it."""

SECOND: Final = 1_000_000
"""Microseconds, which times are counted in."""


@attrs.frozen
class Verdict:
    """What is to become of a tag or a manifest, if nothing else speaks for it.

    Args:
        goes: whether it goes.
        rule: the name of the rule; empty if none decides.
        why: the reason.
        follows: whether the tag stays only as long as its manifest does.
        holds_subject: whether the tag, on an attachment, keeps what that is attached to.
    """

    goes: bool
    rule: str
    why: str
    follows: bool = False
    holds_subject: bool = True


@attrs.frozen(kw_only=True)
class Standing:
    """How an item stands among those that a rule decides about.

    Args:
        age: microseconds since it was pushed or moved.
        rank: its place among them, the newest first, from 1.
        count: how many there are.
        pull: the last pull, as `acr._policy.pulls.Pulls.since` tells it; None if nobody asks for it.
    """

    age: int
    rank: int = 1
    count: int = 1
    pull: Pull | None = None


@attrs.frozen
class Pull:
    """What is known of the last pull of an item.

    Args:
        is_known: whether the file of pulls covers the time that is asked for.
        age: microseconds since the last pull; None if there was none in that time.
        why: why it is not known.
    """

    is_known: bool
    age: int | None = None
    why: str = ""


@attrs.frozen(kw_only=True)
class Conditions:
    """When something goes. Those that are None do not count.

    Args:
        older_than: it goes if it is older.
        not_pulled_for: it goes if nobody has pulled it for so long.
        keep_newest: so many of the newest stay, whatever else is said.
        keep_at_most: beyond so many it goes, whatever its age.
        only_if_more_than: nothing goes unless there are more.
    """

    older_than: timedelta | None = None
    not_pulled_for: timedelta | None = None
    keep_newest: int | None = None
    keep_at_most: int | None = None
    only_if_more_than: int | None = None

    def judge(self, rule: str, it: Standing) -> Verdict:
        """Decide about an item."""
        if self.only_if_more_than is not None and it.count <= self.only_if_more_than:
            return _stays(rule, f"there are {it.count:,}, and the rule acts on more than {self.only_if_more_than:,}")
        if self.keep_newest is not None and it.rank <= self.keep_newest:
            return _stays(rule, f"{_place(it.rank)}, and the newest {self.keep_newest:,} stay")
        reasons: list[str] = []
        if self.not_pulled_for is not None:
            held = self._held_by_a_pull(self.not_pulled_for, it)
            if held:
                return _stays(rule, held)
            reasons.append(f"not pulled for {exact_duration(self.not_pulled_for)}")
        if self.keep_at_most is not None and it.rank > self.keep_at_most:
            return _goes(rule, [*reasons, f"{_place(it.rank)}, and at most {self.keep_at_most:,} stay"])
        if self.older_than is not None:
            if it.age <= _microseconds(self.older_than):
                return _stays(rule, f"not older than {exact_duration(self.older_than)} ({_shown(it.age)})")
            reasons.append(f"older than {exact_duration(self.older_than)} ({_shown(it.age)})")
        elif self.keep_at_most is not None and self.not_pulled_for is None:
            return _stays(rule, f"{_place(it.rank)}, and {self.keep_at_most:,} may stay")
        if self.keep_newest:
            reasons.append(f"not among the newest {self.keep_newest:,}")
        return _goes(rule, reasons or ["the rule takes it at any age"])

    @staticmethod
    def _held_by_a_pull(length: timedelta, it: Standing) -> str:
        """Why pulls keep an item; empty if they do not."""
        asked = _microseconds(length)
        if it.age <= asked:
            return f"pushed {_shown(it.age)} ago, which is less than {exact_duration(length)}"
        if it.pull is None or not it.pull.is_known:
            return f"nobody knows when it was pulled: {it.pull.why if it.pull else 'there is no file of pulls'}"
        if it.pull.age is not None and it.pull.age <= asked:
            return f"pulled {_shown(it.pull.age)} ago"
        return ""


@attrs.frozen(kw_only=True)
class Rule:
    """Decides about tags.

    Args:
        name: shown in plans.
        repositories: which repositories it is about.
        tags: which tags it is about.
        keep_all: they all stay, and no condition counts.
        conditions: when one goes.
        group_by: counts are those of tags for which its groups are the same; None for one group.
        keeps_subject: whether a tag on an attachment keeps what that is attached to.
    """

    name: str
    repositories: Repositories = attrs.field(factory=Repositories)
    tags: Tags = attrs.field(factory=Tags)
    keep_all: bool = False
    conditions: Conditions = attrs.field(factory=Conditions)
    group_by: re.Pattern[str] | None = None
    keeps_subject: bool = True

    def group(self, tag: str) -> tuple[str, ...] | None:
        """The group that a tag counts in; None if `group_by` does not match it."""
        if self.group_by is None:
            return ()
        match = self.group_by.fullmatch(tag)
        return None if match is None else tuple(part or "" for part in match.groups())

    def judge(self, it: Standing) -> Verdict:
        """Decide about a tag."""
        if self.keep_all:
            return _stays(self.name, "the rule keeps all")
        return self.conditions.judge(self.name, it)


@attrs.frozen(kw_only=True)
class Leftovers:
    """Decides about untagged manifests, or about orphans.

    Args:
        name: shown in plans.
        repositories: which repositories it is about.
        conditions: when one goes.
        untagged_for: it goes if it has been untagged for longer; None if that does not count.
    """

    name: str
    repositories: Repositories = attrs.field(factory=Repositories)
    conditions: Conditions = attrs.field(factory=Conditions)
    untagged_for: timedelta | None = None

    def judge(self, it: Standing, untagged: int | None, source: str) -> Verdict:
        """Decide about a manifest.

        Args:
            it: how it stands.
            untagged: for how many microseconds it has been untagged; None if nobody knows.
            source: where that is from.
        """
        if self.untagged_for is None:
            return self.conditions.judge(self.name, it)
        if untagged is None:
            return _stays(self.name, f"nobody knows how long it has been untagged: {source}")
        told = f"{exact_duration(self.untagged_for)} ({_shown(untagged)}, {source})"
        if untagged <= _microseconds(self.untagged_for):
            return _stays(self.name, f"not untagged for {told}")
        verdict = self.conditions.judge(self.name, it)
        if not verdict.goes:
            return verdict
        return _goes(self.name, [f"untagged for {told}", *([verdict.why] if self.conditions != Conditions() else [])])


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _shown(age: int) -> str:
    return shown_duration(age / SECOND)


def _place(rank: int) -> str:
    """A place for people.

    >>> [_place(rank) for rank in (1, 2, 3, 4, 11, 22)]
    ['the newest', '2nd newest', '3rd newest', '4th newest', '11th newest', '22nd newest']
    """
    if rank == 1:
        return "the newest"
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending} newest"


def _stays(rule: str, why: str) -> Verdict:
    return Verdict(False, rule, why)


def _goes(rule: str, reasons: list[str]) -> Verdict:
    return Verdict(True, rule, "; ".join(reasons))

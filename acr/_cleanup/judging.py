"""Judging: what the rules say of the tags of one repository, and of what no tag leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import attrs

from acr._cleanup.graph import RepositoryGraph
from acr._inventory.marks import UNKNOWN, Flag
from acr._inventory.tables import Tables, pack
from acr._policy.patterns import Repositories
from acr._policy.reading import Rules
from acr._policy.rules import FLOOR, Conditions, Leftovers, Pull, Rule, Standing, Verdict

_MICROSECOND: Final = timedelta(microseconds=1)
_FLOOR: Final = FLOOR // _MICROSECOND
_IS_NEW: Final = int(Flag.IS_NEW)
_LISTED: Final = int(Flag.LISTED)
_IS_CACHE: Final = int(Flag.IS_CACHE)
_CAN_WRITE: Final = int(Flag.CAN_WRITE)
_CAN_DELETE: Final = int(Flag.CAN_DELETE)

_Decides = TypeVar("_Decides", Rule, Leftovers)


@attrs.frozen
class Facts:
    """What is the same for all repositories of a plan.

    Args:
        tables: the inventory.
        rules: the policy.
        is_whole: whether all repositories of the registry were read.
        everywhere: which contents are manifests of any repository.
        protected: entries that protect a digest, by its content, as places among what is protected.
    """

    tables: Tables
    rules: Rules
    is_whole: bool
    everywhere: bytearray
    protected: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, tables: Tables, rules: Rules) -> Facts:
        """Look at an inventory once."""
        everywhere = bytearray(len(tables.contents.size))
        for content in tables.manifests.content:
            everywhere[content] = 1
        protected: dict[int, list[int]] = {}
        for at, entry in enumerate(rules.protected):
            found = tables.contents.digests.find(pack(entry.digest)) if entry.digest is not None else None
            if found is not None:
                protected.setdefault(found, []).append(at)
        return cls(tables, rules, tables.is_whole, everywhere, protected)

    @property
    def now(self) -> int:
        """The time that ages count to: when the reading began, by the registry's clock."""
        return self.tables.started


class Judge:
    """Decides in one repository.

    Args:
        facts: what is the same everywhere.
        graph: the repository.
    """

    def __init__(self, facts: Facts, graph: RepositoryGraph) -> None:
        self._facts = facts
        self._graph = graph
        self._rules = facts.rules
        self._tables = facts.tables
        self._unlock = {one.label for one in facts.rules.unlock if one.repository == graph.name}
        self._is_cache = bool(self._tables.repositories.flags[graph.repository] & _IS_CACHE)
        self.used: set[str] = set()

    def _about(self, candidates: Sequence[_Decides]) -> list[_Decides]:
        """The rules for this repository. A pull-through cache must be named: no pattern is about it."""
        name = self._graph.name

        def is_about(repositories: Repositories) -> bool:
            return repositories.names(name) if self._is_cache else repositories.matches(name)

        return [one for one in candidates if is_about(one.repositories)]

    def lock(self, node: int) -> str:
        """Why a tag or a manifest cannot be deleted; empty if it can, or if the policy names it to be unlocked."""
        return "" if self._is_named(node) else _lock(self._flags(node), "it")

    def unlocks(self, node: int) -> bool:
        """Whether a tag or a manifest is locked, and the policy names it to be unlocked."""
        return self._is_named(node) and bool(_lock(self._flags(node), "it"))

    @property
    def has_names(self) -> bool:
        """Whether the policy names anything of this repository to be unlocked."""
        return bool(self._unlock)

    def named(self) -> set[str]:
        """What the policy names to be unlocked, and is there, as references."""
        if not self._unlock:
            return set()
        graph = self._graph
        there = {graph.label(node) for node in (*graph.manifests, *(~tag for tag in graph.tags))}
        return {one.reference for one in self._rules.unlock if one.repository == graph.name and one.label in there}

    def _is_named(self, node: int) -> bool:
        return bool(self._unlock) and self._graph.label(node) in self._unlock

    def _flags(self, node: int) -> int:
        return self._tables.tags.flags[~node] if node < 0 else self._tables.manifests.flags[node]

    def repository_lock(self) -> str:
        """Why nothing in the repository can be deleted; empty if it can."""
        return _lock(self._tables.repositories.flags[self._graph.repository], "the repository")

    def guard(self, node: int) -> str:
        """Why something must not be touched, whatever the rules say: it is new, or nobody knows how old it is."""
        if node < 0:
            if ~node in self._graph.repeated:
                return "it was listed more than once"
            flags, columns, row = self._tables.tags.flags[~node], self._tables.tags, ~node
        else:
            flags, columns, row = self._tables.manifests.flags[node], self._tables.manifests, node  # type: ignore[assignment]
            if not flags & _LISTED:
                return "the listing of the repository does not show it"
        if flags & _IS_NEW:
            return "it is newer than the inventory"
        if columns.updated[row] == UNKNOWN or columns.created[row] == UNKNOWN:
            return "nobody knows how old it is"
        return "it is younger than an hour" if self.age(node) < _FLOOR else ""

    def age(self, node: int) -> int:
        """Microseconds since something was pushed or moved. What has no time at all is new."""
        if node < 0:
            times = (self._tables.tags.created[~node], self._tables.tags.updated[~node])
        else:
            times = (self._tables.manifests.created[node], self._tables.manifests.updated[node])
        return self._facts.now - max(times) if UNKNOWN not in times else 0

    def tags(self, protected: Mapping[int, str]) -> dict[int, Verdict]:
        """What the rules say of each tag that is no attachment.

        Args:
            protected: tags that stay without counting anywhere, with the reason.
        """
        found: dict[int, Verdict] = {}
        groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        rules = self._about(self._rules.rules)
        for tag in self._graph.tags:
            if tag in self._graph.named or tag in self._graph.orphan_tags:
                continue
            if tag in protected:
                found[tag] = Verdict(False, "", protected[tag])
                continue
            name = self._tables.tags.name[tag]
            at = next((at for at, rule in enumerate(rules) if rule.tags.matches(name)), None)
            if at is None:
                found[tag] = Verdict(False, "", self._no_rule())
                continue
            self.used.add(rules[at].name)
            group = rules[at].group(name)
            if group is None:
                found[tag] = Verdict(False, rules[at].name, "group_by does not match it")
            else:
                groups.setdefault((at, group), []).append(tag)
        for (at, _), tags in groups.items():
            found.update(self._of_group(rules[at], tags))
        return found

    def _no_rule(self) -> str:
        return "no rule names this pull-through cache" if self._is_cache else "no rule is about it"

    def _of_group(self, rule: Rule, tags: list[int]) -> dict[int, Verdict]:
        name = self._tables.tags.name
        tags.sort(key=lambda tag: (self.age(~tag), name[tag]))
        found: dict[int, Verdict] = {}
        for rank, tag in enumerate(tags, 1):
            pull = self._pull(rule.conditions, [name[tag]], self._graph.targets.get(tag))
            verdict = rule.judge(Standing(age=self.age(~tag), rank=rank, count=len(tags), pull=pull))
            target = self._graph.targets.get(tag)
            follows = not rule.keeps_subject and target is not None and self._graph.is_attachment(target)
            found[tag] = attrs.evolve(verdict, follows=follows, holds_subject=rule.keeps_subject)
        return found

    def _pull(self, conditions: Conditions, names: list[str], root: int | None) -> Pull | None:
        """The last pull of an image. A pull of a part of it counts."""
        if conditions.not_pulled_for is None or self._rules.pulls is None:
            return None
        parts = self._graph.reach([root], attached=False) if root is not None else ()
        asked = [*names, *map(self._graph.label, parts)]
        return self._rules.pulls.since(self._graph.name, asked, self._facts.now, conditions.not_pulled_for)

    def untagged(self, roots: Iterable[int]) -> dict[int, Verdict]:
        """What the policy says of manifests that nothing leads to.

        Args:
            roots: their rows.
        """
        found: dict[int, Verdict] = {}
        counted: list[int] = []
        for row in roots:
            if row in self._graph.dangling:
                found[row] = self._orphan(row)
            else:
                counted.append(row)
        decides = next(iter(self._about(self._rules.untagged)), None)
        if decides is None:
            return found | dict.fromkeys(counted, Verdict(False, "", f"untagged, and {self._no_rule()}"))
        if counted:
            self.used.add(decides.name)
        counted.sort(key=lambda row: (self.age(row), self._graph.label(row)))
        has_history = self._has_history()
        for rank, row in enumerate(counted, 1):
            pull = self._pull(decides.conditions, [], row)
            standing = Standing(age=self.age(row), rank=rank, count=len(counted), pull=pull)
            found[row] = decides.judge(standing, *self._untagged_for(row, has_history))
        return found

    def _untagged_for(self, row: int, has_history: bool) -> tuple[int | None, str]:
        """For how long a manifest has been untagged, and where that is from.

        A time that is that of this inventory comes from a cache that knows an earlier one, which saw a tag on it. An
        earlier one may have seen it before it was deleted, and pushed again.
        """
        since = self._tables.manifests.untagged_since[row]
        if since != UNKNOWN and since < self._facts.now:
            seen, age = self._facts.now - since, self.age(row)
            return (age, "age of its push") if age < seen else (seen, "since an inventory first saw it so")
        if since != UNKNOWN or has_history:
            return 0, "an earlier inventory did not see it so"
        return self.age(row), "age of its push"

    def _has_history(self) -> bool:
        """Whether an earlier inventory noted what was untagged in this repository."""
        since = self._tables.manifests.untagged_since
        return any(since[row] != UNKNOWN and since[row] < self._facts.now for row in self._graph.manifests)

    def orphan_tag(self, tag: int) -> Verdict:
        """What the policy says of a tag that is named after a manifest which the repository lacks."""
        if not self._facts.is_whole:
            return Verdict(False, "", "named after a manifest that may be in a repository which was not read")
        if any(self._facts.everywhere[content] for content in self._graph.orphan_tags[tag]):
            return Verdict(False, "", "named after a manifest of another repository")
        return self._orphan(~tag)

    def _orphan(self, node: int) -> Verdict:
        decides = next(iter(self._about(self._rules.orphans)), None)
        if decides is None:
            return Verdict(False, "", f"an orphan, and {self._no_rule()}")
        self.used.add(decides.name)
        verdict = decides.conditions.judge(decides.name, Standing(age=self.age(node)))
        return attrs.evolve(verdict, why=f"an orphan, {verdict.why}")


def _lock(flags: int, what: str) -> str:
    off = [name for name, flag in (("can_delete", _CAN_DELETE), ("can_write", _CAN_WRITE)) if not flags & flag]
    return f"{what} is locked: {' and '.join(off)} {'are' if len(off) > 1 else 'is'} off" if off else ""

"""Planning: a plan of an inventory and the rules of a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from acr._cleanup.columns import NONE, Line, Lines, Texts
from acr._cleanup.deciding import Decision, decide
from acr._cleanup.freeing import Freeing
from acr._cleanup.judging import Facts
from acr._cleanup.keeping import Reason
from acr._cleanup.plan import Plan
from acr._cleanup.plan_text import BARE, left_bare
from acr._cleanup.plan_values import PlanHead
from acr._inventory.marks import to_time
from acr._inventory.tables import Tables
from acr._policy.reading import Rules
from acr._text import counted
from acr.errors import InvalidInput

_TOLD: Final = 20
"""How many notes of one kind are in a plan."""


def make_plan(tables: Tables, rules: Rules, policy: Mapping[str, str]) -> Plan:
    """Make a plan.

    Args:
        tables: the inventory.
        rules: the policy.
        policy: its files, with the sha256 of each.

    Raises:
        InvalidInput: the inventory has a repository twice.
    """
    if len(set(tables.repositories.name)) < len(tables.repositories.name):
        raise InvalidInput("the inventory is damaged: it has a repository twice. Read it again")
    return _Planning(tables, rules).plan(policy)


class _Planning:
    """The work on one plan."""

    def __init__(self, tables: Tables, rules: Rules) -> None:
        self._tables = tables
        self._rules = rules
        self._facts = Facts.of(tables, rules)
        self._freeing = Freeing(tables)
        texts = Texts()
        texts.row("")
        self._deletions, self._kept = Lines(texts), Lines(texts)
        self._met: set[int] = set()
        self._used: set[str] = set()
        self._named: set[str] = set()
        self._also_locked: list[str] = []
        self._doubts: list[str] = []
        self._stops: list[str] = []
        self._bare = 0
        self._first_bare: list[str] = []

    def plan(self, policy: Mapping[str, str]) -> Plan:
        """Make it."""
        tables = self._tables
        for repository in range(len(tables.repositories.name)):
            self._take(decide(self._facts, repository))
        most = self._rules.max_deletions
        if most is not None and len(self._deletions) > most:
            self._stops.append(f"{counted(len(self._deletions), 'deletion')}, and max_deletions is {most:,}")
        is_certain = self._facts.is_whole and not self._doubts and not any(tables.manifests.trouble)
        head = PlanHead(
            registry=tables.registry,
            at=to_time(tables.started),
            finished=to_time(tables.finished),
            is_whole=self._facts.is_whole,
            repositories=len(tables.repositories.name),
            is_certain=is_certain,
            policy=policy,
            frees=self._freeing.freed,
            stays_shared=self._freeing.touched - self._freeing.freed,
            warnings=tuple(self._warnings(is_certain)),
            stops=tuple(self._stops),
        )
        return Plan(head, self._deletions, self._kept)

    def _take(self, decision: Decision) -> None:
        """Take in what becomes of a repository."""
        self._met |= decision.met
        self._used |= decision.used
        self._named |= decision.named
        self._also_locked += decision.also_locked
        graph = decision.graph
        if graph.doubts:
            more = f" (and {len(graph.doubts) - 1:,} more)" if len(graph.doubts) > 1 else ""
            self._doubts.append(f"{graph.name}: no manifest goes, because of a doubt: {graph.doubts[0]}{more}")
        places: dict[int, int] = {}
        for node, reason in decision.going.items():
            frees = self._freeing.delete(node) if node >= 0 else 0
            places[node] = self._deletions.add(self._line(decision, node, reason, frees=frees))
        _connect(self._deletions, decision.going, places)
        places, bare = {}, set(decision.bare)
        self._bare += len(bare)
        room = BARE - len(self._first_bare)
        self._first_bare += [f"{graph.name}@{graph.label(row)}" for row in decision.bare[:room]]
        for node, reason in decision.kept.items():
            places[node] = self._kept.add(self._line(decision, node, reason, is_bare=node in bare))
        _connect(self._kept, decision.kept, places)
        count = sum(node >= 0 for node in decision.going)
        share = self._rules.max_share
        if share is not None and count > share * len(graph.manifests):
            self._stops.append(
                f"{graph.name}: {count:,} of {counted(len(graph.manifests), 'manifest')} go, and max_share is {share:g}"
            )

    def _line(self, decision: Decision, node: int, reason: Reason, *, frees: int = 0, is_bare: bool = False) -> Line:
        tables = self._tables
        tags, manifests, texts = tables.tags, tables.manifests, tables.texts
        return Line(
            repository=decision.graph.name,
            name=tags.name[~node] if node < 0 else "",
            digest=tables.contents.digests.packed(tags.content[~node] if node < 0 else manifests.content[node]),
            media_type=texts[manifests.media_type[node]] if node >= 0 else "",
            updated=tags.updated[~node] if node < 0 else manifests.updated[node],
            rule=reason.rule,
            why=reason.why,
            frees=frees,
            is_bare=is_bare,
            unlocks=node in decision.unlocks,
        )

    def _unlocks(self) -> Iterator[str]:
        for name in self._deletions.unlocked():
            yield f"{name} is locked, and goes only if unlock= names it: the policy allows that"

    def _warnings(self, is_certain: bool) -> Iterator[str]:
        yield from _some(self._doubts, "repositories with a doubt")
        rules: Sequence[str] = [one.name for one in self._rules.rules if one.name not in self._used]
        lines = self._rules.lines
        yield from _some(
            [f"the rule {one!r} (line {lines[one]}) is about no tag that was read" for one in rules], "rules"
        )
        unmet = [
            f"{one.where} protects {_named(one)}, which was not found"
            for at, one in enumerate(self._rules.protected)
            if one.is_listed and at not in self._met
        ]
        yield from _some(unmet, "that were not found")
        absent = [one.reference for one in self._rules.unlock if one.reference not in self._named]
        yield from _some([f"unlock names {one}, which was not found" for one in absent], "that were not found")
        yield from _some(self._also_locked, "that stay")
        yield from self._unlocks()
        if self._bare:
            yield left_bare(self._first_bare, self._bare)
        if not is_certain and len(self._deletions):
            yield "nobody knows how much is freed at the least: something was not read that may use the same blobs"
        if len(self._deletions):
            yield "if soft delete is on, the bytes are free only when its days are over"


def _named(entry: object) -> str:
    digest, repository, tag = (getattr(entry, name) for name in ("digest", "repository", "tag"))
    return str(digest) if digest is not None else f"{repository}:{tag}"


def _connect(lines: Lines, reasons: Mapping[int, Reason], places: Mapping[int, int]) -> None:
    """Let lines refer to the lines that complete their reasons."""
    for node, reason in reasons.items():
        lines.via[places[node]] = NONE if reason.via is None else places.get(reason.via, NONE)


def _some(notes: Iterable[str], what: str) -> Iterator[str]:
    found = list(notes)
    yield from found[:_TOLD]
    if len(found) > _TOLD:
        yield f"and {len(found) - _TOLD:,} more {what}"

"""Deciding: what goes and what stays in one repository.

1. Find what is kept for itself: what is locked, protected, new, hidden or in doubt, and the tags that no rule takes.
2. Follow all edges from there. What is reached is kept.
3. Of what no tag leads to, the policy keeps some. Follow all edges from there, too.
4. What is outside of all that goes, each thing with its reason. What has no reason stays, and step 2 is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from acr._cleanup.also_locked import also_locked
from acr._cleanup.graph import RepositoryGraph
from acr._cleanup.judging import Facts, Judge
from acr._cleanup.keeping import NAMED, PART, REFERRER, TARGET, Keeping, Reason
from acr._cleanup.ordering import deletion_order
from acr._policy.rules import Verdict

LAST_TAG = "its manifest stays because of a doubt, and this is its last tag"
UNREAD = "it leads to what could not be read"
UNTAGGED = "all its tags go:"
GOES_WITH = "it is on an attachment of"
STAYS_LOCKED = "it stays, and is locked"
UNDECIDED = "nothing decides about it"


@attrs.frozen(kw_only=True)
class Decision:
    """What becomes of one repository.

    Args:
        graph: the repository.
        going: what goes, in an order in which it can be deleted: tags, then what leads to others before these.
        kept: what stays.
        bare: manifests that stay, and lose all of their tags.
        met: what is protected by name and was found, by its place among what is protected.
        used: the names of the rules that had something to decide.
        unlocks: what goes and is locked: the policy names it.
        named: what the policy names to be unlocked, and was found, as references.
        also_locked: what the policy has to name as well, so that what it names can go.
    """

    graph: RepositoryGraph
    going: Mapping[int, Reason]
    kept: Mapping[int, Reason]
    bare: Sequence[int]
    met: frozenset[int]
    used: frozenset[str]
    unlocks: frozenset[int]
    named: frozenset[str]
    also_locked: Sequence[str]


def decide(facts: Facts, repository: int) -> Decision:
    """Decide about a repository."""
    return _Deciding(facts, repository).run()


class _Deciding:
    """The work on one repository."""

    def __init__(self, facts: Facts, repository: int) -> None:
        self._facts = facts
        self._graph = RepositoryGraph(facts.tables, repository)
        self._judge = Judge(facts, self._graph)
        self._keeping = Keeping(self._graph)
        self._met: set[int] = set()
        self._lock = self._judge.repository_lock()
        named = self._graph.manifests if self._judge.has_names else ()
        self._unlockable = [row for row in named if self._judge.unlocks(row)]
        self._rows = self._protect_rows()
        self._tags = self._protect_tags()

    def run(self) -> Decision:
        """Decide."""
        keeping, graph = self._keeping, self._graph
        verdicts = self._judge.tags(self._tags)
        self._hold_tags(verdicts)
        self._keep_items()
        self._keep_tags(verdicts)
        self._keep_attachment_tags()
        keeping.close()
        untagged = self._untagged()
        for row, verdict in untagged.items():
            if not verdict.goes:
                keeping.keep(row, verdict.why, rule=verdict.rule)
        keeping.close()
        going = self._going(verdicts, untagged)
        for tag in graph.targets:
            follower = verdicts.get(tag)
            if follower is not None and follower.follows and not follower.goes and ~tag not in going:
                keeping.keep(~tag, follower.why, rule=follower.rule)
        keeping.close()
        return Decision(
            graph=graph,
            going=going,
            kept=keeping.reasons,
            bare=[row for row in graph.tags_on if row in keeping.reasons and self._loses_its_tags(row, going)],
            met=frozenset(self._met),
            used=frozenset(self._judge.used),
            unlocks=frozenset(filter(self._judge.unlocks, going if self._judge.has_names else ())),
            named=frozenset(self._judge.named()),
            also_locked=tuple(also_locked(graph, self._judge, keeping.reasons)),
        )

    def _loses_its_tags(self, row: int, going: Mapping[int, Reason]) -> bool:
        return all(~tag in going for tag in self._graph.tags_on[row])

    def _protect_rows(self) -> dict[int, str]:
        """Manifests that lead to a protected digest, or are it, with the reason."""
        protected = self._facts.protected
        if not protected:
            return {}
        content, links = self._facts.tables.manifests.content, self._facts.tables.links.content
        first = self._facts.tables.manifests.first_link
        holders: dict[int, list[int]] = {}
        for row in self._graph.manifests:
            for one in (content[row], *links[first[row] : first[row + 1]]):
                for at in protected.get(one, ()):
                    holders.setdefault(at, []).append(row)
        found: dict[int, str] = {}
        for at, rows in holders.items():
            self._met.add(at)
            for row in self._graph.above(rows):
                found.setdefault(row, f"protected by {self._facts.rules.protected[at].where}")
        return found

    def _protect_tags(self) -> dict[int, str]:
        """Tags that are protected, or point to what is, with the reason."""
        found: dict[int, str] = {}
        names, repository = self._facts.tables.tags.name, self._graph.name
        entries = [(at, one) for at, one in enumerate(self._facts.rules.protected) if one.is_in(repository)]
        # It could lead to something protected, and so count nowhere: then more of the others stay.
        unread = self._graph.above(self._graph.unread) if self._facts.protected else set()
        for tag in self._graph.tags:
            for at, entry in entries:
                if entry.matches(names[tag]):
                    self._met.add(at)
                    found.setdefault(tag, f"protected by {entry.where}")
            target = self._graph.targets.get(tag)
            if target in self._rows:
                found.setdefault(tag, self._rows[target])
            elif target in unread:
                found.setdefault(tag, UNREAD)
        return found

    def _hold_tags(self, verdicts: dict[int, Verdict]) -> None:
        """Hold tags because of a doubt: those that lead to what could not be read, and the last one of each manifest.

        All manifests stay then. Without a tag, nobody would find them again.
        """
        if not self._graph.doubts:
            return
        unread = self._graph.above(self._graph.unread)
        for row, tags in self._graph.tags_on.items():
            own = [tag for tag in tags if tag in verdicts]
            if row in unread or all(verdicts[tag].goes for tag in own):
                why = UNREAD if row in unread else f"{LAST_TAG}: {self._doubt()}"
                for tag in own:
                    if verdicts[tag].goes:
                        verdicts[tag] = attrs.evolve(verdicts[tag], goes=False, why=why)

    def _doubt(self) -> str:
        more = len(self._graph.doubts) - 1
        return self._graph.doubts[0] + (f" (and {more:,} more)" if more else "")

    def _keep_items(self) -> None:
        """Keep the manifests and tags that stay for themselves, whatever the rules say."""
        keeping, judge, protected = self._keeping, self._judge, self._rows
        for row in self._graph.manifests:
            why = self._lock or judge.lock(row) or protected.get(row) or judge.guard(row)
            if why:
                keeping.keep_with_tags(row, why)
            elif self._graph.doubts:
                keeping.keep(row, f"a doubt: {self._doubt()}")
        for tag in self._graph.tags:
            lock = self._lock or judge.lock(~tag)
            if lock:
                keeping.keep(~tag, lock)
                keeping.hold_subject(tag)

    def _keep_tags(self, verdicts: Mapping[int, Verdict]) -> None:
        """Keep the tags that no rule takes. What follows its manifest comes later."""
        for tag, verdict in verdicts.items():
            why = verdict.why
            if verdict.goes or verdict.follows:
                why = self._guard(tag)
                if not why:
                    continue
            self._keeping.keep(~tag, why, rule=verdict.rule)
            if verdict.holds_subject:
                self._keeping.hold_subject(tag)

    def _guard(self, tag: int) -> str:
        """Why a tag must not be touched; empty if it may."""
        return self._judge.guard(~tag) or ("" if tag in self._graph.targets else "its manifest is missing")

    def _keep_attachment_tags(self) -> None:
        """Keep tags that are named after a manifest if they are new or protected, and orphans that no rule takes."""
        for tag in self._graph.named:
            why = self._tags.get(tag) or self._guard(tag)
            if why:
                self._keeping.keep(~tag, why)
        for tag in self._graph.orphan_tags:
            why = self._tags.get(tag) or self._guard(tag) or (f"a doubt: {self._doubt()}" if self._graph.doubts else "")
            verdict = self._judge.orphan_tag(tag)
            if why or not verdict.goes:
                self._keeping.keep(~tag, why or verdict.why, rule=verdict.rule)
                self._keeping.hold_subject(tag)

    def _untagged(self) -> dict[int, Verdict]:
        """What the policy says of the manifests that no tag leads to: of the first of each group, by its row."""
        graph, kept = self._graph, self._keeping.reasons
        tagged = graph.reach(graph.targets[tag] for tag in graph.targets if tag not in graph.named)
        left = [row for row in graph.manifests if row not in tagged]
        led_to = {below for row in left for below in graph.below(row)}
        roots = [row for row in left if row not in led_to]
        reached = graph.reach(roots)
        roots += [row for row in left if row not in reached]  # they lead to each other in a circle: each one has a say
        return self._judge.untagged([row for row in roots if row not in kept])

    def _going(self, verdicts: Mapping[int, Verdict], untagged: Mapping[int, Verdict]) -> dict[int, Reason]:
        """All that goes, in its order. What has no reason, or no place in the order, is kept after all."""
        while True:
            self._keep_locked()
            reasons = dict(self._reasons(verdicts, untagged))
            left = [row for row in self._graph.manifests if row not in self._keeping.reasons]
            order, circle = deletion_order(self._graph, [row for row in left if row in reasons])
            undecided = [row for row in left if row not in reasons]
            if not undecided and not circle:
                tags = [node for node in reasons if node < 0]
                tags.sort(key=lambda node: (~node not in self._graph.named, ~node))
                return {node: reasons[node] for node in (*tags, *order)}
            for row in (*undecided, *circle):
                self._keeping.keep(row, UNDECIDED)
            self._keeping.close()

    def _keep_locked(self) -> None:
        """Keep the tags of manifests that the policy lets unlock, and that stay all the same: they stay locked."""
        keeping = self._keeping
        left = [row for row in self._unlockable if row in self._graph.tags_on]
        while found := [row for row in left if row in keeping.reasons]:
            for row in found:
                keeping.keep_with_tags(row, STAYS_LOCKED)
            keeping.close()
            left = [row for row in left if row not in found]

    def _reasons(
        self, verdicts: Mapping[int, Verdict], untagged: Mapping[int, Verdict]
    ) -> Iterator[tuple[int, Reason]]:
        """Why each node goes, that is not kept: first tags, then what no tag leads to any more, and what is below."""
        graph, kept = self._graph, self._keeping.reasons
        found: dict[int, Reason] = {}
        for tag, verdict in verdicts.items():
            if verdict.goes and ~tag not in kept:
                found[~tag] = Reason(verdict.why, rule=verdict.rule)
        for tag in graph.orphan_tags:
            if ~tag not in kept:
                verdict = self._judge.orphan_tag(tag)
                found[~tag] = Reason(verdict.why, rule=verdict.rule)
        self._leave(found, untagged)
        self._spread(found)
        for tag, verdict in verdicts.items():
            target = graph.targets.get(tag)
            if verdict.follows and not verdict.goes and ~tag not in kept and target in found:
                found[~tag] = Reason(GOES_WITH, graph.subjects.get(target, target), verdict.rule)
        yield from found.items()

    def _leave(self, found: dict[int, Reason], untagged: Mapping[int, Verdict]) -> None:
        """Give a reason to what tags that go leave behind, and to what no tag led to before."""
        graph, kept = self._graph, self._keeping.reasons
        for node in list(found):
            target = graph.targets.get(~node)
            if target is not None and target not in kept:
                found.setdefault(target, Reason(UNTAGGED, node, found[node].rule))
        for row, verdict in untagged.items():
            if verdict.goes and row not in kept:
                found.setdefault(row, Reason(verdict.why, rule=verdict.rule))

    def _spread(self, found: dict[int, Reason]) -> None:
        """Give what belongs to what goes the same rule, as far as it is not kept."""
        graph, kept = self._graph, self._keeping.reasons
        left = [node for node in found if node >= 0]
        while left:
            row = left.pop()
            rule = found[row].rule
            for node, why in self._belonging(row):
                if node not in found and node not in kept:
                    found[node] = Reason(why, row, rule)
                    if node >= 0:
                        left.append(node)
                    elif ~node in graph.targets and graph.targets[~node] not in kept:
                        target = graph.targets[~node]
                        if target not in found:
                            found[target] = Reason(TARGET, node, rule)
                            left.append(target)

    def _belonging(self, row: int) -> Iterable[tuple[int, str]]:
        yield from ((part, PART) for part in self._graph.parts.get(row, ()))
        yield from ((one, REFERRER) for one in self._graph.referrers.get(row, ()))
        yield from ((~tag, NAMED) for tag in self._graph.named_after.get(row, ()))

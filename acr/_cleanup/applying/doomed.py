"""Doomed: the lines of a plan in one repository, what leads to what among them, and what becomes of each.

While a plan is carried out, something new may lead to a line. Then the line is held, with all that it leads to. What of
that is gone already is wanted back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import Final

import attrs

from acr._cleanup import keeping
from acr._cleanup.graph import NAMED
from acr._cleanup.plan_values import Deletion
from acr._inventory.marks import to_number
from acr._values.digest import Digest


class State(Enum):
    """What becomes of a line."""

    WAITING = "it was not reached"
    HELD = "it is kept after all"
    GONE = "it is deleted"
    ABSENT = "somebody else deleted it"
    WANTED = "it is deleted, and needed after all"
    BACK = "it was put back"
    DOUBTFUL = "the registry said that it is gone, and still has it"
    LOST = "it is deleted and needed, and cannot be put back"


_ENDED: Final = frozenset({State.GONE, State.ABSENT, State.WANTED})
_KEPT: Final = frozenset({State.HELD, State.WANTED, State.BACK})
_UNSURE: Final = frozenset({State.ABSENT, State.DOUBTFUL})
"""One answer said that it is gone. It may be there, and need what it leads to."""

_TAKEN: Final = frozenset({State.GONE, State.WANTED, State.LOST})


@attrs.define(kw_only=True)
class Node:
    """A line of the plan.

    Args:
        name: name of the tag; empty for a manifest.
        digest: digest of the manifest, or of the one that the tag points to.
        updated: when it was pushed or moved, in microseconds since 1970; None if nobody knows.
        frees: bytes that its deletion frees.
        state: what became of it.
        why: the reason, if it is not simply deleted.
        unlocks: whether the plan says that it is locked, and is unlocked first.
        may_unlock: whether the caller named it, too.
        is_withheld: whether it is kept because the caller did not name it, or something that leads to it.
        is_sent: whether a deletion was sent, and no answer tells what came of it.
        doubt: what nobody knows of its end, whatever became of it; empty if all is known.
        moved_to: what a tag pointed to when it was deleted, if that is not what the plan says.
        is_unclaimed: whether it is a manifest in the journal that is gone, and nobody knows who deleted it.
    """

    name: str
    digest: Digest
    updated: int | None
    frees: int = 0
    state: State = State.WAITING
    why: str = ""
    unlocks: bool = False
    may_unlock: bool = False
    is_withheld: bool = False
    is_sent: bool = False
    doubt: str = ""
    moved_to: Digest | None = None
    is_unclaimed: bool = False

    @property
    def key(self) -> str:
        """What it is called in its repository. No tag has a colon, so no tag is taken for a digest."""
        return self.name or str(self.digest)

    def reference(self, repository: str) -> str:
        """The tag with its repository, or the manifest with its repository and digest."""
        return f"{repository}:{self.name}" if self.name else f"{repository}@{self.digest}"

    @property
    def is_ended(self) -> bool:
        """Whether the registry does not have it any more, as far as anybody knows."""
        return self.state in _ENDED

    @property
    def is_taken(self) -> bool:
        """Whether a deletion of this plan took it, or may have, and it is not there again."""
        return self.state in _TAKEN or self.is_sent or (self.state is State.ABSENT and self.is_unclaimed)


class Doomed:
    """The lines of one repository.

    Args:
        lines: the deletions of the plan, in their order.
        unlock: references of those whose locks the caller lets it take off.
    """

    def __init__(self, lines: Iterable[Deletion], unlock: Collection[str] = ()) -> None:
        self.nodes: dict[str, Node] = {}
        self._parts: dict[str, list[str]] = {}
        self._subjects: dict[str, str] = {}
        self._referrers: dict[str, list[str]] = {}
        self._named: dict[str, list[str]] = {}
        self._tags_on: dict[str, list[str]] = {}
        for line in lines:
            updated = None if line.updated is None else to_number(line.updated)
            node = Node(
                name=line.name or "",
                digest=line.digest,
                updated=updated,
                frees=line.frees,
                unlocks=line.unlocks,
                may_unlock=line.unlocks and line.reference in unlock,
            )
            self.nodes[node.key] = node
            if node.name:
                self._tags_on.setdefault(str(node.digest), []).append(node.name)
        self._left = iter(self.nodes.values())
        self._wanted: list[Node] = []
        self.lacking: dict[tuple[str, str], None] = {}
        """What is kept, and what it lists that somebody else deleted."""
        self._short = {(one.digest.algorithm, one.digest.hex[:64]): one.key for one in self.manifests()}
        for node in self.nodes.values():
            subject = self.named(node.name)
            if subject is not None:
                self._named.setdefault(subject, []).append(node.key)

    def manifests(self) -> Iterator[Node]:
        """The lines that are manifests."""
        return (node for node in self.nodes.values() if not node.name)

    def named(self, tag: str) -> str | None:
        """The manifest of the plan that a tag is named after; None if there is none."""
        match = NAMED.fullmatch(tag)
        return None if match is None else self._short.get((match[1], match[2]))

    def learn(self, digest: str, parts: Iterable[str], subject: str | None) -> None:
        """Take note of what a manifest of the plan leads to. If it is held by then, so is that.

        Args:
            digest: of the manifest.
            parts: what it lists, of whatever kind.
            subject: what it is attached to.
        """
        self._parts[digest] = [part for part in parts if part in self.nodes and part != digest]
        if subject is not None and subject in self.nodes:
            self._subjects[digest] = subject
            self._referrers.setdefault(subject, []).append(digest)
            if self.nodes[subject].state in _KEPT:
                self.hold(digest, f"{keeping.REFERRER} {subject}")
        if self.nodes[digest].state in _KEPT:
            self._spread([digest])

    def knows(self, node: Node) -> bool:
        """Whether it is known what a manifest leads to."""
        return node.key in self._parts

    def next(self, count: int) -> list[Node]:
        """The next lines, in their order. Each line is given once."""
        waiting = (node for node in self._left if node.state is State.WAITING)
        return list(islice(waiting, count))

    def hold(self, key: str, why: str, *, is_withheld: bool = False) -> None:
        """Keep a line, and all that it leads to. What of that is deleted is wanted back.

        What it leads to is kept also if the line seems to be gone: something needs it, so it may be there.
        """
        node = self.nodes[key]
        if self._keep(node, why, is_withheld=is_withheld) or node.state in _UNSURE:
            self._spread([key], is_withheld=is_withheld)

    def _keep(self, node: Node, why: str, *, is_withheld: bool = False) -> bool:
        """Keep a line. Return whether it was not kept before."""
        if node.state is State.WAITING:
            node.state = State.HELD
        elif node.state is State.GONE or (node.state is State.ABSENT and node.is_unclaimed):
            node.state = State.WANTED
            self._wanted.append(node)
        else:
            return False
        node.why, node.is_withheld = why, is_withheld
        return True

    def _spread(self, keys: Iterable[str], *, is_withheld: bool = False) -> None:
        """Keep what some kept lines lead to."""
        left = list(keys)
        seen = set(left)
        while left:
            node = self.nodes[left.pop()]
            for one, what in self._below(node):
                found = self.nodes[one]
                is_kept = self._keep(found, f"{what} {node.key}", is_withheld=is_withheld)
                if is_kept or (found.state in _UNSURE and one not in seen):
                    seen.add(one)
                    left.append(one)
                if found.state is State.ABSENT and node.state is not State.ABSENT and what == keeping.PART:
                    self.lacking[node.key, one] = None

    def hold_any(self, keys: Iterable[str | None], why: str) -> None:
        """As `hold`, for those of the keys that are in the plan."""
        for key in keys:
            if key is not None and key in self.nodes:
                self.hold(key, why)

    def hold_locked(self, key: str, why: str, *, is_withheld: bool = False) -> None:
        """As `hold`, for what is locked. A manifest keeps the tags that still point to it, too."""
        if key in self.nodes:
            self.hold(key, why, is_withheld=is_withheld)
        for tag in self._tags_on.get(key, ()):
            if self.nodes[tag].state is State.WAITING:
                self.hold(tag, f"a tag on {key}: {why}", is_withheld=is_withheld)

    def withhold(self) -> None:
        """Keep what the plan unlocks, and the caller did not name, with all that it leads to."""
        for node in self.nodes.values():
            if node.unlocks and not node.may_unlock and node.state is State.WAITING:
                why = "the plan unlocks it, and the caller did not name it"
                self.hold_locked(node.key, why, is_withheld=True)

    def hold_all(self, why: str) -> None:
        """Keep all that is left: a doubt concerns the whole repository. What that leads to is wanted back."""
        waiting = [node for node in self.nodes.values() if node.state is State.WAITING]
        self._spread([node.key for node in waiting if self._keep(node, why)])

    def moved(self, key: str, digest: Digest, why: str) -> None:
        """Take note that a tag pointed elsewhere when it was deleted: it is wanted back, to where it was."""
        node = self.nodes[key]
        node.state, node.moved_to = State.GONE, digest
        self.hold(key, why)
        self.hold_any([str(digest)], f"the tag {node.name} points to it")

    def returned(self, key: str, why: str) -> None:
        """Take note that somebody pushed a line again that was deleted."""
        self.nodes[key].state = State.WAITING
        self.hold(key, why)

    def wanted(self) -> list[Node]:
        """What must be put back, in its order: parts before what lists them, subjects before referrers, then tags."""
        found: dict[str, Node] = {}
        self._wanted = wanted = [node for node in self._wanted if node.state is State.WANTED]
        for root in (node for node in wanted if not node.name):
            left = [(root.key, False)]
            while left:
                key, is_done = left.pop()
                node = self.nodes[key]
                if node.state is not State.WANTED or key in found:
                    continue
                if is_done:
                    found[key] = node
                    continue
                first = [*self._parts.get(key, ()), *([self._subjects[key]] if key in self._subjects else ())]
                left += [(key, True), *((one, False) for one in first)]
        return [*found.values(), *(node for node in wanted if node.name)]

    def _below(self, node: Node) -> Iterator[tuple[str, str]]:
        if node.name:
            if str(node.digest) in self.nodes:
                yield str(node.digest), keeping.TARGET
            subject = self.named(node.name)
            if subject is not None:
                yield subject, keeping.SUBJECT
            return
        key = node.key
        yield from ((part, keeping.PART) for part in self._parts.get(key, ()))
        if key in self._subjects:
            yield self._subjects[key], keeping.SUBJECT
        yield from ((one, keeping.REFERRER) for one in self._referrers.get(key, ()))
        yield from ((tag, keeping.NAMED) for tag in self._named.get(key, ()))

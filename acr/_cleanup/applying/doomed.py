"""Doomed: the lines of a plan in one repository, what leads to what among them, and what becomes of each.

While a plan is carried out, something new may lead to a line. Then the line is held, with all that it leads to. What of
that is gone already is wanted back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import Final

import attrs

from acr._cleanup.graph import NAMED
from acr._cleanup.plan_values import Deletion
from acr._inventory.tables import to_number
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
    """

    name: str
    digest: Digest
    updated: int | None
    frees: int = 0
    state: State = State.WAITING
    why: str = ""

    @property
    def key(self) -> str:
        """What it is called in its repository. No tag has a colon, so no tag is taken for a digest."""
        return self.name or str(self.digest)

    @property
    def is_ended(self) -> bool:
        """Whether the registry does not have it any more, as far as anybody knows."""
        return self.state in _ENDED


class Doomed:
    """The lines of one repository.

    Args:
        lines: the deletions of the plan, in their order.
    """

    def __init__(self, lines: Iterable[Deletion]) -> None:
        self.nodes: dict[str, Node] = {}
        self._parts: dict[str, list[str]] = {}
        self._subjects: dict[str, str] = {}
        self._referrers: dict[str, list[str]] = {}
        self._named: dict[str, list[str]] = {}
        for line in lines:
            updated = None if line.updated is None else to_number(line.updated)
            node = Node(name=line.name or "", digest=line.digest, updated=updated, frees=line.frees)
            self.nodes[node.key] = node
        self._left = iter(self.nodes.values())
        self._wanted: list[Node] = []
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
        """Take note of what a manifest of the plan leads to.

        Args:
            digest: of the manifest.
            parts: what it lists, of whatever kind.
            subject: what it is attached to.
        """
        self._parts[digest] = [part for part in parts if part in self.nodes and part != digest]
        if subject is not None and subject in self.nodes:
            self._subjects[digest] = subject
            self._referrers.setdefault(subject, []).append(digest)

    def next(self, count: int) -> list[Node]:
        """The next lines, in their order. Each line is given once."""
        waiting = (node for node in self._left if node.state is State.WAITING)
        return list(islice(waiting, count))

    def hold(self, key: str, why: str) -> None:
        """Keep a line, and all that it leads to. What of that is deleted is wanted back."""
        left = [(key, why)]
        while left:
            key, why = left.pop()
            node = self.nodes[key]
            if node.state is State.WAITING:
                node.state = State.HELD
            elif node.state is State.GONE:
                node.state = State.WANTED
                self._wanted.append(node)
            else:
                continue
            node.why = why
            left += [(one, f"{what} {node.key}") for one, what in self._below(node)]

    def hold_any(self, keys: Iterable[str | None], why: str) -> None:
        """As `hold`, for those of the keys that are in the plan."""
        for key in keys:
            if key is not None and key in self.nodes:
                self.hold(key, why)

    def hold_all(self, why: str) -> None:
        """Keep all that is left: a doubt concerns the whole repository."""
        for node in self.nodes.values():
            if node.state is State.WAITING:
                node.state, node.why = State.HELD, why

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
                yield str(node.digest), "under the tag"
            subject = self.named(node.name)
            if subject is not None:
                yield subject, "the subject of"
            return
        key = node.key
        yield from ((part, "part of") for part in self._parts.get(key, ()))
        if key in self._subjects:
            yield self._subjects[key], "the subject of"
        yield from ((one, "attached to") for one in self._referrers.get(key, ()))
        yield from ((tag, "named after") for tag in self._named.get(key, ()))

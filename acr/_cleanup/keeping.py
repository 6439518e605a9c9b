"""Keeping: what is kept, and because of what. It begins with roots and follows each edge, until nothing is added.

What goes is what is outside of it in the end. So nothing that is kept can lead to something that goes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from acr._cleanup.graph import RepositoryGraph


@attrs.frozen
class Reason:
    """Why a node is kept.

    Args:
        why: for people. If it has a `via`, that completes it.
        via: the node that leads to it; None if it is kept for itself.
        rule: the name of the rule that decides; empty if none does.
    """

    why: str
    via: int | None = None
    rule: str = ""


PART: Final = "it is part of"
SUBJECT: Final = "it has the attachment"
REFERRER: Final = "it is attached to"
NAMED: Final = "it is named after"
TARGET: Final = "it has the tag"
POINTS: Final = "it points to"


class Keeping:
    """The nodes of a repository that are kept.

    Args:
        graph: what leads to what.

    Attributes:
        reasons: why each node is kept. The order is that in which they were found, so the first reason is the shortest.
    """

    def __init__(self, graph: RepositoryGraph) -> None:
        self._graph = graph
        self._left: deque[int] = deque()
        self.reasons: dict[int, Reason] = {}

    def keep(self, node: int, why: str, *, via: int | None = None, rule: str = "") -> None:
        """Keep a node. Call `close` when all roots are in."""
        if node not in self.reasons:
            self.reasons[node] = Reason(why, via, rule)
            self._left.append(node)

    def keep_with_tags(self, row: int, why: str) -> None:
        """Keep a manifest, and all tags that point to it."""
        self.keep(row, why)
        for tag in self._graph.tags_on.get(row, ()):
            self.keep(~tag, POINTS, via=row)

    def hold_subject(self, tag: int) -> None:
        """Let a tag on an attachment keep what that is attached to by another tag. A `subject` is followed anyway."""
        target = self._graph.targets.get(tag)
        for other in self._graph.tags_on.get(target, ()) if target is not None else ():
            if other in self._graph.named:
                self.keep(~other, POINTS, via=target)

    def close(self) -> None:
        """Follow all edges from what is kept, until nothing is added."""
        graph = self._graph
        while self._left:
            node = self._left.popleft()
            if node < 0:
                if ~node in graph.targets:
                    self.keep(graph.targets[~node], TARGET, via=node)
                if ~node in graph.named:
                    self.keep(graph.named[~node], SUBJECT, via=node)
                continue
            for part in graph.parts.get(node, ()):
                self.keep(part, PART, via=node)
            if node in graph.subjects:
                self.keep(graph.subjects[node], SUBJECT, via=node)
            for referrer in graph.referrers.get(node, ()):
                self.keep(referrer, REFERRER, via=node)
            for tag in graph.named_after.get(node, ()):
                self.keep(~tag, NAMED, via=node)

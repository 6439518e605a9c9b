"""Also locked: the policy names an item to be unlocked, and what belongs to it has locks of its own, so all stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from acr._cleanup.graph import RepositoryGraph
from acr._cleanup.judging import Judge
from acr._cleanup.keeping import Reason

_MOST: Final = 50
"""Names in one text."""


def also_locked(graph: RepositoryGraph, judge: Judge, kept: Mapping[int, Reason]) -> Iterator[str]:
    """Say for each item that the policy names, and that stays because of another lock, what else it has to name.

    Args:
        graph: the repository.
        judge: knows the locks.
        kept: what stays.
    """
    if not judge.has_names:
        return
    for node in (*(~tag for tag in graph.tags), *graph.manifests):
        if judge.unlocks(node) and node in kept and judge.lock(_root(node, kept)):
            belongings = _belongings(graph, node)
            others = [_reference(graph, one) for one in belongings if judge.lock(one)]
            if _root(node, kept) in belongings:  # else the lock of something that leads to it keeps it
                yield _text(_reference(graph, node), others)


def _root(node: int, kept: Mapping[int, Reason]) -> int:
    """What the reasons of an item lead to in the end."""
    while (via := kept[node].via) is not None:
        node = via
    return node


def _belongings(graph: RepositoryGraph, node: int) -> list[int]:
    """What goes with an item: what it lists, what is attached to any of it, and the tags of these."""
    found = {node: None}  # in their order
    left = [node]
    while left:
        node = left.pop()
        if node < 0:
            near = [graph.targets[~node]] if ~node in graph.targets else []
        else:
            tags = (*graph.tags_on.get(node, ()), *graph.named_after.get(node, ()))
            near = [*graph.parts.get(node, ()), *graph.referrers.get(node, ()), *(~tag for tag in tags)]
        new = [one for one in near if one not in found]
        found.update(dict.fromkeys(new))
        left += new
    return list(found)


def _reference(graph: RepositoryGraph, node: int) -> str:
    return f"{graph.name}{':' if node < 0 else '@'}{graph.label(node)}"


def _text(name: str, others: list[str]) -> str:
    shown = "".join(f', "{one}"' for one in others[:_MOST])
    more = f", and {len(others) - _MOST:,} more" if len(others) > _MOST else ""
    return (
        f"{name} stays, although unlock names it: what belongs to it has locks of its own. If all of it may go, write"
        f' unlock = ["{name}"{shown}]{more}'
    )

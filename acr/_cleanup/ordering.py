"""Ordering: what leads to others is deleted before these, so that an interrupted deletion leaves nothing dangling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acr._cleanup.graph import RepositoryGraph


def deletion_order(graph: RepositoryGraph, rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """Put manifests in the order of their deletion: an index before its parts, a referrer before its subject.

    Args:
        graph: what leads to what.
        rows: the manifests.

    Returns:
        The order, and those that lead to each other in a circle. True digests allow no circle.
    """
    going = set(rows)
    above = dict.fromkeys(rows, 0)
    for row in rows:
        for one in _contained(graph, row):
            if one in going:
                above[one] += 1
    order: list[int] = []
    left = [row for row in reversed(rows) if not above[row]]
    while left:
        row = left.pop()
        order.append(row)
        for one in _contained(graph, row):
            if one in going:
                above[one] -= 1
                if not above[one]:
                    left.append(one)
    done = set(order)
    return order, [row for row in rows if row not in done]


def _contained(graph: RepositoryGraph, row: int) -> Iterator[int]:
    """The manifests whose digests a manifest has in itself."""
    yield from graph.parts.get(row, ())
    if row in graph.subjects:
        yield graph.subjects[row]

"""Treemap: rectangles whose areas are sizes, laid out so that they are nearly square ("Squarified Treemaps", 2000)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs


@attrs.frozen
class Box:
    """A rectangle: its left upper corner, and how far it goes to the right and down."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Its area."""
        return self.width * self.height

    def inner(self, margin: float, *, top: float) -> Box:
        """What is left of it within a margin, and below a head. It may have no area."""
        width, height = max(self.width - 2 * margin, 0.0), max(self.height - margin - top, 0.0)
        return Box(self.x + margin, self.y + top, width, height)


def lay_out(sizes: Sequence[float], box: Box) -> Iterator[Box]:
    """A rectangle within a box for each size, in their order. Together they fill the box.

    Args:
        sizes: positive numbers, the largest first.
        box: what to fill.

    >>> [(one.width, one.height) for one in lay_out([3.0, 1.0], Box(0, 0, 8, 2))]
    [(6.0, 2.0), (2.0, 2.0)]
    """
    left, scale = box, box.area / (sum(sizes) or 1)
    first = 0
    while first < len(sizes):
        side = min(left.width, left.height)
        end, total = first + 1, sizes[first] * scale
        while end < len(sizes):
            more = total + sizes[end] * scale
            if _worst(sizes[first] * scale, sizes[end] * scale, more, side) > _worst(
                sizes[first] * scale, sizes[end - 1] * scale, total, side
            ):
                break
            end, total = end + 1, more
        yield from _row([size * scale for size in sizes[first:end]], total, left)
        left = _beside(total, left)
        first = end


def _worst(largest: float, smallest: float, total: float, side: float) -> float:
    """The worst ratio of the sides in a row."""
    if not (side and total and smallest):
        return float("inf")
    return max(side**2 * largest / total**2, total**2 / (side**2 * smallest))


def _row(areas: Sequence[float], total: float, box: Box) -> Iterator[Box]:
    """Rectangles one after another, along the shorter side of a box."""
    is_wide = box.width >= box.height
    side = box.height if is_wide else box.width
    depth, at = total / side if side else 0.0, 0.0
    for area in areas:
        length = area / depth if depth else 0.0
        yield Box(box.x, box.y + at, depth, length) if is_wide else Box(box.x + at, box.y, length, depth)
        at += length


def _beside(total: float, box: Box) -> Box:
    """What a row leaves of a box."""
    if box.width >= box.height:
        depth = total / box.height if box.height else 0.0
        return Box(box.x + depth, box.y, max(box.width - depth, 0.0), box.height)
    depth = total / box.width if box.width else 0.0
    return Box(box.x, box.y + depth, box.width, max(box.height - depth, 0.0))

"""The layout of a table: which columns have room on a terminal, and what has a line of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from acr.cli._output.terminal import width_of

_GAP: Final = "  "
_LEAST_NAME: Final = 12
_LEAST_TEXT: Final = 24
_INDENT: Final = "    "
_NOTHING: Final = "-"


class _Column(Protocol):
    @property
    def rank(self) -> int | None: ...

    @property
    def is_number(self) -> bool: ...

    @property
    def wraps(self) -> bool: ...


class Layout:
    """Which columns of a table there are, and how wide they are.

    If the room is not enough, the columns of the highest rank are dropped. A first cell that is much longer than
    others, such as the name of a signature, has a line of its own: names stay whole, so that people can copy them.
    A last column of sentences is wrapped. If it has no room beside the others, it is below them.

    Args:
        columns: all columns.
        measured: the widths of their cells, the title first.
        room: the columns of the terminal; None if any width will do.
    """

    def __init__(self, columns: Sequence[_Column], measured: Sequence[Sequence[int]], room: int | None) -> None:
        self._widths = [max(widths) for widths in measured]
        self._right = [column.is_number for column in columns]
        self._room = room or 0
        last = len(columns) - 1
        self._wrapped = last if room is not None and last > 0 and columns[last].wraps else None
        self._is_below = False
        if self._wrapped is not None:
            self._widths[last] = _LEAST_TEXT
        kept = list(range(len(columns)))
        while room is not None and len(kept) > 1 and not self._fit_name(kept, measured[0], room):
            least = max(kept, key=lambda at: (columns[at].rank or 0, at))
            if not columns[least].rank:
                break
            kept.remove(least)
            self._is_below = self._is_below or least == self._wrapped
        if len(kept) == 1:
            self._widths[kept[0]] = 0
        if self._wrapped in kept:
            self._widths[last] = self._room - self._width(kept[:-1]) - len(_GAP)
        self._kept = kept

    def _fit_name(self, kept: Sequence[int], names: Sequence[int], room: int) -> bool:
        """Whether the columns have room, if the longest names have lines of their own."""
        self._widths[0] = max(names)
        left = room - self._width(kept) + self._widths[0]
        if left < self._widths[0]:
            fitting = [width for width in names if width <= left]
            if left < min(_LEAST_NAME, self._widths[0]) or (len(kept) == 2 and len(fitting) == 1 < len(names)):
                return False
            self._widths[0] = max(fitting)
        return True

    def _width(self, kept: Sequence[int]) -> int:
        return sum(self._widths[at] for at in kept) + len(_GAP) * (len(kept) - 1)

    def line(self, cells: Sequence[str]) -> str:
        """The line of some cells, or several lines."""
        if self._wrapped is None:
            return self._line(cells)
        *others, text = cells
        if self._is_below:
            below = [] if text == _NOTHING else _wrap(text, self._room - len(_INDENT))
            return "\n".join([self._line(cells), *(f"{_INDENT}{line}" for line in below)])
        lines = _wrap(text, self._widths[self._wrapped])
        indent = " " * (self._room - self._widths[self._wrapped])
        return "\n".join([self._line([*others, lines[0]]), *(f"{indent}{line}" for line in lines[1:])])

    def heads(self, titles: Sequence[str]) -> str:
        """The line of the titles."""
        return self._line(titles)

    def _line(self, cells: Sequence[str]) -> str:
        first, *rest = self._kept
        end = _GAP.join(_padded(cells[at], self._widths[at], is_right=self._right[at]) for at in rest)
        if rest and width_of(cells[first]) > self._widths[first]:
            return f"{cells[first]}\n{' ' * self._widths[first]}{_GAP}{end}".rstrip()
        return f"{_padded(cells[first], self._widths[first], is_right=False)}{_GAP if rest else ''}{end}".rstrip()


def _wrap(text: str, width: int) -> list[str]:
    import textwrap  # short listings do without it

    # A digest stays whole, so that people can copy it.
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def _padded(cell: str, width: int, *, is_right: bool) -> str:
    room = " " * max(0, width - width_of(cell))
    return room + cell if is_right else cell + room

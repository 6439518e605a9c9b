"""Parts: which bytes of a large blob are there, which are missing, and in which ranges they are fetched."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from acr._values.digest import Digest

_MOST_SPANS: Final = 4096
"""Spans that a note may list. There is one more than there are connections."""

_FORM: Final = "acr-ranges/1"


@attrs.frozen
class Span:
    """Bytes from `begin` up to, but not, `end`."""

    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin


class Spans:
    """Bytes that are there, as spans that neither touch nor overlap.

    >>> there = Spans([Span(0, 4), Span(8, 10)])
    >>> there.add(Span(4, 6))
    >>> list(there), there.reach(0), there.holes(12)
    ([Span(begin=0, end=6), Span(begin=8, end=10)], 6, [Span(begin=6, end=8), Span(begin=10, end=12)])
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for span in spans:
            self.add(span)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return sum(map(len, self._spans))

    def add(self, span: Span) -> None:
        """Add bytes. Some of them may be there."""
        if not len(span):
            return
        first = bisect_left(self._spans, span.begin, key=lambda one: one.end)
        last, begin, end = first, span.begin, span.end
        while last < len(self._spans) and self._spans[last].begin <= end:
            begin, end = min(begin, self._spans[last].begin), max(end, self._spans[last].end)
            last += 1
        self._spans[first:last] = [Span(begin, end)]

    def reach(self, offset: int) -> int:
        """The first byte from `offset` on that is missing."""
        return next((span.end for span in self._spans if span.begin <= offset < span.end), offset)

    def holes(self, size: int) -> list[Span]:
        """What is missing of a blob of that size, in order."""
        found, at = [], 0
        for span in self._spans:
            if span.begin > at:
                found.append(Span(at, span.begin))
            at = span.end
        if at < size:
            found.append(Span(at, size))
        return found


class Plan:
    """The ranges that nobody has begun to fetch, in order.

    Args:
        holes: what is missing.
        length: bytes of a range, at the most.
    """

    def __init__(self, holes: Iterable[Span], length: int) -> None:
        self._free: deque[Span] = deque(
            Span(begin, min(begin + length, hole.end))
            for hole in holes
            for begin in range(hole.begin, hole.end, length)
        )

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> Span | None:
        """The first of them; None if there is none."""
        return self._free.popleft() if self._free else None

    def begins_at(self, offset: int) -> bool:
        """Whether the first of them begins there."""
        return bool(self._free) and self._free[0].begin == offset

    def begins_before(self, offset: int) -> bool:
        """Whether the first of them begins before that place."""
        return bool(self._free) and self._free[0].begin < offset

    def give_back(self, span: Span) -> None:
        """Let somebody else fetch a range."""
        self._free.append(span)
        self._free = deque(sorted(self._free, key=lambda one: one.begin))

    def end_of_run(self, offset: int) -> int:
        """Where those end that follow each other from `offset` on."""
        for span in self._free:
            if span.begin != offset:
                break
            offset = span.end
        return offset


@attrs.frozen
class Note:
    """What a process leaves to the next one: which bytes of a partial file are those of the blob.

    Args:
        digest: of the blob.
        size: of the blob.
        there: the bytes.
    """

    digest: Digest
    size: int
    there: tuple[Span, ...]

    def written(self) -> str:
        """The note as text."""
        spans = [[span.begin, span.end] for span in self.there]
        return json.dumps({"form": _FORM, "digest": self.digest, "size": self.size, "there": spans})

    @classmethod
    def read(cls, text: str, digest: Digest, have: int) -> Note | None:
        """A note, if the text is one for a partial file.

        Args:
            text: what was found beside the file.
            digest: of the blob that the file is to become.
            have: bytes that the file has.
        """
        try:
            data: Any = json.loads(text)
            spans = [Span(*_numbers(pair)) for pair in data["there"][: _MOST_SPANS + 1]]
            (size,) = _numbers([data["size"]])
            is_mine = data["form"] == _FORM and data["digest"] == digest
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        at, is_in_order = 0, True
        for span in spans:
            is_in_order = is_in_order and at <= span.begin < span.end
            at = span.end
        fits = is_in_order and at <= min(size, have) and len(spans) <= _MOST_SPANS
        return cls(digest, size, tuple(spans)) if is_mine and fits else None


def _numbers(values: Any) -> list[int]:
    """Whole numbers from 0 on. Raises ValueError."""
    if not all(type(value) is int and value >= 0 for value in values):
        raise ValueError
    return list(values)

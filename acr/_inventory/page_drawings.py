"""Drawings of the page: a treemap of what would be freed, and bars of what each month added. Both are SVG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

import attrs

from acr._inventory.reports import RepositoryUsage, Usage, shown_size
from acr._inventory.treemap import Box, lay_out
from acr._text import counted, printable

MOST_DRAWN: Final = 500
"""Rectangles of the treemap. What is left is summed up."""

_MONTHS: Final = 60
_HIGH: Final = 150.0
"""The highest bar."""

_WIDTH: Final = 1000.0
_HEIGHT: Final = 560.0
_HEAD: Final = 18.0
_LETTER: Final = 7.0
"""The width of a letter, about."""

_COLOURS: Final = "abcde"


@attrs.frozen
class _Part:
    """A rectangle of the treemap: what it is, its bytes, and the class of its colour."""

    name: str
    size: int
    colour: str


@attrs.frozen
class _Group:
    """Parts that stand together. The reference is the id of a row of the page, or empty."""

    name: str
    reference: str
    parts: Sequence[_Part]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


def draw_treemap(usage: Usage, rows: Mapping[str, str]) -> str:
    """Draw repositories, and within each its tags, by what would be freed.

    Args:
        usage: what to draw.
        rows: the ids of the rows to link to, by repository.
    """
    groups = sorted(_groups(usage, rows), key=lambda one: (-one.size, one.name))
    if not groups:
        return "<p>Nothing is stored.</p>"
    label = f"{counted(len(usage.repositories), 'repository')} by the bytes that they use; the tables have the numbers"
    boxes = lay_out([group.size for group in groups], Box(0, 0, _WIDTH, _HEIGHT))
    drawn = "".join(_group(group, box) for group, box in zip(groups, boxes, strict=True))
    return _wide(
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="group" aria-label="{escape(label)}">{drawn}</svg>'
    )


def _groups(usage: Usage, rows: Mapping[str, str]) -> Iterator[_Group]:
    """The repositories that have one of the largest parts; all others as one group, and what repositories share."""
    split = {one.name: list(_parts(one, _COLOURS[at % len(_COLOURS)])) for at, one in enumerate(usage.repositories)}
    every = [(part.size, name, at) for name, parts in split.items() for at, part in enumerate(parts)]
    every.sort(key=lambda one: (-one[0], *one[1:]))
    drawn: dict[str, set[int]] = defaultdict(set)
    for _, name, at in every[:MOST_DRAWN]:
        drawn[name].add(at)
    others, count = 0, 0
    for name, parts in split.items():
        if name not in drawn:
            others += sum(part.size for part in parts)
            count += 1
            continue
        kept = [part for at, part in enumerate(parts) if at in drawn[name]]
        left = [part for at, part in enumerate(parts) if at not in drawn[name]]
        if left:
            kept.append(_Part(counted(len(left), "other"), sum(part.size for part in left), "rest"))
        yield _Group(name, rows.get(name, ""), sorted(kept, key=lambda one: -one.size))
    if others:
        yield _Group(counted(count, "other repository"), "", [_Part("all of them", others, "rest")])
    shared = usage.unique - sum(one.exclusive for one in usage.repositories)
    if shared > 0:
        yield _Group("shared by repositories", "", [_Part("in two or more repositories", shared, "shared")])


def _parts(repository: RepositoryUsage, colour: str) -> Iterator[_Part]:
    """What a repository's own bytes are of: each of them is in one part."""
    left = repository.exclusive - repository.untagged
    for tag in repository.tags:
        if tag.exclusive > 0:
            left -= tag.exclusive
            yield _Part(tag.name, tag.exclusive, colour)
    if repository.untagged > 0:
        yield _Part("untagged", repository.untagged, "untagged")
    if left > 0:
        yield _Part("shared by its tags", left, "shared")


def _group(group: _Group, box: Box) -> str:
    has_head = box.height > 3 * _HEAD and box.width > 6 * _LETTER
    inner = box.inner(2, top=_HEAD if has_head else 2)
    boxes = lay_out([part.size for part in group.parts], inner)
    title = f"{group.name}: {shown_size(group.size)}"
    shown = title if len(printable(title)) <= _room(box) else group.name  # half a size would be another size
    head = _label(shown, box, top=13) if has_head else ""
    frame = f"<rect{_place(box)} class=frame><title>{_text(title)}</title></rect>{head}"
    if group.reference:
        frame = f'<a href="#{group.reference}" aria-label="{_text(title)}">{frame}</a>'
    return frame + "".join(_part(group, part, at) for part, at in zip(group.parts, boxes, strict=True))


def _part(group: _Group, part: _Part, box: Box) -> str:
    title = f"{group.name}, {part.name}: {shown_size(part.size)}"
    label = _label(part.name, box, top=14) if box.height > _HEAD and box.width > 5 * _LETTER else ""
    return f"<rect{_place(box)} class={part.colour}><title>{_text(title)}</title></rect>{label}"


def _label(text: str, box: Box, *, top: float) -> str:
    """A text within a rectangle, cut off where it would be wider."""
    text, room = printable(text), _room(box)
    shown = text if len(text) <= room else f"{text[: room - 1]}…"
    return f'<text x="{box.x + 4:.1f}" y="{box.y + top:.1f}">{escape(shown)}</text>'


def _room(box: Box) -> int:
    """How many letters a rectangle is wide."""
    return int((box.width - 8) / _LETTER)


def _place(box: Box) -> str:
    return f' x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'


def _text(text: str) -> str:
    return escape(printable(text))


def months_of(usage: Usage) -> Sequence[tuple[str, int]]:
    """The bytes of each of the last 60 months, with those between that added nothing; before and after as one each.

    A registry may tell any time of a push.
    """
    last = usage.at.year * 12 + usage.at.month - 1
    names = [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(max(last - _MONTHS + 1, 12), last + 1)]
    known = [name for name in usage.by_month if name != "unknown"]
    first = min([name for name in known if names[0] <= name <= names[-1]], default=names[-1])
    before = sum(usage.by_month[name] for name in known if name < names[0])
    after = sum(usage.by_month[name] for name in known if name > names[-1])
    odd = [
        (f"before {names[0]}", before),
        *((name, usage.by_month.get(name, 0)) for name in names if before or name >= first),
        (f"after {names[-1]}", after),
        ("unknown", usage.by_month.get("unknown", 0)),
    ]
    return [(name, size) for name, size in odd if size or name in names]


def draw_months(months: Sequence[tuple[str, int]]) -> str:
    """Draw a bar for each month."""
    most = max([size for _, size in months], default=0)
    if not most:
        return "<p>Nothing is stored.</p>"
    step = _WIDTH / len(months)
    bars = "".join(
        f"<rect{_place(Box(at * step + 1, _HIGH - size / most * _HIGH, max(step - 2, 1), size / most * _HIGH))}"
        f" class=bar><title>{_text(name)}: {shown_size(size)}</title></rect>"
        for at, (name, size) in enumerate(months)
    )
    label = "bars of the bytes that each month added; the table below has the numbers"
    # The bars are as wide as the screen. A text within would be drawn out with them.
    return (
        f'<p class="soft">The highest bar is {shown_size(most)}.</p>'
        f'<svg class="bars" viewBox="0 -10 {_WIDTH:.0f} {_HIGH + 10:.0f}" preserveAspectRatio="none" role="img"'
        f' aria-label="{label}">{bars}</svg><p class="soft ends"><span>{_text(months[0][0])}</span>'
        f"<span>{_text(months[-1][0])}</span></p>"
    )


def _wide(drawing: str) -> str:
    """A drawing that a narrow screen shows a part of, so that its texts can be read."""
    return f'<div class="wide" role="region" aria-label="drawing" tabindex="0">{drawing}</div>'

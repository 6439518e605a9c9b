"""Plans for people: as text, and as HTML for notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from acr._cleanup.columns import NONE, Lines
from acr._cleanup.plan_values import PlanHead
from acr._inventory.reports import shown_size
from acr._text import counted, printable

SHOWN: Final = 20
"""How many deletions a text has. The rest is counted."""

BARE: Final = 3
"""How many manifests are named that are left without a tag."""

_REASONS: Final = 12
_RATE: Final = 250
_GOES: Final = ("tags", "manifests", "frees", "goes by the rule")
_STAYS: Final = ("tags", "manifests", "stays, with all that it needs, because")


def amount(lines: Lines) -> str:
    """How much it is, for people."""
    tags = lines.count_tags()
    return f"{counted(tags, 'tag')} and {counted(len(lines) - tags, 'manifest')}"


def summary_of(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    """What goes by which rule, what it frees, and what stays because of what: all but the items."""
    return "\n".join(
        [
            _headline(head, deletions, kept),
            *(_table(_GOES, _by_rule(deletions)) if len(deletions) else ()),
            *(_table(_STAYS, _kept_because(kept)) if len(kept) else ()),
        ]
    )


def text_of(head: PlanHead, deletions: Lines, kept: Lines, shown: Sequence[str]) -> str:
    """A plan for a terminal.

    Args:
        head: what it says of itself.
        deletions: what goes.
        kept: what stays.
        shown: the first deletions, as texts.
    """
    lines = [summary_of(head, deletions, kept), *(f"delete {one}" for one in shown)]
    left = len(deletions) - len(shown)
    lines += [f"and {counted(left, 'more deletion')}"] if left else []
    lines += [printable(f"stop: {text}") for text in head.stops]
    lines += [printable(f"note: {text}") for text in head.warnings]
    return "\n".join(lines)


def left_bare(first: Sequence[str], count: int) -> str:
    """What to know of manifests that stay and lose all of their tags.

    Args:
        first: some of them, as references.
        count: how many there are.
    """
    shown = ", ".join(first[:BARE]) + (f" and {count - BARE:,} more" if count > BARE else "")
    return (
        f"left without a tag: {shown}. A retention policy of the registry may take what has no tag: lock it, tag it,"
        " or turn that policy off"
    )


def _escaped(text: str) -> str:
    from html import escape  # not needed by most programs

    return escape(text)


def html_of(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    """A plan for a notebook."""
    tables = _html_table(_GOES, _by_rule(deletions)) + _html_table(_STAYS, _kept_because(kept))
    notes = "".join(f"<p>{_escaped(printable(text))}</p>" for text in (*head.stops, *head.warnings))
    title = _escaped(_headline(head, deletions, kept))
    return f"<p>{title}</p>{tables}{notes}"


def _headline(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    least = "" if head.is_certain or not head.frees else f"{shown_size(0)} to "
    seconds = -(-len(deletions) * 60 // _RATE)
    length = f"{seconds} s" if seconds < 60 else f"{-(-len(deletions) // _RATE):,} min"
    time = f" It takes about {length} at {_RATE} deletions a minute." if seconds else ""
    return printable(
        f"{head.registry} as of {head.at:%Y-%m-%d %H:%M} UTC: {amount(deletions)} go, and free"
        f" {least}{shown_size(head.frees)}; {amount(kept)} stay.{time}"
    )


def _table(titles: Sequence[str], body: Iterable[Sequence[str]]) -> Iterable[str]:
    """Lines of a table of numbers. The last column is text."""
    rows = [titles, *body]
    widths = [max(len(row[at]) for row in rows) for at in range(len(titles) - 1)]
    for row in rows:
        yield "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])


def _html_table(titles: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in titles)
    cells = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in body)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"


def _by_rule(lines: Lines) -> list[tuple[str, str, str, str]]:
    tags: Counter[int] = Counter()
    manifests: Counter[int] = Counter()
    frees: Counter[int] = Counter()
    for rule, name, size in zip(lines.rule, lines.name, lines.frees, strict=True):
        (tags if name else manifests)[rule] += 1
        frees[rule] += size
    return [
        (f"{tags[rule]:,}", f"{manifests[rule]:,}", shown_size(frees[rule]), printable(lines.texts[rule]))
        for rule in sorted(frees, key=lambda rule: -frees[rule])
    ]


def _kept_because(lines: Lines) -> list[tuple[str, str, str]]:
    """The most frequent reasons, without what differs from item to item. What is needed counts with what needs it."""
    tags: Counter[str] = Counter()
    manifests: Counter[str] = Counter()
    reasons = {}
    for number, root in enumerate(_roots(lines)):
        key = lines.rule[root], lines.why[root]
        if key not in reasons:
            name = lines.texts[key[0]]
            reasons[key] = f"the rule {name} keeps it" if name else lines.texts[key[1]].partition(":")[0]
        (tags if lines.name[number] else manifests)[reasons[key]] += 1
    most = (tags + manifests).most_common()
    rows = [(f"{tags[why]:,}", f"{manifests[why]:,}", printable(why)) for why, _ in most[:_REASONS]]
    left = [why for why, _ in most[_REASONS:]]
    if left:
        sums = [f"{sum(counts[why] for why in left):,}" for counts in (tags, manifests)]
        rows.append((sums[0], sums[1], f"there are {counted(len(left), 'other reason')}"))
    return rows


def _roots(lines: Lines) -> list[int]:
    """For each line the one that its reasons lead to in the end. A circle, as in a forged plan, ends there."""
    roots = [NONE] * len(lines)
    for number in range(len(lines)):
        way, at = [], number
        while roots[at] == NONE:
            roots[at] = at
            way.append(at)
            if lines.via[at] != NONE:
                at = lines.via[at]
        for one in way:
            roots[one] = roots[at]
    return roots

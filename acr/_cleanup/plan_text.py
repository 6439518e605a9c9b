"""Plans for people: as text, and as HTML for notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Final

from acr._cleanup.columns import Lines
from acr._cleanup.plan_values import PlanHead
from acr._inventory.reports import shown_size
from acr._text import printable

SHOWN: Final = 20
"""How many deletions a text has. The rest is counted."""

_REASONS: Final = 12
_RATE: Final = 250
_COLUMNS: Final = ("tags", "manifests", "frees", "rule")


def counted(lines: Lines) -> str:
    """How much it is, for people."""
    tags = lines.count_tags()
    manifests = len(lines) - tags
    return (
        f"{tags:,} {'tag' if tags == 1 else 'tags'} and {manifests:,} {'manifest' if manifests == 1 else 'manifests'}"
    )


def text_of(head: PlanHead, deletions: Lines, kept: Lines, shown: Sequence[str]) -> str:
    """A plan for a terminal.

    Args:
        head: what it says of itself.
        deletions: what goes.
        kept: what stays.
        shown: the first deletions, as texts.
    """
    lines = [_headline(head, deletions, kept)]
    if len(deletions):
        rows = [_COLUMNS, *_by_rule(deletions)]
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        lines += ["  ".join([*(row[at].rjust(widths[at]) for at in range(3)), row[3]]) for row in rows]
        lines += [f"delete {one}" for one in shown]
        left = len(deletions) - len(shown)
        lines += [f"and {left:,} more deletions"] if left else []
    if len(kept):
        lines.append(f"stays: {', '.join(_kept_because(kept))}")
    lines += [printable(f"stop: {text}") for text in head.stops]
    lines += [printable(f"note: {text}") for text in head.warnings]
    return "\n".join(lines)


def html_of(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    """A plan for a notebook."""
    heads = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in _by_rule(deletions))
    cells = "".join(f"<tr>{row}</tr>" for row in rows)
    notes = "".join(f"<p>{escape(printable(text))}</p>" for text in (*head.stops, *head.warnings))
    title = escape(_headline(head, deletions, kept))
    return f"<p>{title}</p><table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>{notes}"


def _headline(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    least = "" if head.is_certain or not head.frees else f"{shown_size(0)} to "
    minutes = -(-len(deletions) // _RATE)
    time = f" It takes about {minutes:,} min at {_RATE} deletions a minute." if minutes else ""
    return printable(
        f"{head.registry} as of {head.at:%Y-%m-%d %H:%M} UTC: {counted(deletions)} go, and free"
        f" {least}{shown_size(head.frees)}; {counted(kept)} stay.{time}"
    )


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


def _kept_because(lines: Lines) -> list[str]:
    """The most frequent reasons, without what differs from item to item."""
    counts: Counter[str] = Counter()
    for (rule, why), count in Counter(zip(lines.rule, lines.why, strict=True)).items():
        name = lines.texts[rule]
        counts[f"by the rule {name}" if name else lines.texts[why].partition(":")[0]] += count
    return [f"{count:,} {printable(text)}" for text, count in counts.most_common(_REASONS)]

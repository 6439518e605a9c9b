"""Page: usage and findings as one HTML file, which needs no network and loads nothing.

Names come from the registry, so anybody may have chosen them. They are text and nothing else: `_text` escapes each, and
the page's policy allows no script but its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

from acr._inventory.page_drawings import draw_months, draw_treemap, months_of
from acr._inventory.page_looks import POLICY, SCRIPT, STYLE
from acr._inventory.reports import Check, RepositoryUsage, TagUsage, Usage, shown_size
from acr._text import counted, printable

MOST_ROWS: Final = 500
"""Rows of a table. What is left is summed up in its last line."""

_MOST_TAGS: Final = 20
"""Tags that one finding names."""

_AREAS: Final = (
    "An area is what would be freed: of a tag what it alone leads to, of a repository what no other one has. The tables"
    " have the same numbers."
)
_GROWTH: Final = "Bytes that are still stored, by the month in which they were first pushed."


def page(usage: Usage, check: Check) -> str:
    """Make the page.

    Args:
        usage: what to show.
        check: findings to show.

    Returns:
        HTML. It can be written as UTF-8.
    """
    repositories = sorted(usage.repositories, key=lambda one: (-one.exclusive, -one.total, one.name))
    rows = {one.name: f"r{at}" for at, one in enumerate(repositories[:MOST_ROWS])}
    parts = [
        _head(usage),
        "<h2>What uses the space</h2>",
        f'<p class="soft">{_AREAS}</p>',
        draw_treemap(usage, rows),
        _repositories(repositories, rows),
        _tags(usage),
        "<h2>Growth by month</h2>",
        f'<p class="soft">{_GROWTH}</p>',
        draw_months(months_of(usage)),
        _table("Growth by month", ("month", "bytes"), _sizes(dict(months_of(usage)))),
        "<h2>By age</h2>",
        _table("By age", ("first pushed", "bytes"), _sizes(usage.by_age)),
        "<h2>By type</h2>",
        _table("By type", ("type of the content", "bytes"), _sizes(usage.by_media_type)),
        _findings(check),
    ]
    title = f"{_text(usage.registry)}: what it stores"
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )
    return html.encode(errors="replace").decode()


def _text(text: str) -> str:
    """A text from outside, as text of the page. What would turn its direction is escaped, too."""
    return escape(printable(text))


def _head(usage: Usage) -> str:
    whole = "all of it" if usage.is_whole else "only a part of it was read: all numbers are of that part"
    figures = (
        ("stored", usage.unique),
        ("blobs", usage.blobs),
        ("manifests", usage.manifests),
        ("untagged", usage.untagged),
        ("orphaned", usage.orphaned),
        ("streaming", usage.streaming),
    )
    cells = "".join(f"<div><dt>{name}</dt><dd>{shown_size(size)}</dd></div>" for name, size in figures)
    notes = "".join(f'<p class="note">{_text(caveat)}</p>' for caveat in usage.caveats)
    at = usage.at.strftime("%Y-%m-%d %H:%M UTC")
    return f'<h1>{_text(usage.registry)}</h1><p class="soft">Read on {at}; {whole}.</p><dl>{cells}</dl>{notes}'


def _repositories(repositories: Sequence[RepositoryUsage], ids: Mapping[str, str]) -> str:
    heads = ("repository", "exclusive", "total", "untagged", "tags", "manifests")
    rows = (
        f'<tr id="{ids[one.name]}"><td>{_text(one.name)}</td>{_size(one.exclusive)}{_size(one.total)}'
        f"{_size(one.untagged)}{_count(len(one.tags))}{_count(one.manifests)}</tr>"
        for one in repositories[:MOST_ROWS]
    )
    left = repositories[MOST_ROWS:]
    rest = (
        f"<tr><td>{counted(len(left), 'other repository')}</td>{_size(sum(one.exclusive for one in left))}<td></td>"
        f"{_size(sum(one.untagged for one in left))}{_count(sum(len(one.tags) for one in left))}"
        f"{_count(sum(one.manifests for one in left))}</tr>"
    )
    return "<h2>Repositories</h2>" + _table("Repositories", heads, rows, rest if left else "")


def _tags(usage: Usage) -> str:
    found: list[tuple[int, int, str, TagUsage]] = [
        (-tag.exclusive, -tag.total, f"{one.name}:{tag.name}", tag) for one in usage.repositories for tag in one.tags
    ]
    found.sort(key=lambda one: one[:3])
    rows = (
        f"<tr><td>{_text(name)}</td>{_size(tag.exclusive)}{_size(tag.shared)}{_size(tag.total)}</tr>"
        for _, _, name, tag in found[:MOST_ROWS]
    )
    left = found[MOST_ROWS:]
    rest = f"<tr><td>{counted(len(left), 'other tag')}</td>{_size(-sum(one[0] for one in left))}<td></td><td></td></tr>"
    heads = ("tag", "exclusive", "shared", "total")
    return "<h2>Tags</h2>" + _table("Tags", heads, rows, rest if left else "")


def _findings(check: Check) -> str:
    whole = "" if check.is_whole else '<p class="note">Orphans were not looked for: only a part was read.</p>'
    if not check.findings:
        return f"<h2>Findings</h2>{whole}<p>Nothing is broken in {counted(check.manifests, 'manifest')}.</p>"
    found = sorted(check.findings, key=lambda one: not one.tags)
    heads = ("finding", "repository", "breaks", "what it is", "what to do")
    rows = (
        f"<tr><td>{one.kind}</td><td class=t>{_text(one.repository)}</td><td>{_text(_some(one.tags))}</td>"
        f"<td class=t>{_text(one.text)}{'' if one.digest is None else f'<br>{one.digest}'}</td>"
        f"<td class=t>{_text(one.advice)}</td></tr>"
        for one in found[:MOST_ROWS]
    )
    left = len(found) - MOST_ROWS
    others = f"{counted(left, 'other finding')}, of which {_broken(found[MOST_ROWS:])} break tags"
    rest = f'<tr><td colspan="5">{others}</td></tr>'
    return "<h2>Findings</h2>" + whole + _table("Findings", heads, rows, rest if left > 0 else "")


def _broken(findings: Iterable[object]) -> str:
    return f"{sum(bool(getattr(one, 'tags', ())) for one in findings):,}"


def _some(names: Sequence[str]) -> str:
    left = len(names) - _MOST_TAGS
    return ", ".join(names[:_MOST_TAGS]) + (f" and {left:,} more" if left > 0 else "")


def _sizes(sizes: Mapping[str, int]) -> Iterator[str]:
    return (f"<tr><td>{_text(name)}</td>{_size(size)}</tr>" for name, size in list(sizes.items())[:MOST_ROWS])


def _size(size: int) -> str:
    return f'<td class="n" data-v="{size}">{shown_size(size)}</td>'


def _count(count: int) -> str:
    return f'<td class="n" data-v="{count}">{count:,}</td>'


_NUMBERS: Final = frozenset({"exclusive", "total", "untagged", "tags", "manifests", "shared", "bytes"})
"""Columns of numbers, by their heads."""


def _table(name: str, heads: Sequence[str], rows: Iterable[str], rest: str = "") -> str:
    """A table that can be scrolled by the keyboard, and sorted if the browser runs scripts."""
    cells = "".join(f'<th scope="col"{" class=n" if head in _NUMBERS else ""}>{head}</th>' for head in heads)
    foot = f"<tfoot>{rest}</tfoot>" if rest else ""
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody>{foot}</table></div>"
    )

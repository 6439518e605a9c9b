"""The page: what it shows is what is known, names of the registry are text and nothing else, and it loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import attrs
import pytest

import acr
from acr._inventory.page import MOST_ROWS, page
from acr._inventory.page_drawings import MOST_DRAWN, _groups, months_of
from acr._inventory.treemap import Box, lay_out
from tests.inventory.graphs import random_store
from tests.inventory.pages import hostile, registry_of

VOID = {"meta", "br"}
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "script", "h1", "h2", "p", "div", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "svg", "rect", "text", "a"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "role", "tabindex", "aria-label"),
    *("scope", "colspan", "data-v", "viewbox", "x", "y", "width", "height", "text-anchor"),
}


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements, its attributes, and its texts by element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def check_of(usage: acr.Usage, *findings: acr.Finding) -> acr.Check:
    return acr.Check(findings=findings, manifests=3, is_whole=usage.is_whole)


def rows(html: str, name: str) -> Sequence[str]:
    """The rows of the body of a table."""
    match = re.search(rf'aria-label="{name}".*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    assert match is not None
    return match[1].split("</tr>")[:-1]


@pytest.mark.parametrize("seed", range(20))
def test_a_page_has_nothing_but_what_is_on_the_list(seed: int) -> None:
    inventory = random_store(seed).inventory(is_whole=seed % 2 == 0)
    reader = Reader(inventory.to_html())
    assert reader.open == []
    assert reader.elements <= ELEMENTS
    assert {name for name, _ in reader.attributes} <= ATTRIBUTES
    assert all((value or "").startswith("#r") for name, value in reader.attributes if name == "href")
    assert "made.up" in reader.texts["h1"]


def test_names_are_text_and_nothing_else() -> None:
    usage, finding = hostile()
    html = page(usage, check_of(usage, finding))
    reader = Reader(html)
    assert reader.open == []
    assert reader.elements <= ELEMENTS
    assert {name for name, _ in reader.attributes} <= ATTRIBUTES
    assert len(reader.texts["script"]) == len(reader.texts["style"]) == 1
    cells = "".join(reader.texts["td"])
    assert "<script>alert(1)</script>" in cells
    assert "onerror" in cells
    assert not any("onerror" in (value or "") for name, value in reader.attributes if name != "aria-label")
    for mark in ("\x1b", "\u202e", "\u2066", "\x00"):
        assert mark not in html
    html.encode()


def test_the_policy_allows_the_pages_own_style_and_script_alone() -> None:
    html = registry_of(30).to_html()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    reader = Reader(html)
    style, script = (
        f"'sha256-{base64.b64encode(hashlib.sha256(reader.texts[name][0].encode()).digest()).decode()}'"
        for name in ("style", "script")
    )
    assert policy == (
        f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    )
    assert html.index("Content-Security-Policy") < html.index("<title>") < html.index("<style>")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|src=|\bfetch\b|innerHTML|eval", html.replace(policy, ""))


@pytest.mark.parametrize(("tags", "limit"), [(300, 300 * 1024), (20_000, 3 * 1024 * 1024)])
def test_it_is_small(tags: int, limit: int) -> None:
    inventory = registry_of(tags)
    html = inventory.to_html()
    assert len(html.encode()) < limit
    assert html.count("<rect") <= MOST_DRAWN + 4 * len(list(inventory.repositories())) + 70
    shown = rows(html, "Tags")
    assert len(shown) == min(tags, MOST_ROWS)
    assert (f"{tags - MOST_ROWS:,} other tags" in html) is (tags > MOST_ROWS)


def test_many_repositories_are_summed_up() -> None:
    usage = registry_of(20).usage()
    one = usage.repositories[0]
    many = tuple(attrs.evolve(one, name=f"app{number:05}", tags=one.tags[:1]) for number in range(2000))
    usage = attrs.evolve(usage, repositories=many)
    html = page(usage, check_of(usage))
    assert len(rows(html, "Repositories")) == MOST_ROWS
    assert "1,500 other repositories" in html
    assert html.count("<rect") < 3 * MOST_DRAWN + 100  # a frame, a part, and what is left of each repository
    assert len(html.encode()) < 1024 * 1024


@pytest.mark.parametrize("seed", range(200))
def test_the_areas_are_all_that_is_stored(seed: int) -> None:
    """Each byte is in one rectangle, so nothing is counted twice, and nothing is left out."""
    usage = random_store(seed).inventory().usage()
    groups = list(_groups(usage, {}))
    assert sum(group.size for group in groups) == usage.unique
    assert all(part.size > 0 for group in groups for part in group.parts)


@pytest.mark.parametrize("sizes", [[1.0], [5, 3, 1], [10**12, 1, 1, 1], [7] * 100, list(range(500, 0, -1)), []])
def test_rectangles_fill_their_box_and_do_not_overlap(sizes: list[float]) -> None:
    box = Box(10, 20, 1000, 560)
    found = list(lay_out(sizes, box))
    assert len(found) == len(sizes)
    for size, one in zip(sizes, found, strict=True):
        assert one.area == pytest.approx(size / sum(sizes) * box.area, rel=1e-6)
        assert box.x - 1e-6 <= one.x <= one.x + one.width <= box.x + box.width + 1e-6
        assert box.y - 1e-6 <= one.y <= one.y + one.height <= box.y + box.height + 1e-6
    for at, one in enumerate(found[:50]):
        for other in found[at + 1 : 50]:
            apart = (
                one.x + one.width <= other.x + 1e-6
                or other.x + other.width <= one.x + 1e-6
                or one.y + one.height <= other.y + 1e-6
                or other.y + other.height <= one.y + 1e-6
            )
            assert apart


def test_a_box_without_an_area_has_no_rectangles_that_are_wrong() -> None:
    for one in lay_out([3, 2, 1], Box(0, 0, 0, 5)):
        assert one.area == 0


def test_months_of_times_that_cannot_be() -> None:
    """Whoever answers for the registry can tell any time."""
    usage = registry_of(3).usage()
    odd = {"0001-01": 1, "1970-01": 2, f"{usage.at:%Y-%m}": 4, "9999-12": 8, "unknown": 16}
    months = months_of(attrs.evolve(usage, by_month=odd))
    assert len(months) <= 63
    assert sum(size for _, size in months) == 31
    assert (months[0][1], months[-2][1], months[-1]) == (3, 8, ("unknown", 16))
    page(attrs.evolve(usage, by_month=odd), check_of(usage))


def test_months_without_a_push_are_drawn_too() -> None:
    usage = registry_of(3).usage()
    year = usage.at.year
    months = months_of(attrs.evolve(usage, by_month={f"{year - 1}-11": 1, f"{year}-02": 1}))
    assert [name for name, _ in months[:4]] == [f"{year - 1}-11", f"{year - 1}-12", f"{year}-01", f"{year}-02"]
    assert months[-1][0] == f"{usage.at:%Y-%m}"


def test_a_part_says_so() -> None:
    html = random_store(1).inventory(is_whole=False).to_html()
    assert "only a part of it was read" in html
    assert "Orphans were not looked for" in html
    assert "only a part of it was read" not in random_store(1).inventory().to_html()


def test_findings_that_break_tags_come_first_and_those_of_verify_blobs_can_be_shown() -> None:
    inventory = registry_of(3)
    findings = [
        acr.Finding(kind="orphan", repository="a", text="t", advice="d"),
        acr.Finding(kind="missing-blob", repository="b", tags=[f"v{at}" for at in range(30)], text="t", advice="d"),
    ]
    html = inventory.to_html(check=acr.Check(findings=findings, manifests=3, blobs=5))
    first, second = rows(html, "Findings")
    assert "missing-blob" in first
    assert "v19 and 10 more" in first
    assert "orphan" in second
    assert "Nothing is broken" in inventory.to_html()


def test_many_findings_are_summed_up() -> None:
    one = acr.Finding(kind="missing-child", repository="a", tags=("v1",), text="t", advice="d")
    usage = registry_of(3).usage()
    html = page(usage, check_of(usage, *[one] * 700))
    assert len(rows(html, "Findings")) == MOST_ROWS
    assert "200 other findings, of which 200 break tags" in html


def test_an_empty_registry() -> None:
    usage = attrs.evolve(registry_of(3).usage(), repositories=(), blobs=0, manifests=0, by_month={}, by_age={})
    assert "Nothing is stored." in page(usage, check_of(usage))

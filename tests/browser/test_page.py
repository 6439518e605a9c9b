"""The page in a real browser: nothing leaves it, nothing of the registry runs in it, and it can be used by keyboard."""

from __future__ import annotations

import os
import time
from pathlib import Path

import attrs
import pytest

import acr
from acr._inventory.page import page
from tests.browser.chromium import PROGRAM, Chromium
from tests.browser.conftest import Sink
from tests.inventory.pages import hostile, registry_of

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here: install the package chromium")

SHOTS = os.environ.get("ACR_SCREENSHOTS")
"""A folder for pictures, to be looked at by somebody."""

ORIGIN = "origin.example"


def leaving(sink: Sink) -> list[str]:
    """What left the browser for the page's sake. A browser may have business of its own."""
    return [line for line in sink.requests if ORIGIN in line]


def open_text(browser: Chromium, folder: Path, html: str) -> None:
    place = folder / "page.html"
    place.write_text(html, encoding="utf-8")
    browser.open(place.as_uri())


def complaints(browser: Chromium) -> list[str]:
    return [str(event) for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]


def requested(browser: Chromium) -> list[str]:
    events = [event for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in events]


def hostile_page() -> str:
    """The page of a registry all of whose names want to run, or to load something."""
    usage, finding = hostile()
    names = [f'<img src="http://{ORIGIN}/1">', f"<script src=//{ORIGIN}/2></script>", f"url(http://{ORIGIN}/3)"]
    caveats = (*usage.caveats, *names, "<script>document.title='taken'</script>", "<style>body{display:none}</style>")
    usage = attrs.evolve(usage, caveats=caveats)
    return page(usage, acr.Check(findings=[finding], manifests=1))


def test_what_leaves_the_browser_is_seen(browser: Chromium, sink: Sink, tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    open_text(browser, tmp_path, f'<!doctype html><img src="http://{ORIGIN}/seen">')
    assert any("/seen" in line for line in leaving(sink))
    sink.requests.clear()


@pytest.mark.parametrize("tags", [300, 20_000])
def test_nothing_leaves_the_page(browser: Chromium, sink: Sink, tmp_path: Path, tags: int) -> None:
    open_text(browser, tmp_path, registry_of(tags).to_html())
    assert requested(browser) == [(tmp_path / "page.html").as_uri()]
    assert leaving(sink) == []
    assert complaints(browser) == []


def test_names_do_not_run(browser: Chromium, sink: Sink, tmp_path: Path) -> None:
    open_text(browser, tmp_path, hostile_page())
    assert requested(browser) == [(tmp_path / "page.html").as_uri()]
    assert leaving(sink) == []
    assert complaints(browser) == []
    assert "what it stores" in browser.run("document.title")
    assert browser.run("document.images.length + document.scripts.length") == 1
    assert browser.run("getComputedStyle(document.body).display") == "block"
    assert browser.run("document.querySelectorAll('[onload],[onerror],[onmouseover],[style]').length") == 0


def test_the_policy_stops_what_would_get_in_all_the_same(browser: Chromium, sink: Sink, tmp_path: Path) -> None:
    """If a name were not escaped, the browser would neither run it nor load for it."""
    bad = f"<script>document.title='taken'</script><img src='http://{ORIGIN}/in'><style>body{{display:none}}</style></main>"
    open_text(browser, tmp_path, registry_of(3).to_html().replace("</main>", bad))
    assert "what it stores" in browser.run("document.title")
    assert browser.run("getComputedStyle(document.body).display") == "block"
    assert leaving(sink) == []
    assert any("Content Security Policy" in text for text in complaints(browser))


def test_a_table_is_sorted_by_keyboard(browser: Chromium, tmp_path: Path) -> None:
    open_text(browser, tmp_path, registry_of(60).to_html())
    column = "[...document.querySelectorAll('[aria-label=Tags] tbody tr')].map(r=>Number(r.cells[3].dataset.v))"
    names = "[...document.querySelectorAll('[aria-label=Tags] tbody tr')].map(r=>r.cells[0].textContent)"
    before = browser.run(column)
    assert before != sorted(before, reverse=True)
    browser.run("document.querySelectorAll('[aria-label=Tags] th button')[3].focus()")
    browser.press("Enter", 13, "\r")
    assert browser.run(column) == sorted(before, reverse=True)
    assert browser.run("document.querySelectorAll('[aria-label=Tags] th')[3].getAttribute('aria-sort')") == "descending"
    browser.press(" ", 32, " ")
    assert browser.run(column) == sorted(before)
    browser.run("document.querySelectorAll('[aria-label=Tags] th button')[0].click()")
    assert browser.run(names) == sorted(browser.run(names))
    assert browser.run("document.querySelectorAll('[aria-label=Tags] th[aria-sort]').length") == 1


def test_everything_can_be_reached_by_tab(browser: Chromium, tmp_path: Path) -> None:
    """First the repositories of the treemap, which lead to their rows; then each table, with its buttons."""
    open_text(browser, tmp_path, registry_of(60).to_html())
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.getAttribute('aria-label')") == "drawing"
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.getAttribute('href')").startswith("#r")
    browser.press("Enter", 13, "\r")
    assert browser.run("document.querySelector('tr:target') !== null")
    stops = browser.run(
        "[...document.querySelectorAll('a,button,[tabindex]')].every(e => e.tabIndex === 0 && "
        "(e.getAttribute('aria-label') || e.textContent).trim() !== '')"
    )
    assert stops is True


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("name", "width", "height"), [("phone", 360, 740), ("desk", 1280, 900)])
def test_it_fits_the_screen_and_can_be_read(
    browser: Chromium, tmp_path: Path, name: str, width: int, height: int, *, dark: bool
) -> None:
    browser.look(width=width, height=height, dark=dark, phone=name == "phone")
    open_text(browser, tmp_path, registry_of(300).to_html(check=found()))
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(CONTRAST) >= 4.5
    if SHOTS:
        for screen in range(-(-browser.run("document.documentElement.scrollHeight") // height)):
            browser.run(f"scrollTo(0, {screen * height})")
            browser.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 300)))")
            shot = Path(SHOTS) / f"{name}-{'dark' if dark else 'light'}-{screen}.png"
            shot.write_bytes(browser.screenshot())


def found() -> acr.Check:
    """A check with findings as they may be, long ones too."""
    digest = acr.Digest.of(b"missing")
    child = acr.Finding(
        kind="missing-child",
        repository="team0/app00",
        digest=digest,
        tags=("latest", "v1.1"),
        text=f"the index {acr.Digest.of(b'index')} lists {acr.Digest.of(b'child')}, which the repository does not have",
        advice="Push the image again, or delete the tags.",
    )
    orphan = acr.Finding(
        kind="orphan",
        repository="team1/app05",
        digest=digest,
        text=f"no repository has the manifest that the tag sha256-{digest.hex}.sig is named after",
        advice="Delete the tag with its manifest, if it is a signature, an attestation or an SBOM.",
    )
    return acr.Check(findings=[child, orphan], manifests=320)


CONTRAST = """(() => {
  const light = text => { const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const ground = getComputedStyle(document.body).backgroundColor;
  const found = ['h1', '.soft', 'dt', 'td', 'a text'].filter(one => document.querySelector(one))
    .map(one => ratio(getComputedStyle(document.querySelector(one)).color, ground));
  const ink = getComputedStyle(document.querySelector('svg text')).fill;
  for (const rect of document.querySelectorAll('svg rect:not(.frame):not(.bar)'))
    found.push(ratio(ink, getComputedStyle(rect).fill));
  return Math.min(...found);
})()"""
"""The worst contrast of text to what is behind it (WCAG 2.2, 1.4.3 asks for 4.5)."""


@pytest.mark.parametrize("tags", [300, 20_000])
def test_it_opens_soon(browser: Chromium, tmp_path: Path, tags: int) -> None:
    browser.look(width=1280, height=900, dark=False)
    html = registry_of(tags).to_html()
    began = time.monotonic()
    open_text(browser, tmp_path, html)
    browser.run("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert time.monotonic() - began < 2

"""Listings that a registry never ends: each comes to an end here, and says why."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Final

import httpx
import pytest

import acr
from tests.shells.script import Asked, Peer, Script, falls_silent, gives, head
from tests.twin import Twin


class Listing:
    """A registry whose every page has a link to another one.

    Args:
        items: of each page, in turn; the last are those of all that follow.
    """

    def __init__(self, *items: list[str]) -> None:
        self.asked: list[str] = []
        self._items = items

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        number = len(self.asked)
        self.asked.append(request.url.raw_path.decode())
        items = self._items[min(number, len(self._items) - 1)] if self._items else [f"r{number}"]
        link = f'<{request.url.path}?last=x{number}&n=1>; rel="next"'
        key = "tags" if request.url.path.endswith("list") else "repositories"
        return httpx.Response(200, json={key: items, "name": "app"}, headers={"Link": link})


def registry_of(twin: Twin, listing: Listing, **limits: int) -> acr.Registry:
    transport = httpx.MockTransport(listing)
    return twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(**limits))


def test_empty_pages_end(twin: Twin) -> None:
    listing = Listing(["a"], [])
    with pytest.raises(acr.ProtocolViolation, match="its last 101 pages brought nothing new"):
        list(registry_of(twin, listing).repositories())
    assert len(listing.asked) == 102


def test_some_empty_pages_do_not_end_a_listing(twin: Twin) -> None:
    """A registry that filters behind its pages has them."""
    listing = Listing(["a"], *[[]] * 100, ["b"], *[[]] * 100, ["c"])
    walk = iter(registry_of(twin, listing).repositories())
    assert [next(walk) for _ in range(3)] == ["a", "b", "c"]


def test_a_page_that_comes_again_and_again_under_other_links_ends_it(twin: Twin) -> None:
    """As of a registry that knows no `last`, or not together with an order."""
    listing = Listing(["a", "b"])
    with pytest.raises(acr.ProtocolViolation, match="its last 17 pages brought nothing new"):
        list(registry_of(twin, listing).repository("app").tag_names())
    assert len(listing.asked) == 18


def test_pages_that_take_turns_end_it(twin: Twin) -> None:
    listing = Listing(*[["a"], ["b"], ["c"]] * 20)
    with pytest.raises(acr.ProtocolViolation, match="brought nothing new"):
        list(registry_of(twin, listing).repositories())
    assert len(listing.asked) == 3 + 17


def test_a_page_that_comes_twice_while_something_is_pushed_does_not(twin: Twin) -> None:
    listing = Listing(["a"], ["a"], ["b"], ["b"], ["c"])
    walk = iter(registry_of(twin, listing).repositories())
    assert [next(walk) for _ in range(5)] == ["a", "a", "b", "b", "c"]


def test_ever_new_pages_end_at_a_limit_that_is_named_and_can_be_gone_on_from(twin: Twin) -> None:
    listing = Listing()
    registry = registry_of(twin, listing, pages=5)
    pages: list[acr.Page[str]] = []
    with pytest.raises(acr.LimitExceeded, match=r"larger than the 5 pages allowed; Limits\.pages sets") as caught:
        pages.extend(registry.repositories().pages())  # as far as it gets
    assert (caught.value.limit, caught.value.option) == (5, "Limits.pages")
    assert [page.items for page in pages] == [["r0"], ["r1"], ["r2"], ["r3"], ["r4"]]
    assert next(iter(registry.repositories().pages(continuation=pages[-1].continuation))).items == ["r5"]


def test_by_default_a_listing_may_have_very_many_pages() -> None:
    assert acr.Limits().pages == 100_000


# Pages that are too large.


class Paged:
    """A registry with tags whose names are long; it gives as many as it is asked for, or all."""

    def __init__(self, tags: int, size: int, *, listens: bool = True, links: bool = True) -> None:
        self.asked: list[str] = []
        self._names = [f"{number:04}" + "x" * (size - 4) for number in range(tags)]
        self._listens = listens
        self._links = links

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        self.asked.append(request.url.params.get("n", "all"))
        most = int(request.url.params.get("n", 10**6)) if self._listens else 10**6
        last = request.url.params.get("last", "")
        left = [name for name in self._names if name > last]
        link = {}
        if len(left) > most and self._links:
            query = f"last={left[most - 1]}&n={most}"
            link = {"Link": f'<{request.url.path}?{query}>; rel="next"'}
        return httpx.Response(200, json={"name": "app", "tags": left[:most]}, headers=link)


@pytest.mark.parametrize("page_size", [None, 1000])
def test_a_page_that_is_too_large_is_asked_for_again_with_fewer_items(twin: Twin, page_size: int | None) -> None:
    listing = Paged(tags=300, size=100)
    transport = httpx.MockTransport(listing)
    registry = twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(page=10_000))
    names = list(registry.repository("app").tag_names(page_size=page_size))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(300)]
    first = ["all", "1000"] if page_size is None else ["1000"]
    assert listing.asked == [*first, "250", "62", "62", "62", "62", "62"]


@pytest.mark.parametrize("listens", [True, False])
def test_a_page_that_is_too_large_with_one_item_is_an_error_that_names_the_option(twin: Twin, *, listens: bool) -> None:
    listing = Paged(tags=3, size=20_000, listens=listens)
    transport = httpx.MockTransport(listing)
    registry = twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(page=10_000))
    with pytest.raises(acr.LimitExceeded, match=r"larger than the 10000 bytes allowed; Limits\.page sets") as caught:
        list(registry.repository("app").tag_names())
    assert (caught.value.limit, caught.value.option) == (10_000, "Limits.page")
    assert listing.asked == ["all", "1000", "250", "62", "15", "3", "1"]


def test_a_page_in_the_midst_of_a_walk_is_asked_for_again_too(twin: Twin) -> None:
    sizes = [100, 100, 40_000, 40_000]
    names = [f"{number}" + "x" * size for number, size in enumerate(sizes)]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        asked.append(request.url.raw_path.decode())
        count, last = int(request.url.params["n"]), request.url.params.get("last", "")
        left = [name for name in names if name[0] > last]
        more = {"Link": f"<list?last={left[count - 1][0]}&n={count}>; rel=next"} if len(left) > count else {}
        return httpx.Response(200, json={"tags": left[:count], "name": "app"}, headers=more)

    registry = twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer), limits=acr.Limits(page=50_000))
    assert list(registry.repository("app").tag_names(page_size=2)) == names
    path = "/v2/app/tags/list"
    # The last page is as full as it was asked to be: a registry that gives no links would have more.
    end = f"{path}?last={names[3]}&n=1"
    assert asked == [f"{path}?n=2", f"{path}?last=1&n=2", f"{path}?last=1&n=1", f"{path}?last=2&n=1", end]


@pytest.mark.parametrize("page_size", [None, 100])
def test_without_links_a_page_that_was_made_smaller_is_not_taken_for_all(twin: Twin, page_size: int | None) -> None:
    """As of the registry of go-containerregistry, which gives as many names as are asked for, and no links."""
    listing = Paged(tags=130, size=100, links=False)
    transport = httpx.MockTransport(listing)
    registry = twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(page=5_000))
    names = list(registry.repository("app").tag_names(page_size=page_size))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(130)]


def test_an_answer_that_says_that_it_is_too_large_is_not_read(twin: Twin) -> None:
    with Script(gives(head(20_000), end=falls_silent)) as script:
        registry = twin.connect(script.url, limits=acr.Limits(page=10_000))
        with pytest.raises(acr.LimitExceeded, match=r"larger than the 10000 bytes allowed; Limits\.page sets"):
            list(registry.repositories(page_size=1))


def test_a_listing_that_may_have_one_page_gives_that_page(twin: Twin) -> None:
    walk = iter(registry_of(twin, Listing(), pages=1).repositories().pages())
    assert next(walk).items == ["r0"]
    with pytest.raises(acr.LimitExceeded, match=r"larger than the 1 pages allowed; Limits\.pages sets"):
        next(walk)


def test_a_listing_of_names_without_links_that_may_have_one_page_gives_that_page(twin: Twin) -> None:
    transport = httpx.MockTransport(Paged(tags=4, size=10, links=False))
    registry = twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(pages=1))
    walk = iter(registry.repository("app").tag_names(page_size=2).pages())
    page = next(walk)
    assert [name[:4] for name in page.items] == ["0000", "0001"]
    with pytest.raises(acr.LimitExceeded, match=r"larger than the 1 pages allowed; Limits\.pages sets"):
        next(walk)
    rest = next(iter(registry.repository("app").tag_names(page_size=2).pages(continuation=page.continuation)))
    assert [name[:4] for name in rest.items] == ["0002", "0003"]


def test_a_page_that_links_back_is_given_before_the_error(twin: Twin) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        link = {"Link": f'<{request.url.raw_path.decode()}>; rel="next"'}
        return httpx.Response(200, json={"repositories": ["a"]}, headers=link)

    walk = iter(twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer)).repositories())
    assert next(walk) == "a"
    with pytest.raises(acr.ProtocolViolation, match="links back to a page that was read already"):
        next(walk)


@pytest.mark.parametrize("page_size", [None, 2])
def test_a_name_that_utf_8_cannot_write_is_an_error_of_ours(twin: Twin, page_size: int | None) -> None:
    """The client must ask for what comes after such a name, because the registry gives no links."""
    names = [f"{number}{'x' * 100}\\ud800" for number in range(200)]

    def answer(request: httpx.Request) -> httpx.Response:
        most = int(request.url.params.get("n", 200))
        tags = ",".join(f'"{name}"' for name in names[:most])
        return httpx.Response(200, content=f'{{"name":"app","tags":[{tags}]}}'.encode())

    transport = httpx.MockTransport(answer)
    registry = twin.connect("my.azurecr.io", transport=transport, limits=acr.Limits(page=10_000))
    with pytest.raises(acr.ProtocolViolation, match="ends with a name that UTF-8 cannot write"):
        list(registry.repository("app").tag_names(page_size=page_size))


def test_a_page_that_is_too_large_does_not_stay_in_memory(twin: Twin) -> None:
    """An error that is kept keeps the frames of its traceback, and they have the page."""
    held: list[int] = []

    def plays(peer: Peer, asked: Asked) -> None:
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        is_large = asked.target.rpartition("?")[2] in ("/v2/app/tags/list", "n=1000", "n=250")
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(65 if is_large else 0):
            peer.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        peer.send(b'18\r\n{"name":"app","tags":[]}\r\n0\r\n\r\n')

    with Script(plays) as script:
        registry = twin.connect(script.url, limits=acr.Limits(page=4 * 1024**2))
        tracemalloc.start()
        try:
            assert list(registry.repository("app").tag_names()) == []
        finally:
            tracemalloc.stop()
    assert len(held) == 4
    assert max(held) < min(held) + 2 * 1024**2


FIRST_PAGES: Final = {
    "repositories": b'{"repositories":[%s]}',
    "tag_names": b'{"name":"app","tags":[%s]}',
    "tags": b'{"registry":"r","imageName":"app","tags":[%s]}',
    "manifests": b'{"registry":"r","imageName":"app","manifests":[%s]}',
    "referrers": b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}',
}


def _entry(listing: str, number: int) -> bytes:
    digest, time = acr.Digest.of(b"%d" % number), "2026-01-01T00:00:00Z"
    entries: dict[str, object] = {
        "tags": {"name": f"v{number}", "digest": digest, "createdTime": time, "lastUpdateTime": time},
        "manifests": {"digest": digest, "createdTime": time, "lastUpdateTime": time, "imageSize": 1},
        "referrers": {"digest": digest, "size": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"},
    }
    return json.dumps(entries.get(listing, f"name-{number}-{'x' * 200}")).encode()


@pytest.mark.parametrize("listing", [*FIRST_PAGES, "repositories with a prefix"])
def test_a_page_is_not_kept_while_the_next_one_comes(twin: Twin, listing: str) -> None:
    """One page may weigh as much as a client can bear."""
    held: list[int] = []
    key = listing.partition(" ")[0]
    body = FIRST_PAGES[key] % b",".join(_entry(key, number) for number in range(20_000))

    def plays(peer: Peer, asked: Asked) -> None:
        if "last=" not in asked.target:
            link = f'Link: <{asked.target.partition("?")[0]}?last=x>; rel="next"'
            peer.send(head(len(body), link, "Content-Type: application/json") + body)
            return
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        last = FIRST_PAGES[key] % _entry(key, 20_000)
        peer.send(head(len(last), "Content-Type: application/json") + last)

    with Script(plays) as script:
        registry = twin.connect(script.url)
        app = registry.repository("app")
        listings: dict[str, Callable[[], Iterable[object]]] = {
            "repositories": registry.repositories,
            "repositories with a prefix": lambda: registry.repositories(prefix="name-"),
            "tag_names": app.tag_names,
            "tags": app.tags,
            "manifests": app.manifests,
            "referrers": app.manifest(acr.Digest.of(b"")).referrers,
        }
        walk = listings[listing]
        sum(1 for _ in walk())  # what is loaded and learned once
        tracemalloc.start()
        try:
            assert sum(1 for _ in walk()) == 20_001
        finally:
            tracemalloc.stop()
    assert held[-1] < len(body) // 4

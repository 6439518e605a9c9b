"""How many items a page is asked to have: few at first, then many, and fewer if that is too much for the registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import acr
from tests.shells.script import Asked, Peer, Script, closes, head
from tests.twin import Twin

CREATED = "2026-01-01T00:00:00Z"


class Tags:
    """A registry with tags, in pages as ACR gives them; of too many at once it fails.

    Args:
        count: tags.
        bears: items of a page that it can give.
        fails: what it does if a page has more.
        most: items of a page that it may be asked for.
    """

    def __init__(
        self,
        count: int,
        *,
        bears: int = 1000,
        fails: Callable[[Peer, Asked], None] | None = None,
        most: int = 10**6,
    ) -> None:
        self.count = count
        self.asked: list[int | None] = []
        self._bears = bears
        self._fails = fails or gives_status("502 Bad Gateway")
        self._most = most

    def __call__(self, peer: Peer, asked: Asked) -> None:
        found = re.search(r"[?&]n=([0-9]+)", asked.target)
        self.asked.append(int(found[1]) if found else None)
        size = min(int(found[1]), 1000) if found else min(100, self._most)
        if size > self._most:
            peer.send(head(2, status="400 Bad Request") + b"{}")
            return
        if size > self._bears:
            self._fails(peer, asked)
            return
        last = re.search(r"[?&]last=t([0-9]+)", asked.target)
        first = int(last[1]) + 1 if last else 0
        names = [f"t{number:05}" for number in range(first, min(first + size, self.count))]
        rows = ",".join(
            f'{{"name":"{name}","digest":"sha256:{0:064}","createdTime":"{CREATED}","lastUpdateTime":"{CREATED}",'
            '"signed":false,"changeableAttributes":{}}'
            for name in names
        )
        body = f'{{"registry":"r","imageName":"app","tags":[{rows}]}}'.encode()
        more = first + size < self.count
        link = f'Link: </acr/v1/app/_tags?last={names[-1]}&n={size}&orderby=>; rel="next"' if more else "X-None: 1"
        peer.send(head(len(body), "Content-Type: application/json", link) + body)


def gives_status(status: str, *more: str) -> Callable[[Peer, Asked], None]:
    def fails(peer: Peer, asked: Asked) -> None:
        peer.send(head(2, *more, status=status) + b"{}")

    return fails


def names_of(twin: Twin, tags: Tags, *, page_size: int | None = None, **options: Any) -> list[str]:
    with Script(tags) as server:
        repository = twin.connect(server.url, **options).repository("app")
        return [tag.name for tag in repository.tags(page_size=page_size)]


def all_of(tags: Tags) -> list[str]:
    return [f"t{number:05}" for number in range(tags.count)]


def test_twenty_thousand_tags_take_21_requests(twin: Twin) -> None:
    tags = Tags(20_000)
    assert names_of(twin, tags) == all_of(tags)
    assert tags.asked == [None] + [1000] * 20


def test_who_takes_the_first_few_has_a_small_page(twin: Twin) -> None:
    tags = Tags(20_000)
    with Script(tags) as server:
        walk = iter(twin.connect(server.url).repository("app").tags())
        assert [next(walk).name for _ in range(5)] == all_of(tags)[:5]
    assert tags.asked == [None]


def test_the_size_that_the_caller_names_is_kept(twin: Twin) -> None:
    tags = Tags(250)
    assert names_of(twin, tags, page_size=50) == all_of(tags)
    assert tags.asked == [50] * 5


@pytest.mark.parametrize("fails", [gives_status("502 Bad Gateway"), gives_status("504 Gateway Timeout")])
def test_a_page_that_fails_is_halved_at_once_and_those_behind_it_stay_small(
    twin: Twin, fails: Callable[[Peer, Asked], None]
) -> None:
    tags = Tags(700, bears=125, fails=fails)
    assert names_of(twin, tags, retries=acr.Retries(jitter=lambda: 1.0)) == all_of(tags)
    assert tags.asked == [None, 1000, 500, 250, 125, 125, 125, 125, 125]
    assert twin.slept == [0.5, 0.5]  # before it is halved for the second time, and for the third


def test_a_page_that_does_not_end_in_time_is_halved_too(twin: Twin) -> None:
    tags = Tags(300, bears=500, fails=lambda peer, asked: None)
    assert names_of(twin, tags, timeouts=acr.Timeouts(read=0.3)) == all_of(tags)
    assert tags.asked == [None, 1000, 500]
    assert twin.slept == []


def test_a_page_of_ten_is_tried_as_often_as_any_request_and_then_the_walk_fails(twin: Twin) -> None:
    """It is never given as all."""
    tags = Tags(300, bears=0)
    with pytest.raises(acr.ServerError):
        names_of(twin, tags, retries=acr.Retries(limit=2))
    assert tags.asked == [None, 50, 25, 12, 10, 10, 10]
    assert len(twin.slept) == 3 + 2


def test_a_first_page_that_fails_once_makes_the_others_no_smaller(twin: Twin) -> None:
    tags = Tags(2000)
    with Script(gives_status("502 Bad Gateway"), tags) as server:
        assert [tag.name for tag in twin.connect(server.url).repository("app").tags()] == all_of(tags)
    assert tags.asked == [50, 1000, 1000]


def test_a_registry_that_throttles_is_waited_for_and_asked_for_as_much(twin: Twin) -> None:
    tags = Tags(150)
    throttled = gives_status("503 Service Unavailable", "Retry-After: 3")
    with Script(throttled, tags) as server:
        assert [tag.name for tag in twin.connect(server.url).repository("app").tags()] == all_of(tags)
    assert (tags.asked, twin.slept) == ([None, 1000], [3])


def test_a_lost_connection_says_nothing_of_the_size(twin: Twin) -> None:
    tags = Tags(150)
    with Script(closes, tags) as server:
        assert [tag.name for tag in twin.connect(server.url).repository("app").tags()] == all_of(tags)
    assert tags.asked == [None, 1000]


def test_a_registry_that_takes_no_large_number_is_asked_as_its_link_says(twin: Twin) -> None:
    tags = Tags(250, most=100)
    assert names_of(twin, tags) == all_of(tags)
    assert tags.asked == [None, 1000, 100, 100]


def test_a_continuation_that_is_refused_does_not_begin_anew(twin: Twin) -> None:
    with Script(gives_status("400 Bad Request")) as server:
        tags = twin.connect(server.url).repository("app").tags()
        with pytest.raises(acr.ResponseError):
            list(tags.pages(continuation="/acr/v1/app/_tags?last=t00099&n=100&orderby="))
        assert [asked.target for asked in server.asked] == ["/acr/v1/app/_tags?last=t00099&n=100&orderby="]


def test_without_retries_nothing_is_asked_again(twin: Twin) -> None:
    tags = Tags(300, bears=0)
    with pytest.raises(acr.ServerError):
        names_of(twin, tags, retries=acr.Retries(limit=0))
    assert tags.asked == [None]

"""Listings: lazy, complete, in order, page by page, and counted at the server."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import httpx
import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import push_image
from tests.twin import Twin


def test_repositories_are_listed_by_name(registry: acr.Registry) -> None:
    for name in ("team/b", "a", "team/a"):
        push_image(registry.repository(name), tag="v1")
    assert list(registry.repositories()) == ["a", "team/a", "team/b"]


def test_an_empty_registry_lists_nothing(registry: acr.Registry) -> None:
    assert list(registry.repositories()) == []


def test_a_listing_can_begin_behind_a_name(registry: acr.Registry) -> None:
    for name in ("a", "b", "c"):
        push_image(registry.repository(name), tag="v1")
    assert list(registry.repositories(last="a")) == ["b", "c"]


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, None])
def test_every_page_size_gives_the_whole_list(registry: acr.Registry, page_size: int | None) -> None:
    repository = registry.repository("team/app")
    names = [f"v{number}" for number in range(7)]
    for name in names:
        push_image(repository, tag=name)
    assert [tag.name for tag in repository.tags(page_size=page_size)] == names


def test_tags_are_listed_by_time_if_asked_for(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    for name in ("c", "a", "b"):
        push_image(repository, tag=name)
    assert [tag.name for tag in repository.tags()] == ["a", "b", "c"]
    assert [tag.name for tag in repository.tags(order_by="oldest", page_size=1)] == ["c", "a", "b"]
    assert [tag.name for tag in repository.tags(order_by="newest", page_size=2)] == ["b", "a", "c"]


def test_tags_are_listed_by_digest(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    first = push_image(repository, tag="a", layer=b"1")
    push_image(repository, tag="b", layer=b"2")
    assert [tag.name for tag in repository.tags(digest=first.digest)] == ["a"]


def test_manifests_are_listed_with_their_tags(registry: acr.Registry) -> None:
    repository = registry.repository("team/app")
    tagged = push_image(repository, tag="v1", layer=b"1")
    untagged = push_image(repository, tag=None, layer=b"2")
    listed = {manifest.digest: manifest for manifest in repository.manifests(page_size=1)}
    assert list(listed) == sorted([tagged.digest, untagged.digest])
    assert tuple(listed[tagged.digest].tags) == ("v1",)
    assert tuple(listed[untagged.digest].tags) == ()
    assert listed[tagged.digest].media_type == acr.media_types.OCI_MANIFEST
    assert (listed[tagged.digest].os, listed[tagged.digest].architecture) == ("linux", "amd64")


def test_a_listing_is_lazy_and_can_be_walked_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    for name in ("a", "b", "c"):
        push_image(repository, tag=name)
    acr_emulator.clear_requests()
    tags = repository.tags(page_size=1)
    assert acr_emulator.requests == []
    assert [tag.name for tag in itertools.islice(tags, 1)] == ["a"]
    pages_read = [r for r in acr_emulator.requests if "_tags" in r.path]
    assert len(pages_read) == 1
    assert [tag.name for tag in tags] == ["a", "b", "c"]


def test_a_listing_goes_on_from_a_continuation(registry: acr.Registry, twin: Twin, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    for name in ("a", "b", "c"):
        push_image(repository, tag=name)
    first = next(iter(repository.tags(page_size=1).pages()))
    assert [tag.name for tag in first.items] == ["a"]
    elsewhere = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("team/app")
    rest = list(elsewhere.tags().pages(continuation=first.continuation))
    assert [tag.name for page in rest for tag in page.items] == ["b", "c"]
    assert rest[-1].continuation is None


@pytest.mark.parametrize(
    "continuation",
    ["https://other.example/acr/v1/team/app/_tags?n=1", "//other.example/acr/v1/team/app/_tags", "/v2/", ""],
)
def test_a_continuation_of_another_listing_is_refused(
    registry: acr.Registry, acr_emulator: Emulator, continuation: str
) -> None:
    with pytest.raises(acr.InvalidReference, match="continuation"):
        list(registry.repository("team/app").tags().pages(continuation=continuation))
    assert [r for r in acr_emulator.requests if r.path != "/v2/"] == []


def test_a_page_size_above_the_registrys_limit_is_cut_to_it(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """acr#749: n above 1,000 is silently ignored."""
    push_image(registry.repository("app"), tag="a")
    list(registry.repository("app").tags(page_size=5000))
    assert "n=1000" in acr_emulator.requests[-1].path


@pytest.mark.parametrize("page_size", [0, -1])
def test_a_page_size_that_is_no_size_is_refused(registry: acr.Registry, page_size: int) -> None:
    with pytest.raises(acr.InvalidInput, match=f"page_size={page_size}"):
        registry.repositories(page_size=page_size)


def test_an_unknown_order_is_refused_before_any_request(registry: acr.Registry, acr_emulator: Emulator) -> None:
    with pytest.raises(acr.InvalidInput, match="timedesc"):
        registry.repository("app").tags(order_by="timedesc")  # type: ignore[arg-type]
    assert acr_emulator.requests == []


def test_tags_of_an_unknown_repository_are_an_error(registry: acr.Registry) -> None:
    with pytest.raises(acr.NotFound) as caught:
        list(registry.repository("nothing").tags())
    assert caught.value.codes == ("NAME_UNKNOWN",)


def test_a_listing_that_breaks_off_is_an_error_and_never_part_of_a_list(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry
) -> None:
    """acr#875: a client took the first pages for all."""
    for name in ("a", "b", "c"):
        push_image(registry.repository(name), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, method="GET", path_contains="last=a", status=502, body=b"<html>bad gateway</html>")
    found = []
    with pytest.raises(acr.ServerError, match="bad gateway"):
        for name in client.repositories(page_size=1):
            found.append(name)  # noqa: PERF402 - what came before the error counts
    assert found == ["a"]


def test_an_empty_repository_lists_nothing(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """ACR has null there (acr-cli), and a registry of another make an empty list."""
    repository = registry.repository("app")
    repository.manifest(push_image(repository, tag="v1").digest).delete()
    for order in ("newest", "oldest", None):
        assert list(repository.tags(order_by=order)) == []
        assert [len(page.items) for page in repository.manifests(order_by=order, page_size=1).pages()] == [0]
    assert list(repository.tag_names()) == []


BY_NUMBER = ("newest_tags_by_number", "oldest_tags_by_number", "manifests_by_number")


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("kind", ["tags", "manifests"])
@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("all_of_it", [True, False])
def test_a_page_by_time_is_deleted_and_the_next_asked_for(
    twin: Twin, kind: str, order: Literal["newest", "oldest"], by_number: bool, all_of_it: bool
) -> None:
    """Nothing is left out and nothing comes twice, whether all of a page is deleted or just its last item."""
    now = itertools.count(1_700_000_000, 0.25)
    settings: Any = dict.fromkeys(BY_NUMBER, by_number)
    with Emulator(clock=lambda: next(now), **settings) as emulator:
        repository = twin.connect(emulator.url, emulator.credential()).repository("app")
        names = [f"v{number}" for number in range(7)]
        digests = [push_image(repository, tag=name, layer=name.encode()).digest for name in names]
        seen: list[str] = []
        listing = getattr(repository, kind)(order_by=order, page_size=3)
        for page in listing.pages():
            found = [item.name if kind == "tags" else item.digest for item in page.items]
            seen += found
            for one in found if all_of_it else found[-1:]:
                (repository.tag(one) if kind == "tags" else repository.manifest(one)).delete()
        expected: list[str] = list(names if kind == "tags" else digests)
        assert seen == (expected if order == "oldest" else expected[::-1])
        left = list(repository.tags() if kind == "tags" else repository.manifests())
        assert len(left) == (0 if all_of_it else 4)


def test_a_null_list_is_empty(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """azure-sdk-for-python#28234: an empty repository was a TypeError."""
    acr_emulator.fail(times=1, path_contains="_catalog", status=200, body=b'{"repositories":null}\n')
    assert list(registry.repositories()) == []


@pytest.mark.parametrize(
    "link",
    [
        "<https://other.example/acr/v1/_catalog?last=a>; rel=next",
        "<//other.example/acr/v1/_catalog?last=a>; rel=next",
        "/acr/v1/_catalog?last=a",
        "</acr/v1/_catalog",
    ],
)
def test_a_link_that_leads_elsewhere_or_nowhere_is_an_error(
    registry: acr.Registry, acr_emulator: Emulator, link: str
) -> None:
    acr_emulator.fail(
        times=1, path_contains="_catalog", status=200, headers={"Link": link}, body=b'{"repositories":["a"]}\n'
    )
    with pytest.raises(acr.ProtocolViolation, match=r"[Ll]ink"):
        list(registry.repositories())


def test_a_link_in_a_circle_is_an_error(registry: acr.Registry, acr_emulator: Emulator) -> None:
    link = '</acr/v1/_catalog?last=a&n=1>; rel="next"'
    acr_emulator.fail(
        times=ALWAYS, path_contains="_catalog", status=200, headers={"Link": link}, body=b'{"repositories":["a"]}\n'
    )
    with pytest.raises(acr.ProtocolViolation, match="links back"):
        list(registry.repositories())


def test_tag_names_are_listed_as_every_registry_can(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("team/app")
    for name in ("c", "a", "b"):
        push_image(repository, tag=name)
    assert list(repository.tag_names(page_size=2)) == ["a", "b", "c"]
    assert list(repository.tag_names(last="a")) == ["b", "c"]
    assert acr_emulator.requests[-1].path.startswith("/v2/team/app/tags/list")


@pytest.mark.parametrize("body", ["404 page not found\n", '{"errors":[{"code":"METHOD_UNKNOWN","message":"what?"}]}'])
def test_a_registry_of_another_make_is_told(twin: Twin, body: str) -> None:
    """It knows neither the path nor ACR's correlation ids; go-containerregistry's has a code of its own for that."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path == "/v2/" else 404, text=body)

    registry = twin.connect("registry.example", transport=httpx.MockTransport(answer))
    for call in (
        lambda: list(registry.repositories()),
        lambda: registry.repository("app").properties(),
        lambda: registry.repository("app").exists(),
        lambda: registry.repository("app").tag("v1").exists(),
        lambda: registry.repository("app").tag("v1").wait(),
        lambda: registry.repository("app").tag("v1").update(can_delete=False),
    ):
        with pytest.raises(acr.NoMetadataApi, match=r"no ACR metadata API; tag_names\(\)"):
            call()

"""Listings of registries of other makes: pages without links, and a catalog of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image
from tests.makes.registry import HTML, OtherMake, Said, refused
from tests.twin import Twin

NAMES = [f"v{number}" for number in range(7)]


def with_tags(make: OtherMake) -> None:
    for name in NAMES:
        make.add_image("app", name.encode(), tag=name)


PAGING: dict[str, dict[str, Any]] = {
    "with links": {},
    "without links": {"links": False},
    "without links, and beyond the end from the beginning": {"links": False, "looks_at_last": "go"},
    "without links, and with the last name once more": {"links": False, "looks_at_last": "from"},
}


SIZES = [(paging, size) for paging in PAGING for size in (1, 2, 3, 6, 7, 8) if (paging[-4:], size) != ("more", 1)]
"""Pages of one name, each of which has the last name once more, lead nowhere."""


@pytest.mark.parametrize(("paging", "size"), SIZES)
def test_all_tags_are_listed(twin: Twin, paging: str, size: int) -> None:
    """The registry of go-containerregistry cuts off at `n`, gives no link, and begins anew behind the last name."""
    with OtherMake(**PAGING[paging]) as make:
        with_tags(make)
        repository = twin.connect(make.url).repository("app")
        assert list(repository.tag_names(page_size=size)) == NAMES
        behind = NAMES[2:] if paging.endswith("once more") else NAMES[3:]
        assert list(repository.tag_names(page_size=size, last="v2")) == behind
        assert list(repository.tag_names()) == NAMES


@pytest.mark.parametrize("size", [7, 6, 3])
def test_a_registry_that_looks_at_no_last_is_not_asked_for_ever(twin: Twin, size: int) -> None:
    """It has no way to give what is behind the first page."""
    with OtherMake(links=False, looks_at_last="no") as make:
        with_tags(make)
        assert list(twin.connect(make.url).repository("app").tag_names(page_size=size)) == NAMES[:size]
        assert make.count("GET /v2/app/tags/list") == 2


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("paging", PAGING)
def test_a_listing_goes_on_from_each_page(twin: Twin, paging: str, size: int) -> None:
    with OtherMake(**PAGING[paging]) as make:
        with_tags(make)
        listing = twin.connect(make.url).repository("app").tag_names(page_size=size)
        pages = list(listing.pages())
        assert [name for page in pages for name in page.items] == NAMES
        assert pages[-1].continuation is None
        for at, page in enumerate(pages[:-1], 1):
            assert page.continuation is not None
            rest = [name for later in pages[at:] for name in later.items]
            again = [name for later in listing.pages(continuation=page.continuation) for name in later.items]
            assert [name for name in again if name not in page.items] == rest


def test_a_page_that_is_not_full_is_the_last(twin: Twin) -> None:
    with OtherMake(links=False) as make:
        with_tags(make)
        assert list(twin.connect(make.url).repository("app").tag_names(page_size=8)) == NAMES
        assert make.count("GET /v2/app/tags/list") == 1


def test_names_in_another_order_are_all_listed(twin: Twin) -> None:
    """By time, for example: what goes beyond the last name is told by what was there before, not by the alphabet."""
    order = ["v9", "v10", "v1", "v8", "v2"]
    with OtherMake(links=False) as make:
        for name in order:
            make.add_image("app", name.encode(), tag=name)
        make.order = order
        assert list(twin.connect(make.url).repository("app").tag_names(page_size=2)) == order


def test_versions_are_all_listed_in_their_own_order(twin: Twin) -> None:
    order = [f"v{number}" for number in range(1, 13)]
    with OtherMake(links=False) as make:
        for name in order:
            make.add_image("app", name.encode(), tag=name)
        make.order = order
        repository = twin.connect(make.url).repository("app")
        for size in (1, 2, 3, 9):
            assert list(repository.tag_names(page_size=size)) == order
            assert list(repository.tag_names(page_size=size, last="v4")) == order[4:]


def test_acrs_own_listings_are_walked_by_their_links_alone(registry: acr.Registry, acr_emulator: Emulator) -> None:
    repository = registry.repository("app")
    for name in NAMES[:4]:
        push_image(repository, tag=name)
    for listing, asked in ((repository.tags(page_size=2), "_tags"), (registry.repositories(page_size=1), "_catalog")):
        acr_emulator.clear_requests()
        assert list(listing)
        assert sum(asked in r.path for r in acr_emulator.requests) == (2 if asked == "_tags" else 1)


# An order, and a place to begin at.


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("kind", ["tags", "manifests"])
def test_a_name_to_begin_behind_does_not_go_with_an_order_by_time(
    registry: acr.Registry, acr_emulator: Emulator, kind: str, order: str
) -> None:
    """ACR pages those by a number, and would give the first page once more (acr-cli, PR 72)."""
    listing: Callable[..., object] = getattr(registry.repository("app"), kind)
    with pytest.raises(acr.InvalidInput, match="continuation"):
        listing(order_by=order, last="v1")
    assert acr_emulator.requests == []


# Catalogs.

ELSEWHERE = {
    "404 of Go": Said(status=404, body=b"404 page not found\n", headers={"Content-Type": "text/plain"}),
    "404 with OCI's body": refused(404, "NAME_UNKNOWN"),
    "404 with another body of OCI": refused(404, "MANIFEST_UNKNOWN"),
    "404 with a code of its own": refused(404, "METHOD_UNKNOWN"),
    "404 with a page": Said(status=404, body=HTML, headers={"Content-Type": "text/html"}),
    "200 with a page": Said(status=200, body=HTML, headers={"Content-Type": "text/html"}),
    "405": refused(405),
    "501": refused(501),
    "400": refused(400),
}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("metadata", ELSEWHERE)
def test_repositories_are_listed_by_the_catalog_of_other_makes(twin: Twin, metadata: str, *, links: bool) -> None:
    with OtherMake(metadata=ELSEWHERE[metadata], links=links) as make:
        for name in ("a", "b", "team/app"):
            make.add_image(name)
        registry = twin.connect(make.url)
        assert list(registry.repositories()) == ["a", "b", "team/app"]
        assert list(registry.repositories(page_size=1)) == ["a", "b", "team/app"]
        assert list(registry.repositories(last="a")) == ["b", "team/app"]
        pages = list(registry.repositories(page_size=2).pages())
        assert pages[0].continuation is not None
        rest = registry.repositories(page_size=2).pages(continuation=pages[0].continuation)
        assert [list(page.items) for page in rest] == [["team/app"]]


@pytest.mark.parametrize("metadata", [name for name in ELSEWHERE if name.startswith("404")])
def test_what_acr_alone_has_is_told_whatever_the_404_looks_like(twin: Twin, metadata: str) -> None:
    with OtherMake(metadata=ELSEWHERE[metadata], catalog=False) as make:
        make.add_image("app", tag="v1")
        registry = twin.connect(make.url)
        app = registry.repository("app")
        calls: list[Callable[[], object]] = [
            lambda: list(registry.repositories()),
            app.properties,
            lambda: list(app.tags()),
            lambda: list(app.manifests()),
            app.tag("v1").properties,
            lambda: app.tag("v1").update(can_delete=False),
            app.tag("v1").delete,
        ]
        for call in calls:
            with pytest.raises(acr.NoMetadataApi, match="no ACR metadata API"):
                call()


def test_acr_has_its_own_catalog_and_no_other_is_asked_for(registry: acr.Registry, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/acr/v1/_catalog", status=404, body=b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
    with pytest.raises(acr.NotFound) as caught:
        list(registry.repositories())
    assert not isinstance(caught.value, acr.NoMetadataApi)
    assert not [r for r in acr_emulator.requests if r.path.startswith("/v2/_catalog")]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_catalog_that_is_refused_is_not_taken_for_another_make(twin: Twin, status: int) -> None:
    with OtherMake(metadata=refused(status)) as make:
        with pytest.raises(acr.ResponseError) as caught:
            list(twin.connect(make.url, retries=acr.Retries(limit=0)).repositories())
        assert caught.value.status == status
        assert make.count("GET /v2/_catalog") == 0


def test_a_part_of_a_catalog_is_never_given_as_all_of_it(twin: Twin) -> None:
    link = {"Link": '</acr/v1/_catalog?last=a>; rel="next"', "Content-Type": "application/json"}
    with OtherMake(metadata=Said(status=200, body=b'{"repositories":["a"]}', headers=link)) as make:
        pages = twin.connect(make.url).repositories().pages()
        next(pages)
        make.manners.metadata = refused(404)
        with pytest.raises(acr.NoMetadataApi):
            next(pages)
        assert make.count("GET /v2/_catalog") == 0


# A token server elsewhere.


@pytest.mark.parametrize("credential", [None, "keyring"])
def test_a_registry_whose_tokens_are_issued_elsewhere_can_be_pulled_from(twin: Twin, credential: str | None) -> None:
    """Docker Hub: without a credential there is nothing that another host must not get to know."""

    class Empty:
        def lookup(self, host: str) -> None:
            return None

    with OtherMake() as issuer, OtherMake(realm=issuer.url) as make:
        image = make.add_image("library/app", tag="v1")
        registry = twin.connect(make.url, None if credential is None else Empty())
        app = registry.repository("library/app")
        assert list(app.tag_names()) == ["v1"]
        assert app.manifest("v1").head().digest == image
        assert app.pull("v1", acr.Memory()).digest == image
        assert issuer.asked
        assert all(asked.startswith("GET /token?") for asked in issuer.asked)
        assert not any("authorization" in headers for headers in issuer.headers)


@pytest.mark.parametrize(
    "credential", [acr.UsernamePassword("me", "secret"), acr.RefreshToken("eyJh.e30.x"), "entra"], ids=str
)
def test_what_there_is_of_a_credential_goes_nowhere_else(twin: Twin, credential: Any) -> None:
    class Entra:
        asked = False

        def get_token(self, *scopes: str) -> object:
            Entra.asked = True
            raise AssertionError

    with OtherMake() as issuer, OtherMake(realm=issuer.url) as make:
        make.add_image("app", tag="v1")
        registry = twin.connect(make.url, Entra() if credential == "entra" else credential)
        with pytest.raises(acr.ProtocolViolation, match="another host"):
            registry.repository("app").manifest("v1").head()
        assert issuer.asked == []
        assert not Entra.asked


@pytest.mark.parametrize("call", ["exchange_entra_token", "exchange_refresh_token"])
def test_tokens_of_the_caller_go_nowhere_else_either(twin: Twin, call: str) -> None:
    """Although the client itself has no credential."""
    with OtherMake() as issuer, OtherMake(realm=issuer.url) as make:
        registry = twin.connect(make.url)
        with pytest.raises(acr.ProtocolViolation, match="another host"):
            if call == "exchange_entra_token":
                registry.exchange_entra_token("secret")
            else:
                registry.exchange_refresh_token("secret", ["repository:app:pull"])
        assert issuer.asked == []


def test_a_login_that_comes_later_goes_nowhere_else_either(twin: Twin) -> None:
    """A keyring is asked again when a token was refused, and then has one."""

    class Late:
        asked = 0

        def lookup(self, host: str) -> acr.UsernamePassword | None:
            self.asked += 1
            return None if self.asked == 1 else acr.UsernamePassword("me", "secret")

    with OtherMake(token=refused(401)) as issuer, OtherMake(realm=issuer.url) as make:
        make.add_image("app", tag="v1")
        with pytest.raises(acr.AcrError):
            twin.connect(make.url, Late()).repository("app").manifest("v1").head()
        assert not any("authorization" in headers for headers in issuer.headers)
        assert "secret" not in json.dumps(issuer.asked)

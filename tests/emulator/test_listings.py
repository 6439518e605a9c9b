"""Listings and their paging."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from acr import media_types
from acr.emulator import Emulator
from tests.emulator.user import User, error_of

READ = "repository:library/app:metadata_read"
PULL = "repository:library/app:pull"
CATALOG = "registry:catalog:*"


@pytest.fixture
def registry() -> Iterator[Emulator]:
    seconds = itertools.count(1_700_000_000, 0.25)
    with Emulator(clock=lambda: next(seconds)) as emulator:
        yield emulator


def pages(user: User, path: str, scope: str, key: str) -> list[list[str]]:
    found = []
    while path:
        reply = user.send("GET", path, scope)
        assert reply.status_code == 200, reply.text
        items = reply.json()[key] or ()
        found.append([item if isinstance(item, str) else item.get("name", item.get("digest")) for item in items])
        link = reply.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    return found


def link(reply: httpx.Response) -> str:
    found: str = reply.headers["Link"]
    return found


def test_links_are_as_recorded(user: User) -> None:
    for name in ("library/app", "library/busybox"):
        digests = [user.push_image(name, tag, tag) for tag in ("latest", "v1")]
    base = "/acr/v1/library%2Fbusybox"
    read = "repository:library/busybox:metadata_read"
    reply = user.send("GET", "/acr/v1/_catalog?n=1&api-version=2021-07-01", CATALOG)
    assert reply.text == '{"repositories":["library/app"]}\n'
    assert link(reply) == '</acr/v1/_catalog?last=library%2Fapp&n=1&orderby=>; rel="next"'
    assert link(user.send("GET", f"{base}/_tags?n=1", read)) == f'<{base}/_tags?last=latest&n=1&orderby=>; rel="next"'
    first = min(digests).replace(":", "%3A")
    expected = f'<{base}/_manifests?last={first}&n=1&orderby=>; rel="next"'
    assert link(user.send("GET", f"{base}/_manifests?n=1", read)) == expected


def test_paging_by_name_and_by_time(user: User) -> None:
    tags = ["d", "b", "a", "c", "e"]
    digests = [user.push_image("library/app", tag, tag) for tag in tags]
    for name in ("zebra", "ant"):
        user.push_artifact(name, "v1")
    base = "/acr/v1/library/app"
    assert pages(user, "/acr/v1/_catalog?n=2", CATALOG, "repositories") == [["ant", "library/app"], ["zebra"]]
    newest = pages(user, "/acr/v1/_catalog?n=1&orderby=timedesc", CATALOG, "repositories")
    assert newest == [["ant"], ["zebra"], ["library/app"]]
    assert pages(user, f"{base}/_tags?n=2", READ, "tags") == [["a", "b"], ["c", "d"], ["e"]]
    assert pages(user, f"{base}/_tags?n=2&orderby=timeasc", READ, "tags") == [["d", "b"], ["a", "c"], ["e"]]
    assert pages(user, f"{base}/_tags?n=3&orderby=timedesc", READ, "tags") == [["e", "c", "a"], ["b", "d"]]
    assert pages(user, f"{base}/_tags?n=5&orderby=none", READ, "tags") == [sorted(tags)]
    assert pages(user, f"{base}/_manifests?n=4", READ, "manifests") == [sorted(digests)[:4], sorted(digests)[4:]]
    assert pages(user, f"{base}/_manifests?n=5&orderby=timeasc", READ, "manifests") == [digests]
    assert pages(user, "/v2/_catalog?n=2", CATALOG, "repositories") == [["ant", "library/app"], ["zebra"]]
    assert pages(user, "/v2/library%2Fapp/tags/list?n=3", PULL, "tags") == [["a", "b", "c"], ["d", "e"]]
    assert pages(user, "/v2/library/app/tags/list", PULL, "tags") == [sorted(tags)]


def test_time_is_of_the_last_update(user: User) -> None:
    for tag in ("a", "b"):
        user.push_image("library/app", tag, tag)
    user.push_image("library/app", "a", "b")
    assert pages(user, "/acr/v1/library/app/_tags?orderby=timeasc", READ, "tags") == [["b", "a"]]


def number(time: str, *, newest: bool) -> int:
    """The number of a time in .NET's ticks, by the calendar of the standard library."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    since = datetime.fromisoformat(whole) - datetime(1, 1, 1)
    ticks = (since.days * 86_400 + since.seconds) * 10_000_000 + int(fraction.ljust(7, "0"))
    return 2**63 - 1 - ticks if newest else ticks


def test_newest_tags_are_paged_by_number_and_name(user: User) -> None:
    """acr-cli#72: `Link: .../_tags?last=8586163895140836946%2612.04&n=3&orderby=timedesc`."""
    for tag in ("old", "12.04", "new"):
        user.push_image("library/app", tag, tag)
    path = "/acr/v1/library%2Fapp/_tags"
    first = user.send("GET", f"{path}?n=2&orderby=timedesc", READ)
    last = number(first.json()["tags"][-1]["lastUpdateTime"], newest=True)
    assert link(first) == f'<{path}?last={last}%2612.04&n=2&orderby=timedesc>; rel="next"'
    assert [tag["name"] for tag in user.send("GET", link(first)[1:-13], READ).json()["tags"]] == ["old"]


@pytest.mark.parametrize("last", ["new", "12.04", "&new", "x&new", "9999999999999999999&new", "", "%26"])
def test_a_name_alone_gives_the_first_page_again(user: User, last: str) -> None:
    for tag in ("old", "12.04", "new"):
        user.push_image("library/app", tag, tag)
    query = f"orderby=timedesc&last={last.replace('&', '%26')}"
    assert pages(user, f"/acr/v1/library/app/_tags?{query}", READ, "tags") == [["new", "12.04", "old"]]


BY_NUMBER = {"newest_tags_by_number": True, "oldest_tags_by_number": True, "manifests_by_number": True}


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("kind", ["tags", "manifests"])
@pytest.mark.parametrize("order", ["timeasc", "timedesc"])
def test_a_listing_by_time_goes_on_behind_what_is_deleted(kind: str, order: str, by_number: bool) -> None:
    """By number since it is in the link, by name since the emulator remembers the time."""
    seconds = itertools.count(1_700_000_000, 0.25)
    settings: Any = dict.fromkeys(BY_NUMBER, by_number)
    with Emulator(clock=lambda: next(seconds), **settings) as registry:
        user = User(registry)
        with user.http:
            names = [f"v{position}" for position in range(5)]
            digests = [user.push_image("library/app", name, name) for name in names]
            expected: list[str] = list(names if kind == "tags" else digests)
            seen, path = [], f"/acr/v1/library/app/_{kind}?n=2&orderby={order}"
            while path:
                reply = user.send("GET", path, READ)
                items = [item.get("name", item.get("digest")) for item in reply.json()[kind]]
                seen += items
                path = link(reply)[1:-13] if "Link" in reply.headers else ""
                assert ("%26" in path) == (by_number and bool(path))
                gone = (
                    f"/acr/v1/library/app/_tags/{items[-1]}"
                    if kind == "tags"
                    else f"/v2/library/app/manifests/{items[-1]}"
                )
                user.send("DELETE", gone, "repository:library/app:delete")
            assert seen == (expected if order == "timeasc" else expected[::-1])


def test_by_name_a_tag_that_moves_takes_its_place_in_the_listing_with_it() -> None:
    """That is why there is a number. By name alone the listing ends where the tag is now."""
    seconds = itertools.count(1_700_000_000, 0.25)
    for by_number, expected in ((True, ["b", "c", "a"]), (False, [])):
        with Emulator(clock=lambda: next(seconds), oldest_tags_by_number=by_number) as registry:
            user = User(registry)
            with user.http:
                for tag in ("a", "b", "c"):
                    user.push_image("library/app", tag, tag)
                path = link(user.send("GET", "/acr/v1/library/app/_tags?n=1&orderby=timeasc", READ))[1:-13]
                user.push_image("library/app", "a", "moved")
                assert pages(user, f"{path}&n=9", READ, "tags")[0] == expected


def test_names_alone_of_the_newest_tags() -> None:
    seconds = itertools.count(1_700_000_000, 0.25)
    with Emulator(clock=lambda: next(seconds), newest_tags_by_number=False) as registry:
        user = User(registry)
        with user.http:
            for tag in ("a", "b", "c"):
                user.push_image("library/app", tag, tag)
            path = "/acr/v1/library%2Fapp/_tags"
            first = user.send("GET", f"{path}?n=1&orderby=timedesc", READ)
            assert link(first) == f'<{path}?last=c&n=1&orderby=timedesc>; rel="next"'
            assert pages(user, f"{path}?last=c&n=1&orderby=timedesc", READ, "tags") == [["b"], ["a"]]


def test_an_item_that_never_was_begins_a_listing_by_time_anew(user: User) -> None:
    for tag in ("a", "b"):
        user.push_image("library/app", tag, tag)
    assert pages(user, "/acr/v1/library/app/_tags?last=x&orderby=timeasc", READ, "tags") == [["a", "b"]]


@pytest.mark.parametrize("null", [True, False])
def test_empty_pages(null: bool) -> None:
    """acr-cli indexes the last item of what is no null; azure-sdk-for-python#28234 met the null."""
    nothing = "null" if null else "[]"
    with Emulator(null_pages=null) as registry:
        user = User(registry)
        with user.http:
            digest = user.push_artifact("app", "v1")
            user.send("DELETE", f"/v2/app/manifests/{digest}", "repository:app:delete")
            for kind in ("tags", "manifests"):
                for query in ("", "?n=1", "?orderby=timedesc"):
                    reply = user.send("GET", f"/acr/v1/app/_{kind}{query}", "repository:app:metadata_read")
                    assert (
                        reply.text == f'{{"registry":"{registry.login_server}","imageName":"app","{kind}":{nothing}}}\n'
                    )
            assert user.send("GET", "/v2/app/tags/list", "repository:app:pull").json() == {"name": "app", "tags": []}


@pytest.mark.parametrize(("orderby", "end"), [(True, "&orderby="), (False, "")])
def test_links_of_v2(orderby: bool, end: str) -> None:
    with Emulator(orderby_in_v2_links=orderby) as registry:
        user = User(registry)
        with user.http:
            for tag in ("a", "b"):
                user.push_artifact("library/app", tag)
                user.push_artifact(f"repository-{tag}", "v1")
            reply = user.send("GET", "/v2/_catalog?n=1", CATALOG)
            assert link(reply) == f'</v2/_catalog?last=library%2Fapp&n=1{end}>; rel="next"'
            reply = user.send("GET", "/v2/library/app/tags/list?n=1", PULL)
            assert link(reply) == f'</v2/library%2Fapp/tags/list?last=a&n=1{end}>; rel="next"'
            assert pages(user, "/v2/library/app/tags/list?n=1", PULL, "tags") == [["a"], ["b"]]


def test_page_size(user: User) -> None:
    user.push_artifact("library/app", "latest")
    content = user.send("GET", "/v2/library/app/manifests/latest", PULL, {"Accept": media_types.OCI_MANIFEST}).content
    token = {"Authorization": f"Bearer {user.token('repository:library/app:pull,push')}"}
    for number in range(101):
        headers = {**token, "Content-Type": media_types.OCI_MANIFEST}
        user.http.put(f"/v2/library/app/manifests/v{number:03}", content=content, headers=headers)
    sizes = [len(page) for page in pages(user, "/acr/v1/library/app/_tags", READ, "tags")]
    assert sizes == [100, 2]
    reply = user.send("GET", "/acr/v1/library/app/_tags", READ)
    assert "&n=100&" in link(reply)
    assert reply.headers["Transfer-Encoding"] == "chunked"  # a large one
    assert "Content-Length" not in reply.headers
    reply = user.send("GET", "/acr/v1/library/app/_tags?n=5000", READ)
    assert len(reply.json()["tags"]) == 102
    assert len(user.send("GET", "/acr/v1/library/app/_tags?n=0005", READ).json()["tags"]) == 5
    for bad in ("0", "-1", "x", "9" * 20, "9" * 5000, "\u0662"):
        reply = user.send("GET", f"/acr/v1/library/app/_tags?n={bad}", READ)
        assert (reply.status_code, error_of(reply)["code"]) == (400, "PAGINATION_NUMBER_INVALID")
    assert user.send("GET", "/acr/v1/library/app/_tags?orderby=size", READ).status_code == 400


def test_tags_of_one_manifest(user: User) -> None:
    digest = user.push_image("library/app", "v1", "1")
    user.push_image("library/app", "v1-again", "1")
    user.push_image("library/app", "v2", "2")
    query = f"orderby=timeasc&digest={digest.replace(':', '%3A')}"
    path = "/acr/v1/library%2Fapp/_tags"
    assert pages(user, f"{path}?{query}", READ, "tags") == [["v1", "v1-again"]]
    assert pages(user, f"{path}?{query}&n=1", READ, "tags") == [["v1"], ["v1-again"]]


def test_items_of_lists(user: User, registry: Emulator) -> None:
    image = user.push_image("library/app", "v1")
    bare = user.push_artifact("library/app", "v2")
    user.send("DELETE", "/acr/v1/library/app/_tags/v2", "repository:library/app:delete")
    reply = user.send("GET", "/acr/v1/library/app/_manifests", READ).json()
    assert list(reply) == ["registry", "imageName", "manifests"]
    assert reply["registry"] == registry.login_server
    items: dict[str, Any] = {item["digest"]: item for item in reply["manifests"]}
    times = ["createdTime", "lastUpdateTime"]
    assert list(items[image]) == [
        "digest", "imageSize", *times, "architecture", "os", "mediaType", "tags", "changeableAttributes"
    ]  # fmt: skip
    assert list(items[bare]) == ["digest", "imageSize", *times, "mediaType", "changeableAttributes"]
    tags = user.send("GET", "/acr/v1/library/app/_tags", READ).json()["tags"]
    assert list(tags[0]) == ["name", "digest", *times, "signed", "changeableAttributes"]
    assert tags[0]["signed"] is False
    datetime.fromisoformat(tags[0]["createdTime"])


def test_unknown_repository(user: User) -> None:
    for what in ("_tags", "_manifests"):
        reply = user.send("GET", f"/acr/v1/library/app/{what}", READ)
        assert reply.status_code == 404
        assert error_of(reply) == {"code": "NAME_UNKNOWN", "message": 'repository "library/app" is not found'}
    assert error_of(user.send("GET", "/v2/library/app/tags/list", PULL))["code"] == "NAME_UNKNOWN"


def test_referrers(user: User) -> None:
    subject = user.push_image("library/app", "v1")
    descriptor = {"mediaType": media_types.OCI_MANIFEST, "digest": subject, "size": 1}
    found = [
        user.push_artifact("library/app", f"r{n}", subject=descriptor, artifactType=kind, annotations={"n": str(n)})
        for n, kind in enumerate(["text/sbom", "text/sbom", "text/signature"])
    ]
    path = f"/v2/library%2Fapp/referrers/{subject.replace(':', '%3A')}"
    reply = user.send("GET", path, PULL)
    assert reply.headers["Content-Type"] == media_types.OCI_INDEX
    index = reply.json()
    assert (index["schemaVersion"], index["mediaType"]) == (2, media_types.OCI_INDEX)
    assert [item["digest"] for item in index["manifests"]] == sorted(found)
    item = next(item for item in index["manifests"] if item["digest"] == found[2])
    assert (item["artifactType"], item["annotations"]) == ("text/signature", {"n": "2"})
    content = user.send("GET", f"/v2/library/app/manifests/{found[2]}", PULL).content
    assert item["size"] == len(content)
    reply = user.send("GET", f"{path}?artifactType=text%2Fsbom&n=1", PULL)
    assert reply.headers["OCI-Filters-Applied"] == "artifactType"
    assert pages(user, f"{path}?artifactType=text%2Fsbom&n=1", PULL, "manifests") == [
        [digest] for digest in sorted(found[:2])
    ]
    for name in ("library/app", "library/none"):
        other = user.send("GET", f"/v2/{name}/referrers/sha256:{'0' * 64}", f"repository:{name}:pull")
        assert (other.status_code, other.json()["manifests"]) == (200, [])

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
        found.append(
            [item if isinstance(item, str) else item.get("name", item.get("digest")) for item in reply.json()[key]]
        )
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


def test_paging_by_time_goes_on_after_a_delete(user: User) -> None:
    for tag in ("a", "b", "c"):
        user.push_image("library/app", tag, tag)
    user.send("DELETE", "/acr/v1/library/app/_tags/a", "repository:library/app:delete")
    # The item that the page ended with is gone: none that is left may be left out.
    found = pages(user, "/acr/v1/library/app/_tags?last=a&n=1&orderby=timeasc", READ, "tags")
    assert found == [["b"], ["c"]]


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
    for bad in ("0", "-1", "x"):
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

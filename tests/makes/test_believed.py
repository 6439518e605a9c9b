"""What a success is believed of: a login page has done nothing, and a page without its list is no end of a listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image
from tests.shells.script import Asked, Peer, Script, head
from tests.twin import Twin

PAGE = b"<!doctype html><title>Sign in</title>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
DIGEST = acr.Digest.of(b"x")
INDEX = {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": []}

CHANGES: dict[str, tuple[str, Callable[[acr.Repository], Any]]] = {
    "delete a tag": ("DELETE", lambda app: app.tag("v1").delete()),
    "delete a manifest": ("DELETE", lambda app: app.manifest(DIGEST).delete()),
    "delete a blob": ("DELETE", lambda app: app.blob(DIGEST).delete()),
    "delete all": ("DELETE", lambda app: app.delete()),
    "put a manifest": ("PUT", lambda app: app.put_manifest(INDEX)),
    "commit a blob": ("PUT", lambda app: app.upload_blob(b"content")),
    "lock a tag": ("PATCH", lambda app: app.tag("v1").update(can_write=False)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (HTML, PAGE),
        (JSON, b'{"errors":[{"code":"DENIED","message":"no"}]}'),
        (JSON, b' \r\n{"errors":[{"code":"DENIED"}]}'),
    ],
    ids=["page", "errors", "errors behind white space"],
)
def test_a_success_that_says_otherwise_is_none(
    registry: acr.Registry, acr_emulator: Emulator, change: str, headers: dict[str, str], body: bytes
) -> None:
    method, call = CHANGES[change]
    acr_emulator.fail(method=method, status=200, headers=headers, body=body)
    with pytest.raises(acr.ProtocolViolation) as caught:
        call(registry.repository("app"))
    assert body is PAGE or "answered 200 with errors: nobody knows what was done" in str(caught.value)


LISTINGS: dict[str, tuple[str, Callable[[acr.Registry], Any]]] = {
    "repositories": ("/acr/v1/_catalog", lambda registry: list(registry.repositories(page_size=1))),
    "tags": ("/_tags", lambda registry: list(registry.repository("a").tags(page_size=1))),
    "tag names": ("/tags/list", lambda registry: list(registry.repository("a").tag_names(page_size=1))),
    "manifests": ("/_manifests", lambda registry: list(registry.repository("a").manifests(page_size=1))),
}


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"errors":[{"code":"TOOMANYREQUESTS"}]}',
        b'{"registry":"r","imageName":"a","name":"a","message":"log in"}',
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_page_without_its_list_does_not_end_a_listing(
    registry: acr.Registry, acr_emulator: Emulator, listing: str, body: bytes, page: int
) -> None:
    for name in ("a", "b"):
        for tag in ("v1", "v2"):
            push_image(registry.repository(name), tag=tag, layer=tag.encode())
    path, walk = LISTINGS[listing]
    assert len(walk(registry)) == 2
    acr_emulator.fail(method="GET", path_contains=path if page == 1 else "last=", status=200, headers=JSON, body=body)
    with pytest.raises(
        acr.ProtocolViolation, match=r"a page of a listing has no '(repositories|tags|manifests)'|body: \w+: missing"
    ):
        walk(registry)


@pytest.mark.parametrize("page", ["repositories", "tags", "manifests"])
def test_a_page_whose_list_is_null_is_empty(registry: acr.Registry, acr_emulator: Emulator, page: str) -> None:
    path, walk = LISTINGS[page]
    body = f'{{"registry":"r","imageName":"a","{page}":null}}'.encode()
    acr_emulator.fail(method="GET", path_contains=path, status=200, headers=JSON, body=body)
    assert walk(registry) == []


@pytest.mark.parametrize("kind", ["tag", "repository"])
def test_a_registry_without_acrs_api_has_deleted_nothing(twin: Twin, kind: str) -> None:
    def other_make(peer: Peer, asked: Asked) -> None:
        found = "200 OK" if asked.target == "/v2/" else "404 Not Found"
        peer.send(head(0, "Content-Type: text/plain", status=found))

    with Script(other_make) as script:
        app = twin.connect(script.url).repository("app")
        what = app.tag("v1") if kind == "tag" else app
        with pytest.raises(acr.NoMetadataApi):
            what.delete(missing_ok=True)


@pytest.mark.parametrize("status", ["302 Found", "304 Not Modified", "300 Multiple Choices"])
def test_a_redirect_that_leads_nowhere_says_nothing_of_a_blob(twin: Twin, status: str) -> None:
    def redirects(peer: Peer, asked: Asked) -> None:
        peer.send(head(0, status="200 OK" if asked.target == "/v2/" else status))

    with Script(redirects) as script, pytest.raises(acr.AcrError):
        twin.connect(script.url).repository("app").blob(DIGEST).exists()

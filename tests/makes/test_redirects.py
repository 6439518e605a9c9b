"""Manifests and listings that a registry redirects are followed, as blobs are, and under the same rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import acr
from acr._core.talk.links import local_target
from acr._values.reference import Endpoint
from acr.emulator import Emulator
from tests.content import push_image

Asked = list[tuple[str, str | None]]


@contextmanager
def elsewhere(body: bytes, content_type: str) -> Iterator[tuple[str, Asked]]:
    """A server that gives one answer. Gives its URL, and the paths and Authorization headers that it was asked with."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_manifest_that_is_kept_elsewhere_is_fetched_there_without_the_token(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    manifest = app.manifest("v1").get()
    with elsewhere(manifest.content, manifest.media_type) as (url, asked):
        acr_emulator.fail(path_contains="/manifests/", status=307, headers={"Location": f"{url}/kept?sig=secret"})
        assert app.manifest(manifest.digest).get() == manifest
        assert asked == [("/kept?sig=secret", None)]


def test_what_comes_from_elsewhere_is_verified(registry: acr.Registry, acr_emulator: Emulator) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    manifest = app.manifest("v1").get()
    with elsewhere(manifest.content + b"\n", manifest.media_type) as (url, _):
        acr_emulator.fail(path_contains="/manifests/", status=307, headers={"Location": f"{url}/kept"})
        with pytest.raises(acr.DigestMismatch):
            app.manifest(manifest.digest).get()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_listing_that_has_moved_within_the_registry_is_read_there(
    registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    for name in ("app", "moved"):
        push_image(registry.repository(name), tag=f"of-{name}")
    location = {"Location": "/v2/moved/tags/list"}
    acr_emulator.fail(path_contains="/v2/app/tags/list", status=status, headers=location)
    assert list(registry.repository("app").tag_names()) == ["of-moved"]


def test_redirects_without_an_end_are_an_error(registry: acr.Registry, acr_emulator: Emulator) -> None:
    location = {"Location": "/v2/app/tags/list"}
    acr_emulator.fail(times=6, path_contains="/v2/app/tags/list", status=307, headers=location)
    with pytest.raises(acr.ProtocolViolation):
        list(registry.repository("app").tag_names())


def test_a_push_is_not_redirected(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """What changes something goes to the registry that was named, or nowhere."""
    app = registry.repository("app")
    push_image(app, tag="v1")
    acr_emulator.fail(method="PUT", status=307, headers={"Location": "http://127.0.0.1:1/"})
    with pytest.raises(acr.ProtocolViolation):
        app.put_manifest(app.manifest("v1").get(), tag="v2")


def test_a_link_from_https_to_http_says_so() -> None:
    registry = Endpoint.parse("my.azurecr.io")
    with pytest.raises(acr.ProtocolViolation, match="from https to plain http at my.azurecr.io.*X-Forwarded-Proto"):
        local_target(registry, "/v2/", "http://my.azurecr.io/v2/?last=a")

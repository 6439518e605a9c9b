"""Arguments: what can only be meant in one way is named by the error, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image
from tests.twin import Twin

DIGEST = acr.Digest.of(b"")
HEX = "a" * 64


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"retries": 3}, r"retries=3: pass Retries\(limit=3\)"),
        ({"retries": None}, "retries=None"),
        ({"timeouts": 5}, r"timeouts=5: pass Timeouts\(connect=5, read=5\)"),
        ({"timeouts": (1, 2)}, "timeouts"),
        ({"ssl_context": "ca.pem"}, r"pass ssl.create_default_context\(cafile='ca.pem'\)"),
        ({"ssl_context": False}, "ssl_context=False"),
        ({"audience": None}, "audience=None: expected a URL"),
    ],
)
def test_an_option_of_another_type_is_refused_at_once(twin: Twin, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(acr.InvalidInput, match=expected):
        twin.connect("my.azurecr.io", **options)


def test_copies_go_to_a_client_of_the_same_colour(registry: acr.Registry, acr_emulator: Emulator) -> None:
    for to in ("my.azurecr.io", object()):
        with pytest.raises(acr.InvalidInput, match="to: expected a (Async)?Registry, not"):
            registry.copy("a:v1", "b:v1", to=to)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [acr.Registry, acr.AsyncRegistry])
def test_a_client_of_the_other_colour_is_refused(registry: acr.Registry, acr_emulator: Emulator, other: Any) -> None:
    ours = "AsyncRegistry" if "Async" in repr(registry) else "Registry"
    if other.__name__ != ours:
        with pytest.raises(acr.InvalidInput, match=f"expected a {ours}, not {other.__name__}"):
            registry.copy("a:v1", "b:v1", to=other(acr_emulator.url))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda r: r.repository("my.azurecr.io/team/app"), r"begins with a host: pass repository\('team/app'\)"),
        (lambda r: r.repository(f"{r.login_server}/app"), r"begins with a host: pass repository\('app'\)"),
        (lambda r: r.repository("a:v1"), r"pass repository\('a'\).manifest\('v1'\)"),
        (lambda r: r.repository(f"a@{DIGEST}"), r"pass repository\('a'\).manifest\('sha256:"),
        (lambda r: r.repository("a").tag(DIGEST), r"expected a tag, got the digest .*: pass manifest\('sha256:"),
        (
            lambda r: r.repository("a").blob("v1"),
            r"expected a digest, which names a blob, got 'v1': for a tag, pass manifest\('v1'\)",
        ),
    ],
)
def test_the_call_that_was_meant_is_named(
    registry: acr.Registry, acr_emulator: Emulator, call: Callable[[acr.Registry], Any], expected: str
) -> None:
    with pytest.raises(acr.InvalidReference, match=expected):
        call(registry)
    assert acr_emulator.requests == []


def test_a_name_like_that_of_another_registry_is_a_legal_repository(registry: acr.Registry) -> None:
    push_image(registry.repository("docker.io/library/nginx"), tag="v1")
    assert registry.copy("docker.io/library/nginx:v1", "mirror").digest


@pytest.mark.parametrize(
    "call",
    [
        lambda app: app.manifest(HEX).get(),
        lambda app: app.manifest(HEX).head(),
        lambda app: app.tag(HEX).properties(),
    ],
)
def test_hex_digits_that_are_not_there_as_a_tag_may_be_a_digest(
    registry: acr.Registry, call: Callable[[acr.Repository], Any]
) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    with pytest.raises(acr.NotFound, match=f"64 hex digits are a tag: a digest is written sha256:{HEX}"):
        call(app)
    push_image(app, tag=HEX)
    call(app)

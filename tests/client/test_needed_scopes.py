"""Each call asks for a token for just what it does, and asks once: it does not have to be refused first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.content import image_manifest
from tests.twin import Twin

CONFIG, LAYER = b"{}", b"layer"
DIGEST = acr.Digest.of(LAYER)
IMAGE = acr.Manifest.of(
    image_manifest(
        acr.Descriptor(media_types.OCI_CONFIG, acr.Digest.of(CONFIG), len(CONFIG)),
        [acr.Descriptor(media_types.OCI_LAYER, DIGEST, len(LAYER))],
    )
)

Call = Callable[[acr.Registry], object]

CALLS: list[tuple[str, str, Call]] = [
    ("repositories", "registry:catalog:*", lambda r: list(r.repositories())),
    ("properties", "repository:team/app:metadata_read", lambda r: r.repository("team/app").properties()),
    ("tags", "repository:team/app:metadata_read", lambda r: list(r.repository("team/app").tags())),
    (
        "a tag's properties",
        "repository:team/app:metadata_read",
        lambda r: r.repository("team/app").tag("v1").properties(),
    ),
    ("manifests", "repository:team/app:metadata_read", lambda r: list(r.repository("team/app").manifests())),
    (
        "a manifest's properties",
        "repository:team/app:metadata_read",
        lambda r: r.repository("team/app").manifest("v1").properties(),
    ),
    ("update", "repository:team/app:metadata_write", lambda r: r.repository("team/app").update(can_write=False)),
    (
        "a tag's update",
        "repository:team/app:metadata_write",
        lambda r: r.repository("team/app").tag("v1").update(can_write=False),
    ),
    (
        "a manifest's update",
        "repository:team/app:metadata_write",
        lambda r: r.repository("team/app").manifest(IMAGE.digest).update(can_write=False),
    ),
    ("delete", "repository:team/app:delete", lambda r: r.repository("team/app").delete()),
    ("a tag's delete", "repository:team/app:delete", lambda r: r.repository("team/app").tag("v1").delete()),
    (
        "a manifest's delete",
        "repository:team/app:delete",
        lambda r: r.repository("team/app").manifest(IMAGE.digest).delete(),
    ),
    ("a blob's delete", "repository:team/app:delete", lambda r: r.repository("team/app").blob(DIGEST).delete()),
    ("tag names", "repository:team/app:pull", lambda r: list(r.repository("team/app").tag_names())),
    ("a manifest", "repository:team/app:pull", lambda r: r.repository("team/app").manifest("v1").get()),
    (
        "a manifest's put",
        "repository:team/app:pull,push",
        lambda r: r.repository("team/app").put_manifest(IMAGE, tag="v2"),
    ),
    ("a manifest's head", "repository:team/app:pull", lambda r: r.repository("team/app").manifest("v1").head()),
    (
        "a manifest's referrers",
        "repository:team/app:pull",
        lambda r: list(r.repository("team/app").manifest(IMAGE.digest).referrers()),
    ),
    ("a blob's head", "repository:team/app:pull", lambda r: r.repository("team/app").blob(DIGEST).head()),
    ("a blob", "repository:team/app:pull", lambda r: r.repository("team/app").download_blob(DIGEST).read()),
    ("a chunk", "repository:team/app:pull", lambda r: r.repository("team/app").blob(DIGEST).chunk(1, 2)),
    ("an upload", "repository:team/app:pull,push", lambda r: r.repository("team/app").upload_blob(b"more")),
    (
        "a mount",
        "repository:team/app:pull,push repository:base:pull",
        lambda r: r.repository("team/app").mount_blob(DIGEST, "base"),
    ),
]
"""What is called, which scopes its token needs, and the call."""


@pytest.fixture
def registry(twin: Twin, acr_emulator: Emulator) -> acr.Registry:
    """One that has no token yet. Its repository has a tag, and another one a blob to mount."""
    login = acr.UsernamePassword(acr_emulator.username, acr_emulator.password)
    with acr.Registry(acr_emulator.url, login) as first:
        for content in (CONFIG, LAYER):
            first.repository("team/app").upload_blob(content)
        first.repository("team/app").put_manifest(IMAGE, tag="v1")
        first.repository("base").upload_blob(LAYER)
    acr_emulator.clear_requests()
    return twin.connect(acr_emulator.url, login)


@pytest.mark.parametrize(("scopes", "call"), [call[1:] for call in CALLS], ids=[call[0] for call in CALLS])
def test_a_call_asks_for_what_it_needs(registry: acr.Registry, acr_emulator: Emulator, scopes: str, call: Call) -> None:
    call(registry)
    assert tokens_asked_for(acr_emulator) == [sorted(scopes.split())]


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ('scope="repository:base:pull"', ["repository:base:pull", "repository:team/app:metadata_read"]),
        (
            'scope="repository:base:pull",error="insufficient_scope"',
            ["repository:base:pull", "repository:team/app:metadata_read"],
        ),
        ('error="invalid_token"', ["repository:team/app:metadata_read"]),
        ('scope="repository:team/app:metadata_read",error="invalid_token"', ["repository:team/app:metadata_read"]),
    ],
)
def test_what_a_refusal_names_beside_what_a_call_needs_is_asked_for_too(
    registry: acr.Registry, acr_emulator: Emulator, told: str, asked: list[str]
) -> None:
    tags = list(registry.repository("team/app").tags())
    acr_emulator.clear_requests()
    acr_emulator.fail(times=1, path_contains="/_tags", status=401, headers=challenge(acr_emulator, told))
    assert list(registry.repository("team/app").tags()) == tags
    assert tokens_asked_for(acr_emulator) == [asked]


def test_no_token_is_asked_for_again_if_the_refused_one_was_for_all_that_is_named(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    list(registry.repository("team/app").tags())
    acr_emulator.clear_requests()
    told = 'scope="repository:team/app:metadata_read",error="insufficient_scope"'
    acr_emulator.fail(times=1, path_contains="/_tags", status=401, headers=challenge(acr_emulator, told))
    with pytest.raises(acr.Unauthorized):
        list(registry.repository("team/app").tags())
    assert tokens_asked_for(acr_emulator) == []


def challenge(emulator: Emulator, told: str) -> dict[str, str]:
    """The header of a refusal."""
    service = f'realm="{emulator.url}/oauth2/token",service="{emulator.login_server}"'
    return {"WWW-Authenticate": f"Bearer {service},{told}"}


def tokens_asked_for(emulator: Emulator) -> list[list[str]]:
    """The scopes of each access token that was asked for."""
    asked = [urlsplit(r.path) for r in emulator.requests if r.path.startswith("/oauth2/token")]
    return [sorted(parse_qs(one.query)["scope"]) for one in asked]


def test_scopes_of_the_callers_own_are_checked_before_anything_is_sent(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    for wrong, told in (
        ("registry:catalog:*", "scopes: expected a list, got text: pass ['registry:catalog:*']"),
        (["catalog"], "malformed scope: 'catalog': expected one such as repository:team/app:pull,push"),
    ):
        for call in (registry.access_token, lambda scopes: registry.exchange_refresh_token("token", scopes)):
            with pytest.raises(acr.InvalidInput) as caught:
                call(wrong)
            assert str(caught.value) == told
    assert acr_emulator.requests == []


def test_an_error_shows_how_a_scope_is_written(registry: acr.Registry) -> None:
    scopes: Any = 3
    with pytest.raises(acr.InvalidInput, match="^scopes=3: expected a list of texts such as repository:team/app:pull$"):
        registry.access_token(scopes)

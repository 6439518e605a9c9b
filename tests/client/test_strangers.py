"""What strangers say: a registry, a proxy or a token endpoint that sends what nobody should print, or odd values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.twin import Twin

FORGED = "v1\x1b[2J\r\nforged \u202e"
NOW = datetime.now(UTC).isoformat()
TIMES = {"createdTime": NOW, "lastUpdateTime": NOW}
DIGEST = acr.Digest.of(b"")
MANIFEST = {
    "digest": DIGEST,
    **TIMES,
    "tags": [FORGED],
    "mediaType": FORGED,
    "configMediaType": FORGED,
    "architecture": FORGED,
    "os": FORGED,
    "changeableAttributes": {"quarantineState": FORGED, "quarantineDetails": FORGED},
}
REPOSITORY = {"registry": "r", "imageName": FORGED, **TIMES, "manifestCount": 1, "tagCount": 1}
SECRET = "hunter2"


def texts(value: Any) -> Iterator[str]:
    """All text in a value, as it would be printed."""
    if isinstance(value, str):
        yield str(value)
    elif attrs.has(type(value)):
        for field in attrs.fields_dict(type(value)):
            yield from texts(getattr(value, field))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


@pytest.mark.parametrize(
    ("path", "answer", "call"),
    [
        ("/acr/v1/_catalog", {"repositories": [FORGED]}, lambda r: list(r.repositories())),
        ("/v2/app/tags/list", {"name": "app", "tags": [FORGED]}, lambda r: list(r.repository("app").tag_names())),
        (
            "/acr/v1/app/_tags",
            {"registry": "r", "imageName": "app", "tags": [{"name": FORGED, "digest": DIGEST, **TIMES}]},
            lambda r: list(r.repository("app").tags()),
        ),
        (
            "/acr/v1/app/_manifests",
            {"registry": "r", "imageName": "app", "manifests": [MANIFEST]},
            lambda r: list(r.repository("app").manifests()),
        ),
        (
            "/acr/v1/app/_manifests/",
            {"registry": "r", "imageName": "app", "manifest": MANIFEST},
            lambda r: r.repository("app").manifest(DIGEST).properties(),
        ),
        ("/acr/v1/app", REPOSITORY, lambda r: r.repository("app").properties()),
        ("/acr/v1/app", {"manifestsDeleted": [], "tagsDeleted": [FORGED]}, lambda r: r.repository("app").delete()),
    ],
    ids=["catalog", "tag names", "tags", "manifests", "manifest", "repository", "deletion"],
)
def test_names_of_a_registry_can_be_printed(
    registry: acr.Registry, acr_emulator: Emulator, path: str, answer: object, call: Callable[[acr.Registry], object]
) -> None:
    """No legal name has control characters, so what has them is escaped: a terminal would act upon it."""
    body = json.dumps(answer).encode()
    acr_emulator.fail(path_contains=path, status=200, body=body, headers={"Content-Type": "application/json"})
    found = list(texts(call(registry)))
    assert any("\\x1b[2J" in text for text in found)
    assert all(text.isprintable() for text in found)


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("GET", 200, {"Link": f'<https://me:{SECRET}@my.azurecr.io/acr/v1/app/_tags>; rel="next'}),
        ("GET", 200, {"Link": f'<https://me:{SECRET}@other.example/acr/v1/app/_tags>; rel="next"'}),
        ("GET", 400, {}),
        ("GET", 503, {}),
    ],
)
def test_a_name_and_password_in_a_url_are_not_echoed(
    twin: Twin, acr_emulator: Emulator, method: str, status: int, headers: dict[str, str]
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    body = b'{"registry":"r","imageName":"app","tags":null}'
    if status != 200:
        body = f"see https://me:{SECRET}@my.azurecr.io/v2/ and http://me@here:{SECRET}@there/".encode()
    headers = {"Content-Type": "application/json", **headers}
    acr_emulator.fail(method=method, path_contains="/_tags", status=status, body=body, headers=headers)
    with pytest.raises(acr.AcrError) as caught:
        list(registry.repository("app").tags())
    assert SECRET not in f"{caught.value}{caught.value.__cause__}"


def test_a_place_with_a_password_is_not_echoed(registry: acr.Registry, acr_emulator: Emulator) -> None:
    place = {"Location": f"https://me:{SECRET}@storage.example/blob?sig=x"}
    acr_emulator.fail(method="GET", path_contains="/blobs/", status=307, headers=place)
    with pytest.raises(acr.ProtocolViolation) as caught:
        registry.repository("app").blob(DIGEST).download("never")
    acr_emulator.fail(method="POST", path_contains="/uploads/", status=202, headers=place)
    with pytest.raises(acr.ProtocolViolation) as other:
        registry.repository("app").start_upload()
    assert SECRET not in f"{caught.value}{other.value}"


@pytest.mark.parametrize("call", ["ping", "check"])
def test_a_login_page_is_told_without_the_query_of_its_place(twin: Twin, acr_emulator: Emulator, call: str) -> None:
    place = {"Location": f"https://me:{SECRET}@login.example/authorize?state={SECRET}&whatever={SECRET}"}
    acr_emulator.fail(path_contains="/v2/", status=302, headers=place)
    with pytest.raises(acr.ProtocolViolation, match="leading to .https://…@login.example/authorize") as caught:
        getattr(twin.connect(acr_emulator.url), call)()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "without a challenge .WWW-Authenticate. the client cannot know"),
        ({"WWW-Authenticate": "Negotiate, NTLM"}, "expected a Bearer or Basic challenge, got negotiate, ntlm"),
    ],
)
@pytest.mark.parametrize("call", ["ping", "check", "repositories"])
def test_a_401_without_a_usable_challenge_says_so(
    twin: Twin, acr_emulator: Emulator, call: str, headers: dict[str, str], expected: str
) -> None:
    acr_emulator.fail(times=ALWAYS, path_contains="/v2/", status=401, headers=headers)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    with pytest.raises(acr.ProtocolViolation, match=expected):
        list(registry.repositories()) if call == "repositories" else getattr(registry, call)()


@pytest.mark.parametrize("seconds", [300, "300", None, 300.0])
def test_the_life_of_a_token_may_be_written_as_text(twin: Twin, acr_emulator: Emulator, seconds: Any) -> None:
    """Then the token is kept that long: two listings take one exchange."""
    token = {"access_token": "opaque", "expires_in": seconds}
    body, headers = json.dumps(token).encode(), {"Content-Type": "application/json"}
    times = 2 if seconds is None else 1
    acr_emulator.fail(times=times, path_contains="/oauth2/token", status=200, body=body, headers=headers)
    tags = b'{"name":"app","tags":[]}'
    acr_emulator.fail(times=2, path_contains="/tags/list", status=200, body=tags, headers=headers)
    now = [0.0]
    registry = twin.connect(acr_emulator.url, clock=lambda: now[0])
    for moment in (0.0, 100.0):
        now[0] = moment
        assert list(registry.repository("app").tag_names()) == []
    exchanges = [r for r in acr_emulator.requests if r.path.startswith("/oauth2/token")]
    assert len(exchanges) == times


def test_the_page_of_a_proxy_is_told_as_such_and_bounded(registry: acr.Registry, acr_emulator: Emulator) -> None:
    page, headers = b"<html>" + b"x" * 60_000, {"Content-Type": "text/html"}
    acr_emulator.fail(path_contains="/_tags", status=403, body=page, headers=headers)
    with pytest.raises(acr.Denied, match="a proxy, a firewall or a login page may have answered") as caught:
        list(registry.repository("app").tags())
    assert len(str(caught.value)) < 1000
    acr_emulator.fail(path_contains="/_tags", status=407, body=b"who are you?")
    with pytest.raises(acr.ResponseError, match="the proxy on the way asks for a name and password"):
        list(registry.repository("app").tags())

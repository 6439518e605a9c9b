"""Defects that other clients have, each as the test that would have found it. The number is that of the peer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

import acr
from acr._core.talk.challenge import parse_challenges
from acr._core.talk.links import next_link
from acr._core.talk.token_exchanges import lifetime
from acr.emulator import Emulator
from tests.content import bytes_of, push_image
from tests.twin import Twin

MIB = 1024 * 1024
GIB = 1024 * MIB


def unsigned_jwt(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


# 1. azcontainerregistry, the Go module


def test_1_a_chunk_beyond_2_gib_has_its_range(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """RangeStart and RangeEnd are int32 there: no chunk can begin behind 2 GiB."""
    repository = registry.repository("app")
    upload = repository.start_upload()
    accepted = {"Location": upload.location, "Range": f"0-{3 * GIB + 2}"}
    status = {"Location": upload.location, "Range": f"0-{3 * GIB - 1}"}
    acr_emulator.fail(method="GET", path_contains="/uploads/", status=204, headers=status)
    resumed = repository.resume_upload(upload.location)
    assert resumed.offset == 3 * GIB
    acr_emulator.fail(method="PATCH", status=202, headers=accepted)
    resumed.write(b"abc")
    assert acr_emulator.requests[-1].headers["content-range"] == f"{3 * GIB}-{3 * GIB + 2}"


@pytest.mark.parametrize("link", ["/acr/v1/_catalog", "</acr/v1/_catalog", "<", ">", '; rel="next"', "<a>; rel=next,b"])
def test_1_an_odd_link_header_is_an_error_and_no_panic(link: str) -> None:
    with pytest.raises(acr.ProtocolViolation, match="Link"):
        next_link(link)


@pytest.mark.parametrize("digest", ["sha256", "", ":", "sha256:", "sha256:zz"])
def test_1_an_odd_digest_is_an_error_and_no_panic(digest: str) -> None:
    with pytest.raises(acr.InvalidReference, match="digest"):
        acr.Digest(digest)


def test_1_a_jwt_with_url_safe_characters_is_read() -> None:
    token = unsigned_jwt({"iat": 1000, "exp": 5500, "sub": "?>?>~~~"})
    assert set("-_") & set(token)
    assert lifetime(token, None) == 4500


def test_1_a_comma_inside_quotes_does_not_end_a_parameter() -> None:
    (challenge,) = parse_challenges('Bearer realm="https://r/t?a=b",service="x, y=z",scope="repository:a:pull,push"')
    assert dict(challenge.parameters) == {
        "realm": "https://r/t?a=b",
        "service": "x, y=z",
        "scope": "repository:a:pull,push",
    }


def test_1_two_repositories_in_turn_keep_a_token_each(
    registry: acr.Registry, twin: Twin, acr_emulator: Emulator
) -> None:
    """One slot for the access token means an exchange for each request there."""
    for name in ("one", "two"):
        push_image(registry.repository(name), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential())
    acr_emulator.clear_requests()
    for _ in range(5):
        for name in ("one", "two"):
            list(client.repository(name).tags())
    assert sum(r.path.startswith("/oauth2/token") for r in acr_emulator.requests) == 2


# 2. azure-containerregistry, the Python SDK


def test_2_tokens_are_neither_exchanged_while_fresh_nor_kept_when_expired(twin: Twin) -> None:
    """Its test for the expiry is inverted."""
    now = [1_800_000_000.0]
    with Emulator(clock=lambda: now[0]) as emulator:
        registry = twin.connect(emulator.url, emulator.credential(), clock=lambda: now[0])
        for _ in range(3):
            list(registry.repositories())
        assert sum(r.path.startswith("/oauth2/exchange") for r in emulator.requests) == 1
        now[0] += 20_000  # beyond the life of both tokens
        list(registry.repositories())
        assert sum(r.path.startswith("/oauth2/exchange") for r in emulator.requests) == 2


def test_2_an_upload_sends_its_bytes_once(registry: acr.Registry, acr_emulator: Emulator) -> None:
    registry.repository("app").upload_blob(bytes_of(16 * MIB))
    assert sum(r.received for r in acr_emulator.requests) <= 1.01 * 16 * MIB


def test_2_an_empty_blob_can_be_downloaded(registry: acr.Registry) -> None:
    blob = registry.repository("app").upload_blob(b"")
    assert registry.repository("app").download_blob(blob.digest).read() == b""


def test_2_the_manifest_cap_counts_what_comes(registry: acr.Registry, acr_emulator: Emulator) -> None:
    headers = {"Content-Type": acr.media_types.OCI_MANIFEST, "Transfer-Encoding": "chunked"}
    acr_emulator.fail(path_contains="/manifests/", status=200, headers=headers, body=b" " * (5 * MIB))
    with pytest.raises(acr.LimitExceeded):
        registry.repository("app").manifest("v1").get()


def test_2_a_tag_is_resolved_without_a_further_cycle_of_tokens(registry: acr.Registry, acr_emulator: Emulator) -> None:
    push_image(registry.repository("app"), tag="v1")
    registry.repository("app").manifest("v1").properties()
    acr_emulator.clear_requests()
    registry.repository("app").manifest("v1").properties()
    assert [r.method for r in acr_emulator.requests] == ["GET", "GET"]


# 3. @azure/container-registry, the JavaScript SDK


def test_3_a_download_is_resumed_with_a_range_that_has_its_unit(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """It would send `Range: 123-`, and retries nothing."""
    content = bytes_of(4 * MIB)
    blob = registry.repository("app").upload_blob(content)
    acr_emulator.fail(origin="storage", drop_after=2 * MIB)
    assert registry.repository("app").download_blob(blob.digest).read() == content
    resumed = acr_emulator.requests[-1].headers["range"]
    assert resumed.startswith("bytes=")
    assert 0 < int(resumed.removeprefix("bytes=").removesuffix("-")) <= 2 * MIB


# 4. The .NET and Java SDKs


def test_4_no_call_begins_with_a_request_without_a_token(registry: acr.Registry, acr_emulator: Emulator) -> None:
    push_image(registry.repository("app"), tag="v1")
    list(registry.repositories())
    without = [r.path for r in acr_emulator.requests if "authorization" not in r.headers and "/oauth2/" not in r.path]
    assert without == ["/v2/"]


def test_4_short_reads_do_not_shift_the_ranges(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """There, the offset is the number of chunks times their size."""

    class Slow:
        def __init__(self, content: bytes) -> None:
            self._pieces: Iterator[bytes] = (content[at : at + 1000] for at in range(0, len(content), 1000))

        def read(self, size: int, /) -> bytes:
            return next(self._pieces, b"")

    content = bytes_of(2500)
    blob = registry.repository("app").upload_blob(Slow(content), chunk_size=1000)
    assert blob.digest == acr.Digest.of(content)
    ranges = [r.headers["content-range"] for r in acr_emulator.requests if r.method == "PATCH"]
    assert ranges == ["0-999", "1000-1999", "2000-2499"]


def test_4_several_redirects_are_followed(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """Java gives up after one."""
    repository = registry.repository("app")
    blob = repository.upload_blob(b"abc")
    repository.download_blob(blob.digest).read()
    storage = next(r for r in acr_emulator.requests if r.origin == "storage")
    location = f"http://{storage.headers['host']}{storage.path}"
    acr_emulator.fail(method="GET", path_contains="/blobs/", status=307, headers={"Location": location})
    acr_emulator.fail(times=2, origin="storage", status=307, headers={"Location": location})
    assert repository.download_blob(blob.digest).read() == b"abc"


# 5. oras-go, crane, regclient


@pytest.mark.parametrize("status", [429, 503])
def test_5_retry_after_is_obeyed_and_not_cut_short(
    twin: Twin, registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    """oras-go waits 3 s at the most, and crane ignores the header."""
    acr_emulator.fail(path_contains="_catalog", status=status, headers={"Retry-After": "45"})
    list(registry.repositories())
    assert twin.slept == [45]


def test_5_retry_after_may_be_a_date(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> None:
    past = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    acr_emulator.fail(path_contains="_catalog", status=429, headers=past)
    list(registry.repositories())
    assert twin.slept == [0]


def test_5_a_token_without_expires_in_lives_as_long_as_it_says(twin: Twin) -> None:
    """Regclient takes 60 s where the field is missing, as it is in all of ACR's answers."""
    now = [1_800_000_000.0]
    with Emulator(clock=lambda: now[0]) as emulator:
        registry = twin.connect(emulator.url, emulator.credential(), clock=lambda: now[0])
        for _ in range(4):
            list(registry.repositories())
            now[0] += 1_000
        assert sum(r.path.startswith("/oauth2/token") for r in emulator.requests) == 1

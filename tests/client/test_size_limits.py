"""Answers that are too large, or take too much memory: each is refused, in both colours, and the error says why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from acr._values.weight import check_weight, weight
from acr.emulator import Emulator
from acr.media_types import OCI_MANIFEST
from tests.shells.script import CONTENT, ONCE, Asked, Peer, Script, digest_of, gives, head
from tests.twin import Twin

MIB = 1024 * 1024
PAGE = 16 * MIB
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_what_is_parsed_is_weighed_first(twin: Twin) -> None:
    body = b'{"registry":"r","imageName":"i","manifests":[' + b"{}," * (3 * MIB) + b"{}]}"
    with Script(gives(head(len(body)) + body)) as script:
        registry = twin.connect(script.url)
        with pytest.raises(acr.LimitExceeded, match=r"more than 83886080 bytes of memory, five times Limits\.page$"):
            list(registry.repository("app").manifests(page_size=1))


@pytest.mark.parametrize("text", [b"{}", b'{"a":[1,2,3]}', '{"a":"\u00e9"}'.encode()])
def test_a_small_text_is_not_weighed(text: bytes) -> None:
    check_weight(text * (MIB // len(text)), "a text")
    assert weight(text * (MIB // len(text))) > 0


def test_the_weight_that_is_allowed_grows_with_the_limit() -> None:
    text = b"{}," * MIB
    with pytest.raises(acr.LimitExceeded, match="a text, parsed, would take more than 67108864 bytes of memory$"):
        check_weight(text, "a text")
    check_weight(text, "a text", limit=weight(text) // 5 + 1)


def test_a_page_as_acr_sends_it_may_have_nearly_all_its_bytes() -> None:
    """What hostile texts are held to is no limit for others."""
    manifest = {
        "digest": "sha256:" + "0" * 64,
        "imageSize": 123456,
        "createdTime": "2020-03-26T10:09:31.3938861Z",
        "lastUpdateTime": "2020-03-26T10:09:31.3938861Z",
        "architecture": "amd64",
        "os": "linux",
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "configMediaType": "application/vnd.docker.container.image.v1+json",
        "tags": ["v1"],
        "changeableAttributes": {f"{name}Enabled": True for name in ("delete", "write", "read", "list")},
    }
    entry = json.dumps(manifest, separators=(",", ":")).encode()
    check_weight(b",".join([entry] * (10 * MIB // len(entry))), "a page", limit=PAGE)


def test_what_is_no_listing_has_a_mebibyte(twin: Twin, acr_emulator: Emulator) -> None:
    body = b'{"x":"' + b"x" * MIB + b'"}'
    for path, call in _small_answers().items():
        registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=ONCE)
        fault = acr_emulator.fail(path_contains=path, status=200, body=body)
        with pytest.raises(acr.LimitExceeded, match="larger than the 1048576 bytes allowed$"):
            call(registry)
        assert fault.left == 0


def _small_answers() -> dict[str, Callable[[acr.Registry], object]]:
    return {
        "/oauth2/exchange": lambda r: r.refresh_token(),
        "/oauth2/token": lambda r: r.access_token(["repository:app:pull"]),
        "/acr/v1/app": lambda r: r.repository("app").properties(),
        "/_tags/v1": lambda r: r.repository("app").tag("v1").properties(),
    }


def test_a_manifest_of_many_tags_may_be_as_large_as_a_page(twin: Twin) -> None:
    tags = ",".join(f'"build-{number:08}"' for number in range(100_000))
    times = '"createdTime":"2020-01-01T00:00:00Z","lastUpdateTime":"2020-01-01T00:00:00Z"'
    manifest = f'{{"digest":"{digest_of(b"")}",{times},"tags":[{tags}]}}'
    body = f'{{"registry":"r","imageName":"app","manifest":{manifest}}}'.encode()
    with Script(gives(head(len(body)) + body)) as script:
        found = twin.connect(script.url).repository("app").manifest(digest_of(b"")).properties()
    assert len(found.tags) == 100_000


def test_a_repository_that_was_deleted_is_so_however_long_the_answer(twin: Twin) -> None:
    body = b'{"manifestsDeleted":[],"tagsDeleted":["' + b"x" * 20_000 + b'"]}'
    with Script(gives(head(len(body), status="202 Accepted") + body)) as script:
        registry = twin.connect(script.url, limits=acr.Limits(page=10_000))
        with pytest.raises(
            acr.LimitExceeded, match=r"app was deleted; the answer.*Limits\.page sets this limit"
        ) as caught:
            registry.repository("app").delete()
        assert caught.value.limit == 10_000
        assert [asked.method for asked in script.asked] == ["DELETE"]


def test_a_manifest_that_would_take_too_much_can_be_got_and_not_parsed(twin: Twin) -> None:
    body = b'{"schemaVersion":2,"layers":[' + b"[]," * (MIB // 2) + b"[]]}"
    with Script(gives(head(len(body), f"Content-Type: {OCI_MANIFEST}") + body)) as script:
        manifest = twin.connect(script.url).repository("app").manifest("v1").get()
        assert (manifest.content, manifest.media_type) == (body, OCI_MANIFEST)
        with pytest.raises(acr.LimitExceeded, match="parsed, would take more than 67108864 bytes of memory"):
            _ = manifest.layers


@pytest.mark.parametrize("value", ["9" * 400, "-" + "9" * 400, "1" + "0" * 11])
def test_a_lifetime_that_is_no_time_is_an_error_of_ours(twin: Twin, value: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            return httpx.Response(200, content=f'{{"access_token":"opaque","expires_in":{value}}}')
        challenge = 'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    registry = twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer))
    with pytest.raises(acr.ProtocolViolation, match="expires_in: expected the seconds"):
        list(registry.repositories())


# Downloads.


def endless(peer: Peer, _: Asked) -> None:
    peer.send(CHUNKED)
    for piece in repeat(b"10000\r\n" + bytes(0x10000) + b"\r\n"):
        peer.send(piece)


@pytest.mark.parametrize("into", ["a file", "memory", "a stream"])
def test_a_download_whose_size_nobody_tells_is_bounded(twin: Twin, tmp_path: Path, into: str) -> None:
    with Script(endless) as script:
        registry = twin.connect(script.url, limits=acr.Limits(unsized_blob=5 * MIB))
        repository = registry.repository("app")
        with pytest.raises(acr.LimitExceeded, match=r"does not tell the size.*5242880.*Limits\.unsized_blob") as caught:
            if into == "a stream":
                repository.download_blob(digest_of(CONTENT)).read()
            else:
                repository.download_blob(digest_of(CONTENT), tmp_path / "blob" if into == "a file" else io.BytesIO())
        assert (caught.value.limit, caught.value.option) == (5 * MIB, "Limits.unsized_blob")
    assert list(tmp_path.iterdir()) == []
    assert acr.Limits().unsized_blob == 1024**3


def test_one_that_claims_a_small_size_and_goes_on_is_bounded_too(twin: Twin, tmp_path: Path) -> None:
    def claims(peer: Peer, _: Asked) -> None:
        peer.send(head(100) + bytes(50))
        peer.close()

    def goes_on(peer: Peer, asked: Asked) -> None:
        place = "Content-Range: bytes 50-99/*\r\nTransfer-Encoding: chunked"
        peer.send(f"HTTP/1.1 206 Partial Content\r\n{place}\r\n\r\n".encode())
        for piece in repeat(b"10000\r\n" + bytes(0x10000) + b"\r\n"):
            peer.send(piece)

    with Script(claims, goes_on) as script:
        registry = twin.connect(script.url, limits=acr.Limits(unsized_blob=5 * MIB))
        with pytest.raises(acr.AcrError):
            registry.repository("app").download_blob(digest_of(CONTENT), tmp_path / "blob")
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_is_told_is_the_limit(twin: Twin) -> None:
    with Script(gives(head(len(CONTENT)) + CONTENT)) as script:
        registry = twin.connect(script.url, limits=acr.Limits(unsized_blob=1))
        assert registry.repository("app").download_blob(digest_of(CONTENT)).read() == CONTENT


@pytest.mark.parametrize("name", ["page", "pages", "unsized_blob"])
@pytest.mark.parametrize("value", [0, -1, None, "5", True, 1e6])
def test_a_limit_is_a_number_above_0(name: str, value: object) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(acr.InvalidInput, match=rf"Limits\.{name}=.*expected a whole number from 1 on$"):
        acr.Limits(**options)


def test_limits_are_limits(twin: Twin) -> None:
    limits: Any = 5
    with pytest.raises(acr.InvalidInput, match=r"limits=5: pass Limits\("):
        twin.connect("my.azurecr.io", limits=limits)


@pytest.mark.parametrize("call", ["tags", "blob", "part"])
def test_a_body_that_comes_byte_by_byte_ends_early(twin: Twin, call: str) -> None:
    """A page of 16 MiB in chunks of a byte kept a processor busy for minutes. No time-out can see that."""
    with Script(gives(CHUNKED + b"1\r\n \r\n" * 60_000)) as script:
        repository = twin.connect(script.url, retries=ONCE).repository("app")
        with pytest.raises(acr.TransportError, match=r"a body of 50001 bytes so far came in 50001 pieces"):
            if call == "tags":
                list(repository.tags())
            elif call == "blob":
                repository.download_blob(digest_of(b""), io.BytesIO())
            else:
                repository.blob(digest_of(b"")).chunk(0, 2 * MIB)


def test_a_body_in_many_small_pieces_is_taken(twin: Twin) -> None:
    body = json.dumps({"name": "app", "tags": [f"{'v' * 20}{n}" for n in range(60_000)]}).encode()
    framed = b"".join(b"14\r\n%b\r\n" % body[at : at + 20] for at in range(0, len(body) // 20 * 20, 20))
    rest = body[len(body) // 20 * 20 :]
    framed += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"
    with Script(gives(CHUNKED + framed)) as script:
        repository = twin.connect(script.url, retries=ONCE).repository("app")
        assert len(list(repository.tag_names(page_size=60_000))) == 60_000

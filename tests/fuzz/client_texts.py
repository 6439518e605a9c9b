"""The client's parsers of headers, and of what a caller names."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import PurePosixPath
from typing import Final

import acr
from acr._core.images.copying import _parsed
from acr._core.talk import token_calls
from acr._core.talk.bodies import decoded
from acr._core.talk.challenge import Challenge, parse_challenges
from acr._core.talk.failures import retry_after
from acr._core.talk.links import content_range, local_target, next_link, uploaded
from acr._core.talk.redaction import shown
from acr._core.talk.scopes import Scopes, parse_scopes
from acr._core.talk.token_exchanges import claims
from acr._core.talk.warnings import Warnings
from acr._outside.tar.extraction import check_link, check_name
from acr._shells.http import lower
from acr._shells.proxies import is_excepted, proxy_for
from acr._values.arguments import check_text
from acr._values.descriptor import Platform
from acr._values.digest import Digest
from acr._values.files import check_title, nested
from acr._values.media_type import check_media_range, check_media_type, essence
from acr._values.reference import Endpoint, Reference, blob_digest, check_reference, check_tag, repository_in
from acr.errors import (
    CredentialError,
    InvalidInput,
    InvalidReference,
    LimitExceeded,
    ProtocolViolation,
    UnsupportedDigest,
)
from tests.fuzz.parser import DIGEST, Parser, text

REGISTRY: Final = Endpoint.parse("my.azurecr.io")
_NOW: Final = "Sat, 28 Nov 2026 00:00:00 GMT"
_PATH: Final = "/v2/team/app/blobs/uploads/"


def header(data: bytes) -> str:
    """The value of a header, as the client gets it."""
    return lower([(b"name", data)])["name"]


def _challenges(data: bytes) -> tuple[Challenge, ...]:
    found = parse_challenges(header(data))
    assert parse_challenges(", ".join(map(str, found))) == found
    return found


def _link(data: bytes) -> str | None:
    target = next_link(header(data))
    return None if target is None else _location(target.encode())


def _location(data: bytes) -> str:
    target = local_target(REGISTRY, _PATH, header(data))
    assert re.fullmatch("/[!-~]*", target)
    return target


def _scopes(data: bytes) -> Scopes:
    found = parse_scopes(header(data))
    assert parse_scopes(" ".join(map(str, found))) == found
    return found


def _retry_after(data: bytes) -> float | None:
    seconds = retry_after(header(data), date=_NOW)
    assert seconds is None or 0 <= seconds < float("inf")
    return seconds


def _warnings(data: bytes) -> list[str] | None:
    found = list(Warnings().new(header(data)))
    assert all(one.isprintable() for one in found)
    return found or None


def _shown(data: bytes) -> str:
    found = shown(header(data))
    assert found.isprintable()
    return found


def _decoded(data: bytes) -> bytes:
    coding, _, body = data.partition(b"\n")
    return decoded(body, header(coding), 100_000, "the answer")


def _claims(data: bytes) -> object:
    """The claims of a token: as they are sent, or as JSON, which is sent in base64."""
    if data.startswith(b"{"):
        data = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"none"}', data, b"sig"))
    return claims(text(data)) or None


def _endpoint(data: bytes) -> Endpoint:
    endpoint = Endpoint.parse(text(data))
    assert Endpoint.parse(str(endpoint)) == endpoint
    return endpoint


def _reference(data: bytes) -> Reference:
    reference = Reference.parse(text(data))
    assert Reference.parse(str(reference)) == reference
    return reference


def _platform(data: bytes) -> Platform:
    platform = Platform.parse(text(data))
    assert Platform.parse(str(platform)) == platform
    assert platform.fits(platform)
    return platform


def _title(data: bytes) -> PurePosixPath:
    title = check_title(text(data), windows=True)
    assert not title.is_absolute()
    assert ".." not in title.parts
    assert nested([title, title / "x"])
    return title


def _tar_link(data: bytes) -> bool:
    name, _, target = text(data).partition("\n")
    parts = check_name(name, windows=True)
    if not parts:
        return True
    check_link(parts, target)
    return True


_INPUT: Final = (InvalidInput,)
_NAMES: Final = (InvalidReference, UnsupportedDigest)

HEADERS: Final = (
    Parser(
        "challenge",
        _challenges,
        (
            b'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io",scope="repository:a:pull,push"',
            b'Negotiate abc==, Basic realm="a \\"b\\", c"',
            b'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io",error="insufficient_scope"',
            b"Basic",
        ),
        (ProtocolViolation,),
    ),
    Parser(
        "link",
        _link,
        (
            b'</acr/v1/_catalog?last=a&n=1&orderby=>; rel="next"',
            b"<https://my.azurecr.io/v2/team/app/tags/list?last=v1&n=2>;rel='next';title=\"a,b\", </x>; rel=prev",
            b'</acr/v1/a/_tags?last=7525288236854775807%26v1>; rel="prev next"',
        ),
        (ProtocolViolation,),
    ),
    Parser(
        "location",
        _location,
        (
            b"/v2/team/app/blobs/uploads/8a1c?_nouploadcache=false&_state=QUJD%3D",
            b"https://my.azurecr.io:443/v2/team/app/blobs/uploads/8a1c?_state=x",
            b"8a1c?_state=x",
            b"//my.azurecr.io/v2/x",
        ),
        (ProtocolViolation,),
    ),
    Parser(
        "upload_range",
        lambda data: uploaded(header(data)),
        (b"0-1238", b"0-0", b"bytes=0-9", b"0--1", b"bytes=0-12345678"),
        (ProtocolViolation,),
    ),
    Parser(
        "content_range",
        lambda data: content_range(header(data)),
        (b"bytes 0-511/1044", b"bytes 256-511/*", b"Bytes 0-0/1"),
        (ProtocolViolation,),
    ),
    Parser(
        "scope",
        _scopes,
        (
            b"repository:library/hello-world:pull,push",
            b"registry:catalog:* repository:a:pull",
            b"repository:h:5000/a:*",
        ),
        (ProtocolViolation,),
    ),
    Parser(
        "retry_after",
        _retry_after,
        (
            b"120",
            b"2.5",
            b"Wed, 21 Oct 2026 07:28:00 GMT",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
            b"Sat, 28 Nov 2026 23:59:59 +0100",
        ),
        (),
    ),
    Parser(
        "warning",
        _warnings,
        (b'299 - "read only from May on", 299 - "and gone"', b'110 - "stale", 299 registry "a \\"b\\""'),
        (),
    ),
    Parser(
        "shown",
        _shown,
        (
            b"https://x.blob.core.windows.net/c/d?se=1&sig=SECRET&sp=r",
            b"Bearer eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET",
            b"/v2/a/blobs/uploads/1?_state=SECRET\\u0026x=1",
        ),
        (),
    ),
    Parser(
        "content_type",
        lambda data: check_media_range(essence(header(data))),
        (b"application/vnd.oci.image.index.v1+json", b"Application/JSON; charset=utf-8"),
        (InvalidInput,),
    ),
    Parser(
        "content_encoding",
        _decoded,
        tuple(
            coding + b"\n" + zlib.compress(body, wbits=zlib.MAX_WBITS | 16)
            for coding, body in ((b"gzip", b'{"a":1}'), (b"X-GZip", b"a" * 5000), (b"gzip", b""))
        ),
        (ProtocolViolation, LimitExceeded),
    ),
    Parser(
        "token",
        _claims,
        (
            b'{"exp":1800000000,"iat":1700000000,"access":[{"type":"repository","name":"a","actions":["pull"]}]}',
            b'{"exp":1800000000.5,"sub":"\xc3\xa9","aud":["x"]}',
            b"eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDAsImlhdCI6MTcwMDAwMDAwMH0.c2lnbmF0dXJl",
            b"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IngifQ.eyJhY2Nlc3MiOltdfQ.c2ln",
        ),
        (),
    ),
)

ARGUMENTS: Final = (
    Parser(
        "login_server",
        _endpoint,
        (
            b"my.azurecr.io",
            b"https://my.azurecr.io/",
            b"http://127.0.0.1:5000",
            b"http://[::1]:5000",
            b"localhost:5000",
        ),
        _NAMES,
    ),
    Parser(
        "reference",
        _reference,
        (
            b"team/app:v1",
            b"my.azurecr.io/team/app:v1",
            f"localhost:5000/a:v1@{DIGEST}".encode(),
            f"team/app@{DIGEST}".encode(),
        ),
        _NAMES,
    ),
    Parser("copied", lambda data: _parsed(text(data)), (b"team/app:v1", b"docker.io/library/nginx:1", b"app"), _NAMES),
    Parser(
        "repository",
        lambda data: repository_in("my.azurecr.io", text(data)),
        (b"team/app", b"a__b/c-d.e", b"x"),
        _NAMES,
    ),
    Parser("tag", lambda data: check_tag(text(data)), (b"v1", b"latest", b"_1.0-rc.1"), _NAMES),
    Parser("tag_or_digest", lambda data: check_reference(text(data)), (b"v1", DIGEST.encode(), b"1.0-rc_2"), _NAMES),
    Parser("digest", lambda data: Digest(text(data)), (DIGEST.encode(), f"sha512:{DIGEST[7:] * 2}".encode()), _NAMES),
    Parser(
        "blob", lambda data: blob_digest(text(data)), (DIGEST.encode(), f"sha512:{DIGEST[7:] * 2}".encode()), _NAMES
    ),
    Parser(
        "scopes",
        lambda data: token_calls._scopes(text(data).split("\n")),
        (b"repository:team/app:pull,push", b"registry:catalog:*\nrepository:a:pull"),
        _INPUT,
    ),
    Parser("title", _title, (b"model.onnx", b"models/a b/model.onnx", "é/ü.txt".encode()), (InvalidReference,)),
    Parser("tar_link", _tar_link, (b"lib/x.so\n../x.so.1", b"a/b/c\n./d", b"./a\nb"), (InvalidReference,)),
    Parser("media_type", lambda data: check_media_type(text(data)), (b"application/spdx+json", b"text/plain"), _INPUT),
    Parser("platform", _platform, (b"linux/arm64/v8", b"windows/amd64:10.0.20348", b"linux/amd64"), _INPUT),
    Parser("text", lambda data: check_text("last", text(data)), (b"v1", "é".encode()), _INPUT),
    Parser(
        "no_proxy",
        lambda data: is_excepted(REGISTRY, text(data)) or None,
        (
            b"azurecr.io,localhost",
            b".azurecr.io 10.0.0.0/8",
            b"*.azurecr.io:443",
            b"[::1]:80,fe80::/10,my.azurecr.io",
            b"*",
        ),
        (),
    ),
    Parser(
        "proxy",
        lambda data: proxy_for(REGISTRY, {"https": text(data)}),
        (b"http://proxy.example:3128", b"proxy:3128", b"socks5://me:SECRET@[::1]:1080", b"https://p"),
        _INPUT,
    ),
    Parser(
        "login",
        lambda data: acr.UsernamePassword(*text(data).partition("\n")[::2]),
        (b"me\nhunter2", b"00000000-0000-0000-0000-000000000000\neyJ.x.y"),
        (CredentialError,),
    ),
)

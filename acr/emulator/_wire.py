"""The shapes of replies as they were recorded: JSON bodies, errors, headers, links, times."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

JSON: Final = "application/json; charset=utf-8"
ALL_BYTES: Final = 2048
"""A longer JSON body goes out chunked, without Content-Length. All recorded lengths are below it and large listings
were chunked: Go's net/http, which ACR is built on, buffers exactly this much."""

TICKS: Final = 10_000_000
"""ACR's times count in steps of 100 ns: up to 7 fraction digits."""

_FIRST_TICK: Final = 62_135_596_800 * TICKS
"""Ticks from the year 1, where .NET's begin, to 1970, where ours do."""

_LAST_NUMBER: Final = 2**63 - 1
_NUMBERED: Final = re.compile(r"([0-9]{1,19})&(.*)", re.DOTALL)
_ABSENT: Final = object()

Headers = list[tuple[bytes, bytes]]

_EXPOSED: Final = (b"Docker-Content-Digest", b"WWW-Authenticate", b"Link", b"X-Ms-Correlation-Request-Id")
_HSTS: Final = (b"Strict-Transport-Security", b"max-age=31536000; includeSubDomains")
_SERVER: Final = (b"Server", b"openresty")


class Refusal(Exception):
    """A request that is answered with an error; `response` is that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def refusal(
    status: int, code: str, message: str, detail: object = _ABSENT, headers: Mapping[str, str] | None = None
) -> Refusal:
    """An error in the registry's shape. `detail` is absent, null, a string, an object or an array, as the case is."""
    error: dict[str, object] = {"code": code, "message": message}
    if detail is not _ABSENT:
        error["detail"] = detail
    return Refusal(json_response({"errors": [error]}, status, headers))


def page_not_found() -> Refusal:
    """What Go's router says to a path that it does not know. It comes before any question of tokens."""
    return Refusal(Response(b"404 page not found\n", 404, {"Content-Type": "text/plain; charset=utf-8"}))


def name_unknown(name: str) -> Refusal:
    """There is no such repository."""
    return refusal(404, "NAME_UNKNOWN", f'repository "{name}" is not found')


def tag_unknown() -> Refusal:
    """There is no such tag, asked for by ACR's metadata API."""
    return refusal(404, "TAG_UNKNOWN", "the specified tag does not exist")


def manifest_unknown(reference: str) -> Refusal:
    """There is no such manifest."""
    if ":" in reference:
        return refusal(404, "MANIFEST_UNKNOWN", f"manifest {reference} is not found")
    return refusal(404, "MANIFEST_UNKNOWN", f'manifest tagged by "{reference}" is not found', {"Tag": reference})


def blob_unknown() -> Refusal:
    """There is no such blob in the repository."""
    return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")


def digest_invalid(detail: str) -> Refusal:
    """The content has another digest, or what was given is none.

    The detail is a string (go completeUpload_wrongDigest).
    """
    return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content", detail)


def disallowed(*, detail: bool) -> Refusal:
    """The item is locked.

    Seen in acr-cli#70 and azure-sdk-for-net#22827: with an empty `detail`, 263 bytes in all.
    """
    return refusal(
        405,
        "REGISTRY_DISALLOWED_OPERATION",
        "The operation is disallowed on this registry, repository or image. View troubleshooting steps at"
        " https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
        {} if detail else _ABSENT,
    )


def disk_full() -> Refusal:
    """The emulator's disk takes no more. ACR has no such answer: the status is WebDAV's (RFC 4918), the code ours."""
    return refusal(507, "DISK_FULL", "the disk of the emulator is full, or cannot be written")


def bad_gateway() -> Refusal:
    """The proxy before the registry lost patience. Told of large catalogs, never recorded."""
    return Refusal(Response(b"502 Bad Gateway\n", 502, {"Content-Type": "text/plain"}))


def quarantined() -> Refusal:
    """The manifest is in quarantine. Never recorded."""
    return refusal(403, "DENIED", "the manifest is quarantined")


def bad_request(message: str) -> Refusal:
    """The request makes no sense. Never recorded; the code is ours."""
    return refusal(400, "BAD_REQUEST", message)


async def body_of(request: Request, limit: int, what: str = "the body of this request") -> bytes:
    """The body of a request, if it has at most `limit` bytes.

    The status is the one that OCI asks for where a manifest is too large; never recorded.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise refusal(413, "SIZE_INVALID", f"{what} may have {limit} bytes")
    return bytes(body)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply: compact, with a newline at the end, as every recorded Content-Length says."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    # A refusal may repeat a lone surrogate out of a manifest. It has no UTF-8; the escape is what JSON has for it.
    body = text.encode(errors="backslashreplace") + b"\n"
    response = Response(body, status, {"Content-Type": JSON, **(headers or {})})
    if len(body) > ALL_BYTES:
        del response.headers["content-length"]
    return response


def json_object(content: bytes) -> dict[str, Any] | None:
    """The JSON object that bytes are; None if they are none (RFC 8259: UTF-8, and neither NaN nor Infinity)."""
    try:
        value = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A reply without a body, with `Content-Length: 0` where HTTP allows it."""
    return Response(b"", status, dict(headers or {}))


def next_link(path: str, last: str, **query: object) -> dict[str, str]:
    """The Link to the next page: relative, everything percent-encoded, empty values kept (`orderby=`)."""
    pairs: Iterable[tuple[str, object]] = {"last": last, **query}.items()
    text = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in pairs)
    return {"Link": f'<{path}?{text}>; rel="next"'}


def numbered(ticks: int, name: str, *, newest: bool) -> str:
    """What `last` says of an item in a listing by time: `NUMBER&NAME`.

    The number sorts as the listing does: oldest first it is the item's time in .NET's ticks, newest first it is that
    taken from the largest of 64 bits (acr-cli#72).

    >>> numbered(15852173713938861, "12.04", newest=True)
    '8586163895140836946&12.04'
    """
    number = ticks + _FIRST_TICK
    return f"{_LAST_NUMBER - number if newest else number}&{name}"


def read_numbered(last: str, *, newest: bool) -> tuple[int, str] | None:
    """Time, in ticks, and name in a `last` of that form; None if it is of another.

    >>> read_numbered("8586163895140836946&12.04", newest=True)
    (15852173713938861, '12.04')
    """
    match = _NUMBERED.fullmatch(last)
    number = int(match[1]) if match else _LAST_NUMBER + 1
    if match is None or number > _LAST_NUMBER:
        return None
    return (_LAST_NUMBER - number if newest else number) - _FIRST_TICK, match[2]


def rfc3339(ticks: int) -> str:
    """A time as ACR writes it: UTC, trailing zeros of the fraction dropped.

    >>> rfc3339(16708364326157503), rfc3339(16708364320000000)
    ('2022-12-12T09:13:52.6157503Z', '2022-12-12T09:13:52Z')
    """
    seconds, fraction = divmod(ticks, TICKS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:07}".rstrip("0").rstrip(".") + "Z"


def registry_headers(
    method: str, path: str, status: int, request: Mapping[str, str], *, plain: bool, lock_refusals_as_seen: bool
) -> Headers:
    """The headers that every reply of the registry has, beside its own.

    Which ones depends on the part of the API, and on whether Go's router answered in plain text.
    """
    found: Headers = [_SERVER, _HSTS, (b"X-Ms-Correlation-Request-Id", _new_id())]
    if request.get("connection", "").lower() != "close":
        found.append((b"Connection", b"keep-alive"))
    if path.startswith("/oauth2/"):
        found.append((b"X-Ms-Ratelimit-Remaining-Calls-Per-Second", b"166.65"))
        return found
    found += [
        _HSTS,  # a second time: both the proxy and the registry behind it add it
        (b"Docker-Distribution-Api-Version", b"registry/2.0"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    if plain:
        return found
    found += [(b"Access-Control-Expose-Headers", name) for name in _EXPOSED]
    delete = method == "DELETE"
    without = {401, 405} if lock_refusals_as_seen and path.startswith("/acr/v1/") else {401}
    if status not in without and ((path.startswith("/v2/") and status != 307) or delete):
        found.append((b"X-Ms-Request-Id", _new_id()))
        found.append((b"X-Ms-Client-Request-Id", request.get("x-ms-client-request-id", "").encode("latin-1")))
    if status != 401 and delete:
        found.append((b"X-Ms-Ratelimit-Remaining-Calls-Per-Second", b"8.000000"))
    return found


def _new_id() -> bytes:
    return str(uuid.uuid4()).encode()

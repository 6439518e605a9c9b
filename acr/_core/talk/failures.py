"""Failures: from an error answer to the exception that tells what happened and what to do next."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from acr_rest.redaction import redact
from acr_rest.types import AnyRequest as Request

from acr._core.runtime import Incoming
from acr._core.talk.bodies import decoded, read_at_most
from acr._core.talk.redaction import shown, shown_json, shown_path
from acr._values.media_type import essence
from acr._values.reference import looks_like_acr
from acr.errors import (
    AcrError,
    Denied,
    ErrorInfo,
    Locked,
    NoMetadataApi,
    NotFound,
    RateLimited,
    ResponseError,
    ServerError,
    Unauthorized,
)

_ERROR_LIMIT: Final = 64 * 1024
_SHOWN: Final = 200
_MOST_SHOWN: Final = 2000
"""Characters of what a registry says."""

_TRASH: Final = "/acr/v1/_deleted/"
_LOCKED_CODE: Final = "REGISTRY_DISALLOWED_OPERATION"
_MISSING: Final = frozenset({"NAME_UNKNOWN", "TAG_UNKNOWN", "MANIFEST_UNKNOWN"})
_ITEM: Final = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifest|blob)s/(?P<reference>[^/]+)")

_HEX_TAG: Final = re.compile(r"/(?:manifests|_tags|_manifests)/([0-9a-f]{64})(?:\?|$)")

_CERTIFICATE: Final = frozenset({525, 526})
"""What Cloudflare answers if the TLS between it and the registry fails."""

_HINTS: Final[dict[type[ResponseError], str]] = {
    Unauthorized: "the credential does not grant this: check its role or scope map",
    NoMetadataApi: "this registry has no ACR metadata API; tag_names() lists tags of any registry",
    Denied: "check the registry's network rules and the credential's role",
    Locked: "a lock of the item or of its repository: unlock it first with update(can_write=True, can_delete=True)",
    RateLimited: "wait, and send fewer requests at once",
}


async def failure(request: Request, host: str, incoming: Incoming) -> ResponseError:
    """Read an error answer to its end, close it, and make its exception.

    Args:
        request: what was sent; its query is not shown.
        host: where to.
        incoming: the answer.
    """
    try:
        body = await read_at_most(incoming, _ERROR_LIMIT)
    finally:
        await incoming.aclose()
    with suppress(AcrError):  # it may have broken off
        body = decoded(body, incoming.headers.get("content-encoding"), _ERROR_LIMIT, "the error")
    errors = _errors(body)
    kind = _kind(incoming.status, errors)
    correlation_id = shown(incoming.headers.get("x-ms-correlation-request-id", ""))[:_SHOWN] or None
    # ACR's own 404 has its correlation id. That of another registry may say in OCI's words that something is missing.
    is_acr = correlation_id is not None or (looks_like_acr(host) and any(error.code in _MISSING for error in errors))
    if kind is NotFound and not is_acr and request.target.startswith("/acr/v1/"):
        kind = NoMetadataApi
    text = _text(errors) or _beginning(body, incoming)
    path = shown_path(request.target)
    wait = retry_after(incoming.headers.get("retry-after"), date=incoming.headers.get("date"))
    hint = _hint(kind, request, incoming.status, wait)
    if _lacks_trash(kind, request, errors):
        text, hint = _no_trash(request, host)
    return kind(
        f"{request.method} {path} at {host}: {incoming.status} {text[:_MOST_SHOWN]}",
        status=incoming.status,
        method=request.method,
        host=host,
        path=path,
        errors=errors,
        correlation_id=correlation_id,
        retry_after=wait,
        challenge=incoming.headers.get("www-authenticate"),
        hint=hint,
    )


def retry_after(header: str | None, *, date: str | None) -> float | None:
    """Seconds of a Retry-After header, which may be a number or a date (RFC 9110, section 10.2.3).

    Args:
        header: its value.
        date: that of the answer. The clock of this machine may be another one.

    >>> then = "Wed, 21 Oct 2015 07:27:00 GMT"
    >>> [retry_after(text, date=then) for text in ("2.5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon")]
    [2.5, 60.0, None]
    """
    if header is None:
        return None
    try:
        seconds = float(header)
        return max(0.0, seconds) if seconds < float("inf") else None
    except ValueError:
        pass
    moment = _moment(header)
    if moment is None:
        return None
    now = _moment(date or "") or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _moment(date: str) -> datetime | None:
    """The moment of an HTTP date; None if it is none."""
    from email.utils import parsedate_to_datetime  # slow to load, and seldom needed

    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _errors(body: bytes) -> tuple[ErrorInfo, ...]:
    from acr_rest.models.acr_errors import AcrErrors  # most programs see no error

    try:
        parsed = AcrErrors.from_dict(json.loads(body))
        return tuple(
            ErrorInfo(shown(e.code or "UNKNOWN"), shown(e.message or ""), shown_json(e.detail)) for e in parsed.errors
        )
    except (ValueError, RecursionError):
        return ()


def _beginning(body: bytes, incoming: Incoming) -> str:
    if not body:
        return HTTPStatus(incoming.status).phrase if incoming.status in set(HTTPStatus) else "without a body"
    beginning = redact(body.decode("utf-8", "replace"))[:_SHOWN]  # in this order: half a token is not seen as one
    kind = shown(incoming.headers.get("content-type", "no content type"))[:_SHOWN]
    told = f"with {kind}, beginning {beginning!r}"
    is_page = essence(kind) == "text/html"
    return f"{told}: a proxy, a firewall or a login page may have answered for the registry" if is_page else told


def _hint(kind: type[ResponseError], request: Request, status: int, wait: float | None) -> str | None:
    if status in _CERTIFICATE:
        return (
            "the CDN before the registry does not accept the registry's certificate; that is between the two of them:"
            " tell those who run the registry"
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "the proxy on the way asks for a name and password: they go into the URL of HTTPS_PROXY or proxy="
    if kind is RateLimited and wait is not None:
        return f"the registry asks to wait {wait:.0f} s; send fewer requests at once"
    if kind is NotFound:
        return _missing(request)
    if kind is Locked and request.method in ("GET", "HEAD"):
        return "a lock of the item or of its repository: unlock it first with update(can_read=True)"
    if kind is Unauthorized and request.target.startswith("/acr/v1/_catalog"):
        return "listing repositories takes a right of its own: the scope registry:catalog:*, or the role Catalog Lister"
    return _HINTS.get(kind)


def _text(errors: tuple[ErrorInfo, ...]) -> str:
    return "; ".join(f"{one.code}: {one.message}" if one.message else one.code for one in errors)


def _lacks_trash(kind: type[ResponseError], request: Request, errors: tuple[ErrorInfo, ...]) -> bool:
    """Whether the registry knows no trash. Its answer for an item that is not in the trash has a code."""
    return kind is NotFound and not errors and request.target.startswith(_TRASH)


def _no_trash(request: Request, host: str) -> tuple[str, str]:
    """What to say if there is no trash, and what to do about it."""
    name = host.partition(".")[0] if looks_like_acr(host) else "NAME"
    hint = (
        f"`az acr config soft-delete update --registry {name} --status enabled --days 7` turns it on, for what is"
        " deleted from then on"
    )
    if request.target.startswith(f"{_TRASH}_catalog"):
        text = "soft delete is off for this registry, or it does not list deleted repositories"
        return text, f"{hint}; trashed_tags() and trashed_manifests() list the trash of one repository"
    return "soft delete is off for this registry", hint


def _missing(request: Request) -> str | None:
    """What was not found, if the path tells more than the answer: that of a HEAD has no body.

    >>> _missing(Request("HEAD", "/v2/team/app/manifests/v1", {}, None))
    'the repository team/app has no manifest v1'
    """
    if hexadecimal := _HEX_TAG.search(request.target):
        return f"64 hex digits are a tag: a digest is written sha256:{hexadecimal[1]}"
    if request.method != "HEAD":
        return None
    found = _ITEM.fullmatch(unquote(request.target.partition("?")[0]))
    return f"the repository {found['repository']} has no {found['kind']} {found['reference']}" if found else None


def _kind(status: int, errors: tuple[ErrorInfo, ...]) -> type[ResponseError]:
    # ACR answers a push to, or a delete of, a locked item with 405 or 409 and this code (public issues; the status is
    # not the same in all of them).
    if any(error.code == _LOCKED_CODE for error in errors):
        return Locked
    kinds: dict[int, type[ResponseError]] = {
        401: Unauthorized,
        403: Denied,
        404: NotFound,
        423: Locked,
        429: RateLimited,
    }
    return kinds.get(status, ServerError if status >= 500 else ResponseError)

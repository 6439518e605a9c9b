"""Failures: from an error answer to the exception that tells what happened and what to do next."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from acr_rest.types import Request

from acr._core.runtime import Incoming
from acr._core.talk.bodies import read_at_most
from acr.errors import (
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
_LOCKED_CODE: Final = "REGISTRY_DISALLOWED_OPERATION"
_MISSING: Final = frozenset({"NAME_UNKNOWN", "TAG_UNKNOWN", "MANIFEST_UNKNOWN"})
# Of Azure, Amazon, Google and CloudFront. Also as Go writes an ampersand in JSON, and as it is in a URL within a URL.
_SIGNATURE: Final = re.compile(
    r"(?i)((?:[?&;]|\\u0026|%26|%3F)(?:sig|se|sv|sp|sr|skoid|sktid|_state"
    r"|X-(?:Amz|Goog)-(?:Credential|Security-Token|Signature)|Key-Pair-Id|Policy|Signature|(?:access_|id_)?token)(?:=|%3D))(?:(?!\\u0026|%26)[^&\s\"'<>])+"
)
# Not within a word, and possessive: an error body of nothing but `-eyJ` takes no longer than any other.
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]++(?:\.[\w-]*+){2,}+")

_HINTS: Final[dict[type[ResponseError], str]] = {
    Unauthorized: "the credential does not grant this: check its role or scope map",
    NoMetadataApi: "this registry has no ACR metadata API; tag_names() lists tags of any registry",
    Denied: "check the registry's network rules and the credential's role",
    Locked: "unlock it first with update(can_write=True, can_delete=True)",
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
    errors = _errors(body)
    kind = _kind(incoming.status, errors)
    correlation_id = incoming.headers.get("x-ms-correlation-request-id")
    known = correlation_id is not None or any(error.code in _MISSING for error in errors)
    if kind is NotFound and not known and request.target.startswith("/acr/v1/"):
        kind = NoMetadataApi  # ACR's own 404 says what is missing, or (go wrongDigest) has its correlation id at least
    text = "; ".join(f"{e.code}: {e.message}" if e.message else e.code for e in errors) or _beginning(body, incoming)
    message = f"{request.method} {request.target.partition('?')[0]} at {host}: {incoming.status} {redact(text)}"
    hint = _HINTS.get(kind)
    if kind is Unauthorized and request.target.startswith("/acr/v1/_catalog"):
        hint = "listing repositories takes a right of its own: the scope registry:catalog:*, or the role Catalog Lister"
    if hint:
        message += f" ({hint})"
    if correlation_id:
        message += f" [correlation id {correlation_id}]"
    return kind(
        message,
        status=incoming.status,
        errors=errors,
        correlation_id=correlation_id,
        retry_after=retry_after(incoming.headers.get("retry-after"), now=datetime.now(UTC)),
        challenge=incoming.headers.get("www-authenticate"),
    )


def retry_after(header: str | None, *, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which may be a number or a date (RFC 9110, section 10.2.3).

    >>> then = datetime(2015, 10, 21, 7, 27, tzinfo=UTC)
    >>> [retry_after(text, now=then) for text in ("2.5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon")]
    [2.5, 60.0, None]
    """
    if header is None:
        return None
    try:
        seconds = float(header)
        return max(0.0, seconds) if seconds < float("inf") else None
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime  # slow to load, and seldom needed

    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def redact(text: str) -> str:
    """Take out what looks like a token or a signed URL: error bodies may echo what was sent.

    >>> redact("https://x.blob.core.windows.net/b?se=1&sig=abc")
    'https://x.blob.core.windows.net/b?se=…&sig=…'
    """
    return _JWT.sub("…", _SIGNATURE.sub(r"\1…", text))


def _errors(body: bytes) -> tuple[ErrorInfo, ...]:
    from acr_rest.models.acr_errors import AcrErrors  # most programs see no error

    try:
        parsed = AcrErrors.from_dict(json.loads(body))
        return tuple(
            ErrorInfo(redact(e.code or "UNKNOWN"), redact(e.message or ""), _redacted(e.detail)) for e in parsed.errors
        )
    except (ValueError, RecursionError):
        return ()


def _redacted(value: Any) -> Any:
    """A JSON value with all its strings redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    return value


def _beginning(body: bytes, incoming: Incoming) -> str:
    if not body:
        return HTTPStatus(incoming.status).phrase if incoming.status in set(HTTPStatus) else "without a body"
    shown = redact(body.decode("utf-8", "replace"))[:_SHOWN]  # in this order: half a token is not seen as one
    return f"with {incoming.headers.get('content-type', 'no content type')}, beginning {shown!r}"


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

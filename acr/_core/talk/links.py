"""Links out of answers: Link (RFC 8288), Location, Range. None of them leads to another host unnoticed."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from acr_rest import paging, types
from acr_rest.redaction import redact

from acr._values.reference import Endpoint
from acr.errors import ProtocolViolation

_RANGE: Final = re.compile(r"(?:bytes=)?0-([0-9]{1,18}|-1)")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)

_APIS: Final = ("/v2/", "/acr/", "/oauth2/")
"""Where paths are those of known operations."""


def next_link(header: str | None) -> str | None:
    """The target of the link whose relation is `next`, or None if there is none.

    Raises:
        ProtocolViolation: the header does not follow RFC 8288: a listing would end early unnoticed.

    >>> next_link('</acr/v1/_catalog?last=a&n=1&orderby=>; rel="next"')
    '/acr/v1/_catalog?last=a&n=1&orderby='
    >>> next_link(None)
    """
    try:
        return paging.next_link(header)
    except ValueError:
        raise ProtocolViolation(f"malformed Link header: {redact(header or '')[:200]!r}") from None


def split(url: str, *, allow_http: bool = True) -> tuple[Endpoint, str]:
    """Where a URL leads to: the host, and the path with its query.

    Args:
        url: absolute.
        allow_http: accept plain http for hosts that are not loopback.

    Raises:
        ValueError, InvalidReference: it is no such URL.

    >>> endpoint, target = split("https://My.azurecr.io?a=b")
    >>> endpoint.host, target
    ('my.azurecr.io', '/?a=b')
    """
    parts = urlsplit(url)
    endpoint = Endpoint.parse(f"{parts.scheme}://{parts.netloc}", allow_http=allow_http)
    path = parts.path or "/"
    return endpoint, f"{path}?{parts.query}" if parts.query else path


def local_target(endpoint: Endpoint, base: str, link: str) -> str:
    """The path and query that `link`, found in the answer to a request for `base`, stands for.

    Args:
        endpoint: the registry; the only host it may lead to.
        base: path of the request; its query changes nothing.
        link: relative or absolute.

    Raises:
        ProtocolViolation: it leads to another host or scheme, or is no link.

    >>> registry = Endpoint.parse("my.azurecr.io")
    >>> local_target(registry, "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/1?_state=x")
    '/v2/a/blobs/uploads/1?_state=x'
    >>> local_target(registry, "/v2/", "//other.example/v2/")
    Traceback (most recent call last):
    acr.errors.ProtocolViolation: a link leads from my.azurecr.io to another host, 'other.example'
    """
    if not link or not link.isascii() or not link.isprintable() or " " in link or "\\" in link:
        raise ProtocolViolation(f"malformed link: {redact(link)[:200]!r}")
    try:
        target, path = split(urljoin(f"{endpoint}{base}", link))
    except ValueError:
        raise ProtocolViolation(f"malformed link: {redact(link)[:200]!r}") from None
    if (target.host, endpoint.scheme, target.scheme) == (endpoint.host, "https", "http"):
        raise ProtocolViolation(
            f"a link leads from https to plain http at {target.netloc}: the registry, or a proxy before it, does not"
            " know that it is reached by https (X-Forwarded-Proto)"
        )
    if target != endpoint:
        raise ProtocolViolation(f"a link leads from {endpoint.netloc} to another host, {target.netloc!r}")
    if path.startswith("//"):  # if it is taken for a link once more, it names a host
        raise ProtocolViolation(f"malformed link: {redact(link)[:200]!r}")
    return path


def upload_target(endpoint: Endpoint, base: str, link: str, repository: str) -> str:
    """The path and query of an upload session, as it is sent back; as of `local_target`.

    A registry chooses the path: Artifact Registry has one of its own. But in the distribution spec's and in ACR's API
    another path is another thing, to which the client would send the bytes, or which it would delete on cancelling.

    Args:
        endpoint: the registry.
        base: path of the request; its query changes nothing.
        link: relative or absolute.
        repository: that is uploaded to.

    Raises:
        ProtocolViolation: it leads elsewhere, or would be read as something else when it is sent.

    >>> upload_target(Endpoint.parse("my.azurecr.io"), "/v2/a/blobs/uploads/", "x/%2e%2e/y", "a")
    Traceback (most recent call last):
    acr.errors.ProtocolViolation: malformed link: 'x/%2e%2e/y'
    """
    target = local_target(endpoint, base, link)
    try:
        target = types.link(target)
    except ValueError:
        raise ProtocolViolation(f"malformed link: {redact(link)[:200]!r}") from None
    path = unquote(target.partition("?")[0])
    own = (f"/v2/{repository}/blobs/uploads/", f"/v2/{repository}/blobs/upload/")  # the second is GHCR's
    if path.lower().startswith(_APIS) and not path.startswith(own):
        raise ProtocolViolation(
            f"a link leads from an upload to {repository} to something else, {redact(path)[:200]!r}"
        )
    return target


def uploaded(header: str | None) -> int | None:
    """Bytes that an upload has, by the Range header of its answer; None if there is none.

    The end is inclusive, and `0-0` stands for an empty upload, not for one byte. Registries that merely count, such
    as zot, say `0--1` of it.

    Raises:
        ProtocolViolation: it is no range.

    >>> uploaded("0-1238"), uploaded("0-0")
    (1239, 0)
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        raise ProtocolViolation(f"malformed Range header: {header[:100]!r}")
    end = int(match[1])
    return end + 1 if end > 0 else 0


def content_range(header: str) -> tuple[int, int, int | None]:
    """First byte, last byte and whole size (None if unknown) of a part (RFC 9110, section 14.4).

    Raises:
        ProtocolViolation: it is no such header.

    >>> content_range("bytes 256-511/1044")
    (256, 511, 1044)
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise ProtocolViolation(f"malformed Content-Range header: {header[:100]!r}")
    first, last, size = int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
    if first > last or (size is not None and last >= size):
        raise ProtocolViolation(f"impossible Content-Range header: {header[:100]!r}")
    return first, last, size

"""HTTP: what both shells do alike with httpx. Its transports are used without its client.

The client would log URLs (a redirect to storage carries a signature), keep cookies, follow redirects and decode bodies;
none of that is wanted here, and leaving it out saves more than a third of the time of a small request.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs
import httpcore
import httpx

from acr.core.failures import redact
from acr.core.ports import Body, Outgoing
from acr.values.errors import InvalidInput, TransportError
from acr.values.options import Timeouts
from acr.values.reference import Endpoint

_PIECE: Final = 1024 * 1024
"""Bytes of a body that are handed to httpx at once. A whole chunk as `bytes` would be kept alive by a cycle."""

LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60)


def _check_proxy(_: object, __: object, proxy: str | None) -> None:
    if proxy is not None and urlsplit(proxy).scheme not in ("http", "https", "socks5", "socks5h"):
        raise InvalidInput("proxy: expected a URL such as http://proxy.example:3128")


@attrs.frozen(kw_only=True)
class Network:
    """How the registry is reached.

    Args:
        timeouts: how long to wait.
        proxy: URL of a proxy for all requests; by default what the environment says (HTTPS_PROXY, NO_PROXY, …).
        ssl_context: for own certificate authorities or client certificates; by default certifi's authorities, or what
            SSL_CERT_FILE names.

    Raises:
        InvalidInput: the proxy is no URL. It is not shown: it may hold a password.
    """

    timeouts: Timeouts
    proxy: str | None = attrs.field(default=None, repr=False, validator=_check_proxy)  # it may hold a password
    ssl_context: ssl.SSLContext | None = None
    _environment: Mapping[str, str] = attrs.field(factory=getproxies, init=False, repr=False)
    _extensions: Mapping[str, Any] = attrs.field(
        default=attrs.Factory(lambda self: {"timeout": attrs.asdict(self.timeouts)}, takes_self=True),
        init=False,
        repr=False,
    )

    def proxy_for(self, url: str) -> str | None:
        """The proxy on the way to a URL, or None."""
        if self.proxy is not None:
            return self.proxy
        parts = urlsplit(url)
        proxy = self._environment.get(parts.scheme) or self._environment.get("all")
        # This machine is never reached by way of a proxy that was meant for the rest of the world.
        place = Endpoint.parse(f"{parts.scheme}://{parts.netloc}", allow_http=True)
        if proxy is None or place.is_loopback or proxy_bypass(parts.netloc):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def context_for(self, place: tuple[str, str], proxy: str | None) -> ssl.SSLContext:
        """The TLS of the way to a place, which is a scheme and a netloc."""
        if self.ssl_context is not None:
            return self.ssl_context
        if place[0] == "http" and (proxy is None or not proxy.startswith("https")):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and trusts nobody
        return _default_context(*(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))

    def extensions(self, request: Outgoing) -> Mapping[str, Any]:
        """The timeouts, as httpx's transports take them."""
        given = request.timeout
        return self._extensions if given is None else {"timeout": dict.fromkeys(self._extensions["timeout"], given)}

    def read_timeout(self, request: Outgoing) -> float | None:
        """Seconds to wait for the next bytes of an answer."""
        return self.timeouts.read if request.timeout is None else request.timeout


@cache
def _default_context(*_environment: str | None) -> ssl.SSLContext:
    """That of httpx, made once for all clients: reading the authorities takes some 15 ms."""
    return httpx.create_ssl_context()


def pieces(content: bytes) -> Iterator[bytes]:
    """A body in pieces."""
    view = memoryview(content)
    for at in range(0, len(view), _PIECE):
        yield bytes(view[at : at + _PIECE])


def headers_of(request: Outgoing) -> dict[str, str]:
    """The headers of a request. The length is named, or httpx would send pieces as chunked."""
    headers = dict(request.headers)
    if request.content is not None:
        content = request.content
        headers["Content-Length"] = str(content.size if isinstance(content, Body) else len(content))
    return headers


def lower(headers: httpx.Headers) -> Mapping[str, str]:
    """Headers of an answer, repeated ones joined by commas."""
    return dict(headers.items())


UNSENDABLE: Final = (
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError,
    UnicodeError,
)
"""What is raised of a request that no retry can help. Their texts may quote a header, and so a token."""

LOST: Final = (
    httpx.TransportError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
)
"""What is raised where there is no answer, or not all of it."""


def failed(request: Outgoing, error: Exception) -> TransportError | InvalidInput:
    """What httpx raised, as ours. The URL's query is left out: it may hold a signature."""
    parts = urlsplit(request.url)
    where = f"{request.method} {parts.path[:300]} at {parts.netloc}"
    if isinstance(error, UNSENDABLE):
        return InvalidInput(
            f"{where} cannot be sent: an argument is too long, or has characters that HTTP has no room for"
        )
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException | httpcore.TimeoutException | TimeoutError):
        reason = f"timed out ({type(error).__name__})"
    elif isinstance(error, httpx.ConnectError | httpcore.ConnectError):
        reason = f"cannot connect: {reason}"
    return TransportError(f"{where}: {reason}")


def unusable(proxy: str | None) -> InvalidInput:
    """What a proxy is that httpx cannot make a transport for. It is not shown whole: it may hold a password."""
    scheme = urlsplit(proxy or "").scheme
    return InvalidInput(f"the proxy of the scheme {scheme!r} cannot be used; for SOCKS, install httpx[socks]")


class _Redacted(logging.Filter):
    """Takes signatures and tokens out of what httpcore logs at DEBUG: it prints all headers of an answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        return True


for _name in ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_Redacted())

"""HTTP: what both shells do alike with httpx. Its transports are used without its client.

The client would log URLs (a redirect to storage carries a signature), keep cookies, follow redirects and decode bodies;
none of that is wanted here, and leaving it out saves more than a third of the time of a small request.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs
import httpx

from acr.core.ports import Outgoing
from acr.values.errors import InvalidInput, TransportError
from acr.values.options import Timeouts

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

    def proxy_for(self, url: str) -> str | None:
        """The proxy on the way to a URL, or None."""
        if self.proxy is not None:
            return self.proxy
        parts = urlsplit(url)
        proxy = self._environment.get(parts.scheme) or self._environment.get("all")
        if proxy is None or proxy_bypass(parts.netloc):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What httpx takes."""
        return self.ssl_context or True

    @property
    def extensions(self) -> dict[str, dict[str, float | None]]:
        """The timeouts, as httpx's transports take them."""
        return {"timeout": attrs.asdict(self.timeouts)}


def pieces(content: bytes) -> Iterator[bytes]:
    """A body in pieces."""
    view = memoryview(content)
    for at in range(0, len(view), _PIECE):
        yield bytes(view[at : at + _PIECE])


def headers_of(request: Outgoing) -> dict[str, str]:
    """The headers of a request. The length is named, or httpx would send pieces as chunked."""
    headers = dict(request.headers)
    if request.content is not None:
        headers["Content-Length"] = str(len(request.content))
    return headers


def lower(headers: httpx.Headers) -> Mapping[str, str]:
    """Headers of an answer, repeated ones joined by commas."""
    return dict(headers.items())


def lost(request: Outgoing, error: Exception) -> TransportError:
    """What httpx raised, as ours. The URL's query is left out: it may hold a signature."""
    parts = urlsplit(request.url)
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        reason = f"timed out ({type(error).__name__})"
    elif isinstance(error, httpx.ConnectError):
        reason = f"cannot connect: {reason}"
    return TransportError(f"{request.method} {parts.path} at {parts.netloc}: {reason}")

"""Tunnels: connections through a proxy. httpcore speaks to the proxy, on connections of our own."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import httpcore

from acr._shells.http import KEPT, unusable

Pool = TypeVar("Pool", httpcore.ConnectionPool, httpcore.AsyncConnectionPool)


def by_way_of(proxy: str, context: ssl.SSLContext, network: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    """A connection through a proxy, for one request at a time. Raises InvalidInput if httpcore cannot use the proxy."""
    return _made(httpcore.SOCKSProxy, httpcore.HTTPProxy, proxy, context, network)


def async_by_way_of(
    proxy: str, context: ssl.SSLContext, network: httpcore.AsyncNetworkBackend
) -> httpcore.AsyncConnectionPool:
    """The same, on the event loop."""
    return _made(httpcore.AsyncSOCKSProxy, httpcore.AsyncHTTPProxy, proxy, context, network)


def _made(
    socks: Callable[..., Pool],
    http: Callable[..., Pool],
    proxy: str,
    context: ssl.SSLContext,
    network: httpcore.NetworkBackend | httpcore.AsyncNetworkBackend,
) -> Pool:
    url, auth = _place(proxy)
    make = socks if url.scheme.startswith(b"socks") else http
    try:
        return make(
            proxy_url=url,
            proxy_auth=auth,
            ssl_context=context,
            keepalive_expiry=KEPT,
            max_connections=1,
            network_backend=network,
        )
    except (ImportError, RuntimeError):
        raise unusable(proxy) from None


def _place(proxy: str) -> tuple[httpcore.URL, tuple[bytes, bytes] | None]:
    """Where a proxy is, and the name and password for it, if there are any."""
    try:
        parts = urlsplit(proxy)
        host = (parts.hostname or "").encode("idna")
        url = httpcore.URL(scheme=parts.scheme.encode(), host=host, port=parts.port, target=b"/")
        auth = (unquote(parts.username or "").encode(), unquote(parts.password or "").encode())
    except ValueError:  # its text quotes the URL
        raise unusable(proxy) from None
    has_auth = parts.username is not None or parts.password is not None
    return url, auth if has_auth else None

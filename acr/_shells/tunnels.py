"""Tunnels: connections through a proxy. httpcore speaks to the proxy, on connections of our own."""

from __future__ import annotations

import ssl
from typing import TypedDict
from urllib.parse import unquote, urlsplit

import httpcore

from acr._shells.http import KEPT, unusable


class _Way(TypedDict):
    proxy_url: httpcore.URL
    proxy_auth: tuple[bytes, bytes] | None
    ssl_context: ssl.SSLContext
    keepalive_expiry: float


def by_way_of(proxy: str, context: ssl.SSLContext, network: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    """A connection through a proxy, for one request at a time. Raises InvalidInput if httpcore cannot use the proxy."""
    way = _way(proxy, context)
    make = httpcore.SOCKSProxy if way["proxy_url"].scheme.startswith(b"socks") else httpcore.HTTPProxy
    try:
        return make(**way, max_connections=1, network_backend=network)
    except (ImportError, RuntimeError):
        raise unusable(proxy) from None


def async_by_way_of(
    proxy: str, context: ssl.SSLContext, network: httpcore.AsyncNetworkBackend
) -> httpcore.AsyncConnectionPool:
    """The same, on the event loop."""
    way = _way(proxy, context)
    make = httpcore.AsyncSOCKSProxy if way["proxy_url"].scheme.startswith(b"socks") else httpcore.AsyncHTTPProxy
    try:
        return make(**way, max_connections=1, network_backend=network)
    except (ImportError, RuntimeError):
        raise unusable(proxy) from None


def _way(proxy: str, context: ssl.SSLContext) -> _Way:
    try:
        parts = urlsplit(proxy)
        host = (parts.hostname or "").encode("idna")
        url = httpcore.URL(scheme=parts.scheme.encode(), host=host, port=parts.port, target=b"/")
        auth = (unquote(parts.username or "").encode(), unquote(parts.password or "").encode())
    except ValueError:  # its text quotes the URL
        raise unusable(proxy) from None
    has_auth = parts.username is not None or parts.password is not None
    return _Way(proxy_url=url, proxy_auth=auth if has_auth else None, ssl_context=context, keepalive_expiry=KEPT)

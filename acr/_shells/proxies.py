"""Proxies: which one the environment names for a place, and which places it excepts."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from acr._values.reference import Endpoint
from acr.errors import InvalidInput

_PORT: Final = re.compile("[0-9]{1,5}")
_SCHEMES: Final = ("http", "https", "socks5", "socks5h")


def usable(proxy: str, name: str) -> str:
    """A proxy's URL, if it is one. The error does not show it: it may hold a password.

    Args:
        proxy: the URL.
        name: of the argument or the variable.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(proxy, str):
        raise InvalidInput(f"{name}: expected a URL such as http://proxy.example:3128, got {type(proxy).__name__}")
    try:
        parts = urlsplit(proxy)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        parts.netloc.encode()
    except ValueError:  # its text quotes the URL
        known = False
    if not known:
        raise InvalidInput(
            f"{name}: expected a URL such as http://proxy.example:3128, of the scheme http, https or socks5"
        )
    return proxy


def of_environment() -> Mapping[str, str]:
    """The proxies of the environment by scheme: of its variables and, on macOS and Windows, of the system's settings.

    `no` are the places that none of them is for.
    """
    has_settings = sys.platform in ("darwin", "win32")
    if not (has_settings or any(name.lower().endswith("_proxy") for name in os.environ)):
        return {}
    from urllib.request import getproxies  # with all that it loads it takes some 8 ms

    return getproxies()


def proxy_for(place: Endpoint, environment: Mapping[str, str]) -> str | None:
    """The proxy on the way to a place, or None.

    Raises:
        InvalidInput: the environment names something that is no URL.
    """
    proxy = environment.get(place.scheme) or environment.get("all")
    # This machine is never reached by way of a proxy that was meant for the rest of the world.
    if proxy is None or place.is_loopback or is_excepted(place, environment.get("no", "")):
        return None
    if sys.platform in ("darwin", "win32"):  # their settings have exceptions of their own
        from urllib.request import proxy_bypass

        if proxy_bypass(place.netloc):
            return None
    return usable(proxy if "://" in proxy else f"http://{proxy}", f"{place.scheme}_proxy in the environment")


def is_excepted(place: Endpoint, exceptions: str) -> bool:
    """Whether NO_PROXY names a place.

    Its entries are parted by commas or spaces. There is no standard; this reads what curl, Go, requests and Docker's
    documentation write: `*`, names (with all that is below them), `.example`, `*.example`, addresses, networks in CIDR
    form, and each with a port.

    >>> registry = Endpoint.parse("my.azurecr.io")
    >>> [is_excepted(registry, text) for text in ("azurecr.io", "*.azurecr.io", ".azurecr.io:443", "r.io", "*")]
    [True, True, True, False, True]
    >>> is_excepted(Endpoint.parse("10.1.2.3"), "10.0.0.0/8,[::1]")
    True
    """
    return any(_names(entry.lower(), place) for entry in exceptions.replace(",", " ").split())


def _names(entry: str, place: Endpoint) -> bool:
    if entry == "*":
        return True
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        return _address(place.host) in network if _address(place.host) else False
    name, colon, port = entry.rpartition(":")
    if colon and _PORT.fullmatch(port):
        if int(port) != (place.port or {"https": 443, "http": 80}[place.scheme]):
            return False
        return _names(name, place)
    domain = entry.removeprefix("*").strip(".")
    host = place.host.rstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

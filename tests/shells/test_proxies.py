"""Proxies and certificate authorities of the environment, as companies set them for all programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import acr
from acr._shells.proxies import is_excepted
from acr._values.reference import Endpoint
from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.twin import Twin


@pytest.mark.parametrize(
    ("place", "exceptions", "expected"),
    [
        ("my.azurecr.io", "", False),
        ("my.azurecr.io", "*", True),
        ("my.azurecr.io", "other.example, my.azurecr.io", True),
        ("my.azurecr.io", "other.example my.azurecr.io", True),
        ("my.azurecr.io", "azurecr.io", True),
        ("my.azurecr.io", ".azurecr.io", True),
        ("my.azurecr.io", "*.azurecr.io", True),
        ("my.azurecr.io", "*.AZURECR.io", True),
        ("my.azurecr.io", "zurecr.io", False),
        ("my.azurecr.io", "y.azurecr.io", False),
        ("my.azurecr.io", "my.azurecr.io:443", True),
        ("my.azurecr.io", "my.azurecr.io:5000", False),
        ("my.azurecr.io", "my.azurecr.io:44³", False),  # a digit to Python, and none of a number
        ("my.azurecr.io", f"my.azurecr.io:{'4' * 5000}", False),  # more than Python takes for a number
        ("registry.example:5000", "registry.example:5000", True),
        ("registry.example:5000", "registry.example:443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.0/24", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:5000", "10.1.2.3:5000", True),
        ("my.azurecr.io", "10.0.0.0/8", False),
        ("[2001:db8::1]", "2001:db8::/32", True),
        ("[2001:db8::1]", "[2001:db8::1]", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("[2001:db8::1]:5000", "[2001:db8::1]:5000", True),
        ("[2001:db8::1]", "2001:db9::/32", False),
        ("my.azurecr.io", "., *., :443, /8", False),
    ],
)
def test_what_no_proxy_names(place: str, exceptions: str, expected: bool) -> None:
    assert is_excepted(Endpoint.parse(place), exceptions) is expected


def test_the_exceptions_of_the_environment_are_kept(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network, which urllib does not know: the client then goes there by itself."""
    with Emulator() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "192.0.2.0/24")
        options: dict[str, Any] = {"allow_http": True, "retries": acr.Retries(limit=0)}
        twin.connect("http://198.51.100.7:9", **options).ping()  # the emulator answers in the place of that host
        assert [request.headers["host"] for request in proxy.requests] == ["198.51.100.7:9"]
        impatient = acr.Timeouts(connect=0.01)
        with pytest.raises(acr.TransportError) as caught:
            twin.connect("http://192.0.2.7:9", timeouts=impatient, **options).ping()
        assert "proxy" not in str(caught.value)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_of_the_environment(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    certificate, key = make_certificate(tmp_path)
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    with Emulator(tls=(certificate, key)) as emulator:
        with pytest.raises(acr.TransportError, match="SSL_CERT_FILE"):
            twin.connect(emulator.url, retries=acr.Retries(limit=0)).ping()
        monkeypatch.setenv(name, str(certificate))
        twin.connect(emulator.url).ping()
        monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
        with pytest.raises(acr.InvalidInput, match=f"{name}=.*missing.pem"):
            twin.connect(emulator.url).ping()


@pytest.mark.parametrize("turns", range(6))
def test_a_task_that_is_cancelled_while_it_lets_go_of_a_connection_leaves_no_dead_one(turns: int) -> None:
    """Found by a fuzz of copies: httpcore's pool took its request for one that goes on, and all that followed waited.

    So upload sessions were not cancelled, and the client was of no more use behind its proxy.
    """

    async def main(proxy: str) -> None:
        loop = asyncio.get_running_loop()

        def soon(left: int) -> None:
            if left:
                loop.call_soon(soon, left - 1)
            else:
                going.cancel()

        options: dict[str, Any] = {"allow_http": True, "proxy": proxy, "retries": acr.Retries(limit=0)}
        async with acr.AsyncRegistry(
            "http://198.51.100.7:9",
            timeouts=acr.Timeouts(pool=0.5),
            on_response=lambda _: soon(turns) if not going.cancelling() and not going.done() else None,
            **options,
        ) as registry:
            going = asyncio.ensure_future(registry.ping())
            await asyncio.wait([going])
            await registry.ping()

    with Emulator() as proxy:
        asyncio.run(main(proxy.url))

"""Redirects: what happens at the place to which a registry sends the client keeps its class, and its finality."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

import acr
from acr.media_types import OCI_MANIFEST
from tests.certificate import make_certificate
from tests.shells.drips import Drips, byte_by_byte
from tests.shells.script import CONTENT, Play, Script, digest_of, falls_silent, gives, head
from tests.twin import Twin

DIGEST = digest_of(CONTENT)

READS: dict[str, Callable[[acr.Repository, Path], object]] = {
    "a stream": lambda repository, _: repository.download_blob(DIGEST).read(),
    "a file": lambda repository, folder: repository.download_blob(DIGEST, folder / "blob"),
    "a manifest": lambda repository, _: repository.manifest("v1").get(),
}
every_read = pytest.mark.parametrize("read", READS.values(), ids=READS.keys())


def redirects_to(place: str) -> Play:
    return gives(head(0, f"Location: {place}/blob?sig=secret", status="307 Temporary Redirect"))


@every_read
def test_storage_that_drips_is_too_slow(twin: Twin, tmp_path: Path, read: Callable[..., object]) -> None:
    drips = Drips()
    dripping = drips.fall(byte_by_byte(), first=b"HTTP/1.1 200 OK\r\nX: ")
    timeouts = acr.Timeouts(least_rate=100, rate_window=20)
    with Script(dripping) as storage, Script(redirects_to(storage.url)) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=timeouts, retries=acr.Retries(limit=2))
        with pytest.raises(
            acr.TooSlow, match=r"redirects to 127\.0\.0\.1:\d+, which did not answer.*too slow"
        ) as caught:
            read(registry.repository("app"), tmp_path)
        assert caught.value.exhausted
        assert "secret" not in str(caught.value)
        assert len(storage.asked) == 3


@every_read
def test_storage_that_is_silent_until_the_call_is_over_is_asked_once(
    twin: Twin, tmp_path: Path, read: Callable[..., object]
) -> None:
    with Script(falls_silent) as storage, Script(redirects_to(storage.url)) as script:
        registry = twin.connect(script.url, timeouts=acr.Timeouts(total=0.5))
        with pytest.raises(acr.TooSlow, match="which did not answer.*the time for the whole call is over") as caught:
            read(registry.repository("app"), tmp_path)
        assert caught.value.exhausted
        assert len(storage.asked) == 1


@every_read
def test_storage_whose_certificate_nobody_vouches_for_is_asked_once(
    twin: Twin, tmp_path: Path, read: Callable[..., object]
) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context()
    with Script(gives(head(0)), tls=files) as storage, Script(redirects_to(storage.url)) as script:
        registry = twin.connect(script.url, ssl_context=context)
        with pytest.raises(acr.TransportError, match="which did not answer.*CERTIFICATE_VERIFY_FAILED") as caught:
            read(registry.repository("app"), tmp_path)
        assert caught.value.exhausted
        assert len(script.asked) == 1
    assert twin.slept == []


@every_read
def test_redirects_without_end_are_told_as_that(twin: Twin, tmp_path: Path, read: Callable[..., object]) -> None:
    round_ = gives(head(0, "Location: /v2/round", f"Content-Type: {OCI_MANIFEST}", status="307 Temporary Redirect"))
    with Script(round_) as script:
        registry = twin.connect(script.url)
        with pytest.raises(acr.ProtocolViolation, match=r"redirects more than 5 times, at last to 127\.0\.0\.1"):
            read(registry.repository("app"), tmp_path)
        assert len(script.asked) == 6

"""How many requests, and how many bytes, the same work takes with Microsoft's Python SDK and with this client.

The figures of the README are those of this test.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import acr
from tests.peers.conftest import TlsEmulator
from tests.peers.test_microsoft import MIB_10, NAME, sdk


def test_listings_and_uploads(tls_emulator: TlsEmulator, tmp_path: Path) -> None:
    emulator = tls_emulator.registry
    trust = ssl.create_default_context(cafile=tls_emulator.certificate)

    def client() -> acr.Registry:
        return acr.Registry(emulator.url, emulator.credential(), ssl_context=trust)

    def requests() -> int:
        count = len(emulator.requests)
        emulator.clear_requests()
        return count

    def received() -> float:
        count = sum(record.received for record in emulator.requests if "/uploads/" in record.path)
        emulator.clear_requests()
        return count / MIB_10

    with client() as registry:
        registry.repository(NAME).push_artifact([], tag="v1")
    requests()

    sdk("sync", "listings", tls_emulator, tmp_path)
    theirs = requests()
    with client() as registry:
        for _ in range(10):
            list(registry.repository(NAME).tags())
    assert (requests(), theirs) == (13, 40)

    sdk("sync", "upload", tls_emulator, tmp_path)
    twice = received()
    with client() as registry:
        registry.repository("another").upload_blob(bytes(MIB_10))
    assert received() == 1
    assert 1.99 < twice < 2.01

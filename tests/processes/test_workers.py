"""Workers of multiprocessing, by each of its methods: values and errors travel, and clients do not."""

from __future__ import annotations

import multiprocessing

import pytest

import acr
from acr.emulator import Emulator
from acr.media_types import OCI_MANIFEST
from tests.processes.program import told


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_call_and_values_travel(colour: str, method: str, acr_emulator: Emulator) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        registry.repository("app").put_manifest(acr.Manifest.of(b'{"schemaVersion":2}', OCI_MANIFEST), tag="v1")
    found = told("workers", method, colour, acr_emulator.url, acr_emulator.username, acr_emulator.password)
    refused = found.pop("refused")
    assert "make one in each process" in refused
    assert refused.startswith(f"{'Async' if colour == 'async' else ''}Registry cannot be pickled")
    assert found == {"right": True, "missing": [404, ["MANIFEST_UNKNOWN"]], "parent": True}

"""The pace of an inventory: what a small registry takes goes at once, and all else at the rate."""

from __future__ import annotations

import pytest

import acr
from acr.emulator import Emulator
from tests.twin import Twin


@pytest.mark.parametrize(("rate", "waits"), [(60.0, True), (2500.0, False)])
def test_the_requests_of_three_seconds_go_at_once(twin: Twin, acr_emulator: Emulator, rate: float, waits: bool) -> None:
    """At 60 a minute three, and one that is due; each after them waits for its turn, as the clock stands still."""
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        for number in range(6):
            registry.repository("app").push_artifact([], tag=f"v{number}", annotations={"number": str(number)})
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), clock=lambda: 0.0)
    registry.inventory(rate=rate)
    assert bool(twin.slept) == waits
    assert sorted(twin.slept) == [float(turn) for turn in range(2, 2 + len(twin.slept))]

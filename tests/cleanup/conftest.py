"""What the tests of a purge share: a registry of last year, who fills it, and who purges it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

import acr
from acr.emulator import Emulator
from tests.cleanup.aged import Clock, Purge, emulated
from tests.twin import Twin


@pytest.fixture
def trash() -> str:
    """Whether soft delete is on. A test may say otherwise."""
    return ""


@pytest.fixture
def aged(trash: Literal["", "draft", "az"]) -> Iterator[tuple[Emulator, Clock]]:
    with emulated(trash) as found:
        yield found


@pytest.fixture
def emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


@pytest.fixture
def clock(aged: tuple[Emulator, Clock]) -> Clock:
    return aged[1]


@pytest.fixture
def owner(emulator: Emulator) -> Iterator[acr.Registry]:
    """Who fills the registry, and changes it meanwhile."""
    with acr.Registry(emulator.url, emulator.credential()) as registry:
        yield registry


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "plan.journal"


@pytest.fixture
def purge(twin: Twin, emulator: Emulator, journal: Path) -> Purge:
    """Carries a plan out, and calls something before the first request that a regular expression matches."""

    def purge(plan: acr.Plan, *, before: str = "", do: Callable[[], Any] | None = None, **more: Any) -> Any:
        left = [do]

        def see(request: acr.RequestInfo) -> None:
            if left and left[0] is not None and re.search(before, f"{request.method} {request.url}"):
                left.pop()()  # type: ignore[misc]

        client = twin.connect(emulator.url, emulator.credential(), on_request=see)
        report = client.purge(plan, journal=journal, rate=None, **more)
        assert do is None or not left, f"no request was {before}"
        return report

    return purge

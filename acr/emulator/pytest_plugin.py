"""The pytest fixtures `acr_emulator`, a registry for each test, and `acr_emulator_session`, one for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acr.emulator import Emulator


@pytest.fixture
def acr_emulator() -> Iterator[Emulator]:
    """A local Azure Container Registry: `acr_emulator.url`, `acr_emulator.credential()`. See `acr.emulator`."""
    yield from _running()


@pytest.fixture(scope="session")
def acr_emulator_session() -> Iterator[Emulator]:
    """A local Azure Container Registry for all tests of a session. They share its content; `reset` empties it."""
    yield from _running()


def _running() -> Iterator[Emulator]:
    # In here, as pytest imports plugins in every run, and the server behind this takes a while to import.
    from acr.emulator import Emulator

    with Emulator() as registry:
        yield registry

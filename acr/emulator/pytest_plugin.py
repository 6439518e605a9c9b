"""The pytest fixture `acr_emulator`: a running registry in memory, a new one for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acr.emulator import Emulator


@pytest.fixture
def acr_emulator() -> Iterator[Emulator]:
    """A local Azure Container Registry: `acr_emulator.url`, `acr_emulator.credential()`. See `acr.emulator`."""
    # In here, as pytest imports plugins in every run, and the server behind this takes a while to import.
    from acr.emulator import Emulator

    with Emulator() as registry:
        yield registry

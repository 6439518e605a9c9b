"""An emulator for each test, and somebody to talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acr.emulator import Emulator
from tests.emulator.user import User


@pytest.fixture
def registry() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def user(registry: Emulator) -> Iterator[User]:
    found = User(registry)
    with found.http:
        yield found

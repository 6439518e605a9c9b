"""Fixtures of all tests: clients of both colours, and where reference data of this project's makers may lie."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import armed  # noqa: F401 - a fixture of all tests
from tests.contract.watch import pytest_terminal_summary, traffic, watched  # noqa: F401 - a hook, and fixtures of all tests
from tests.twin import Colour, Twin


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the manifests of inventories out of the cache of whoever runs the tests."""
    os.environ["ACR_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def commands_hear_ctrl_c() -> None:
    """Let Ctrl-C reach the commands that tests start, also if a shell runs the tests in the background.

    Such a shell has SIGINT ignored, and a process hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["sync", "async"])
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """A client factory; each test that asks for it runs twice."""
    colour: Colour = request.param
    twin = Twin(colour)
    yield twin
    twin.close()


@pytest.fixture
def registry(twin: Twin, acr_emulator: Emulator) -> acr.Registry:
    """A client of the emulator, with an Entra credential."""
    return twin.connect(acr_emulator.url, acr_emulator.credential())


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own answer to SIGINT. The processes that pytest-xdist runs tests in ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def shared() -> Path:
    """Reference data beside the checkout; a test that needs it is skipped where it is absent."""
    folder = Path(__file__).resolve().parent.parent.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference data (../shared) is not beside this checkout")
    return folder

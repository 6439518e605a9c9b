"""A client of each registry that others wrote. Each of them runs once, and each test has a repository of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Final
from uuid import uuid4

import pytest

import acr
from tests.registries.servers import CREDENTIAL, Make, Server, started
from tests.twin import Twin

OPEN: Final[tuple[Make, ...]] = ("distribution", "distribution3", "zot")
GUARDED: Final[tuple[Make, ...]] = ("distribution", "zot")
"""With a password, too."""

Start = Callable[[Make, acr.UsernamePassword | None], Server]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a registry, unless it runs."""
    with ExitStack() as stack:

        @cache
        def start(make: Make, credential: acr.UsernamePassword | None) -> Server:
            return stack.enter_context(started(make, tmp_path_factory.mktemp(make), credential))

        yield start


@pytest.fixture(params=[*OPEN, *(f"{make}-htpasswd" for make in GUARDED)])
def server(request: pytest.FixtureRequest, start: Start) -> Server:
    make, _, guarded = request.param.partition("-")
    return start(make, CREDENTIAL if guarded else None)


@pytest.fixture(params=GUARDED)
def guarded(request: pytest.FixtureRequest, start: Start) -> Server:
    """One that takes a password."""
    return start(request.param, CREDENTIAL)


@pytest.fixture
def registry(twin: Twin, server: Server) -> acr.Registry:
    return twin.connect(server.url, server.credential)


@pytest.fixture
def repository(registry: acr.Registry) -> acr.Repository:
    return new_repository(registry)


@pytest.fixture
def other(registry: acr.Registry) -> acr.Repository:
    return new_repository(registry)


def new_repository(registry: acr.Registry) -> acr.Repository:
    return registry.repository(f"team/{uuid4().hex}")

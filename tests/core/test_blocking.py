"""The blocking shell steps the core's coroutines to their end, without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator

import pytest

from acr.shells.blocking import run


class Ready(Awaitable[int]):
    """Something to be awaited that is no coroutine."""

    def __await__(self) -> Generator[None, None, int]:
        return 7
        yield


def test_what_can_be_awaited_is_stepped_to_its_end() -> None:
    assert run(Ready()) == 7


def test_a_core_that_suspends_would_be_a_fault_of_ours_and_does_not_hang() -> None:
    with pytest.raises(RuntimeError, match="suspended on the blocking runtime"):
        run(asyncio.sleep(0))

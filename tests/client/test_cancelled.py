"""A task that is cancelled, at whatever moment, leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import acr
from acr.emulator import Emulator


def test_no_connection_is_lost(acr_emulator: Emulator) -> None:
    """A socket that is lost warns when it is collected, and pytest makes an error of it."""

    async def cancelled_after(steps: int) -> None:
        async with acr.AsyncRegistry(acr_emulator.url) as registry:
            asking = asyncio.ensure_future(registry.ping())
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    for steps in range(40):
        asyncio.run(cancelled_after(steps))
    gc.collect()

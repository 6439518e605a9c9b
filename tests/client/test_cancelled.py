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


def test_the_client_can_be_used_on(acr_emulator: Emulator) -> None:
    """Also where a task is cancelled once more, while it lets go of its connection."""

    async def cancelled_twice(steps: int, later: int) -> None:
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.async_credential()) as registry:
            app = registry.repository("app")
            await app.upload_blob(b"abc")
            asking = asyncio.ensure_future(app.blob(acr.Digest.of(b"abc")).head())
            for count in (steps, later):
                for _ in range(count):
                    await asyncio.sleep(0)
                asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            assert (await app.blob(acr.Digest.of(b"abc")).head()).size == 3

    for steps in range(12):
        for later in range(1, 5):
            asyncio.run(cancelled_twice(steps, later))

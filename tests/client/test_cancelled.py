"""A task that is cancelled, at whatever moment, leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
from contextlib import suppress

import pytest

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
    """Also where a task is cancelled once more, while it lets go of its connection; and no room is lost in the pool."""

    async def cancelled_again_and_again() -> None:
        timeouts = acr.Timeouts(pool=1)
        async with acr.AsyncRegistry(
            acr_emulator.url, acr_emulator.async_credential(), timeouts=timeouts, retries=acr.Retries(limit=0)
        ) as registry:
            app = registry.repository("app")
            config = await app.put_manifest({"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX}, tag="v1")
            for steps, later in itertools.product(range(24), range(1, 6)):
                asking = asyncio.ensure_future(app.manifest("v1").get())
                for count in (steps, later):
                    for _ in range(count):
                        await asyncio.sleep(0)
                    asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking
                assert (await app.manifest("v1").get()).digest == config.digest

    asyncio.run(cancelled_again_and_again())


def test_no_upload_is_left_open(acr_emulator: Emulator) -> None:
    """Not even one whose opening the registry was just asked for."""

    async def cancelled_after(registry: acr.AsyncRegistry, steps: int) -> bool:
        content = f"{steps} bytes".encode() * 5_000
        uploading = asyncio.ensure_future(registry.repository("app").upload_blob(content, chunk_size=30_000))
        for _ in range(steps):
            await asyncio.sleep(0)
        uploading.cancel()
        await asyncio.wait([uploading])
        assert acr_emulator.open_uploads == [], steps
        return uploading.cancelled()

    async def cancelled_at_each_step() -> None:
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.async_credential()) as registry:
            await registry.repository("app").upload_blob(b"to have a token")
            steps = itertools.count(0, 9)
            while any([await cancelled_after(registry, next(steps)) for _ in range(10)]):
                pass

    asyncio.run(cancelled_at_each_step())
    assert [r.status for r in acr_emulator.requests if r.method == "DELETE"].count(204) > 10


def test_a_stream_whose_reading_was_cancelled_does_not_look_like_a_whole_blob(acr_emulator: Emulator) -> None:
    async def cancelled_at_each_step() -> int:
        count = 0
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.async_credential()) as registry:
            repository = registry.repository("app")
            blob = await repository.upload_blob(bytes(100_000))
            for steps in itertools.count(0, 3):
                async with repository.download_blob(blob.digest) as stream:
                    reading = asyncio.ensure_future(stream.read())
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    if not reading.cancel():
                        return count
                    await asyncio.wait([reading])
                    if steps:  # else it had not begun
                        count += 1
                        with pytest.raises(ValueError, match="interrupted"):
                            await stream.read()
                        with pytest.raises(ValueError, match="interrupted"):
                            await anext(stream)
        raise AssertionError

    assert asyncio.run(cancelled_at_each_step()) > 3


def test_nor_does_one_whose_reading_was_interrupted(acr_emulator: Emulator) -> None:
    """By Ctrl-C, in sync code."""
    waiting = [True]

    def interrupt(response: acr.ResponseInfo) -> None:
        if "/blobs/" in response.request.url and response.request.method == "GET" and waiting:
            waiting.clear()
            raise KeyboardInterrupt

    with acr.Registry(acr_emulator.url, acr_emulator.credential(), on_response=interrupt) as registry:
        repository = registry.repository("app")
        blob = repository.upload_blob(bytes(100_000))
        with repository.download_blob(blob.digest) as stream:
            with pytest.raises(KeyboardInterrupt):
                stream.read()
            with pytest.raises(ValueError, match="interrupted"):
                stream.read()
        assert repository.download_blob(blob.digest).read() == bytes(100_000)

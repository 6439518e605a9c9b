"""Event loops: a client has connections and locks of its own in each, and says so where there is none of asyncio's."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import sniffio

import acr
from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.content import bytes_of
from tests.patience import until_in_loop
from tests.shells.script import ONCE, Asked, Peer, Script, digest_of, gives, head

DIGEST = digest_of(b"content")
THERE = gives(head(5))


async def size_in(registry: acr.AsyncRegistry) -> int:
    return (await registry.repository("x").blob(DIGEST).head()).size


async def thrice(registry: acr.AsyncRegistry) -> list[int]:
    return await asyncio.gather(*(size_in(registry) for _ in range(3)))


def run_by_hand(call: Coroutine[Any, Any, Any]) -> Any:
    """In an event loop that is closed without a word to what is in it."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(call)
    finally:
        loop.close()


@pytest.mark.parametrize("secure", [False, True])
def test_a_client_works_in_one_event_loop_after_another(tmp_path: Path, *, secure: bool) -> None:
    """Each closes its connections, so that nothing is left to be warned of."""
    files = make_certificate(tmp_path) if secure else None
    context = ssl.create_default_context(cafile=str(files[0])) if files else None
    with Script(THERE, tls=files) as server:
        registry = acr.AsyncRegistry(server.url, retries=ONCE, ssl_context=context)
        for _ in range(3):
            assert asyncio.run(thrice(registry)) == [5, 5, 5]
            gc.collect()
        assert asyncio.run(size_in(registry)) == 5
        asyncio.run(registry.close())
        gc.collect()
        assert len(set(server.connections)) >= 4


def test_uvloop_after_asyncio() -> None:
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop for this system")
    with Script(THERE) as server:
        registry = acr.AsyncRegistry(server.url, retries=ONCE)
        for run in (uvloop.run, asyncio.run, uvloop.run):
            assert run(thrice(registry)) == [5, 5, 5]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:loop is closed:ResourceWarning")
def test_connections_of_an_event_loop_that_is_gone_are_dropped() -> None:
    """Nobody has told the client that the loop ends. asyncio warns of that, as it does of any transport."""
    with Script(THERE) as server:
        registry = acr.AsyncRegistry(server.url, retries=ONCE)
        assert run_by_hand(thrice(registry)) == [5, 5, 5]
        assert run_by_hand(thrice(registry)) == [5, 5, 5]
        assert asyncio.run(thrice(registry)) == [5, 5, 5]
        run_by_hand(registry.close())
        gc.collect()


def test_connections_are_closed_when_their_event_loop_ends() -> None:
    left = threading.Event()

    def watches(peer: Peer, _: Asked) -> None:
        peer.send(head(5))
        if peer.is_left():
            left.set()

    with Script(watches) as server:
        registry = acr.AsyncRegistry(server.url, retries=ONCE)
        assert asyncio.run(size_in(registry)) == 5
        assert left.wait(5)


def test_two_event_loops_at_once() -> None:
    with Script(THERE) as server:
        registry = acr.AsyncRegistry(server.url, retries=ONCE)
        found: list[list[int]] = []

        async def many() -> None:
            found.extend([await thrice(registry) for _ in range(20)])

        threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [[5, 5, 5]] * 60


def test_nobody_waits_for_a_task_of_an_event_loop_that_is_gone(acr_emulator: Emulator) -> None:
    """It was to get a token for all, and was left in the midst of that."""
    inner = acr_emulator.credential()

    class Slow:
        waits = True

        async def get_token(self, *scopes: str, **_: object) -> Any:
            if self.waits:
                self.waits = False
                await asyncio.Event().wait()
            return inner.get_token(*scopes)

    async def left(registry: acr.AsyncRegistry) -> list[Awaitable[Any]]:
        tasks = [asyncio.ensure_future(anext(aiter(registry.repositories()), None)) for _ in range(2)]
        await until_in_loop(lambda: not credential.waits)
        return list(tasks)

    credential = Slow()
    registry = acr.AsyncRegistry(acr_emulator.url, credential)
    loop = asyncio.new_event_loop()
    kept = loop.run_until_complete(left(registry))  # they are not even cancelled

    async def listed() -> list[str]:
        async with asyncio.timeout(10):
            return [name async for name in registry.repositories()]

    assert asyncio.run(listed()) == []
    assert len(kept) == 2
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(*kept, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_a_blob_that_is_half_read_has_no_end_in_another_event_loop(acr_emulator: Emulator) -> None:
    """The first loop has closed what the stream is read by, which then looks as if it were at its end."""
    registry = acr.AsyncRegistry(acr_emulator.url, acr_emulator.credential())
    content = bytes_of(9_000_000)

    async def begun() -> acr.AsyncBlobStream:
        blob = await registry.repository("app").upload_blob(content)
        stream = registry.repository("app").download_blob(blob.digest)
        assert await stream.read(1000) == content[:1000]
        return stream

    stream = asyncio.run(begun())
    for _ in range(2):  # it is raised as often as it is asked for
        with pytest.raises(acr.InvalidInput, match="the event loop that it was read in has ended"):
            asyncio.run(stream.read())
    asyncio.run(stream.close())
    asyncio.run(registry.close())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:loop is closed:ResourceWarning")
@pytest.mark.parametrize("mocked", [False, True])
def test_a_connection_of_an_event_loop_that_is_gone_is_lost(acr_emulator: Emulator, *, mocked: bool) -> None:
    """The stream itself was not closed with it, and goes on by another connection."""
    content = bytes_of(9_000_000)

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        begin = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        told = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"} if begin else {}
        return httpx.Response(206 if begin else 200, content=content[begin:], headers=told)

    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        blob = registry.repository("app").upload_blob(content)
    transport = httpx.MockTransport(serve) if mocked else None
    again = acr.Retries(limit=1, base=0)
    client = acr.AsyncRegistry(acr_emulator.url, acr_emulator.credential(), transport=transport, retries=again)
    stream = client.repository("app").download_blob(blob.digest)
    found = run_by_hand(stream.read(1000)) + run_by_hand(stream.read(5_000_000)) + run_by_hand(stream.read())
    assert found == content
    run_by_hand(stream.close())
    run_by_hand(client.close())
    gc.collect()


def test_a_transport_of_the_caller_s_is_of_one_event_loop() -> None:
    with Script(THERE) as server:
        for transport, error in (
            (httpx.MockTransport(lambda _: httpx.Response(200, headers={"Content-Length": "5"})), None),
            (httpx.AsyncHTTPTransport(), "connections of another process, or another event loop"),
        ):
            registry = acr.AsyncRegistry(server.url, retries=ONCE, transport=transport)

            async def closed(registry: acr.AsyncRegistry = registry) -> int:
                size = await size_in(registry)
                await registry.repositories()._walk.session.runtime._fixed._transport.aclose()  # type: ignore[attr-defined]
                return size

            assert asyncio.run(closed()) == 5
            if error is None:
                assert asyncio.run(size_in(registry)) == 5
            else:
                with pytest.raises(acr.InvalidInput, match=error):
                    asyncio.run(size_in(registry))


CALLS: list[Callable[[acr.AsyncRegistry], Coroutine[Any, Any, Any]]] = [
    lambda registry: registry.ping(),
    lambda registry: registry.repository("x").manifest("v1").get(),
    lambda registry: registry.repository("x").upload_blob(b"content"),
    lambda registry: registry.repository("x").download_blob(DIGEST).read(),
    lambda registry: registry.repository("x").push_artifact([], tag="v1"),
    lambda registry: registry.repository("x").pull("v1", acr.Memory()),
    lambda registry: registry.copy("x:v1", "y:v1"),
    lambda registry: anext(aiter(registry.repositories())),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("library", [None, "trio"])
def test_code_without_asyncio_is_told(call: Callable[[acr.AsyncRegistry], Any], library: str | None) -> None:
    """Another library says which it is to sniffio, as trio does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        registry = acr.AsyncRegistry(f"http://127.0.0.1:{server.getsockname()[1]}", retries=ONCE)
        token = sniffio.current_async_library_cvar.set(library)
        expected = "works on asyncio, not on trio: use Registry" if library else "no event loop of asyncio runs here"
        try:
            pending = call(registry)
            with pytest.raises(acr.InvalidInput, match=expected):
                pending.send(None) if hasattr(pending, "send") else pending.__await__().send(None)
            with pytest.raises(StopIteration):
                registry.close().send(None)  # so that `async with` shows that error, and no other
        finally:
            sniffio.current_async_library_cvar.reset(token)

"""The async shell's own connections, and what both shells make of a network: reuse, limits, TLS, proxies."""

from __future__ import annotations

import asyncio
import contextlib
import io
import select
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import httpcore
import pytest

import acr
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.blocking import BlockingRuntime
from acr._shells.connections import AsyncSockets
from acr._shells.http import KEPT, MOST_CONNECTIONS, Network
from acr._shells.sockets import Call, Sockets
from acr._shells.stepping import run
from acr._values.reference import Endpoint
from acr.emulator import Emulator
from acr.media_types import OCI_MANIFEST
from tests.certificate import make_certificate
from tests.patience import PATIENCE, loop_turns
from tests.shells.script import (
    CONTENT,
    ONCE,
    Asked,
    Peer,
    Script,
    blob,
    closes,
    digest_of,
    falls_silent,
    gives,
    head,
)
from tests.twin import Twin

DIGEST = digest_of(CONTENT)
THERE = head(5)
"""The answer to HEAD of a blob."""

LIMIT = MOST_CONNECTIONS


def test_calls_one_after_another_share_a_connection(twin: Twin) -> None:
    with Script(gives(THERE)) as server:
        blob = twin.connect(server.url).repository("x").blob(DIGEST)
        assert [blob.head().size for _ in range(3)] == [5, 5, 5]
        assert server.connections == [0, 0, 0]


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(twin: Twin, last_words: bytes) -> None:
    """Last words are of the server's own accord: they are no answer to what is asked next.

    An event loop may have had no time to see either.
    """
    idle, closed = threading.Event(), threading.Event()

    def leaves(peer: Peer, _: Asked) -> None:
        peer.send(THERE)
        assert idle.wait(5)
        peer.send(last_words)
        peer.close()
        closed.set()

    with Script(leaves, gives(THERE)) as server:
        blob = twin.connect(server.url, retries=ONCE).repository("x").blob(DIGEST)
        blob.head()
        idle.set()
        assert closed.wait(5)
        assert blob.head().size == 5
        assert server.connections == [0, 1]
    assert twin.slept == []


def settle(twin: Twin) -> None:
    """The event loop, if there is one, sees what has come."""
    if twin.colour == "async":
        twin.at_once([loop_turns])


def test_connections_are_limited_and_who_waits_too_long_is_told() -> None:
    released = threading.Event()

    def waits(peer: Peer, _: Asked) -> None:
        assert released.wait(5)
        peer.send(THERE)

    async def main() -> None:
        options = acr.Timeouts(pool=0.1)
        async with acr.AsyncRegistry(server.url, timeouts=options, retries=ONCE) as registry:
            await registry.ping()
            blob = registry.repository("x").blob(DIGEST)
            tasks = [asyncio.ensure_future(blob.head()) for _ in range(LIMIT + 1)]
            done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            (failed,) = done
            with pytest.raises(
                acr.TransportError,
                match=r": all 64 connections to this place are in use: close streams",
            ):
                await failed
            released.set()
            assert {(await task).size for task in others} == {5}

    with Script(waits) as server:
        asyncio.run(main())
        assert sorted(server.connections) == list(range(LIMIT))


def test_who_waits_for_a_connection_gets_one() -> None:
    full = threading.Barrier(LIMIT)

    def waits(peer: Peer, _: Asked) -> None:
        if not full.broken and peer.number not in served:
            served.add(peer.number)
            full.wait(5)
        peer.send(THERE)

    served: set[int] = set()

    async def main() -> None:
        async with acr.AsyncRegistry(server.url, retries=ONCE) as registry:
            blob = registry.repository("x").blob(DIGEST)
            found = await asyncio.gather(*(blob.head() for _ in range(LIMIT + 8)))
            assert len(found) == LIMIT + 8

    with Script(waits) as server:
        asyncio.run(main())
        assert set(server.connections) == set(range(LIMIT))


def test_idle_connections_are_closed_after_a_while() -> None:
    now = 0.0
    together = threading.Barrier(2)
    left = threading.Event()

    def both(peer: Peer, _: Asked) -> None:
        together.wait(5)
        peer.send(THERE)
        if peer.next() is None:
            left.set()
        else:
            peer.send(THERE)

    async def main() -> None:
        nonlocal now
        async with acr.AsyncRegistry(server.url, clock=lambda: now, retries=ONCE) as registry:
            blob = registry.repository("x").blob(DIGEST)
            await asyncio.gather(blob.head(), blob.head())
            now += KEPT + 1
            assert not left.is_set()
            await blob.head()
            assert await asyncio.to_thread(left.wait, 5)
            assert len(server.asked) == 2

    with Script(both) as server:
        asyncio.run(main())


def test_closing_the_client_closes_its_connections(twin: Twin) -> None:
    left = threading.Event()

    def watches(peer: Peer, _: Asked) -> None:
        peer.send(THERE)
        if peer.is_left():
            left.set()

    with Script(watches) as server:
        registry = twin.connect(server.url)
        registry.repository("x").blob(DIGEST).head()
        registry.close()
        settle(twin)
        assert left.wait(5)


def test_a_connection_in_use_when_the_client_is_closed_is_closed_behind_it() -> None:
    closed, left = threading.Event(), threading.Event()

    def waits(peer: Peer, _: Asked) -> None:
        assert closed.wait(5)
        peer.send(THERE)
        if peer.is_left():
            left.set()

    async def main() -> None:
        registry = acr.AsyncRegistry(server.url, retries=ONCE)
        asking = asyncio.ensure_future(registry.repository("x").blob(DIGEST).head())
        await asyncio.to_thread(server.wait)
        await registry.close()
        closed.set()
        with pytest.raises(acr.InvalidInput, match="the client is closed"):  # as in the blocking shell
            await asking
        assert await asyncio.to_thread(left.wait, 2)

    with Script(waits) as server:
        asyncio.run(main())


def test_a_certificate_that_nobody_vouches_for_is_told(twin: Twin, tmp_path: Path) -> None:
    with Emulator(tls=make_certificate(tmp_path)) as emulator:
        registry = twin.connect(emulator.url, retries=ONCE)
        with pytest.raises(acr.TransportError, match=r"cannot connect: .*CERTIFICATE_VERIFY_FAILED.*self.signed"):
            registry.ping()


def test_a_refused_connection_is_told(twin: Twin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    registry = twin.connect(f"http://127.0.0.1:{port}", retries=ONCE)
    with pytest.raises(acr.TransportError, match=rf"GET /v2/ at 127.0.0.1:{port}: cannot connect: .*111"):
        registry.ping()


@pytest.mark.parametrize(("listens", "name"), [("::1", "[::1]"), ("127.0.0.1", "localhost")])
def test_this_machine_has_several_names(twin: Twin, listens: str, name: str) -> None:
    with Script(blob(CONTENT), host=listens) as server:
        place = f"{name}:{server.port}"
        with twin.connect(f"http://{place}").repository("x").download_blob(DIGEST) as stream:
            assert stream.read() == CONTENT
        assert server.asked[0].headers["host"] == place


def test_a_proxy_is_sent_the_whole_url(twin: Twin) -> None:
    url = f"http://registry.invalid/v2/x/blobs/{DIGEST}"
    with Script(gives(THERE), blob(CONTENT, closes, stop=77), blob(CONTENT)) as proxy:
        repository = twin.connect("http://registry.invalid", allow_http=True, proxy=proxy.url).repository("x")
        assert repository.blob(DIGEST).head().size == 5
        with repository.download_blob(DIGEST) as stream:
            assert stream.read() == CONTENT
        assert [(asked.method, asked.target) for asked in proxy.asked] == [("HEAD", url), ("GET", url), ("GET", url)]
        assert {asked.headers["host"] for asked in proxy.asked} == {"registry.invalid"}


def test_an_upload_is_sent_with_its_length(twin: Twin) -> None:
    bodies: list[bytes] = []

    def takes(peer: Peer, asked: Asked) -> None:
        assert "transfer-encoding" not in asked.headers
        bodies.append(peer.read(int(asked.headers["content-length"])))
        end = sum(map(len, bodies))
        peer.send(head(0, "Location: /v2/x/blobs/uploads/1?at=2", f"Range: 0-{end - 1}", status="202 Accepted"))

    def stores(peer: Peer, asked: Asked) -> None:
        peer.read(int(asked.headers.get("content-length", 0)))
        peer.send(head(0, f"Docker-Content-Digest: {DIGEST}", status="201 Created"))

    begins = gives(head(0, "Location: /v2/x/blobs/uploads/1?at=1", status="202 Accepted"))
    with Script(begins, takes, takes, stores) as server:
        repository = twin.connect(server.url, retries=ONCE).repository("x")
        assert str(repository.upload_blob(CONTENT, chunk_size=700_000).digest) == DIGEST
        assert [asked.method for asked in server.asked][-1] == "PUT"
        assert b"".join(bodies) == CONTENT[: sum(map(len, bodies))]
        assert set(server.connections) == {0}


def test_an_answer_before_the_end_of_a_request_is_heard(twin: Twin) -> None:
    """The server closes with bytes unread, so that an RST follows its answer."""

    def refuses(peer: Peer, _: Asked) -> None:
        peer.send(head(0, "Connection: close", status="413 Content Too Large"))
        peer.close()

    with Script(refuses, window=4096) as server:
        manifest = acr.Manifest.of(b'{"schemaVersion": 2, "x": "%s"}' % (b"x" * 3_900_000), OCI_MANIFEST)
        with pytest.raises(acr.ResponseError) as caught:
            twin.connect(server.url, retries=ONCE).repository("x").put_manifest(manifest)
        assert caught.value.status == 413


async def heard_after_a_reset(stream: httpcore.AsyncNetworkStream, peer: socket.socket, piece: bytes) -> bytes:
    """What is read of a peer that has answered and reset the connection, if a piece is written before."""
    await stream.write(b"unread")
    peer.sendall(b"refused")
    peer.close()  # with bytes unread, so that an RST follows; the event loop does not get to read meanwhile
    lost = select.poll()
    lost.register(stream.get_extra_info("socket").fileno(), 0)
    assert lost.poll(1000 * PATIENCE)
    with contextlib.suppress(httpcore.WriteError):  # httpcore reads the answer all the same
        await stream.write(piece)
    try:
        return await stream.read(100)
    finally:
        await stream.aclose()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a reset leaves is told of Linux")
@pytest.mark.parametrize("secure", [False, True])
def test_what_came_before_a_reset_is_heard_although_asyncio_would_write_first(tmp_path: Path, *, secure: bool) -> None:
    """In 2 of 100 such requests, and in 10 of TLS, the answer was still in the socket when asyncio closed it."""
    files = make_certificate(tmp_path, ("127.0.0.1",))

    def accepts(server: socket.socket) -> socket.socket:
        peer, _ = server.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # nothing waits behind the tickets of TLS
        if not secure:
            return peer
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        return context.wrap_socket(peer, server_side=True)

    async def main(server: socket.socket) -> bytes:
        accepting = asyncio.create_task(asyncio.to_thread(accepts, server))
        stream = await AsyncSockets().connect_tcp(*server.getsockname())
        if secure:
            await stream.start_tls(ssl.create_default_context(cafile=str(files[0])), "127.0.0.1")
        peer = await accepting
        return await heard_after_a_reset(stream, peer, b"x" * 100_000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(main(server)) == b"refused"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a reset leaves is told of Linux")
def test_what_came_before_a_reset_is_heard_although_asyncio_wrote_first() -> None:
    """A small piece is written without a look."""

    async def main(server: socket.socket) -> bytes:
        stream = await AsyncSockets().connect_tcp(*server.getsockname())
        peer, _ = server.accept()
        return await heard_after_a_reset(stream, peer, b"x" * 1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(main(server)) == b"refused"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a reset leaves is told of Linux")
def test_after_the_end_of_an_answer_a_reset_tells_nothing_more() -> None:
    unhandled: list[dict[str, Any]] = []

    async def main(server: socket.socket) -> list[bytes]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        stream = await AsyncSockets().connect_tcp(*server.getsockname())
        peer, _ = server.accept()
        peer.sendall(b"all")
        peer.shutdown(socket.SHUT_WR)
        read = [await stream.read(100), await stream.read(100)]
        await stream.write(b"unread")
        peer.close()
        with contextlib.suppress(httpcore.WriteError):
            for _ in range(100):
                await stream.write(b"x" * 1000)
        with contextlib.suppress(httpcore.ReadError):
            assert await stream.read(100) == b""
        await stream.aclose()
        return read

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(main(server)) == [b"all", b""]
    assert unhandled == []


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_a_download_that_is_cancelled_before_its_answer_comes_leaves_no_thread_behind(
    tmp_path: Path, *, kept: bool, secure: bool
) -> None:
    """A thread waits for the head, for up to a minute, and so would the end of the program."""
    left = threading.Event()
    files = make_certificate(tmp_path) if secure else None
    context = ssl.create_default_context(cafile=str(files[0])) if files else None

    def hangs(peer: Peer, asked: Asked) -> None:
        falls_silent(peer, asked)
        left.set()

    async def main() -> None:
        async with acr.AsyncRegistry(server.url, ssl_context=context) as registry:
            await registry.ping()
            repository = registry.repository("x")
            if kept:  # so that the connection was made for another one
                await repository.download_blob(digest_of(b"hello")).read()
                await asyncio.to_thread(server.wait)
            reading = asyncio.ensure_future(repository.download_blob(DIGEST).read())
            await asyncio.to_thread(server.wait)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert await asyncio.to_thread(left.wait, 2)

    before = set(threading.enumerate())
    with Script(*[gives(head(5) + b"hello")] * kept, hangs, tls=files) as server:
        asyncio.run(main())
        assert len(set(server.connections)) == 1
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
        assert not thread.is_alive(), thread


def test_more_downloads_than_connections_wait_for_one_another(acr_emulator: Emulator) -> None:
    """Threads that wait for a connection were all there were; those that have one need threads to read."""
    content = CONTENT * 3

    async def main() -> None:
        timeouts = acr.Timeouts(pool=20)
        credential = acr_emulator.credential()
        async with acr.AsyncRegistry(acr_emulator.url, credential, timeouts=timeouts, retries=ONCE) as registry:
            repository = registry.repository("app")
            blob = await repository.upload_blob(content)
            await repository.download_blob(blob.digest, io.BytesIO())
            await asyncio.gather(*(repository.download_blob(blob.digest, io.BytesIO()) for _ in range(110)))

    asyncio.run(main())


def test_a_call_that_is_cut_before_it_has_a_connection_gets_none() -> None:
    call = Call()
    call.cut()
    with Script(gives(THERE)) as server, httpcore.ConnectionPool(network_backend=(sockets := Sockets())) as pool:
        with sockets.calling(call), pytest.raises(httpcore.ReadError):
            pool.request("HEAD", f"{server.url}/x")
        assert pool.request("HEAD", f"{server.url}/x").status == 200
        assert len(server.asked) == 1


@pytest.mark.parametrize("secure", [False, True])
def test_another_event_loop_will_do(tmp_path: Path, *, secure: bool) -> None:
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop for this system")
    files = make_certificate(tmp_path) if secure else None
    context = ssl.create_default_context(cafile=str(files[0])) if files else None

    async def main() -> None:
        async with acr.AsyncRegistry(emulator.url, emulator.credential(), ssl_context=context) as registry:
            repository = registry.repository("app")
            blob = await repository.upload_blob(CONTENT * 5)
            sink = io.BytesIO()
            await repository.download_blob(blob.digest, sink)
            assert sink.getvalue() == CONTENT * 5
            found = await asyncio.gather(*(repository.blob(blob.digest).head() for _ in range(100)))
            assert {one.size for one in found} == {blob.size}

    with Emulator(tls=files) as emulator:
        uvloop.run(main())


def test_a_closed_client_says_so() -> None:
    async def main() -> None:
        registry = acr.AsyncRegistry("http://127.0.0.1:1")
        await registry.close()
        with pytest.raises(acr.InvalidInput, match="closed"):
            await registry.repository("x").download_blob(DIGEST, io.BytesIO())

    asyncio.run(main())


def test_a_cancelled_download_leaves_at_once() -> None:
    silent, left = threading.Event(), threading.Event()

    def hangs(peer: Peer, asked: Asked) -> None:
        silent.set()
        falls_silent(peer, asked)  # which fails if the client stays for its own time-out, of a minute
        left.set()

    async def main() -> None:
        async with acr.AsyncRegistry(server.url) as registry:
            stream = registry.repository("x").download_blob(DIGEST)
            reading = asyncio.ensure_future(stream.read())
            assert await asyncio.to_thread(silent.wait, 5)
            await asyncio.sleep(0)
            assert not reading.done()  # the loop goes on while a thread waits for the body
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            assert reading.cancelled()
            await stream.close()
            assert await asyncio.to_thread(left.wait, 5)

    before = set(threading.enumerate())
    with Script(blob(CONTENT, hangs, stop=500_000)) as server:
        asyncio.run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
        assert not thread.is_alive(), thread


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_to_connect_ahead_takes_no_longer_than_the_call_may(colour: str, tmp_path: Path) -> None:
    """It took as long as a connection may, whatever `Timeouts.total` said."""
    network = Network(timeouts=acr.Timeouts(connect=100 * PATIENCE))
    tls = make_certificate(tmp_path, ("127.0.0.1",))

    async def in_loop(place: Endpoint) -> None:
        runtime = AsyncioRuntime(network)
        await runtime.connect(place, runtime.now() + 0.2)
        await runtime.aclose()

    with Script(gives(b""), tls=tls) as script:
        script.may_greet = threading.Event()
        place = Endpoint.parse(script.url)
        if colour == "sync":
            blocking = BlockingRuntime(network)
            run(blocking.connect(place, blocking.now() + 0.2))
            run(blocking.aclose())
        else:
            asyncio.run(in_loop(place))
        assert not script.greeted.acquire(blocking=False)
        script.may_greet.set()

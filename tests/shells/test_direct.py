"""Large bodies are read past httpcore, in both colours; what the direct way cannot take goes the ordinary one."""

from __future__ import annotations

import io
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpcore
import pytest

import acr
from acr._shells.direct import WORTH, Direct
from acr._shells.http import lower
from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.shells.script import (
    CONTENT,
    ONCE,
    Asked,
    Peer,
    Play,
    Script,
    blob,
    closes,
    digest_of,
    falls_silent,
    gives,
    head,
    ranges,
    resets,
)
from tests.twin import Twin

DIGEST = digest_of(CONTENT)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(CONTENT), CONTENT)
SMALL = CONTENT[: WORTH - 1]


def fetch(twin: Twin, server: Script | Emulator, digest: str = DIGEST, **options: Any) -> bytes:
    sink = io.BytesIO()
    twin.connect(server.url, **options).repository("x").download_blob(digest, sink)
    return sink.getvalue()


@contextmanager
def response_of(server: Script, context: ssl.SSLContext | None = None) -> Iterator[httpcore.Response]:
    with httpcore.ConnectionPool(context) as pool, pool.stream("GET", f"{server.url}/body") as response:
        yield response


def direct(response: httpcore.Response) -> Direct | None:
    return Direct.of(response, lower(response.headers), 5)


def read_all(body: Direct, block: int = 300_000) -> bytes:
    buffer = bytearray(block)
    whole = bytearray()
    while count := body.readinto(memoryview(buffer)):
        whole += buffer[:count]
    return bytes(whole)


@pytest.mark.parametrize("pieces", [(head(len(CONTENT)) + CONTENT,), (head(len(CONTENT)), CONTENT)])
@pytest.mark.parametrize("block", [1000, 300_000, 2_000_000])
def test_a_large_body_is_read_from_its_socket_with_what_came_beside_the_head(
    pieces: tuple[bytes, ...], block: int
) -> None:
    with Script(gives(*pieces)) as server, response_of(server) as response:
        body = direct(response)
        assert body is not None
        assert read_all(body, block) == CONTENT


def test_a_large_body_in_tls_is_read_directly(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    with Script(gives(head(len(CONTENT)) + CONTENT), tls=files) as server, response_of(server, context) as response:
        body = direct(response)
        assert body is not None
        assert read_all(body) == CONTENT


@pytest.mark.parametrize(
    "answer", [CHUNKED, OLD, head(len(SMALL)) + SMALL, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CONTENT]
)
def test_other_bodies_are_left_to_httpcore(answer: bytes) -> None:
    with Script(gives(answer, end=closes)) as server, response_of(server) as response:
        assert direct(response) is None
        assert response.read() in (CONTENT, SMALL)


@attrs.frozen
class Stream:
    """What httpcore gives of a connection."""

    sock: object
    tls: object

    def get_extra_info(self, name: str) -> object:
        return {"socket": self.sock, "ssl_object": self.tls}.get(name)


def test_tls_inside_tls_and_what_is_no_socket_are_left_to_httpcore() -> None:
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    headers = [(b"Content-Length", str(WORTH).encode())]
    with socket.socket() as sock:
        for stream in (Stream(sock, tls), Stream(None, None), None):
            extensions = {"http_version": b"HTTP/1.1", "network_stream": stream}
            response = httpcore.Response(200, headers=headers, content=iter([b"x"]), extensions=extensions)
            assert direct(response) is None
            assert response.read() == b"x"  # nothing of it was taken away


@pytest.mark.parametrize(
    ("content", "answer", "direct"),
    [
        (CONTENT, head(len(CONTENT)) + CONTENT, True),
        (CONTENT, CHUNKED, False),
        (SMALL, head(len(SMALL)) + SMALL, False),
        (CONTENT, OLD, False),
    ],
    ids=["large", "chunked", "small", "old"],
)
def test_a_blob_comes_whole_whichever_way_it_takes(twin: Twin, content: bytes, answer: bytes, *, direct: bool) -> None:
    with Script(gives(answer)) as server:
        repository = twin.connect(server.url).repository("x")
        for _ in range(2):
            sink = io.BytesIO()
            repository.download_blob(digest_of(content), sink)
            assert sink.getvalue() == content
        first, second = server.connections
        assert (first != second) is (answer is OLD)
        assert ranges(server.asked) == [None, None]


def test_a_blob_of_the_emulator_comes_over_tls(twin: Twin, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    with Emulator(tls=files) as emulator:
        repository = twin.connect(emulator.url, emulator.credential(), ssl_context=context).repository("x")
        blob = repository.upload_blob(CONTENT)
        with repository.download_blob(str(blob.digest)) as stream:
            assert stream.read() == CONTENT


@pytest.mark.parametrize("stop", [0, 77, len(CONTENT) - 1])
@pytest.mark.parametrize("end", [closes, resets, falls_silent])
def test_a_body_that_breaks_off_is_taken_up_where_it_broke(twin: Twin, end: Play, stop: int) -> None:
    with Script(blob(CONTENT, end, stop=stop), blob(CONTENT)) as server:
        assert fetch(twin, server, timeouts=acr.Timeouts(read=0.2)) == CONTENT
        first, *rest = ranges(server.asked)
    assert first is None
    assert len(rest) == 1
    if end is resets and stop:  # what was on its way is lost with the connection
        assert rest[0] is None or int(rest[0].removeprefix("bytes=").removesuffix("-")) <= stop
    else:
        assert rest == [f"bytes={stop}-" if stop else None]
    assert len(twin.slept) == 1


def test_a_body_that_breaks_off_in_tls_is_taken_up_too(twin: Twin, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    parts = blob(CONTENT, closes, stop=500_000), blob(CONTENT, falls_silent, stop=900_000), blob(CONTENT)
    with Script(*parts, tls=files) as server:
        assert fetch(twin, server, ssl_context=context, timeouts=acr.Timeouts(read=0.2)) == CONTENT
        assert ranges(server.asked) == [None, "bytes=500000-", "bytes=900000-"]
    assert len(twin.slept) == 2


def test_a_remainder_that_is_small_takes_the_ordinary_way_and_is_taken_up_too(twin: Twin) -> None:
    parts = blob(CONTENT, closes, stop=500_000), blob(CONTENT, closes, stop=600_000), blob(CONTENT)
    with Script(*parts) as server:
        assert fetch(twin, server) == CONTENT
        assert ranges(server.asked) == [None, "bytes=500000-", "bytes=600000-"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [(closes, "closed 1048577 bytes before its end"), (resets, r"\[.*reset.*"), (falls_silent, "timed out")],
)
def test_an_error_tells_where_and_why_but_no_query(twin: Twin, end: Play, reason: str) -> None:
    storage = blob(CONTENT, end, stop=4320)
    with Script(storage) as there:
        place = f"Location: {there.url}/stored/blob?sig=SECRET"
        redirect = gives(head(0, place, status="307 Temporary Redirect"))
        with Script(redirect) as server, pytest.raises(acr.TransportError) as caught:
            fetch(twin, server, retries=ONCE, timeouts=acr.Timeouts(read=0.2))
        told = str(caught.value)
        assert re.search(f"/stored/blob at 127.0.0.1:{there.port}: {reason}", told)
        assert "SECRET" not in told
        assert there.asked[0].target == "/stored/blob?sig=SECRET"


def used(server: Script) -> list[int]:
    """The connection of each request, from the first one on: an async client has said hello on another one."""
    return [number - server.connections[0] for number in server.connections]


@pytest.mark.parametrize("is_secure", [False, True])
def test_after_a_large_body_the_connection_is_used_again(twin: Twin, tmp_path: Path, *, is_secure: bool) -> None:
    """For large bodies and small ones, one after another."""
    files = make_certificate(tmp_path) if is_secure else None
    large, small = gives(head(len(CONTENT)) + CONTENT), gives(head(5) + b"small")
    context = ssl.create_default_context(cafile=files[0]) if files else None
    with Script(large, large, small, large, tls=files) as server:
        repository = twin.connect(server.url, ssl_context=context).repository("x")
        for content in (CONTENT, CONTENT, b"small", CONTENT):
            sink = io.BytesIO()
            repository.download_blob(digest_of(content), sink)
            assert sink.getvalue() == content
        assert used(server) == [0] * 4


@pytest.mark.parametrize(
    "answer",
    [head(len(CONTENT), "Connection: close") + CONTENT, head(len(CONTENT)) + CONTENT + b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["closes", "more than it said"],
)
def test_a_connection_that_may_not_be_used_again_is_not(twin: Twin, answer: bytes) -> None:
    with Script(gives(answer), gives(head(len(CONTENT)) + CONTENT)) as server:
        repository = twin.connect(server.url).repository("x")
        for _ in range(2):
            sink = io.BytesIO()
            repository.download_blob(digest_of(CONTENT), sink)
            assert sink.getvalue() == CONTENT
        assert used(server) == [0, 1]


def test_a_connection_that_was_kept_and_closed_meanwhile_is_replaced(twin: Twin) -> None:
    closed = threading.Event()

    def leaves(peer: Peer, _: Asked) -> None:
        peer.send(head(len(CONTENT)) + CONTENT)
        peer.close()
        closed.set()

    with Script(leaves, gives(head(len(CONTENT)) + CONTENT)) as server:
        repository = twin.connect(server.url, retries=ONCE).repository("x")
        for _ in range(2):
            sink = io.BytesIO()
            repository.download_blob(digest_of(CONTENT), sink)
            assert closed.wait(5)
            assert sink.getvalue() == CONTENT
        assert used(server) == [0, 1]


def test_a_client_that_is_closed_closes_what_it_has_kept(twin: Twin) -> None:
    left: list[bool] = []

    def waits(peer: Peer, _: Asked) -> None:
        peer.send(head(len(CONTENT)) + CONTENT)
        left.append(peer.is_left())

    with Script(waits) as server:
        registry = twin.connect(server.url)
        registry.repository("x").download_blob(digest_of(CONTENT), io.BytesIO())
        registry.close()
    assert left == [True]

"""Servers that drip: a byte a second, an answer 103 a second, a handshake that stalls. No call waits for ever.

The clock is the test's own, and goes on by a second with each wait. What a call takes is read off it.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from tests.calls import Call, calls_of
from tests.certificate import make_certificate
from tests.images import add_image
from tests.shells.drips import EARLY_HINTS, Drips, byte_by_byte
from tests.shells.script import CONTENT, ONCE, Asked, Peer, Play, Script, closes, digest_of, falls_silent, gives, head
from tests.twin import Twin

MIB = 1024 * 1024
TOTAL = 40.0
"""Seconds of the tests' clock."""

DIGEST = digest_of(CONTENT)
IN_TIME = acr.Timeouts(total=TOTAL)
HEAD = b"HTTP/1.1 200 OK\r\nX: "


def dripping_heads(drips: Drips) -> Play:
    return drips.fall(byte_by_byte(), first=HEAD)


def dripping_bodies(drips: Drips) -> Play:
    return drips.fall(byte_by_byte(), first=head(10**6, "Content-Type: application/json"))


def dripping_chunks(drips: Drips) -> Play:
    return drips.fall(repeat(b"1\r\nx\r\n"), first=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def dripping_hints(drips: Drips) -> Play:
    return drips.fall(repeat(EARLY_HINTS))


def _copied(registry: acr.Registry) -> object:
    return registry.copy("app:v1", "other:v1")


def _image(*layers: bytes) -> acr.Memory:
    memory = acr.Memory()
    add_image(memory, layers, tag="v1")
    return memory


CALLS: dict[str, Call] = {
    **calls_of(DIGEST),
    "check": lambda r, _: r.check(repository="app") and list(r.repositories()),
    "copy": lambda r, _: _copied(r),
    "upload_blob": lambda r, _: r.repository("app").upload_blob(CONTENT, digest=DIGEST),
    "upload_blob of an iterable": lambda r, _: r.repository("app").upload_blob(iter([b"abc"])),
    "push": lambda r, _: r.repository("app").push(_image(b"one", b"two"), tag="v1"),
    "pull": lambda r, path: r.repository("app").pull("v1", path),
    "pull into a layout": lambda r, _: r.repository("app").pull("v1", acr.Memory()),
    "manifest.head": lambda r, _: r.repository("app").manifest("v1").head().size and r.repository("app").properties(),
}


@pytest.mark.parametrize("server", [dripping_heads, dripping_hints, dripping_bodies, dripping_chunks])
@pytest.mark.parametrize("call", CALLS)
def test_every_call_ends_in_its_time(twin: Twin, call: str, server: Callable[[Drips], Play], tmp_path: Path) -> None:
    drips = Drips()
    failure: acr.AcrError | None = None
    with Script(server(drips)) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=IN_TIME)
        registry.ping()
        began = drips.now
        try:
            CALLS[call](registry, tmp_path)
        except acr.AcrError as error:
            failure = error
        assert drips.now - began < 2 * TOTAL
    # An answer to HEAD has no body: with a head in good time, the call may go on.
    if server in {dripping_heads, dripping_hints}:
        assert isinstance(failure, acr.TransportError)


def test_the_time_is_for_all_that_a_call_does_in_all_its_threads(twin: Twin) -> None:
    """The manifest comes at once, and then sixteen layers drip, four at a time."""
    drips = Drips()
    size = 10**6  # far more than drips in that time, also while the client waits for a processor
    memory = _image(*(bytes([number]) * size for number in range(16)))
    manifest = memory.manifest(memory.resolve("v1").digest)

    def plays(peer: Peer, asked: Asked) -> None:
        if "/manifests/" in asked.target:
            peer.send(head(manifest.size, f"Content-Type: {manifest.media_type}") + manifest.content)
        else:
            drips.fall(byte_by_byte(), first=head(size))(peer, asked)

    with Script(plays) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=IN_TIME)
        registry.ping()
        began = drips.now
        with pytest.raises(acr.TooSlow, match=r"the time for the whole call is over \(Timeouts.total=40") as caught:
            registry.repository("app").pull("v1", acr.Memory(), concurrency=4)
        assert caught.value.exhausted
        assert drips.now - began < 2 * TOTAL
        assert len(script.asked) <= 6


def test_each_page_of_a_listing_and_each_read_of_a_stream_is_a_call(twin: Twin) -> None:
    """Else nobody could walk a long one."""
    clock = Clock()

    def page(peer: Peer, asked: Asked) -> None:
        number = int(asked.target.partition("last=")[2] or 0)
        body = b'{"repositories":["r%d"]}' % number
        more = [f'Link: </acr/v1/_catalog?last={number + 1}>; rel="next"'] if number < 9 else []
        peer.send(head(len(body), *more) + body)

    with Script(page) as script:
        names = twin.connect(script.url, clock=clock, timeouts=acr.Timeouts(total=10)).repositories()
        for _ in names:
            clock.now += 9
    content = bytes(5 * MIB)
    with Script(gives(head(len(content)) + content)) as script:
        registry = twin.connect(script.url, clock=clock, timeouts=acr.Timeouts(total=10))
        stream = registry.repository("app").download_blob(digest_of(content))
        read = 0
        while block := stream.read(MIB):
            read += len(block)
            clock.now += 9
    assert read == len(content)


class Clock:
    """A clock that stands still, but for what the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_wait_that_would_outlast_the_call_is_not_begun(twin: Twin) -> None:
    clock = Clock()
    refusal = gives(head(0, "Retry-After: 30", status="503 Service Unavailable"))
    with Script(refusal) as script:
        timeouts, retries = acr.Timeouts(total=20), acr.Retries(limit=9, cap=60)
        registry = twin.connect(script.url, clock=clock, timeouts=timeouts, retries=retries)
        with pytest.raises(acr.ServerError) as caught:
            registry.repository("app").tag("v1").properties()
        assert caught.value.exhausted
        assert (twin.slept, len(script.asked)) == ([], 1)


def test_tries_and_waits_together_take_no_longer_than_the_call(twin: Twin) -> None:
    clock = Clock()

    def refuses(peer: Peer, _: Asked) -> None:
        clock.now += 3
        peer.send(head(0, "Retry-After: 2", status="503 Service Unavailable"))

    with Script(refuses) as script:
        timeouts, retries = acr.Timeouts(total=20), acr.Retries(limit=99)
        registry = twin.connect(script.url, clock=clock, timeouts=timeouts, retries=retries)
        with pytest.raises(acr.ServerError):
            registry.repository("app").tag("v1").properties()
        assert clock.now <= 21
        assert len(script.asked) == 6  # at 0, 3, 6, 9, 12, 15 s; the waits of the tests take no time


def test_what_cleans_up_behind_a_call_has_half_of_its_time(twin: Twin) -> None:
    """An upload that fails is cancelled. The registry answers that as slowly as all else."""
    drips = Drips(0.05)
    opened = gives(head(0, "Location: /v2/app/blobs/uploads/1", status="202 Accepted"))
    with Script(opened, drips.fall(byte_by_byte(), first=HEAD)) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=acr.Timeouts(total=4), retries=ONCE)
        registry.ping()
        began = drips.now
        with pytest.raises(acr.TooSlow):
            registry.repository("app").upload_blob(b"abc")
        assert 4 < drips.now - began < 7
        assert [asked.method for asked in script.asked] == ["POST", "PUT", "DELETE"]


def test_cleaning_up_ends_also_without_a_total(twin: Twin) -> None:
    """It has 3 s, all in all: once these were for each byte."""
    drips = Drips(0.05)
    opened = gives(head(0, "Location: /v2/app/blobs/uploads/1", status="202 Accepted"))

    def refuses(peer: Peer, _: Asked) -> None:
        peer.read(3)
        peer.send(head(0, status="403 Forbidden"))

    with Script(opened, refuses, drips.fall(byte_by_byte(), first=HEAD)) as script:
        registry = twin.connect(script.url, clock=drips)
        with pytest.raises(acr.Denied):
            registry.repository("app").upload_blob(b"abc")
        assert [asked.method for asked in script.asked] == ["POST", "PUT", "DELETE"]
        assert drips.now < 6


# Without a total: the least rate.


@pytest.mark.parametrize("server", [dripping_heads, dripping_bodies, dripping_chunks])
def test_what_comes_more_slowly_than_the_least_rate_is_given_up(twin: Twin, server: Callable[[Drips], Play]) -> None:
    drips = Drips()
    timeouts = acr.Timeouts(least_rate=100, rate_window=20)
    with Script(server(drips)) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=timeouts, retries=acr.Retries(limit=2))
        with pytest.raises(acr.TooSlow, match=r"too slow: \d+ bytes in 2\d s, and at least 100 a second") as caught:
            list(registry.repositories(page_size=10))
        assert caught.value.exhausted
        assert len(script.asked) == 3
        assert drips.now < 3 * 60


def test_by_default_a_byte_a_second_ends(twin: Twin) -> None:
    drips = Drips()
    with (
        Script(dripping_bodies(drips)) as script,
        pytest.raises(acr.TooSlow, match="at least 1024 a second are asked for"),
    ):
        list(twin.connect(script.url, clock=drips, retries=ONCE).repositories())
    assert drips.now < 200


@pytest.mark.parametrize("into_a_file", [False, True])
def test_a_download_that_is_too_slow_is_tried_as_often_as_the_retries_allow(
    twin: Twin, tmp_path: Path, *, into_a_file: bool
) -> None:
    """It goes on each time where it was; what came does not let the retries begin anew."""
    drips = Drips()
    timeouts = acr.Timeouts(least_rate=10**9, rate_window=5)

    def dripping(peer: Peer, asked: Asked) -> None:
        first = int(asked.headers.get("range", "bytes=0-")[6:-1])
        place = [f"Content-Range: bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"] if first else []
        top = head(len(CONTENT) - first, *place, status="206 Partial Content" if first else "200 OK")
        drips.fall(_by(10_000, CONTENT[first:]), first=top)(peer, asked)

    with Script(dripping) as script:
        registry = twin.connect(script.url, clock=drips, timeouts=timeouts, retries=acr.Retries(limit=2))
        with pytest.raises(acr.TooSlow):
            target = tmp_path / "blob" if into_a_file else io.BytesIO()
            registry.repository("app").download_blob(DIGEST, target)
        assert len(script.asked) == 3
        assert script.asked[1].headers["range"] != "bytes=0-"
    assert len(twin.slept) == 2


def _by(size: int, content: bytes) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def test_a_blob_that_comes_by_a_byte_a_connection_is_given_up(twin: Twin) -> None:
    def one(peer: Peer, asked: Asked) -> None:
        first = int(asked.headers.get("range", "bytes=0-")[6:-1])
        place = [f"Content-Range: bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"] if first else []
        top = head(len(CONTENT) - first, *place, status="206 Partial Content" if first else "200 OK")
        peer.send(top + CONTENT[first : first + 1])
        peer.close()

    with Script(one) as script:
        with pytest.raises(acr.TransportError) as caught:
            twin.connect(script.url).repository("app").download_blob(DIGEST, io.BytesIO())
        assert caught.value.exhausted
        assert len(script.asked) == 5


def test_an_upload_that_goes_too_slowly_is_given_up(twin: Twin) -> None:
    """In its second chunk or so: what the registry has taken does not let the retries begin anew."""
    drips = Drips()
    taken = 0
    is_drained = threading.Event()

    def takes(peer: Peer, asked: Asked) -> None:
        nonlocal taken
        if asked.method == "PATCH":
            is_drained.clear()
            with pytest.raises(OSError):  # noqa: PT011 - whichever the client's leaving is
                while True:
                    taken += len(peer.read(1000))
            is_drained.set()
            raise ConnectionError
        if asked.method == "GET":
            is_drained.wait(10)  # else what is still on its way would count on top of what is sent again
            peer.send(head(0, f"Range: 0-{taken - 1}", "Location: /v2/app/blobs/uploads/1", status="204 No Content"))
        else:
            peer.send(head(0, "Location: /v2/app/blobs/uploads/1", status="202 Accepted"))

    with Script(takes) as script:
        timeouts = acr.Timeouts(least_rate=10**9, rate_window=4)
        registry = twin.connect(script.url, clock=drips, timeouts=timeouts, retries=acr.Retries(limit=3))
        with pytest.raises(acr.TooSlow):
            registry.repository("app").upload_blob(bytes(64 * MIB), chunk_size=16 * MIB)
    assert len(twin.slept) == 3
    assert taken > 0


def test_who_takes_bytes_slowly_is_not_the_reason(twin: Twin) -> None:
    """An hour between two blocks; the server waits, as its window is full."""
    clock = Clock()
    content = bytes(20 * MIB)
    with Script(gives(head(len(content)) + content)) as script:
        registry = twin.connect(script.url, clock=clock, retries=ONCE)
        stream = registry.repository("app").download_blob(digest_of(content))
        for _ in stream:
            clock.now += 3600
        assert len(script.asked) == 1


def test_who_gives_bytes_slowly_is_not_the_reason(twin: Twin) -> None:
    clock = Clock()

    def slowly() -> Iterator[bytes]:
        for _ in range(50):
            clock.now += 3600
            yield b"a drop"

    def takes(peer: Peer, asked: Asked) -> None:
        peer.read(int(asked.headers.get("content-length", 0)))
        statuses = {"POST": "202 Accepted", "PATCH": "202 Accepted", "PUT": "201 Created"}
        peer.send(head(0, "Location: /v2/app/blobs/uploads/1", status=statuses[asked.method]))

    with Script(takes) as script:
        registry = twin.connect(script.url, clock=clock, retries=ONCE)
        assert registry.repository("app").upload_blob(slowly()).size == 300


@pytest.mark.parametrize(("count", "works"), [(16, True), (17, False)])
@pytest.mark.parametrize("by_the_byte", [False, True])
def test_informational_answers_are_counted(twin: Twin, *, count: int, works: bool, by_the_byte: bool) -> None:
    content = EARLY_HINTS * count + head(5)

    def answers(peer: Peer, _: Asked) -> None:
        peer.send(*(_by(1, content) if by_the_byte else [content]))

    with Script(answers) as script:
        blob = twin.connect(script.url, retries=ONCE).repository("app").blob(DIGEST)
        if works:
            assert [blob.head().size, blob.head().size] == [5, 5]  # of each request by itself
            assert script.connections == [0, 0]
        else:
            with pytest.raises(acr.TransportError, match="more than 16 answers 1xx to one request"):
                blob.head()


def test_an_answer_103_a_second_ends(twin: Twin) -> None:
    drips = Drips()
    with Script(dripping_hints(drips)) as script:
        with pytest.raises(acr.TransportError, match="more than 16 answers 1xx"):
            list(twin.connect(script.url, clock=drips, retries=acr.Retries(limit=1)).repositories())
        assert len(script.asked) == 2
    assert drips.now < 200


# In real time, but little of it.


SHORT = acr.Timeouts(total=0.2)


def test_a_handshake_that_stalls_ends_with_the_call(twin: Twin) -> None:
    with Script(falls_silent) as plain:  # it waits for a request, and is sent a handshake
        context = ssl.create_default_context()
        registry = twin.connect(f"https://127.0.0.1:{plain.port}", ssl_context=context, timeouts=SHORT)
        with pytest.raises(acr.TooSlow, match="the time for the whole call is over"):
            registry.ping()
    assert twin.slept == []


def test_a_silent_server_ends_with_the_call(twin: Twin, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    with Script(falls_silent, tls=files) as script:
        registry = twin.connect(script.url, ssl_context=context, timeouts=SHORT)
        for attempt in (registry.repositories, registry.repository("app").download_blob(DIGEST).read):
            with pytest.raises(acr.TooSlow, match="the time for the whole call is over"):
                list(attempt())
        assert len(script.asked) == 2
    assert twin.slept == []


def test_other_times_out_are_tried_again_within_the_call(twin: Twin) -> None:
    with Script(falls_silent) as script:
        timeouts = acr.Timeouts(total=30, read=0.05)
        registry = twin.connect(script.url, timeouts=timeouts, retries=acr.Retries(limit=2))
        with pytest.raises(acr.TransportError, match=r"timed out \(ReadTimeout\)") as caught:
            registry.repository("app").blob(DIGEST).head()
        assert not isinstance(caught.value, acr.TooSlow)
        assert len(script.asked) == 3


@pytest.mark.parametrize("server", [dripping_heads, dripping_hints, dripping_bodies, dripping_chunks])
def test_a_proxy_that_drips_is_no_better(twin: Twin, server: Callable[[Drips], Play]) -> None:
    """The handshake of TLS is one wait, in which the clock of the test stands still. So `connect` ends it."""
    drips = Drips()
    timeouts = acr.Timeouts(total=TOTAL, connect=0.1)
    with Script(server(drips)) as proxy:
        for url in ("http://registry.invalid", "https://registry.invalid"):
            registry = twin.connect(url, allow_http=True, proxy=proxy.url, clock=drips, timeouts=timeouts)
            began = drips.now
            with pytest.raises(acr.AcrError) as caught:
                list(registry.repositories())
            assert drips.now - began < 2 * TOTAL, caught.value


def test_a_tunnel_whose_handshake_breaks_is_made_anew(twin: Twin) -> None:
    """It counted as busy: each next try waited for it until `Timeouts.pool` was over, and then failed."""
    with Script(gives(head(0), end=closes)) as proxy:
        timeouts = acr.Timeouts(pool=0.1)
        registry = twin.connect("https://registry.invalid", proxy=proxy.url, timeouts=timeouts)
        with pytest.raises(acr.TransportError, match="cannot connect"):
            list(registry.repositories())
        assert [asked.method for asked in proxy.asked] == ["CONNECT"] * 5


def test_a_transport_of_the_caller_s_is_bounded_as_far_as_it_can_be(twin: Twin) -> None:
    """Async code stops it wherever it is; sync code between two pieces of a body."""
    drips = Drips()
    with Script(dripping_bodies(drips)) as script:
        transport: Any = httpx.HTTPTransport() if twin.colour == "sync" else httpx.AsyncHTTPTransport()
        registry = twin.connect(script.url, transport=transport, clock=drips, timeouts=IN_TIME)
        with pytest.raises(acr.TooSlow, match="the time for the whole call is over"):
            list(registry.repositories())
        assert drips.now < 2 * TOTAL
        registry = twin.connect(script.url, transport=transport, clock=drips, retries=ONCE)
        with pytest.raises(acr.TooSlow, match="at least 1024 a second"):
            list(registry.repositories())


def test_a_transport_of_the_caller_s_that_hangs_is_stopped_on_the_event_loop() -> None:
    async def main() -> None:
        with Script(falls_silent) as script:
            transport = httpx.AsyncHTTPTransport()
            async with acr.AsyncRegistry(script.url, transport=transport, timeouts=SHORT) as registry:
                with pytest.raises(acr.TooSlow):
                    await registry.repository("app").blob(DIGEST).head()

    asyncio.run(main())


@pytest.mark.parametrize("name", ["connect", "read", "write", "pool", "total", "least_rate", "rate_window"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "5", True])
def test_a_time_out_is_a_number_above_0(name: str, value: object) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(acr.InvalidInput, match=rf"Timeouts.{name}="):
        acr.Timeouts(**options)

"""With a total of 1 s each call ends within 2 s, whatever the server does. In real time: `make test-limits`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import Final

import pytest

import acr
from tests.calls import Call, calls_of
from tests.certificate import make_certificate
from tests.images import add_image
from tests.shells.drips import EARLY_HINTS
from tests.shells.script import CONTENT, Asked, Peer, Play, Script, digest_of, head
from tests.twin import Colour, Twin

MIB: Final = 1024 * 1024
MOST: Final = 2.0
"""Seconds that a call may take."""

BY_THE_SECOND: Final = acr.Timeouts(total=1)
WHO: Final = acr.UsernamePassword("me", "password")
DIGEST: Final = digest_of(CONTENT)
LARGE: Final = bytes(16 * MIB)


def _image(*layers: bytes) -> acr.Memory:
    memory = acr.Memory()
    add_image(memory, layers, tag="v1")
    return memory


IMAGE: Final = _image(b"one", LARGE)
"""Made once: what the test itself computes is not the time of a call."""

CALLS: Final[dict[str, Call]] = {
    **calls_of(DIGEST),
    "ping": lambda r, _: r.ping(),
    "check": lambda r, _: r.check(repository="app"),
    "refresh_token": lambda r, _: r.refresh_token(),
    "access_token": lambda r, _: r.access_token(["repository:app:pull"]),
    "exchange_entra_token": lambda r, _: r.exchange_entra_token("e.e.e"),
    "exchange_refresh_token": lambda r, _: r.exchange_refresh_token("r.r.r", ["repository:app:pull"]),
    "copy": lambda r, _: r.copy("app:v1", "other:v1"),
    "upload_blob": lambda r, _: r.repository("app").upload_blob(LARGE),
    "upload_blob of an iterable": lambda r, _: r.repository("app").upload_blob(iter([LARGE])),
    "push": lambda r, _: r.repository("app").push(IMAGE, tag="v1"),
    "pull": lambda r, path: r.repository("app").pull("v1", path / "pulled"),
    "pull into memory": lambda r, _: r.repository("app").pull("v1", acr.Memory()),
    "manifest.head": lambda r, _: r.repository("app").manifest("v1").head(),
    "blob.exists": lambda r, _: r.repository("app").blob(DIGEST).exists(),
}
JSON: Final = "Content-Type: application/json"


def falls(first: bytes, drops: Iterable[bytes]) -> Play:
    """Sends what comes first, and then a drop each second, until the client has gone."""

    def play(peer: Peer, _: Asked) -> None:
        peer.send(first)
        for drop in drops:
            time.sleep(1)
            peer.send(drop)

    return play


def reads_nothing(peer: Peer, asked: Asked) -> None:
    """Opens uploads, and reads nothing of what is sent then. All else gets an answer that never comes."""
    if asked.method == "POST":
        peer.send(head(0, "Location: /v2/app/blobs/uploads/1", status="202 Accepted"))
        return
    while peer.is_open:
        time.sleep(0.1)


HEADS: Final = falls(b"HTTP/1.1 200 OK\r\nX: ", repeat(b"x"))
SERVERS: Final[dict[str, Play]] = {
    "heads": HEADS,
    "hints": falls(b"", repeat(EARLY_HINTS)),
    "bodies": falls(head(10**6, JSON), repeat(b" ")),
    "chunks": falls(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", repeat(b"1\r\n \r\n")),
    "errors": falls(head(1000, status="503 Service Unavailable"), repeat(b" ")),
    "unread": reads_nothing,
}


def ready(play: Play) -> Play:
    """A registry that wants no token, and then drips."""

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.target.endswith("/v2/"):
            peer.send(head(2) + b"{}")
        else:
            play(peer, asked)

    return plays


def wants_token(play: Play) -> Play:
    """A registry that wants a token, and whose token endpoint drips."""

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.target.startswith("/oauth2/"):
            play(peer, asked)
            return
        host = asked.headers["host"]
        challenge = f'WWW-Authenticate: Bearer realm="http://{host}/oauth2/token",service="{host}"'
        if asked.method != "HEAD":
            peer.read(min(int(asked.headers.get("content-length", 0)), 1000))
        peer.send(head(0, challenge, status="401 Unauthorized"))

    return plays


def wants_layers(play: Play) -> Play:
    """A registry whose layers drip, sixteen of them; all else comes at once."""
    memory = _image(*(b"layer %d" % number for number in range(16)))
    manifest = memory.manifest(memory.resolve("v1").digest)

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.target.endswith("/v2/"):
            peer.send(head(2) + b"{}")
        elif "/manifests/" in asked.target:
            top = head(manifest.size, f"Content-Type: {manifest.media_type}")
            peer.send(top if asked.method == "HEAD" else top + manifest.content)
        else:
            play(peer, asked)

    return plays


SCENES: Final[dict[str, Callable[[Play], Play]]] = {
    "from the first byte": lambda play: play,
    "behind /v2/": ready,
    "with the token": wants_token,
    "with the layers": wants_layers,
}


def _seconds(colour: Colour, url: str, call: Call, folder: Path, **options: object) -> float:
    """How long a call takes that fails, or does not."""
    folder.mkdir()
    twin = Twin(colour)
    try:
        registry = twin.connect(url, WHO, timeouts=BY_THE_SECOND, sleep=twin.real_sleep, **options)
        began = time.monotonic()
        with suppress(acr.AcrError):
            call(registry, folder)
        return time.monotonic() - began
    finally:
        twin.close()


def _in_time(colour: Colour, url: str, folder: Path, **options: object) -> None:
    """Each call of a client of its own, in some threads at once: all that they do is wait."""
    with ThreadPoolExecutor(10) as pool:
        begun = {
            name: pool.submit(_seconds, colour, url, call, folder / str(number), **options)
            for number, (name, call) in enumerate(CALLS.items())
        }
    seconds = {name: one.result() for name, one in begun.items()}
    for name in [name for name, took in seconds.items() if took >= MOST]:  # alone: so many threads may keep it waiting
        seconds[name] = _seconds(colour, url, CALLS[name], folder / f"alone {name}", **options)
    assert {name: took for name, took in seconds.items() if took >= MOST} == {}
    assert max(seconds.values()) > 0.9


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("server", SERVERS)
def test_each_call_ends_in_twice_its_time(colour: Colour, server: str, scene: str, tmp_path: Path) -> None:
    with Script(SCENES[scene](SERVERS[server]), greets=False) as script:
        _in_time(colour, script.url, tmp_path)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_each_call_ends_in_twice_its_time_over_tls(colour: Colour, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    with Script(ready(SERVERS["bodies"]), tls=files, greets=False) as script:
        _in_time(colour, script.url, tmp_path, ssl_context=context)


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("proxy", ["heads", "hints", "bodies"])
def test_each_call_ends_in_twice_its_time_by_way_of_a_proxy(colour: Colour, proxy: str, tmp_path: Path) -> None:
    """Also in the handshake of TLS, in which a `CONNECT` that went well is followed by drops."""
    with Script(SERVERS[proxy], greets=False) as script:
        _in_time(colour, "https://registry.invalid", tmp_path, proxy=script.url)

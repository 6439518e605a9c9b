"""TLS: a certificate that is refused is refused for good; a handshake that the network breaks is tried again."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpcore
import httpx
import pytest

import acr
from acr._core.runtime import Outgoing
from acr._shells.http import failed
from acr._shells.patience import Watch
from acr._values.reference import Endpoint
from acr.cli._errors import as_command
from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.shells.script import Script, gives, head
from tests.twin import Twin


class Flaky:
    """A way to a server of TLS that breaks the first handshakes.

    Args:
        server: where the bytes go then.
        breaks: what is done with a connection whose handshake has begun.
        times: how often.
    """

    def __init__(self, server: Script, breaks: Callable[[socket.socket], None], times: int) -> None:
        self.connections = 0
        self._server = server
        self._breaks = breaks
        self._times = times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # to close it would not wake who reads from it
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            sock.settimeout(5)
            self._sockets.append(sock)
            if self.connections <= self._times:
                sock.recv(5)  # the hello of the client has come
                self._breaks(sock)
                continue
            other = socket.create_connection(("127.0.0.1", self._server.port))
            self._sockets.append(other)
            for source, target in ((sock, other), (other, sock)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def ends(sock: socket.socket) -> None:
    sock.close()


def resets(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def stalls(sock: socket.socket) -> None:
    """Keeps it open, and says nothing."""


@pytest.mark.parametrize("breaks", [ends, resets, stalls])
def test_a_handshake_that_breaks_is_tried_again(
    twin: Twin, tmp_path: Path, breaks: Callable[[socket.socket], None]
) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files[0]))
    answer = gives(head(2) + b"{}")
    with Script(answer, tls=files) as script, Flaky(script, breaks, 2) as way:
        timeouts = acr.Timeouts(connect=0.3 if breaks is stalls else 10)
        twin.connect(way.url, ssl_context=context, timeouts=timeouts).ping()
        assert (way.connections, len(twin.slept)) == (3, 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("is_large", [False, True])
def test_a_certificate_that_is_refused_is_refused_for_good(
    twin: Twin, tmp_path: Path, host: str, *, is_large: bool
) -> None:
    """Nobody vouches for it, or it is of another host. Once there were four more tries, in 3 s."""
    files = make_certificate(tmp_path)
    trusted = ssl.create_default_context(cafile=str(files[0]))
    context = ssl.create_default_context() if host == "127.0.0.1" else trusted
    with Script(gives(head(0)), host=host, tls=files) as script, Flaky(script, ends, 0) as way:
        url = way.url if host == "127.0.0.1" else script.url
        registry = twin.connect(url, ssl_context=context)
        with pytest.raises(acr.TransportError, match="CERTIFICATE_VERIFY_FAILED.*SSL_CERT_FILE") as caught:
            if is_large:
                registry.repository("app").download_blob(acr.Digest.of(b""), tmp_path / "blob")
            else:
                registry.ping()
        assert caught.value.exhausted
        assert not isinstance(caught.value, acr.TooSlow)
        assert way.connections == (host == "127.0.0.1")
    assert twin.slept == []


def test_one_that_a_transport_of_the_caller_s_refuses_is_refused_for_good_too(twin: Twin, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    with Script(gives(head(0)), tls=files) as script:
        transport: Any = httpx.HTTPTransport() if twin.colour == "sync" else httpx.AsyncHTTPTransport()
        with pytest.raises(acr.TransportError, match="CERTIFICATE_VERIFY_FAILED"):
            twin.connect(script.url, transport=transport).ping()
    assert twin.slept == []


@pytest.mark.parametrize("is_ours", [True, False])
def test_plain_http_in_answer_to_tls_is_told_at_once(twin: Twin, acr_emulator: Emulator, *, is_ours: bool) -> None:
    """Once there were four more tries, and nothing but WRONG_VERSION_NUMBER."""
    transport: Any = None
    if not is_ours:
        transport = httpx.HTTPTransport() if twin.colour == "sync" else httpx.AsyncHTTPTransport()
    registry = twin.connect(acr_emulator.login_server, transport=transport)
    with pytest.raises(acr.TransportError, match=f"if that is meant, write {acr_emulator.url}$") as caught:
        registry.ping()
    assert caught.value.exhausted
    assert twin.slept == []


def test_plain_http_of_another_machine_must_be_allowed() -> None:
    request = Outgoing("GET", Endpoint.parse("registry.example:5000"), "/v2/", {}, None)
    watch = Watch(acr.Timeouts(), None, lambda: 0.0)
    error = httpcore.ConnectError()
    cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    cause.reason, error.__cause__ = "WRONG_VERSION_NUMBER", cause
    told = str(failed(request, error, watch))
    assert told.endswith("write http://registry.example:5000, and pass allow_http=True")
    told = str(failed(request, error, watch, "https://user:secret@proxy.example:3128"))
    assert told.endswith("if the proxy speaks plain http, write its URL with http://")
    assert "secret" not in told
    authority = "name its file in SSL_CERT_FILE, or pass ssl_context="
    assert as_command(authority) == "name its file by --ca-file or in SSL_CERT_FILE"
    assert as_command("write http://a:1, and pass allow_http=True") == "write http://a:1, and pass --plain-http"


def test_an_upload_that_meets_a_bad_certificate_ends(twin: Twin, tmp_path: Path) -> None:
    """It does not ask how far it got."""
    files = make_certificate(tmp_path)
    with Script(gives(head(0)), tls=files) as script, Flaky(script, ends, 0) as way:
        registry = twin.connect(way.url, ssl_context=ssl.create_default_context())
        with pytest.raises(acr.TransportError, match="CERTIFICATE_VERIFY_FAILED"):
            registry.repository("app").upload_blob(b"abc")
        assert way.connections == 1
    assert twin.slept == []


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 527, 528, 529, 530])
def test_what_a_cdn_says_that_may_pass_is_tried_again(twin: Twin, status: int) -> None:
    with Script(gives(head(0, status=f"{status} Whatever")), gives(head(5))) as script:
        assert twin.connect(script.url).repository("app").blob(acr.Digest.of(b"")).exists()
        assert len(script.asked) == 2
    assert len(twin.slept) == 1


@pytest.mark.parametrize("status", [525, 526])
def test_what_a_cdn_says_of_the_registry_s_certificate_stays(twin: Twin, status: int) -> None:
    with Script(gives(head(0, status=f"{status} Whatever"))) as script:
        with pytest.raises(
            acr.ServerError, match="the CDN before the registry does not accept the registry's"
        ) as caught:
            twin.connect(script.url).repository("app").blob(acr.Digest.of(b"")).exists()
        assert caught.value.status == status
        assert len(script.asked) == 1
    assert twin.slept == []


@pytest.mark.parametrize(("status", "goes_on"), [(520, True), (524, True), (525, False)])
def test_an_upload_asks_how_far_it_got_after_what_may_pass(twin: Twin, status: int, *, goes_on: bool) -> None:
    where = "Location: /v2/app/blobs/uploads/1"
    opened = gives(head(0, where, status="202 Accepted"))

    def refuses(peer: Any, asked: Any) -> None:
        peer.read(int(asked.headers["content-length"]))
        peer.send(head(0, status=f"{status} Whatever"))

    def takes(peer: Any, asked: Any) -> None:
        peer.read(int(asked.headers["content-length"]))
        peer.send(head(0, where, status="202 Accepted"))

    stands = gives(head(0, where, "Range: 0-0", status="204 No Content"))
    with Script(opened, refuses, *[stands, takes] * goes_on) as script:
        upload = twin.connect(script.url).repository("app").start_upload()
        if goes_on:
            upload.write(b"abc")
            assert [asked.method for asked in script.asked] == ["POST", "PATCH", "GET", "PATCH"]
        else:
            with pytest.raises(acr.ServerError):
                upload.write(b"abc")
            assert [asked.method for asked in script.asked] == ["POST", "PATCH"]

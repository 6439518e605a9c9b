"""What goes out, whichever way: through a transport of the caller's own, and on the line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from tests.content import bytes_of
from tests.shells.script import CONTENT, Asked, Peer, Script, digest_of, gives, head
from tests.twin import Twin

MIB = 1024 * 1024


class Registry(httpx.MockTransport):
    """Takes uploads; reads each request as a server would, and answers with a body that is streamed."""

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        where = {"Location": "/v2/app/blobs/uploads/1?_state=x%3D"}
        if request.method == "HEAD":
            return httpx.Response(404)
        if request.method == "PATCH":
            last = request.headers["content-range"].partition("-")[2]
            return httpx.Response(202, headers={**where, "Range": f"0-{last}"})
        return httpx.Response({"POST": 202, "PUT": 201}.get(request.method, 200), headers=where)


@pytest.mark.parametrize("endpoint", ["my.azurecr.io", "http://[::1]:5000", "http://localhost:5000"])
@pytest.mark.parametrize("size", [0, 1000, 5 * MIB])
def test_a_transport_of_the_callers_is_given_whole_requests(twin: Twin, endpoint: str, size: int) -> None:
    transport = Registry()
    repository = twin.connect(endpoint, transport=transport).repository("app")
    content = bytes_of(size)
    assert repository.upload_blob(content).size == size
    sent = b""
    for request in transport.asked:
        assert request.headers["host"] == endpoint.rpartition("/")[2] == request.url.netloc.decode()
        assert "transfer-encoding" not in request.headers
        has_body = request.method in ("POST", "PATCH", "PUT")
        assert request.headers.get("content-length") == (str(len(request.content)) if has_body else None)
        sent += request.content
    assert sent == content
    assert transport.asked[-1].url.raw_path.startswith(b"/v2/app/blobs/uploads/1?_state=x%3D&digest=sha256")


def test_a_transport_that_sends_again_can(twin: Twin) -> None:
    """Of a request without a body, as that which opens an upload."""

    class Again(Registry):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            super().handle_request(request)
            return super().handle_request(request)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await super().handle_async_request(request)
            return await super().handle_async_request(request)

    assert twin.connect("my.azurecr.io", transport=Again()).repository("app").start_upload().offset == 0


class Odd(httpx.ReadTimeout):
    pass


class Response(httpx.NetworkError):
    """Of a name that httpcore has for something else."""


@pytest.mark.parametrize(
    "error",
    [
        httpx.ProtocolError,
        httpx.TransportError,
        httpx.CloseError,
        httpx.ProxyError,
        httpx.PoolTimeout,
        httpx.DecodingError,
        httpx.TooManyRedirects,
        ConnectionError,
        Odd,
        Response,
    ],
)
def test_errors_of_a_transport_are_those_of_a_network(twin: Twin, error: type[Exception]) -> None:
    def fails(_: httpx.Request) -> httpx.Response:
        raise error("lost")

    registry = twin.connect("my.azurecr.io", transport=httpx.MockTransport(fails), retries=acr.Retries(limit=1))
    with pytest.raises(acr.TransportError, match="my.azurecr.io"):
        registry.ping()
    assert len(twin.slept) == 1


def test_what_a_transport_makes_of_a_body_is_what_is_read(twin: Twin) -> None:
    """It may count or change the bytes: they are not read from its socket, past it."""

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __init__(self, response: httpx.Response) -> None:
            self._response = response

        def __iter__(self) -> Iterator[bytes]:
            return (bytes(b ^ 1 for b in piece) for piece in self._response.iter_raw())

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._response.aiter_raw():
                yield bytes(b ^ 1 for b in piece)

    def changed(response: httpx.Response) -> httpx.Response:
        extensions = response.extensions
        return httpx.Response(
            response.status_code, headers=response.headers, stream=Stream(response), extensions=extensions
        )

    class Sync(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            return changed(response) if "/blobs/" in request.url.path else response

    class Async(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            return changed(response) if "/blobs/" in request.url.path else response

    stored = bytes(b ^ 1 for b in CONTENT)
    with Script(gives(head(len(stored)) + stored)) as server:
        transport: Any = Sync() if twin.colour == "sync" else Async()
        repository = twin.connect(server.url, transport=transport).repository("x")
        assert repository.download_blob(digest_of(CONTENT)).read() == CONTENT


@pytest.mark.parametrize(
    "proxy", ["http://user:top#secret@proxy:3128", "http://[::1", "http://user:secret@proxy:port", "ftp://secret@proxy"]
)
def test_a_proxy_that_is_none_is_told_and_not_shown(twin: Twin, proxy: str) -> None:
    with pytest.raises(acr.InvalidInput, match="proxy") as caught:
        twin.connect("my.azurecr.io", proxy=proxy).ping()
    assert "secret" not in str(caught.value)


def test_authorities_that_are_not_there_are_told(twin: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(acr.InvalidInput, match=r"SSL_CERT_FILE=.*missing\.pem"):
        twin.connect("my.azurecr.io").ping()


def test_a_redirect_to_what_has_no_place_in_a_request_is_followed_encoded(twin: Twin) -> None:
    with Script(gives(head(len(CONTENT)) + CONTENT)) as storage:
        place = f"Location: {storage.url}/a b/\u00fc?sig=a%2Fb|{{c}}"
        with Script(gives(head(0, place, status="307 Temporary Redirect"))) as server:
            blob = twin.connect(server.url).repository("x").download_blob(digest_of(CONTENT))
            assert blob.read() == CONTENT
        assert storage.asked[0].target == "/a%20b/%C3%BC?sig=a%2Fb|{c}"


@pytest.mark.parametrize("value", ["caf\u00e9".encode(), "caf\u00e9".encode("latin-1")])
def test_headers_are_read_in_either_coding_and_repeated_ones_are_joined(twin: Twin, value: bytes) -> None:
    told: list[acr.ResponseInfo] = []

    def answers(peer: Peer, _: Asked) -> None:
        peer.send(head(5, "Link: a", "LINK: b")[:-2] + b"X-Name: " + value + b"\r\n\r\n")

    with Script(answers) as server:
        twin.connect(server.url, on_response=told.append).repository("x").blob(digest_of(b"12345")).head()
    assert told[-1].headers["x-name"] == "caf\u00e9"
    assert told[-1].headers["link"] == "a, b"

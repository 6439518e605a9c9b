"""What goes out, whichever way: through a transport of the caller's own, and on the line."""

from __future__ import annotations

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
        twin.connect(server.url, on_response=told.append).repository("x").blob(digest_of(b"")).head()
    assert told[-1].headers["x-name"] == "caf\u00e9"
    assert told[-1].headers["link"] == "a, b"

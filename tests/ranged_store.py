"""A registry that leads to its blobs at a storage of its own: each range is answered as a test wants it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final

import attrs

import acr
from acr._core.talk.cutting import Cutting
from tests.content import image_manifest


def small(step: int, threshold: int | None = None) -> Cutting:
    """Ranges of so many bytes, and more connections whether they pay or not."""
    fast = float("inf")
    return Cutting(threshold or step, least=step, most=step, worth=-1000, fast=fast, plenty=fast, span=0)


SMALL: Final = small(64 * 1024, 256 * 1024)


def cut_small(registry: acr.Registry, cutting: Cutting = SMALL) -> acr.Registry:
    """Let a client of either colour fetch small blobs in ranges."""
    session = registry._session
    getattr(session, "unwrapped", session).learned.cutting = cutting
    return registry


@attrs.frozen
class Asked:
    """A request for the blob at the storage. `end` is behind the last byte; None for all there is."""

    begin: int
    end: int | None
    signature: int

    def __str__(self) -> str:
        return f"{self.begin}-{self.end}"


@attrs.define
class Reply:
    """How a range is answered: as it should be, if nothing is said.

    Args:
        status: another status, with no body.
        whole: send the whole blob with 200, as if no range had been asked for.
        shift: by how much the Content-Range is wrong.
        damaged: send other bytes.
        cut_after: hang up after so many bytes.
        short: send so many bytes only, and say so.
        wait: is called when a part of it was sent.
        wait_at: bytes of that part; None for half of it.
    """

    status: int | None = None
    whole: bool = False
    shift: int = 0
    damaged: bool = False
    cut_after: int | None = None
    short: int | None = None
    wait: Callable[[], object] | None = None
    wait_at: int | None = None


class RangedStore:
    """Use it as a context manager.

    Args:
        content: of the blob.
        more: of other blobs, in a manifest with the first one.
        reply: how a request is answered; it is called in the order in which they come.
        redirects: whether the registry leads elsewhere.

    Attributes:
        asked: what the storage was asked for.
        redirected: how often the registry led there.
        most: how many answers were under way at the same time.
    """

    def __init__(
        self,
        content: bytes,
        *more: bytes,
        reply: Callable[[Asked], Reply | None] = lambda _: None,
        redirects: bool = True,
    ) -> None:
        self._blobs = {f"sha256:{hashlib.sha256(one).hexdigest()}": one for one in (content, *more)}
        self.digest = next(iter(self._blobs))
        layers = [acr.Descriptor("text/plain", acr.Digest(name), len(one)) for name, one in self._blobs.items()]
        self.manifest = json.dumps(image_manifest(layers[0], layers)).encode()
        self.reply = reply
        self.redirects = redirects
        self.asked: list[Asked] = []
        self.redirected = 0
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                store._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # more would wait for a second before they try again
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.storage_url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> RangedStore:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        if http.path == "/v2/":
            _send(http, 200, b"{}")
        elif "/manifests/" in http.path:
            _send(http, 200, self.manifest, **{"Content-Type": acr.media_types.OCI_MANIFEST})
        elif http.path.startswith("/v2/") and self.redirects:
            with self._lock:
                self.redirected += 1
                location = f"{self.storage_url}/{http.path.rpartition('/')[2]}?signature={self.redirected}"
            _send(http, 307, b"", Location=location)
        else:
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
            try:
                self._give(http)
            except OSError:
                http.close_connection = True  # the client has hung up
            finally:
                with self._lock:
                    self._now -= 1

    def _give(self, http: BaseHTTPRequestHandler) -> None:
        content = self._blobs[http.path.rpartition("/")[2].partition("?")[0].replace("%3A", ":")]
        size = len(content)
        wanted = http.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        begin, end = int(wanted[0]), int(wanted[1]) + 1 if wanted[1] else None
        asked = Asked(begin, end, int(http.path.partition("signature=")[2] or 0))
        with self._lock:
            self.asked.append(asked)
            reply = self.reply(asked) or Reply()
        if reply.status is not None:
            _send(http, reply.status, b"")
            return
        if reply.whole or "Range" not in http.headers:
            begin, end = 0, size
            http.send_response(200)
        else:
            end = min(size, end or size) if reply.short is None else begin + reply.short
            http.send_response(206)
            at = begin + reply.shift
            http.send_header("Content-Range", f"bytes {at}-{at + end - begin - 1}/{size}")
        body = content[begin:end]
        if reply.damaged:
            body = bytes(byte ^ 1 for byte in body)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        half = len(body) // 2 if reply.wait_at is None else reply.wait_at
        http.wfile.write(body[:half] if reply.cut_after is None else body[: reply.cut_after])
        if reply.cut_after is not None:
            http.close_connection = True
            return
        if reply.wait is not None:
            reply.wait()
        http.wfile.write(body[half:])


def _send(http: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    http.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        http.send_header(name, value)
    http.end_headers()
    http.wfile.write(body)

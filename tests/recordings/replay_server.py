"""Serves the replies of one recording on two loopback ports, the registry's and the blob store's, over real sockets.

Requests are recognised by method, path and query, each recorded reply is given once, and what the client does that was
not recorded, or does not do as it was, is a problem. Only token round trips may go another way than the recorded ones:
a probe of `/v2/` is answered with the recorded challenge, and each token with the recorded reply for its scope.
"""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict, deque
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import attrs

from tests.recordings import artefacts, differences
from tests.recordings.recording import Entry, Headers, Recording, Reply, request_key

_OWN: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
"""Headers that belong to a connection: they are made anew."""

_SAME: Final = ("content-range", "content-type", "range")
"""Request headers that must be as recorded, where they were."""


class ReplayServer:
    """A registry and its blob store that know one recording. A context manager.

    Attributes:
        served: indices of the entries whose replies were given.
        problems: what the client did wrong.
        count: of all requests.
        ways: by which names in `differences` it went another way than the SDK.
    """

    def __init__(self, recording: Recording) -> None:
        self.served: set[int] = set()
        self.problems: list[str] = []
        self.count = 0
        self.ways: set[str] = set()
        self._recording = recording
        self._waiting: dict[tuple[str, ...], deque[Entry]] = defaultdict(deque)
        for entry in recording.answers:
            self._waiting[entry.key].append(entry)
        self._issued: set[str] = set()
        self._uploaded = b""
        self._running = ExitStack()
        self.url, self._storage_url = self._serve(self._registry), self._serve(self._storage)

    @property
    def missing(self) -> list[int]:
        """Answers that the client never asked for."""
        return sorted(entry.index for waiting in self._waiting.values() for entry in waiting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._running.close()

    def _serve(self, answer: Any) -> str:
        class Handler(_Handler):
            respond = staticmethod(answer)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        for step in (thread.join, server.server_close, server.shutdown):  # the last comes first
            self._running.callback(step)
        return f"http://127.0.0.1:{server.server_address[1]}"

    # ---- The registry ------------------------------------------------------------------------

    def _registry(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        self.count += 1
        path = target.partition("?")[0]
        if path == "/v2/":
            self.ways.add(differences.PROBE)
            return self._probe()
        if path.startswith("/oauth2/"):
            return self._token(path, body)
        if headers.get("authorization").removeprefix("Bearer ") not in self._issued:
            self.problems.append(f"{method} {path} came without a token")
        entry = self._next(method, target)
        if entry is None:
            return self._unknown(method, target)
        self._compare(entry, headers, body)
        if method == "PATCH":
            self._uploaded += body
        if entry.followed:  # the redirect that the recorder did not see
            self._waiting["GET", f"/followed/{entry.index}"].append(entry)
            return Reply(307, Headers((("location", f"{self._storage_url}/followed/{entry.index}"),)), b"")
        self.served.add(entry.index)
        return self._here(entry.reply)

    def _probe(self) -> Reply:
        challenges = (entry.reply.headers.get("www-authenticate") for entry in self._recording.entries)
        recorded = next(filter(None, challenges), None)
        challenge = recorded or 'Bearer realm="https://made.up/oauth2/token",service="made.up"'
        challenge = re.sub(r'realm="https://[^/]+', f'realm="{self.url}', challenge.partition(",scope=")[0])
        return Reply(401, Headers((("www-authenticate", challenge),)), b"")

    def _token(self, path: str, body: bytes) -> Reply:
        """The recorded reply to the same question. A question that was not recorded is a problem, if others were."""
        form = dict(parse_qsl(body.decode()))
        if not any(entry.is_oauth for entry in self._recording.entries):
            self._issued.add("Sanitized")
            return Reply(200, Headers((("content-type", "application/json"),)), b'{"access_token":"Sanitized"}')
        alike = [entry for entry in self._recording.entries if entry.url.path == path]
        asked = [entry for entry in alike if not entry.body or _same_question(entry.form, form)]
        fresh = [entry for entry in asked if entry.index not in self.served]
        if not asked:
            self.problems.append(f"no token was recorded for {form.get('grant_type')} {form.get('scope')}")
            return Reply(400, Headers(()), b"")
        entry = (fresh or asked)[0]
        self.served.add(entry.index)
        self._issued.add(entry.reply.json.get("access_token"))
        return attrs.evolve(entry.reply, body=artefacts.token(entry.reply.body))

    def _next(self, method: str, target: str) -> Entry | None:
        waiting = self._waiting[request_key(method, target)]
        return waiting.popleft() if waiting else None

    def _unknown(self, method: str, target: str) -> Reply:
        self.problems.append(f"{method} {target} was not recorded, or not as often")
        return Reply(400, Headers(()), b"")

    def _compare(self, entry: Entry, headers: Headers, body: bytes) -> None:
        """Whether the client sends what the SDK sent."""
        for name in _SAME:
            recorded = entry.headers.get(name)
            if recorded and entry.body and headers.get(name) != recorded:
                self.problems.append(f"{entry.index}: {name} is {headers.get(name)!r}, was {recorded!r}")
        is_json = entry.headers.get("content-type") == "application/json"
        same = json.loads(body) == json.loads(entry.body) if is_json else body == entry.body
        if not same:
            self.problems.append(f"{entry.index}: the body is {body[:200]!r}, was {entry.body[:200]!r}")

    def _here(self, reply: Reply) -> Reply:
        """A reply with its places on this machine."""
        pairs = []
        for name, value in reply.headers.pairs:
            url = urlsplit(value)
            if name == "location" and url.netloc:
                value = self._storage_url + value.partition(url.netloc)[2]
            pairs.append((name, value))
        return Reply(reply.status, Headers(tuple(pairs)), reply.body)

    # ---- The blob store ----------------------------------------------------------------------

    def _storage(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        self.count += 1
        if headers.get("authorization"):
            self.problems.append("the token was sent to the blob store")
        entry = self._next(method, target)
        if entry is not None:
            self.served.add(entry.index)
            return entry.reply
        if any(one.is_storage for one in self._recording.entries):
            return self._unknown(method, target)
        # The SDK did not follow, so this was not recorded: what was uploaded in this run.
        self.ways.add(differences.FOLLOWED)
        return Reply(200, Headers((("content-type", "application/octet-stream"),)), self._uploaded)


def _same_question(recorded: dict[str, str], asked: dict[str, str]) -> bool:
    return recorded["grant_type"] == asked.get("grant_type") and _actions(recorded) == _actions(asked)


def _actions(form: dict[str, str]) -> tuple[str, frozenset[str]]:
    resource, _, actions = form.get("scope", "").rpartition(":")
    return resource, frozenset(actions.split(","))


class _Handler(BaseHTTPRequestHandler):
    """Between sockets and replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body go out together
    respond: Any

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        pairs = tuple((name.lower(), value) for name, value in self.headers.items())
        reply: Reply = self.respond(self.command, self.path, Headers(pairs), self.rfile.read(length))
        self.send_response_only(reply.status)
        for name, value in reply.headers.pairs:
            if name not in _OWN:
                self.send_header(name, value)
        if self.command == "HEAD":
            self.send_header("Content-Length", reply.headers.get("content-length"))
        elif reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = _answer  # noqa: N815 - http.server wants these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""

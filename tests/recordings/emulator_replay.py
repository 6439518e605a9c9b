"""Sends the requests of a recording to an emulator that holds what the registry held, and compares the replies.

What differs from run to run is put in its place: hosts, tokens, the Locations of uploads and redirects.
"""

from __future__ import annotations

import functools
import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import attrs

from acr.emulator import Emulator
from tests.recordings.artefacts import lost_form, lost_headers
from tests.recordings.compare import Mismatch, mismatches
from tests.recordings.recording import Entry, Headers, Recording, Reply, load
from tests.recordings.state import seed

_NEW: Final = frozenset({"authorization", "content-length", "host"})
"""Headers of requests that are made anew."""


@attrs.frozen
class Compared:
    """An entry, and in what the emulator's reply is not the recorded one."""

    recording: Recording
    entry: Entry
    mismatches: tuple[Mismatch, ...]


@functools.cache
def replay(name: str, certificate: tuple[Path, Path]) -> tuple[Compared, ...]:
    """Replay a file over https, as it was recorded. It is done once, however many tests ask.

    Args:
        name: of the file.
        certificate: of this machine, and its key.
    """
    recording = load(name)
    emulator = Emulator(anonymous_pull=recording.anonymous, tls=certificate)
    seed(emulator, recording)
    with emulator:
        return tuple(_Replay(emulator, recording, ssl.create_default_context(cafile=certificate[0])).run())


class _Replay:
    def __init__(self, emulator: Emulator, recording: Recording, trust: ssl.SSLContext) -> None:
        self._emulator = emulator
        self._recording = recording
        self._trust = trust
        self._tokens = {"refresh_token": "", "access_token": ""}
        self._locations: dict[str, str] = {}

    def run(self) -> Iterator[Compared]:
        """Send everything, in the order of the recording."""
        recording = self._recording
        for entry in recording.entries:
            reply = self._send(entry)
            self._remember(entry, reply)
            found = mismatches(entry, reply, self._emulator.login_server, recording.service)
            yield Compared(recording, entry, tuple(found))

    def _send(self, entry: Entry) -> Reply:
        headers = [(name, value) for name, value in entry.headers.pairs if name not in _NEW]
        content_type = entry.reply.headers.get("content-type")
        headers += lost_headers(self._recording.recorder, entry.method, entry.url.path, content_type)
        body = self._form(entry) if entry.is_oauth else entry.body
        if body or entry.headers.get("content-length"):
            headers.append(("content-length", str(len(body))))
        token = [("authorization", f"Bearer {self._tokens['access_token']}")] if entry.authorized else []
        reply = self._exchange(entry.method, self._url(entry), [*headers, *token], body)
        if entry.followed:
            assert reply.status == 307
            reply = self._exchange(entry.method, reply.headers.get("location"), headers, body)
        return reply

    def _url(self, entry: Entry) -> str:
        """Where a request goes, in the emulator's terms."""
        if entry.is_storage:
            return self._locations[entry.url.geturl()]
        target = entry.target
        for recorded, ours in self._locations.items():
            if target.startswith(recorded):  # it may have a digest behind it
                target = ours + target.removeprefix(recorded)
        return f"{self._emulator.url}{target}"

    def _remember(self, entry: Entry, reply: Reply) -> None:
        if recorded := entry.reply.headers.get("location"):
            self._locations[recorded] = reply.headers.get("location")
        if entry.is_oauth and reply.status == 200:
            self._tokens |= reply.json

    def _form(self, entry: Entry) -> bytes:
        """The form of a token request, its escapes and order as recorded, with what is good here."""
        text = entry.body.decode()
        if not text:
            after = self._recording.entries[entry.index + 1]
            text = lost_form(entry.url.path, after.method, after.url.path)
        fields = dict(field.split("=", 1) for field in text.split("&"))
        fields["service"] = quote(self._emulator.login_server, safe="")
        if fields["grant_type"] == "refresh_token":
            fields["refresh_token"] = self._tokens["refresh_token"]
        return "&".join(f"{key}={value}" for key, value in fields.items()).encode()

    def _exchange(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Reply:
        """A request just as it is: nothing added but the host, nothing normalised, no redirect followed."""
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=10, context=self._trust)
        try:
            connection.putrequest(method, url.partition(parts.netloc)[2], skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            pairs = tuple((name.lower(), value) for name, value in response.getheaders())
            return Reply(response.status, Headers(pairs), response.read())
        finally:
            connection.close()

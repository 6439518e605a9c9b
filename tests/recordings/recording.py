"""A recorded test run of an Azure SDK: its requests and replies, in one form whatever recorder wrote the file."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import attrs
import yaml

from tests.recordings import artefacts
from tests.recordings.artefacts import Recorder

FOLDER: Final = Path(__file__).resolve().parents[3] / "shared" / "recordings"

_RECORDERS: Final[Mapping[str, Recorder]] = {"go": "go", "java": "java", "js": "js", "net": "net", "python": "python"}


@attrs.frozen
class Headers:
    """Headers in the order of the file; names in lower case, a repeated one as several."""

    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """All values of a name."""
        return [value for key, value in self.pairs if key == name]

    def get(self, name: str) -> str:
        """The first value of a name; empty where there is none."""
        return next(iter(self.all(name)), "")

    def names(self) -> list[str]:
        """The names, each once."""
        return list(dict(self.pairs))


@attrs.frozen
class Reply:
    """A reply as it was on the wire."""

    status: int
    headers: Headers
    body: bytes = attrs.field(repr=False)

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON; manifests are."""
        return self.headers.get("content-type").partition(";")[0].endswith("json") and bool(self.body)

    @property
    def json(self) -> Any:
        """The body, parsed, its keys in the order of the wire."""
        return json.loads(self.body)


@attrs.frozen
class Entry:
    """A request and its reply.

    Args:
        index: place in the file, from 0.
        authorized: whether the request carried an access token.
    """

    index: int
    method: str
    url: SplitResult
    headers: Headers
    body: bytes = attrs.field(repr=False)
    reply: Reply
    authorized: bool

    @property
    def target(self) -> str:
        """Path and query, as sent."""
        return f"{self.url.path}?{self.url.query}" if self.url.query else self.url.path

    @property
    def key(self) -> tuple[str, ...]:
        """What the request is recognised by."""
        return request_key(self.method, self.target)

    @property
    def is_oauth(self) -> bool:
        """Whether it went to a token endpoint."""
        return self.url.path.startswith("/oauth2/")

    @property
    def is_storage(self) -> bool:
        """Whether it went to the blob store."""
        return self.url.netloc.endswith(".blob.core.windows.net")

    @property
    def followed(self) -> bool:
        """Whether the reply is the blob store's, although the registry was asked.

        Go's transport follows redirects by itself, and its recorder sees the request before and the reply behind.
        """
        return not self.is_storage and self.reply.headers.get("server").startswith("Windows-Azure-Blob")

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body, of a request to a token endpoint."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@attrs.frozen
class Recording:
    """One file."""

    name: str
    recorder: Recorder
    entries: tuple[Entry, ...]

    @property
    def answers(self) -> tuple[Entry, ...]:
        """The entries that tell how the run went on: all but token requests, and refusals that a token came after.

        A refusal is an answer where the same was not asked again.
        """
        return tuple(
            entry
            for entry in self.entries
            if not entry.is_oauth and (entry.reply.status != 401 or self._is_last(entry))
        )

    @property
    def anonymous(self) -> bool:
        """Whether tokens were asked for by nobody in particular."""
        return not any(entry.url.path == "/oauth2/exchange" for entry in self.entries)

    @property
    def service(self) -> str:
        """The registry's name as it calls itself: python's recorders hide it in URLs alone."""
        named = [entry.form["service"] for entry in self.entries if entry.is_oauth and entry.body]
        return named[0] if named else self.entries[0].url.netloc

    def _is_last(self, entry: Entry) -> bool:
        later = (other.key for other in self.entries[entry.index + 1 :])
        return entry.authorized and entry.key not in later


def request_key(method: str, target: str) -> tuple[str, ...]:
    """Method, path and query without what makes no difference: escapes, api-version, empty values, order.

    >>> request_key("GET", "/acr/v1/_catalog?n=1&api-version=x") == request_key("GET", "/acr/v1/_catalog?orderby=&n=1")
    True
    """
    path, _, query = target.partition("?")
    pairs = sorted(f"{key}={value}" for key, value in parse_qsl(query) if key != "api-version")
    return (method, unquote(path), *pairs)


@functools.cache
def load(name: str) -> Recording:
    """Read a file by its name in the folder, such as `go/TestClient_GetManifest.json`."""
    text = (FOLDER / name).read_text("utf-8")
    if name.endswith(".yaml"):
        return _recording(name, "vcr", [_of_vcr(one) for one in yaml.safe_load(text)["interactions"]])
    data = json.loads(text)
    if "networkCallRecords" in data:
        return _recording(name, "java", [_of_java(one) for one in data["networkCallRecords"]])
    return _recording(name, _RECORDERS[name.partition("/")[0]], data["Entries"])


def _recording(name: str, recorder: Recorder, raw: list[Mapping[str, Any]]) -> Recording:
    entries: list[Entry] = []
    for one in raw:
        entries.append(_entry(entries, one, recorder))
    return Recording(name, recorder, tuple(entries))


def _entry(before: list[Entry], raw: Mapping[str, Any], recorder: Recorder) -> Entry:
    sent, replied = (_headers(raw[key], recorder) for key in ("RequestHeaders", "ResponseHeaders"))
    url = urlsplit(raw["RequestUri"])
    path_before = before[-1].url.path if before else None
    return Entry(
        index=len(before),
        method=raw["RequestMethod"],
        url=url,
        headers=sent,
        body=artefacts.body(recorder, raw["RequestBody"], sent.get("content-type"), sent.get("content-length")),
        reply=Reply(
            int(raw["StatusCode"]),
            replied,
            artefacts.body(recorder, raw["ResponseBody"], replied.get("content-type"), replied.get("content-length")),
        ),
        authorized=artefacts.authorized(recorder, sent.get("authorization"), url.path, path_before),
    )


def _headers(raw: Mapping[str, str | list[str]], recorder: Recorder) -> Headers:
    pairs = [
        (name.lower(), one) for name, value in raw.items() for one in artefacts.values(recorder, name.lower(), value)
    ]
    return Headers(tuple(pairs))


def _of_java(raw: Mapping[str, Any]) -> dict[str, Any]:
    reply = dict(raw["Response"])
    return {
        "RequestMethod": raw["Method"],
        "RequestUri": raw["Uri"],
        "RequestHeaders": raw["Headers"],
        "RequestBody": None,
        "StatusCode": reply.pop("StatusCode"),
        "ResponseBody": reply.pop("Body", None),
        "ResponseHeaders": reply,
    }


def _of_vcr(raw: Mapping[str, Any]) -> dict[str, Any]:
    request, reply = raw["request"], raw["response"]
    return {
        "RequestMethod": request["method"],
        "RequestUri": request["uri"],
        "RequestHeaders": request["headers"],
        "RequestBody": request["body"],
        "StatusCode": reply["status"]["code"],
        "ResponseBody": reply["body"]["string"],
        "ResponseHeaders": reply["headers"],
    }

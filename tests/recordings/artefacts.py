"""What the recorders did to the traffic, each with its reason: the one place where files are not taken at their word.

`TABLE` is of what they added to replies, or took away. The functions below give back what can be told from the rest:
bodies that were laid out anew, and what was dropped from requests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

import attrs

Recorder = Literal["go", "java", "js", "net", "python", "vcr"]
"""Who wrote a file: the test proxy of Azure's SDKs for go, js, net and python, each with sanitisers of its own; the
playback of the Java SDK; or vcrpy."""


@attrs.frozen
class Artefact:
    """Something in the replies of one recorder that was not on the wire, or was, and is not in its files.

    Args:
        recorder: whose files.
        what: the mismatch that it makes, in the words of `compare.Mismatch`.
        recorded: what the files have; None for nothing.
        reason: how that is known.
    """

    recorder: Recorder
    what: str
    recorded: str | None
    reason: str


_RATE: Final = "x-ms-ratelimit-remaining-calls-per-second"

TABLE: Final = (
    Artefact("go", _RATE, None, "in none of Go's files, yet on all deletes and tokens of net's, of the same month"),
    Artefact("vcr", _RATE, None, "a filter of response headers; on all token replies of later files"),
    Artefact("vcr", "x-ms-correlation-request-id", None, "a filter of response headers; on all replies of later files"),
    Artefact("vcr", "www-authenticate.scope", "fake_scope", "a filter's stand-in"),
    Artefact("vcr", "www-authenticate.error", "invalid_token", "inserted with the stand-in: there was no token yet"),
    Artefact("java", "retry-after", "0", "inserted into each reply, so that playback does not wait"),
)


def artefact_of(recorder: Recorder, what: str, recorded: object) -> Artefact | None:
    """The artefact that explains a mismatch, if one does."""
    fitting = (one for one in TABLE if (one.recorder, one.what, one.recorded) == (recorder, what, recorded))
    return next(fitting, None)


def values(recorder: Recorder, name: str, value: str | list[str]) -> list[str]:
    """The values of a header. Java joins those that came several times."""
    if isinstance(value, list):
        return value
    joined = recorder == "java" and name in ("access-control-expose-headers", "strict-transport-security")
    return value.split(",") if joined else [value]


def body(recorder: Recorder, recorded: Any, content_type: str, length: str) -> bytes:
    """The bytes of the wire.

    The test proxy and vcrpy parse JSON and write it anew: of all layouts, the one of the announced length was it. What
    is no text is in base64, and what is text but not JSON is in an array.
    """
    if recorded is None:
        return b""
    if isinstance(recorded, list):
        return "".join(recorded).encode()
    if isinstance(recorded, str):
        if content_type.startswith("application/octet-stream"):
            return base64.b64decode(recorded)
        if recorder != "vcr" or not content_type.startswith("application/json"):
            return recorded.encode()
        recorded = json.loads(recorded)
    layouts = list(_layouts(recorded))
    return next((layout for layout in layouts if str(len(layout)) == length), layouts[0])


def _layouts(value: Any) -> Iterable[bytes]:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    yield compact + b"\n"  # ACR's replies
    yield compact  # requests of go, js and net
    yield json.dumps(value, ensure_ascii=False).encode()  # requests of python
    yield json.dumps(value, indent=3, ensure_ascii=False).encode()  # manifests that docker made


def authorized(recorder: Recorder, header: str, path: str, path_before: str | None) -> bool:
    """Whether a request carried an access token.

    Java, python and vcrpy drop the header; these clients ask for a token just before they use it.
    """
    if recorder in ("java", "python", "vcr"):
        return path_before == "/oauth2/token" and path != "/oauth2/token"
    return bool(header)


def token(body: bytes) -> bytes:
    """The reply of a token endpoint. Go's sanitised JWTs have base64 padding in the middle, as no JWT has."""
    return body.replace(b"=.", b".")


def lost_headers(recorder: Recorder, method: str, path: str, content_type: str) -> list[tuple[str, str]]:
    """Request headers that Java drops and that matter: it got a manifest list, so it had asked for that."""
    asked = recorder == "java" and method == "GET" and "/manifests/" in path
    return [("accept", content_type)] if asked else []


def lost_form(path: str, method_next: str, path_next: str) -> str:
    """The form of a token request, which Java drops: what the next request of its files needed."""
    if path == "/oauth2/exchange":
        return "grant_type=access_token&service=REDACTED&access_token=REDACTED"
    scope = "registry:catalog:*"
    if path_next != "/acr/v1/_catalog":
        name = unquote(path_next).removeprefix("/v2/").rsplit("/", 2)[0]
        scope = f"repository:{name}:{'delete' if method_next == 'DELETE' else 'pull'}"
    return f"grant_type=refresh_token&service=REDACTED&scope={quote(scope, safe='')}&refresh_token=REDACTED"

"""Redaction: no token and no signed URL gets into an error, a log or a hook, whatever a registry echoes."""

from __future__ import annotations

import re
from typing import Any, Final

from acr._text import printable

# Of Azure, Amazon, Google and CloudFront. Also as Go writes an ampersand in JSON, and as it is in a URL within a URL.
_SIGNATURE: Final = re.compile(
    r"(?i)((?:\A|[?&;]|\\u0026|%26|%3F)(?:sig|se|sv|sp|sr|skoid|sktid|_state"
    r"|X-(?:Amz|Goog)-(?:Credential|Security-Token|Signature)|Key-Pair-Id|Policy|Signature)(?:=|%3D))"
    r"(?:(?!\\u0026|%26)[^&\s\"'<>])+"
)
# Not within a word, and possessive: an error body of nothing but `-eyJ` takes no longer than any other.
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]++(?:\.[\w-]*+){2,}+")
# What a client sends for a token: in a form or a URL, or as JSON. Also `refresh_token` and the like.
_NAME: Final = r"(?:token|password|client_secret|assertion)"
_SECRET_NAME: Final = re.compile(rf"(?i).*{_NAME}|(?:proxy-)?authorization", re.DOTALL)
_FIELD: Final = re.compile(rf"(?i)({_NAME}(?:=|%3D)[\"']?)(?:(?!\\u0026|%26)[^&\s\"'<>])+")
_MEMBER: Final = re.compile(rf"(?i)({_NAME}\\?[\"']\s*+:\s*+\\?[\"'])[^\"'\\]++")
# The header that it sends. A challenge begins with the same word, and errors speak of `Basic authentication`.
_HEADER: Final = re.compile(
    r"(?i)\b((?:Basic|Bearer)(?:\s|%20|\+)++[\"']?)"
    r"(?!(?:realm|service|scope|charset|error)=|(?:auth\w*+|tokens?|challenges?|credentials?)(?:[\s.,;:]|\Z))"
    r"[^\s\"'<>\\]++"
)
_UPLOAD: Final = re.compile(r"(/blobs/uploads/)[^\s\"'<>?,;]++")
"""Where an upload is. Some registries need nothing else to let anybody write to it."""
_USER: Final = re.compile(r"(://)[^\s/?#\"'<>]*@")
"""The name and password of a URL."""
# Headers as httpcore logs them.
_LOGGED: Final = re.compile(
    r"(?i)(\(b'(?:set-cookie|cookie|(?:proxy-)?authorization)', b)(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")"
)
_LOGGED_PLACE: Final = re.compile(r"(?i)(\(b'(?:content-)?location', b(?:'[^?']*+|\"[^?\"]*+)\?)(?:(?:[^'\"\\]|\\.)++)")

_CREDENTIALS: Final = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization"})
_PLACES: Final = frozenset({"location", "content-location"})


def redact(text: str) -> str:
    """Take out what looks like a credential, a token, a signed URL or the location of an upload.

    Error bodies may echo what was sent.

    >>> redact("https://x.blob.core.windows.net/b?se=1&sig=abc")
    'https://x.blob.core.windows.net/b?se=…&sig=…'
    >>> redact("/v2/app/blobs/uploads/1-2?_state=abc")
    '/v2/app/blobs/uploads/…?_state=…'
    >>> redact("https://me:hunter2@my.azurecr.io/v2/")
    'https://…@my.azurecr.io/v2/'
    >>> redact("got Authorization: Basic bWU6eA== and refresh_token=abc")
    'got Authorization: Basic … and refresh_token=…'
    """
    if "/blobs/uploads/" in text:
        text = _UPLOAD.sub(r"\1…", text)
    if "://" in text:
        text = _USER.sub(r"\1…@", text)
    text = _JWT.sub("…", _SIGNATURE.sub(r"\1…", text))
    return _HEADER.sub(r"\1…", _MEMBER.sub(r"\1…", _FIELD.sub(r"\1…", text)))


def redact_log(text: str) -> str:
    """The same of what httpcore logs: it prints whole headers, so a cookie and the query of a place go, too."""
    return redact(_LOGGED_PLACE.sub(r"\1…", _LOGGED.sub(r"\1'…'", text)))


def without_query(url: str) -> str:
    """A URL whose query may be a capability, as those of uploads and of storage are: in whatever words."""
    path, mark, query = url.partition("?")
    return redact(path) + (f"{mark}…" if query else mark)


def shown_path(target: str) -> str:
    """The path of a request, fit for an error or a log. The query is left out: it may hold the state of an upload.

    >>> shown_path("/v2/app/blobs/uploads/1-2?_state=abc")
    '/v2/app/blobs/uploads/…'
    """
    return redact(target.partition("?")[0])


def shown_header(name: str, value: str) -> str:
    """The value of a header, fit for a hook."""
    if name.lower() in _CREDENTIALS:
        return "…"
    return printable(without_query(value) if name.lower() in _PLACES else redact(value))


def shown(text: str) -> str:
    """What a registry said, without secrets, and fit to be printed."""
    return printable(redact(text))


def shown_json(value: Any) -> Any:
    """A JSON value of a registry; all its strings, those of keys too, as of `shown`."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [shown_json(item) for item in value]
    if isinstance(value, dict):
        return {shown(key): _shown_member(key, item) for key, item in value.items()}
    return value


def _shown_member(key: str, value: Any) -> Any:
    return "…" if isinstance(value, str) and _SECRET_NAME.fullmatch(key) else shown_json(value)

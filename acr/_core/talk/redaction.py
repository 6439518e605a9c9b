"""Redaction: no token and no signed URL gets into an error, a log or a hook, whatever a registry echoes."""

from __future__ import annotations

import re
from typing import Any, Final

from acr._text import printable

# Of Azure, Amazon, Google and CloudFront. Also as Go writes an ampersand in JSON, and as it is in a URL within a URL.
_SIGNATURE: Final = re.compile(
    r"(?i)((?:[?&;]|\\u0026|%26|%3F)(?:sig|se|sv|sp|sr|skoid|sktid|_state"
    r"|X-(?:Amz|Goog)-(?:Credential|Security-Token|Signature)|Key-Pair-Id|Policy|Signature|(?:access_|id_)?token)(?:=|%3D))(?:(?!\\u0026|%26)[^&\s\"'<>])+"
)
# Not within a word, and possessive: an error body of nothing but `-eyJ` takes no longer than any other.
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]++(?:\.[\w-]*+){2,}+")


_UPLOAD: Final = re.compile(r"(/blobs/uploads/)[^\s\"'<>?,;]++")
"""Where an upload is. Some registries need nothing else to let anybody write to it."""


def redact(text: str) -> str:
    """Take out what looks like a token, a signed URL or the location of an upload: error bodies may echo what was sent.

    >>> redact("https://x.blob.core.windows.net/b?se=1&sig=abc")
    'https://x.blob.core.windows.net/b?se=…&sig=…'
    >>> redact("/v2/app/blobs/uploads/1-2?_state=abc")
    '/v2/app/blobs/uploads/…?_state=…'
    """
    if "/blobs/uploads/" in text:
        text = _UPLOAD.sub(r"\1…", text)
    return _JWT.sub("…", _SIGNATURE.sub(r"\1…", text))


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
        return {shown(key): shown_json(item) for key, item in value.items()}
    return value

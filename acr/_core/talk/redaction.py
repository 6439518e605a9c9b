"""Redaction: no token and no signed URL gets into an error, a log or a hook, whatever a registry echoes."""

from __future__ import annotations

import re
from typing import Any, Final

from acr_rest.redaction import SECRET_NAME, redact

from acr._text import printable

# Headers as httpcore logs them.
_LOGGED: Final = re.compile(
    r"(?i)(\(b'(?:set-cookie|cookie|(?:proxy-)?authorization)', b)(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")"
)
_LOGGED_PLACE: Final = re.compile(r"(?i)(\(b'(?:content-)?location', b(?:'[^?']*+|\"[^?\"]*+)\?)(?:(?:[^'\"\\]|\\.)++)")

_OF_EACH: Final = 120
"""Characters of what each credential of a chain says."""

_CREDENTIALS: Final = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization"})
_PLACES: Final = frozenset({"location", "content-location"})


def redact_log(text: str) -> str:
    """The same of what httpcore logs: it prints whole headers, so a cookie and the query of a place go, too."""
    return redact(_LOGGED_PLACE.sub(r"\1…", _LOGGED.sub(r"\1'…'", text)))


def without_query(url: str) -> str:
    """A URL whose query may be a capability, as those of uploads and of storage are: in whatever words."""
    path, mark, query = url.partition("?")
    return redact(path) + (f"{mark}…" if query else mark)


def shown_chain(text: str) -> str:
    r"""What a chain of credentials says, fit for an error: it is pages long, so this has the beginning of each.

    >>> shown_chain("none\nof\n\tOne: no\nsee x\n\tOther: no")
    'none; One: no; Other: no'
    """
    first, *more = redact(text).splitlines() or [""]  # before anything is cut: a part of a secret is one, too
    tried = [line.strip() for line in more if line.startswith("\t")]
    each = [line if len(line) <= _OF_EACH else f"{line[:_OF_EACH]}…" for line in tried]
    return printable("; ".join([first, *each])) if tried else shown(text)


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
    return "…" if isinstance(value, str) and SECRET_NAME.fullmatch(key) else shown_json(value)

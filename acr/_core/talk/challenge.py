"""Challenges: the grammar of WWW-Authenticate (RFC 9110, sections 11.3 to 11.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs
from acr_rest.redaction import redact

from acr.errors import ProtocolViolation

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_QUOTED: Final = re.compile(r'"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"')
_PARAMETER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*")
_SPACE: Final = re.compile(r"[ \t]*")
_SEPARATORS: Final = re.compile(r"[ \t,]*")


@attrs.frozen
class Challenge:
    """One challenge: how the server wants to be authenticated to.

    Args:
        scheme: in lower case, as it is compared without case: `bearer`, `basic`.
        parameters: names in lower case; values without quotes.
        token68: the single value that some schemes have instead of parameters, or None.
    """

    scheme: str
    parameters: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    token68: str | None = None

    def __str__(self) -> str:
        if self.token68 is not None:
            return f"{self.scheme} {self.token68}"
        pairs = (f'{name}="{_escaped(value)}"' for name, value in self.parameters.items())
        return f"{self.scheme} {','.join(pairs)}".rstrip()


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    r"""Read the value of a WWW-Authenticate header; several header lines are joined by commas first.

    Raises:
        ProtocolViolation: it does not follow the grammar, or repeats a parameter within one challenge.

    >>> [c] = parse_challenges('Bearer realm="https://r/t",service="r",scope="repository:a:pull,push"')
    >>> c.scheme, c.parameters["scope"]
    ('bearer', 'repository:a:pull,push')
    >>> [c.scheme for c in parse_challenges('Negotiate abc==, Basic realm="a \\"b\\", c"')]
    ['negotiate', 'basic']
    """
    return tuple(_challenges(header))


def _challenges(header: str) -> Iterator[Challenge]:
    at = _skip(_SEPARATORS, header, 0)
    while at < len(header):
        scheme = _TOKEN.match(header, at)
        if scheme is None:
            raise _malformed(header, at)
        at = scheme.end()
        space = _skip(_SPACE, header, at)
        if space < len(header) and header[space] != "," and space == at:
            raise _malformed(header, at)
        token68 = _TOKEN68.match(header, space) if space > at else None
        if token68 is not None:
            yield Challenge(scheme.group().lower(), token68=token68.group())
            at = _next_item(header, token68.end())
        else:
            parameters, at = _parameters(header, space)
            yield Challenge(scheme.group().lower(), parameters)


def _parameters(header: str, at: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    at = _skip(_SEPARATORS, header, at)
    # After a comma comes either a further parameter or the next challenge: only a parameter has "=" after its name.
    while (name := _PARAMETER.match(header, at)) is not None:
        value = _QUOTED.match(header, name.end()) or _TOKEN.match(header, name.end())
        key = name.group(1).lower()
        if value is None or key in parameters:
            raise _malformed(header, at)
        parameters[key] = re.sub(r"\\(.)", r"\1", value.group(1)) if value.lastindex else value.group()
        at = _next_item(header, value.end())
    return parameters, at


def _next_item(header: str, at: int) -> int:
    at = _skip(_SPACE, header, at)
    if at < len(header) and header[at] != ",":
        raise _malformed(header, at)
    return _skip(_SEPARATORS, header, at)


def _skip(what: re.Pattern[str], header: str, at: int) -> int:
    match = what.match(header, at)
    return match.end() if match else at


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _malformed(header: str, at: int) -> ProtocolViolation:
    return ProtocolViolation(f"malformed WWW-Authenticate header at character {at}: {redact(header)[:200]!r}")

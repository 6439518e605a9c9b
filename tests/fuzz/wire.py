"""A registry for the client that needs no socket: it answers one request with what is tried, and others as is usual.

An answer is written as HTTP has it, with the status alone in its first line:

    200
    Content-Type: application/json

    {"repositories":["app"]}
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

import acr
from acr._core.runtime import Outgoing
from acr._shells.http import lower

HOST: Final = "my.azurecr.io"
NOTHING: Final = b'404\nContent-Type: application/json\n\n{"errors":[{"code":"NOT_FOUND","message":"nothing"}]}'
GREETING: Final = b"200\n\n{}"

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS: Final = re.compile(rb"[2-5][0-9]{2}")
# What is between client and registry lets no other character through (RFC 9110, section 5.5).
_NOT_IN_HEADERS: Final = re.compile(rb"[^\t\x20-\x7e\x80-\xff]")
_SENDABLE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")


class _Answer:
    """What came, as `acr._core.runtime.Incoming` has it."""

    def __init__(self, raw: bytes, *, is_head: bool) -> None:
        head, _, body = raw.partition(b"\n\n")
        status, *lines = head.split(b"\n")
        pairs = [line.partition(b":") for line in lines]
        self.status = int(status) if _STATUS.fullmatch(status) else 200
        self.headers = lower(
            [(name, _NOT_IN_HEADERS.sub(b"", text).strip()) for name, colon, text in pairs if _NAME.fullmatch(name)]
        )
        self._body = b"" if is_head else body

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        body, self._body = self._body, b""
        if body:
            yield body

    async def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._body))
        buffer[:count], self._body = self._body[:count], self._body[count:]
        return count

    def until(self, deadline: float | None) -> None:
        """All of it is there."""

    async def aclose(self) -> None:
        pass


class Wire:
    """What stands for the network.

    Args:
        answers: by the beginning of the path, what is answered there, in order; the last one to all that follow.
    """

    def __init__(self, answers: Mapping[str, list[bytes]]) -> None:
        self._answers = {path: list(there) for path, there in answers.items()}

    async def send(self, request: Outgoing) -> Any:
        """Answer a request, which must be one that HTTP has room for. In its target the client encodes the rest."""
        for name, text in request.headers.items():
            assert _SENDABLE.fullmatch(text), f"{name}: {text!r}"
        path = request.target.partition("?")[0].replace("%2F", "/")
        fitting = [prefix for prefix in self._answers if path.startswith(prefix)]
        there = self._answers[max(fitting, key=len)] if fitting else [NOTHING]
        return _Answer(there.pop(0) if len(there) > 1 else there[0], is_head=request.method == "HEAD")


def registry(answers: Mapping[str, list[bytes]], credential: acr.Credential | None = None) -> acr.Registry:
    """A client of such a registry, which tries nothing again."""
    client = acr.Registry(HOST, credential, retries=acr.Retries(limit=0))
    wire = Wire({"/v2/": [GREETING, NOTHING], **answers})
    client._session.runtime.send = wire.send  # type: ignore[method-assign]
    return client


Call = Callable[[acr.Registry], object]

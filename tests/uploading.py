"""What the tests of uploads have in common: sources, and what is seen of an upload from both ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import acr
from acr.emulator import Emulator
from tests.content import bytes_of

MIB = 1024 * 1024
CHUNK = MIB
CONTENT = bytes_of(3 * MIB + 17)
DIGEST = acr.Digest.of(CONTENT)


def patches(emulator: Emulator) -> list[str]:
    return [r.headers["content-range"] for r in emulator.requests if r.method == "PATCH"]


def taken(emulator: Emulator) -> list[str]:
    """The ranges of the chunks that were taken."""
    return [r.headers["content-range"] for r in emulator.requests if r.method == "PATCH" and r.status == 202]


def sizes(emulator: Emulator) -> list[int]:
    """Bytes of each chunk, also of those that were not taken."""
    ranges = (text.split("-") for text in patches(emulator))
    return [int(last) - int(first) + 1 for first, last in ranges]


def open_sessions(emulator: Emulator) -> int:
    """Upload sessions that were opened and neither committed nor cancelled."""
    return len(emulator.open_uploads)


LARGE = bytes_of(5 * MIB + 17)
"""More than is held in memory."""


def once(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 700_001):
        yield content[at : at + 700_001]


SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "path": lambda content, path: (path.write_bytes(content), path)[1],
    "bytes": lambda content, _: content,
    "file": lambda content, _: io.BytesIO(content),
    "list": lambda content, _: list(once(content)),
    "once": lambda content, _: once(content),
}


GONE = b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}'
LOCKED = b'{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"disallowed"}]}'


class Watcher:
    """Follows the events of one upload as a progress bar would, and sees that they make sense."""

    def __init__(self) -> None:
        self.at = 0
        self.events: list[acr.ProgressEvent] = []
        self.retried: list[int] = []

    def __call__(self, event: acr.ProgressEvent) -> None:
        self.events.append(event)
        if isinstance(event, acr.Started):
            self.at = event.offset
        elif isinstance(event, acr.Moved):
            assert event.count > 0
            self.at += event.count
        elif isinstance(event, acr.Retried):
            assert event.reason
            self.at = event.offset
            self.retried.append(event.offset)

    @property
    def sent(self) -> int:
        return sum(event.count for event in self.events if isinstance(event, acr.Moved))

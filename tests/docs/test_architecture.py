"""The two flows of docs/architecture.md send the requests that its pictures show."""

from __future__ import annotations

import re
import time
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import acr
from acr.emulator import Emulator
from tests.content import bytes_of

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "architecture.md").read_text()
_, LISTING, UPLOAD, _ = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
MIB = 1024 * 1024


class Clock:
    """The hour that client and emulator see."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def shown(picture: str) -> list[str]:
    """The methods of the requests in a picture."""
    return re.findall(r"[│►] (GET|POST|PATCH|PUT)\b", picture)


def sent(emulator: Emulator) -> list[str]:
    """The methods of the requests that arrived. Chunks in a row count as one."""
    methods = [record.method for record in emulator.requests]
    return [method for method, group in groupby(methods) for _ in (group if method != "PATCH" else [0])]


def test_a_listing_with_an_expired_token() -> None:
    clock = Clock()
    with Emulator(clock=clock) as emulator:
        with acr.Registry(emulator.url, emulator.credential(lifetime=86400), clock=clock) as registry:
            app = registry.repository("team/app")
            app.push_artifact([], tag="v1")
            assert [tag.name for tag in app.tags()] == ["v1"]
            clock.ahead = 7200
            emulator.clear_requests()
            assert [tag.name for tag in app.tags()] == ["v1"]
        assert sent(emulator) == shown(LISTING) == ["POST", "GET"]
        for record in emulator.requests:
            assert f"{record.method} {unquote(record.path.partition('?')[0])}\n" in LISTING


def test_a_chunk_whose_answer_is_lost(acr_emulator: Emulator) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential(), sleep=lambda _: None) as registry:
        app = registry.repository("team/app")
        app.push_artifact([], tag="v1")
        acr_emulator.clear_requests()
        acr_emulator.fail(method="PATCH", drop=True, after=True)
        app.upload_blob(bytes_of(9 * MIB))
    assert sent(acr_emulator) == shown(UPLOAD) == ["POST", "PATCH", "GET", "PATCH", "PUT"]
    ranges = [record.headers["content-range"] for record in acr_emulator.requests if record.method == "PATCH"]
    assert ranges[0] == f"0-{4 * MIB - 1}"
    assert ranges[1].startswith(f"{4 * MIB}-")
    assert f"Range: 0-{4 * MIB - 1}" in UPLOAD
    assert f"PATCH from byte {4 * MIB}" in UPLOAD
    assert sum(record.received for record in acr_emulator.requests if record.method in ("PATCH", "PUT")) == 9 * MIB

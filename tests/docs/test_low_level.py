"""docs/low-level.md: each of its programs does what it is there for, against the emulator, over real sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "low-level.md").read_text(encoding="utf-8")
PROGRAMS = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "httpx" in block]
LISTS = [block for block in PROGRAMS if "next_page" in block]
PUSHES = [block for block in PROGRAMS if "start_upload" in block]
FAILURES = [block for block in PROGRAMS if "parse_failure" in block]
BOTH = ["sync", "async"]


@pytest.fixture
def app(acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[acr.Repository]:
    """To prepare the registry, and to see what came of a program."""
    monkeypatch.setenv("ACR_USER", acr_emulator.username)
    monkeypatch.setenv("ACR_PASSWORD", acr_emulator.password)
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        yield registry.repository("team/app")


def run(program: str, emulator: Emulator) -> None:
    code = program.replace('"https://my.azurecr.io"', repr(emulator.url))
    exec(compile(code, "low-level.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own document


def test_each_is_there_in_both_colours_and_has_at_most_20_lines() -> None:
    for programs in (LISTS, PUSHES, FAILURES):
        assert ["asyncio" in program for program in programs] == [False, True]
    assert sorted(PROGRAMS) == sorted([*LISTS, *PUSHES, *FAILURES])
    for program in PROGRAMS:
        assert len([line for line in program.splitlines() if line]) <= 20


def test_the_first_one_is_on_the_first_screen() -> None:
    assert PAGE.index("```python") < PAGE.index("##")
    assert len(PAGE.partition("```\n")[0].splitlines()) <= 30


@pytest.mark.parametrize("program", LISTS, ids=BOTH)
def test_they_list_all_pages(
    program: str, app: acr.Repository, acr_emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        push_image(app, tag=f"v{number}")
    run(program.replace("n=100", "n=2"), acr_emulator)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["v0", "v1", "v2", "v3", "v4"]
    assert sum("/_tags" in request.path for request in acr_emulator.requests) == 3


@pytest.mark.parametrize("program", PUSHES, ids=BOTH)
def test_they_push_a_blob(
    program: str, app: acr.Repository, acr_emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    run(program, acr_emulator)
    digest = capsys.readouterr().out.strip()
    assert digest == acr.Digest.of(b"the bytes of the blob")
    assert app.download_blob(digest).read() == b"the bytes of the blob"


@pytest.mark.parametrize("program", FAILURES, ids=BOTH)
@pytest.mark.usefixtures("app")
def test_they_read_a_failure(program: str, acr_emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    run(program, acr_emulator)
    told = capsys.readouterr().out
    assert told.startswith("401 ")
    assert "UNAUTHORIZED" in told

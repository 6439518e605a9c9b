"""docs/processes.md holds: each example runs as a program, and the table names what stays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "processes.md").read_text()
SERVED = """
import asyncio


async def serve() -> None:
    async with lifespan(None) as state:
        print(await state["repository"].exists())


asyncio.run(serve())
"""
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_is_a_program(example: str, acr_emulator: Emulator, tmp_path: Path) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        digest = registry.repository("team/app").push_artifact([], tag="v1").digest
    credential = f'__import__("acr").UsernamePassword({acr_emulator.username!r}, {acr_emulator.password!r})'
    program = example.replace('"my.azurecr.io"', repr(acr_emulator.url)).replace("default_credential()", credential)
    if "def lifespan" in example:
        program += SERVED
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines in ([digest] * 3, ["v1"] * 2, ["True"]) or "make one in each process, and pass endpoint" in done.stdout


def test_what_is_said_to_stay_stays() -> None:
    table = PAGE.partition("| stays |")[2]
    named = set(re.findall(r"`([A-Z]\w+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if "|" in row)))
    assert named == {
        *("Registry", "Repository", "Listing", "BlobStream", "BlobReader", "VerifyingReader", "Upload"),
        *("Layout", "DockerArchive", "Memory", "Hasher"),
    }
    for name in named:
        assert getattr(acr, name).__reduce__ is not object.__reduce__

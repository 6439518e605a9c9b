"""Where the clients are that others wrote, and how they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

_SETUP = Path(__file__).with_name("setup.sh")
_CANNOT = 3


@cache
def installed(kind: Literal["python", "node", "go", "skopeo"]) -> Path:
    """What setup.sh installs, now if it is not there yet. Skips the test where this machine cannot have it."""
    run = subprocess.run(
        [_SETUP, kind], env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    if run.returncode == _CANNOT:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stderr
    return Path(run.stdout.strip())


def run(*command: str | Path, home: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """Run a client that must succeed, with a home of its own and none of the caller's settings; gives its output."""
    settings = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home), **(env or {})}
    done = subprocess.run(
        command, env=settings, cwd=home, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout

"""The programs of the benchmark, each compiled if its sources have changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

from benchmarks.programs import CACHE, Missing, compiler

_HERE: Final = Path(__file__).parent
_GO: Final = Path("/usr/local/go/bin/go")
"""Where Go's own installation puts it."""


@cache
def line_program() -> Path:
    """The line.

    Raises:
        Missing: there is no compiler.
    """
    options = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"]
    source = _HERE / "line.c"
    return _built("line", [source], lambda made: [compiler(), *options, "-o", made, source])


@cache
def go_program(name: Literal["registry", "gomodule"]) -> Path:
    """A program of Go. Modules that it needs come from Go's proxy, once.

    Raises:
        Missing: there is no Go, or it cannot be built.
    """
    folder = _HERE / name
    sources = sorted(path for path in folder.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    return _built(f"network-{name}", sources, lambda made: [_go(), "build", "-C", folder, "-o", made, "."])


def _go() -> Path:
    found = shutil.which("go") or (_GO if _GO.exists() else None)
    if found is None:
        raise Missing("Go is not installed")
    return Path(found)


def _built(name: str, sources: Sequence[Path], command: Callable[[Path], list[str | Path]]) -> Path:
    content = b"".join(path.read_bytes() for path in sources)
    program = CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")  # another process may be building it, too
        done = subprocess.run(command(made), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"{name} cannot be built: {(done.stderr.strip().splitlines() or ['no word of why'])[-1]}")
        made.replace(program)
    return program

"""Programs that the benchmarks run: where they are, and how the limit programs are compiled. Nothing is fetched."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = ROOT / ".cache" / "bench"

_LIMITS: Final = Path(__file__).with_name("limits")
_LIBRARIES: Final = {"download": ["-lssl", "-lcrypto"], "upload": ["-lssl", "-lcrypto"], "sink": []}

_PLACES: Final = {
    "nginx": ".cache/bench/nginx-*/usr/sbin/nginx",
    "docker-registry": ".cache/peers/distribution-*/usr/bin/docker-registry",
    "crane": ".cache/peers/go-*/crane",
    "oras": ".cache/peers/go-*/oras",
    "regctl": ".cache/peers/go-*/regctl",
}
"""Where `make bench` puts what the machine has not."""

Program = Literal["nginx", "docker-registry", "skopeo", "crane", "oras", "regctl", "curl"]


class Missing(Exception):
    """Something cannot be measured on this machine; the text says why."""


@cache
def find(name: Program) -> Path:
    """Where a program is.

    Raises:
        Missing: it is nowhere.
    """
    own = sorted(ROOT.glob(_PLACES[name])) if name in _PLACES else []
    found = own[0] if own else shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed")
    return Path(found)


def need(module: str) -> None:
    """See that a Python package is there.

    Raises:
        Missing: it is not.
    """
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of a package that it would be in
        found = None
    if found is None:
        raise Missing(f"{module} is not in this environment")


def compiler() -> Path:
    """The compiler of C.

    Raises:
        Missing: there is none.
    """
    found = shutil.which("cc")
    if found is None:
        raise Missing("there is no C compiler")
    return Path(found)


@cache
def limit(name: Literal["download", "upload", "sink"]) -> Path:
    """A limit program, compiled if its source has changed.

    Raises:
        Missing: there is no compiler, or no OpenSSL to compile with.
    """
    sources = [_LIMITS / f"{name}.c", *([] if name == "sink" else [_LIMITS / "common.c"])]
    content = b"".join(path.read_bytes() for path in [*sources, _LIMITS / "common.h"])
    program = CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")  # another process may be compiling it, too
        options = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread"]
        command: list[str | Path] = [compiler(), *options, "-o", made, *sources, *_LIBRARIES[name]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"{name}.c cannot be compiled: {done.stderr.strip().splitlines()[-1]}")
        made.replace(program)
    return program


def version(name: Program | Literal["cc"], *arguments: str) -> str:
    """What a program says of its version, in one line."""
    try:
        program = compiler() if name == "cc" else find(name)
    except Missing:
        return "not installed"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def commit(tree: Path = ROOT) -> str:
    """The last commit that changed the package, marked if it has changed since; empty if git does not tell."""

    def git(*words: str) -> str:
        words_of_git = ["git", "-C", str(tree), *words, "--", "acr", "generated"]
        return subprocess.run(words_of_git, capture_output=True, text=True, check=False).stdout.strip()

    found = git("log", "-1", "--format=%h")
    return f"{found}, changed" if found and git("status", "--porcelain") else found

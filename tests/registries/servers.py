"""Registries that others wrote: where they are, how they are started, and in what they differ."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import pytest

import acr

Make = Literal["distribution", "distribution3", "zot"]

_SETUP: Final = Path(__file__).with_name("setup.sh")
_CANNOT: Final = 3
_START: Final = 15.0
"""Seconds until a registry listens, at the most."""

CREDENTIAL: Final = acr.UsernamePassword("ci", "open sesame")
_HTPASSWD: Final = "ci:$2y$05$fuXcCqVmhuKvF/jzNLZPGuWbMw/BzX8aVmL2G8HG6stbbiieiSc3K\n"
"""The same, as `htpasswd -nbB` writes it."""


@attrs.frozen
class Server:
    """A registry that runs.

    Args:
        make: which it is.
        port: on this machine.
        credential: what it takes; None where anybody may do anything.
    """

    make: Make
    port: int
    credential: acr.UsernamePassword | None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pages_tags(self) -> bool:
        """Whether it gives tags by page, and in order. Before version 3, distribution looks at no query."""
        return self.make != "distribution"

    @property
    def knows_referrers(self) -> bool:
        """Whether it has the API of OCI 1.1; a tag stands in for that else."""
        return self.make == "zot"


@contextmanager
def started(make: Make, folder: Path, credential: acr.UsernamePassword | None) -> Iterator[Server]:
    """Run a registry in a folder of its own. Skips the test where this machine cannot have it."""
    program = _installed(make)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    passwords = folder / "htpasswd" if credential else None
    if passwords:
        passwords.write_text(_HTPASSWD)
    config = folder / "config.json"
    settings = _zot(folder, port, passwords) if make == "zot" else _distribution(folder, port, passwords)
    config.write_text(json.dumps(settings))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "OTEL_TRACES_EXPORTER": "none"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", config], env=env, cwd=folder, stdout=log, stderr=log)
    try:
        assert _listens(process, port), (folder / "log").read_text()
        yield Server(make, port, credential)
    finally:
        process.terminate()
        process.wait()


def _distribution(folder: Path, port: int, passwords: Path | None) -> dict[str, Any]:
    """Its configuration; it wants YAML, and JSON is that, too."""
    return {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        **({"auth": {"htpasswd": {"realm": "test", "path": str(passwords)}}} if passwords else {}),
    }


def _zot(folder: Path, port: int, passwords: Path | None) -> dict[str, Any]:
    auth = {"realm": "test", "auth": {"htpasswd": {"path": str(passwords)}}} if passwords else {}
    return {
        "distSpecVersion": "1.1.1",
        "storage": {"rootDirectory": str(folder / "data"), "gc": False},
        "http": {"address": "127.0.0.1", "port": str(port), **auth},
        "log": {"level": "warn"},
    }


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return True
    return False


def _installed(make: Make) -> Path:
    """What setup.sh installs, now if it is not there yet."""
    run = _set_up(make)
    if run.returncode == _CANNOT:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stderr
    return Path(run.stdout.strip())


@cache
def _set_up(make: Make) -> subprocess.CompletedProcess[str]:
    return subprocess.run([_SETUP, make], capture_output=True, text=True, check=False)

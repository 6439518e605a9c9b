"""Helpers: programs that know credentials (docker-credential-helpers, "Development"). What they print is bounded."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, Final, cast

_LIMIT: Final = 1024 * 1024
"""Bytes that a helper may print. Real ones print some kilobytes."""

_PIECE: Final = 64 * 1024


class PrintsTooMuch(Exception):
    """A helper has printed more than any credential has."""


def ask(program: str, host: str, *, timeout: float) -> tuple[int, bytes]:
    """Ask a helper for the credential of a host: it reads the host, and writes JSON.

    Args:
        program: its name; there is no shell.
        host: the login server.
        timeout: seconds that it may take.

    Returns:
        Its exit code, and what it has printed.

    Raises:
        OSError: there is no such program, or it cannot be run.
        subprocess.TimeoutExpired: it took longer.
        PrintsTooMuch: it printed more than 1 MiB.
    """
    end = time.monotonic() + timeout
    command, pipe = [program, "get"], subprocess.PIPE
    process = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
    with suppress(OSError), cast("IO[bytes]", process.stdin) as asking:  # it may have ended already
        asking.write(host.encode())
    printed = bytearray()
    reading = threading.Thread(target=_read, args=(cast("IO[bytes]", process.stdout), printed), daemon=True)
    reading.start()
    try:
        reading.join(timeout)
        if len(printed) > _LIMIT:
            raise PrintsTooMuch
        if reading.is_alive():
            raise subprocess.TimeoutExpired(command, timeout)
        return process.wait(max(0, end - time.monotonic())), bytes(printed)
    finally:
        process.kill()  # no more than a word to one that has ended
        process.wait()


def _read(printing: IO[bytes], printed: bytearray) -> None:
    """Read what a helper prints, in a thread: there is no other way to stop waiting for it that all systems have."""
    with suppress(OSError), printing:
        while len(printed) <= _LIMIT and (piece := printing.read(_PIECE)):
            printed += piece

"""Helpers: programs that print credentials (docker-credential-helpers, "Development"). Output and time are bounded."""

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
    """Ask a helper for the credential of a host. The helper reads the host, and prints JSON.

    Args, returned values and errors as of `call`.
    """
    return call(program, "get", host.encode(), timeout=timeout)


def call(program: str, verb: str, content: bytes, *, timeout: float) -> tuple[int, bytes]:
    """Call a helper.

    Args:
        program: the name of the helper; no shell runs it.
        verb: `get`, `store` or `erase`.
        content: what the helper reads.
        timeout: the seconds that the helper may take.

    Returns:
        The exit code of the helper, and what it printed.

    Raises:
        OSError: there is no such program, or it cannot run.
        subprocess.TimeoutExpired: the helper took longer.
        PrintsTooMuch: the helper printed more than 1 MiB.
    """
    end = time.monotonic() + timeout
    command, pipe = [program, verb], subprocess.PIPE
    process = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        with suppress(OSError), cast("IO[bytes]", process.stdin) as asking:  # it may have ended already
            asking.write(content)
        printed = bytearray()
        reading = threading.Thread(target=_read, args=(cast("IO[bytes]", process.stdout), printed), daemon=True)
        reading.start()
        reading.join(timeout)
        if len(printed) > _LIMIT:
            raise PrintsTooMuch
        if reading.is_alive():
            raise subprocess.TimeoutExpired(command, timeout)
        return process.wait(max(0, end - time.monotonic())), bytes(printed)
    finally:
        process.kill()  # does nothing to a helper that has ended
        process.wait()


def _read(printing: IO[bytes], printed: bytearray) -> None:
    """Read what a helper prints, in a thread: only so can the caller stop waiting on each system."""
    with suppress(OSError), printing:
        while len(printed) <= _LIMIT and (piece := printing.read(_PIECE)):
            printed += piece

"""`python -m acr.emulator`: a local Azure Container Registry, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from acr.emulator._extra import HINT, is_missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an emulator; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        from acr.emulator._emulator import Emulator
    except ModuleNotFoundError as error:
        if not is_missing(error):
            raise
        print(HINT, file=sys.stderr)
        return 1
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        registry = Emulator(
            options.data,
            port=options.port,
            storage_port=options.storage_port,
            host=options.host,
            tls=None if options.tls is None else tuple(options.tls),
            anonymous_pull=options.anonymous_pull,
        )
    except OSError as error:
        print(f"acr.emulator: {error}", file=sys.stderr)
        return 1
    with registry:
        print(registry.url)
        print(f"sign in as {registry.username} with the password {registry.password}; Ctrl-C stops", flush=True)
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m acr.emulator", description="A local Azure Container Registry.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    parser.add_argument("--storage-port", type=int, default=0, help="port of the blob store; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--tls", type=Path, nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak https, with these files in PEM"
    )
    parser.add_argument("--data", type=Path, help="folder to keep everything in; without it, memory")
    parser.add_argument("--anonymous-pull", action="store_true", help="let anyone pull and list")
    return parser


if __name__ == "__main__":
    sys.exit(main())

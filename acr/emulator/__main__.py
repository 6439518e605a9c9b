"""`python -m acr.emulator`: a local Azure Container Registry, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import attrs

from acr._text import printable
from acr.emulator._arguments import HIGHEST_PORT
from acr.emulator._extra import HINT, is_missing
from acr.emulator._settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an emulator until it is interrupted. Return the exit code."""
    parser = _Parser("python -m acr.emulator", description="A local Azure Container Registry.")
    add_options(parser)
    return serve(parser.parse_args(arguments))


def serve(options: argparse.Namespace) -> int:
    """Run an emulator until it is interrupted.

    Args:
        options: those of `add_options`.

    Returns:
        The exit code.
    """
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
            tls=options.tls,
            self_signed=options.self_signed,
            password=options.password,
            seed=options.seed,
            **{"anonymous_pull": options.anonymous_pull, **dict(options.set)},
        )
        registry.start()
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else error
        print(f"acr.emulator: {printable(str(text))}", file=sys.stderr)
        return 1
    try:
        print(registry.url)
        password = registry.password if options.password is None else "that you gave"
        print(f"sign in as {registry.username} with the password {password}; Ctrl-C stops", flush=True)
        if options.self_signed:
            print(f"clients have to trust {registry.certificate}", flush=True)
        stopped.wait()
    finally:
        registry.stop()
    return 0


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        self.exit(2, f"acr.emulator: {printable(message)} (--help lists the options)\n")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the emulator to a parser."""
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0, the default, takes a free one")
    parser.add_argument("--storage-port", type=_port, default=0, help="port of the blob store; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak https, with these files in PEM")
    parser.add_argument("--self-signed", action="store_true", help="speak https, with a certificate of its own making")
    parser.add_argument("--data", help="folder to keep everything in; without it, memory")
    parser.add_argument("--seed", help="what to begin with: an OCI image layout, or a recipe in TOML")
    parser.add_argument("--password", help="of the admin; others on this machine can see it in the list of processes")
    parser.add_argument("--anonymous-pull", action="store_true", help="let anyone pull and list")
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change how the registry behaves, such as anonymous_pull=true, trash=az or access_lifetime=60 (seconds);"
        " may be repeated; docs/emulator.md lists all settings",
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= HIGHEST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to {HIGHEST_PORT}, or 0 for any free one")


def _setting(text: str) -> tuple[str, bool | float | str]:
    """A name and a value, as `Settings` has them."""
    name, _, value = text.partition("=")
    kinds = {one.name: str if isinstance(one.default, str) else one.type for one in attrs.fields(Settings)}
    kind = kinds.get(name)
    if kind is bool and value in ("true", "false"):
        return name, value == "true"
    if kind is str:
        return name, value
    try:
        if kind is int:
            return name, int(value)
        if kind is float:
            return name, float(value)
    except ValueError:
        pass
    known = ", ".join(name for name, kind in kinds.items() if kind in (bool, int, float, str))
    raise argparse.ArgumentTypeError(f"{text!r}: expected =true, =false, =SECONDS or a word behind one of {known}")


if __name__ == "__main__":
    sys.exit(main())

"""Run a local registry for tests, until Ctrl-C.

It behaves like Azure Container Registry: docs/emulator.md. It needs the extra `emulator`: `pip install
'acr-client[emulator]'`. It prints its URL, and the password of its admin user.
"""

from __future__ import annotations

import argparse

from acr.cli._context import Context, files_there
from acr.emulator.__main__ import add_options, serve

EXAMPLES = (
    "acr emulator",
    "acr emulator --port 5000 --data registry",
    "acr emulator --self-signed --set anonymous_pull=true",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    add_options(parser)


def run(context: Context) -> int:
    """Serve."""
    options = context.options
    files_there([*([] if options.seed is None else [options.seed]), *(options.tls or ())])
    return serve(context.options)

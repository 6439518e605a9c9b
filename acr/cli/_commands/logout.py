"""Remove the stored credential for a registry, as docker logout does, without docker.

It removes the entry from docker's config.json, and from the helper that it names. It does not end a session of az.
"""

from __future__ import annotations

import argparse

import acr
from acr.cli._commands.login import host_of
from acr.cli._context import Context
from acr.cli._parsing import add_quiet

EXAMPLES = (
    "acr logout my.azurecr.io",
    "acr logout my.azurecr.io --quiet",
    "acr logout --registry my.azurecr.io",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("host", nargs="?", metavar="HOST", help="the registry; the default is that of --registry")
    parser.add_argument("-r", "--registry", metavar="HOST", help="the registry")
    add_quiet(parser)


def run(context: Context) -> int:
    """Sign out."""
    server = host_of(context).partition("://")[2]
    config = acr.DockerConfig()
    had = config.erase(server)
    context.terminal.note(f"removed the credential for {server}" if had else f"{config.path} has none for {server}")
    return 0

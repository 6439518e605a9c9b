"""Say who you are to a registry, from where the credential is, and what you may do.

It asks the registry's token endpoint, and changes nothing. With --repository it says what you may do there.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Final

import acr
from acr.cli._commands.login import host_of
from acr.cli._context import Context
from acr.cli._output.rows import Column, as_json, time_of
from acr.cli._output.terminal import BOLD
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr whoami",
    "acr whoami my.azurecr.io --repository team/app",
    "acr whoami my.azurecr.io -o json",
)

COLUMNS: Final = (
    Column("registry", "text", "the login server"),
    Column("credential", "text", "where the credential is from"),
    Column("identity", "text", "user name, or subject of the token; null if the registry does not say", null=True),
    Column("expires", "time", "when the refresh token expires", null=True),
    Column("repository", "text", "the repository that was asked about", null=True),
    Column("actions", "texts", "what you may do there", null=True),
    Column("catalog", "boolean", "whether you may list repositories", null=True),
    Column("abac", "boolean", "whether the registry assigns roles by repository", null=True),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("host", nargs="?", metavar="HOST", help="the registry; the default is that of --registry")
    parser.add_argument("--repository", metavar="REPO", help="also say what you may do in this repository")
    add_output(parser, summary=False)
    add_common(parser)


def run(context: Context) -> int:
    """Say who you are."""
    host = host_of(context)
    credential = context.clients.credential(host)
    access = context.clients.registry(host).check(context.options.repository)
    keys = ("registry", "identity", "expires", "repository", "catalog", "abac")
    row = {key: getattr(access, key) for key in keys}
    row |= {"credential": credential.source, "actions": None if access.actions is None else sorted(access.actions)}
    if context.options.output in (None, "table") and not context.options.fields:
        for column in COLUMNS:
            value = row[column.key]
            if value is not None:
                text = ", ".join(value) or "nothing" if isinstance(value, list) else _shown(value)
                context.terminal.write(f"{context.terminal.style(f'{column.key}:', BOLD)} {acr.printable(text)}\n")
    elif context.options.output == "json" and not context.options.fields:
        context.terminal.write(
            json.dumps({column.key: as_json(row[column.key]) for column in COLUMNS}, indent=2) + "\n"
        )
    else:
        context.print_rows(COLUMNS, [row], lambda one: str(one["identity"] or "anonymous"))
    return 0


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return time_of(value) if isinstance(value, datetime) else str(value)

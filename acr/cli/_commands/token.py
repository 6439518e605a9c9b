"""Print a token for another program.

Without --scope it prints an ACR refresh token, which works as the password of the user
00000000-0000-0000-0000-000000000000 for about three hours. With --scope it prints an access token for requests of your
own, which is valid for about an hour. Whoever has a token can use it: do not print it into a log.
"""

from __future__ import annotations

import argparse
import json
import shlex

import acr
from acr.cli._commands.login import host_of
from acr.cli._context import Context
from acr.cli._errors import reason
from acr.cli._exits import NOT_SIGNED_IN, CommandError
from acr.cli._parsing import add_common

EXAMPLES = (
    "acr token my.azurecr.io --scope repository:team/app:pull",
    "acr token my.azurecr.io --scope repository:team/app:pull,push --scope registry:catalog:*",
    "acr token my.azurecr.io --scope repository:team/app:metadata_read -o json",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("host", nargs="?", metavar="HOST", help="the registry; the default is that of --registry")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help="such as repository:team/app:pull; may be repeated",
    )
    parser.add_argument("-o", "--output", choices=("json",), help="print an object")
    add_common(parser)


def run(context: Context) -> int:
    """Print a token."""
    options = context.options
    registry = context.clients.registry(host_of(context))
    token = registry.access_token(options.scope) if options.scope else _refresh_token(context, registry)
    if options.output == "json":
        kind = "access_token" if options.scope else "refresh_token"
        context.terminal.write(json.dumps({"registry": registry.login_server, kind: token}) + "\n")
    else:
        context.terminal.write(f"{token}\n")
    return 0


def _refresh_token(context: Context, registry: acr.Registry) -> str:
    """A refresh token. If the credential is of a kind that gets none, the error has a command for which it will do."""
    try:
        return registry.refresh_token()
    except acr.CredentialError as error:
        if not str(error).startswith("a refresh token takes"):
            raise
        options = context.options
        words = ["acr", "token", options.host or registry.login_server, "--scope", "repository:REPO:pull"]
        words += ["--username", options.username, "--password-stdin"] if options.username is not None else []
        words += ["--anonymous"] if options.anonymous else []
        hint = f"`{shlex.join(words)}` prints an access token, which any credential can get"
        raise CommandError(reason(error), hint=hint, code=NOT_SIGNED_IN) from None

"""Store a credential for a registry, as docker login does, without docker.

With --username it stores that name and the password, after the registry has accepted them. Without, it gets an ACR
refresh token for your Entra credential (az login, managed identity), which is valid for about three hours. The
credential goes to docker's config.json, or to the helper that it names, so docker and other programs use it, too.
"""

from __future__ import annotations

import argparse

import acr
from acr.cli._context import Context
from acr.cli._exits import Usage
from acr.cli._parsing import add_common

EXAMPLES = (
    "acr login my.azurecr.io",
    "acr login my.azurecr.io --username ci-token --password-stdin < password.txt",
    "acr login my.azurecr.io --token-stdin < token.txt",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("host", nargs="?", metavar="HOST", help="the registry; the default is that of --registry")
    add_common(parser)


def host_of(context: Context) -> str:
    """The registry that is meant.

    Raises:
        Usage: two are named, or none.
    """
    named: str | None = context.options.host
    if named is not None and context.options.registry not in (None, named):
        raise Usage(f"{named!r} and --registry name two registries")
    context.names.default = named or context.names.default
    return context.names.default_host()


def run(context: Context) -> int:
    """Sign in."""
    options = context.options
    host = host_of(context)
    if options.anonymous:
        raise Usage("--anonymous: there is nothing to store")
    server = host.partition("://")[2]
    is_given = options.username is not None or options.password_stdin or options.token_stdin
    credential: acr.UsernamePassword | acr.RefreshToken
    if is_given:
        credential = context.clients.given()
        with_it = context.clients.registry(host)
        with_it.check()
    else:
        if not context.clients.may_have_entra_tokens(host):
            raise Usage(
                f"{server} is no registry of Azure, so it gets no Entra token by itself",
                hint="pass --username with --password-stdin, or name the host in entra_hosts of your config",
            )
        context.clients.use_entra(host)
        credential = acr.RefreshToken(context.clients.registry(host).refresh_token())
    place = acr.DockerConfig().store(server, credential)
    context.terminal.note(f"signed in to {server}; the credential is in {place}")
    if isinstance(credential, acr.UsernamePassword) and "/" in place:
        context.terminal.note(
            "the password is not encrypted there: a credential helper (credsStore) would keep it safe"
        )
    return 0

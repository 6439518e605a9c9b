"""Access: the clients of a command, and whose credential each of them gets.

A credential that the user has not named for a host goes there only if it belongs there: Entra tokens to Azure's
domains and to hosts of the user's own config, a password or token of the environment to the registry that the
environment or the command line names.
"""

from __future__ import annotations

import logging
import ssl
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import acr
from acr.cli._config import Config
from acr.cli._exits import Usage
from acr.cli._output.terminal import Terminal, binary_stdin
from acr.cli._references import AZURE, Names

_SECRET_LIMIT = 64 * 1024


class Found(NamedTuple):
    """A credential for a registry.

    Args:
        credential: what the client gets; None is anonymous.
        source: where it is from, for people.
    """

    credential: acr.Credential | None
    source: str


class Clients:
    """Makes one client for each registry that a command talks to.

    Args:
        options: of the command line.
        terminal: for standard input, and for what the user should know.
        config: the user's own.
        names: reads references.
    """

    def __init__(self, options: Namespace, terminal: Terminal, config: Config, names: Names) -> None:
        self._options = options
        self._terminal = terminal
        self._config = config
        self._names = names
        self._clients: dict[str, acr.Registry] = {}
        self._found: dict[str, Found] = {}
        self._offset = timedelta()
        self._date: tuple[str, datetime] | None = None  # of the last answer, and when it came; None if it was read
        self._given: acr.UsernamePassword | acr.RefreshToken | None = None
        self.answers: list[acr.ResponseInfo] = []
        self.keeps_answers = False

    def expect(self, *hosts: str) -> None:
        """Say which registries a command will talk to, before it talks to any.

        Raises:
            Usage: a password or token was passed, and it is not clear to which of them it belongs.
        """
        if self._has_given and len({host for host in hosts if host}) > 1:
            raise Usage(
                "the command names two registries: whose is the credential?", hint="use `acr login` for both of them"
            )

    @property
    def _has_given(self) -> bool:
        options = self._options
        return options.username is not None or options.password_stdin or options.token_stdin

    def registry(self, host: str) -> acr.Registry:
        """The client for a registry.

        Args:
            host: as `Names` gives it.

        Raises:
            Usage: the options about credentials do not go together.
            CredentialError: a credential cannot be used.
        """
        if host not in self._clients:
            options = self._options
            self._clients[host] = acr.Registry(
                host,
                self.credential(host).credential,
                allow_http=options.plain_http,
                timeouts=acr.Timeouts(total=options.timeout) if options.timeout else acr.Timeouts(),
                retries=acr.Retries(limit=options.retries),
                ssl_context=self.tls(),
                user_agent="acr-cli",
                on_response=self._heard,
            )
        return self._clients[host]

    def client_of(self, server: str) -> acr.Registry | None:
        """The client that has talked to a login server; None if none has."""
        return next((one for one in self._clients.values() if one.login_server == server), None)

    def source_of(self, server: str) -> str | None:
        """Where the credential for a login server is from; None if there is none."""
        found = next((found for host, found in self._found.items() if host.partition("://")[2] == server), None)
        return None if found is None or found.credential is None else found.source

    def tls(self) -> ssl.SSLContext | None:
        """The TLS settings of `--ca-file`.

        Raises:
            Usage: the file has no certificates.
        """
        if self._options.ca_file is None:
            return None
        try:
            context = ssl.create_default_context()
            context.load_verify_locations(self._options.ca_file)
        except (OSError, ValueError) as error:
            raise Usage(f"--ca-file {self._options.ca_file!r}: {getattr(error, 'strerror', None) or error}") from None
        return context

    def repository(self, place: Any) -> acr.Repository:
        """The repository of a reference."""
        return self.registry(place.host).repository(place.repository)

    def now(self) -> datetime:
        """The time, by the clock of the registry that has answered last."""
        if self._date is not None:
            from email.utils import parsedate_to_datetime  # slow to load, and seldom needed

            (told, came), self._date = self._date, None
            with suppress(ValueError, TypeError, OverflowError):
                self._offset = parsedate_to_datetime(told).astimezone(UTC) - came
        return datetime.now(UTC) + self._offset

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients.values():
            client.close()

    def credential(self, host: str) -> Found:
        """The credential for a registry, and where it is from.

        Args:
            host: as `Names` gives it.
        """
        if host not in self._found:
            self._found[host] = self._find(host)
        return self._found[host]

    def _find(self, host: str) -> Found:
        options, environ = self._options, self._terminal.environ
        if options.anonymous:
            return Found(None, "anonymous, as --anonymous says")
        if self._has_given:  # `expect` has seen that there is only one registry that it can belong to
            return Found(self.given(), "the command line")
        # A password of the environment is for the registry that the environment names, if it names one.
        owner = environ.get("ACR_REGISTRY") or self._names.default
        found = _of_environment(environ)
        if found is not None and owner and self._names.host(owner) == host:
            return found
        if found is not None and not owner:
            self._terminal.note(f"{found.source}: not used, because ACR_REGISTRY does not say for which registry")
        if (stored := self._stored(host)) is not None:
            return stored
        if self.may_have_entra_tokens(host):
            return self._entra()
        return Found(None, "anonymous: nobody is signed in here")

    def use_entra(self, host: str) -> None:
        """Use the Entra credential for a registry, whatever else there is."""
        self._found[host] = self._entra()

    def _entra(self) -> Found:
        if not self._options.debug:
            logging.getLogger("azure").setLevel(logging.CRITICAL)  # it would print a page if nobody is signed in
        return Found(acr.default_credential(), "Entra: az login, managed identity or the like")

    def given(self) -> acr.UsernamePassword | acr.RefreshToken:
        """The credential that the options name. Its secret comes from standard input, or from a question.

        Raises:
            Usage: the options do not go together, or nobody can be asked.
        """
        if self._given is None:
            options = self._options
            if options.token_stdin:
                if options.username is not None or options.password_stdin:
                    raise Usage("--token-stdin goes without --username and --password-stdin")
                self._given = acr.RefreshToken(self._secret())
            elif options.username is None:
                raise Usage("--password-stdin needs --username")
            else:
                self._given = acr.UsernamePassword(options.username, self._secret())
        return self._given

    def _secret(self) -> str:
        if self._options.password_stdin or self._options.token_stdin:
            content = binary_stdin(self._terminal).read(_SECRET_LIMIT + 1)
            try:
                text = content[:_SECRET_LIMIT].decode()
            except UnicodeDecodeError:
                raise Usage("standard input has a secret that is not UTF-8") from None
            if not text.strip():
                raise Usage("standard input has no secret", hint="is the variable set that it comes from?")
            return text
        if not self._terminal.can_ask:
            raise Usage("--username needs a password", hint="pass it with --password-stdin")
        from getpass import getpass  # seldom needed

        return getpass(f"Password of {acr.printable(self._options.username)}: ")

    def _stored(self, host: str) -> Found | None:
        """What docker's config has for a registry."""
        server = host.partition("://")[2]
        try:
            config = acr.DockerConfig()
            found = config.lookup(server)
        except acr.CredentialError as error:
            self._terminal.warn(f"{error}; going on without it")
            return None
        return None if found is None else Found(found, f"docker's config, {config.path}")

    def may_have_entra_tokens(self, host: str) -> bool:
        """Whether a token that comes by itself may go to a host: it must be Azure's, or one that the user names."""
        scheme, _, server = host.partition("://")
        name = server.lower().partition(":")[0].rstrip(".")
        return scheme == "https" and (name.endswith(AZURE) or server.lower() in self._config.entra_hosts)

    def _heard(self, answer: acr.ResponseInfo) -> None:
        """Take note of an answer: for `--debug`, for `doctor`, and of the registry's clock."""
        if self.keeps_answers:
            self.answers.append(answer)
        if told := answer.headers.get("date"):
            self._date = told, datetime.now(UTC)
        if self._options.debug:
            request = answer.request
            self._terminal.trace(f"{request.method} {request.url} {answer.status} {answer.seconds * 1000:.0f} ms")


def _of_environment(environ: Mapping[str, str]) -> Found | None:
    if token := environ.get("ACR_TOKEN"):
        return Found(acr.RefreshToken(token), "the variable ACR_TOKEN")
    name, password = environ.get("ACR_USERNAME"), environ.get("ACR_PASSWORD")
    if not name and not password:
        return None
    if not name or not password:
        raise Usage("ACR_USERNAME and ACR_PASSWORD go together, and one of them is empty")
    return Found(acr.UsernamePassword(name, password), "the variables ACR_USERNAME and ACR_PASSWORD")

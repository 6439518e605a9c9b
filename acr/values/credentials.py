"""Credentials: who the client is to a registry. Their secrets never show in a repr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, runtime_checkable

import attrs

DEFAULT_AUDIENCE: Final = "https://containerregistry.azure.net"
"""Of the Entra token that is exchanged. It works in every Azure cloud; ARM's is refused where a registry disables
authentication-as-arm."""


@runtime_checkable
class TokenCredential(Protocol):
    """An Entra credential: any of azure-identity, or an object with its `get_token`, sync or async."""

    @property
    def get_token(self) -> Callable[..., Any]:
        """Called with a scope: gives an object with `token`, or (async) an awaitable of one."""
        ...


def _line(text: str) -> str:
    return text.rstrip("\r\n")


@attrs.frozen
class UsernamePassword:
    """The name and password of a repository-scoped token, of a service principal or of the admin user."""

    username: str = attrs.field(converter=_line)  # a trailing newline, as files have, makes ACR answer 500
    password: str = attrs.field(converter=_line, repr=False)


@attrs.frozen
class RefreshToken:
    """An ACR refresh token, as `az acr login --expose-token` gives it. It lives about three hours."""

    token: str = attrs.field(converter=_line, repr=False)


@runtime_checkable
class Keyring(Protocol):
    """Something that knows credentials by registry, such as docker's config.json."""

    def lookup(self, host: str) -> UsernamePassword | RefreshToken | None:
        """The credential for a login server; None for anonymous. Raises CredentialError."""
        ...


Credential = TokenCredential | UsernamePassword | RefreshToken | Keyring
"""What `Registry` and `AsyncRegistry` take. None in its place is anonymous."""

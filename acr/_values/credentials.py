"""Credentials: who the client is to a registry. Their secrets never show in a repr."""

from typing import Final

import attrs

from acr._values.home import public_in

DEFAULT_AUDIENCE: Final = "https://containerregistry.azure.net"
"""Of the Entra token that is exchanged. It works in every Azure cloud; ARM's is refused where a registry disables
authentication-as-arm."""


def _line(text: str) -> str:
    return text.rstrip("\r\n")


@public_in("acr")
@attrs.frozen
class UsernamePassword:
    """The name and password of a repository-scoped token, of a service principal or of the admin user."""

    username: str = attrs.field(converter=_line)  # a trailing newline, as files have, makes ACR answer 500
    password: str = attrs.field(converter=_line, repr=False)


@public_in("acr")
@attrs.frozen
class RefreshToken:
    """An ACR refresh token, as `az acr login --expose-token` gives it. It lives about three hours."""

    token: str = attrs.field(converter=_line, repr=False)

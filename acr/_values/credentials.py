"""Credentials: who the client is to a registry. No repr shows a secret."""

from typing import Final

import attrs

from acr._values.home import public_in
from acr.errors import CredentialError

DEFAULT_AUDIENCE: Final = "https://containerregistry.azure.net"
"""The audience of the Entra token that a registry exchanges. It works in every Azure cloud. A registry with
authentication-as-arm disabled refuses the audience of Azure Resource Manager."""


def _checked(what: str, text: str) -> str:
    """Return `text` if the client can send it as a name, password or token. No error shows it."""
    if not isinstance(text, str):
        raise CredentialError(f"the {what}: expected text, got {type(text).__name__}: is the variable set?")
    text = text.rstrip("\r\n")  # a trailing newline, as files have, makes ACR answer 500
    if not text:
        raise CredentialError(f"the {what} is empty: is the variable set?")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CredentialError(f"UTF-8 cannot write the {what}") from None
    return text


def _user_name(text: str) -> str:
    return _checked("user name", text)


def _password(text: str) -> str:
    return _checked("password", text)


def _token(text: str) -> str:
    return _checked("token", text)


@public_in("acr")
@attrs.frozen
class UsernamePassword:
    """The name and password of a repository-scoped token, of a service principal or of the admin user.

    Args:
        username: the name.
        password: the password. No repr and no error shows it.

    Raises:
        CredentialError: the name or the password is empty, or is not text.
    """

    username: str = attrs.field(converter=_user_name)
    password: str = attrs.field(converter=_password, repr=False)


@public_in("acr")
@attrs.frozen
class RefreshToken:
    """An ACR refresh token, as `az acr login --expose-token` prints it. It is valid for about three hours.

    Args:
        token: the token. No repr and no error shows it.

    Raises:
        CredentialError: the token is empty, or is not text.
    """

    token: str = attrs.field(converter=_token, repr=False)

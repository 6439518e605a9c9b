"""Entra credentials that the emulator makes, with the methods that azure-identity's have."""

import attrs

from acr._values.home import public_in
from acr.emulator._access.tokens import Access, Tokens
from acr.emulator._settings import Settings
from acr.errors import InvalidInput


@public_in("acr.emulator")
@attrs.frozen
class AccessToken:
    """An Entra token.

    Args:
        token: the token.
        expires_on: when it expires, in seconds since the epoch.
    """

    token: str = attrs.field(repr=False)
    expires_on: int


@public_in("acr.emulator")
@attrs.frozen
class EntraCredential:
    """A fake Entra credential. `Emulator.credential` makes it.

    The emulator exchanges its tokens at `/oauth2/exchange`, and checks their audience and expiry.
    """

    _tokens: Tokens = attrs.field(repr=False)
    _settings: Settings = attrs.field(repr=False)
    _grants: tuple[Access, ...] | None = None
    _lifetime: float = 3600

    def get_token(self, *scopes: str, **kwargs: object) -> AccessToken:
        """Get a token for the audience of the first scope, such as `https://containerregistry.azure.net/.default`."""
        if not scopes or not isinstance(scopes[0], str):
            raise InvalidInput("get_token: expected a scope, such as https://containerregistry.azure.net/.default")
        expires = self._settings.clock() + self._lifetime
        audience = scopes[0].removesuffix("/.default")
        return AccessToken(self._tokens.entra(audience, self._grants, expires), int(expires))

    def close(self) -> None:
        """Do nothing: the credential holds nothing open."""

    def __enter__(self) -> "EntraCredential":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@public_in("acr.emulator")
@attrs.frozen
class AsyncEntraCredential:
    """A fake Entra credential for async code. `Emulator.async_credential` makes it."""

    _credential: EntraCredential

    async def get_token(self, *scopes: str, **kwargs: object) -> AccessToken:
        """Get a token for the audience of the first scope, such as `https://containerregistry.azure.net/.default`."""
        return self._credential.get_token(*scopes, **kwargs)

    async def close(self) -> None:
        """Do nothing: the credential holds nothing open."""

    async def __aenter__(self) -> "AsyncEntraCredential":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

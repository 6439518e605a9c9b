"""Tokens: the Authorization header of a request, with as few exchanges as there can be.

Refresh and access tokens are kept until shortly before they expire. However many threads or tasks need one, a single
exchange is in flight for it.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from acr.core import exchanges
from acr.core.challenge import Challenge
from acr.core.exchanges import Authority, Issued, Send
from acr.core.ports import Runtime
from acr.core.scopes import Scopes, cover
from acr.values.credentials import Credential, Keyring, RefreshToken, TokenCredential, UsernamePassword
from acr.values.errors import AcrError, CredentialError
from acr.values.reference import Endpoint

_EARLY: Final = 60.0
"""Seconds before its end at which a token is renewed; a fifth of its life, where that is less."""


@attrs.frozen
class _Kept:
    token: str = attrs.field(repr=False)
    renew_at: float


class Tokens:
    """The tokens of one client.

    Args:
        runtime: for clock and locks.
        send: sends a request without a token.
        credential: who the client is; None is anonymous.
        registry: the registry.
        audience: of the Entra token.
        token_hosts: hosts beside the registry's own that may issue its tokens.

    Raises:
        CredentialError: the credential is of no known kind.
    """

    def __init__(
        self,
        runtime: Runtime,
        send: Send,
        credential: Credential | None,
        *,
        registry: Endpoint,
        audience: str,
        token_hosts: frozenset[str],
    ) -> None:
        known = (UsernamePassword, RefreshToken, Keyring, TokenCredential)
        if credential is not None and not isinstance(credential, known):
            raise CredentialError(
                f"{type(credential).__name__} is no credential: expected an azure-identity credential (an object with"
                " get_token), UsernamePassword, RefreshToken, DockerConfig, or None for anonymous"
            )
        self._runtime = runtime
        self._send = send
        self._credential = credential
        self._registry = registry
        self._audience = audience.removesuffix("/.default")
        self._token_hosts = token_hosts
        self._refresh: dict[Authority, _Kept] = {}
        self._access: dict[tuple[Authority, Scopes], _Kept] = {}
        self._locks: dict[object, Any] = {}

    async def authorization(self, challenge: Challenge, scopes: Scopes) -> str | None:
        """The Authorization header of a request that needs `scopes`; None where there is nothing to say.

        Raises:
            CredentialError: no token could be had.
            ProtocolViolation: the challenge names a host that was not allowed.
        """
        if challenge.scheme == "basic":
            credential = await self._resolved()
            if credential is None:
                return None
            if not isinstance(credential, UsernamePassword):
                raise CredentialError(f"{self._registry.netloc} takes a name and password only: pass UsernamePassword")
            return exchanges.basic(credential)
        authority = Authority.of(challenge, self._registry, self._token_hosts)
        return f"Bearer {await self.access_token(authority, scopes)}"

    async def access_token(self, authority: Authority, scopes: Scopes) -> str:
        """An access token that covers `scopes`: a kept one where it is live, else a new one.

        Raises:
            CredentialError: no token could be had.
        """
        kept = self._live(authority, scopes)
        if kept is None:
            async with self._lock((authority, scopes)):
                kept = self._live(authority, scopes)
                if kept is None:
                    kept = self._kept(await self._new_access(authority, scopes))
                    self._drop_expired()
                    self._access[authority, scopes] = kept
        return kept.token

    async def refresh_token(self, authority: Authority) -> str:
        """The refresh token that the client has, or gets for its Entra credential.

        Raises:
            CredentialError: it has neither, or the exchange was refused.
        """
        credential = await self._resolved()
        if isinstance(credential, RefreshToken):
            return credential.token
        if not isinstance(credential, TokenCredential):
            raise CredentialError("a refresh token takes an Entra credential, or a refresh token, as the credential")
        async with self._lock(authority):
            kept = self._refresh.get(authority)
            if kept is None or kept.renew_at <= self._runtime.now():
                entra_token = await self._entra_token(credential)
                kept = self._kept(await exchanges.entra_to_refresh(self._send, authority, entra_token))
                self._refresh[authority] = kept
        return kept.token

    def reject(self, authorization: str) -> None:
        """Forget the access token of a header that the registry refused."""
        token = authorization.removeprefix("Bearer ")
        for key, kept in list(self._access.items()):
            if kept.token == token:
                self._access.pop(key, None)

    async def _new_access(self, authority: Authority, scopes: Scopes) -> Issued:
        credential = await self._resolved()
        if credential is None:
            return await exchanges.anonymous_access(self._send, authority, scopes)
        if isinstance(credential, UsernamePassword):
            return await exchanges.password_to_access(self._send, authority, scopes, credential)
        refresh_token = await self.refresh_token(authority)
        try:
            return await exchanges.refresh_to_access(self._send, authority, scopes, refresh_token)
        except CredentialError:
            if isinstance(credential, RefreshToken):
                raise
            # Revoked before its time: a new one is had from Entra, once. Another thread may have done so already.
            kept = self._refresh.get(authority)
            if kept is not None and kept.token == refresh_token:
                self._refresh.pop(authority, None)
        return await exchanges.refresh_to_access(self._send, authority, scopes, await self.refresh_token(authority))

    async def _entra_token(self, credential: TokenCredential) -> str:
        scope = f"{self._audience}/.default"
        name = type(credential).__name__
        try:
            answer: Any = await self._runtime.call(credential.get_token, scope)
            token: object = answer.token
        except AcrError:
            raise
        except Exception as error:  # a credential is the caller's own code: it may raise anything
            raise CredentialError(f"{name} gave no token for {scope}: {type(error).__name__}: {error}") from error
        if not isinstance(token, str) or not token:
            raise CredentialError(f"{name} gave an empty token for {scope}")
        return token

    async def _resolved(self) -> TokenCredential | UsernamePassword | RefreshToken | None:
        if isinstance(self._credential, Keyring):
            async with self._lock("keyring"):
                if isinstance(self._credential, Keyring):  # still: no one else looked it up meanwhile
                    self._credential = await self._runtime.blocking(self._credential.lookup, self._registry.netloc)
        return self._credential

    def _live(self, authority: Authority, scopes: Scopes) -> _Kept | None:
        now = self._runtime.now()
        exact = self._access.get((authority, scopes))
        if exact is not None and exact.renew_at > now:
            return exact
        for (issuer, granted), kept in list(self._access.items()):
            if issuer == authority and kept.renew_at > now and cover(granted, scopes):
                return kept
        return None

    def _kept(self, issued: Issued) -> _Kept:
        early = min(_EARLY, issued.lifetime / 5)
        return _Kept(issued.token, self._runtime.now() + issued.lifetime - early)

    def _drop_expired(self) -> None:
        now = self._runtime.now()
        for key, kept in list(self._access.items()):
            if kept.renew_at <= now:
                self._access.pop(key, None)

    def _lock(self, key: object) -> Any:
        return self._locks.setdefault(key, self._runtime.lock())

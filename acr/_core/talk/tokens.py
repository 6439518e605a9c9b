"""Tokens: the Authorization header of a request, with as few exchanges as there can be.

Refresh and access tokens are kept until shortly before they expire. However many threads or tasks need one, a single
exchange is in flight for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import attrs

from acr._core.talk import refusals, token_exchanges as exchanges
from acr._core.talk.flight import Flight
from acr._core.talk.learned import Demand
from acr._core.talk.redaction import shown_chain
from acr._core.talk.scopes import Scopes, cover
from acr._core.talk.sending import Sender
from acr._core.talk.token_exchanges import Authority, Issued
from acr._values.credentials import RefreshToken, UsernamePassword
from acr._values.reference import Endpoint
from acr.errors import AcrError, CredentialError
from acr.protocols import Credential, Keyring, TokenCredential

_EARLY: Final = 60.0
"""Seconds before its end at which a token is renewed; a fifth of its life, if that is less."""


@attrs.frozen
class _Kept:
    token: str = attrs.field(repr=False)
    got_at: float
    renew_at: float


@attrs.frozen
class _Found:
    """What a keyring had."""

    credential: UsernamePassword | RefreshToken | None


@contextmanager
def _of_the_caller(problem: str) -> Iterator[None]:
    """Call the caller's own code, which may raise anything. Raises CredentialError."""
    try:
        yield
    except AcrError:
        raise
    except Exception as error:
        raise CredentialError(f"{problem}: {type(error).__name__}: {shown_chain(str(error))[:1500]}") from error


class Tokens:
    """The tokens of one client.

    Args:
        sender: sends requests without a token.
        credential: who the client is; None is anonymous.
        registry: the registry.
        audience: of the Entra token.
        token_hosts: hosts beside the registry's own that may issue its tokens.

    Raises:
        CredentialError: the credential is of no known kind.
    """

    def __init__(
        self,
        sender: Sender,
        credential: Credential | None,
        *,
        registry: Endpoint,
        audience: str,
        token_hosts: frozenset[str],
    ) -> None:
        known = (UsernamePassword, RefreshToken, Keyring, TokenCredential)
        if isinstance(credential, type):
            name = credential.__name__
            raise CredentialError(f"credential={name}: expected an object, got the class: pass {name}(…)")
        if credential is not None and not isinstance(credential, known):
            raise CredentialError(
                "credential: expected an azure-identity credential (an object with get_token), UsernamePassword,"
                f" RefreshToken, DockerConfig, or None for anonymous, got {type(credential).__name__}"
            )
        self._runtime = sender.runtime
        self._send = sender.exchange
        self._connect = sender.connect
        self._credential = credential
        self._registry = registry
        self._audience = audience.removesuffix("/.default")
        self._token_hosts = token_hosts
        self._looked_up: _Found | None = None
        self._refresh: dict[Authority, _Kept] = {}
        self._access: dict[tuple[Authority, Scopes], _Kept] = {}
        self._refresh_flight: Flight[_Kept] = Flight(sender.runtime)
        self._access_flight: Flight[_Kept] = Flight(sender.runtime)
        self._lookup_flight: Flight[_Found] = Flight(sender.runtime)

    @property
    def is_anonymous(self) -> bool:
        """Whether the client has no credential at all, nor a place to look for one."""
        return self._credential is None

    async def authorization(self, demand: Demand, scopes: Scopes) -> str | None:
        """The Authorization header of a request that needs `scopes`; None if there is nothing to say.

        Raises:
            CredentialError: no token could be had.
            ProtocolViolation: the challenge names a host that was not allowed.
        """
        if demand.challenge.scheme == "basic":
            credential = await self.resolved()
            if credential is None:
                return None
            if not isinstance(credential, UsernamePassword):
                raise CredentialError(f"{self._registry.netloc} takes a name and password only: pass UsernamePassword")
            return exchanges.basic(credential)
        return f"Bearer {await self.access_token(await self.authority(demand), scopes)}"

    async def authority(self, demand: Demand) -> Authority:
        """Who issues tokens, by a Bearer challenge. To a client without a credential that may be any host.

        The realm is parsed once for each challenge.

        Raises:
            ProtocolViolation: the challenge names a host that was not allowed.
        """
        credential, found = await self.resolved(), demand.authority
        if found is None:  # parsed as for anybody: whether it may have the credential is another question
            found = Authority.of(demand.challenge, self._registry, self._token_hosts, is_anonymous=True)
            demand.authority = found
        if credential is not None:
            found.check_trusted()
        return found

    async def access_token(self, authority: Authority, scopes: Scopes) -> str:
        """An access token that covers `scopes`: a kept one if it is live, else a new one.

        Raises:
            CredentialError: no token could be had.
        """

        async def fetch() -> _Kept:
            live = self._live(authority, scopes)
            if live is None:
                live = self._kept(await self._new_access(authority, scopes))
                self._drop_expired()
                self._access[authority, scopes] = live
            return live

        kept = self._live(authority, scopes)
        if kept is None:
            connect = partial(self._connect, self._registry)
            kept = await self._access_flight.join((authority, scopes), fetch, meanwhile=connect)
        return kept.token

    async def refresh_token(self, authority: Authority) -> str:
        """The refresh token that the client has, or gets for its Entra credential.

        Raises:
            CredentialError: it has neither, or the exchange was refused.
        """
        credential = await self.resolved()
        if isinstance(credential, RefreshToken):
            return credential.token
        if not isinstance(credential, TokenCredential):
            raise CredentialError("a refresh token takes an Entra credential, or a refresh token, as the credential")

        async def fetch() -> _Kept:
            kept = self._refresh.get(authority)
            if kept is None or kept.renew_at <= self._runtime.now():
                entra_token = await self._entra_token(credential)
                kept = self._kept(await exchanges.entra_to_refresh(self._send, authority, entra_token))
                self._refresh[authority] = kept
            return kept

        kept = self._refresh.get(authority)
        if kept is None or kept.renew_at <= self._runtime.now():
            kept = await self._refresh_flight.join(authority, fetch)
        return kept.token

    def reject(self, authorization: str, sent_at: float | None = None) -> None:
        """Forget the access token of a header that the registry refused.

        Args:
            authorization: the header.
            sent_at: when it was sent, if another token may help. Then all that were there at that time are
                forgotten: a machine that has slept takes every one of them for fresh.
        """
        token = authorization.removeprefix("Bearer ")
        for key, kept in list(self._access.items()):
            if kept.token == token or (sent_at is not None and kept.got_at <= sent_at):
                self._access.pop(key, None)

    def cause(self, authorization: str | None, scopes: Scopes) -> str | None:
        """Why a request that needs `scopes` was refused with a header of this client; None if nothing is known."""
        host = self._registry.netloc
        if self._credential is None:
            return refusals.anonymous(host)
        if self._looked_up is not None and self._looked_up.credential is None:
            return refusals.no_entry(self._credential, host)
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer":
            return None
        return refusals.lacking(exchanges.claims(token), scopes, is_abac=self._is_abac())

    def _is_abac(self) -> bool:
        """Whether the registry assigns roles by repository: ACR says so in its refresh tokens (aad_identity)."""
        held = self._looked_up.credential if self._looked_up is not None else self._credential
        tokens = [held.token] if isinstance(held, RefreshToken) else [kept.token for kept in self._refresh.values()]
        return any("aad_identity" in exchanges.claims(token) for token in tokens)

    async def _new_access(self, authority: Authority, scopes: Scopes) -> Issued:
        found, kept = self._looked_up, self._refresh.get(authority)
        try:
            return await self._issue(authority, scopes)
        except CredentialError:
            if not await self._another(authority, found, kept):
                raise
        return await self._issue(authority, scopes)

    async def _issue(self, authority: Authority, scopes: Scopes) -> Issued:
        credential = await self.resolved()
        if credential is None:
            return await exchanges.anonymous_access(self._send, authority, scopes)
        if isinstance(credential, UsernamePassword):
            return await exchanges.password_to_access(self._send, authority, scopes, credential)
        refresh_token = await self.refresh_token(authority)
        return await exchanges.refresh_to_access(self._send, authority, scopes, refresh_token)

    async def _another(self, authority: Authority, found: _Found | None, kept: _Kept | None) -> bool:
        """Whether a refused credential is worth fetching again from its source.

        A registry may revoke a refresh token before it expires, and then Entra gives a new one. A keyring may have
        a new login since the client read it. If several calls are refused at once, the first drops what all had.

        Args:
            authority: the token endpoint that refused it.
            found: what the keyring had before.
            kept: the refresh token that the client had before.
        """
        if isinstance(self._credential, Keyring):
            if self._looked_up is found:
                self._looked_up = None
            await self.resolved()
            return found is not None and self._looked_up != found
        if kept is not None and self._refresh.get(authority) is kept:
            self._refresh.pop(authority, None)
        return kept is not None

    async def _entra_token(self, credential: TokenCredential) -> str:
        scope = f"{self._audience}/.default"
        name = type(credential).__name__
        with _of_the_caller(f"{name} gave no token for {scope}"):
            answer: Any = await self._runtime.call(credential.get_token, scope)
            token: object = answer.token
        if not isinstance(token, str) or not token:
            raise CredentialError(f"{name} gave an empty token for {scope}")
        if not exchanges.is_sendable(token):
            raise CredentialError(f"{name} gave a token for {scope} that UTF-8 cannot write")
        return token

    async def resolved(self) -> TokenCredential | UsernamePassword | RefreshToken | None:
        """The client's credential; a keyring is asked for the one that it has for the registry.

        Raises:
            CredentialError: the keyring cannot be read.
        """
        keyring = self._credential
        if not isinstance(keyring, Keyring):
            return keyring

        async def look_up() -> _Found:
            if self._looked_up is None:
                with _of_the_caller(f"{type(keyring).__name__} gave no credential for {self._registry.netloc}"):
                    self._looked_up = _Found(await self._runtime.blocking(keyring.lookup, self._registry.netloc))
            return self._looked_up

        found = self._looked_up or await self._lookup_flight.join("keyring", look_up)
        return found.credential

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
        now = self._runtime.now()
        return _Kept(issued.token, now, now + issued.lifetime - early)

    def _drop_expired(self) -> None:
        now = self._runtime.now()
        for key, kept in list(self._access.items()):
            if kept.renew_at <= now:
                self._access.pop(key, None)
                self._access_flight.forget(key)

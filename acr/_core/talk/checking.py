"""Checking: who the client is, and what it may do. The registry's tokens say it; nothing is tried out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from acr._core.talk import refusals, scopes, token_exchanges as exchanges
from acr._core.talk.deadline import one_call
from acr._core.talk.session import Session
from acr._core.talk.token_exchanges import Authority
from acr._values.access import Access
from acr._values.credentials import RefreshToken, UsernamePassword
from acr._values.reference import check_repository
from acr.errors import CredentialError
from acr.protocols import TokenCredential

_ACTIONS = ("pull", "push", "delete", "metadata_read", "metadata_write")


@one_call
async def check(session: Session, repository: str | None) -> Access:
    """Ask the registry whether it is one, and its token endpoint what it grants.

    Raises:
        ResponseError, ProtocolViolation: there is no registry, but something else.
        TransportError: nothing is there.
        CredentialError: the credential is refused.
    """
    if repository is not None:
        check_repository(repository)
    await session.ping()
    host = session.registry.netloc
    credential = await session.tokens.resolved()
    name = credential.username if isinstance(credential, UsernamePassword) else None
    authority = await session.issuer()
    if authority is None:
        return Access(registry=host, identity=name, repository=repository)
    refresh: Mapping[str, Any] = {}
    if isinstance(credential, TokenCredential | RefreshToken):
        refresh = exchanges.claims(await session.tokens.refresh_token(authority))
    access = None
    if repository is not None:
        access = await _granted(session, authority, scopes.repository(repository, _ACTIONS))
    catalog = await _catalog(session, authority, is_known_to_work=access is not None)
    return Access(
        registry=host,
        identity=name or _text(refresh.get("sub")),
        expires=_time(refresh.get("exp")),
        repository=repository,
        actions=None if access is None else refusals.actions_on(access, "repository", repository or ""),
        catalog=None if catalog is None else "*" in refusals.actions_on(catalog, "registry", "catalog"),
        abac="aad_identity" in refresh if refresh else None,
    )


async def _catalog(session: Session, authority: Authority, *, is_known_to_work: bool) -> list[Any] | None:
    """What is granted on the catalog. A credential that works elsewhere may be refused a token for it."""
    try:
        return await _granted(session, authority, scopes.catalog())
    except CredentialError:
        if is_known_to_work:
            return []
        raise


async def _granted(session: Session, authority: Authority, wanted: scopes.Scopes) -> list[Any] | None:
    """The `access` claim of a token for some scopes; None if the token does not tell."""
    granted = exchanges.claims(await session.tokens.access_token(authority, wanted)).get("access")
    return granted if isinstance(granted, list) else None


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None


def _time(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if isinstance(seconds, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None

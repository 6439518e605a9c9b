"""Tokens for the caller: the exchanges as operations of their own, for `docker login` and other clients."""

from __future__ import annotations

from collections.abc import Iterable

from acr._core.talk import token_exchanges as exchanges
from acr._core.talk.deadline import one_call
from acr._core.talk.scopes import Scope, Scopes
from acr._core.talk.session import Session
from acr._values.arguments import check_text, check_texts
from acr.errors import InvalidInput, ProtocolViolation


@one_call
async def refresh_token(session: Session) -> str:
    """The refresh token of the client's own credential."""
    return await session.tokens.refresh_token(await session.authority())


@one_call
async def access_token(session: Session, scopes: Iterable[str]) -> str:
    """An access token of the client's own credential."""
    wanted = _scopes(scopes)
    return await session.tokens.access_token(await session.authority(), wanted)


@one_call
async def exchange_entra_token(
    session: Session, token: str | None, refresh_token: str | None, tenant: str | None
) -> str:
    """An ACR refresh token for tokens of Entra."""
    check_text("token", token)
    check_text("refresh_token", refresh_token)
    check_text("tenant", tenant)
    if token is None and refresh_token is None:
        raise InvalidInput("nothing to exchange: pass an Entra token, or refresh_token=")
    issued = await exchanges.entra_to_refresh(
        session.sender.exchange,
        await session.authority(),
        token,
        entra_refresh_token=refresh_token,
        tenant=tenant,
    )
    return issued.token


@one_call
async def exchange_refresh_token(session: Session, token: str, scopes: Iterable[str]) -> str:
    """An access token for a refresh token."""
    wanted = _scopes(scopes)
    if check_text("token", token) is None:
        raise InvalidInput("token=None: expected an ACR refresh token")
    return (await exchanges.refresh_to_access(session.sender.exchange, await session.authority(), wanted, token)).token


def _scopes(texts: Iterable[str]) -> Scopes:
    try:
        return frozenset(Scope.parse(text) for text in check_texts("scopes", texts, "repository:team/app:pull"))
    except ProtocolViolation as error:
        raise InvalidInput(f"{error}: expected one such as repository:team/app:pull,push") from None

"""An Entra credential of both colours, as the registries of the benchmarks take it. It costs nothing."""

from __future__ import annotations

import time
from typing import NamedTuple


class Token(NamedTuple):
    """As azure-core's."""

    token: str
    expires_on: int


class Credential:
    """For sync clients."""

    def get_token(self, *scopes: str, **options: object) -> Token:
        """A token, good for an hour."""
        return Token("a token of Entra", int(time.time()) + 3600)


class AsyncCredential:
    """For async clients."""

    async def get_token(self, *scopes: str, **options: object) -> Token:
        """A token, good for an hour."""
        return Credential().get_token()

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> AsyncCredential:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

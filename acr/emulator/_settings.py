"""How an emulator is set up: what `Emulator(...)` was given, with ACR's own values as defaults."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import attrs

AUDIENCES: Final = (
    "https://containerregistry.azure.net",
    "https://management.azure.com",
    "https://management.core.windows.net",
)
"""Of Entra tokens that ACR exchanges: its own in every cloud, and those of Azure Resource Manager."""


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of one emulator. Lifetimes are in seconds, and are those seen in ACR's tokens.

    Args:
        anonymous_pull: whether anyone may pull and list.
        refresh_lifetime: of a refresh token.
        access_lifetime: of an access token.
        anonymous_lifetime: of an access token for anonymous pull.
        redirect_lifetime: of the signed URL that a blob GET is redirected to.
        audiences: of Entra tokens that are accepted.
        clock: seconds since the epoch; to be replaced in tests of expiry.
    """

    anonymous_pull: bool = False
    refresh_lifetime: float = 11_700
    access_lifetime: float = 4_500
    anonymous_lifetime: float = 1_200
    redirect_lifetime: float = 1_200
    audiences: tuple[str, ...] = AUDIENCES
    clock: Callable[[], float] = time.time

"""Access: what a client found that it may do at a registry."""

from datetime import datetime

import attrs

from acr._values.home import public_in


@public_in("acr")
@attrs.frozen(kw_only=True)
class Access:
    """Who a client is to a registry, and what it may do there. `Registry.check` gives it.

    A field is None if the registry does not tell: only ACR's tokens say all of it.

    Args:
        registry: the login server.
        identity: the user name, or the subject of the token; None for an anonymous client.
        expires: when the client's refresh token ends, by the clock of the registry.
        repository: the repository that was asked about.
        actions: what the client may do with it: `pull`, `push`, `delete`, `metadata_read`, `metadata_write`.
        catalog: whether the client may list repositories.
        abac: whether the registry assigns roles by repository (Entra attribute-based access control). AcrPull, AcrPush
            and AcrDelete count for nothing there.
    """

    registry: str
    identity: str | None = None
    expires: datetime | None = None
    repository: str | None = None
    actions: frozenset[str] | None = None
    catalog: bool | None = None
    abac: bool | None = None

"""Access: who a client is to a registry, and what it may do there."""

from datetime import datetime

import attrs

from acr._values.home import public_in
from acr._values.plain import Plain


@public_in("acr")
@attrs.frozen(kw_only=True)
class Access(Plain):
    """Who a client is to a registry, and what it may do there. `Registry.check` returns it.

    A field is None if the registry does not answer the question. Only ACR's tokens answer all of them.

    Args:
        registry: the login server.
        identity: the user name, or the subject of the token; None for an anonymous client.
        expires: the time at which the client's refresh token expires, by the registry's clock.
        repository: the repository that `check` was called with.
        actions: what the client may do in that repository: `pull`, `push`, `delete`, `metadata_read`, `metadata_write`.
        catalog: whether the client may list repositories.
        abac: whether the registry assigns roles by repository (Entra attribute-based access control). Such a registry
            ignores the roles AcrPull, AcrPush and AcrDelete.
    """

    registry: str
    identity: str | None = None
    expires: datetime | None = None
    repository: str | None = None
    actions: frozenset[str] | None = None
    catalog: bool | None = None
    abac: bool | None = None

"""Refusals: why a registry refuses, as far as the client's credential and token can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from acr._core.talk.scopes import Scopes
from acr._values.reference import looks_like_acr

_ABAC_ROLES: Final = {
    "pull": "Container Registry Repository Reader",
    "metadata_read": "Container Registry Repository Reader",
    "push": "Container Registry Repository Writer",
    "metadata_write": "Container Registry Repository Writer",
    "delete": "Container Registry Repository Contributor",
    "*": "Container Registry Repository Catalog Lister",
}
"""By action, on registries that assign roles by repository; AcrPull, AcrPush and AcrDelete count for nothing there
(ACR docs, "Microsoft Entra attribute-based access control for repository permissions")."""

_ROLES: Final = {
    "pull": "AcrPull, or content/read in the scope map",
    "metadata_read": "AcrPull, or metadata/read in the scope map",
    "push": "AcrPush, or content/write in the scope map",
    "metadata_write": "AcrPush, or metadata/write in the scope map",
    "delete": "AcrDelete, or content/delete in the scope map",
    "*": "a right of its own: AcrPull on the registry",
}


def anonymous(host: str) -> str:
    """Why nothing is allowed to a client without a credential."""
    return f"no credential was passed, so the client is anonymous to {host}: pass one, such as default_credential()"


def no_entry(keyring: object, host: str) -> str:
    """Why nothing is allowed to a client whose keyring does not know the registry."""
    path = getattr(keyring, "path", None)
    place = f"{type(keyring).__name__} ({path})" if path is not None else type(keyring).__name__
    azure = f" or `az acr login -n {host.partition('.')[0]}`" if looks_like_acr(host) else ""
    return f"{place} has no entry for {host}, so the client is anonymous: run `docker login {host}`{azure}"


def lacking(claims: Mapping[str, Any], scopes: Scopes, *, is_abac: bool) -> str | None:
    """What a token does not grant of what a request needs; None if it grants all, or does not tell.

    Args:
        claims: of the access token.
        scopes: what the request needs.
        is_abac: the registry assigns roles by repository.
    """
    granted = claims.get("access")
    if not isinstance(granted, list):
        return None
    missing = {
        (scope.kind, scope.name, action)
        for scope in scopes
        for action in scope.actions
        if action not in actions_on(granted, scope.kind, scope.name)
    }
    if not missing:
        return None
    parts = [f"{action} on the {kind} {name}" for kind, name, action in sorted(missing)]
    roles = sorted({(_ABAC_ROLES if is_abac else _ROLES).get(action, "") for _, _, action in missing} - {""})
    return f"the token lacks {', '.join(parts)}" + (f"; that takes {'; '.join(roles)}" if roles else "")


def actions_on(granted: Iterable[Any], kind: str, name: str) -> frozenset[str]:
    """The actions that the `access` claim of a token grants on a resource. ACR's anonymous tokens name all by `*`."""
    found: set[str] = set()
    for entry in granted:
        if isinstance(entry, dict) and entry.get("type") == kind and entry.get("name") in (name, "*"):
            actions = entry.get("actions")
            found.update(one for one in (actions if isinstance(actions, list) else ()) if isinstance(one, str))
    return frozenset(found)

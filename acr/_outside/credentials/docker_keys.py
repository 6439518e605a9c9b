"""Docker's keys: the names under which docker's config.json knows registries and helpers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from acr.errors import CredentialError

_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The user name under which `az acr login` stores ACR's refresh tokens as passwords."""

HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
"""Docker Hub's names. Docker stores its login under a URL of the second, and pulls from the third."""

HUB_LOGIN: Final = "https://index.docker.io/v1/"
"""The name under which `docker login` stores the login to Docker Hub, also in a helper."""


def helper_of(config: Mapping[str, Any], host: str, path: Path) -> str | None:
    """The helper for a host; None if the config names none.

    Raises:
        CredentialError: the config is malformed.
    """
    helpers = object_in(config, "credHelpers", path)
    keys = [key for key in helpers if names_host(key, host)]
    helper = helpers[keys[0]] if keys else config.get("credsStore")
    if helper is not None and not isinstance(helper, str):
        where = f"credHelpers[{keys[0]!r}]" if keys else "credsStore"
        raise CredentialError(f"{path}: {where}: expected the name of a helper, got {type(helper).__name__}")
    return helper or None


def key_of(host: str) -> str:
    """The name under which docker stores the login to a host."""
    return HUB_LOGIN if host in HUB else host


def program_of(helper: str, path: Path) -> str:
    """The program of a helper.

    Raises:
        CredentialError: no helper has such a name.
    """
    if _HELPER.fullmatch(helper) is None:
        raise CredentialError(f"{path} names an unusable credential helper, {helper[:100]!r}")
    return f"docker-credential-{helper}"


def plain_host(host: str) -> str:
    """A host as docker stores it."""
    return host.lower().removesuffix(":443")


def names_host(key: str, host: str) -> bool:
    """Whether a key of `auths` names a host. Docker writes host names, URLs, and whatever the user typed."""
    name, path = _parts(key)
    return _is_host(name, host) and path in ("", "v1", "v2")


def is_part(key: str, host: str) -> bool:
    """Whether a key of `auths` is for some repositories of a host alone, such as `my.azurecr.io/team-a`."""
    name, path = _parts(key)
    return _is_host(name, host) and path not in ("", "v1", "v2")


def _parts(key: str) -> tuple[str, str]:
    name, _, path = key.lower().removeprefix("https://").removeprefix("http://").partition("/")
    return name.removesuffix(":443"), path.strip("/")


def _is_host(name: str, host: str) -> bool:
    return name == host or (name in HUB and host in HUB)


def object_in(config: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    value = config.get(key) or {}
    if not isinstance(value, dict):
        raise CredentialError(f"{path}: {key}: expected an object, got {type(value).__name__}")
    return value

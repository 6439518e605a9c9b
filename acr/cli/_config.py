"""The user's own config, in TOML. No file of the working folder counts: whoever wrote that is somebody else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from acr.cli._exits import Usage

_LIMIT: Final = 1024 * 1024
_KEYS: Final = {"registry": str, "entra_hosts": list}


class Config:
    """What the user has set down.

    Args:
        registry: the registry of references without a host.
        entra_hosts: hosts that get Entra tokens, besides those of Azure's domains.
        path: the file.
    """

    def __init__(
        self, registry: str | None = None, entra_hosts: tuple[str, ...] = (), path: Path | None = None
    ) -> None:
        self.registry = registry
        self.entra_hosts = entra_hosts
        self.path = path


def path_of(environ: Mapping[str, str]) -> Path:
    """Where the file is: `$ACR_CONFIG`, or else `acr/config.toml` among the user's settings."""
    if named := environ.get("ACR_CONFIG"):
        return Path(named)
    if os.name == "nt" and environ.get("APPDATA"):
        return Path(environ["APPDATA"]) / "acr" / "config.toml"
    home = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - leaves ~ if there is no home
    return Path(home) / "acr" / "config.toml"


def load(environ: Mapping[str, str]) -> Config:
    """Read the config; an empty one if there is no file.

    Raises:
        Usage: it cannot be read, or has something that is not known.
    """
    path = path_of(environ)
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except FileNotFoundError:
        if environ.get("ACR_CONFIG"):
            raise Usage(f"ACR_CONFIG: there is no file {str(path)!r}") from None
        return Config(path=path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
        raise Usage(f"the config {str(path)!r} cannot be read: {reason}") from None
    import tomllib  # few have such a file

    try:
        found = tomllib.loads(content[:_LIMIT].decode())
    except (ValueError, RecursionError) as error:
        raise Usage(f"the config {str(path)!r} is not TOML: {error}") from None
    return _read(found, path)


def _read(found: Mapping[str, Any], path: Path) -> Config:
    for key, value in found.items():
        kind = _KEYS.get(key)
        if kind is None:
            raise Usage(f"the config {str(path)!r} has an unknown key {key!r}", hint=f"it may have {', '.join(_KEYS)}")
        if not isinstance(value, kind) or (kind is list and not all(isinstance(one, str) for one in value)):
            raise Usage(f"the config {str(path)!r}: {key} must be {'a text' if kind is str else 'a list of texts'}")
    hosts = tuple(host.lower() for host in found.get("entra_hosts", ()))
    return Config(found.get("registry"), hosts, path)

"""Docker's config.json: the credentials that `docker login`, `az acr login` and other programs store."""

import base64
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from acr._outside.credentials.docker_keys import (
    HUB,
    HUB_LOGIN,
    NOBODY,
    helper_of,
    is_part,
    names_host,
    object_in,
    plain_host,
    program_of,
)
from acr._outside.regular import open_regular
from acr._values.arguments import check_path, number, wrong_kind
from acr._values.credentials import RefreshToken, UsernamePassword
from acr._values.home import public_in
from acr.errors import CredentialError

_CONFIG_LIMIT: Final = 4 * 1024 * 1024
_SECONDS: Final = number(lambda value: 0 < value <= threading.TIMEOUT_MAX, "a number of seconds above 0")


def _default_path() -> Path:
    try:
        return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    except RuntimeError:
        raise CredentialError("there is no home folder: set DOCKER_CONFIG, or pass DockerConfig(path)") from None


def _path(value: str | os.PathLike[str]) -> Path:
    return check_path("path", value)


@public_in("acr")
@attrs.frozen
class DockerConfig:
    """Credentials from docker's config.json.

    It looks at three places, and the first that knows the registry counts: the helper that `credHelpers` names for it,
    the helper that `credsStore` names for all registries, and the entry in `auths` (`identitytoken` or `auth`). If none
    of them knows the registry, access is anonymous.
    An entry for some repositories of a registry (`my.azurecr.io/team-a`) counts if it is the only one for it.

    Args:
        path: the file. The default is `$DOCKER_CONFIG/config.json`, or else `~/.docker/config.json`.
        helper_timeout: how long a helper program may take, in seconds.

    Raises:
        InvalidInput: `path` is no path, or `helper_timeout` is not a number above 0.

    >>> from acr import DockerConfig, Registry
    >>> registry = Registry("my.azurecr.io", DockerConfig())
    """

    path: Path = attrs.field(factory=_default_path, converter=_path)
    helper_timeout: float = attrs.field(default=30, kw_only=True, validator=_SECONDS)

    def lookup(self, host: str) -> UsernamePassword | RefreshToken | None:
        """Look up the credential for a registry.

        Args:
            host: login server, with its port if it has one.

        Returns:
            The credential, or None if there is no file, or if it has no entry for the host.

        Raises:
            CredentialError: the file or a helper's answer is malformed, or the helper failed.
        """
        if not isinstance(host, str):
            raise wrong_kind("host", host, "a login server such as my.azurecr.io")
        host = plain_host(host)
        config = self._read()
        if helper := helper_of(config, host, self.path):
            for name in (HUB_LOGIN, host) if host in HUB else (host,):
                found = self._ask(helper, name)
                if found is not None:
                    return found
        auths = object_in(config, "auths", self.path)
        for key in (host, *auths):
            if key in auths and names_host(key, host):
                return _entry(auths[key], f"{self.path}, auths[{key!r}]")
        return self._entry_of_a_part(auths, host)

    def store(self, host: str, credential: UsernamePassword | RefreshToken) -> str:
        """Store a credential for a registry, as `docker login` does. What else the file has stays as it is.

        It goes to the helper that the file names for the host or for all registries; without one, into the file, which
        only its owner can read. The client makes the file and its folder if they are missing.

        Args:
            host: login server, with its port if it has one.
            credential: the credential.

        Returns:
            Where it is now: the name of the helper, or the path of the file.

        Raises:
            CredentialError: the file is malformed or cannot be written, or the helper failed.
        """
        from acr._outside.credentials import docker_login  # most programs store nothing

        return docker_login.store(self.path, self._read(), plain_host(host), credential, timeout=self.helper_timeout)

    def erase(self, host: str) -> bool:
        """Remove the credential for a registry, as `docker logout` does.

        Args:
            host: login server, with its port if it has one.

        Returns:
            Whether there was one in the file. A helper does not say whether it had one, and counts as having had it.

        Raises:
            CredentialError: the file is malformed or cannot be written, or the helper failed.
        """
        from acr._outside.credentials import docker_login  # most programs erase nothing

        return docker_login.erase(self.path, self._read(), plain_host(host), timeout=self.helper_timeout)

    def _entry_of_a_part(self, auths: Mapping[str, Any], host: str) -> UsernamePassword | RefreshToken | None:
        """The entry for some repositories of a host, if there is but one (containers-auth.json(5) of podman)."""
        keys = [key for key in auths if is_part(key, host)]
        if len(keys) > 1:
            raise CredentialError(
                f"{self.path} has several logins for parts of {host} ({', '.join(map(repr, sorted(keys)))}), and none"
                " for all of it: pass the one that is meant as UsernamePassword"
            )
        return _entry(auths[keys[0]], f"{self.path}, auths[{keys[0]!r}]") if keys else None

    def _read(self) -> Mapping[str, Any]:
        try:
            with open_regular(self.path) as file:
                content = file.read(_CONFIG_LIMIT + 1)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:  # a ValueError is of a name that no file can have
            reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
            raise CredentialError(f"cannot read {self.path}: {reason}") from error
        try:
            config = json.loads(content)
        except (ValueError, RecursionError):
            raise CredentialError(f"{self.path} is not JSON") from None  # and its content is not for an error text
        if not isinstance(config, dict) or len(content) > _CONFIG_LIMIT:
            raise CredentialError(f"{self.path}: expected a docker config, a JSON object of at most 4 MiB")
        return config

    def _ask(self, helper: str, host: str) -> UsernamePassword | RefreshToken | None:
        """What a helper knows of a host."""
        import subprocess  # not needed by most programs

        from acr._outside.credentials import helpers

        program = program_of(helper, self.path)
        try:
            code, printed = helpers.ask(program, host, timeout=self.helper_timeout)
        except FileNotFoundError:
            raise CredentialError(f"{self.path} names the credential helper {program}, which is not on PATH") from None
        except (OSError, subprocess.TimeoutExpired, helpers.PrintsTooMuch) as error:
            raise CredentialError(f"the credential helper {program} failed: {type(error).__name__}") from None
        if code != 0:
            # The one failure that has a name of its own; every helper prints it alike.
            if b"credentials not found" in printed:
                return None
            raise CredentialError(f"the credential helper {program} failed with exit code {code}")
        return _told(printed, program)


def _told(printed: bytes, program: str) -> UsernamePassword | RefreshToken:
    """What a helper has printed."""
    try:
        answer = json.loads(printed)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise CredentialError(f"the credential helper {program} gave no usable answer")
    where = f"the answer of the credential helper {program}"
    return _login(NOBODY if username == "<token>" else username, secret, where)


def _entry(entry: object, where: str) -> UsernamePassword | RefreshToken | None:
    if not isinstance(entry, dict):
        raise CredentialError(f"{where}: expected an object, got {type(entry).__name__}")
    for key in ("identitytoken", "username", "password"):
        if not isinstance(entry.get(key), str | None):
            raise CredentialError(f"{where}: {key}: expected text, got {type(entry[key]).__name__}")
    if entry.get("identitytoken"):
        return _login(NOBODY, entry["identitytoken"], where)
    if entry.get("username") and entry.get("password"):
        return _login(entry["username"], entry["password"], where)
    if not entry.get("auth"):
        return None
    try:
        username, colon, password = _decoded(entry["auth"]).partition(":")
    except (ValueError, TypeError, AttributeError):
        raise CredentialError(f"{where}: auth is not base64") from None
    if not colon:
        raise CredentialError(f"{where}: auth holds no password")
    return _login(username, password.rstrip("\0"), where)


def _decoded(auth: str) -> str:
    """The text behind `auth`. Scripts write it with line ends, without padding, or by the alphabet of URLs."""
    plain = "".join(auth.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()


def _login(username: str, password: str, where: str) -> UsernamePassword | RefreshToken:
    try:
        return RefreshToken(password) if username == NOBODY else UsernamePassword(username, password)
    except CredentialError as error:
        raise CredentialError(f"{where}: {error}") from None

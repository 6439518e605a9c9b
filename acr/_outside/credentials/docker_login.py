"""Docker's login: how a credential gets into docker's config.json or its helpers, and out again."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from acr._outside.credentials import helpers
from acr._outside.credentials.docker_keys import NOBODY, helper_of, key_of, names_host, object_in, program_of
from acr._values.credentials import RefreshToken, UsernamePassword
from acr.errors import CredentialError


def store(
    path: Path,
    config: Mapping[str, Any],
    host: str,
    credential: UsernamePassword | RefreshToken,
    *,
    timeout: float,
) -> str:
    """Store a credential for a host.

    Args:
        path: of the config.
        config: what it has now.
        host: the login server.
        credential: the credential.
        timeout: the seconds that a helper may take.

    Returns:
        The name of the helper that has it now, or the path.

    Raises:
        CredentialError: the config is malformed or cannot be written, or the helper failed.
    """
    if not isinstance(credential, UsernamePassword | RefreshToken):
        raise CredentialError(f"a {type(credential).__name__} cannot be stored: pass UsernamePassword or RefreshToken")
    if isinstance(credential, RefreshToken):
        name, secret = NOBODY, credential.token
    else:
        name, secret = credential.username, credential.password
    helper = helper_of(config, host, path)
    if helper is None:
        if ":" in name:
            raise CredentialError("a user name with a colon cannot be stored in docker's config.json")
        entry = {"auth": base64.b64encode(f"{name}:{secret}".encode()).decode()}
    else:
        asked = {"ServerURL": key_of(host), "Username": name, "Secret": secret}
        _call(program_of(helper, path), "store", json.dumps(asked).encode(), timeout)
        entry = {}  # as docker marks those that a helper has
    auths = {key: value for key, value in object_in(config, "auths", path).items() if not names_host(key, host)}
    _write(path, {**config, "auths": {**auths, key_of(host): entry}})
    return str(path) if helper is None else program_of(helper, path)


def erase(path: Path, config: Mapping[str, Any], host: str, *, timeout: float) -> bool:
    """Remove the credential for a host, and return whether there was one. Arguments and errors as of `store`."""
    helper = helper_of(config, host, path)
    if helper is not None:
        _call(program_of(helper, path), "erase", key_of(host).encode(), timeout)
    auths = object_in(config, "auths", path)
    kept = {key: value for key, value in auths.items() if not names_host(key, host)}
    if len(kept) < len(auths):
        _write(path, {**config, "auths": kept})
    return helper is not None or len(kept) < len(auths)


def _call(program: str, verb: str, content: bytes, timeout: float) -> None:
    try:
        code, printed = helpers.call(program, verb, content, timeout=timeout)
    except FileNotFoundError:
        raise CredentialError(f"docker's config names the credential helper {program}, which is not on PATH") from None
    except (OSError, subprocess.TimeoutExpired, helpers.PrintsTooMuch) as error:
        raise CredentialError(f"the credential helper {program} failed: {type(error).__name__}") from None
    if code != 0 and b"credentials not found" not in printed:
        raise CredentialError(f"the credential helper {program} failed with exit code {code}")


def _write(path: Path, config: Mapping[str, Any]) -> None:
    """Write the config beside its place, for its owner alone, then move it there. A link stays a link."""
    target = path.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".config.json.", dir=target.parent)  # of mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(config, file, indent="\t")
                file.write("\n")
            os.replace(name, target)  # noqa: PTH105 - both are names here
        except BaseException:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - the same
            raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its content cannot be written as JSON"
        raise CredentialError(f"cannot write {path}: {reason}") from error

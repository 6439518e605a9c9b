"""Options that both facades take, and what they make of them: a session."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from acr._core.runtime import Runtime
from acr._core.talk.sending import Sender
from acr._core.talk.session import Session
from acr._later import later
from acr._outside.failures import reading
from acr._outside.regular import open_regular
from acr._outside.sources import whereabouts
from acr._values.arguments import check_callback, check_flag, check_texts, wrong_kind
from acr._values.files import File
from acr._values.options import Limits, Retries
from acr._values.reference import Endpoint
from acr._values.traffic import OnRequest, OnResponse
from acr._values.unpacking import UnpackLimits
from acr._values.version import __version__
from acr.errors import CredentialError, InvalidInput, LimitExceeded
from acr.protocols import Credential

if TYPE_CHECKING:
    from acr._shells import blocking
else:
    blocking = later("acr._shells.blocking")  # an import of the package loads no HTTP stack

_LARGEST_LIST: Final = 16 * 1024 * 1024
"""Bytes of a file with names of repositories."""

ArtifactFile: TypeAlias = str | os.PathLike[str] | File
"""A file or folder to push: its path, or a `File` to set its title and media type."""


def unpack_limits(limit: int | UnpackLimits, *, unpack: bool) -> UnpackLimits | None:
    """Return the limits that the caller passed, or the defaults with the caller's size; None if nothing is unpacked.

    Raises:
        InvalidInput: `unpack` is neither True nor False, or the limit is no size.
    """
    if not check_flag("unpack", unpack):
        return None
    return limit if isinstance(limit, UnpackLimits) else UnpackLimits(size=limit)


def open_session(
    runtime: Runtime,
    registry: Endpoint,
    credential: Credential | None,
    *,
    audience: str,
    token_hosts: Iterable[str],
    retries: Retries,
    total: float | None,
    limits: Limits,
    user_agent: str | None,
    on_request: OnRequest | None,
    on_response: OnResponse | None,
) -> Session:
    """Make a session from the options of a facade.

    Raises:
        CredentialError: the credential has an unknown kind, or is async in sync code.
        InvalidInput: an option has the wrong type, or the user agent is not printable.
        InvalidReference: one of `token_hosts` is malformed.
    """
    is_sync = isinstance(runtime, blocking.BlockingRuntime)
    if is_sync and inspect.iscoroutinefunction(getattr(credential, "get_token", None)):
        raise CredentialError(f"{type(credential).__name__} is async: use AsyncRegistry, or the one of azure.identity")
    if not isinstance(retries, Retries):
        raise InvalidInput(f"retries={retries!r}: pass Retries(limit={retries!r})")
    if not isinstance(limits, Limits):
        raise InvalidInput(f"limits={limits!r}: pass Limits(page=…), in bytes")
    if not isinstance(audience, str) or not audience:
        raise InvalidInput(f"audience={audience!r}: expected a URL; leave it out for the one of all Azure clouds")
    check_callback("on_request", on_request)
    check_callback("on_response", on_response)
    agent = f"acr-client/{__version__}"
    if user_agent is not None:
        if not (isinstance(user_agent, str) and user_agent.isascii() and user_agent.isprintable()):
            raise InvalidInput(f"user_agent={str(user_agent)[:100]!r}: expected printable ASCII")
        agent = f"{user_agent} {agent}"
    if isinstance(token_hosts, str):
        raise InvalidInput(f"token_hosts: expected a list of hosts: pass [{token_hosts!r}]")
    if not isinstance(token_hosts, Iterable):
        raise InvalidInput(f"token_hosts={token_hosts!r}: expected a list of hosts")
    return Session(
        Sender(runtime, retries, agent, on_request, on_response, total, registry),
        registry,
        credential,
        audience=audience,
        token_hosts=frozenset(Endpoint.parse(host, allow_http=True).netloc for host in token_hosts),
        limits=limits,
    )


def files_of(files: Iterable[ArtifactFile]) -> list[File]:
    """Check the files to push.

    Raises:
        InvalidInput: a path leads to neither a file nor a folder, or the caller passed one path instead of a list.
        InvalidReference: a title would lead out of a folder.
    """
    if isinstance(files, str | os.PathLike | File):
        raise InvalidInput(f"expected a list of files: pass [{str(files)!r}]")
    if not isinstance(files, Iterable):
        raise wrong_kind("files", files, "a list of paths or Files")
    # Content is an iterable of numbers, too. The error of one File says what to do with it.
    given: Iterable[Any] = [files] if isinstance(files, bytes | bytearray) else files
    found = [file if isinstance(file, File) else File(file) for file in given]
    for file in found:
        if not (file.path.is_file() or file.path.is_dir()):
            raise InvalidInput(
                f"expected a file or a folder: there is neither at {file.path}{whereabouts(file.path)}; check the path"
            )
    return found


def names_in(repositories: str | os.PathLike[str] | Iterable[str] | None) -> str | Iterable[str] | None:
    """Return the names of repositories that the caller passed, or those in the file that the caller passed.

    Raises:
        TransferError: the file cannot be read, or is not UTF-8.
        LimitExceeded: it has more than 16 MiB.
    """
    if not isinstance(repositories, os.PathLike):
        return repositories
    with reading(repositories):
        with open_regular(Path(repositories)) as file:
            content = file.read(_LARGEST_LIST + 1)
        if len(content) > _LARGEST_LIST:
            raise LimitExceeded(f"the list {repositories}", limit=_LARGEST_LIST)
        return content.decode("utf-8-sig").splitlines()  # an editor of Windows may have put a mark before it


def patterns_of(include: str | Iterable[str] | None) -> list[str] | None:
    """Patterns of file names, one or several.

    Raises:
        InvalidInput: one of them is no text.
    """
    if include is None:
        return None
    return check_texts("include", [include] if isinstance(include, str) else include, "*.onnx")

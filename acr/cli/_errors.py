"""Errors: one line that says what happened, a hint what to do next, the correlation id, and an exit code."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import acr
from acr.cli._exits import FAILED, INCOMPLETE, NOT_SIGNED_IN, USAGE, CommandError
from acr.cli._output.terminal import DIM, RED, Terminal

_LONGEST: Final = 2000
_HOST: Final = re.compile(r"^[A-Z]+ /\S* at (\S+): ")

_SAID: Final = (
    (r"unlock it first with update\([^)]*\)", "unlock it with `acr unlock`"),
    (
        r"look at the properties\(\) of its tags, its manifest and its repository",
        "`acr show` and `acr tags` list locks",
    ),
    (r"pass platform= with one of them", "pass --platform with one of them"),
    (r"; tag_names\(\) lists tags of any registry", "; `acr ls REPO` lists tags of any registry"),
    (r"pass allow_http=True", "pass --plain-http"),
    (r"no credential was passed, so", "no credential was found, so"),
    (
        r"anonymous to (\S+): pass one, such as default_credential\(\)",
        r"anonymous to \1: run `acr login \1`, or pass --username with --password-stdin",
    ),
    (r"run `docker login (\S+)`(?: or `az acr login [^`]*`)?", r"run `acr login \1`"),
    (r"; another registry is named by to=", ""),
    (r"\(Timeouts\.total=([^)]*)\)", r"(--timeout \1)"),
    (r"^include=\[(.*?)\]: ", r"--include \1: "),
    (
        r"takes an Entra credential, or a refresh token, as the credential",
        "takes an Entra credential or --token-stdin",
    ),
    (r"Try again, or name the repositories: repositories=\[…\]", "Try again, or name the repositories"),
    (r"repositories=\['\*', '!NAME'\] leaves", "--exclude NAME leaves"),
    (r"^repositories: ", ""),
    (r"platform= takes a platform", "--platform takes a platform"),
    (r"name its file in SSL_CERT_FILE, or pass ssl_context=", "name its file by --ca-file or in SSL_CERT_FILE"),
    (r"open it as DockerArchive\('([^']*)'\)", r"write docker-archive:\1"),
    (r"Inventory\.check\(\) finds", "`acr fsck` finds"),
    (r"and max_age is", "and --max-age is"),
    (r"plan again with protect=", "plan again with --protect REF"),
    (r"restore\('(sha\d+:[0-9a-f]+)'\) brings", r"`acr restore REPO@\1` brings"),
    (r"deep=True brings it back, too", "without --alone it comes back, too"),
    (r"trashed_tags\(\) and trashed_manifests\(\) list the trash", "`acr trash REPO` lists the trash"),
    (r"see check\(\)", "see `acr fsck`"),
    (r"the plan unlocks it, and the caller did not name it", "it is locked, and --unlock does not name it"),
    (r"goes only if unlock= names it", "goes only if `purge apply --unlock` names it"),
    (r"name another file \(journal=, --journal\)", "name another file with --journal"),
    (r"Set can_list=True, if it should be shown", "Show it with `acr unlock --what list REF`, if that is meant"),
    (r"Look for items with can_list=False", "If you know what is hidden, show it with `acr unlock --what list REF`"),
    (r"Run verify_blobs to see which", "Run `acr fsck --blobs` to see which"),
    (r"pass the one that is meant as UsernamePassword", "pass --username with --password-stdin"),
)
"""What the library says to those who write Python, and what the command line says in its place."""


def as_command(text: str) -> str:
    """A text of the library, in the words of the command line.

    >>> as_command("pass platform= with one of them")
    'pass --platform with one of them'
    """
    for pattern, words in _SAID:
        text = re.sub(pattern, words, text)
    return text


def exit_code(error: Exception) -> int:
    """The exit code that an error leads to."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, acr.TransferError) and isinstance(error.__cause__, acr.AcrError):
        return exit_code(error.__cause__)
    if isinstance(error, acr.InvalidInput):
        return USAGE
    if isinstance(error, acr.IncompleteInventory):
        is_refused = error.catalog is not None and exit_code(error.catalog) == NOT_SIGNED_IN
        return NOT_SIGNED_IN if is_refused else INCOMPLETE
    return NOT_SIGNED_IN if isinstance(error, acr.Unauthorized | acr.CredentialError) else FAILED


def described(error: Exception, what: str | None = None) -> dict[str, Any]:
    """An error as data: what `-o json` prints on standard error.

    Args:
        error: the error.
        what: the part of the work that failed, if the rest goes on.
    """
    cause = error.__cause__ if isinstance(error, CommandError) and error.__cause__ else error
    found: dict[str, Any] = {
        "code": exit_code(error),
        "message": _message(error) if what is None else f"{what}: {_message(error)}",
        "hint": hint_of(error),
    }
    if isinstance(cause, acr.ResponseError):
        found |= {"status": cause.status, "codes": list(cause.codes), "correlation_id": cause.correlation_id}
    return {key: value for key, value in found.items() if value is not None}


def tell(terminal: Terminal, error: Exception, what: str | None = None) -> None:
    """Print an error on standard error; see `described`."""
    found = described(error, what)
    if terminal.as_json:
        terminal.say(json.dumps({"error": found}))
        return
    message = acr.printable(found["message"])
    terminal.say(f"acr: {terminal.style('error:', RED, notes=True)} {message}")
    if "hint" in found:
        terminal.say(terminal.style(f"  hint: {acr.printable(found['hint'])}", DIM, notes=True))
    if "correlation_id" in found:
        terminal.say(terminal.style(f"  correlation id: {acr.printable(found['correlation_id'])}", DIM, notes=True))


def reason(error: Exception) -> str:
    """Why something failed, in one line without the hint."""
    return _message(error)


def hint_of(error: BaseException | None) -> str | None:
    """What to do next, if anybody knows."""
    if isinstance(error, CommandError):
        return error.hint if error.hint is not None else hint_of(error.__cause__)
    if isinstance(error, acr.ResponseError) and error.hint:
        return as_command(error.hint)
    if isinstance(error, acr.TransferError):
        return hint_of(error.__cause__)
    if isinstance(error, acr.NotFound) and not isinstance(error, acr.NoMetadataApi):
        if error.path == "/v2/":
            return f"{error.host} does not answer as a registry: check its name"
        return "`acr ls` lists repositories, and `acr ls REPO` the tags of one"
    if isinstance(error, acr.TransportError):
        host = _HOST.search(str(error))
        return f"`acr doctor{f' {host[1]}' if host else ''}` looks for the cause"
    return None


def _message(error: Exception) -> str:
    if isinstance(error, CommandError):
        cause = f": {_message(error.__cause__)}" if isinstance(error.__cause__, Exception) else ""
        return f"{error}{cause}"[:_LONGEST]
    # The text of a ResponseError ends with its hint and its id, which have lines of their own here.
    text = str(error.args[0]) if isinstance(error, acr.ResponseError) and error.args else str(error)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename is not None else ""
        text = f"{name}{error.strerror or type(error).__name__}"
    return as_command(text or type(error).__name__)[:_LONGEST]

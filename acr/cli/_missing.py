"""Missing: an answer 404 leads with what is missing. An error of a credential says where that is from.

A registry answers a missing repository and a missing tag alike. So this looks once more, on the way out.
"""

from __future__ import annotations

import re
from typing import Final

import acr
from acr.cli._context import Context
from acr.cli._errors import as_command, reason
from acr.cli._exits import NOT_SIGNED_IN, CommandError
from acr.cli._unlocking import unlocking

_PATHS: Final = (
    re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|referrers)/(?P<reference>[^/]+)"),
    re.compile(r"/acr/v1/(?P<repository>[^_].*)/_(?P<kind>tags|manifests)/(?P<reference>[^/]+)"),
    re.compile(r"/(?:v2|acr/v1)/(?P<repository>[^_].*?)(?:/tags/list|/_tags|/_manifests)?"),
)
_NO_ENTRA: Final = "run `az login`, or pass --username with --password-stdin; `acr login --help` has other ways"
_REFUSED: Final = re.compile(r" at (?P<host>\S+): 401 ")


def explained(context: Context, error: Exception) -> Exception:
    """An error as users understand it; the error itself if there is nothing to add.

    Args:
        context: of the command.
        error: what the client has raised.
    """
    if isinstance(error, acr.NotFound) and not isinstance(error, acr.NoMetadataApi):
        return _not_found(context, error)
    if isinstance(error, acr.CredentialError) and (refused := _REFUSED.search(str(error))):
        server = refused["host"]
        return CommandError(reason(error), hint=_refused(server, context.clients.source_of(server)), code=NOT_SIGNED_IN)
    if isinstance(error, acr.CredentialError) and " gave no token for " in str(error):
        return CommandError(reason(error), hint=_NO_ENTRA, code=NOT_SIGNED_IN)
    locked = error.__cause__ if isinstance(error, acr.TransferError) else error
    if isinstance(locked, acr.Locked):
        locked.hint = unlocking(context, locked) or locked.hint
    return error


def _refused(server: str, source: str | None) -> str | None:
    """What to do about a credential that the registry refuses."""
    if source is not None and source.startswith("the variable"):
        return f"correct {source}; without them, what `acr login {server}` stores would count"
    if source == "the command line":
        return "check the name and the password; to sign in as somebody else, pass another --username"
    return None if source is None else f"the credential is from {source}; `acr login {server}` stores another one"


def _not_found(context: Context, error: acr.NotFound) -> Exception:
    server = error.host
    found = next((one for path in _PATHS if (one := path.fullmatch(error.path or ""))), None)
    if server is None or found is None:
        return error
    repository, parts = found["repository"], found.groupdict()
    before = "" if context.names.is_default(server) else f"{server}/"
    reference = parts.get("reference")
    if reference is None or "NAME_UNKNOWN" in error.codes or not _exists(context, server, repository):
        text = f"there is no repository {repository} at {server}"
        return _missing(text, f"`acr ls {server}` lists those that there are", error)
    place, kind = f"{before}{repository}", parts["kind"]
    if kind == "blobs":
        text, hint = f"{place} has no blob {reference}", f"`acr fsck {place} --blobs` finds what is missing"
    elif ":" in reference:
        hint = f"`acr tags {place} -o json` lists digests, and `acr tags {place} --untagged` those without a tag"
        text = f"{place} has no manifest {reference}"
    else:
        text, hint = f"{place} has no tag {reference}", f"`acr ls {place}` lists its tags"
    # That of a HEAD says no more than the text. Others know more: which index lacks it, or that a digest was meant.
    told = as_command(error.hint) if error.hint and not error.hint.startswith("the repository") else None
    return _missing(text, told or hint, error)


def _missing(text: str, hint: str, error: acr.NotFound) -> CommandError:
    missing = CommandError(text, hint=hint)
    missing.__cause__ = error
    return missing


def _exists(context: Context, server: str, repository: str) -> bool:
    """Whether there is a repository. If nobody knows, it counts as one that is there."""
    registry = context.clients.client_of(server)
    try:
        if registry is not None:
            next(iter(registry.repository(repository).tag_names(page_size=1)), None)
    except acr.NotFound:
        return False
    except acr.AcrError:
        pass
    return True

"""Unlocking: an error of a lock names the command that takes that lock off."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import acr
from acr.cli._context import Context
from acr.cli._locks import locks_of
from acr.cli._references import AZURE

_PATH: Final = re.compile(
    r"/(?:v2|acr/v1)/(?P<repository>[^_].*?)"
    r"(?:/_?(?:manifests|tags)/(?P<reference>[^/]+)|/(?:blobs|referrers)/.+|/tags/list|/_tags|/_manifests)?"
)
_FORBID: Final = {"GET": ("read",), "HEAD": ("read",), "DELETE": ("write", "delete")}
"""The locks that can refuse a method. All others write."""

_FOUND: Final = " has can_"
"""In the hint of the client if it has asked the item itself, and that is locked."""

Item = TypeVar("Item", bound=acr.Permissions)


class _Refused(NamedTuple):
    """What a registry has refused.

    Args:
        host: the registry.
        repository: the repository.
        shown: its name, as the user would type it.
        reference: the tag or digest; None if it was none.
        locks: those that can have refused it.
    """

    host: str
    repository: acr.Repository
    shown: str
    reference: str | None
    locks: Sequence[str]

    def by(self, item: acr.Permissions | None) -> Sequence[str]:
        """The locks of an item that refuse this."""
        return [] if item is None else [lock for lock in locks_of(item) if lock in self.locks]

    def unlock(self, reference: str) -> str:
        """What to say of a tag or manifest of the repository that is locked."""
        kind, mark = ("manifest", "@") if ":" in reference else ("tag", ":")
        what = " --what read" if "read" in self.locks else ""
        return f"the {kind} is locked: `acr unlock {self.shown}{mark}{reference}{what}` unlocks it"


def unlocking(context: Context, error: acr.Locked) -> str | None:
    """What to do about a lock, as a whole command. None if nobody knows.

    It asks the registry which lock it is, unless the client has found that out.
    """
    asked = _PATH.fullmatch(error.path or "")
    host = error.host
    client = None if host is None else context.clients.client_of(host)
    if asked is None or host is None or client is None:
        return None
    name = asked["repository"]
    shown = name if context.names.is_default(host) else f"{host}/{name}"
    locks = _FORBID.get(error.method or "", ("write",))
    refused = _Refused(host, client.repository(name), shown, asked["reference"], locks)
    if refused.reference is not None and error.hint is not None and _FOUND in error.hint:
        return refused.unlock(refused.reference)
    try:
        found = _lock_of(refused)
    except acr.NoMetadataApi:
        return None
    except acr.AcrError:
        found = None  # who may push need not be one who sees locks
    return found or f"`acr locks {shown}` lists what is locked there, and `acr unlock REF` unlocks it"


def _lock_of(refused: _Refused) -> str | None:
    """How to unlock the first thing whose lock refuses it: the tag, the manifest, the repository."""
    repository, reference = refused.repository, refused.reference
    if reference is not None and ":" not in reference:
        tag = _there(repository.tag(reference).properties)
        if refused.by(tag):
            return refused.unlock(reference)
        is_read = tag is not None and "read" in refused.locks
        reference = tag.digest if tag is not None and is_read else None  # a tag moves whatever its manifest's lock
    if reference is not None and refused.by(_there(repository.manifest(reference).properties)):
        return refused.unlock(reference)
    if locks := refused.by(repository.properties()):
        registry = refused.host.partition(".")[0] if refused.host.endswith(AZURE) else "NAME"
        enabled = " ".join(f"--{lock}-enabled true" for lock in locks)
        command = f"az acr repository update --name {registry} --repository {repository.name} {enabled}"
        return f"the repository is locked: `{command}` unlocks it"
    return None


def _there(read: Callable[[], Item]) -> Item | None:
    """The properties of an item; None if it is not there, such as a tag that was about to be made."""
    try:
        return read()
    except acr.NoMetadataApi:
        raise
    except acr.NotFound:
        return None

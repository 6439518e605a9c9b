"""Trash: what was deleted while soft delete was on. ACR's description does not have it yet.

A draft of the description and the Azure CLI spell its fields differently (`deletedTime` and `deletedAt`, `name` and
`tag`). Either is read. See "Soft delete policy" in ACR's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar

from acr_rest import types
from acr_rest.types import AnyRequest, Request, Response

from acr._core.talk import scopes
from acr._core.talk.answers import done
from acr._core.talk.deadline import best_effort, one_call
from acr._core.talk.paging import Walk, items
from acr._core.talk.remote import Remote
from acr._core.talk.scopes import Scope, Scopes
from acr._core.talk.session import Session
from acr._text import printable
from acr._values.digest import Digest, received_digest
from acr._values.fields import list_of, object_of, parse_object, text
from acr._values.properties import LARGEST_PAGE
from acr._values.reference import check_tag
from acr._values.trash import TrashedManifest, TrashedRepository, TrashedTag
from acr.errors import AcrError, ProtocolViolation, ResponseError

T = TypeVar("T")

_VERSION: Final = "2021-07-01"
_REFUSED: Final = 409
_MADE: Final = ("createdTime", "createdAt")
_DELETED: Final = ("deletedTime", "deletedAt")


def repositories(session: Session, *, page_size: int | None) -> Walk[TrashedRepository]:
    """The deleted repositories."""
    needed = frozenset({Scope("registry", "deleted_catalog", frozenset("*"))})

    def make(entry: Mapping[str, Any], where: str) -> TrashedRepository:
        return TrashedRepository(
            name=printable(_either(entry, ("repository", "name"), where)),
            deleted=_time(entry, _DELETED, where),
            created=_time_or_none(entry, _MADE, where),
        )

    return _walk(session, "/acr/v1/_deleted/_catalog", "repositories", make, needed, page_size)


def tags(remote: Remote, *, page_size: int | None) -> Walk[TrashedTag]:
    """The deleted tags of a repository."""

    def make(entry: Mapping[str, Any], where: str) -> TrashedTag:
        return TrashedTag(
            repository=remote.name,
            name=printable(_either(entry, ("name", "tag"), where)),
            digest=received_digest(text(entry, "digest", where), where),
            deleted=_time(entry, _DELETED, where),
            created=_time_or_none(entry, _MADE, where),
        )

    return _walk(remote.session, f"{_path(remote)}/_tags", "tags", make, _read(remote), page_size)


def manifests(remote: Remote, *, page_size: int | None) -> Walk[TrashedManifest]:
    """The deleted manifests of a repository."""

    def make(entry: Mapping[str, Any], where: str) -> TrashedManifest:
        return TrashedManifest(
            repository=remote.name,
            digest=received_digest(text(entry, "digest", where), where),
            deleted=_time(entry, _DELETED, where),
            created=_time_or_none(entry, _MADE, where),
        )

    return _walk(remote.session, f"{_path(remote)}/_manifests", "manifests", make, _read(remote), page_size)


@one_call
async def restore(remote: Remote, digest: Digest, tag: str, *, force: bool) -> None:
    """Restore one manifest, and let a tag point to it.

    Args:
        remote: the repository.
        digest: of the manifest.
        tag: its tag: the registry demands one.
        force: whether a tag that points elsewhere moves.
    """
    request: Request[int] = Request(
        method="POST",
        target=types.target(
            f"{_path(remote)}/_manifests/{types.path_value(digest)}",
            {"force": "true" if force else "false", "api-version": _VERSION},
        ),
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        content=json.dumps({"tag": check_tag(tag)}).encode(),
        operation="ContainerRegistry_RestoreDeletedArtifact",
        parser=_nothing,
    )
    needed = scopes.repository(remote.name, ["deleted_read", "deleted_restore"])
    await remote.session.call(request, done(_nothing, 204), scopes=needed)


def _nothing(reply: Response) -> int:
    types.expect_status("ContainerRegistry_RestoreDeletedArtifact", reply, 200, 204)
    return reply.status


async def has(remote: Remote, digest: Digest) -> bool:
    """Whether a manifest is in the trash. False if nobody can tell."""
    with suppress(AcrError):
        async for one in items(manifests(remote, page_size=LARGEST_PAGE)):
            if one.digest == digest:
                return True
    return False


async def explain(error: ResponseError, remote: Remote, digest: Digest) -> None:
    """Let the refusal of a push say that the manifest is in the trash, if it is."""
    if error.status != _REFUSED:
        return
    with suppress(AcrError), best_effort():
        if await has(remote, digest):
            error.hint = f"the manifest is in the trash: restore({str(digest)!r}) brings it back"


def _walk(
    session: Session,
    path: str,
    key: str,
    make: Callable[[Mapping[str, Any], str], T],
    needed: Scopes,
    page_size: int | None,
) -> Walk[T]:
    def read(reply: Response) -> Sequence[T]:
        types.expect_status(f"the trash at {path}", reply, 200)
        where = f"the list of deleted {key}"
        listed = parse_object(reply.body, where, limit=session.limits.page, option="Limits.page")
        entries = list_of(listed, key, where)
        return [make(object_of(one, f"{where}[{at}]"), f"{where}[{at}]") for at, one in enumerate(entries)]

    first: AnyRequest = Request(
        method="GET",
        target=types.target(path, {"n": page_size, "api-version": _VERSION}),
        headers={"Accept": "application/json"},
        operation=f"the trash at {path}",
        parser=read,
    )
    return Walk(session, first, read, needed, f"deleted {key}")


def _path(remote: Remote) -> str:
    return f"/acr/v1/_deleted/{types.path_value(remote.name, safe='/')}"


def _read(remote: Remote) -> Scopes:
    return scopes.repository(remote.name, ["deleted_read"])


def _either(entry: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    for key in keys:
        if entry.get(key) is not None:
            return text(entry, key, where)
    raise ProtocolViolation(f"{where}: it has none of {', '.join(keys)}")


def _time(entry: Mapping[str, Any], keys: Sequence[str], where: str) -> datetime:
    value = _either(entry, keys, where)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ProtocolViolation(f"{where}: {value[:40]!r} is no time")
    return time


def _time_or_none(entry: Mapping[str, Any], keys: Sequence[str], where: str) -> datetime | None:
    return _time(entry, keys, where) if any(entry.get(key) is not None for key in keys) else None

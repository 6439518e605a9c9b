"""Catalog: repositories of a registry, their properties, their end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs
from acr_rest import types
from acr_rest.api.container_registry import (
    delete_repository,
    get_repositories,
    get_repository_properties,
    update_repository_properties,
)
from acr_rest.models.repository_changeable_attributes import RepositoryChangeableAttributes
from acr_rest.types import Response

from acr._core.listed.existence import is_found
from acr._core.listed.locks import explained
from acr._core.listed.permissions import Changes, permissions
from acr._core.talk import scopes
from acr._core.talk.answers import done, listed, told
from acr._core.talk.deadline import each_one_call, one_call
from acr._core.talk.paging import Shown, Walk
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.talk.unlinked import Unlinked
from acr._text import printable
from acr._values.arguments import check_text
from acr._values.digest import received_digest
from acr._values.page import Page
from acr._values.properties import DeletedRepository, RepositoryProperties, check_page_size
from acr.errors import LimitExceeded, NoMetadataApi, NotFound, ProtocolViolation, ResponseError

if TYPE_CHECKING:
    from acr_rest.models.repository_attributes import RepositoryAttributes


_ANY_MAKE: Final = "/v2/_catalog"
"""The catalog of registries of other makes (the distribution project's HTTP API V2, "Listing Repositories"). It is no
part of ACR's description, nor of OCI's."""

_NO_CATALOG: Final = frozenset({400, 404, 405, 501})


@attrs.frozen
class Repositories:
    """The names of all repositories, to be walked like any listing. Making one sends nothing.

    Args:
        ours: ACR's catalog.
        theirs: that of other registries, which is asked for if there is none of ACR.
    """

    ours: Walk[str]
    theirs: Unlinked

    @property
    def session(self) -> Session:
        """The client."""
        return self.ours.session

    @property
    def what(self) -> str:
        """What it lists, for people."""
        return self.ours.what

    @each_one_call
    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[str], None]:
        """Walk them page by page. Arguments and errors as of `Walk.pages`."""
        begun = continuation is not None
        missing: ResponseError | ProtocolViolation | None = None
        if continuation is None or continuation.partition("?")[0] != _ANY_MAKE:
            try:
                async with aclosing(self.ours.pages(continuation)) as walk:
                    async for page in walk:
                        begun = True
                        yield page
                        del page
                return
            except (ResponseError, ProtocolViolation) as error:
                if begun or not _is_of_another_make(error):
                    raise
                missing = error
        try:
            async with aclosing(self.theirs.pages(continuation)) as walk:
                async for page in walk:
                    begun = True
                    yield page
                    del page
        except ResponseError as error:
            if begun or missing is None or error.status not in _NO_CATALOG:
                raise
            raise missing from None


@attrs.frozen
class Beginning:
    """The names that begin with a prefix. The whole catalog is read: no registry promises the order of its names.

    Args:
        whole: the names of all repositories.
        prefix: what the names begin with.
    """

    whole: Repositories
    prefix: str

    @property
    def session(self) -> Session:
        """The client."""
        return self.whole.session

    @property
    def what(self) -> str:
        """What it lists, for people."""
        return f"repositories that begin with {self.prefix!r}"

    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[str], None]:
        """Walk them page by page; a page may be empty. Arguments and errors as of `Walk.pages`."""
        async with aclosing(self.whole.pages(continuation)) as walk:
            async for page in walk:
                yield attrs.evolve(page, items=[name for name in page.items if name.startswith(self.prefix)])
                del page


def _is_of_another_make(error: ResponseError | ProtocolViolation) -> bool:
    """Whether an error of ACR's catalog is that of a registry which has none."""
    if isinstance(error, ProtocolViolation):
        return error.is_page
    is_told = error.status in _NO_CATALOG and error.correlation_id is None
    return isinstance(error, NoMetadataApi) or (is_told and not isinstance(error, NotFound))


def repositories(session: Session, *, page_size: int | None, last: str | None, prefix: str | None = None) -> Shown:
    """The names of all repositories, or of those that begin with a prefix."""
    size, last = check_page_size(page_size), check_text("last", last)
    ours = get_repositories.build_request(n=size, last=last)
    theirs = attrs.evolve(ours, target=types.target(_ANY_MAKE, {"n": size, "last": last}))
    walks = [Walk(session, first, _names, scopes.catalog(), "repositories") for first in (ours, theirs)]
    whole = Repositories(walks[0], Unlinked(walks[1], size))
    return Shown(whole if prefix is None else Beginning(whole, check_text("prefix", prefix) or ""))


async def get(remote: Remote) -> RepositoryProperties:
    """Properties of a repository."""
    request = get_repository_properties.build_request(remote.name)
    parse, needed = get_repository_properties.parse, scopes.read_metadata(remote.name)
    return _properties((await remote.session.call(request, parse, scopes=needed)).body)


async def exists(remote: Remote) -> bool:
    """Whether there is such a repository."""
    return await is_found(get(remote))


async def get_dated(remote: Remote, scope: scopes.Scopes) -> tuple[RepositoryProperties, str | None]:
    """Properties of a repository, and the header `Date` of the answer.

    Args:
        remote: the repository.
        scope: what to get a token for. It may be more than this call needs, if the caller goes on with it.
    """
    request = get_repository_properties.build_request(remote.name)

    def parse(reply: Response) -> tuple[RepositoryProperties, str | None]:
        return _properties(get_repository_properties.parse(reply).body), reply.headers.get("date")

    return await remote.session.call(request, parse, scopes=scope)


@one_call
async def update(remote: Remote, changes: Changes) -> RepositoryProperties:
    """Change what may be done with a repository."""
    body = RepositoryChangeableAttributes(**changes)
    request = update_repository_properties.build_request(remote.name, body=body)
    async with explained(f"the repository {remote.name}", partial(get, remote)):
        parse = told(done(update_repository_properties.parse, 200))
        reply = await remote.session.call(request, parse, scopes=scopes.write_metadata(remote.name))
    return _properties(reply.body) if reply else await get(remote)


async def delete(remote: Remote, *, missing_ok: bool) -> DeletedRepository:
    """Delete a repository with all that is in it."""
    request = delete_repository.build_request(remote.name)
    attempts, reply = remote.session.sender.attempts(), None
    try:
        with attempts.may_be_gone(missing_ok=missing_ok):
            async with explained(f"the repository {remote.name}", partial(get, remote)):
                parse = told(done(delete_repository.parse, 202))
                reply = await remote.session.call_for_list(
                    request, parse, scopes=scopes.delete(remote.name), attempts=attempts
                )
    except LimitExceeded as error:
        what = f"the repository {remote.name} was deleted; the answer, which lists what went with it,"
        raise LimitExceeded(what, limit=error.limit, option=error.option) from error
    deleted = reply.body if reply else None
    if deleted is None:
        return DeletedRepository()
    return DeletedRepository(
        manifests=[received_digest(d, "a deleted manifest") for d in deleted.manifests_deleted],
        tags=[printable(tag) for tag in deleted.tags_deleted],
    )


def _names(reply: Response) -> Sequence[str]:
    return listed(reply, "repositories", get_repositories.parse(reply).body.repositories)


def _properties(body: RepositoryAttributes) -> RepositoryProperties:
    return RepositoryProperties(
        name=printable(body.image_name),
        created=body.created_time,
        updated=body.last_update_time,
        manifest_count=body.manifest_count,
        tag_count=body.tag_count,
        **permissions(body.changeable_attributes),
    )

"""Paging: a listing is walked by its Link headers to its end, or fails. Part of a list is never given as all of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

import attrs
from acr_rest.types import AnyRequest as Request, Response

from acr._core.talk.deadline import each_one_call
from acr._core.talk.links import local_target, next_link
from acr._core.talk.scopes import Scopes
from acr._core.talk.session import Session
from acr._core.talk.trail import Trail, item_count, with_fewer_items, with_last
from acr._text import printable
from acr._values.page import Page
from acr._values.plain import row_of
from acr.errors import InvalidReference, LimitExceeded

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Pages(Protocol[T_co]):
    """What facades make listings of."""

    @property
    def session(self) -> Session:
        """The client."""
        ...

    @property
    def what(self) -> str:
        """What it lists, for people."""
        ...

    def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[T_co], None]:
        """Walk it page by page."""
        ...


@attrs.frozen
class Walk(Generic[T]):
    """A listing that can be walked, and walked again. Making one sends nothing.

    Args:
        session: the client.
        first: the request for the first page.
        read: gives the items of a page.
        scopes: what the listing needs.
        what: what it lists, for people.
    """

    session: Session
    first: Request
    read: Callable[[Response], Sequence[T]]
    scopes: Scopes
    what: str

    @each_one_call
    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[T], None]:
        """Walk it page by page.

        Args:
            continuation: the continuation of a page; the walk continues after that page.

        Raises:
            InvalidReference: the continuation is of another listing.
            ProtocolViolation: a link leads to another host, or the listing goes in a circle, or nowhere.
            LimitExceeded: it has more pages, or one page has more bytes, than the client's `Limits` allow.
            ResponseError, TransportError, CredentialError: a page could not be had.
        """
        path = self.first.target.partition("?")[0]
        target = self.first.target if continuation is None else _checked(continuation, path)
        trail = Trail(f"the listing at {path}", self.session.limits.pages)
        excess: LimitExceeded | None = None
        while True:
            request = attrs.evolve(self.first, target=target)
            try:
                page, reply = await self.session.call_for_list(request, self._page, scopes=self.scopes)
            except LimitExceeded as error:
                fewer = with_fewer_items(target)
                if fewer is None:
                    raise
                excess = error.with_traceback(None)  # its frames have the page that is too large
                target = fewer
                continue
            link = page.continuation
            if link is None and excess is not None and len(page.items) >= (item_count(target) or 1):
                link = _behind(page.items[-1], target, excess)
            trail.passed(target, reply.body, is_empty=not page.items)
            if link is None:
                yield page
                return
            target = local_target(self.session.registry, path, link)
            yield attrs.evolve(page, continuation=target)  # what is wrong with the next page is no matter of this one
            del page, reply
            trail.leads_to(target)

    def _page(self, reply: Response) -> tuple[Page[T], Response]:
        return Page(self.read(reply), next_link(reply.headers.get("link"))), reply


@attrs.frozen
class Shown:
    """The names of a listing, fit to be printed. The walk itself goes by the names as the registry gives them.

    Args:
        names: the listing.
    """

    names: Pages[str]

    @property
    def session(self) -> Session:
        """The client."""
        return self.names.session

    @property
    def what(self) -> str:
        """What it lists, for people."""
        return self.names.what

    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[str], None]:
        """Walk it page by page. Arguments and errors as of `Walk.pages`."""
        async with aclosing(self.names.pages(continuation)) as walk:
            async for page in walk:
                yield attrs.evolve(page, items=[printable(name) for name in page.items])
                del page


def _behind(item: object, target: str, excess: LimitExceeded) -> str:
    """The target of the next page, for a registry that gives no links: it begins after the last item.

    If there are no links, a full page may be the last one, or not. Only another question tells.

    Raises:
        LimitExceeded: the item has no name after which a page could begin.
    """
    if not isinstance(item, str):
        raise excess
    return with_last(target, item)


async def items(walk: Pages[T]) -> AsyncGenerator[T, None]:
    """Walk a listing from its beginning, item by item."""
    async with aclosing(walk.pages()) as pages:
        async for page in pages:
            for item in page.items:
                yield item
            del page


async def rows(walk: Pages[T]) -> list[dict[str, Any]]:
    """Walk a listing to its end, and make a flat row of each item."""
    return [row_of(item) async for item in items(walk)]


def _checked(continuation: str, path: str) -> str:
    # ACR writes a slash in a name as %2F in its links, whatever it was in the request.
    if unquote(continuation.partition("?")[0]) != unquote(path):
        raise InvalidReference(f"the continuation {continuation[:200]!r} is not of the listing at {path}")
    return continuation

"""Paging: a listing is walked by its Link headers to its end, or fails. Part of a list is never given as all of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import unquote

import attrs
from acr_rest.types import AnyRequest as Request, Response

from acr._core.talk.attempts import PASSING, Problem, may_pass
from acr._core.talk.deadline import each_one_call
from acr._core.talk.links import local_target, next_link
from acr._core.talk.scopes import Scopes
from acr._core.talk.session import Session
from acr._core.talk.trail import Size, Trail, item_count, with_fewer_items, with_last
from acr._text import printable
from acr._values.page import Page
from acr._values.plain import row_of
from acr.errors import AcrError, InvalidReference, LimitExceeded, ResponseError, TransportError

_DISLIKED: Final = frozenset({400, 413, 416, 422})
"""What a registry answers that does not take so large a number of items."""

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
        trail, size = Trail(f"the listing at {path}", self.session.limits.pages), Size(self.first.target)
        has_links = False
        excess: AcrError | None = None
        while True:
            page, reply, target, smaller_since = await self._some(target, size)
            excess, link = smaller_since or excess, page.continuation
            has_links = has_links or link is not None
            if link is None and excess is not None and len(page.items) >= (item_count(target) or 1):
                link = _behind(page.items[-1], target, excess, has_links=has_links)
            trail.passed(target, reply.body, is_empty=not page.items)
            if link is None:
                yield page
                return
            target = size.enlarged(local_target(self.session.registry, path, link))
            yield attrs.evolve(page, continuation=target)  # what is wrong with the next page is no matter of this one
            del page, reply
            trail.leads_to(target)

    async def _some(self, target: str, size: Size) -> tuple[Page[T], Response, str, AcrError | None]:
        """A page, or as many of its items as the registry bears.

        Returns:
            The page, the answer that it came in, its target, and why it has fewer items than were asked for at first.
        """
        excess: AcrError | None = None
        pauses = self.session.sender.attempts()
        while True:
            try:
                page, reply = await self._fetched(target, size)
            except (LimitExceeded, ResponseError, TransportError) as error:
                fewer = self._smaller(error, target, size)
                if fewer is None:
                    raise
                if excess is not None and isinstance(error, ResponseError) and _is_heavy(error):
                    # Half a page may have been what it takes. If not, the registry may be in trouble.
                    await pauses.again(error)
                    pauses.moved()
                excess = error.with_traceback(None)  # its frames have the page that is too large
                target = fewer
            else:
                return page, reply, target, excess

    async def _fetched(self, target: str, size: Size) -> tuple[Page[T], Response]:
        """A page, which is asked for again as often as that helps; not, if fewer items may help more."""

        def passes(problem: Problem) -> bool:
            return may_pass(problem) and self._smaller(problem, target, size) is None

        request, attempts = attrs.evolve(self.first, target=target), self.session.sender.attempts(passes)
        return await self.session.call_for_list(request, self._page, scopes=self.scopes, attempts=attempts)

    def _smaller(self, error: LimitExceeded | Problem, target: str, size: Size) -> str | None:
        """The target of the same page with fewer items; None if that would not help, or nobody wants another try."""
        if isinstance(error, LimitExceeded):
            fewer = with_fewer_items(target)
            size.stays(fewer)
            return fewer
        if isinstance(error, ResponseError) and error.status in _DISLIKED:
            return size.as_given(target)
        is_heavy = _is_heavy(error) and self.session.sender.retries.limit > 0
        return size.halved(target) if is_heavy and not error.exhausted else None

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


def _behind(item: object, target: str, excess: AcrError, *, has_links: bool) -> str | None:
    """The target of the next page, for a registry that gives no links: it begins after the last item.

    If there are no links, a full page may be the last one, or not. Only another question tells.

    Args:
        item: the last of the page.
        target: of the page.
        excess: why the page was made smaller.
        has_links: whether the registry has given links, so that none means the end.

    Returns:
        The target; None if the page is the last one.

    Raises:
        LimitExceeded, ResponseError, TransportError: the item has no name after which a page could begin.
    """
    if isinstance(item, str):
        return with_last(target, item)
    if has_links or (target.startswith("/acr/") and not isinstance(excess, LimitExceeded)):
        return None
    raise excess


def _is_heavy(problem: Problem) -> bool:
    """Whether a page may have been too much for the registry: it fails, or does not end in time."""
    if isinstance(problem, TransportError):
        return problem.timed_out
    return problem.status >= 500 and problem.status in PASSING and problem.retry_after is None


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

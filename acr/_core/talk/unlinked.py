"""Unlinked: listings of registries that give pages, and no links from one to the next."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from urllib.parse import parse_qsl

import attrs
from acr_rest import types

from acr._core.talk.deadline import each_one_call
from acr._core.talk.paging import Walk
from acr._core.talk.session import Session
from acr._core.talk.trail import with_last
from acr._values.page import Page
from acr.errors import LimitExceeded


@attrs.frozen
class Unlinked:
    """A listing of names that can be walked like any. Making one sends nothing.

    The registry of go-containerregistry gives as many names as are asked for, and does not say that there are more. So
    a page that is full and has no link is followed by one more question. Its answer ends the walk if it does not go
    beyond the page before: some registries begin again, others look at no query.

    Args:
        walk: the listing, by its links.
        size: names that a page has, if that was asked for.
    """

    walk: Walk[str]
    size: int | None

    @property
    def session(self) -> Session:
        """The client."""
        return self.walk.session

    @property
    def what(self) -> str:
        """What it lists, for people."""
        return self.walk.what

    @each_one_call
    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[str], None]:
        """Walk it page by page. Arguments and errors as of `Walk.pages`."""
        target = continuation
        held: Page[str] | None = None  # a full page without a link: what follows it is not known yet
        begins: set[str] = set()
        most = self.session.limits.pages
        while len(begins) < most:
            async with aclosing(self.walk.pages(target)) as walk:
                async for given in walk:
                    page = given
                    if held is not None:
                        if continuation is not None or "last" in self._query():
                            begins.update(await self._beginning(given, held))
                        page = _beyond(given, held, begins)
                        if not page.items:
                            yield held
                            return
                        yield attrs.evolve(held, continuation=target)
                    begins.update(given.items[:1])
                    is_full = len(given.items) == self.size and given.continuation is None
                    held = page if is_full else None
                    if held is None:
                        yield page
                    del page, given
            if held is None:
                return
            target = with_last(self.walk.first.target, held.items[-1])
        if held is not None:
            yield attrs.evolve(held, continuation=target)
        raise LimitExceeded(f"the listing at {target}", limit=most, unit="pages", option="Limits.pages")

    async def _beginning(self, page: Page[str], before: Page[str]) -> Sequence[str]:
        """The first name of the whole listing, if a page seems to go back to it.

        By their order alone it cannot be told: who lists versions has `v10` behind `v9`.
        """
        if not page.items or page.items[0] > before.items[-1]:
            return ()
        async with aclosing(self.walk.pages(self._first())) as walk:
            return (await anext(walk)).items[:1]

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(self.walk.first.target.partition("?")[2], keep_blank_values=True))

    def _first(self) -> str:
        """The target of the first name of the whole listing."""
        query = {key: value for key, value in self._query().items() if key != "last"}
        return types.target(self.walk.first.target.partition("?")[0], {**query, "n": 1})


def _beyond(page: Page[str], before: Page[str], begins: set[str]) -> Page[str]:
    """What a page has beyond the one before it: nothing, if it begins as another one did."""
    if page.items and page.items[0] in begins:
        return Page(())
    known = set(before.items)
    return attrs.evolve(page, items=[item for item in page.items if item not in known])

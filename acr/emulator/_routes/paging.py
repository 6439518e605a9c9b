"""Paging: which page of a listing a request asks for, and the link to the next one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import attrs
from starlette.requests import Request

from acr.emulator._settings import Settings
from acr.emulator._store.items import Item, Order, Page
from acr.emulator._wire import bad_request, next_link, numbered, read_numbered, refusal

LARGEST_PAGE: Final = 1000
"""Items; a larger page size is silently cut to it."""

DEFAULT_PAGE: Final = 100

Kind = Literal["repositories", "tags", "manifests"]

_ORDERS: Final[Mapping[str, Order]] = {"": "", "none": "none", "timeasc": "timeasc", "timedesc": "timedesc"}
_SIZE: Final = re.compile(r"0{0,9}([1-9][0-9]{0,17})")


@attrs.frozen
class Listing:
    """A listing of ACR's own API, as a request asks for it.

    Args:
        page: which part of it.
        by_number: whether `last` is `NUMBER&NAME`, and no name alone.
    """

    page: Page
    by_number: bool

    @classmethod
    def asked_for(cls, request: Request, settings: Settings, kind: Kind) -> Listing:
        """Read the query of a request."""
        query = request.query_params
        order = _ORDERS.get(query.get("orderby", ""))
        if order is None:
            raise bad_request("orderby must be none, timeasc or timedesc")
        limit, last = page_size(query) or DEFAULT_PAGE, query.get("last") or None
        by_number = _is_by_number(settings, kind, order)
        if last is None or not by_number:
            return cls(Page(limit, last, order), by_number)
        # A name alone gives the first page again (acr-cli#72).
        time, name = read_numbered(last, newest=order == "timedesc") or (None, None)
        return cls(Page(limit, name, order, time), by_number)

    def link_behind(self, item: Item, path: str, **more: str) -> dict[str, str]:
        """The link to the page behind an item."""
        page = self.page
        last = numbered(item.updated, item.name, newest=page.order == "timedesc") if self.by_number else item.name
        return next_link(path, last, n=page.limit, orderby=page.order, **more)


def page_size(query: Mapping[str, str]) -> int | None:
    """The page size that was asked for, if any was."""
    text = query.get("n", "")
    if not text:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        # Code and message of the registry that ACR is built on (distribution); never recorded.
        raise refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": text})
    return min(int(match[1]), LARGEST_PAGE)


def _is_by_number(settings: Settings, kind: Kind, order: Order) -> bool:
    return {
        ("tags", "timedesc"): settings.newest_tags_by_number,
        ("tags", "timeasc"): settings.oldest_tags_by_number,
        ("manifests", "timedesc"): settings.manifests_by_number,
        ("manifests", "timeasc"): settings.manifests_by_number,
    }.get((kind, order), False)

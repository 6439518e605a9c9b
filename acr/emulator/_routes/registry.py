"""What the routes of the registry share: its parts, and the questions that several of them ask."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from starlette.requests import Request

from acr._values.digest import Digest
from acr.emulator._access.gate import Gate
from acr.emulator._access.tokens import Secrets
from acr.emulator._settings import Settings
from acr.emulator._store.content import Content
from acr.emulator._store.items import Item, Order, Page
from acr.emulator._store.metadata import Metadata
from acr.emulator._store.uploads import Uploads
from acr.emulator._wire import TICKS, bad_request, digest_invalid, disallowed, page_not_found, refusal
from acr.errors import InvalidReference, UnsupportedDigest

LARGEST_PAGE = 1000
"""Items; a larger page size is silently cut to it."""

DEFAULT_PAGE = 100

_ORDERS: Mapping[str, Order] = {"": "", "none": "none", "timeasc": "timeasc", "timedesc": "timedesc"}


@attrs.frozen
class Registry:
    """One registry.

    Args:
        login_server: its name.
        storage_port: port of the blob store, on the same host.
    """

    settings: Settings
    secret: Secrets
    gate: Gate
    metadata: Metadata
    content: Content
    uploads: Uploads
    login_server: str
    storage_port: int

    def now(self) -> int:
        """The time, in ticks."""
        return int(self.settings.clock() * TICKS)

    def check_repository_allows(self, name: str, *, write: bool = False, read: bool = False) -> None:
        """Refuse what a repository is locked against. One that does not exist is not locked."""
        repository = self.metadata.repository(name)
        if repository is not None:
            check_allows(repository, write=write, read=read)

    def check_deletable(self, repository: str, *items: Item) -> None:
        """Refuse a delete in a repository that it or one of the items is locked against."""
        found = self.metadata.repository(repository)
        if any(not item.locks.may_delete for item in (found, *items) if item is not None):
            raise disallowed()

    def reset(self) -> None:
        """Drop all content."""
        self.uploads.clear()
        self.metadata.clear()
        self.content.clear()


def check_allows(item: Item, *, write: bool = False, read: bool = False) -> None:
    """Refuse what an item is locked against."""
    if (write and not item.locks.write) or (read and not item.locks.read):
        raise disallowed()


def digest_of_path(request: Request) -> Digest:
    """The digest that a path ends in. What looks like none is no path that ACR knows (go wrongDigest)."""
    try:
        return Digest(request.path_params["digest"])
    except InvalidReference:
        raise page_not_found() from None
    except UnsupportedDigest as error:
        raise digest_invalid(str(error)) from None


def page_of(request: Request) -> Page:
    """The page that a listing of ACR's own API asks for."""
    query = request.query_params
    order = _ORDERS.get(query.get("orderby", ""))
    if order is None:
        raise bad_request("orderby must be none, timeasc or timedesc")
    return Page(page_size(query) or DEFAULT_PAGE, query.get("last") or None, order)


def page_size(query: Mapping[str, str]) -> int | None:
    """The page size that was asked for, if any was."""
    text = query.get("n", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        # Code and message of the registry that ACR is built on (distribution); never recorded.
        raise refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": text})
    return min(int(text), LARGEST_PAGE)

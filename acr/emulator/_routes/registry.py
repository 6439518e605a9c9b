"""What the routes of the registry share: its parts, and the questions that several of them ask."""

from __future__ import annotations

import attrs
from starlette.requests import Request

from acr._values.digest import Digest
from acr.emulator._access.gate import Gate
from acr.emulator._access.secrets import Secrets
from acr.emulator._access.tokens import Tokens
from acr.emulator._settings import Settings
from acr.emulator._store.content import Content
from acr.emulator._store.items import Item
from acr.emulator._store.metadata import Metadata
from acr.emulator._store.uploads import Uploads
from acr.emulator._wire import TICKS, Refusal, digest_invalid, disallowed, page_not_found
from acr.errors import InvalidReference, UnsupportedDigest


@attrs.frozen
class Registry:
    """One registry.

    Args:
        login_server: its name.
        storage_port: port of the blob store, on the same host.
        caches: the repository that each pull-through cache takes manifests from.
    """

    settings: Settings
    secret: Secrets
    tokens: Tokens
    gate: Gate
    metadata: Metadata
    content: Content
    uploads: Uploads
    login_server: str
    storage_port: int
    caches: dict[str, str] = attrs.field(factory=dict)

    def now(self) -> int:
        """The time, in ticks."""
        return int(self.settings.clock() * TICKS)

    def check_repository_allows(self, name: str, *, write: bool = False, read: bool = False) -> None:
        """Refuse what a repository is locked against. One that does not exist is not locked."""
        repository = self.metadata.repository(name)
        if repository is not None:
            self.check_allows(repository, write=write, read=read)

    def check_deletable(self, repository: str, *items: Item) -> None:
        """Refuse a delete in a repository that it or one of the items is locked against."""
        found = self.metadata.repository(repository)
        if any(not item.locks.may_delete for item in (found, *items) if item is not None):
            raise self._disallowed()

    def check_allows(self, item: Item, *, write: bool = False, read: bool = False) -> None:
        """Refuse what an item is locked against."""
        if (write and not item.locks.write) or (read and not item.locks.read):
            raise self._disallowed()

    def _disallowed(self) -> Refusal:
        return disallowed(detail=self.settings.lock_refusals_as_seen)

    def reset(self) -> None:
        """Drop all content, and what it is a cache of."""
        self.caches.clear()
        self.uploads.clear()
        self.metadata.clear()
        self.metadata.trash.clear()
        self.content.clear()


def digest_of_path(request: Request) -> Digest:
    """The digest that a path ends in. What looks like none is no path that ACR knows (go wrongDigest)."""
    try:
        return Digest(request.path_params["digest"])
    except InvalidReference:
        raise page_not_found() from None
    except UnsupportedDigest as error:
        raise digest_invalid(str(error)) from None

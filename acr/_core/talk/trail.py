"""Trail: where the walk of a listing has been. So each walk ends, whatever links a registry gives."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from acr._text import counted
from acr.errors import LimitExceeded, ProtocolViolation

_MOST_EMPTY: Final = 100
"""Empty pages in a row that another page may follow. A registry that filters gives some."""

_MOST_AGAIN: Final = 16
"""Pages in a row that the client has read before, under another link. A listing that changes meanwhile gives some."""

_USUAL: Final = 1000
"""Items to ask for if the registry chose the size of a page, and the page is too large. ACR gives no more."""

_DEFAULT: Final = 100
"""Items that ACR gives if nobody asks for a number."""

_FEWEST: Final = 10
"""Items of a page that a registry has to bear."""

_COUNT: Final = re.compile(r"(?<=[?&])n=([0-9]{1,9})(?=&|$)")


class Trail:
    """Where a walk has been. It keeps two numbers of each page.

    Args:
        what: the name of the listing, for errors.
        most: the pages that the listing may have.
    """

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._count = 0
        self._empty = 0
        self._again = 0
        self._targets: set[int] = set()
        self._pages: set[int] = set()

    def passed(self, target: str, content: bytes, *, is_empty: bool) -> None:
        """Take note of a page.

        Args:
            target: the path and query of its request.
            content: its bytes.
            is_empty: whether it has no items.
        """
        self._count += 1
        self._targets.add(hash(target))
        self._empty = self._empty + 1 if is_empty else 0
        self._again = self._again + 1 if not is_empty and hash(content) in self._pages else 0
        self._pages.add(hash(content))

    def leads_to(self, target: str) -> None:
        """Check that the walk may go on to another page.

        Raises:
            ProtocolViolation: the client has read that page already, or the last pages brought nothing new.
            LimitExceeded: the listing has more pages than it may have.
        """
        if hash(target) in self._targets:
            raise ProtocolViolation(f"{self._what} links back to a page that was read already")
        if self._empty > _MOST_EMPTY or self._again > _MOST_AGAIN:
            count = self._empty or self._again
            raise ProtocolViolation(
                f"{self._what} goes on, although its last {counted(count, 'page')} brought nothing new"
            )
        if self._count >= self._most:
            raise LimitExceeded(self._what, limit=self._most, unit="pages", option="Limits.pages")


def with_fewer_items(target: str) -> str | None:
    """The same page of a listing with a quarter of its items; None if it has only one.

    >>> with_fewer_items("/acr/v1/_catalog?n=1000&last=a")
    '/acr/v1/_catalog?n=250&last=a'
    >>> with_fewer_items("/v2/a/tags/list"), with_fewer_items("/v2/a/tags/list?n=1")
    ('/v2/a/tags/list?n=1000', None)
    """
    count = item_count(target)
    if count is not None and count <= 1:
        return None
    return _with(target, "n", str(_USUAL if count is None else count // 4 or 1))


class Size:
    """How many items the pages of a walk are asked to have, if the caller did not say.

    The first page is the registry's to choose: many walks end within it. The pages behind it are large, until one of
    them fails.

    Args:
        target: of the first page of the listing.
    """

    def __init__(self, target: str) -> None:
        self._most = _USUAL if item_count(target) is None else 0
        self._given: str | None = None  # the link that was enlarged last

    def enlarged(self, target: str) -> str:
        """The target of a next page with more items, if its link says how many it has."""
        count, self._given = item_count(target), target
        return target if count is None or count >= self._most else _with(target, "n", str(self._most))

    def as_given(self, target: str) -> str | None:
        """The target of that page as its link had it, for a registry that takes no other number; None if it was so."""
        if self._given is None or target == self._given:
            return None
        self._most = 0
        given, self._given = self._given, None
        return given

    def stays(self, target: str | None) -> None:
        """The pages that follow have no more items than this one."""
        if target is not None:
            self._most = min(self._most, item_count(target) or self._most)

    def halved(self, target: str) -> str | None:
        """The target of a page that was too much for the registry, with half of its items; None if it has few.

        >>> Size("/acr/v1/_catalog").halved("/acr/v1/_catalog?n=1000&last=a")
        '/acr/v1/_catalog?n=500&last=a'
        >>> Size("/acr/v1/_catalog").halved("/acr/v1/_catalog?n=10&last=a")
        """
        count = item_count(target) or _DEFAULT
        if count <= _FEWEST:
            return None
        fewer = max(count // 2, _FEWEST)
        if count > _DEFAULT:  # of a smaller one it may be an accident
            self._most = min(self._most, fewer)
        return _with(target, "n", str(fewer))


def item_count(target: str) -> int | None:
    """The items that a page is asked to have; None if the registry is to choose.

    >>> item_count("/acr/v1/_catalog?n=1000&last=a"), item_count("/v2/a/tags/list")
    (1000, None)
    """
    found = _COUNT.search(target)
    return int(found[1]) if found else None


def with_last(target: str, last: str) -> str:
    """The target of the page that begins after an item.

    Raises:
        ProtocolViolation: UTF-8 cannot write the name of the item: JSON can hold half a character.

    >>> with_last("/v2/a/tags/list?n=5&last=x", "v1+b")
    '/v2/a/tags/list?n=5&last=v1%2Bb'
    """
    try:
        return _with(target, "last", quote(last, safe=""))
    except UnicodeEncodeError:
        path = target.partition("?")[0]
        raise ProtocolViolation(f"the listing at {path} ends with a name that UTF-8 cannot write") from None


def _with(target: str, name: str, value: str) -> str:
    """A target with a parameter in its query, at its old place if it had one."""
    changed, count = re.subn(rf"(?<=[?&]){name}=[^&]*", f"{name}={value}", target)
    return changed if count else f"{target}{'&' if '?' in target else '?'}{name}={value}"

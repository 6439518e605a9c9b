"""The way to a blob: by the registry once, and then straight to the storage that it has led to."""

from __future__ import annotations

from contextlib import AsyncExitStack

from acr._core.blobs.fetching import Part, Wanted, open_part, open_straight
from acr._core.talk.redirects import Place
from acr._core.talk.remote import Remote
from acr._values.digest import Digest
from acr.errors import ProtocolViolation, ResponseError, TransportError

_OF_THE_RANGE = frozenset({408, 416, 429})
"""Refusals that say nothing of the place."""


class Way:
    """The way to a blob, which several connections go. One redirect is good for all of them until storage refuses it.

    Args:
        remote: the repository.
        digest: of the blob.
        place: where the registry has led to; None if it has the blob itself.
    """

    def __init__(self, remote: Remote, digest: Digest, place: Place | None = None) -> None:
        self._remote = remote
        self._digest = digest
        self._place = place
        self._asking = remote.session.runtime.lock()
        self._redirects = True

    async def open(self, wanted: Wanted) -> Part:
        """Ask once for a part of the blob. Errors as of `open_part`."""
        while True:
            place = self._place
            if place is None:
                found = await self._ask(wanted)
                if found is not None:
                    return found
                continue
            try:
                return await open_straight(self._remote, self._digest, wanted, place)
            except (ResponseError, TransportError, ProtocolViolation) as error:
                self._forget(place)  # whatever it was: the registry may know a better place
                if not _is_of_the_place(error):
                    raise

    async def _ask(self, wanted: Wanted) -> Part | None:
        """Ask the registry; None if another connection has just found the way."""
        async with AsyncExitStack() as stack:
            if self._redirects:  # one asks, and the others go where it was led to
                await stack.enter_async_context(self._asking)
                if self._place is not None:
                    return None
            part = await open_part(self._remote, self._digest, wanted)
            self._place, self._redirects = part.place, part.place is not None
            return part

    def _forget(self, place: Place) -> None:
        if self._place == place:
            self._place = None


def _is_of_the_place(error: ResponseError | TransportError | ProtocolViolation) -> bool:
    """Whether storage refuses what the registry has signed, such as after some time."""
    return isinstance(error, ResponseError) and 400 <= error.status < 500 and error.status not in _OF_THE_RANGE

"""Checkpoints: how far an upload got when its process ended, so that the next one goes on from there."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

import attrs

from acr._core.blobs import openings
from acr._core.blobs.upload_sessions import GONE, UNTOLD, UploadSession
from acr._core.storage import Checkpoint
from acr._core.talk.remote import Remote
from acr._values.progress import Item
from acr._values.upload_state import UploadState
from acr.errors import AcrError, Denied, IntegrityError, InvalidInput, Locked, ProtocolViolation, ResponseError

_NO_JSON: Final = object()
_MOST_KEYS: Final = 5
_LONGEST_KEY: Final = 50


class Checkpoints:
    """Keeps the state of one upload.

    Args:
        remote: the repository.
        algorithm: what its bytes are hashed by.
        item: its digest, if that is known, and its size.
        place: where the state is kept; None keeps none.
    """

    def __init__(self, remote: Remote, algorithm: str, item: Item, place: Checkpoint | None) -> None:
        self._remote = remote
        self._algorithm = algorithm
        self._item = item
        self._place = place
        self.is_kept = False
        """Whether another process has something to go on from."""

    async def resume(self) -> UploadSession | None:
        """The session that an earlier process has left for the same bytes, if it is still there."""
        state = await self._load()
        if state is None:
            return None
        try:
            upload = await openings.resume(self._remote, state)
        except (ResponseError, ProtocolViolation) as error:
            if isinstance(error, ResponseError) and error.status not in (*UNTOLD, 500):
                raise
            # What the registry does not tell now it will not tell the next time, either. The state is left, though,
            # until there is a new session: 500 may be said by a registry that is down.
            if isinstance(error, ResponseError) and error.status not in (*GONE, 500):
                await self._give_up(state)
            return None
        if upload.offset > (self._item.size or 0):
            await upload.give_up()
            await self._clear()
            return None
        self.is_kept = True
        return upload

    async def save(self, upload: UploadSession) -> None:
        """Keep what another process needs to go on with a session."""
        if self._place is not None:
            text = json.dumps(self._state(upload).to_json())
            await self._remote.session.runtime.blocking(self._place.save, text)
            self.is_kept = True

    async def leave(self, upload: UploadSession, error: BaseException) -> None:
        """The upload has failed: keep the session for the next process, or give it up if that is of no use."""
        if self.is_kept and not _is_final(error):
            return
        await upload.give_up()
        await self._clear()

    async def done(self) -> None:
        """The blob is there: nothing is to be gone on with. A session that an earlier process has left is given up."""
        state = None if self.is_kept else await self._load()
        if state is not None:
            await self._give_up(state)
        await self._clear()

    async def _load(self) -> UploadState | None:
        """What was kept, if it is of these bytes.

        Raises:
            InvalidInput: it is no state of an upload. It may be a file that somebody wants to keep.
        """
        if self._place is None:
            return None
        text = await self._remote.session.runtime.blocking(self._place.load)
        if not text:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = _NO_JSON
        if not (isinstance(value, dict) and {"location", "offset"} <= value.keys()):
            raise InvalidInput(
                f"checkpoint: there is a file of another kind: {self._place.name} is {_kind(value)},"
                " and no checkpoint of an upload: remove it, or name a file that is not there"
            )
        try:
            state = UploadState.from_json(value)
        except (AcrError, ValueError):
            return None
        own = self._state(UploadSession(self._remote, state.location))
        same = attrs.evolve(own, offset=state.offset, min_chunk_size=state.min_chunk_size)
        return state if same == state else None

    async def _give_up(self, state: UploadState) -> None:
        with suppress(ProtocolViolation):
            await openings.at(self._remote, state.location).give_up()

    def _state(self, upload: UploadSession) -> UploadState:
        return attrs.evolve(upload.state, algorithm=self._algorithm, digest=self._item.digest, size=self._item.size)

    async def _clear(self) -> None:
        if self._place is not None:
            self.is_kept = False
            await self._remote.session.runtime.blocking(self._place.clear)


def _kind(value: object) -> str:
    """What a file is that should have been a state. Its content is not told: it may be somebody's secret."""
    if value is _NO_JSON:
        return "no JSON"
    if not isinstance(value, dict):
        return f"JSON of another form ({type(value).__name__})"
    keys = ", ".join(repr(key[:_LONGEST_KEY]) for key in list(value)[:_MOST_KEYS])
    return (
        f"a JSON object with {keys} …" if len(value) > _MOST_KEYS else f"a JSON object with {keys or 'nothing in it'}"
    )


def _is_final(error: BaseException) -> bool:
    """Whether an upload that failed so would fail so again: bytes of another digest, a session that takes no more."""
    if isinstance(error, ResponseError):
        return error.status in (*UNTOLD, 409) and not isinstance(error, Denied | Locked)
    return isinstance(error, IntegrityError | ProtocolViolation)

"""Uploads that are under way: a draft per session, and the `_state` without which no chunk is taken."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import uuid
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

import attrs

from acr._values.digest import Digest, Hasher
from acr.emulator._store.content import Content
from acr.emulator._wire import rfc3339

BLOCK: Final = 1024 * 1024
"""Bytes that are written and hashed at a time, in a thread beside the one that receives."""

_SMALL: Final = 64 * 1024  # not worth the way to a thread


@attrs.define(eq=False)
class Upload:
    """One session.

    Args:
        repository: what it was opened for; it is of no use elsewhere.
        draft: what has arrived.
        started: ticks.
        offset: bytes of the chunks that were taken in. Those of one that is still coming do not count: it may yet
            be cut off, and then has never been.
        state: what the next chunk has to carry: 32 bytes and a JSON object, base64url with padding, as ACR's. Ours are
            random and new with every chunk, so the state of an earlier offset, or a made-up one, is never taken.
    """

    repository: str
    draft: BinaryIO
    started: int
    id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    hasher: Hasher = attrs.field(factory=Hasher)
    offset: int = 0
    state: str = ""
    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    @property
    def range(self) -> str:
        """As the Range header has it; `0-0` where nothing was taken in."""
        return f"0-{max(self.offset - 1, 0)}"

    @property
    def location(self) -> str:
        """Where to go on: relative, with plain slashes in the name whatever the client sent."""
        state = self.state.replace("=", "%3D")
        return f"/v2/{self.repository}/blobs/uploads/{self.id}?_nouploadcache=false&_state={state}"

    def renew(self) -> None:
        """What has arrived is taken in: change offset and state."""
        self.offset = self.hasher.size
        facts = {"Name": self.repository, "UUID": self.id, "Offset": self.offset, "StartedAt": rfc3339(self.started)}
        text = json.dumps(facts, separators=(",", ":")).encode()
        self.state = base64.urlsafe_b64encode(secrets.token_bytes(32) + text).decode()

    def write(self, block: bytes) -> None:
        """Take in bytes."""
        rest = memoryview(block)
        while rest:  # a file without a buffer may take a part
            rest = rest[self.draft.write(rest) :]
        self.hasher.update(block)

    def digest(self, algorithm: str) -> Digest:
        """The digest of all that arrived. sha256 is there at once, for others it is read again."""
        if algorithm == self.hasher.algorithm:
            return self.hasher.digest()
        hasher = Hasher(algorithm)
        self.draft.seek(0)
        while block := self.draft.read(BLOCK):
            hasher.update(block)
        return hasher.digest()


class Uploads:
    """The sessions of one emulator. They do not survive a restart."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._open: dict[str, Upload] = {}

    @property
    def ids(self) -> list[str]:
        """Ids of the sessions that are open, the oldest first. May be asked for by any thread."""
        return list(self._open)

    def start(self, repository: str, now: int) -> Upload:
        """Open a session."""
        upload = Upload(repository, self._content.draft(), now)
        upload.renew()
        self._open[upload.id] = upload
        return upload

    def find(self, repository: str, name: str) -> Upload | None:
        """A session of a repository by its id."""
        upload = self._open.get(name)
        return upload if upload is not None and upload.repository == repository else None

    def cancel(self, upload: Upload) -> None:
        """Close a session and drop what arrived."""
        del self._open[upload.id]
        self._content.discard(upload.draft)

    def complete(self, upload: Upload, digest: Digest) -> None:
        """Close a session and make what arrived the blob of that digest."""
        del self._open[upload.id]
        self._content.keep(upload.draft, digest)

    def clear(self) -> None:
        """Cancel all sessions."""
        for upload in list(self._open.values()):
            self.cancel(upload)


async def take_in(upload: Upload, pieces: AsyncIterator[bytes], length: int | None) -> bool:
    """Take in a chunk, whole or not at all: if the bytes stop short, or are not `length` many, nothing has happened.

    Gives whether it was taken.
    """
    before = upload.hasher.copy()
    try:
        await _write_all(upload, pieces)
    except BaseException:
        _rewind(upload, before)
        raise
    if length is not None and upload.hasher.size - before.size != length:
        _rewind(upload, before)
        return False
    upload.renew()
    return True


async def _write_all(upload: Upload, pieces: AsyncIterator[bytes]) -> None:
    loop = asyncio.get_running_loop()
    writing: asyncio.Future[None] | None = None
    buffer = bytearray()
    try:
        async for piece in pieces:
            buffer += piece
            if len(buffer) >= BLOCK:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(None, upload.write, bytes(buffer))
                buffer.clear()
    finally:
        if writing is not None:
            await writing
    if len(buffer) <= _SMALL:
        upload.write(bytes(buffer))
    else:
        await loop.run_in_executor(None, upload.write, bytes(buffer))


def _rewind(upload: Upload, before: Hasher) -> None:
    upload.hasher = before
    upload.draft.seek(before.size)
    upload.draft.truncate()

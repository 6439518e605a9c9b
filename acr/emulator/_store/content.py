"""The bytes of blobs: in memory, or as files in a folder. Named by digest alone, so no name from outside is a path."""

from __future__ import annotations

import io
import shutil
import uuid
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from acr._values.digest import Digest


class Content(Protocol):
    """Where blobs are. A new one is written to a draft, and becomes a blob in one step once its digest is known."""

    def draft(self) -> BinaryIO:
        """A new empty file."""
        ...

    def discard(self, draft: BinaryIO) -> None:
        """Drop a draft."""
        ...

    def keep(self, draft: BinaryIO, digest: Digest) -> None:
        """Make a draft the blob of that digest."""
        ...

    def size(self, digest: Digest) -> int | None:
        """Bytes of a blob; None if there is none."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """Read a blob. It stays readable when the blob is removed meanwhile.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def remove(self, digest: Digest) -> None:
        """Drop a blob, if there is one."""
        ...

    def clear(self) -> None:
        """Drop all blobs."""
        ...


class MemoryContent:
    """Blobs in memory."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}

    def draft(self) -> BinaryIO:
        """See `Content`."""
        return io.BytesIO()

    def discard(self, draft: BinaryIO) -> None:
        """See `Content`."""
        draft.close()

    def keep(self, draft: BinaryIO, digest: Digest) -> None:
        """See `Content`."""
        draft.seek(0)
        self._blobs[digest] = draft.read()  # of BytesIO, shares the bytes

    def size(self, digest: Digest) -> int | None:
        """See `Content`."""
        blob = self._blobs.get(digest)
        return None if blob is None else len(blob)

    def open(self, digest: Digest) -> BinaryIO:
        """See `Content`."""
        try:
            return io.BytesIO(self._blobs[digest])  # shares the bytes, as long as nobody writes
        except KeyError:
            raise FileNotFoundError(digest) from None

    def remove(self, digest: Digest) -> None:
        """See `Content`."""
        self._blobs.pop(digest, None)

    def clear(self) -> None:
        """See `Content`."""
        self._blobs.clear()


class FolderContent:
    """Blobs as files.

    A draft is renamed into place, so that a killed emulator leaves no half-written blob; it leaves drafts, which the
    next start drops.
    """

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._drafts = folder / "drafts"
        shutil.rmtree(self._drafts, ignore_errors=True)
        self._drafts.mkdir(parents=True)

    def draft(self) -> BinaryIO:
        """See `Content`."""
        # Without a buffer: one that cannot be written out for want of space would stand in the way of a truncate, too.
        return cast(BinaryIO, (self._drafts / uuid.uuid4().hex).open("w+b", buffering=0))

    def discard(self, draft: BinaryIO) -> None:
        """See `Content`."""
        draft.close()
        Path(draft.name).unlink(missing_ok=True)

    def keep(self, draft: BinaryIO, digest: Digest) -> None:
        """See `Content`."""
        draft.close()
        target = self._path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(draft.name).replace(target)

    def size(self, digest: Digest) -> int | None:
        """See `Content`."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> BinaryIO:
        """See `Content`."""
        return self._path(digest).open("rb")

    def remove(self, digest: Digest) -> None:
        """See `Content`."""
        self._path(digest).unlink(missing_ok=True)

    def clear(self) -> None:
        """See `Content`."""
        shutil.rmtree(self._blobs, ignore_errors=True)

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex[:2] / digest.hex

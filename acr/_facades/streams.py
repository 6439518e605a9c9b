"""Sync: listings, blob streams and upload sessions."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from acr._core.blobs.ranges import Ranges, place_in
from acr._core.blobs.upload_sessions import Upload as CoreUpload
from acr._core.talk.paging import Pages
from acr._shells.blocking import iterate, run
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.page import Page
from acr._values.upload_state import UploadState

T = TypeVar("T")


@public_in("acr")
class Listing(Generic[T]):
    """A listing, fetched page by page while it is walked. Each walk begins anew.

    Example:
        for tag in repository.tags():
            print(tag.name)
    """

    def __init__(self, walk: Pages[T]) -> None:
        self._walk = walk

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self, *, continuation: str | None = None) -> Iterator[Page[T]]:
        """Walk it page by page.

        Args:
            continuation: of a page of an earlier walk, to go on behind it.

        Raises:
            InvalidReference: the continuation is of another listing.
            ProtocolViolation: a link leads to another host, or in a circle.
            ResponseError, TransportError, CredentialError: a page could not be had; what came before is not all.
        """
        return iterate(self._walk.pages(continuation))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._walk.session.registry.netloc}>"


@public_in("acr")
class BlobStream:
    """The bytes of a blob, verified against its digest when the last of them has come.

    Nothing is fetched before it is read. A connection that breaks is resumed. Leaving the context, or `close`, lets go
    of the connection.

    Example:
        with repository.download_blob(digest) as blob:
            for block in blob:
                file.write(block)
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = bytearray()
        self._failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._left:
            return self.read(len(self._left))
        block = self._block()
        if block is None:
            raise StopIteration
        return block

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, as of a file: so it can be uploaded elsewhere, too.

        Args:
            size: how many at the most; all that are left, in memory, where it is negative.

        Raises:
            DigestMismatch: this was the end, and the whole is not of the digest.
            ResponseError, TransportError, CredentialError: they could not be had.
            ValueError: it is closed.
        """
        if self._failure is not None:
            raise self._failure
        while size < 0 or len(self._left) < size:
            block = self._block()
            if block is None:
                break
            self._left += block
        count = len(self._left) if size < 0 else size
        data = bytes(self._left[:count])
        del self._left[:count]
        return data

    def close(self) -> None:
        """Let go of the connection."""
        self._failure = self._failure or ValueError("read of a closed blob")
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()

    def _block(self) -> bytes | None:
        """The next block. A failure is raised as often as it is asked for: there must be no end that is none."""
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._blocks, None)
        except Exception as error:
            self._failure = error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@public_in("acr")
class BlobReader(io.RawIOBase):
    """A blob, read at any place by ranges: for archives of which a part is wanted, and headers of models.

    It reads ahead, the further the longer it is read in order. What it reads is not verified, as a digest is of the
    whole: use `download_blob` for that.

    Example:
        with repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = blob.read()
    """

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self._ranges = ranges
        self._position = 0

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._ranges.blob.size

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes.

        Args:
            size: how many at the most; all that are left, in memory, where it is negative.

        Raises:
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        if self.closed:
            raise ValueError("I/O operation on closed file")
        data = run(self._ranges.read(self._position, self.size if size is None or size < 0 else size))
        self._position += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes, and tell how many there are. Errors as of `read`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place; nothing is sent.

        Args:
            offset: bytes from there.
            whence: `io.SEEK_SET`, `io.SEEK_CUR` or `io.SEEK_END`.

        Raises:
            InvalidInput: the place is before the beginning, or `whence` is none of those.
        """
        self._position = place_in(self._position, self.size, offset, whence)
        return self._position

    def tell(self) -> int:
        """Where the next bytes are read from."""
        return self._position

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._ranges.blob.digest}, at {self._position} of {self.size} bytes>"


@public_in("acr")
class Upload:
    """An upload session: a blob sent chunk by chunk.

    As a context manager it gives up what was not committed when the context is left. To go on in another process,
    keep its `state`, and pass it to `Repository.resume_upload`.

    Example:
        with repository.start_upload() as upload:
            upload.write(b"first")
            upload.write(b"second")
            descriptor = upload.commit()
    """

    def __init__(self, upload: CoreUpload) -> None:
        self._upload = upload
        self._ended = False

    @property
    def location(self) -> str:
        """Path and query of the session; another one after each chunk."""
        return self._upload.location

    @property
    def state(self) -> UploadState:
        """What another process needs to go on with the session. Another one after each chunk, and nobody else's."""
        return self._upload.state

    @property
    def uuid(self) -> str | None:
        """What the registry calls the session; None where it does not tell."""
        return self._upload.uuid

    @property
    def offset(self) -> int:
        """Bytes that were sent, and that the registry has confirmed."""
        return self._upload.offset

    def status(self) -> int:
        """Ask how many bytes the registry has.

        Raises:
            NotFound: the session is gone.
        """
        return run(self._upload.status())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the next chunk. Where it is in doubt whether it arrived, the registry is asked.

        Args:
            data: the bytes of the chunk; ACR's own limit is far above the 4 MiB that are usual.

        Raises:
            NotFound: the session is gone.
            ResponseError, TransportError: it could not be sent as often as the retries allow.
        """
        run(self._upload.write(data))

    def commit(self, digest: str | None = None) -> Descriptor:
        """End the upload: the bytes become a blob.

        Args:
            digest: what they must be of; needed only after `resume_upload`, when the first bytes were not seen here.

        Raises:
            DigestMismatch: they are not; nothing was stored.
            InvalidInput: the digest is needed.
        """
        descriptor = run(self._upload.commit(digest))
        self._ended = True
        return descriptor

    def cancel(self) -> None:
        """Give the session up. Needs the right to delete.

        Raises:
            NotFound: the session is gone already.
        """
        run(self._upload.cancel())
        self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._ended:
            run(self._upload.give_up())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self.offset} bytes>"

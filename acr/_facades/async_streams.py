"""Async: listings, blob streams and upload sessions."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Self, TypeVar

from acr._core.blobs.ranges import Ranges, place_in
from acr._core.blobs.upload_sessions import Upload as CoreUpload
from acr._core.talk.paging import Pages
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.page import Page
from acr._values.upload_state import UploadState

T = TypeVar("T")


@public_in("acr")
class AsyncListing(Generic[T]):
    """A listing, fetched page by page while it is walked. Each walk begins anew.

    Example:
        async for tag in repository.tags():
            print(tag.name)
    """

    def __init__(self, walk: Pages[T]) -> None:
        self._walk = walk

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self._walk.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    def pages(self, *, continuation: str | None = None) -> AsyncIterator[Page[T]]:
        """Walk it page by page.

        Args:
            continuation: of a page of an earlier walk, to go on behind it.

        Raises:
            InvalidReference: the continuation is of another listing.
            ProtocolViolation: a link leads to another host, or in a circle.
            ResponseError, TransportError, CredentialError: a page could not be had; what came before is not all.
        """
        return self._walk.pages(continuation)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._walk.session.registry.netloc}>"


@public_in("acr")
class AsyncBlobStream:
    """The bytes of a blob, verified against its digest when the last of them has come.

    Nothing is fetched before it is read. A connection that breaks is resumed. Leaving the context, or `close`, lets go
    of the connection.

    Example:
        async with repository.download_blob(digest) as blob:
            async for block in blob:
                file.write(block)
    """

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._left = bytearray()
        self._failure: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._left:
            return await self.read(len(self._left))
        block = await self._block()
        if block is None:
            raise StopAsyncIteration
        return block

    async def read(self, size: int = -1, /) -> bytes:
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
            block = await self._block()
            if block is None:
                break
            self._left += block
        count = len(self._left) if size < 0 else size
        data = bytes(self._left[:count])
        del self._left[:count]
        return data

    async def close(self) -> None:
        """Let go of the connection."""
        self._failure = self._failure or ValueError("read of a closed blob")
        close = getattr(self._blocks, "aclose", None)
        if close is not None:
            await close()

    async def _block(self) -> bytes | None:
        """The next block. A failure is raised as often as it is asked for: there must be no end that is none."""
        if self._failure is not None:
            raise self._failure
        try:
            return await anext(self._blocks, None)
        except Exception as error:
            self._failure = error
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


@public_in("acr")
class AsyncBlobReader:
    """A blob, read at any place by ranges: for archives of which a part is wanted, and headers of models.

    It reads ahead, the further the longer it is read in order. What it reads is not verified, as a digest is of the
    whole: use `download_blob` for that.

    Example:
        async with await repository.blob(digest).open() as blob:
            blob.seek(-2, io.SEEK_END)
            end = await blob.read()
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._position = 0
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._ranges.blob.size

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes.

        Args:
            size: how many at the most; all that are left, in memory, where it is negative.

        Raises:
            ResponseError, TransportError, CredentialError: they could not be had.
        """
        if self._closed:
            raise ValueError("I/O operation on closed file")
        data = await self._ranges.read(self._position, self.size if size < 0 else size)
        self._position += len(data)
        return data

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

    async def close(self) -> None:
        """Let go of what was read ahead."""
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._ranges.blob.digest}, at {self._position} of {self.size} bytes>"


@public_in("acr")
class AsyncUpload:
    """An upload session: a blob sent chunk by chunk.

    As a context manager it gives up what was not committed when the context is left. To go on in another process,
    keep its `state`, and pass it to `AsyncRepository.resume_upload`.

    Example:
        async with await repository.start_upload() as upload:
            await upload.write(b"first")
            await upload.write(b"second")
            descriptor = await upload.commit()
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

    async def status(self) -> int:
        """Ask how many bytes the registry has.

        Raises:
            NotFound: the session is gone.
        """
        return await self._upload.status()

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the next chunk. Where it is in doubt whether it arrived, the registry is asked.

        Args:
            data: the bytes of the chunk; ACR's own limit is far above the 4 MiB that are usual.

        Raises:
            NotFound: the session is gone.
            ResponseError, TransportError: it could not be sent as often as the retries allow.
        """
        await self._upload.write(data)

    async def commit(self, digest: str | None = None) -> Descriptor:
        """End the upload: the bytes become a blob.

        Args:
            digest: what they must be of; needed only after `resume_upload`, when the first bytes were not seen here.

        Raises:
            DigestMismatch: they are not; nothing was stored.
            InvalidInput: the digest is needed.
        """
        descriptor = await self._upload.commit(digest)
        self._ended = True
        return descriptor

    async def cancel(self) -> None:
        """Give the session up. Needs the right to delete.

        Raises:
            NotFound: the session is gone already.
        """
        await self._upload.cancel()
        self._ended = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._ended:
            await self._upload.give_up()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self.offset} bytes>"

"""Async: listings, blob streams and upload sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from acr._core.blobs.streams import Stream
from acr._core.blobs.upload_sessions import Upload as CoreUpload
from acr._core.talk.paging import Pages, items
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.page import Page
from acr._values.travel import stays
from acr._values.upload_state import UploadState

T = TypeVar("T")


@public_in("acr")
@stays("the `continuation` of a page")
class AsyncListing(Generic[T]):
    """A listing, fetched page by page while it is walked. Each walk begins anew.

    Example:
        async for tag in repository.tags():
            print(tag.name)
    """

    def __init__(self, walk: Pages[T]) -> None:
        self._walk = walk

    def __aiter__(self) -> AsyncIterator[T]:
        return items(self._walk)

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
@stays("the digest")
class AsyncBlobStream:
    """The bytes of a blob, verified against its digest when the last of them has come.

    Nothing is fetched before it is read. A connection that breaks is resumed. Leaving the context, or `close`, lets go
    of the connection.

    Example:
        async with repository.download_blob(digest) as blob:
            async for block in blob:
                file.write(block)
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await self._stream.next()
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
            ValueError: it is closed, or an earlier read was interrupted.
        """
        return await self._stream.read(size)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._stream.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


@public_in("acr")
@stays("its `state`")
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

    @property
    def min_chunk_size(self) -> int:
        """Bytes that each chunk but the last must have; 0 if the registry asks for none (OCI-Chunk-Min-Length)."""
        return self._upload.min_chunk_size

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

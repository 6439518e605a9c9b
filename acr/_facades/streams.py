# Made by `make facades` from acr/_facades/async_streams.py: change that file, then run the command.
"""Sync: listings, blob streams and upload sessions."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from acr._core.talk.paging import Pages, items, rows
from acr._later import later
from acr._shells.stepping import iterate, run
from acr._values.arguments import check_text
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.page import Page
from acr._values.travel import stays

if TYPE_CHECKING:
    from acr._core.blobs.manual_uploads import ManualUpload
    from acr._core.blobs.streams import Stream
    from acr._facades import notebooks
    from acr._values import upload_state
else:
    ManualUpload = object  # for `typing.get_type_hints`
    Stream = object  # for `typing.get_type_hints`
    notebooks = later("acr._facades.notebooks")
    upload_state = later("acr._values.upload_state")


T = TypeVar("T")


@public_in("acr")
@stays("the `continuation` of a page")
class Listing(Generic[T]):
    """A lazy listing. The client gets a page when you reach it, and each walk begins anew.

    A walk ends after the last page, or raises: part of a list never looks like all of it.

    Example:
        for tag in repository.tags():
            print(tag.name)
    """

    def __init__(self, walk: Pages[T]) -> None:
        self._walk = walk

    def __iter__(self) -> Iterator[T]:
        return iterate(items(self._walk))

    def pages(self, *, continuation: str | None = None) -> Iterator[Page[T]]:
        """Walk the listing page by page.

        Args:
            continuation: the continuation of a page; the walk continues after that page.

        Raises:
            InvalidReference: the continuation belongs to another listing.
            InvalidInput: the continuation is not text.
            ProtocolViolation: a link leads to another host, or in a circle.
            ResponseError, TransportError, CredentialError: a request failed. The list is incomplete.
            LimitExceeded: the listing has more pages, or a page is larger, than `Limits` allow.
        """
        return iterate(self._walk.pages(check_text("continuation", continuation)))

    def rows(self) -> list[dict[str, Any]]:
        """Walk the listing to its end, and make a flat row of each item. pandas and polars take them.

        Returns:
            Rows of native types, such as texts, numbers and times. A listing of names has the column `name`.

        Raises:
            ResponseError, TransportError, CredentialError: a request failed.
        """
        return run(rows(self._walk))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._walk.what} at {self._walk.session.registry.netloc}>"

    def _repr_html_(self) -> str:
        return notebooks.listing_html(self, self.pages())


@public_in("acr")
@stays("the digest")
class BlobStream:
    """The bytes of a blob, which the client verifies against the digest when the last of them has arrived.

    The first read sends the request. If the connection breaks, the client continues from there. `close`, or the end of
    the context, releases the connection.

    Example:
        with repository.download_blob(digest) as blob:
            for block in blob:
                file.write(block)
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = run(self._stream.next())
        if block is None:
            raise StopIteration
        return block

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes, as from a file. So you can pass the stream to `upload_blob`.

        Args:
            size: the most bytes to read. If it is negative: all that are left, in memory.

        Raises:
            InvalidInput: the size is not a whole number.
            DigestMismatch: the blob has ended, and has another digest.
            ResponseError, TransportError, CredentialError: the download failed.
            ValueError: the stream is closed, or an earlier read was interrupted.
            ProtocolViolation: the answer is unusable.
        """
        return run(self._stream.read(size))

    def close(self) -> None:
        """Release the connection."""
        run(self._stream.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@public_in("acr")
@stays("its `state`")
class Upload:
    """An upload session, to send a blob chunk by chunk.

    At the end of its context it gives the session up, if you have not committed it. To continue in another process,
    keep its `state`, and pass it to `Repository.resume_upload`.

    Example:
        with repository.start_upload() as upload:
            upload.write(b"first")
            upload.write(b"second")
            descriptor = upload.commit()
    """

    def __init__(self, upload: ManualUpload) -> None:
        self._upload = upload
        self._ended = False

    @property
    def location(self) -> str:
        """Path and query of the session. They change with each chunk."""
        return self._upload.session.location

    @property
    def state(self) -> upload_state.UploadState:
        """What another process needs to continue the session. It changes with each chunk. Keep it secret."""
        return self._upload.session.state

    @property
    def uuid(self) -> str | None:
        """The registry's name of the session; None if the registry does not say."""
        return self._upload.session.uuid

    @property
    def offset(self) -> int:
        """Bytes that the client has sent and the registry has confirmed."""
        return self._upload.session.offset

    @property
    def min_chunk_size(self) -> int:
        """Bytes that each chunk but the last must have; 0 if the registry asks for none (OCI-Chunk-Min-Length)."""
        return self._upload.session.min_chunk_size

    def status(self) -> int:
        """Ask how many bytes the registry has.

        Raises:
            NotFound: the registry no longer has the session.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(self._upload.session.status())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the next chunk. If its answer is lost, the client asks the registry how much arrived.

        Args:
            data: the bytes of the chunk. 4 MiB is usual, and ACR accepts much larger chunks.

        Raises:
            NotFound: the registry no longer has the session.
            ResponseError, TransportError: sending failed as often as the retries allow.
            InvalidInput: the data is not bytes.
            CredentialError: there is no token for it.
            ProtocolViolation: the registry has other bytes than were sent, or took next to nothing of them.
        """
        run(self._upload.write(data))

    def commit(self, digest: str | None = None) -> Descriptor:
        """Finish the upload: the bytes become a blob.

        Args:
            digest: the expected digest. You need it only after `resume_upload`, if this object has not seen all bytes.

        Raises:
            DigestMismatch: the bytes have another digest. The registry has stored nothing.
            InvalidInput: the digest is missing, and needed.
            NotFound: the registry no longer has the session.
            ResponseError, TransportError, CredentialError: the upload failed.
            ProtocolViolation: the registry has other bytes than were sent.
        """
        descriptor = run(self._upload.commit(digest))
        self._ended = True
        return descriptor

    def cancel(self) -> None:
        """Give the session up. The credential needs the permission to delete.

        Raises:
            NotFound: the registry no longer has the session.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        run(self._upload.session.cancel())
        self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._ended:
            run(self._upload.session.give_up())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self.offset} bytes>"

"""Ports: all that the core asks of the outside. The two shells implement it, one blocking, one on asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, Protocol, TypeVar

import attrs

from acr.values.descriptor import Descriptor
from acr.values.digest import Digest
from acr.values.manifest import Manifest
from acr.values.reference import Endpoint

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

P = ParamSpec("P")
T = TypeVar("T")


@attrs.frozen
class Body:
    """A body that is read while it is sent.

    Args:
        size: bytes of all its pieces.
        pieces: gives them, from the first one each time it is called: a request may have to be sent again.
    """

    size: int
    pieces: Callable[[], AsyncGenerator[bytes, None]] = attrs.field(repr=False)

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self.pieces()


@attrs.frozen
class Outgoing:
    """A request as it goes out: where to, what for, all headers but those of the connection, the body.

    Args:
        method: of HTTP.
        endpoint: where to.
        target: path and query.
        headers: all but host and length.
        content: the body, whole or while it is read.
        timeout: seconds; takes the place of all of the client's own, where it is given.
        is_large: the answer may have a large body, which will be read by `Incoming.readinto`.
    """

    method: str
    endpoint: Endpoint
    target: str = attrs.field(repr=False)  # it may hold a signature
    headers: Mapping[str, str] = attrs.field(repr=False)  # they hold tokens
    content: bytes | Body | None = attrs.field(default=None, repr=False)
    timeout: float | None = None
    is_large: bool = False


class Incoming(Protocol):
    """An answer whose head is there and whose body is not read yet. Whoever has it closes it."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, names in lower case, repeated ones joined by a comma."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, piece by piece, in any content coding that the server chose. Raises TransportError."""
        ...

    async def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes of the body, and tell how many there are: 0 at its end only.

        There may be fewer than the buffer has room for. Not to be mixed with `chunks`. Raises TransportError, but not
        before all that came was given.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection; after a body that was read to its end it can be used again."""
        ...


class Source(Protocol):
    """Bytes to upload."""

    @property
    def size(self) -> int | None:
        """How many there are, where that is known beforehand."""
        ...

    @property
    def is_seekable(self) -> bool:
        """Whether it can be read again, and from any byte on."""
        ...

    async def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only at the end. Raises TransferError."""
        ...

    async def seek(self, offset: int) -> None:
        """Go on with the byte at `offset`, counted from where the source began. Raises TransferError."""
        ...

    async def aclose(self) -> None:
        """Close what was opened for it."""
        ...


class Checkpoint(Protocol):
    """A place that outlives the process, for one short text. Its methods may block, and raise TransferError."""

    def load(self) -> str | None:
        """The text that was saved last; None where there is none, or something else is there."""
        ...

    def save(self, text: str) -> None:
        """Put a text in the place of the one before, whole or not at all, for nobody else to read."""
        ...

    def clear(self) -> None:
        """Leave nothing."""
        ...


class Sink(Protocol):
    """Where a download goes. Making one does nothing; its methods may block, and raise TransferError."""

    @property
    def is_private(self) -> bool:
        """Whether nobody else has to do with it, so that it may be written to by another thread."""
        ...

    def open(self) -> int:
        """Get ready, and tell how many bytes an earlier run has left here; what is written goes behind them."""
        ...

    def earlier(self) -> Iterator[bytes | memoryview]:
        """The bytes that an earlier run has left, to be hashed. Each block is valid until the next."""
        ...

    def restart(self) -> None:
        """Forget all bytes so far: they were not the right ones."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Take the next bytes. The block is valid during the call only."""
        ...

    def commit(self) -> None:
        """All bytes are there, and right: give them their final place."""
        ...

    def abort(self) -> None:
        """Leave nothing behind."""
        ...


class Local(Protocol):
    """Manifests and blobs on this machine. Its methods block, come from several threads, and raise TransferError.

    One copy at a time goes into one: what `tag` was told of is seen by others after `commit`, or is dropped by `abort`.
    """

    def resolve(self, reference: str | None) -> Descriptor:
        """The manifest of that name.

        Args:
            reference: a tag (`org.opencontainers.image.ref.name`) or a digest; None for the only root there is.

        Raises:
            TransferError: there is none, or several roots where no name was given; it tells which there are.
        """
        ...

    def manifest(self, digest: Digest) -> Manifest:
        """The exact bytes of a manifest, at most MANIFEST_LIMIT, found to be of the digest."""
        ...

    def has(self, content: Descriptor) -> bool:
        """Whether a blob, or a manifest, of that digest and size is there."""
        ...

    def open(self, blob: Descriptor) -> BinaryIO:
        """A file of that blob alone: seekable, at its first byte. The caller closes it, and verifies what it reads."""
        ...

    def sink(self, blob: Descriptor) -> Sink:
        """Where the bytes of a blob are written. The caller verifies them before the sink's `commit`."""
        ...

    def put(self, manifest: Manifest) -> None:
        """Store a manifest; what it lists comes before it."""
        ...

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Make it a root, in the place of the one that has the name; without a name it is found by its digest."""
        ...

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """The manifests here that are attached to another one, with artifact type and annotations."""
        ...

    def commit(self) -> None:
        """All is there: give the whole its final place."""
        ...

    def abort(self) -> None:
        """Leave nothing behind that was not there before.

        Blobs of a folder that are whole and right may stay: they are named by their content, and the next try need not
        move them again.
        """
        ...


class Runtime(Protocol):
    """The world that the core runs in."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and wait for the head of the answer. Redirects are not followed. Raises TransportError."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """A lock that keeps other threads, or other tasks, out."""
        ...

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that blocks (files, subprocesses, hashing), off the event loop where there is one."""
        ...

    def thread(self) -> Executor:
        """A thread of its own, to do things beside the caller, one after another. Leaving its context ends it."""
        ...

    async def result(self, future: Future[T]) -> T:
        """Wait for what such a thread does."""
        ...

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of the user's, which may be a coroutine function where there is an event loop."""
        ...

    async def to_the_end(
        self, task: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
    ) -> T:
        """Do something without being stopped in the middle: what the registry is left with would be lost.

        Whoever is stopped meanwhile, because of a failure elsewhere or as a task that is cancelled, is so afterwards.
        Nobody waits longer than some seconds for that.

        Args:
            task: what to do.
            undo: is done with what came of it, where nobody is left to take it.
        """
        ...

    async def gather(
        self,
        limit: int,
        tasks: Iterable[Callable[[], Awaitable[T]]],
        *,
        width: Callable[[int], int] | None = None,
    ) -> list[T]:
        """Run tasks, `limit` at a time, and give their results in order; the first failure stops the rest.

        Args:
            limit: how many at a time, at the most.
            tasks: what to run.
            width: how many of the limit go at a time at present, at least 1; asked anew whenever one has ended.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...

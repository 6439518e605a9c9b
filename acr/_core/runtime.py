"""The contract of the runtime: all that the core asks of the world. The two shells implement it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

import attrs

from acr._forks import Lock, renew_in_children
from acr._values.reference import Endpoint

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

P = ParamSpec("P")
T = TypeVar("T")

MOST_LARGE: Final = 8
"""Large blobs to move at a time: more bring nothing where storage gives each connection 50 to 100 MB/s."""

MOST_LARGE_HERE: Final = 4
"""The same, if the other end is on this machine: it needs the same processors, and with 8 a pull takes 1.1 times as
long."""


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


@attrs.define(eq=False)
class Traffic:
    """What moves for one call, over all its connections. Threads share it; a count that is lost does no harm.

    Args:
        moved: bytes, in both directions.
        fetched: bytes of its large blobs.
    """

    moved: int = 0
    fetched: int = 0


class Lines:
    """The connections of one call to a registry. Threads share them.

    Args:
        most: how many there may be.
        outer: those of which these are a part. The first one is that of the task itself, and is not taken from them.
    """

    def __init__(self, most: int, *outer: Lines) -> None:
        self.most: int = most
        self._outer = outer
        self._used = 0
        self._lock = Lock()
        renew_in_children(self)

    def renew(self) -> None:
        """Begin anew in a child process: what its parent has taken is none of its own."""
        self._used = 0

    @property
    def used(self) -> int:
        """How many there are at present."""
        return self._used

    @property
    def free(self) -> int:
        """How many more there may be at present."""
        return max(0, min([self.most - self._used, *(outer.free for outer in self._outer)]))

    def take(self, *, must: bool = False) -> bool:
        """Take one, and tell whether there was one to take.

        Args:
            must: take one in any case: whoever waits for it has none, and could wait for ever.
        """
        with self._lock:
            if self._used >= self.most and not must:
                return False
            taken: list[Lines] = []
            for outer in self._outer if self._used else ():
                if not outer.take(must=must):
                    for one in taken:
                        one.give_back()
                    return False
                taken.append(outer)
            self._used += 1
            return True

    def give_back(self) -> None:
        """Let others have one that was taken."""
        with self._lock:
            self._used -= 1
            for outer in self._outer if self._used else ():
                outer.give_back()


@attrs.frozen
class Outgoing:
    """A request as it goes out: where to, what for, all headers but those of the connection, the body.

    Args:
        method: of HTTP.
        endpoint: where to.
        target: path and query.
        headers: all but host and length.
        content: the body, whole or while it is read.
        deadline: when its call must be over, on the runtime's clock; None if the call may take any time.
        is_large: the answer may have a large body, which will be read by `Incoming.readinto`.
        traffic: of its call, which must move at the least rate of the client's `Timeouts`.
    """

    method: str
    endpoint: Endpoint
    target: str = attrs.field(repr=False)  # it may hold a signature
    headers: Mapping[str, str] = attrs.field(repr=False)  # they hold tokens
    content: bytes | Body | None = attrs.field(default=None, repr=False)
    deadline: float | None = None
    is_large: bool = False
    traffic: Traffic = attrs.field(factory=Traffic, repr=False, eq=False)


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

    def until(self, deadline: float | None) -> None:
        """Let another call go on to read, and end with it. A stream is read by many calls."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection; after a body that was read to its end it can be used again."""
        ...


class Runtime(Protocol):
    """The world that the core runs in."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and wait for the head of the answer. Redirects are not followed. Raises TransportError.

        The deadline bounds the request and its answer. So does the least rate of the client's `Timeouts`, over the time
        that the client waits for the network; but a slow connection is let be while others of the same call make up
        for it.
        """
        ...

    @property
    def home(self) -> object:
        """What locks and connections are of: this process, and this event loop if there is one.

        Raises:
            InvalidInput: there is no event loop, and there should be one.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...

    async def connect(self, endpoint: Endpoint, deadline: float | None) -> None:
        """Have a connection for the next request to a place. If that fails, the request will tell why.

        Args:
            endpoint: the place.
            deadline: when it must be over, on the runtime's clock; None if it may take any time.
        """
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """A lock that keeps other threads, or other tasks, of this home out."""
        ...

    async def blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that blocks (files, subprocesses, hashing), off the event loop if there is one."""
        ...

    def thread(self) -> Executor:
        """A thread of its own, to do things beside the caller, one after another. Leaving its context ends it."""
        ...

    async def result(self, future: Future[T]) -> T:
        """Wait for what such a thread does."""
        ...

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of the user's, which may be a coroutine function if there is an event loop."""
        ...

    async def to_the_end(
        self, task: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
    ) -> T:
        """Do something without being stopped in the middle: what the registry is left with would be lost.

        Whoever is stopped meanwhile, because of a failure elsewhere or as a task that is cancelled, is so afterwards.
        Nobody waits longer than some seconds for that.

        Args:
            task: what to do.
            undo: is done with what came of it, if nobody is left to take it.
        """
        ...

    async def gather(
        self,
        limit: int,
        tasks: Sequence[Callable[[], Awaitable[T]]],
        *,
        width: Callable[[int], int] | None = None,
        sizes: Sequence[int] | None = None,
        large: int = MOST_LARGE,
        lines: Lines | None = None,
    ) -> list[T]:
        """Run tasks, `limit` at a time, and give their results in order; the first failure stops the rest.

        Args:
            limit: how many at a time, at the most.
            tasks: what to run.
            width: how many of the limit go at a time at present, at least 1; asked anew whenever one has ended.
            sizes: bytes that each task moves. If several are large, fewer go at a time, so that memory stays bounded.
            large: how many of the largest go at a time.
            lines: connections that these tasks share with others. Each takes one while it runs, and waits for it; but
                one of them always goes.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...

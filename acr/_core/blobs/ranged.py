"""Ranged: a large blob fetched into a file over several connections, and hashed in order behind the lowest hole.

- **Who fetches what.** The blob is cut into ranges (`Plan`). Each task takes the first range that nobody has begun, and
  goes on with those behind it as long as they are free and the number of connections is right.
- **How many.** One at first. `Pace` takes four times as many while the call becomes faster by a fifth.
- **Where the bytes go.** To their place in the file, by one thread for all connections.
- **Who hashes.** One thread, in order. A block that comes just where the hash has got to is hashed as it comes. What
  came earlier is read back from the file.
- **What must not happen.** Bytes that were hashed are never written again: no range is given to two tasks, and a broken
  connection is replaced where it broke.
- **What is left behind.** A note beside the file (`Note`) lists the bytes that are there. It is written before the
  first byte behind a hole, and again whenever a range is whole.
- **Storage without ranges.** It answers 200 with the whole blob. Then one connection fetches all, in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from acr._core.blobs.belt import Belt
from acr._core.blobs.fetching import Part, Wanted
from acr._core.blobs.pace import Pace, Use
from acr._core.blobs.parts import Note, Plan, Span, Spans
from acr._core.blobs.reading import BLOCK, BLOCKS, Download
from acr._core.blobs.runs import Run, Stream
from acr._core.blobs.way import Way
from acr._core.runtime import Lines, Runtime
from acr._core.storage import Placed
from acr._core.talk.attempts import Attempts
from acr._core.talk.cutting import Cutting
from acr._core.talk.deadline import lines, traffic
from acr._core.talk.remote import Remote
from acr._forks import Lock
from acr._values.digest import Digest, Hasher
from acr._values.options import CONNECTIONS
from acr._values.progress import Item, Moved, Progress, Retried, Started, tell
from acr.errors import TransferError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_MIB: Final = 1024 * 1024

_ALONE: Final = (BLOCK, BLOCKS)
"""Bytes of a buffer, and buffers, of a connection that is alone: as of any download."""

_BESIDE_OTHERS: Final = (_MIB, 1)
"""The same of one of many: 32 of them have 32 MiB. While it waits for the file, the system receives for it."""

_READ: Final = _MIB
_PASSED: Final = 64 * 1024


class Ranged:
    """One large blob on its way into a file.

    Args:
        remote: the repository.
        item: the blob, for those who are told.
        note: the blob, and the bytes that the file has already.
        sink: where it goes.
        is_noted: whether the note lies beside the file.
        progress: is told.
    """

    def __init__(
        self,
        remote: Remote,
        item: Item,
        note: Note,
        sink: Placed,
        *,
        is_noted: bool,
        progress: Progress | None,
    ) -> None:
        self._remote = remote
        self._runtime: Runtime = remote.session.runtime
        self.item: Item = item
        self.digest: Digest = note.digest
        self.size: int = note.size
        self.what: str = f"the blob {remote.name}@{self.digest}"
        self.used_ranges: bool = is_noted
        """Whether bytes came in another order than that of the blob."""
        self.way: Way = Way(remote, self.digest)
        self._sink = sink
        self._there = Spans(note.there)
        self._before = self._there.size
        self._moved = 0
        self._traffic = traffic()
        self._is_noted = is_noted
        self._of_call = of_call = lines()
        of_client = remote.session.sender.lines
        outer = (of_client,) if of_call is None else (of_call, of_client)
        self._lines = Lines(CONNECTIONS if of_call is None else of_call.most, *outer)
        self._progress = progress
        self._lock = Lock()  # of all that follows; held for microseconds
        self._telling = Lock()
        self._cutting: Cutting = remote.session.learned.cutting
        self._plan = Plan((), 1)
        self.pace: Pace = Pace(self._cutting)
        self._running = 0
        self._asked = 1  # the width when `gather` was last made to ask for it
        self._is_alone = False
        self.knows_ranges: bool = True
        self._left: dict[int, Stream] = {}  # answers that nobody reads at present, by their place
        self._hasher = Hasher(self.digest.algorithm)
        self._frontier = 0  # all before it was hashed, or is about to be
        self._jobs: list[Future[None]] = []
        self._is_over = False

    @classmethod
    def by_note(
        cls, remote: Remote, note: Note, sink: Placed, *, progress: Progress | None, name: str | None
    ) -> Ranged:
        """Go on with what an earlier process has left. Arguments as of the class, and of `downloads.download`."""
        item = Item(name or str(note.digest), note.size, note.digest)
        tell(progress, Started(item, sum(map(len, note.there))))
        return cls(remote, item, note, sink, is_noted=True, progress=progress)

    def begin_with(self, part: Part, offset: int) -> None:
        """Use an answer that is there already.

        Args:
            part: it. What was to be passed over was passed over.
            offset: of its next byte.
        """
        self.way = Way(self._remote, self.digest, part.place)
        self._left[offset] = Stream(part.incoming, offset, part.stop)
        self.pace.begin(self._runtime.now(), self._traffic.fetched)
        if part.surplus:
            self.go_alone(knows_ranges=False)

    async def fetch(self) -> None:
        """Fetch what is missing, and see that the whole is right.

        Raises:
            DigestMismatch: the whole is not of the digest.
            SizeMismatch: there are more bytes, or fewer.
            ResponseError, TransportError: they could not be had as often as the client's retries allow.
        """
        try:
            with ExitStack() as threads:
                self._writing: Executor = threads.enter_context(self._runtime.thread())
                self._hashing: Executor = threads.enter_context(self._runtime.thread())
                try:
                    with self._lock:
                        self._catch_up()
                    await self._fetch_all()
                    for job in self._jobs:
                        await self._runtime.result(job)
                finally:
                    self._is_over = True
                    await self._close_left()
        except BaseException:
            if self._is_noted:
                with suppress(TransferError):  # what failed is the error
                    self._sink.note(self._note())  # not awaited: the task may be cancelled already
            raise
        self._hasher.verify(self.digest, self.what)

    async def _fetch_all(self) -> None:
        """Run tasks until nothing is missing. What one gives back is left to the next round.

        It is not cut anew then: an answer that was left ends where a range ends.
        """
        limit = self._lines.most
        self._plan = Plan(self._there.holes(self.size), self._cutting.length(self.size))
        while count := len(self._plan):
            tasks: list[Callable[[], Awaitable[None]]] = [self._run] * count
            await self._runtime.gather(limit, tasks, width=self._width, lines=self._lines)

    def _width(self, limit: int) -> int:
        return min(self.pace.width, self._remote.session.learned.throttles.reading(limit))

    async def _run(self) -> None:
        """Fetch the first range that nobody has begun, and those behind it."""
        with self._lock:
            span = self._plan.take()
            if span is None:
                return
            self._running += 1
            stream = self._left.pop(span.begin, None)
            if self.pace.width > 1 and not self._is_noted:
                self._is_noted = self.used_ranges = True
                self._note_soon()
            size, most = _ALONE if self.pace.width == 1 else _BESIDE_OTHERS
        run = Run(self, span, stream, Belt(self._runtime, min(size, len(span)), most))
        try:
            await run.go()
        finally:
            with self._lock:
                self._running -= 1

    async def _close_left(self) -> None:
        while self._left:
            await self._left.popitem()[1].incoming.aclose()

    # What the runs ask and tell

    def attempts(self) -> Attempts:
        """The tries of one of them."""
        return self._remote.session.sender.attempts()

    def wanted(self, at: int, span: Span) -> Wanted:
        """What to ask for at a place in a range: more than the range, if nobody else will fetch what follows."""
        with self._lock:
            end = self._plan.end_of_run(span.end) if self.pace.width == 1 else span.end
        return Wanted(at, end, self.size)

    def is_only_one(self) -> bool:
        """Whether no other connection fetches at present."""
        return self._running == 1

    def is_alone(self) -> bool:
        """Whether one connection has to fetch all that is missing."""
        return self._is_alone and self._running == 1

    def go_alone(self, *, knows_ranges: bool = True) -> None:
        """Go on with one connection: what came was no range."""
        with self._lock:
            self._is_alone = True
            self.knows_ranges = self.knows_ranges and knows_ranges
            self.pace.settle()

    def give_back(self, span: Span) -> None:
        """Leave the rest of a range to another task."""
        with self._lock:
            self._plan.give_back(span)

    def begin(self) -> None:
        """An answer begins to come."""
        with self._lock:
            self.pace.begin(self._runtime.now(), self._traffic.fetched)

    def take(self, at: int, block: memoryview) -> list[Future[None]]:
        """Let a block be written, and be hashed if it is the next one. Give what is under way."""
        count = len(block)
        with self._lock:
            begun = [self._writing.submit(self._sink.write_at, at, block)]
            if at == self._frontier:
                begun.append(self._hashing.submit(self._hasher.update, block))
                self._frontier += count
            self._moved += count
            self._traffic.fetched += count
            self.pace.came(self._runtime.now(), self._traffic.fetched, self._use())
        with self._telling:
            tell(self._progress, Moved(self.item, count))
        return begun

    def written(self, span: Span, *, ends_range: bool) -> None:
        """Bytes are in the file."""
        with self._lock:
            self._there.add(span)
            self._catch_up()
            if self._is_noted and ends_range:
                self._note_soon()

    def widens(self) -> bool:
        """Whether a task has to end, so that more can begin: `gather` asks for the width when one has ended."""
        with self._lock:
            before, self._asked = self._asked, self.pace.width
            return self.pace.width > before

    def next(self, at: int, stream: Stream | None) -> Span | None:
        """What the task that has fetched a range goes on with; None if it has to end."""
        with self._lock:
            self.pace.ended(self._runtime.now(), self._traffic.fetched, self._use())
            if self.pace.width != self._running:  # more have to begin, or fewer to go on
                return None
            follows = stream is not None and stream.goes_on() and self._plan.begins_at(at)
            may_pass_over = not (self.knows_ranges or self._plan.begins_before(at))
            return self._plan.take() if follows or may_pass_over else None

    def leave(self, stream: Stream) -> bool:
        """Leave an answer to the task that fetches what follows; False if none will."""
        with self._lock:
            is_wanted = not self._is_over and stream.goes_on() and self._plan.begins_at(stream.at)
            if is_wanted:
                self._left[stream.at] = stream
            return is_wanted

    def retried(self, error: Exception) -> None:
        """Tell that a connection is replaced."""
        with self._telling:
            tell(self._progress, Retried(self.item, self._before + self._moved, str(error)))

    # Under the lock

    def _use(self) -> Use:
        """The connections at present. There may be no second one if the call has enough others."""
        own = self._running
        others = 0 if self._of_call is None else max(0, self._of_call.used - own)
        is_enough = own == 1 and others >= self._cutting.others
        return Use(own, others, 1 if is_enough else min(own + self._lines.free, self._width_of_all()))

    def _width_of_all(self) -> int:
        return self._remote.session.learned.throttles.reading(self._lines.most)

    def _catch_up(self) -> None:
        """Let what is in the file be hashed, as far as it follows."""
        end = self._there.reach(self._frontier)
        if end > self._frontier:
            self._jobs.append(self._hashing.submit(self._hash_from_file, self._frontier, end))
            self._frontier = end

    def _note_soon(self) -> None:
        self._jobs.append(self._writing.submit(self._sink.note, self._note()))

    def _note(self) -> str:
        return Note(self.digest, self.size, tuple(self._there)).written()

    # In the thread that hashes

    def _hash_from_file(self, at: int, end: int) -> None:
        buffer = memoryview(bytearray(min(_READ, end - at)))
        while at < end and not self._is_over:
            count = self._sink.read_at(at, buffer[: end - at])
            if not count:
                raise TransferError(f"{self.what}: the file that it is written to has become shorter", side="target")
            self._hasher.update(buffer[:count])
            at += count


async def split(remote: Remote, fetched: Download, sink: Placed, progress: Progress | None) -> Ranged | None:
    """Begin a download; if the blob is large, go on with it over several connections. Errors as of `Download.readinto`.

    Args:
        remote: the repository.
        fetched: the download.
        sink: where it goes.
        progress: is told.

    Returns:
        What takes the place of the download; None if it has to go on by itself.
    """
    part, item = await fetched.begin(memoryview(bytearray(_PASSED))), fetched.item
    if part is None or item is None or item.size is None or part.coding is not None:
        return None
    is_large = item.size - fetched.offset >= remote.session.learned.cutting.threshold
    if not is_large or fetched.size not in (None, item.size):
        return None
    fetched.hand_over()
    there = (Span(0, fetched.offset),) if fetched.offset else ()
    ranged = Ranged(remote, item, Note(fetched.digest, item.size, there), sink, is_noted=False, progress=progress)
    ranged.begin_with(part, fetched.offset)
    return ranged

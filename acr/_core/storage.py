"""The contract of storage: where the bytes of an upload come from, and what outlives the process.

Where downloads go, and the stores of images, are contracts that users may implement, too: `acr.protocols`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from acr._values.digest import Digest
from acr._values.manifest import Manifest

JOURNAL_FORM: Final = "acr-purge-journal/1"
"""What the first entry of a journal has as its `journal`, before all else."""

JOURNAL_END: Final[Mapping[str, str]] = {"is": "end"}
"""The last entry of a journal whose plan came to its end."""


class Source(Protocol):
    """Bytes to upload."""

    @property
    def size(self) -> int | None:
        """How many there are, if that is known beforehand."""
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

    @property
    def name(self) -> str:
        """What errors call it, such as a path."""
        ...

    def load(self) -> str | None:
        """The text that was saved last; None if there is none, or something else is there."""
        ...

    def save(self, text: str) -> None:
        """Put a text in the place of the one before, whole or not at all, for nobody else to read."""
        ...

    def clear(self) -> None:
        """Leave nothing."""
        ...


@runtime_checkable
class Placed(Protocol):
    """What a `Sink` can do, too, if it is a file of its own: several connections may write into it.

    Its methods may block, and raise TransferError. Threads may call them at the same time.
    """

    def write_at(self, offset: int, block: memoryview) -> None:
        """Write bytes at their place."""
        ...

    def read_at(self, offset: int, buffer: memoryview) -> int:
        """Read bytes that were written, and tell how many: 0 if there are none."""
        ...

    def noted(self) -> str | None:
        """The note that an earlier process left; None if there is none that can be read."""
        ...

    def note(self, text: str | None) -> None:
        """Leave a note in the place of the one before, whole or not at all; None to leave none.

        It says which bytes are there: the size of the file does not, as soon as one was written behind a hole.
        """
        ...


class ManifestCache(Protocol):
    """Manifests that outlive the process, and what earlier inventories saw. It may forget, and it never raises.

    Its methods may block.
    """

    def find(self, digests: Iterable[Digest]) -> Mapping[Digest, Manifest]:
        """The manifests that it has of some, each verified against its digest."""
        ...

    def keep(self, manifests: Iterable[Manifest]) -> None:
        """Keep manifests."""
        ...

    def note_untagged(
        self, registry: str, repository: str, untagged: Iterable[Digest], now: int
    ) -> Mapping[Digest, int]:
        """Note to which manifests of a repository no tag leads now. Give when each of them was first noted.

        What is not among them any more is forgotten. Times are in microseconds since 1970. The first note of a
        repository gives nothing: nobody knows for how long that has been so. Any later note gives a time for
        each, since an earlier one looked at all manifests of the repository.
        """
        ...

    def missing(self, registry: str, repository: str, state: str) -> Collection[Digest]:
        """The digests that a repository lacked when it was last looked at, if it was in the same state then."""
        ...

    def note_missing(self, registry: str, repository: str, state: str, missing: Collection[Digest]) -> None:
        """Note what a repository lacks in a state, and nothing else of it."""
        ...

    def is_pull_through(self, registry: str, repository: str, state: str) -> bool | None:
        """Whether a repository is a pull-through cache; None if that was not noted of this state."""
        ...

    def note_pull_through(self, registry: str, repository: str, state: str, is_one: bool) -> None:
        """Note whether a repository is a pull-through cache in a state, and nothing else of it."""
        ...

    def close(self) -> None:
        """Close what was opened, and drop what is too much."""
        ...


class Journal(Protocol):
    """Entries that outlive the process, one after another. Its methods may block, and raise TransferError."""

    @property
    def name(self) -> str:
        """What errors call it, such as a path."""
        ...

    @property
    def is_there(self) -> bool:
        """Whether it has been opened before."""
        ...

    def open(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Open it for this process alone, and give the entries that are there, each with its place.

        Nothing is changed before the caller has taken all of them: the first one tells whether it is a journal.

        Raises:
            ProtocolViolation: it is damaged, or something else.
        """
        ...

    def add(self, entries: Iterable[Mapping[str, Any]], *, is_durable: bool) -> Sequence[int]:
        """Add entries, and give their places.

        Args:
            entries: JSON objects.
            is_durable: whether they must survive a power failure, too.
        """
        ...

    def put_aside(self, end: str) -> None:
        """Rename it while it is open: its name, a dot, and `end`. Then `open` begins a new one.

        Args:
            end: letters and digits.
        """
        ...

    def read(self, place: int) -> Mapping[str, Any]:
        """An entry, by its place."""
        ...

    def close(self) -> None:
        """Let others have it."""
        ...

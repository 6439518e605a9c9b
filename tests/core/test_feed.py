"""The feed: bodies that can be sent again, bytes that are hashed once, and memory that does not grow."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acr._core.blobs.feed import PIECE, Feed
from acr._core.runtime import Body
from acr._outside.sources import open_source
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import iterate, run
from acr._values.digest import Digest
from acr._values.options import CHUNK_SIZE, Timeouts
from acr.errors import TransferError
from tests.content import bytes_of

RUNTIME = BlockingRuntime(Network(timeouts=Timeouts()))
CONTENT = bytes_of(CHUNK_SIZE + PIECE + 17)


def sliced(content: bytes) -> list[bytes]:
    return [content[at : at + 700_001] for at in range(0, len(content), 700_001)]


SOURCES: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "file": io.BytesIO,
    "list": sliced,
    "iterator": lambda content: iter(sliced(content)),
}


def feed_of(source: Any, algorithm: str = "sha256") -> Feed:
    return Feed(RUNTIME, open_source(RUNTIME, source), algorithm)


def bytes_in(body: Body) -> bytes:
    pieces = list(iterate(aiter(body)))
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


def bodies(feed: Feed, size: int) -> Iterator[Body]:
    offset = 0
    while (body := run(feed.body(offset, size))).size:
        yield body
        offset += body.size


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [1_000_003, PIECE, 2 * PIECE, len(CONTENT), 2 * len(CONTENT)])
def test_the_bodies_are_the_source_however_often_each_is_sent(
    make: Callable[[bytes], Any], algorithm: str, size: int
) -> None:
    with feed_of(make(CONTENT), algorithm) as feed:
        sent = b""
        for body in bodies(feed, size):
            partly = iterate(aiter(body))
            next(partly)  # a request that broke off
            assert bytes_in(body) == bytes_in(body)
            sent += bytes_in(body)
        assert sent == CONTENT
        assert feed.size == feed.seen == len(CONTENT)
        assert run(feed.digest(len(CONTENT))) == Digest.of(CONTENT, algorithm=algorithm)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_going_back_is_possible_where_the_source_can_be_read_again(make: Callable[[bytes], Any]) -> None:
    source = make(CONTENT)
    again = not isinstance(source, Iterator) or isinstance(source, io.BytesIO)
    with feed_of(source) as feed:
        body = run(feed.body(0, PIECE + 3))
        assert bytes_in(body) == CONTENT[: PIECE + 3]
        assert feed.is_at_hand  # in any case
        assert bytes_in(run(feed.body(PIECE + 3, PIECE))) == CONTENT[PIECE + 3 : 2 * PIECE + 3]
        assert feed.is_at_hand == again
        for offset in (PIECE + 3, PIECE + 4, 2 * PIECE + 3):
            assert feed.reaches(offset)
        for offset in (5, 0, PIECE):
            assert feed.reaches(offset) == again
            if again:
                assert bytes_in(run(feed.body(offset, 100))) == CONTENT[offset : offset + 100]
        assert bytes_in(run(feed.body(2 * PIECE + 3, len(CONTENT)))) == CONTENT[2 * PIECE + 3 :]
        assert run(feed.digest(len(CONTENT))) == Digest.of(CONTENT)


@pytest.mark.parametrize("offset", [0, 1, PIECE, PIECE + 1, len(CONTENT)])
@pytest.mark.parametrize("content", [CONTENT, CONTENT[: PIECE + 20]], ids=["large", "small"])
def test_what_an_earlier_process_has_sent_is_hashed_first(content: bytes, offset: int) -> None:
    offset = min(offset, len(content))
    with feed_of(content) as feed:
        body = run(feed.body(offset, len(content)))
        assert bytes_in(body) == content[offset:]
        assert run(feed.digest(len(content))) == Digest.of(content)


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1])
@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_the_digest_may_be_wanted_before_anything_is_sent(make: Callable[[bytes], Any], size: int) -> None:
    content = CONTENT[:size]
    with feed_of(make(content)) as feed:
        body = run(feed.body(0, CHUNK_SIZE))
        assert body.size == feed.size == size
        assert run(feed.digest(size)) == Digest.of(content)
        assert bytes_in(body) == content


def test_of_a_known_digest_only_what_cannot_be_read_again_is_hashed_on_the_way() -> None:
    file = Counting(CONTENT)
    with Feed(RUNTIME, open_source(RUNTIME, file), "sha256", is_known=True) as feed:
        assert not feed.hashes
        body = run(feed.body(CHUNK_SIZE, len(CONTENT)))  # as an upload that another process began
        assert bytes_in(body) == CONTENT[CHUNK_SIZE:]
        assert (file.count, feed.seen) == (len(CONTENT) - CHUNK_SIZE, len(CONTENT))
        assert run(feed.digest(len(CONTENT))) == Digest.of(CONTENT)  # asked for after all
    for source in (CONTENT[:PIECE], iter([CONTENT])):
        with Feed(RUNTIME, open_source(RUNTIME, source), "sha256", is_known=True) as feed:
            assert feed.hashes


class Counting(io.BytesIO):
    """Counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize("size", [CHUNK_SIZE - 5, len(CONTENT)])
def test_a_source_that_ends_before_its_time_is_an_error(size: int) -> None:
    file = io.BytesIO(CONTENT[:size])
    with feed_of(file) as feed:
        file.truncate(PIECE + 1)
        with pytest.raises(TransferError, match=f"ended after {PIECE + 1} of its {size} bytes") as caught:
            bytes_in(run(feed.body(0, size)))
    assert caught.value.side == "source"


class Endless(io.RawIOBase):
    """A file of zeros that takes no memory, and counts what is read of it."""

    def __init__(self, size: int, *, seekable: bool) -> None:
        self._size = size
        self._at = 0
        self._seekable = seekable
        self.most_at_once = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (self._size if whence == io.SEEK_END else 0)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        self.most_at_once = max(self.most_at_once, size)
        count = min(size, self._size - self._at)
        self._at += count
        return bytes(count)


@pytest.mark.parametrize(("seekable", "most"), [(True, 6 * PIECE), (False, CHUNK_SIZE + 4 * PIECE)])
def test_no_more_than_a_few_pieces_are_in_memory(seekable: bool, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 48 * 1024 * 1024
    file = Endless(size, seekable=seekable)
    source = open_source(RUNTIME, file)
    if seekable:  # as a file on disk tells
        monkeypatch.setattr(source, "size", size)
    tracemalloc.start()
    try:
        with Feed(RUNTIME, source, "sha256") as feed:
            assert feed.holds is not seekable
            for body in bodies(feed, CHUNK_SIZE if feed.holds else 16 * CHUNK_SIZE):
                for _ in iterate(aiter(body)):
                    pass
            run(feed.digest(size))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.most_at_once == PIECE
    assert peak < most

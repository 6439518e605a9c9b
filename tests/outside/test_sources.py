"""Sources: whatever bytes come from, `read` gives as many as it was asked for, and fewer only at the end."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from acr._core.storage import Source
from acr._outside.sources import open_async_source, open_source
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.blocking import BlockingRuntime
from acr._shells.gathering import GATHERING, Stop
from acr._shells.http import Network
from acr._shells.stepping import run
from acr._values.options import Timeouts
from acr.errors import InvalidInput, TransferError

RUNTIME = BlockingRuntime(Network(timeouts=Timeouts()))
CONTENT = bytes(range(251)) * 3


class Short(io.RawIOBase):
    """A raw file that gives seven bytes at the most."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._inner.readinto(memoryview(buffer)[:7])


class Unseekable(io.BytesIO):
    """A file such as a pipe or a socket."""

    def seekable(self) -> bool:
        return False


class Least:
    """An object that can be read and nothing else."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def read(self, size: int, /) -> bytes:
        return self._inner.read(size)


class Pieces:
    """An iterable that can be walked again and again."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def generator(content: bytes) -> Iterator[bytes]:
    yield b""
    for at in range(0, len(content), 100):
        yield content[at : at + 100]
        yield b""


async def async_generator(content: bytes) -> AsyncIterator[bytes]:
    for piece in generator(content):
        yield piece


def sliced(content: bytes) -> list[bytes]:
    return list(generator(content))


def path_of(content: bytes, folder: Path) -> Path:
    path = folder / "content"
    path.write_bytes(content)
    return path


def everything(source: Source, count: int) -> list[bytes]:
    blocks: list[bytes] = []
    while block := run(source.read(count)):
        blocks.append(block)
    return blocks


ONCE: dict[str, Callable[[bytes], Any]] = {
    "short-reading": Short,
    "non-seekable": Unseekable,
    "readable": Least,
    "generator": generator,
    "async generator": async_generator,
    "iterator": lambda content: iter([content]),
    "map": lambda content: map(bytes, [content]),
}
AGAIN: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "file": io.BytesIO,
    "buffered": lambda content: io.BufferedReader(io.BytesIO(content)),
    "list": sliced,
    "tuple": lambda content: tuple(sliced(content)),
    "iterable": lambda content: Pieces(*sliced(content)),
    "mixed list": lambda content: [bytearray(content[:5]), memoryview(content[5:])],
}


@pytest.mark.parametrize("count", [1, 7, 100, 250, 753, 10_000])
@pytest.mark.parametrize("make", [*ONCE.values(), *AGAIN.values()], ids=[*ONCE, *AGAIN])
def test_every_kind_gives_whole_blocks(make: Callable[[bytes], Any], count: int) -> None:
    source = open_async_source(RUNTIME, make(CONTENT))
    blocks = everything(source, count)

    assert b"".join(blocks) == CONTENT
    assert {len(block) for block in blocks[:-1]} <= {count}
    assert {type(block) for block in blocks} == {bytes}
    assert run(source.read(count)) == b""


@pytest.mark.parametrize("make", [*ONCE.values(), *AGAIN.values()], ids=[*ONCE, *AGAIN])
def test_every_kind_may_be_empty(make: Callable[[bytes], Any]) -> None:
    assert run(open_async_source(RUNTIME, make(b"")).read(10)) == b""


@pytest.mark.parametrize("make", AGAIN.values(), ids=AGAIN)
def test_what_can_be_read_again_begins_anew(make: Callable[[bytes], Any]) -> None:
    source = open_async_source(RUNTIME, make(CONTENT))
    run(source.read(130))  # in the midst of a piece

    assert source.is_seekable
    run(source.seek(0))
    assert b"".join(everything(source, 90)) == CONTENT
    run(source.seek(150))
    assert b"".join(everything(source, 90)) == CONTENT[150:]


@pytest.mark.parametrize("make", ONCE.values(), ids=ONCE)
def test_what_cannot_be_read_again_says_so_and_goes_on(make: Callable[[bytes], Any]) -> None:
    source = open_async_source(RUNTIME, make(CONTENT))
    run(source.read(130))

    assert not source.is_seekable
    with pytest.raises(TransferError, match="^cannot "):
        run(source.seek(0))
    assert b"".join(everything(source, 90)) == CONTENT[130:]


@pytest.mark.parametrize(
    ("content", "size"),
    [(b"abc", 3), (bytearray(4), 4), (memoryview(b"abcde"), 5), (memoryview(b"abcdefgh").cast("I"), 8)],
)
def test_the_size_of_bytes_is_known(content: Any, size: int) -> None:
    source = open_source(RUNTIME, content)

    assert source.size == size
    assert len(run(source.read(100))) == size


@pytest.mark.parametrize("source", [Unseekable(b"abc"), Least(b"abc"), [b"abc"], iter([b"abc"])])
def test_the_size_of_other_kinds_is_not(source: Any) -> None:
    assert open_source(RUNTIME, source).size is None


@pytest.mark.parametrize("size", [0, 1, 753])
def test_the_size_of_files_is_that_of_the_bytes_to_come(tmp_path: Path, size: int) -> None:
    path = path_of(b"head" + CONTENT[:size], tmp_path)
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        for file in (buffered, raw, io.BytesIO(path.read_bytes())):
            file.seek(4)
            source = open_source(RUNTIME, file)
            assert source.size == size
            assert run(source.read(1000)) == CONTENT[:size]
    source = open_source(RUNTIME, path)
    assert source.size == size + 4
    run(source.aclose())


def test_a_compressed_file_is_not_unpacked_to_learn_its_size(tmp_path: Path) -> None:
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(CONTENT))
    with gzip.open(path) as file:
        source = open_source(RUNTIME, file)
        assert source.size is None
        assert run(source.read(1000)) == CONTENT


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="files that do not tell their size, as Linux has")
def test_a_file_that_says_that_it_is_empty_is_not_believed() -> None:
    source = open_source(RUNTIME, "/proc/self/status")
    assert source.size is None
    assert run(source.read(5)) == b"Name:"
    run(source.aclose())


def test_a_file_object_begins_where_it_stands_and_stays_open() -> None:
    file = io.BytesIO(b"headbody")
    file.seek(4)
    source = open_source(RUNTIME, file)

    assert run(source.read(100)) == b"body"
    assert source.is_seekable
    run(source.seek(0))
    assert run(source.read(100)) == b"body"
    run(source.aclose())
    assert not file.closed


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_opened_and_closed(tmp_path: Path, kind: type) -> None:
    source = open_source(RUNTIME, kind(path_of(CONTENT, tmp_path)))

    assert source.size == len(CONTENT)
    assert b"".join(everything(source, 100)) == CONTENT
    assert source.is_seekable
    run(source.seek(0))
    assert run(source.read(5)) == CONTENT[:5]
    run(source.aclose())  # or there would be a ResourceWarning, which is an error here
    with pytest.raises(TransferError):
        run(source.read(5))


@pytest.mark.parametrize("name", ["absent", "absent/file", "."])
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TransferError, match="^cannot read ") as caught:
        open_source(RUNTIME, tmp_path / name)

    assert caught.value.side == "source"


def test_a_path_that_is_missing_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = {}
    for source in ("hello", Path("hello"), str(tmp_path / "hello")):
        with pytest.raises(TransferError) as caught:
            open_source(RUNTIME, source)
        told[source] = str(caught.value)
    hint = "; a text is a path: for content, pass bytes"
    assert told["hello"] == f"cannot read hello: No such file or directory in {tmp_path}{hint}"
    assert told[Path("hello")] == f"cannot read hello: No such file or directory in {tmp_path}"
    assert told[str(tmp_path / "hello")] == f"cannot read {tmp_path / 'hello'}: No such file or directory{hint}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses to open a folder in other words")
def test_a_path_of_a_folder_names_the_call_that_takes_one(tmp_path: Path) -> None:
    with pytest.raises(TransferError) as caught:
        open_source(RUNTIME, tmp_path)
    assert str(caught.value) == (
        f"cannot read {tmp_path}: Is a directory; for a folder, use push_artifact([{str(tmp_path)!r}])"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes as POSIX has them")
def test_the_size_of_a_named_pipe_is_not_known(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT,))
    writer.start()
    source = open_source(RUNTIME, pipe)

    assert source.size is None
    assert not source.is_seekable
    assert b"".join(everything(source, 100)) == CONTENT
    run(source.aclose())
    writer.join()


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    with path_of(b"abc", tmp_path).open(encoding="utf-8") as file:
        for text in (file, io.StringIO("abc")):
            with pytest.raises(InvalidInput, match="binary mode"):
                open_source(RUNTIME, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["text", None, 5, ["x"]])
def test_an_object_that_gives_no_bytes_is_refused(part: Any) -> None:
    class Odd:
        """As an async file, a non-blocking one, or one in text mode would be."""

        def read(self, _size: int, /) -> Any:
            return part

    with pytest.raises(InvalidInput, match="gives no bytes"):
        run(open_source(RUNTIME, Odd()).read(5))


@pytest.mark.parametrize("pieces", [["text"], [b"a", "text"], [5], range(5), [None, b"a"], [[1, 2]], {"a": b"b"}])
def test_an_iterable_of_other_things_is_refused(pieces: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot upload an iterable of"):
        run(open_source(RUNTIME, pieces).read(100))


@pytest.mark.parametrize("source", [None, 5, 1.5, object(), len, async_generator(b"")])
def test_other_kinds_are_refused(source: Any) -> None:
    with pytest.raises(InvalidInput, match="expected a path, bytes, a binary file or an iterable of bytes"):
        open_source(RUNTIME, source)


@pytest.mark.parametrize("failure", [OSError("disk gone"), ValueError("closed")])
def test_a_file_that_fails_is_told_with_its_side(failure: Exception) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise failure

        def seek(self, _offset: int, _whence: int = 0, /) -> int:
            raise failure

    source = open_source(RUNTIME, Broken())
    for step in (source.read(5), source.seek(0)):
        with pytest.raises(TransferError, match="^cannot read .*(disk gone|closed)") as caught:
            run(step)
        assert (caught.value.side, caught.value.__cause__) == ("source", failure)


def test_an_error_of_the_callers_own_iterator_is_not_changed() -> None:
    def failing() -> Iterator[bytes]:
        yield b"abc"
        raise LookupError("mine")

    source = open_source(RUNTIME, failing())
    assert run(source.read(3)) == b"abc"
    with pytest.raises(LookupError, match="mine"):
        run(source.read(3))


def test_no_more_is_drawn_from_an_iterator_than_is_needed() -> None:
    drawn: list[int] = []

    def counting() -> Iterator[bytes]:
        for number in range(100):
            drawn.append(number)
            yield b"x" * 10

    run(open_source(RUNTIME, counting()).read(25))

    assert drawn == [0, 1, 2]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 30)))
def test_any_pieces_can_be_read_in_any_blocks(pieces: list[bytes], counts: list[int]) -> None:
    source = open_source(RUNTIME, pieces)
    left = b"".join(pieces)
    for count in counts:
        assert run(source.read(count)) == left[:count]
        left = left[count:]


def test_a_name_that_no_file_can_have_is_told() -> None:
    with pytest.raises(TransferError, match="cannot read") as caught:
        open_source(RUNTIME, "nul\0l")
    assert caught.value.side == "source"


def test_a_file_is_closed_by_a_task_that_is_cancelled_meanwhile(tmp_path: Path) -> None:
    async def cancelled() -> Any:
        runtime = AsyncioRuntime(Network(timeouts=Timeouts()))
        runtime._threads = ThreadPoolExecutor(1)
        source: Any = open_source(runtime, path_of(CONTENT, tmp_path))
        busy = threading.Event()
        occupied = asyncio.ensure_future(runtime.blocking(busy.wait))
        closing = asyncio.ensure_future(source.aclose())
        await asyncio.sleep(0)  # both have begun
        closing.cancel()
        await asyncio.wait([closing])
        busy.set()
        await occupied
        return source._file

    assert asyncio.run(cancelled()).closed


def test_a_file_is_closed_by_a_thread_that_is_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one of its gathering has failed, and this one closes its file before it has heard of that."""
    runtime = BlockingRuntime(Network(timeouts=Timeouts()))
    source: Any = open_source(runtime, path_of(CONTENT, tmp_path))
    stop = Stop()
    monkeypatch.setattr(GATHERING, "stop", stop)
    stop.set()
    run(source.aclose())
    assert source._file.closed

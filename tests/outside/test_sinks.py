"""Sinks: a file is there when it is whole and right, and until then there is nothing under its name."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from acr._outside.sinks import open_sink, sink_in
from acr._values.digest import Digest
from acr._values.files import check_title
from acr.errors import InvalidInput, InvalidReference, TransferError

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and limits as POSIX has them")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_gets_its_name_when_it_is_committed(tmp_path: Path, kind: type) -> None:
    sink = open_sink(kind(tmp_path / "blob"))
    sink.write(b"abc")
    sink.write(b"")
    sink.write(b"def")
    assert not (tmp_path / "blob").exists()

    sink.commit()

    assert (tmp_path / "blob").read_bytes() == b"abcdef"
    assert files(tmp_path) == ["blob"]


def test_what_is_aborted_leaves_nothing_behind(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "blob")
    sink.write(b"abc")
    sink.abort()

    assert files(tmp_path) == []


def test_what_was_there_before_stays_until_the_commit_and_after_an_abort(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"old")
    sink = open_sink(path)
    sink.write(b"new")
    assert path.read_bytes() == b"old"
    sink.abort()
    assert path.read_bytes() == b"old"

    sink = open_sink(path)
    sink.write(b"new")
    sink.commit()
    assert path.read_bytes() == b"new"
    assert files(tmp_path) == ["blob"]


def test_an_abort_after_the_commit_does_no_harm(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "blob")
    sink.commit()
    sink.abort()

    assert files(tmp_path) == ["blob"]


def test_two_downloads_into_one_name_do_not_mix(tmp_path: Path) -> None:
    first, second = open_sink(tmp_path / "blob"), open_sink(tmp_path / "blob")
    first.write(b"first")
    second.write(b"second")
    second.commit()
    first.commit()

    assert (tmp_path / "blob").read_bytes() == b"first"
    assert files(tmp_path) == ["blob"]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "模" * 84])
def test_a_name_as_long_as_the_file_system_takes_will_do(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name)
    sink.commit()

    assert files(tmp_path) == [name]


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_mode_that_any_new_file_has(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        sink = open_sink(tmp_path / "blob")
        sink.commit()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "blob").stat().st_mode) == mode


@posix
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "blob").symlink_to(tmp_path / "other")
    sink = sink_in(tmp_path, PurePosixPath("blob"))
    sink.write(b"blob")
    sink.commit()

    assert not (tmp_path / "blob").is_symlink()
    assert (tmp_path / "other").read_bytes() == b"other"


def test_a_folder_that_is_not_there_is_the_callers_matter(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="^cannot write ") as caught:
        open_sink(tmp_path / "absent" / "blob").open()

    assert caught.value.side == "target"


def test_a_name_that_a_folder_has_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "blob").mkdir()
    sink = open_sink(tmp_path / "blob")
    with pytest.raises(TransferError, match="^cannot write "):
        sink.commit()
    sink.abort()

    assert files(tmp_path) == ["blob"]


@contextmanager
def full_disk() -> Iterator[None]:
    """Within it no file can grow beyond a kilobyte. It is no fixture: pytest itself writes before it ends those."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
@pytest.mark.parametrize("size", [2000, 200_000])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, size: int) -> None:
    sink = open_sink(tmp_path / "blob")
    with full_disk():
        with pytest.raises(TransferError, match="^cannot write ") as caught:
            sink.write(b"x" * size)
        sink.abort()

    assert caught.value.side == "target"
    assert files(tmp_path) == []


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    sink = sink_in(tmp_path / "new", PurePosixPath("a/b/c"))
    sink.write(b"abc")
    sink.commit()

    assert (tmp_path / "new" / "a" / "b" / "c").read_bytes() == b"abc"


@posix
@pytest.mark.parametrize("name", ["link/blob", "link/new/blob", "a/up/blob"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    (folder / "a").mkdir(parents=True)
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "a" / "up").symlink_to(Path("..", "..", "outside"))

    with pytest.raises(InvalidReference, match="leads out of .* through a link"):
        sink_in(folder, PurePosixPath(name)).open()
    assert files(outside) == []


@posix
def test_a_dangling_link_out_of_the_folder_is_refused_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "absent")

    with pytest.raises(InvalidReference):
        sink_in(folder, PurePosixPath("link/blob")).open()
    assert files(tmp_path) == ["folder", "folder/link"]


@posix
def test_a_link_within_the_folder_may_be_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    sink = sink_in(tmp_path, PurePosixPath("link/blob"))
    sink.commit()

    assert files(tmp_path) == ["link", "real", "real/blob"]


@posix
def test_a_folder_that_is_itself_a_link_will_do(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    sink = sink_in(tmp_path / "folder", PurePosixPath("blob"))
    sink.commit()

    assert files(tmp_path / "real") == ["blob"]


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")

    with pytest.raises(TransferError, match="^cannot write ") as caught:
        sink_in(tmp_path, PurePosixPath("a/b/c")).open()
    assert caught.value.side == "target"


def test_a_file_object_is_written_to_and_left_open(tmp_path: Path) -> None:
    for file in (io.BytesIO(), (tmp_path / "x").open("w+b")):
        with file:
            sink = open_sink(file)
            sink.write(b"abc")
            sink.write(b"def")
            sink.commit()
            sink.abort()
            assert not file.closed
            file.seek(0)
            assert file.read() == b"abcdef"


@posix
def test_a_partial_file_that_is_no_longer_the_same_is_not_given_the_name(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "blob")
    sink.write(b"verified")
    (partial,) = tmp_path.iterdir()
    partial.unlink()
    partial.write_bytes(b"something else")
    with pytest.raises(TransferError, match="was replaced by somebody else"):
        sink.commit()
    sink.abort()
    assert not (tmp_path / "blob").exists()
    assert partial.read_bytes() == b"something else"


@pytest.mark.parametrize("digest", [None, Digest.of(b"abc")])
@pytest.mark.parametrize("name", ["blob", "x" * 255, ".layer.part"])
def test_the_name_of_a_file_that_is_still_coming_is_no_title(tmp_path: Path, name: str, digest: Digest | None) -> None:
    sink = sink_in(tmp_path, PurePosixPath(name), digest)
    sink.open()
    (partial,) = files(tmp_path)
    with pytest.raises(InvalidReference, match="while they are downloaded"):
        check_title(partial)
    sink.abort()


@posix
def test_a_partial_file_with_another_name_beside_it_is_not_written_to(tmp_path: Path) -> None:
    digest = Digest.of(b"abc")
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (tmp_path / f".blob.{digest.hex[:16]}.part").hardlink_to(precious)
    sink = sink_in(tmp_path, PurePosixPath("blob"), digest)
    assert sink.open() == 0
    sink.write(b"abc")
    sink.commit()
    assert (tmp_path / "blob").read_bytes() == b"abc"
    assert precious.read_bytes() == b"precious"


def test_an_object_that_takes_less_at_once_gets_all() -> None:
    class Narrow:
        """A raw file that takes three bytes at a time."""

        taken = b""

        def write(self, data: bytes, /) -> int:
            self.taken += data[:3]
            return len(data[:3])

    narrow = Narrow()
    sink = open_sink(narrow)
    sink.write(b"abcdefgh")
    sink.write(b"")

    assert narrow.taken == b"abcdefgh"


@pytest.mark.parametrize("answer", [None, "odd", -1, 0, 100])
def test_an_object_that_tells_nothing_of_use_has_taken_all(answer: object) -> None:
    class Hash:
        """An object with a `write` of its own mind."""

        def __init__(self) -> None:
            self.blocks: list[bytes] = []

        def write(self, data: bytes, /) -> object:
            self.blocks.append(data)
            return answer

    target = Hash()
    open_sink(target).write(b"abcdefgh")

    assert target.blocks[0] == b"abcdefgh"
    assert len(target.blocks) == 1


def test_a_text_file_is_refused() -> None:
    sink = open_sink(io.StringIO())  # type: ignore[arg-type]

    with pytest.raises(InvalidInput, match="binary mode"):
        sink.write(b"abc")


@posix
def test_a_file_object_that_fails_is_told() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as file, pytest.raises(TransferError, match="^cannot write to ") as caught:  # noqa: PTH123
        open_sink(file).write(b"abc")
    assert caught.value.side == "target"


def test_a_closed_file_object_is_told() -> None:
    file = io.BytesIO()
    file.close()

    with pytest.raises(TransferError, match="closed file"):
        open_sink(file).write(b"abc")


@pytest.mark.parametrize("target", [None, 5, b"blob", ["blob"]])
def test_other_targets_are_refused(target: Any) -> None:
    with pytest.raises(InvalidInput, match="expected a path or a binary file"):
        open_sink(target).open()


def test_a_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="cannot write") as caught:
        open_sink(f"{tmp_path}/nul\0l").open()
    assert caught.value.side == "target"


@pytest.mark.parametrize("ended", ["commit", "abort"])
def test_what_comes_too_late_does_no_harm(tmp_path: Path, ended: str) -> None:
    """A task that is cancelled aborts its sink while a thread may still be about to write to it."""
    sink = open_sink(tmp_path / "blob")
    sink.write(b"abc")
    getattr(sink, ended)()
    there = files(tmp_path)
    sink.open()
    sink.write(b"def")
    sink.commit()

    assert files(tmp_path) == there == (["blob"] if ended == "commit" else [])
    assert not there or (tmp_path / "blob").read_bytes() == b"abc"


@pytest.mark.parametrize("taken", [None, 0])
def test_a_raw_file_that_takes_no_more_is_told(taken: int | None) -> None:
    class Full(io.RawIOBase):
        def write(self, _block: Any, /) -> int | None:
            return taken

    with pytest.raises(TransferError, match="takes no more bytes") as caught:
        open_sink(Full()).write(b"abc")

    assert caught.value.side == "target"

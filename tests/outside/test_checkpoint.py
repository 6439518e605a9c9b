"""Checkpoint files: whole or not at all, for their owner alone, and never the source."""

from __future__ import annotations

import io
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acr._core.storage import Checkpoint
from acr._outside.checkpoint import open_checkpoint
from acr.errors import InvalidInput, TransferError


def checkpoint_at(path: Path | str) -> Checkpoint:
    checkpoint = open_checkpoint(path, b"")
    assert checkpoint is not None
    return checkpoint


def test_without_a_path_there_is_none() -> None:
    assert open_checkpoint(None, b"") is None


@pytest.mark.parametrize("kind", [str, Path])
def test_what_was_saved_last_is_loaded_until_it_is_cleared(tmp_path: Path, kind: type) -> None:
    checkpoint = checkpoint_at(kind(tmp_path / "state"))
    assert checkpoint.load() is None
    checkpoint.clear()
    for text in ("first", "zweitens: ü"):
        checkpoint.save(text)
        assert checkpoint_at(tmp_path / "state").load() == text
        assert [path.name for path in tmp_path.iterdir()] == ["state"]
    checkpoint.clear()
    assert checkpoint.load() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions as POSIX has them")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("earlier")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        checkpoint_at(path).save("secret")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_that_save_to_one_place_do_not_fail_each_other(tmp_path: Path) -> None:
    """Each writes under a name of its own; one of the states is there afterwards, and nothing beside it."""
    begin = threading.Barrier(4)

    def save(text: str) -> None:
        checkpoint = checkpoint_at(tmp_path / "state")
        begin.wait()
        for _ in range(200):
            checkpoint.save(text)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, "abcd"))
    assert checkpoint_at(tmp_path / "state").load() in set("abcd")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_two_that_are_done_do_not_fail_each_other(tmp_path: Path) -> None:
    one, two = checkpoint_at(tmp_path / "state"), checkpoint_at(tmp_path / "state")
    one.save("text")
    one.clear()
    two.clear()
    assert two.load() is None


def test_what_could_not_be_put_in_place_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "state" / "full").mkdir(parents=True)
    with pytest.raises(TransferError, match="cannot write the checkpoint"):
        checkpoint_at(tmp_path / "state").save("text")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")
def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    (tmp_path / "state").symlink_to(other)
    checkpoint_at(tmp_path / "state").save("text")
    assert other.read_text() == "precious"


def test_a_long_name_has_room_for_another_beside_it(tmp_path: Path) -> None:
    checkpoint = checkpoint_at(tmp_path / ("x" * 255))
    checkpoint.save("text")
    assert checkpoint.load() == "text"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70_000])
def test_something_else_is_read_within_bounds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    assert len(checkpoint_at(path).load() or "") <= 64 * 1024


def test_a_place_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    for path, text in ((tmp_path, "cannot read"), (Path("nul\0l"), "cannot read")):
        with pytest.raises(TransferError, match=text):
            checkpoint_at(path).load()
    with pytest.raises(TransferError, match="cannot write the checkpoint .*No such file"):
        checkpoint_at(tmp_path / "none" / "state").save("text")


def test_the_source_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"abc")
    for source in (path, str(path)):
        with pytest.raises(InvalidInput, match="is what is uploaded"):
            open_checkpoint(tmp_path / "." / "blob", source)
    assert open_checkpoint(tmp_path / "state", path) is not None
    assert open_checkpoint(path, io.BytesIO()) is not None
    assert open_checkpoint(tmp_path / "state", tmp_path / "none") is not None

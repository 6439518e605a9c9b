"""The journal of a purge: it is appended to, survives a kill, and is one process's own."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

import acr
from acr._outside.journal import open_journal
from acr._outside.owning import own_a_byte

ENTRIES = [{"number": number, "text": "x" * number} for number in range(5)]


def test_entries_are_there_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal")
    assert list(journal.open()) == []
    places = journal.add(ENTRIES, is_durable=True)
    assert [journal.read(place) for place in places] == ENTRIES
    journal.close()
    again = open_journal(tmp_path / "journal")
    assert list(again.open()) == list(zip(places, ENTRIES, strict=True))
    (place,) = again.add([{"more": 1}], is_durable=False)
    assert again.read(place) == {"more": 1}
    assert again.read(places[3]) == ENTRIES[3]
    again.close()
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", range(1, 12))
def test_part_of_a_line_at_the_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = open_journal(path)
    list(journal.open())
    journal.add([{"number": 1}, {"number": 2}], is_durable=True)
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    journal = open_journal(path)
    assert [entry for _, entry in journal.open()] == [{"number": 1}]
    journal.add([{"number": 3}], is_durable=True)
    journal.close()
    journal = open_journal(path)
    assert [entry for _, entry in journal.open()] == [{"number": 1}, {"number": 3}]
    journal.close()


@pytest.mark.parametrize("only_read", [False, True])
@pytest.mark.parametrize("content", [b'{"token": "abc"}', b"password", b'{"journal": "acr-purge-journal/2', b"\x00"])
def test_a_file_without_an_end_of_line_that_is_no_journal_is_left_as_it_is(
    tmp_path: Path, content: bytes, only_read: bool
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    path.chmod(0o644)
    journal = open_journal(path, only_read=only_read)
    with pytest.raises(acr.ProtocolViolation, match="is no journal of a purge"):
        list(journal.open())
    journal.close()
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"journal": "acr-pur', b'{"journal": "acr-purge-journal/1", "registr']
)
def test_part_of_a_head_is_cut_off_and_others_cannot_read_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    path.chmod(0o644)
    journal = open_journal(path)
    assert list(journal.open()) == []
    journal.add([{"number": 1}], is_durable=False)
    journal.close()
    assert path.read_bytes() == b'{"number": 1}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_only_reads_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = b'{"journal": "acr-purge-journal/1"}\n{"is": "ta'
    path.write_bytes(content)
    path.chmod(0o444)
    journal = open_journal(path, only_read=True)
    assert [entry for _, entry in journal.open()] == [{"journal": "acr-purge-journal/1"}]
    journal.close()
    assert path.read_bytes() == content
    with pytest.raises(acr.TransferError):
        open_journal(tmp_path / "none", only_read=True).open()


@pytest.mark.parametrize("content", [b"no JSON\n", b"[1]\n", b'{"a": 1}\n\x00\xff\n', b"[" * 100_000 + b"\n"])
def test_what_is_no_journal_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    journal = open_journal(path)
    with pytest.raises(acr.ProtocolViolation, match="is no journal of a purge, or is damaged at byte"):
        list(journal.open())
    journal.close()
    assert path.read_bytes() == content


def test_a_line_without_an_end_is_not_read_wholly(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    journal = open_journal(path)
    with pytest.raises(acr.ProtocolViolation):
        list(journal.open())
    journal.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    first, second = open_journal(tmp_path / "journal"), open_journal(tmp_path / "journal")
    list(first.open())
    with pytest.raises(acr.TransferError, match="is in use: another purge goes on"):
        second.open()
    first.close()
    second.close()
    list(second.open())
    second.close()


def test_a_link_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "none/journal"):
        journal = open_journal(tmp_path / name)
        with pytest.raises(acr.TransferError, match="cannot write the journal"):
            journal.open()
        journal.close()
    with pytest.raises(acr.InvalidInput):
        open_journal(7)  # type: ignore[arg-type]


def test_it_is_put_aside_under_a_name_that_is_free(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    (tmp_path / "journal.abc").write_text("somebody else's")
    for number in range(3):
        journal = open_journal(path)
        assert list(journal.open()) == []
        journal.add([{"number": number}], is_durable=True)
        journal.put_aside("abc")
        assert list(journal.open()) == []
        journal.add([{"new": number}], is_durable=True)
        journal.close()
        path.unlink()
        (place,) = (tmp_path / f"journal.abc.{number + 2}").read_text().splitlines()
        assert place == f'{{"number": {number}}}'
    assert (tmp_path / "journal.abc").read_text() == "somebody else's"


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_while_it_is_put_aside_nobody_else_has_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = open_journal(path)
    list(journal.open())
    journal.put_aside("abc")
    old, new = open_journal(tmp_path / "journal.abc"), open_journal(path)
    with pytest.raises(acr.TransferError, match="in use"):
        old.open()
    list(journal.open())
    with pytest.raises(acr.TransferError, match="in use"):
        new.open()
    for one in (old, new, journal):
        one.close()
    old.open()
    old.close()


def test_what_another_purge_wrote_after_the_file_was_closed_is_not_put_aside(tmp_path: Path) -> None:
    """Windows renames no file that is open. So the journal is let go first, and another purge may go on with it."""
    path = tmp_path / "journal"
    journal = open_journal(path, closes_first=True)
    list(journal.open())
    journal.add([{"is": "end"}], is_durable=True)
    journal.put_aside("abc")
    assert (tmp_path / "journal.abc").read_text() == '{"is": "end"}\n'
    list(journal.open())
    journal.add([{"is": "end"}], is_durable=True)
    with path.open("a") as file:
        file.write('{"is": "again"}\n')
    with pytest.raises(acr.TransferError, match="is in use: another purge goes on"):
        journal.put_aside("abc")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["journal", "journal.abc"]
    again = open_journal(path)
    assert [entry for _, entry in again.open()] == [{"is": "end"}, {"is": "again"}]
    again.close()


class Bytes:
    """The locks of Windows: each byte of a file has one owner. To stand somewhere behind the end changes nothing."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.owned: set[tuple[int, int]] = set()

    def locking(self, descriptor: int, mode: int, count: int, /) -> None:
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        if (mode, count) != (self.LK_NBLCK, 1) or place in self.owned:
            raise PermissionError
        self.owned.add(place)


def test_one_process_at_a_time_by_a_byte_behind_the_end(tmp_path: Path) -> None:
    locks = Bytes()
    files = [(tmp_path / name).open("w+b") for name in ("one", "two")]
    for file in files:
        file.write(b"some")
        file.flush()
        assert own_a_byte(file.fileno(), locks)
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0
        with (tmp_path / Path(file.name).name).open("rb") as other:
            assert not own_a_byte(other.fileno(), locks)
            assert other.read() == b"some"
    assert len({place for _, place in locks.owned}) == 1
    assert all(place > 2**30 for _, place in locks.owned)
    for file in files:
        file.close()


def test_what_nobody_could_read_is_not_written(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal")
    list(journal.open())
    journal.add([{"number": 1}], is_durable=True)
    with pytest.raises(acr.TransferError, match=r"takes no entry of \d[\d,]+ bytes"):
        journal.add([{"number": 2}, {"text": "x" * 9_000_000}], is_durable=True)
    journal.close()
    journal = open_journal(tmp_path / "journal")
    assert [entry for _, entry in journal.open()] == [{"number": 1}]
    journal.close()


PLAN = "12ab" * 16
HEAD = {"journal": "acr-purge-journal/1", "registry": "r.azurecr.io", "plan": PLAN}
END = {"is": "end"}


@pytest.mark.parametrize(
    ("entries", "torn", "unfinished"),
    [
        ([], "", None),
        ([], '{"journal": "acr-pur', None),
        ([HEAD], "", None),
        ([HEAD], '{"is": "e', None),
        ([HEAD, {"is": "gone"}], "", PLAN),
        ([HEAD, {"is": "gone"}, END], "", None),
        ([HEAD, {"is": "gone"}, END], '{"is": "ag', None),
        ([HEAD, {"is": "gone"}, END, {"is": "again"}], "", PLAN),
        ([HEAD, {"is": "gone"}], "\n", PLAN),
        ([HEAD, {"is": "gone"}], '{"is": "manifest", "content": "' + "x" * 200_000, PLAN),
        ([HEAD], "x" * 200_000, PLAN),
        ([HEAD, {"is": "gone", "text": "x" * 200_000}], "", PLAN),
        ([HEAD, {"is": "gone", "text": "x" * 200_000}, END], "", None),
    ],
)
def test_a_journal_says_which_plan_did_not_end(
    tmp_path: Path, entries: list[dict[str, str]], torn: str, unfinished: str | None
) -> None:
    path = tmp_path / "journal"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + torn)
    before = path.read_bytes()
    assert acr.unfinished_plan(path) == unfinished
    assert path.read_bytes() == before


def test_what_is_no_journal_is_of_no_plan(tmp_path: Path) -> None:
    assert acr.unfinished_plan(tmp_path / "none") is None
    hostile = json.dumps({**HEAD, "plan": "\x1b[2J../../x"}).encode() + b"\n"
    for content in (
        hostile,
        b'{"plan": "12ab"}\n',
        b"[]\n",
        b"\x00",
        b"[" * 100_000,
        b'{"journal": "acr-purge-journal/1"}\n',
    ):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(acr.ProtocolViolation, match="is no journal of a purge"):
            acr.unfinished_plan(tmp_path / "file")
    with pytest.raises(acr.TransferError, match="expected a regular file"):
        acr.unfinished_plan(tmp_path)

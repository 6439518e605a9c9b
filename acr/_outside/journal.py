"""Journal: a file with one JSON object a line, which only its owner can read. It is appended to, and never rewritten.

A process that is killed may leave part of a line at the end. The next one that writes cuts that off, unless the file
is something else: that stays as it is.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from acr._core.storage import JOURNAL_END, JOURNAL_FORM, Journal
from acr._outside.failures import reading, writing
from acr._outside.owning import own
from acr._outside.regular import open_regular
from acr._values.arguments import check_path
from acr._values.home import public_in
from acr.errors import ProtocolViolation, TransferError

_LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a line. A manifest of 4 MiB has less in base64."""

_HEAD: Final = json.dumps({"journal": JOURNAL_FORM})[:-1].encode()
"""What a journal begins with."""

_END: Final = json.dumps(JOURNAL_END).encode()
"""What the journal of a plan that came to its end closes with."""

_SHA256: Final = re.compile("[0-9a-f]{64}")

_ENDS: Final = 64 * 1024
"""Bytes at either end of a journal that have its first and its last entry."""

_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_MORE_FLAGS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_journal(
    path: str | os.PathLike[str], *, only_read: bool = False, closes_first: bool = os.name == "nt"
) -> Journal:
    """A journal at a path. It is not opened yet.

    Args:
        path: of the file.
        only_read: whether to change nothing, and to fail if there is no such file. Else it is made.
        closes_first: whether a file must be closed before it is renamed. Windows renames no file that is open.

    Raises:
        InvalidInput: it is no path.
    """
    return _FileJournal(check_path("journal", path), only_read=only_read, closes_first=closes_first)


@public_in("acr")
def unfinished_plan(journal: str | os.PathLike[str]) -> str | None:
    """Say which plan a journal belongs to, if that plan did not come to its end. Only that plan goes on with it.

    The file is read at its two ends, and stays as it is. A purge may go on meanwhile.

    Args:
        journal: path of the journal of a purge.

    Returns:
        The plan's `sha256`; None if it came to its end, if nothing of it was begun, or if there is no such file.

    Raises:
        InvalidInput: it is no path.
        TransferError: the file cannot be read.
        ProtocolViolation: it is no journal of a purge.

    Example:
        from acr import unfinished_plan

        if unfinished_plan("plan.journal"):
            print("the last plan ended early: carry it on before you make another one")
    """
    path = check_path("journal", journal)
    if not os.path.lexists(path):
        return None
    with reading(f"the journal {path}"), open_regular(path) as file:
        head = file.readline(_ENDS)
        at = max(0, len(head) - 1, file.seek(0, os.SEEK_END) - _ENDS)
        file.seek(at)
        tail = file.read(_ENDS)
    if not head.endswith(b"\n") and head[: len(_HEAD)] == _HEAD[: len(head)]:
        return None  # nothing was begun
    try:
        first = json.loads(head)
    except (ValueError, RecursionError):
        first = None
    plan = first.get("plan") if isinstance(first, dict) and first.get("journal") == JOURNAL_FORM else None
    if not (isinstance(plan, str) and _SHA256.fullmatch(plan)):
        raise ProtocolViolation(f"{path} is no journal of a purge")
    whole, newline, _torn = tail.rpartition(b"\n")  # a process that was killed may leave part of a line, of any length
    is_begun = bool(whole) or at >= len(head)
    is_finished = bool(newline) and whole.rpartition(b"\n")[2] == _END
    return plan if is_begun and not is_finished else None


class _FileJournal:
    """Implements `acr._core.storage.Journal`."""

    def __init__(self, path: Path, *, only_read: bool, closes_first: bool) -> None:
        self._path = path
        self._closes_first = closes_first
        self._only_read = only_read
        self._flags = _FLAGS | _MORE_FLAGS | (os.O_RDONLY if only_read else os.O_RDWR | os.O_CREAT)
        self._opened: BinaryIO | None = None
        self._aside: BinaryIO | None = None
        self._end = 0

    @property
    def name(self) -> str:
        return str(self._path)

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    @property
    def _file(self) -> BinaryIO:
        if self._opened is None:
            raise TransferError(f"the journal {self._path} is not open", side="target")
        return self._opened

    def open(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        with writing(f"the journal {self._path}"):
            descriptor = os.open(self._path, self._flags, 0o600)
            self._opened = os.fdopen(descriptor, "rb" if self._only_read else "r+b", buffering=0)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("expected a regular file")
            self._lock(descriptor)
            if os.name == "posix" and not os.path.samestat(os.fstat(descriptor), self._path.stat()):
                raise self._in_use()  # somebody has just put it aside
        return self._entries()

    def _lock(self, descriptor: int) -> None:
        if not own(descriptor, only_read=self._only_read):
            raise self._in_use()

    def _in_use(self) -> TransferError:
        return TransferError(f"the journal {self._path} is in use: another purge goes on", side="target")

    def _entries(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        with writing(f"the journal {self._path}"), open(os.dup(self._file.fileno()), "rb") as file:  # noqa: PTH123 - a descriptor
            place = file.seek(0)
            while line := file.readline(_LONGEST + 1):
                if not line.endswith(b"\n"):
                    if len(line) > _LONGEST or not (place or line.startswith(_HEAD[: len(line)])):
                        raise self._damaged(place)
                    break  # what a process that was killed left
                yield place, self._entry(line, place)
                place += len(line)
            self._end = place
            if not self._only_read:
                self._make_own(place)

    def _make_own(self, end: int) -> None:
        """Cut off what is behind the last line, and see that only the owner can read the file."""
        descriptor = self._file.fileno()
        if os.fstat(descriptor).st_size > end:
            self._file.truncate(end)
        if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o600:
            os.fchmod(descriptor, 0o600)

    def _entry(self, line: bytes, place: int) -> Mapping[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._damaged(place)
        return found

    def _damaged(self, place: int) -> ProtocolViolation:
        return ProtocolViolation(f"{self._path} is no journal of a purge, or is damaged at byte {place:,}")

    def add(self, entries: Iterable[Mapping[str, Any]], *, is_durable: bool) -> Sequence[int]:
        lines = [json.dumps(entry).encode() + b"\n" for entry in entries]
        longest = max(map(len, lines), default=0)
        if longest > _LONGEST:  # nobody could read it
            raise TransferError(
                f"the journal {self._path} takes no entry of {longest:,} bytes: {_LONGEST:,} at the most", side="target"
            )
        places: list[int] = []
        end = self._end
        for line in lines:
            places.append(end)
            end += len(line)
        with writing(f"the journal {self._path}"):
            file = self._file
            try:
                file.seek(self._end)
                content = memoryview(b"".join(lines))
                while content:
                    content = content[file.write(content) :]
                if is_durable:
                    os.fsync(file.fileno())
            except BaseException:
                with suppress(OSError):  # part of a line in the midst would damage it
                    file.truncate(self._end)
                raise
        self._end = end
        return places

    def put_aside(self, end: str) -> None:
        with writing(f"the journal {self._path}"):
            free, number = self._path.with_name(f"{self._path.name}.{end}"), 1
            while os.path.lexists(free):
                number += 1
                free = self._path.with_name(f"{self._path.name}.{end}.{number}")
            if self._closes_first:
                self.close()
            else:
                self._aside = self._opened  # so that nobody else has it before there is a new one
            self._path.rename(free)
            if self._closes_first and free.stat().st_size != self._end:  # another purge had it after it was closed
                free.rename(self._path)
                raise self._in_use()
        self._opened = None

    def read(self, place: int) -> Mapping[str, Any]:
        with writing(f"the journal {self._path}"), open(os.dup(self._file.fileno()), "rb") as file:  # noqa: PTH123 - a descriptor
            file.seek(place)
            return self._entry(file.readline(_LONGEST + 1), place)

    def close(self) -> None:
        for file in (self._opened, self._aside):
            if file is not None:
                with suppress(OSError):
                    file.close()
        self._opened = self._aside = None

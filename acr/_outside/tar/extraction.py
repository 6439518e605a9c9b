"""Tar members from the outside become files, folders and links below one folder, and nothing else anywhere."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Final

from acr._outside.failures import reading, writing
from acr._outside.tar.tars import Rewindable
from acr._values.files import ON_WINDOWS, windows_misreads
from acr.errors import InvalidReference, LimitExceeded, TransferError

MEMBERS_LIMIT: Final = 1_000_000
"""Members of one archive; and files, folders and links that it may become."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_DEPTH_LIMIT: Final = 200
_BLOCK: Final = 1024 * 1024
_ASKED_EVERY: Final = 64 * 1024 * 1024
"""Bytes that are written before the disk is asked again how much is free."""

_NO_NAME: Final = frozenset({"Cc", "Cs"})
"""Unicode's control characters, and the surrogates that stand for bytes which are no UTF-8."""

Parts = tuple[str, ...]
"""A checked name: what lies between its slashes."""


def check_name(name: str, *, windows: bool = ON_WINDOWS) -> Parts:
    """The parts of a relative name within a folder; none for the folder itself.

    Args:
        name: with slashes.
        windows: refuse what Windows takes for a device or a stream, too.

    Raises:
        InvalidReference: it is absolute, climbs, names a Windows drive, holds a control character, a backslash or what
            is no Unicode, or is deeper than 200 folders.

    >>> check_name("a/b"), check_name("./a"), check_name("")
    (('a', 'b'), ('a',), ())
    >>> check_name("a/../../b")
    Traceback (most recent call last):
    acr.errors.InvalidReference: the name: expected a relative file name, got 'a/../../b'
    """
    parts = tuple(name.split("/")) if name else ()
    while parts[:1] == (".",):
        parts = parts[1:]
    if windows and any(map(windows_misreads, parts)):
        raise InvalidReference(f"the name {name[:200]!r} is one that Windows reads as a device or a stream")
    if not _is_plain(name, parts) or any(part in ("", ".", "..") for part in parts) or len(parts) > _DEPTH_LIMIT:
        raise InvalidReference(f"the name: expected a relative file name, got {name[:200]!r}")
    return parts


def check_link(parts: Parts, target: str) -> None:
    """See that a symbolic link stays inside, whatever other links there are that were checked.

    It may climb at the beginning of its target only, and not above the top. The folders on the way to a link are real,
    so that it climbs through real folders; from there on it goes down, or through another link of which the same holds.
    `a/..` would not do: if `a` is a link, that is not where `a` is.

    Args:
        parts: its own name.
        target: where it points to.

    Raises:
        InvalidReference: it may lead out.

    >>> check_link(("lib", "x.so"), "../x.so.1")
    >>> check_link(("lib", "x.so"), "../../x.so.1")
    Traceback (most recent call last):
    acr.errors.InvalidReference: the link 'lib/x.so' leads out of its folder: '../../x.so.1'
    """
    steps = tuple(step for step in target.split("/") if step not in ("", "."))
    climbs = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    inside = climbs < len(parts) and ".." not in steps[climbs:]
    if not target or target.startswith("/") or not _is_plain(target, steps) or not inside:
        raise InvalidReference(f"the link {'/'.join(parts)[:200]!r} leads out of its folder: {target[:200]!r}")


def _is_plain(text: str, parts: Parts) -> bool:
    return (
        "\\" not in text  # elsewhere it is a slash
        and not any(_DRIVE.match(part) for part in parts[:1])
        and not any(unicodedata.category(character) in _NO_NAME for character in text)
    )


class Extraction:
    """A folder that is made of members of a tar.

    No one else can reach it meanwhile. What is there was made here: a folder stays one, so that the way to a member
    never leads through a link; all else is made new under its name, and replaces what an earlier member made.

    Args:
        root: the folder, which is not there yet.
        title: how the names of all members begin.
        what: names the archive in errors.
        reserve: bytes of the disk that stay free.
    """

    def __init__(self, root: Path, title: str, what: str, reserve: int) -> None:
        self._reserve = reserve
        self._room = 0  # bytes that may be written before the disk is asked again
        self._root = root
        self._title = title
        self._what = what
        self._folders: dict[Parts, float | None] = {}  # and when they were last changed
        self._made = 0
        self._taken = 0

    def take(self, info: tarfile.TarInfo, file: Rewindable) -> None:
        """Make a member, whose bytes are at `info.offset_data` of a file.

        Modes are kept but for what the umask takes away, setuid, setgid and sticky, and folders stay their owner's to
        write. Owners are not kept.

        Raises:
            InvalidReference: its name, or where it links to, is not below the title.
            LimitExceeded: it is one too many.
            TransferError: it is a device or the like, the archive ends early, or the disk is full.
        """
        self._taken += 1  # also those that make nothing new
        if self._taken > MEMBERS_LIMIT:
            raise LimitExceeded(self._what, limit=MEMBERS_LIMIT, unit="members")
        parts = self._below(info.name)
        if info.isdir():
            self._make_folder(parts, info.mode, info.mtime)
        elif info.isreg() and not info.issparse():
            self._make_file(self._way(parts), info, file)
        elif info.issym():
            check_link(parts, info.linkname)
            with writing(path := self._way(parts)):
                path.symlink_to(info.linkname)
            if os.utime in os.supports_follow_symlinks:
                _set_time(path, info.mtime)
        elif info.islnk():
            self._make_hard_link(parts, self._below(info.linkname))
        else:
            raise TransferError(
                f"{self._what}: expected files, folders and links, got {info.name[:200]!r}, which is something else",
                side="source",
            )

    def finish(self) -> None:
        """All members are there: give the folders their times."""
        self._make_folder((), 0o777, None)  # an empty archive is an empty folder
        for parts, changed in sorted(self._folders.items(), reverse=True):
            _set_time(self._root.joinpath(*parts), changed)

    def _below(self, name: str) -> Parts:
        whole, top = check_name(name), tuple(self._title.split("/"))
        if whole[: len(top)] != top:
            raise InvalidReference(f"{self._what}: the name {name[:200]!r} is not below {self._title!r}")
        return check_name("/".join(whole[len(top) :]))  # `title/C:/x` was none that begins with a drive

    def _way(self, parts: Parts) -> Path:
        """The path for a new file or link. Its folder is made; what an earlier member made of that name is removed."""
        if not parts or parts in self._folders:
            name = "/".join((self._title, *parts))
            raise TransferError(f"{self._what}: {name[:200]!r} is a folder and something else", side="source")
        self._count()
        self._make_folder(parts[:-1], 0o777, None)
        path = self._root.joinpath(*parts)
        with writing(path):
            path.unlink(missing_ok=True)
        return path

    def _count(self) -> None:
        self._made += 1
        if self._made > MEMBERS_LIMIT:
            raise LimitExceeded(self._what, limit=MEMBERS_LIMIT, unit="files and folders")

    def _make_folder(self, parts: Parts, mode: int, changed: float | None) -> None:
        known = len(parts)
        while known and parts[:known] not in self._folders:
            known -= 1
        for depth in range(known, len(parts) + 1):
            folder = parts[:depth]
            if folder not in self._folders:
                self._count()
                with writing(path := self._root.joinpath(*folder)):
                    own = folder == parts  # it fails if a file or a link has the name
                    path.mkdir(mode & 0o777 | 0o700 if own else 0o777)
                self._folders[folder] = None
        if changed is not None:
            self._folders[parts] = changed

    def _take_room(self, size: int) -> None:
        """See that so many bytes fit on the disk, and leave the reserve free."""
        if size > self._room:
            with writing(self._root):
                free = shutil.disk_usage(self._root.parent).free - self._reserve
            if free < size:
                raise TransferError(
                    f"{self._what}: there is no room for {size} bytes more on the disk of {self._root.parent}, of which"
                    f" {self._reserve} are to stay free: make room, or pass UnpackLimits(reserve=…)",
                    side="target",
                )
            self._room = min(free, size + _ASKED_EVERY)
        self._room -= size

    def _make_file(self, path: Path, info: tarfile.TarInfo, file: Rewindable) -> None:
        self._take_room(info.size)
        with reading(self._what):
            file.seek(info.offset_data)
        with writing(path):
            # A new file: nothing that is there is opened, and no link is followed.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            target = os.fdopen(os.open(path, flags, info.mode & 0o777), "wb")
        with target:
            left = info.size
            while left:
                with reading(self._what):
                    block = file.read(min(left, _BLOCK))
                if not block:
                    raise TransferError(f"{self._what} ends within {info.name[:200]!r}", side="source")
                with writing(path):
                    target.write(block)
                left -= len(block)
            with writing(path):
                target.close()
        _set_time(path, info.mtime)

    def _make_hard_link(self, parts: Parts, source: Parts) -> None:
        there = self._root.joinpath(*source)
        # Its folder is one that was made here; a link that lies there is none to link to.
        if source[:-1] not in self._folders or source == parts or not _is_file(there):
            raise InvalidReference(f"{self._what}: {'/'.join(parts)[:200]!r} is a hard link to no file before it")
        with writing(path := self._way(parts)):
            path.hardlink_to(there)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _set_time(path: Path, changed: float | None) -> None:
    if changed is not None:
        with suppress(OSError, ValueError, OverflowError):  # a time that the file system does not have
            os.utime(path, (changed, changed), follow_symlinks=not path.is_symlink())

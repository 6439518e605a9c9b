"""Folders as layers: packed the same each time, and unpacked so that nothing leads out, whatever the archive says."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import stat
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from acr import (
    AcrError,
    Digest,
    DigestMismatch,
    InvalidInput,
    InvalidReference,
    LimitExceeded,
    TransferError,
    media_types as types,
)
from acr._outside.tar import extraction
from acr._outside.tar.extraction import check_name
from acr._outside.tar.folders import pack, unpack
from acr._values.files import CONTENT_DIGEST, TITLE, UNPACK, check_title
from acr._values.unpacking import UnpackLimits
from tests.outside.stores import add, names_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and special files as POSIX has them")

LIMIT = 10_000_000
Write = Callable[[tarfile.TarFile], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all kinds of things in it."""
    folder = tmp_path / "model"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "sub" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "sub" / "link").symlink_to("../weights.bin")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "späte Ü.txt").write_bytes(b"")
    (folder / ("long" * 50)).write_bytes(b"x" * 512)
    modes = {"sub/run": 0o755, "weights.bin": 0o640, "sub": 0o750, "sub/empty": 0o700}
    for name, mode in modes.items():
        (folder / name).chmod(mode)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, ns=(0, 1_700_000_000_123_456_789), follow_symlinks=False)
    return folder


def state(folder: Path) -> dict[str, Any]:
    """All that is in a folder, and itself: kind, mode, time and content."""
    found: dict[str, Any] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content: Any = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.filemode(status.st_mode), content)
    return found


def tar_of(write: Write, *, how: str = "w:gz") -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=how) as tar:  # type: ignore[call-overload]
        write(tar)
    file.seek(0)
    return file


def unpacked(target: Path, write: Write, **options: Any) -> Path:
    return unpack(tar_of(write), target, **{"title": "t", "limits": UnpackLimits(size=LIMIT), **options})


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    before = state(folder)
    yield
    assert state(folder) == before


def test_a_folder_comes_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    with pack(folder, "models/v1") as packed:
        with packed.path.open("rb") as file:
            made = unpack(
                file,
                tmp_path / "out",
                title="models/v1",
                limits=UnpackLimits(size=LIMIT),
                digest=packed.annotations[CONTENT_DIGEST],
            )
        assert stat.S_IMODE(packed.path.stat().st_mode) == 0o600

    assert made == tmp_path / "out" / "models" / "v1"
    assert state(made) == state(folder)
    assert made.joinpath("weights.bin").stat().st_mtime == 1_700_000_000
    assert made.stat().st_mtime == made.joinpath("sub").stat().st_mtime == 1_700_000_000
    assert not packed.path.exists()
    assert names_in(tmp_path / "out")[:2] == ["models", "models/v1"]


def test_a_packed_folder_is_what_oras_expects(folder: Path) -> None:
    with pack(folder, "model") as packed:
        content = packed.path.read_bytes()
    tar = gzip.decompress(content)

    assert (packed.media_type, packed.size, packed.digest) == (types.OCI_LAYER_GZIP, len(content), Digest.of(content))
    assert packed.annotations == {TITLE: "model", UNPACK: "true", CONTENT_DIGEST: Digest.of(tar)}
    assert content[4:8] == bytes(4)  # no time
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = archive.getmembers()
        end = archive.offset
    assert [member.name for member in members] == [
        "model",
        "model/dangling",
        "model/" + "long" * 50,
        "model/späte Ü.txt",
        "model/sub",
        "model/sub/empty",
        "model/sub/link",
        "model/sub/run",
        "model/weights.bin",
    ]
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {member.mtime for member in members} == {1_700_000_000}
    # oras hashes up to the two blocks at the end, and no further.
    assert len(tar) == end + 1024


def test_equal_folders_are_packed_equally(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with pack(folder, "x") as packed, packed.path.open("rb") as file:
        unpack(file, tmp_path, title="x", limits=UnpackLimits(size=LIMIT))
        (tmp_path / "x").rename(other)
        with pack(other, "x") as again:
            assert (again.digest, again.size) == (packed.digest, packed.size)


def test_an_empty_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pack(tmp_path / "empty", "e") as packed, packed.path.open("rb") as file:
        assert state(unpack(file, tmp_path / "out", title="e", limits=UnpackLimits(size=LIMIT))) == state(
            tmp_path / "empty"
        )


def test_a_folder_named_by_a_link_is_packed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pack(folder, "x") as packed, pack(tmp_path / "link", "x") as again:
        assert again.digest == packed.digest


@pytest.mark.parametrize("title", ["../x", "/x", "x/../y", "C:/x", "a\nb", ""])
def test_a_title_that_leads_out_is_not_packed_nor_unpacked(folder: Path, tmp_path: Path, title: str) -> None:
    with unchanged(tmp_path):
        with pytest.raises(InvalidReference), pack(folder, title):
            pass
        with pytest.raises(InvalidReference):
            unpack(tar_of(lambda tar: add(tar, "x")), tmp_path, title=title, limits=UnpackLimits(size=LIMIT))


@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "../../x", "sub/../..", "../model/x", "sub/../sub"])
def test_a_link_that_could_not_be_unpacked_is_not_packed(folder: Path, target: str) -> None:
    (folder / "bad").symlink_to(target)
    with pytest.raises(InvalidReference, match="the link 'bad' leads out of its folder"), pack(folder, "x"):
        pass


@pytest.mark.parametrize("name", [b"new\nline", b"back\\slash", b"\xff\xfe", b"del\x7f"])
def test_a_name_that_could_not_be_unpacked_is_not_packed(folder: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(folder), name), "wb"):  # noqa: PTH118, PTH123 - bytes
        pass
    with pytest.raises(InvalidReference, match="expected a relative file name"), pack(folder, "x"):
        pass


def test_special_files_are_not_packed(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidInput, match="expected files, folders and links, got .*pipe"), pack(folder, "x"):
        pass


def test_a_socket_is_not_packed(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{short}/s")
        with pytest.raises(InvalidInput, match="expected files, folders and links, got .*s, "), pack(Path(short), "x"):
            pass


def test_what_is_no_folder_is_not_packed(folder: Path) -> None:
    for path in (folder / "weights.bin", folder / "absent"):
        with pytest.raises(InvalidInput, match="expected a folder"), pack(path, "x"):
            pass


def test_nothing_is_left_when_packing_fails(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    os.mkfifo(folder / "sub" / "pipe")
    with pytest.raises(InvalidInput), pack(folder, "x"):
        pass
    (folder / "sub" / "pipe").unlink()
    with pytest.raises(LookupError), pack(folder, "x"):
        assert len(names_in(tmp_path / "tmp")) == 1
        raise LookupError
    assert names_in(tmp_path / "tmp") == []
    (tmp_path / "tmp").rmdir()
    with pytest.raises(TransferError, match="cannot write a temporary file"), pack(folder, "x"):
        pass


# Unpacking, first what is right.


def ordinary(tar: tarfile.TarFile) -> None:
    add(tar, "t", type=tarfile.DIRTYPE, mode=0o755)
    add(tar, "t/sub/file", b"file", mode=0o640, mtime=1_600_000_000)
    add(tar, "./t/other", b"other", mode=0o444)
    add(tar, "t/sub/link", type=tarfile.SYMTYPE, linkname="../other")
    add(tar, "t/hard", type=tarfile.LNKTYPE, linkname="t/sub/file")


ORDINARY = {
    ".": ("drwxr-xr-x", None),
    "hard": ("-rw-r-----", b"file"),
    "other": ("-r--r--r--", b"other"),
    "sub": ("drwxr-xr-x", None),
    "sub/file": ("-rw-r-----", b"file"),
    "sub/link": ("lrwxrwxrwx", "../other"),
}


@pytest.mark.parametrize("how", ["w", "w:gz"])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_archives_of_others_are_unpacked(tmp_path: Path, how: str, form: int) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=how, format=form) as tar:  # type: ignore[call-overload]
        ordinary(tar)
    file.seek(0)
    made = unpack(file, tmp_path, title="t", limits=UnpackLimits(size=LIMIT))

    assert state(made) == ORDINARY
    assert (made / "hard").stat().st_ino == (made / "sub" / "file").stat().st_ino
    assert (made / "sub" / "file").stat().st_mtime == 1_600_000_000
    assert names_in(tmp_path)[0] == "t"
    assert len(names_in(tmp_path)) == len(ORDINARY)


def test_modes_are_no_wider_than_the_umask_and_have_no_special_bits(tmp_path: Path) -> None:
    def write(tar: tarfile.TarFile) -> None:
        add(tar, "t", type=tarfile.DIRTYPE, mode=0o7777)
        add(tar, "t/file", b"", mode=0o7777)
        add(tar, "t/closed", type=tarfile.DIRTYPE, mode=0)
        add(tar, "t/closed/file", b"", mode=0)

    before = os.umask(0o027)
    try:
        made = unpacked(tmp_path, write)
    finally:
        os.umask(before)
    modes = {name: kind for name, (kind, _) in state(made).items()}
    assert modes == {".": "drwxr-x---", "file": "-rwxr-x---", "closed": "drwx------", "closed/file": "----------"}


def test_of_two_members_of_one_name_the_later_counts(tmp_path: Path) -> None:
    def write(tar: tarfile.TarFile) -> None:
        add(tar, "t/a", b"first")
        add(tar, "t/b", type=tarfile.LNKTYPE, linkname="t/a")
        add(tar, "t/a", b"second")
        add(tar, "t/c", type=tarfile.SYMTYPE, linkname="a")
        add(tar, "t/c", b"third")

    made = unpacked(tmp_path, write)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {"a": b"second", "b": b"first", "c": b"third"}
    assert not (made / "c").is_symlink()


def test_an_empty_archive_is_an_empty_folder(tmp_path: Path) -> None:
    assert names_in(unpacked(tmp_path, lambda _: None)) == []


def test_times_that_no_file_can_have_are_left_out(tmp_path: Path) -> None:
    def write(tar: tarfile.TarFile) -> None:
        for name, time in (("a", "nan"), ("b", "inf"), ("c", "1e300"), ("d", "-1e300"), ("e", "soon")):
            add(tar, f"t/{name}", b"", pax_headers={"mtime": time})

    assert len(names_in(unpacked(tmp_path, write))) == 5


def test_the_digest_is_of_the_whole_tar(tmp_path: Path) -> None:
    tar = tar_of(ordinary, how="w").getvalue()
    for algorithm in ("sha256", "sha512"):
        digest = Digest.of(tar, algorithm=algorithm)
        unpack(
            io.BytesIO(gzip.compress(tar)),
            tmp_path / algorithm,
            title="t",
            limits=UnpackLimits(size=LIMIT),
            digest=digest,
        )
    for content in (tar[:-512], tar + b"\0", tar + b"more"):
        with unchanged(tmp_path), pytest.raises(DigestMismatch, match="the archive of 't'"):
            unpack(
                io.BytesIO(content), tmp_path / "new", title="t", limits=UnpackLimits(size=LIMIT), digest=Digest.of(tar)
            )


def test_a_tar_has_to_be_within_the_limit(tmp_path: Path) -> None:
    tar = tar_of(ordinary, how="w").getvalue()
    unpack(io.BytesIO(gzip.compress(tar)), tmp_path, title="t", limits=UnpackLimits(size=len(tar)))
    for limit in (len(tar) - 1, 600, 0):
        with unchanged(tmp_path), pytest.raises(LimitExceeded) as caught:
            unpack(io.BytesIO(gzip.compress(tar)), tmp_path / "new", title="t", limits=UnpackLimits(size=limit))
        assert caught.value.limit == limit


def test_a_bomb_is_stopped_early(tmp_path: Path) -> None:
    def write(tar: tarfile.TarFile) -> None:
        add(tar, "t/zeros", bytes(30_000_000))

    with unchanged(tmp_path), pytest.raises(LimitExceeded):
        unpacked(tmp_path, write, limits=UnpackLimits(size=1_000_000))


@pytest.mark.parametrize("name", ["t/{i}", "t/{i}/b/c"])
def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(extraction, "MEMBERS_LIMIT", 30)

    def write(count: int) -> Write:
        def writer(tar: tarfile.TarFile) -> None:
            for i in range(count):
                add(tar, name.format(i=i), b"")

        return writer

    unpacked(tmp_path, write(9))
    with unchanged(tmp_path), pytest.raises(LimitExceeded, match="larger than the 30 files and folders allowed"):
        unpacked(tmp_path / "new", write(30))


def test_members_that_make_nothing_new_are_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "MEMBERS_LIMIT", 30)

    def write(tar: tarfile.TarFile) -> None:
        for _ in range(31):
            folder = tarfile.TarInfo("t/folder")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)

    with unchanged(tmp_path), pytest.raises(LimitExceeded, match="larger than the 30 members allowed"):
        unpacked(tmp_path / "new", write)


def test_fields_for_all_members_are_bounded(tmp_path: Path) -> None:
    """Python's tarfile keeps them: an archive of half a megabyte took 240."""

    def write(count: int) -> Write:
        def writer(tar: tarfile.TarFile) -> None:
            for i in range(count):
                tar.fileobj.write(tarfile.TarInfo.create_pax_global_header({f"key{i}": "x" * 10_000}))
                tar.offset = tar.fileobj.tell()
                add(tar, f"t/{i}", b"")

        return writer

    unpacked(tmp_path, write(100))
    with unchanged(tmp_path), pytest.raises(LimitExceeded, match="global headers .* the 100 fields allowed"):
        unpacked(tmp_path / "new", write(101))


# A folder that is there already.


def test_files_in_a_folder_that_is_there_are_replaced_one_by_one(tmp_path: Path) -> None:
    target = tmp_path / "t"
    (target / "sub").mkdir(parents=True)
    (target / "mine").write_bytes(b"mine")
    (target / "sub" / "mine").write_bytes(b"mine")
    (target / "sub" / "file").write_bytes(b"old")
    (tmp_path / "outside").write_bytes(b"outside")
    (target / "other").symlink_to("../outside")
    (target / "hard").hardlink_to(tmp_path / "outside")

    unpacked(tmp_path, ordinary)

    kept = {"mine": ("-rw-r--r--", b"mine"), "sub/mine": ("-rw-r--r--", b"mine")}
    assert state(target) == {**ORDINARY, **kept}
    assert (tmp_path / "outside").read_bytes() == b"outside"
    assert sorted(os.listdir(tmp_path)) == ["outside", "t"]  # noqa: PTH208 - names


@pytest.mark.parametrize("link", ["t", "t/sub"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path, link: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "out" / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / link).symlink_to(tmp_path / "outside")
    with unchanged(tmp_path), pytest.raises(TransferError, match="expected a folder at") as caught:
        unpacked(tmp_path / "out", ordinary)
    assert caught.value.side == "target"


def test_a_file_and_a_folder_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "t" / "sub" / "file").mkdir(parents=True)
    with unchanged(tmp_path), pytest.raises(TransferError, match="a file would take its place"):
        unpacked(tmp_path, ordinary)
    (tmp_path / "u").mkdir()
    (tmp_path / "u" / "t").write_bytes(b"")
    with unchanged(tmp_path), pytest.raises(TransferError, match="expected a folder at"):
        unpacked(tmp_path / "u", ordinary)


def test_a_link_on_the_way_to_the_folder_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "out" / "models").symlink_to("../outside")
    with unchanged(tmp_path), pytest.raises(InvalidReference, match="through a link"):
        unpacked(tmp_path / "out", lambda _: None, title="models/v1")
    (tmp_path / "out" / "real").mkdir()
    (tmp_path / "out" / "inside").symlink_to("real")
    unpacked(tmp_path / "out", lambda _: None, title="inside/v1")
    assert (tmp_path / "out" / "real" / "v1").is_dir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with unchanged(tmp_path), pytest.raises(TransferError, match="cannot write"):
        unpacked(tmp_path / "file" / "x", ordinary)


# What is wrong, or means ill.


def member(name: str, content: bytes = b"x", **fields: Any) -> Write:
    return lambda tar: add(tar, name, content, **fields)


def link(name: str, target: str) -> Write:
    return member(name, b"", type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Write:
    return member(name, b"", type=tarfile.LNKTYPE, linkname=target)


NAMES = [
    "/etc/passwd", "/t/x", "../x", "t/../x", "t/../../x", "t/a/../../x", "t/./x", "t//x", "x", "tt", "t2/x", "..", ".",
    "C:/x", "t/C:/x", "t/C:x", "t\\x", "t/..\\x", "t/a\nb", "t/a\x7f", "t/\udcff", "t/" + "d/" * 200 + "x", "",
]  # fmt: skip
TARGETS = [
    "/", "/etc", "..", "../..", "../../x", "a/..", "a/../..", "x/../../y", "./..", ".//..", "C:/x", "..\\x", "a\nb", "",
]  # fmt: skip
ILL: dict[str, list[Write]] = {
    **{f"name {name[:20]!r}": [member(name)] for name in NAMES if name},
    **{f"folder {name[:20]!r}": [member(name, b"", type=tarfile.DIRTYPE)] for name in NAMES if name},
    **{f"link to {target!r}": [link("t/l", target)] for target in TARGETS},
    **{f"hard link to {target[:20]!r}": [member("t/a"), hard("t/l", target)] for target in NAMES},
    "the title is a file": [member("t")],
    "the title is a link": [link("t", "x")],
    "the title is a hard link": [member("t/a"), hard("t", "t/a")],
    "a link of a folder, deeper": [link("t/a/b", "../..")],
    "through a link to itself": [link("t/a", "."), member("t/a/x")],
    "through a link to itself, twice": [link("t/a", "."), link("t/a/s", "../.."), member("t/a/s/x")],
    "through links": [link("t/a", "."), link("t/s", "a/../.."), member("t/s/x")],
    "through a link that comes later": [member("t/a/x"), link("t/a", "..")],
    "a folder on a link": [link("t/a", "b"), member("t/a", b"", type=tarfile.DIRTYPE)],
    "a folder on a file": [member("t/a"), member("t/a/b")],
    "a file on a folder": [member("t/a/b"), member("t/a")],
    "a hard link to a link": [link("t/a", "b"), hard("t/b", "t/a")],
    "a hard link to a folder": [member("t/a", b"", type=tarfile.DIRTYPE), hard("t/b", "t/a")],
    "a hard link to itself": [member("t/a"), hard("t/a", "t/a")],
    "a hard link to nothing": [hard("t/b", "t/a")],
    "a hard link through a link": [member("t/d/f"), link("t/a", "d"), hard("t/b", "t/a/f")],
    "a device": [member("t/d", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a disk": [member("t/d", b"", type=tarfile.BLKTYPE)],
    "a pipe": [member("t/d", b"", type=tarfile.FIFOTYPE)],
    "a sparse file": [member("t/d", b"x" * 512, type=tarfile.GNUTYPE_SPARSE)],
    "a kind of its own": [member("t/d", b"", type=b"Z")],
    "a name in an extended header": [member("t/d", b"x", pax_headers={"path": "../../x"})],
    "a link in an extended header": [
        member("t/d", b"", type=tarfile.SYMTYPE, pax_headers={"linkpath": "../../x"}, linkname="x")
    ],
    "a size in an extended header": [member("t/d", b"x", pax_headers={"size": "99999999999"})],
    "a negative size in an extended header": [member("t/d", b"x", pax_headers={"size": "-512"})],
    "a size that is none": [member("t/d", b"x", pax_headers={"size": "9" * 5000})],
}  # fmt: skip


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
def test_what_leads_out_is_refused_and_changes_nothing(tmp_path: Path, name: str, there: bool) -> None:
    target = tmp_path / "a" / "b"
    (target / "t" if there else target).mkdir(parents=True)

    def write(tar: tarfile.TarFile) -> None:
        add(tar, "t/first", b"first")
        for one in ILL[name]:
            one(tar)

    with unchanged(tmp_path), pytest.raises((InvalidReference, TransferError, LimitExceeded)):
        unpacked(target, write)


@pytest.mark.parametrize(
    ("links", "resolved"),
    [
        ([link("t/l", ".")], "."),
        ([link("t/l", "./")], "."),
        ([link("t/d/l", "..")], "."),
        ([link("t/d/l", "../x")], "x"),
        ([link("t/a", "."), link("t/l", "a/a/a/x")], "x"),
        ([link("t/d/up", ".."), link("t/l", "d/up/d/up/x")], "x"),
        ([link("t/l", "../t/x")], None),
    ],
)
def test_links_that_stay_inside_are_kept(tmp_path: Path, links: list[Write], resolved: str | None) -> None:
    def write(tar: tarfile.TarFile) -> None:
        add(tar, "t/x", b"x")
        for one in links:
            one(tar)

    if resolved is None:  # it comes back in, but it was out
        with pytest.raises(InvalidReference):
            unpacked(tmp_path, write)
        return
    made = unpacked(tmp_path, write)
    name = next(path for path in (made / "l", made / "d" / "l") if path.is_symlink())
    assert name.resolve() == (made / resolved).resolve()


@pytest.mark.parametrize(
    "content", [b"", b"x" * 2000, b"\x1f\x8b", b"\x1f\x8b\x08garbage", b"\x28\xb5\x2f\xfd" + bytes(99)]
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    with unchanged(tmp_path), pytest.raises(TransferError, match="the archive of 't'") as caught:
        unpack(io.BytesIO(content), tmp_path / "new", title="t", limits=UnpackLimits(size=LIMIT))
    assert caught.value.side == "source"


def test_an_archive_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = tar_of(lambda tar: add(tar, "t/x", os.urandom(100_000))).getvalue()
    for size in (1, 10, 50, 1000, 90_000, len(whole) - 9):
        with unchanged(tmp_path), pytest.raises(TransferError) as caught:
            unpack(io.BytesIO(whole[:size]), tmp_path / "new", title="t", limits=UnpackLimits(size=LIMIT))
        assert caught.value.side == "source"
    plain = tar_of(lambda tar: add(tar, "t/x", bytes(100_000)), how="w").getvalue()
    with unchanged(tmp_path), pytest.raises(TransferError, match="ends within 't/x'"):
        unpack(io.BytesIO(plain[:50_000]), tmp_path, title="t", limits=UnpackLimits(size=LIMIT))


# Any archive at all.

PARTS = ["t", "a", "b", "c", "..", ".", "", "C:", "x\\y", "\n"]
PATHS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("/".join) | st.sampled_from(
    ["/abs", "../canary", "t/../../canary", "canary", "../outside/canary", "/"]
)
MOSTLY_INSIDE = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(lambda parts: "/".join(["t", *parts]))
LINK_TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", "..", "."]), min_size=1, max_size=5).map("/".join)
MEMBERS = st.lists(
    st.tuples(
        MOSTLY_INSIDE | MOSTLY_INSIDE | MOSTLY_INSIDE | PATHS,
        st.sampled_from([b"0", b"0", b"1", b"2", b"2", b"2", b"5", b"5", b"3", b"6", b"7"]),
        LINK_TARGETS | MOSTLY_INSIDE | PATHS,
        st.integers(0, 0o7777),
    ),
    max_size=8,
)


@settings(derandomize=True, deadline=None, max_examples=1500)
@given(MEMBERS, st.booleans(), st.booleans())
def test_no_archive_changes_anything_outside(
    members: list[tuple[str, bytes, str, int]], there: bool, extended: bool
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        jail = Path(temporary)
        target = jail / "deep" / "out"
        (jail / "outside").mkdir()
        (jail / "outside" / "canary").write_bytes(b"canary")
        (target / "t" if there else target).mkdir(parents=True)
        if there:
            (target / "t" / "a").symlink_to("../../../outside")
            (target / "t" / "b").mkdir()
            (target / "t" / "b" / "c").symlink_to("../../../../outside/canary")

        def write(tar: tarfile.TarFile) -> None:
            for name, kind, other, mode in members:
                fields: dict[str, Any] = {"pax_headers": {"path": name, "linkpath": other}} if extended else {}
                content = b"new" if kind in b"07" else b""
                add(tar, name, content, type=kind, linkname=other, mode=mode, **fields)

        before = state(jail)
        try:
            archive = tar_of(write)
            made = unpack(archive, target, title="t", limits=UnpackLimits(size=LIMIT))
        except AcrError:
            assert state(jail) == before
            return
        except (ValueError, UnicodeError):  # no tar can be written of it
            return
        after = state(jail)
        inside = f"{target.relative_to(jail)}/t"
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert {name for name in changed if name != inside and not name.startswith(f"{inside}/")} == set()
        assert all(kind[0] in "-dl" and not set(kind) & set("sStT") for kind, _ in after.values())
        if not there:  # and every link that was made leads to what is inside
            top = os.path.realpath(made)
            for path in made.rglob("*"):
                real = os.path.realpath(path)
                assert real == top or real.startswith(f"{top}/"), (path, real)


def test_unpacking_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    """Nothing stays of it, and what was there is as it was."""
    free = shutil.disk_usage(tmp_path).free
    limits = UnpackLimits(reserve=free + 1024**4)
    with unchanged(tmp_path), pytest.raises(TransferError, match="there is no room for 5 bytes more") as caught:
        unpack(tar_of(lambda tar: add(tar, "t/x", b"hello")), tmp_path / "new", title="t", limits=limits)
    assert caught.value.side == "target"
    unpack(tar_of(lambda tar: add(tar, "t/x", b"hello")), tmp_path, title="t", limits=UnpackLimits(reserve=0))


def test_the_ratio_counts_above_a_gibibyte(tmp_path: Path) -> None:
    limits = UnpackLimits(ratio=100)
    assert limits.size_for(10) == 1024**3
    assert limits.size_for(20 * 1024**2) == 20 * 1024**2 * 100
    assert limits.size_for(10 * 1024**3) == limits.size
    assert UnpackLimits(size=10, ratio=0).size_for(10**9) == 10
    wrong: list[Callable[[], UnpackLimits]] = [
        lambda: UnpackLimits(size=-1),
        lambda: UnpackLimits(ratio=-0.1),
        lambda: UnpackLimits(reserve=-1),
    ]
    for make in wrong:
        with pytest.raises(InvalidInput, match="from 0 on"):
            make()


def test_a_small_archive_of_zeros_does_not_fill_the_disk(tmp_path: Path) -> None:
    """What a ratio stops is known by the packed size alone, and nothing stays."""
    packed = tar_of(lambda tar: add(tar, "t/zeros", bytes(3_000_000))).getvalue()
    limits = UnpackLimits(ratio=100)
    allowed = limits.size_for(len(packed))
    assert allowed == 1024**3
    with unchanged(tmp_path), pytest.raises(LimitExceeded):
        limits = UnpackLimits(size=2_000_000)
        unpack(io.BytesIO(packed), tmp_path / "new", title="t", limits=limits, packed=len(packed))


WINDOWS_MISREADS = ["CON", "nul", "Aux.txt", "com1", "LPT9.log", "com¹", "conin$", "a:b", "x.", "x ", "nul .txt"]


@pytest.mark.parametrize("name", WINDOWS_MISREADS)
def test_names_that_windows_reads_as_devices_or_streams_are_refused_there(name: str) -> None:
    for text in (name, f"folder/{name}", f"{name}/file"):
        with pytest.raises(InvalidReference):
            check_title(text, windows=True)
        with pytest.raises(InvalidReference):
            check_name(text, windows=True)
    if ":" not in name:  # elsewhere it is a name as any other
        assert check_name(f"folder/{name}", windows=False) == ("folder", name)


@pytest.mark.parametrize("name", ["console", "com", "com10", "lpt", "nullable.txt", "a.con", "x.y"])
def test_other_names_are_taken_by_windows(name: str) -> None:
    assert str(check_title(name, windows=True)) == name
    assert check_name(name, windows=True) == (name,)

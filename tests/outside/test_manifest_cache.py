"""The cache of manifests: verified, private, bounded, shared by processes; and whatever is wrong with it, a miss."""

from __future__ import annotations

import builtins
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from acr import Digest, Manifest
from acr._outside.manifest_cache import open_cache

MANIFESTS = [Manifest.of({"mediaType": "application/vnd.example", "number": number}) for number in range(10)]
DIGESTS = [manifest.digest for manifest in MANIFESTS]
NAME = "manifests-1.sqlite"


def filled(folder: Path) -> Path:
    cache = open_cache(folder)
    assert cache is not None
    cache.keep(MANIFESTS)
    cache.close()
    return folder / NAME


def found(folder: Path) -> set[Digest]:
    cache = open_cache(folder)
    assert cache is not None
    try:
        return set(cache.find(DIGESTS))
    finally:
        cache.close()


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    path = filled(tmp_path)
    cache = open_cache(str(tmp_path))
    assert cache is not None
    assert cache.find([*DIGESTS, Digest.of(b"other")]) == dict(zip(DIGESTS, MANIFESTS, strict=True))
    cache.close()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_made_is_for_its_owner(tmp_path: Path) -> None:
    filled(tmp_path / "new")
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_no_cache() -> None:
    assert open_cache(False) is None


def test_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACR_CACHE_DIR", str(tmp_path / "own"))
    cache = open_cache(True)
    assert cache is not None
    cache.keep(MANIFESTS)
    cache.close()
    assert (tmp_path / "own" / NAME).is_file()


def test_untagged_manifests_are_remembered_since_they_were_first_seen(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    assert cache is not None
    first, second = DIGESTS[:2]
    assert cache.note_untagged("r", "app", [first], 10) == {}  # it may have had no tag for years
    cache.close()
    cache = open_cache(tmp_path)
    assert cache is not None
    assert cache.note_untagged("r", "app", [first, second], 20) == {first: 10, second: 20}
    assert cache.note_untagged("r", "other", [], 30) == {}
    assert cache.note_untagged("r", "other", [first], 35) == {first: 35}
    assert cache.note_untagged("r", "app", [second], 40) == {second: 20}  # the first one has a tag now
    assert cache.note_untagged("r", "app", [first], 50) == {first: 50}
    cache.close()


def test_whether_a_repository_is_a_pull_through_cache_is_remembered_for_the_same_state_and_a_week(
    tmp_path: Path,
) -> None:
    cache = open_cache(tmp_path)
    assert cache is not None
    for name, is_one in (("app", False), ("mirror", True)):
        assert cache.is_pull_through("r", name, "state") is None
        cache.note_pull_through("r", name, "state", is_one)
        assert cache.is_pull_through("r", name, "state") is is_one
        assert cache.is_pull_through("r", name, "other state") is None
    cache.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
        db.execute("UPDATE pull_through SET since = ?", (int(time.time()) - 604_801,))
    assert cache.is_pull_through("r", "app", "state") is None
    cache.close()


def test_what_is_missing_is_remembered_for_the_same_state_and_a_week(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    assert cache is not None
    cache.note_missing("r", "app", "state", DIGESTS)
    cache.note_missing("r", "other", "state", [])
    assert set(cache.missing("r", "app", "state")) == set(DIGESTS)
    assert not cache.missing("r", "app", "other state")
    assert not cache.missing("r", "other", "state")
    cache.note_missing("r", "app", "next", DIGESTS[:1])
    assert set(cache.missing("r", "app", "next")) == set(DIGESTS[:1])
    assert not cache.missing("r", "app", "state")
    cache.close()
    for age, packed in ((604_801, zlib.compress(DIGESTS[0].encode())), (0, b"damaged"), (0, zlib.compress(b"odd"))):
        with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
            db.execute("UPDATE missing SET since = ?, packed = ?", (int(time.time()) - age, packed))
        cache = open_cache(tmp_path)
        assert cache is not None
        assert not cache.missing("r", "app", "next")
        cache.close()


def test_a_manifest_that_was_changed_in_the_file_is_a_miss(tmp_path: Path) -> None:
    with closing(sqlite3.connect(filled(tmp_path))) as db, db:
        db.execute("UPDATE manifest SET packed = (SELECT packed FROM manifest WHERE digest = ?)", (DIGESTS[0],))
        db.execute("UPDATE manifest SET packed = x'00' WHERE digest = ?", (DIGESTS[1],))
    assert found(tmp_path) == {DIGESTS[0]}
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("SELECT digest FROM manifest").fetchall() == [(DIGESTS[0],)]


def test_it_is_bounded(tmp_path: Path) -> None:
    """Half of it goes, what was used longest ago first."""
    for largest in (10**9, 1):
        cache = open_cache(tmp_path, largest=largest)
        assert cache is not None
        cache.keep(MANIFESTS)
        cache.close()
        if largest > 1:
            with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
                db.execute("UPDATE manifest SET used = 0 WHERE digest = ?", (DIGESTS[0],))
    assert len(found(tmp_path)) == 5


def broken_header(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def broken_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:] = bytes(len(content) - 100)
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("elsewhere"))


def no_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DROP TABLE manifest; CREATE TABLE manifest (digest TEXT, used INTEGER)")


@pytest.mark.parametrize("damage", [broken_header, broken_middle, a_folder, a_link, no_tables])
def test_whatever_is_wrong_is_a_miss_with_one_warning(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(filled(tmp_path))
    cache = open_cache(tmp_path)
    assert cache is not None
    with caplog.at_level(logging.WARNING, "acr"):
        assert cache.find(DIGESTS) == {}
        cache.keep(MANIFESTS)
        assert cache.find(DIGESTS) == {}
        assert cache.note_untagged("r", "app", DIGESTS, 1) == {}
        cache.note_missing("r", "app", "state", DIGESTS)
        assert not cache.missing("r", "app", "state")
        cache.note_pull_through("r", "app", "state", True)
        assert cache.is_pull_through("r", "app", "state") is None
        cache.close()
    (record,) = caplog.records
    assert "is not used" in record.getMessage()
    assert NAME in record.getMessage()


@pytest.mark.parametrize("damage", [broken_header, broken_middle])
def test_a_corrupt_file_is_made_anew_by_the_next_run(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(filled(tmp_path))
    assert found(tmp_path) == set()
    filled(tmp_path)
    assert found(tmp_path) == set(DIGESTS)


def test_another_process_holds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acr._outside.manifest_cache._PATIENCE", 0)
    with closing(sqlite3.connect(filled(tmp_path), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert found(tmp_path) == set()
        db.execute("COMMIT")
    assert "locked" in caplog.text
    assert found(tmp_path) == set(DIGESTS)


def test_a_home_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "home").write_bytes(b"")  # root may write into any folder, and nobody below a file
    assert found(tmp_path / "home" / ".cache") == set()
    assert "is not used" in caplog.text


def test_a_user_without_a_home(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("ACR_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert open_cache(True) is None
    assert "ACR_CACHE_DIR" in caplog.text


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    cache = open_cache(tmp_path)
    assert cache is not None
    cache.find(DIGESTS)
    cache._db.execute("PRAGMA max_page_count=1")  # type: ignore[attr-defined]
    cache.keep([Manifest.of({"mediaType": "application/vnd.example", "x": os.urandom(200_000).hex()})])
    cache.close()
    assert "full" in caplog.text


def test_a_python_without_sqlite3(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "sqlite3":
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    assert found(tmp_path) == set()
    assert "sqlite3" in caplog.text


PROGRAM = """
import sys
from acr import Manifest
from acr._outside.manifest_cache import open_cache
cache = open_cache(sys.argv[1])
for number in range(40):
    some = [Manifest.of({"mediaType": "application/vnd.example", "number": at}) for at in range(number, number + 5)]
    cache.keep(some)
    assert set(cache.find([one.digest for one in some])) == {one.digest for one in some}
cache.close()
"""


def test_several_processes_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in running:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    assert found(tmp_path) == set(DIGESTS)

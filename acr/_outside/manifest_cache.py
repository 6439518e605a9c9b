"""Manifest cache: manifests by digest, in an SQLite file of the user's cache folder, for the next inventory.

A manifest never changes, so an entry is never stale. The file may be lost at any time: then the client reads the
manifests again. Whatever is wrong with it (locked, full, corrupt, on a file system that cannot lock, no `sqlite3`), the
client goes on without it, and says so once.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from acr._core.storage import ManifestCache
from acr._forks import Lock
from acr._values.arguments import wrong_kind
from acr._values.digest import Digest
from acr._values.manifest import MANIFEST_LIMIT, Manifest

if TYPE_CHECKING:
    import sqlite3

_LOG: Final = logging.getLogger("acr")
_NAME: Final = "manifests-1.sqlite"
_LARGEST: Final = 512 * 1024 * 1024
"""Bytes that the file may have. 100,000 manifests take about 100 MB."""

_PATIENCE: Final = 5.0
"""Seconds to wait for another process."""

_AT_A_TIME: Final = 500
_REMEMBERED: Final = 7 * 86_400
"""Seconds for which it counts that something was missing, and what a repository was."""

_MOST_MISSING: Final = 64 * 1024 * 1024
"""Bytes of the digests that one repository lacks: about 900,000."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS manifest (
    digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, packed BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS untagged (
    registry TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inventoried (
    registry TEXT NOT NULL, repository TEXT NOT NULL, first INTEGER NOT NULL,
    PRIMARY KEY (registry, repository)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (
    registry TEXT NOT NULL, repository TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (registry, repository)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pull_through (
    registry TEXT NOT NULL, repository TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL,
    is_one INTEGER NOT NULL, PRIMARY KEY (registry, repository)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON manifest (used);
"""


def open_cache(cache: bool | str | os.PathLike[str], *, largest: int = _LARGEST) -> ManifestCache | None:
    """A cache; None if the caller wants none.

    Args:
        cache: True for the user's cache folder, False for no cache, or the folder.
        largest: bytes that it may have.

    Raises:
        InvalidInput: it is something else.
    """
    if not isinstance(cache, bool):
        if not isinstance(cache, str | os.PathLike) or cache == "":
            raise wrong_kind("cache", cache, "True, False, or the path of a folder")
        return _FileCache(Path(cache), largest)
    if not cache:
        return None
    try:
        return _FileCache(_user_folder(), largest)
    except RuntimeError as error:  # `Path.home`: this user has none
        _LOG.warning("there is no folder for the cache of manifests: %s. ACR_CACHE_DIR can name one", error)
        return None


def _user_folder() -> Path:
    """The folder for caches of this user: what `ACR_CACHE_DIR` names, else the one that the system has for that."""
    own = os.environ.get("ACR_CACHE_DIR")
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "acr-client"


class _FileCache:
    """Implements `acr._core.storage.ManifestCache`.

    Each call is a transaction of its own, and the file is open in between. SQLite keeps several processes apart.

    Args:
        folder: of the file. Only its owner may read it.
        largest: bytes that the file may have.
    """

    def __init__(self, folder: Path, largest: int) -> None:
        self._path = folder / _NAME
        self._largest = largest
        self._lock = Lock()
        self._db: sqlite3.Connection | None = None
        self._is_off = False

    def find(self, digests: Iterable[Digest]) -> Mapping[Digest, Manifest]:
        """See `ManifestCache`."""
        found: dict[Digest, Manifest] = {}
        wrong: list[Digest] = []
        wanted = list(digests)
        with self._transaction() as db:
            if db is None:
                return {}
            for first in range(0, len(wanted), _AT_A_TIME):
                some = wanted[first : first + _AT_A_TIME]
                marks = ",".join("?" * len(some))
                query = f"SELECT digest, media_type, packed FROM manifest WHERE digest IN ({marks})"  # noqa: S608 - marks
                for digest, media_type, packed in db.execute(query, some):
                    manifest = _unpacked(Digest(digest), media_type, packed)
                    if manifest is None:
                        wrong.append(Digest(digest))
                    else:
                        found[manifest.digest] = manifest
                db.execute(f"UPDATE manifest SET used = ? WHERE digest IN ({marks})", [_now(), *some])  # noqa: S608 - marks
            db.executemany("DELETE FROM manifest WHERE digest = ?", [(digest,) for digest in wrong])
        return found

    def keep(self, manifests: Iterable[Manifest]) -> None:
        """See `ManifestCache`."""
        rows = [(one.digest, one.media_type, zlib.compress(one.content, 1), _now()) for one in manifests]
        with self._transaction() as db:
            if db is not None and rows:
                db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?)", rows)

    def note_untagged(
        self, registry: str, repository: str, untagged: Iterable[Digest], now: int
    ) -> Mapping[Digest, int]:
        """See `ManifestCache`."""
        names = set(untagged)
        where = (registry, repository)
        with self._transaction() as db:
            if db is None:
                return {}
            query = "SELECT digest, since FROM untagged WHERE registry = ? AND repository = ?"
            known = {digest: int(since) for digest, since in db.execute(query, where)}
            query = "SELECT first FROM inventoried WHERE registry = ? AND repository = ?"
            is_first = not known and db.execute(query, where).fetchone() is None
            db.execute("INSERT OR IGNORE INTO inventoried VALUES (?, ?, ?)", (*where, now))
            gone = [(*where, digest) for digest in known.keys() - names]
            db.executemany("DELETE FROM untagged WHERE registry = ? AND repository = ? AND digest = ?", gone)
            new = [(*where, digest, now) for digest in names - known.keys()]
            db.executemany("INSERT OR IGNORE INTO untagged VALUES (?, ?, ?, ?)", new)
            return {} if is_first else {digest: known.get(digest, now) for digest in names}
        return {}

    def missing(self, registry: str, repository: str, state: str) -> Collection[Digest]:
        """See `ManifestCache`."""
        with self._transaction() as db:
            if db is None:
                return ()
            query = "SELECT packed FROM missing WHERE registry = ? AND repository = ? AND state = ? AND since > ?"
            row = db.execute(query, (registry, repository, state, _now() - _REMEMBERED)).fetchone()
            return () if row is None else _digests(row[0])
        return ()

    def note_missing(self, registry: str, repository: str, state: str, missing: Collection[Digest]) -> None:
        """See `ManifestCache`."""
        text = "\n".join(sorted(missing)).encode()
        with self._transaction() as db:
            if db is None:
                return
            db.execute("DELETE FROM missing WHERE registry = ? AND repository = ?", (registry, repository))
            if 0 < len(text) <= _MOST_MISSING:
                row = (registry, repository, state, _now(), zlib.compress(text, 1))
                db.execute("INSERT INTO missing VALUES (?, ?, ?, ?, ?)", row)

    def is_pull_through(self, registry: str, repository: str, state: str) -> bool | None:
        """See `ManifestCache`."""
        with self._transaction() as db:
            if db is None:
                return None
            query = "SELECT is_one FROM pull_through WHERE registry = ? AND repository = ? AND state = ? AND since > ?"
            row = db.execute(query, (registry, repository, state, _now() - _REMEMBERED)).fetchone()
            return None if row is None else bool(row[0])
        return None

    def note_pull_through(self, registry: str, repository: str, state: str, is_one: bool) -> None:
        """See `ManifestCache`."""
        with self._transaction() as db:
            if db is not None:
                row = (registry, repository, state, _now(), is_one)
                db.execute("INSERT OR REPLACE INTO pull_through VALUES (?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """See `ManifestCache`."""
        with self._transaction() as db:
            if db is not None and _size(db) > self._largest:
                half = "SELECT count(*) / 2 FROM manifest"
                oldest = f"SELECT digest FROM manifest ORDER BY used LIMIT ({half})"  # noqa: S608 - constants
                db.execute(f"DELETE FROM manifest WHERE digest IN ({oldest})")  # noqa: S608 - constants
                db.execute("DELETE FROM missing")
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                with suppress(Exception):
                    db.execute("PRAGMA incremental_vacuum")
                db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection | None]:
        """The database, within a transaction; None if there is none to use. What goes wrong turns the cache off."""
        with self._lock:
            db = self._database()
            if db is None:
                yield None
                return
            import sqlite3

            try:
                with db:
                    yield db
            except (sqlite3.Error, ValueError) as error:
                self._fail(error)

    def _database(self) -> sqlite3.Connection | None:
        if self._db is None and not self._is_off:
            try:
                import sqlite3  # a Python may have been built without it
            except ImportError:
                self._turn_off("this Python has no sqlite3")
                return None
            try:
                self._db = self._opened()
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
        return self._db

    def _fail(self, error: Exception) -> None:
        import sqlite3

        self._turn_off(str(error))
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                self._path.unlink()  # it is corrupt, and the next run makes it anew

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(self._path, flags, 0o600)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                raise OSError(f"{self._path} is not a file of this user")
            if hasattr(os, "fchmod"):
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
        db = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
        try:
            # A journal that is truncated, and no WAL: that needs memory which processes share, as network drives lack.
            db.executescript("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=OFF;")
            db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def _turn_off(self, why: str) -> None:
        if not self._is_off:
            _LOG.warning("the cache of manifests at %s is not used: %s", self._path, why)
        self._is_off = True
        db, self._db = self._db, None
        if db is not None:
            with suppress(Exception):
                db.close()


def _unpacked(digest: Digest, media_type: str, packed: bytes) -> Manifest | None:
    """A manifest of the file; None if it is not what its digest says."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MANIFEST_LIMIT + 1)
    except zlib.error:
        return None
    if len(content) > MANIFEST_LIMIT or Digest.of(content, algorithm=digest.algorithm) != digest:
        return None
    return Manifest(content, media_type, digest=digest)


def _digests(packed: bytes) -> Collection[Digest]:
    """Digests of the file; none if they are damaged."""
    try:
        text = zlib.decompressobj().decompress(packed, _MOST_MISSING)
        return frozenset(Digest(line) for line in text.decode("ascii").split("\n"))
    except (zlib.error, ValueError):
        return ()


def _now() -> int:
    return int(time.time())


def _size(db: sqlite3.Connection) -> int:
    """Bytes that are in use."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)

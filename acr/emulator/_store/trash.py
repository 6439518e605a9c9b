"""Trash: what was deleted while soft delete was on, with all that is needed to have it again.

It is in tables of its own, in the database of the metadata. What is in it still needs its blobs.
"""

# ruff: noqa: S608 - the names of tables and columns are this file's own; values are bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from acr._values.digest import Digest

_MANIFEST: Final = (
    "repository, name, created, updated, media_type, size, image_size, architecture, os, config_media_type,"
    " artifact_type, subject, annotations, content"
)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS trashed_repositories (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL, deleted INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trashed_tags (
    id INTEGER PRIMARY KEY, repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trashed_manifests (
    repository TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, image_size INTEGER NOT NULL, architecture TEXT, os TEXT,
    config_media_type TEXT, artifact_type TEXT, subject TEXT, annotations TEXT NOT NULL, content BLOB NOT NULL,
    deleted INTEGER NOT NULL, PRIMARY KEY (repository, name)) WITHOUT ROWID;
"""


@attrs.frozen(kw_only=True)
class Trashed:
    """Something in the trash.

    Args:
        repository: of it.
        name: of the tag, or of the repository; the digest of a manifest.
        digest: of the manifest, or of the one that the tag pointed to; empty for a repository.
        created: when it was pushed first, in ticks.
        updated: when it was pushed or moved, in ticks.
        deleted: when it was deleted, in ticks.
        place: tells two of the same name apart, and grows with each.
    """

    repository: str
    name: str
    digest: str
    created: int
    updated: int
    deleted: int
    place: int = 0


class Trash:
    """What was deleted.

    Args:
        database: that of the metadata.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(_SCHEMA)

    def clear(self) -> None:
        """Forget everything."""
        with self._db:
            for table in ("trashed_repositories", "trashed_tags", "trashed_manifests"):
                self._db.execute(f"DELETE FROM {table}")

    def take_tag(self, repository: str, name: str, now: int) -> None:
        """Keep a tag that is about to be deleted."""
        self._take_tags("name", repository, name, now)

    def take_manifest(self, repository: str, digest: str, now: int) -> None:
        """Keep a manifest that is about to be deleted, and its tags."""
        self._take_tags("digest", repository, digest, now)
        with self._db:
            self._db.execute(
                f"INSERT OR REPLACE INTO trashed_manifests ({_MANIFEST}, deleted) SELECT {_MANIFEST}, ? FROM manifests"
                " WHERE repository = ? AND name = ?",
                (now, repository, digest),
            )

    def _take_tags(self, column: str, repository: str, value: str, now: int) -> None:
        with self._db:
            self._db.execute(
                "INSERT INTO trashed_tags (repository, name, digest, created, updated, deleted)"
                " SELECT repository, name, digest, created, updated, ? FROM tags"
                f" WHERE repository = ? AND {column} = ?",
                (now, repository, value),
            )

    def take_repository(self, name: str, now: int) -> None:
        """Delete a repository, and keep all that was in it. Its blobs stay."""
        digests = [row[0] for row in self._db.execute("SELECT name FROM manifests WHERE repository = ?", (name,))]
        for digest in digests:
            self.take_manifest(name, digest, now)
        with self._db:
            self._db.execute(
                "INSERT INTO trashed_repositories (name, created, deleted) SELECT name, created, ? FROM repositories"
                " WHERE name = ?",
                (now, name),
            )
            self._db.execute("DELETE FROM repositories WHERE name = ?", (name,))

    def has(self, repository: str, digest: str) -> bool:
        """Whether a manifest is in the trash."""
        query = "SELECT 1 FROM trashed_manifests WHERE repository = ? AND name = ?"
        return self._db.execute(query, (repository, digest)).fetchone() is not None

    def restore(self, repository: str, digest: str, tag: str, now: int) -> None:
        """Put a manifest back, if it is in the trash, and let a tag point to it."""
        where = (repository, digest)
        with self._db:
            self._db.execute(
                "INSERT INTO repositories (name, created, updated) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET updated = excluded.updated",
                (repository, now, now),
            )
            self._db.execute(
                f"INSERT INTO manifests ({_MANIFEST}) SELECT {_MANIFEST} FROM trashed_manifests"
                " WHERE repository = ? AND name = ? ON CONFLICT DO NOTHING",
                where,
            )
            self._db.execute(
                "UPDATE manifests SET updated = ? WHERE repository = ? AND name = ? AND EXISTS"
                " (SELECT 1 FROM trashed_manifests AS t WHERE t.repository = ? AND t.name = ?)",
                (now, *where, *where),
            )
            self._db.execute("DELETE FROM trashed_manifests WHERE repository = ? AND name = ?", where)
            self._db.execute(
                "INSERT INTO tags (repository, name, digest, created, updated) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
                (repository, tag, digest, now, now),
            )
            self._db.execute(
                "DELETE FROM trashed_tags WHERE repository = ? AND name = ? AND digest = ?", (repository, tag, digest)
            )
            self._db.execute("DELETE FROM trashed_repositories WHERE name = ?", (repository,))

    def repositories(self, after: int, limit: int) -> list[Trashed]:
        """Some deleted repositories, the oldest deletion first."""
        rows = self._db.execute("SELECT * FROM trashed_repositories WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
        return [
            Trashed(
                repository=row["name"],
                name=row["name"],
                digest="",
                created=row["created"],
                updated=row["created"],
                deleted=row["deleted"],
                place=row["id"],
            )
            for row in rows
        ]

    def tags(self, repository: str, after: int, limit: int) -> list[Trashed]:
        """Some deleted tags of a repository, the oldest deletion first. A name may be there several times."""
        query = "SELECT * FROM trashed_tags WHERE repository = ? AND id > ? ORDER BY id LIMIT ?"
        return [_trashed(row, row["id"]) for row in self._db.execute(query, (repository, after, limit))]

    def manifests(self, repository: str, after: str, limit: int) -> list[Trashed]:
        """Some deleted manifests of a repository, by digest."""
        query = "SELECT * FROM trashed_manifests WHERE repository = ? AND name > ? ORDER BY name LIMIT ?"
        return [_trashed(row, 0) for row in self._db.execute(query, (repository, after, limit))]

    def contents(self) -> Iterator[tuple[str, Digest, bytes]]:
        """All manifests in the trash: the repository, the digest and the bytes of each."""
        for repository, digest, content in self._db.execute("SELECT repository, name, content FROM trashed_manifests"):
            yield repository, Digest(digest), content

    def take(self, repository: str, digests: Iterable[str], now: int) -> None:
        """Keep several manifests that are about to be deleted."""
        for digest in digests:
            self.take_manifest(repository, digest, now)


def _trashed(row: sqlite3.Row, place: int) -> Trashed:
    return Trashed(
        repository=row["repository"],
        name=row["name"],
        digest=row["digest"] if "digest" in row.keys() else row["name"],  # noqa: SIM118 - it is no mapping
        created=row["created"],
        updated=row["updated"],
        deleted=row["deleted"],
        place=place,
    )

"""What the registry knows: repositories, manifests, tags, and which blob is in which repository.

An SQLite database, in memory or in a file; each change is one transaction.
"""

# ruff: noqa: S608 - the names of tables and columns are this file's own; values are bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from acr._values.digest import Digest
from acr.emulator._store.items import Item, Locks, Manifest, NewManifest, Page, Tag
from acr.emulator._store.schema import SCHEMA
from acr.emulator._store.trash import Trash

Kind = Literal["repositories", "tags", "manifests"]

_COLUMNS: Final[Mapping[Kind, str]] = {
    "repositories": "*",
    "tags": "*",
    "manifests": (  # all but the content, which may be 4 MiB
        "repository, name, created, updated, media_type, size, image_size, architecture, os, config_media_type,"
        " artifact_type, subject, annotations, delete_enabled, write_enabled, read_enabled, list_enabled"
    ),
}


class Metadata:
    """The database. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        # Made by the thread that starts the emulator, used by the thread that serves: never by both at once.
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        try:
            # A log that is not synced survives the emulator being killed; only a power loss takes the latest changes.
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
            self._db.executescript(SCHEMA)
            self.trash: Trash = Trash(self._db)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def clear(self) -> None:
        """Forget everything."""
        with self._db:
            for table in ("tags", "manifests", "repositories", "blobs", "gone"):
                self._db.execute(f"DELETE FROM {table}")

    def is_empty(self) -> bool:
        """Whether there is no repository."""
        return self._db.execute("SELECT 1 FROM repositories").fetchone() is None

    def repository(self, name: str) -> Item | None:
        """A repository."""
        row = self._db.execute("SELECT * FROM repositories WHERE name = ?", (name,)).fetchone()
        return None if row is None else _item(row)

    def counts(self, repository: str) -> tuple[int, int]:
        """How many manifests and tags a repository has."""
        found = (
            self._db.execute(f"SELECT count(*) FROM {table} WHERE repository = ?", (repository,)).fetchone()[0]
            for table in ("manifests", "tags")
        )
        manifests, tags = found
        return manifests, tags

    def count_repositories_until(self, name: str | None) -> int:
        """How many repositories there are up to a name, with it."""
        return int(self._db.execute("SELECT count(*) FROM repositories WHERE name <= ?", (name or "",)).fetchone()[0])

    def quarantine(self, repository: str, digest: str) -> str | None:
        """The state of the quarantine of a manifest; None if it has never been in one."""
        query = "SELECT state FROM quarantine WHERE repository = ? AND digest = ?"
        row = self._db.execute(query, (repository, digest)).fetchone()
        return None if row is None else str(row[0])

    def set_quarantine(self, repository: str, digest: str, state: str) -> None:
        """Change the state of the quarantine of a manifest."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", (repository, digest, state))

    def contents(self) -> Iterator[tuple[str, Digest, bytes]]:
        """All manifests: the repository, the digest and the bytes of each."""
        for repository, digest, content in self._db.execute("SELECT repository, name, content FROM manifests"):
            yield repository, Digest(digest), content

    def blobs(self) -> list[tuple[str, Digest]]:
        """All blobs: the repository and the digest of each."""
        return [(repository, Digest(digest)) for repository, digest in self._db.execute("SELECT * FROM blobs")]

    def tag(self, repository: str, name: str) -> Tag | None:
        """A tag."""
        row = self._one("tags", repository, name)
        return None if row is None else _tag(row)

    def manifest(self, repository: str, digest: str) -> Manifest | None:
        """A manifest."""
        row = self._one("manifests", repository, digest)
        return None if row is None else _manifest(row)

    def content(self, repository: str, digest: str) -> bytes:
        """The bytes of a manifest that is there."""
        query = "SELECT content FROM manifests WHERE repository = ? AND name = ?"
        content: bytes = self._db.execute(query, (repository, digest)).fetchone()[0]
        return content

    def tags_of(self, repository: str, digest: str) -> list[Tag]:
        """The tags of one manifest, by name."""
        query = "SELECT * FROM tags WHERE repository = ? AND digest = ? ORDER BY name"
        return [_tag(row) for row in self._db.execute(query, (repository, digest))]

    def attached_to(self, repository: str, digest: str) -> list[Manifest]:
        """The manifests whose subject is the given one, those whose subject they are, and so on."""
        query = f"""
            WITH RECURSIVE attached (digest) AS (
                SELECT name FROM manifests WHERE repository = :repository AND subject = :digest
                UNION SELECT name FROM manifests, attached WHERE repository = :repository AND subject = attached.digest)
            SELECT {_COLUMNS["manifests"]} FROM manifests
            WHERE repository = :repository AND name IN attached AND name <> :digest
        """
        return [_manifest(row) for row in self._db.execute(query, {"repository": repository, "digest": digest})]

    def everything_in(self, repository: str) -> tuple[list[Tag], list[Manifest]]:
        """All tags and manifests of a repository, also those that are hidden from listings."""
        tags, manifests = (
            self._db.execute(f"SELECT {_COLUMNS[kind]} FROM {kind} WHERE repository = ? ORDER BY name", (repository,))
            for kind in ("tags", "manifests")
        )
        return [_tag(row) for row in tags], [_manifest(row) for row in manifests]

    def list_repositories(self, page: Page) -> tuple[list[Item], bool]:
        """A page of repositories that may be listed, and whether more follow."""
        rows, more = self._page("repositories", {}, page)
        return [_item(row) for row in rows], more

    def list_tags(self, repository: str, page: Page, digest: str | None = None) -> tuple[list[Tag], bool]:
        """A page of tags that may be listed, of one manifest if a digest is given, and whether more follow."""
        where = {"repository": repository} | ({} if digest is None else {"digest": digest})
        rows, more = self._page("tags", where, page)
        return [_tag(row) for row in rows], more

    def list_manifests(self, repository: str, page: Page) -> tuple[list[Manifest], bool]:
        """A page of manifests that may be listed, and whether more follow."""
        rows, more = self._page("manifests", {"repository": repository}, page)
        return [_manifest(row) for row in rows], more

    def list_referrers(
        self, repository: str, subject: str, artifact_type: str | None, page: Page
    ) -> tuple[list[Manifest], bool]:
        """A page of manifests about another one, by digest, and whether more follow."""
        where = {"repository": repository, "subject": subject}
        if artifact_type is not None:
            where["artifact_type"] = artifact_type
        rows, more = self._page("manifests", where, page)
        return [_manifest(row) for row in rows], more

    def put_manifest(self, repository: str, new: NewManifest, tag: str | None, now: int) -> None:
        """Store a manifest, its repository if that is new, and the tag.

        A manifest that is there keeps its times; a tag that moves keeps the time of its creation.
        """
        with self._db:
            self._db.execute(
                "INSERT INTO repositories (name, created, updated) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET updated = excluded.updated",
                (repository, now, now),
            )
            self._db.execute(
                "INSERT INTO manifests (repository, name, created, updated, media_type, size, image_size, architecture,"
                " os, config_media_type, artifact_type, subject, annotations, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    repository,
                    new.digest,
                    now,
                    now,
                    new.media_type,
                    len(new.content),
                    new.image_size,
                    new.architecture,
                    new.os,
                    new.config_media_type,
                    new.artifact_type,
                    new.subject,
                    json.dumps(new.annotations),
                    new.content,
                ),
            )
            if tag is not None:
                self._db.execute(
                    "INSERT INTO tags (repository, name, digest, created, updated) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
                    (repository, tag, new.digest, now, now),
                )

    def delete(self, kind: Literal["tags", "manifests"], repository: str, names: Iterable[str], now: int) -> None:
        """Delete tags, or manifests with their tags. The repository stays, also when it is empty."""
        with self._db:
            for name in names:
                self._remember(kind, repository, "name", name)
                if kind == "manifests":
                    self._remember("tags", repository, "digest", name)
                self._db.execute(f"DELETE FROM {kind} WHERE repository = ? AND name = ?", (repository, name))
            self._db.execute("UPDATE repositories SET updated = ? WHERE name = ?", (now, repository))

    def _remember(self, kind: Literal["tags", "manifests"], repository: str, column: str, value: str) -> None:
        """Keep the times of what is deleted: a listing by time may go on behind it, by its name."""
        self._db.execute(
            f"INSERT OR REPLACE INTO gone SELECT '{kind}', repository, name, updated FROM {kind}"
            f" WHERE repository = ? AND {column} = ?",
            (repository, value),
        )

    def delete_repository(self, name: str) -> list[Digest]:
        """Delete a repository with all that is in it. Gives the blobs that are in no repository any more."""
        with self._db:
            blobs = [row[0] for row in self._db.execute("SELECT digest FROM blobs WHERE repository = ?", (name,))]
            self._db.execute("DELETE FROM blobs WHERE repository = ?", (name,))
            self._db.execute("DELETE FROM repositories WHERE name = ?", (name,))
            return [Digest(digest) for digest in blobs if not self._blob_anywhere(digest)]

    def set_locks(self, kind: Kind, repository: str, name: str, changes: Mapping[str, bool]) -> None:
        """Change attributes, given by their JSON names. No time changes with them (go UpdateManifestProperties)."""
        columns = {f"{key.removesuffix('Enabled')}_enabled": value for key, value in changes.items()}
        if not columns:
            return
        assignments = ", ".join(f"{column} = :{column}" for column in columns)
        where = "name = :name" if kind == "repositories" else "repository = :repository AND name = :name"
        with self._db:
            self._db.execute(
                f"UPDATE {kind} SET {assignments} WHERE {where}", {**columns, "repository": repository, "name": name}
            )

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob is in a repository: uploaded or mounted there."""
        query = "SELECT 1 FROM blobs WHERE repository = ? AND digest = ?"
        return self._db.execute(query, (repository, digest)).fetchone() is not None

    def add_blob(self, repository: str, digest: Digest) -> None:
        """Put a blob in a repository."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (repository, digest))

    def remove_blob(self, repository: str, digest: Digest) -> bool:
        """Take a blob out of a repository. Gives whether it is in none any more."""
        with self._db:
            self._db.execute("DELETE FROM blobs WHERE repository = ? AND digest = ?", (repository, digest))
            return not self._blob_anywhere(digest)

    def _blob_anywhere(self, digest: str) -> bool:
        return self._db.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone() is not None

    def _one(self, kind: Kind, repository: str, name: str) -> sqlite3.Row | None:
        query = f"SELECT {_COLUMNS[kind]} FROM {kind} WHERE repository = ? AND name = ?"
        row: sqlite3.Row | None = self._db.execute(query, (repository, name)).fetchone()
        return row

    def _page(self, kind: Kind, where: Mapping[str, str], page: Page) -> tuple[Sequence[sqlite3.Row], bool]:
        conditions = ["list_enabled", *(f"{column} = :{column}" for column in where)]
        values: dict[str, Any] = {**where, "last": page.last, "limit": page.limit + 1}
        order = {"timeasc": "updated, name", "timedesc": "updated DESC, name"}.get(page.order, "name")
        if page.last is not None and order == "name":
            conditions.append("name > :last")
        elif page.last is not None:
            # Without a place in time the listing begins anew: to name an item twice is better than to leave one out.
            values["time"] = page.time
            if page.time is None:
                values["time"] = self._time_of(kind, where.get("repository"), page.last)
            if values["time"] is not None:
                later = ">" if page.order == "timeasc" else "<"
                conditions.append(f"(updated {later} :time OR (updated = :time AND name > :last))")
        query = f"SELECT {_COLUMNS[kind]} FROM {kind} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit"
        rows = self._db.execute(query, values).fetchall()
        return rows[: page.limit], len(rows) > page.limit

    def _time_of(self, kind: Kind, repository: str | None, name: str) -> int | None:
        """The time of an item, also of a tag or manifest that was deleted."""
        where = "name = :name" if repository is None else "repository = :repository AND name = :name"
        query = (
            f"SELECT updated FROM {kind} WHERE {where}"
            " UNION ALL SELECT updated FROM gone WHERE kind = :kind AND repository = :repository AND name = :name"
        )
        row = self._db.execute(query, {"kind": kind, "repository": repository, "name": name}).fetchone()
        return None if row is None else int(row[0])


def _common(row: sqlite3.Row) -> dict[str, Any]:
    locks = Locks(
        delete=bool(row["delete_enabled"]),
        write=bool(row["write_enabled"]),
        read=bool(row["read_enabled"]),
        listing=bool(row["list_enabled"]),
    )
    return {"name": row["name"], "created": row["created"], "updated": row["updated"], "locks": locks}


def _item(row: sqlite3.Row) -> Item:
    return Item(**_common(row))


def _tag(row: sqlite3.Row) -> Tag:
    return Tag(**_common(row), digest=Digest(row["digest"]))


def _manifest(row: sqlite3.Row) -> Manifest:
    columns = ("media_type", "size", "image_size", "architecture", "os", "config_media_type", "artifact_type")
    return Manifest(
        **_common(row), **{column: row[column] for column in columns}, annotations=json.loads(row["annotations"])
    )

"""Inventory file: an inventory as an SQLite database, for the next program, and for anybody's SQL.

docs/inventory.md documents the tables. Numbers that stand for something (kinds, flags) are those of
`acr._inventory.tables`.
"""

# ruff: noqa: S608 - the names of tables and columns are this file's own; values are bound

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import attrs

from acr._inventory.inventory import Inventory, tables_of
from acr._inventory.marks import LARGEST_SIZE, UNKNOWN, Column, Flag, Kind, to_number
from acr._inventory.tables import Contents, Digests, Links, Manifests, Repositories, Tables, Tags
from acr._outside.failures import reason
from acr._outside.regular import open_regular
from acr._values.arguments import check_path
from acr._values.home import public_in
from acr.errors import ProtocolViolation, TransferError

_APPLICATION: Final = 0x41435249
"""`ACRI`: what the file is, as SQLite's `application_id` says it."""

_VERSION: Final = 1
_AT_A_TIME: Final = 50_000
_WIDTH: Final = 32
_HAS_SUBJECT: Final = int(Flag.HAS_SUBJECT)
_TIMES: Final = (to_number(datetime.min.replace(tzinfo=UTC)), to_number(datetime.max.replace(tzinfo=UTC)))

_SCHEMA: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE text (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE content (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, size INTEGER, other_size INTEGER);
CREATE TABLE repository (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, created INTEGER, updated INTEGER, manifest_count INTEGER,
    tag_count INTEGER, flags INTEGER NOT NULL);
CREATE TABLE manifest (
    id INTEGER PRIMARY KEY, repository INTEGER NOT NULL, content INTEGER NOT NULL, media_type INTEGER NOT NULL,
    artifact_type INTEGER NOT NULL, platform INTEGER NOT NULL, trouble INTEGER NOT NULL, quarantine INTEGER NOT NULL,
    image_size INTEGER, created INTEGER, updated INTEGER, untagged_since INTEGER, flags INTEGER NOT NULL);
CREATE TABLE tag (
    id INTEGER PRIMARY KEY, repository INTEGER NOT NULL, name TEXT NOT NULL, content INTEGER NOT NULL, created INTEGER,
    updated INTEGER, flags INTEGER NOT NULL);
CREATE TABLE link (
    id INTEGER PRIMARY KEY, manifest INTEGER NOT NULL, content INTEGER NOT NULL, kind INTEGER NOT NULL,
    media_type INTEGER NOT NULL);
"""
_VIEWS: Final = """
CREATE VIEW contents AS
    SELECT id, iif(length(digest) = 32, 'sha256:', 'sha512:') || lower(hex(digest)) AS digest, size FROM content;
CREATE VIEW tags AS
    SELECT repository.name AS repository, tag.name, contents.digest,
        datetime(tag.updated / 1000000, 'unixepoch') AS updated
    FROM tag JOIN repository ON repository.id = tag.repository JOIN contents ON contents.id = tag.content;
CREATE VIEW manifests AS
    SELECT manifest.id, repository.name AS repository, contents.digest, contents.size, type.text AS media_type,
        manifest.image_size, datetime(manifest.created / 1000000, 'unixepoch') AS created
    FROM manifest JOIN repository ON repository.id = manifest.repository
    JOIN contents ON contents.id = manifest.content JOIN text AS type ON type.id = manifest.media_type;
CREATE VIEW links AS
    SELECT manifest, {kinds} AS kind, contents.digest, contents.size, type.text AS media_type
    FROM link JOIN contents ON contents.id = link.content JOIN text AS type ON type.id = link.media_type;
"""


@public_in("acr")
def save_inventory(inventory: Inventory, path: str | os.PathLike[str]) -> None:
    """Save an inventory in a file: an SQLite database, which only its owner can read.

    docs/inventory.md documents the tables, so that you can ask for more in SQL.

    Args:
        inventory: the inventory.
        path: path of the file. A file that is there is replaced, after the new one is complete.

    Raises:
        TransferError: the file cannot be written.
        InvalidInput: an argument is something else.
    """
    tables, place = tables_of(inventory), check_path("path", path)
    draft: Path | None = None
    try:
        file, name = tempfile.mkstemp(prefix=f".{place.name[:100]}.", suffix=".part", dir=place.parent)
        os.close(file)
        draft = Path(name)
        with closing(sqlite3.connect(draft)) as db:
            db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
            _write(db, tables)
        draft.replace(place)
        draft = None
    except (OSError, sqlite3.Error) as error:
        raise TransferError(f"cannot write the inventory {place}: {reason(error)}", side="target") from error
    finally:
        if draft is not None:
            with suppress(OSError):
                draft.unlink()


@public_in("acr")
def load_inventory(path: str | os.PathLike[str]) -> Inventory:
    """Load an inventory from a file that `save_inventory` wrote.

    Args:
        path: path of the file.

    Raises:
        TransferError: the file cannot be read.
        ProtocolViolation: it is something else, or it is damaged.
        InvalidInput: the path is none.
    """
    place = check_path("path", path)
    try:
        open_regular(place).close()
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            db.execute("PRAGMA trusted_schema=OFF")
            return Inventory(_read(db, place))
    except OSError as error:
        raise TransferError(f"cannot read the inventory {place}: {reason(error)}", side="source") from error
    except (sqlite3.Error, ValueError, TypeError, OverflowError, KeyError) as error:
        raise ProtocolViolation(f"{place} is not an inventory, or is damaged: {error}") from error


def _write(db: sqlite3.Connection, tables: Tables) -> None:
    kinds = "CASE kind " + " ".join(f"WHEN {kind.value} THEN '{kind.name.lower()}'" for kind in Kind) + " END"
    db.executescript(_SCHEMA + _VIEWS.format(kinds=kinds))
    db.executescript(f"PRAGMA application_id={_APPLICATION}; PRAGMA user_version={_VERSION};")
    catalog = None if tables.catalog is None else json.dumps(list(tables.catalog))
    facts = {
        "registry": tables.registry,
        "started": str(tables.started),
        "finished": str(tables.finished),
        "catalog": catalog,
    }
    with db:
        db.executemany("INSERT INTO fact VALUES (?, ?)", facts.items())
        db.executemany("INSERT INTO text VALUES (?, ?)", enumerate(tables.texts))
        digests, odd = tables.contents.digests, tables.odd_sizes
        _insert(
            db,
            "content",
            zip(
                range(len(digests)),
                map(digests.packed, range(len(digests))),
                tables.contents.size,
                map(odd.get, range(len(digests))),
                strict=True,
            ),
            4,
        )
        _insert_columns(db, "repository", tables.repositories, {})
        owners = _owners(tables.repositories.first_manifest)
        _insert_columns(db, "manifest", tables.manifests, {"repository": owners})
        _insert_columns(db, "tag", tables.tags, {"repository": _owners(tables.repositories.first_tag)})
        _insert_columns(db, "link", tables.links, {"manifest": _owners(tables.manifests.first_link)})


def _insert_columns(db: sqlite3.Connection, table: str, group: object, more: dict[str, Iterable[int]]) -> None:
    columns: dict[str, Any] = {**more, **{name: getattr(group, name) for name in _stored(group)}}
    names = ", ".join(["id", *columns])
    count = len(getattr(group, _stored(group)[0]))
    rows = zip(range(count), *columns.values(), strict=True)
    _insert(db, f"{table} ({names})", rows, 1 + len(columns))


def _insert(db: sqlite3.Connection, into: str, rows: Iterable[Sequence[Any]], width: int) -> None:
    db.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * width)})", rows)


def _stored(group: Any) -> list[str]:
    """The columns that are in the file. Where a group begins is told there by the owner of each row."""
    return [field.name for field in attrs.fields(type(group)) if not field.name.startswith("first_")]


def _owners(first: Column) -> Iterator[int]:
    """The owner of each row: 0 0 0 1 1 … for groups that begin at 0, 3, 5."""
    for owner in range(len(first) - 1):
        for _ in range(first[owner + 1] - first[owner]):
            yield owner


def _read(db: sqlite3.Connection, place: Path) -> Tables:
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if application != _APPLICATION or version != _VERSION:
        raise ValueError(f"expected an inventory of version {_VERSION}")
    if not _schema(db) >= _own_schema():
        raise ValueError("its tables are not those of an inventory")
    facts = dict(db.execute("SELECT name, value FROM fact"))
    texts = tuple(str(text) for (text,) in db.execute("SELECT text FROM text ORDER BY id"))
    contents, odd = _read_contents(db)
    repositories, _ = _read_columns(db, "repository", Repositories, None, 0)
    manifests, first_manifest = _read_columns(db, "manifest", Manifests, "repository", len(repositories.name))
    tags, first_tag = _read_columns(db, "tag", Tags, "repository", len(repositories.name))
    links, first_link = _read_columns(db, "link", Links, "manifest", len(manifests.content))
    repositories.first_manifest.extend(first_manifest)
    repositories.first_tag.extend(first_tag)
    manifests.first_link.extend(first_link)
    for column in (manifests.content, tags.content, links.content):
        _check_below(column, len(contents.size))
    text_columns = ("media_type", "artifact_type", "platform", "trouble", "quarantine")
    for column in (*(getattr(manifests, name) for name in text_columns), links.media_type):
        _check_below(column, len(texts))
    _check_below(links.kind, len(Kind))
    names = repositories.name
    if any(former >= later for former, later in pairwise(names)):
        raise ValueError("the repositories are not in their order")
    started, finished = int(facts["started"]), int(facts["finished"])
    _check_between([started, finished], *_TIMES)
    for times in (column for group in (repositories, manifests, tags) for column in (group.created, group.updated)):
        _check_between(times, *_TIMES)
    _check_between(manifests.untagged_since, *_TIMES)
    _check_subjects(manifests, links)
    catalog = facts["catalog"]
    return Tables(
        registry=str(facts["registry"]),
        started=started,
        finished=finished,
        catalog=None if catalog is None else tuple(str(name) for name in json.loads(catalog)),
        texts=texts,
        contents=contents,
        repositories=repositories,
        manifests=manifests,
        tags=tags,
        links=links,
        odd_sizes=odd,
    )


def _read_contents(db: sqlite3.Connection) -> tuple[Contents, dict[int, int]]:
    first, rest, size = bytearray(), {}, array("q")
    cursor = db.execute("SELECT digest, size FROM content ORDER BY id")
    latest = b""
    while rows := cursor.fetchmany(_AT_A_TIME):
        digests, sizes = zip(*rows, strict=True)
        if list(digests) != sorted(digests) or digests[0] < latest:
            raise ValueError("the digests are not in their order")
        latest = digests[-1]
        for at, digest in enumerate(digests):
            if len(digest) != _WIDTH:
                if len(digest) != 2 * _WIDTH:
                    raise ValueError("a digest has another length")
                rest[len(size) + at] = digest[_WIDTH:]
        first += b"".join([digest[:_WIDTH] for digest in digests])
        size.extend(sizes)
    odd = dict(db.execute("SELECT id, other_size FROM content WHERE other_size IS NOT NULL"))
    _check_between(array("q", odd), 0, len(size) - 1)
    for claimed in (size, array("q", odd.values())):
        _check_between(claimed, UNKNOWN, LARGEST_SIZE)
    return Contents(Digests(bytes(first), rest), size), odd


def _read_columns(db: sqlite3.Connection, table: str, kind: Any, owner: str | None, owners: int) -> tuple[Any, Column]:
    """Read the columns of a table, and where the rows of each owner begin."""
    group = kind()
    names = _stored(group)
    counts = array("I", [0]) * (owners + 1)
    latest = 0
    cursor = db.execute(f"SELECT {owner or 0}, {', '.join(names)} FROM {table} ORDER BY id")
    while rows := cursor.fetchmany(_AT_A_TIME):
        found, *columns = zip(*rows, strict=True)
        for name, values in zip(names, columns, strict=True):
            getattr(group, name).extend(values)
        if owner is not None:
            if found[0] < latest or list(found) != sorted(found) or found[-1] >= owners:
                raise ValueError(f"the rows of {table} are not in the order of their {owner}")
            latest = found[-1]
            for row, count in Counter(found).items():
                counts[row + 1] += count
    if not all(isinstance(name, str) for name in getattr(group, "name", ())):
        raise ValueError(f"a name in {table} is no text")
    return group, array("I", accumulate(counts))


def _check_below(column: Column, end: int) -> None:
    if column and max(column) >= end:
        raise ValueError("a row refers to another one that is missing")


def _check_between(numbers: Sequence[int], least: int, most: int) -> None:
    if numbers and not least <= min(numbers) <= max(numbers) <= most:
        raise ValueError("a number is too small or too large")


def _check_subjects(manifests: Manifests, links: Links) -> None:
    """See that what is attached to another manifest names it by its last link."""
    for first, end, flags in zip(manifests.first_link, manifests.first_link[1:], manifests.flags, strict=False):
        if flags & _HAS_SUBJECT and (first == end or links.kind[end - 1] != Kind.SUBJECT):
            raise ValueError("a manifest that is attached to another one does not name it")


def _schema(db: sqlite3.Connection) -> set[tuple[str, str]]:
    """The tables of a file, and how they were made. A view in the place of a table could do anything."""
    return set(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))


def _own_schema() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _schema(db)

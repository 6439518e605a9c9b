"""Saved inventories: the same after loading, open to SQL, and never taken for one if they are something else."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from acr import ProtocolViolation, TransferError, load_inventory, save_inventory
from tests.inventory.graphs import Store, random_store
from tests.inventory.test_usage import image


@pytest.mark.parametrize("seed", range(20))
def test_a_saved_inventory_is_the_same(seed: int, tmp_path: Path) -> None:
    inventory = random_store(seed).inventory(is_whole=seed % 2 == 0)
    save_inventory(inventory, tmp_path / "it")
    loaded = load_inventory(tmp_path / "it")
    for kind in ("repositories", "tags", "manifests"):
        assert loaded.rows(kind) == inventory.rows(kind)
    assert (loaded.usage(), loaded.check()) == (inventory.usage(), inventory.check())
    assert (loaded.catalog, loaded.started, loaded.finished) == (
        inventory.catalog,
        inventory.started,
        inventory.finished,
    )


def test_only_the_owner_can_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        save_inventory(random_store(1).inventory(), tmp_path / "it")
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == 0o600


def test_the_views_of_the_file(tmp_path: Path) -> None:
    store = Store()
    digest = image(store, "app", b"layer", tag="v1")
    save_inventory(store.inventory(), tmp_path / "it")
    with closing(sqlite3.connect(tmp_path / "it")) as db:
        assert db.execute("SELECT repository, name, digest FROM tags").fetchall() == [("app", "v1", digest)]
        assert db.execute("SELECT kind, size FROM links ORDER BY size").fetchall() == [("config", 2), ("layer", 5)]
        (row,) = db.execute("SELECT repository, digest, size, media_type FROM manifests")
        assert row[:2] == ("app", digest)


def test_it_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="cannot write the inventory") as caught:
        save_inventory(random_store(1).inventory(), tmp_path / "missing" / "it")
    assert caught.value.side == "target"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="No such file") as caught:
        load_inventory(tmp_path / "it")
    assert caught.value.side == "source"


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(100)])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it").write_bytes(content)
    with pytest.raises(ProtocolViolation, match="is not an inventory"):
        load_inventory(tmp_path / "it")


@pytest.mark.parametrize(
    "damage",
    [
        "PRAGMA user_version=2",
        "PRAGMA application_id=0",
        "DELETE FROM fact WHERE name = 'registry'",
        "DELETE FROM content WHERE id > 1",
        "DELETE FROM text WHERE id > 0",
        "DELETE FROM repository",
        "UPDATE content SET digest = x'00' WHERE id = 0",
        "UPDATE content SET digest = zeroblob(32) WHERE id = 3",
        "UPDATE content SET size = 'many'",
        "UPDATE manifest SET repository = 77",
        "UPDATE manifest SET content = -1",
        "UPDATE link SET manifest = 0 WHERE id = (SELECT max(id) FROM link)",
        "UPDATE link SET kind = 99",
        "UPDATE tag SET name = x'ff'",
        "UPDATE fact SET value = 'soon' WHERE name = 'started'",
        "UPDATE fact SET value = '{' WHERE name = 'catalog'",
        "DROP TABLE link",
        "ALTER TABLE link RENAME TO other; CREATE VIEW link AS SELECT * FROM other",
        "UPDATE content SET size = 9223372036854775807",
        "UPDATE content SET size = -2",
        "UPDATE content SET other_size = 'many' WHERE id = 0",
        "UPDATE content SET other_size = 9223372036854775807 WHERE id = 0",
        "UPDATE manifest SET created = 9223372036854775807",
        "UPDATE tag SET updated = -9223372036854775807",
        "UPDATE repository SET created = 9e18",
        "UPDATE fact SET value = '99999999999999999999999' WHERE name = 'started'",
        "UPDATE fact SET value = '9223372036854775807' WHERE name = 'finished'",
        "UPDATE manifest SET flags = flags | 1024; DELETE FROM link",
        "UPDATE repository SET name = 'z' WHERE id = 0",
        "UPDATE repository SET name = 'a'",
    ],
)
def test_a_damaged_file(tmp_path: Path, damage: str) -> None:
    save_inventory(random_store(2).inventory(), tmp_path / "it")
    with closing(sqlite3.connect(tmp_path / "it")) as db:
        db.executescript(damage)
    with pytest.raises(ProtocolViolation, match="is not an inventory, or is damaged"):
        load_inventory(tmp_path / "it")


def test_what_somebody_added_to_the_file_does_not_matter(tmp_path: Path) -> None:
    inventory = random_store(2).inventory()
    save_inventory(inventory, tmp_path / "it")
    with closing(sqlite3.connect(tmp_path / "it")) as db:
        db.executescript(
            "CREATE INDEX mine ON link (content); CREATE VIEW my_tags AS SELECT * FROM tags; CREATE TABLE t (a)"
        )
    assert load_inventory(tmp_path / "it").usage() == inventory.usage()

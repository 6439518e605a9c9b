"""The tables of what the registry knows, in SQLite."""

from __future__ import annotations

from typing import Final

_LOCKS: Final = """
    delete_enabled INTEGER NOT NULL DEFAULT 1,
    write_enabled INTEGER NOT NULL DEFAULT 1,
    read_enabled INTEGER NOT NULL DEFAULT 1,
    list_enabled INTEGER NOT NULL DEFAULT 1
"""
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS repositories (
    name TEXT PRIMARY KEY, created INTEGER NOT NULL, updated INTEGER NOT NULL, {_LOCKS});
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT NOT NULL REFERENCES repositories ON DELETE CASCADE, name TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, image_size INTEGER NOT NULL,
    architecture TEXT, os TEXT, config_media_type TEXT,
    artifact_type TEXT, subject TEXT, annotations TEXT NOT NULL, content BLOB NOT NULL, {_LOCKS},
    PRIMARY KEY (repository, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, {_LOCKS},
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (
    repository TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (
    kind TEXT NOT NULL, repository TEXT NOT NULL, name TEXT NOT NULL, updated INTEGER NOT NULL,
    PRIMARY KEY (kind, repository, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    repository TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (repository, digest),
    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository, digest);
CREATE INDEX IF NOT EXISTS blobs_by_digest ON blobs (digest);
CREATE INDEX IF NOT EXISTS referrers ON manifests (repository, subject);
"""
"""Made in an empty database; an older one gets what it lacks."""

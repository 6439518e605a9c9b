"""Properties: what is left out is allowed, empty or unknown; and how large a page may be."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from acr import (
    Chunk,
    DeletedRepository,
    Digest,
    InvalidInput,
    ManifestProperties,
    Permissions,
    RepositoryProperties,
    TagProperties,
)
from acr._values.properties import RelatedManifest, check_page_size

FLAGS = ("can_read", "can_write", "can_list", "can_delete")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = Digest.of(b"")


@pytest.mark.parametrize(("size", "asked"), [(None, None), (1, 1), (2, 2), (999, 999), (1000, 1000), (1001, 1000)])
def test_a_page_has_a_thousand_items_at_the_most(size: int | None, asked: int | None) -> None:
    assert check_page_size(size) == asked


@pytest.mark.parametrize("size", [0, -1, 1.5, "5"])
def test_what_is_no_size_of_a_page_is_refused(size: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_page_size(size)
    assert str(caught.value) == f"page_size={size!r}: expected a whole number from 1 on"


@pytest.mark.parametrize("values", list(itertools.product((False, True), repeat=4)))
def test_a_lock_is_on_what_cannot_be_written_or_deleted(values: tuple[bool, ...]) -> None:
    flags = dict(zip(FLAGS, values, strict=True))
    assert Permissions(**flags).locked is not (flags["can_write"] and flags["can_delete"])


@pytest.mark.parametrize(
    "properties",
    [Permissions, DeletedRepository, RepositoryProperties, TagProperties, RelatedManifest, ManifestProperties],
)
def test_properties_are_told_by_name_alone(properties: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        properties(True)
    assert all(field.kw_only for field in attrs.fields(properties))


def test_what_is_not_said_is_allowed_and_unknown() -> None:
    tag = TagProperties(repository="app", name="v1", digest=DIGEST, created=NOW, updated=NOW)
    manifest = ManifestProperties(repository="app", digest=DIGEST, created=NOW, updated=NOW)
    for item in (Permissions(), tag, manifest):
        assert [getattr(item, flag) for flag in FLAGS] == [True] * 4
    assert tag.signed is False
    for name in ("size", "media_type", "config_media_type", "architecture", "os"):
        assert getattr(manifest, name) is None
    assert (manifest.quarantine_state, manifest.quarantine_details) == (None, None)
    assert (tuple(manifest.tags), tuple(manifest.related)) == ((), ())
    related = RelatedManifest(digest=DIGEST)
    assert (related.architecture, related.os) == (None, None)
    assert (tuple(DeletedRepository().manifests), tuple(DeletedRepository().tags)) == ((), ())


def test_the_bytes_of_a_chunk_are_counted_and_not_shown() -> None:
    assert repr(Chunk(b"secret", 2, 10)) == "Chunk(content=<6 bytes>, offset=2, size=10)"

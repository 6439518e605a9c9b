"""Usage: to the byte what the registry stores, and what it stores no more after a tag has gone."""

from __future__ import annotations

import os

import pytest

from acr import Digest, Inventory, media_types
from acr._inventory.builder import Builder, NewLink, NewManifest, NewRepository
from acr._inventory.marks import UNKNOWN, Kind
from acr.emulator._store.collecting import collect, stored
from tests.inventory.graphs import FOREIGN, Naive, Store, named_after, random_store

GRAPHS = int(os.environ.get("ACR_UPKEEP_GRAPHS", "2000"))
CHUNK = 100


@pytest.mark.parametrize("first", range(0, GRAPHS, CHUNK))
def test_usage_is_what_is_stored(first: int) -> None:
    """And `exclusive` is what a collection frees after a tag is deleted with all that it alone leads to."""
    for seed in range(first, first + CHUNK):
        store = random_store(seed)
        collect(store.metadata, store.content)
        usage = store.inventory().usage()
        before = stored(store.metadata, store.content)
        assert (usage.blobs, usage.manifests) == (before.blobs, before.manifests), seed
        assert usage.unique == sum(usage.by_media_type.values()) == sum(usage.by_month.values()), seed
        assert usage.untagged <= usage.unique, seed
        assert usage.orphaned <= usage.unique, seed
        # One tag of each graph is deleted: which one depends on the seed.
        tags = [(repository, tag) for repository in usage.repositories for tag in repository.tags]
        if tags:
            repository, tag = tags[seed % len(tags)]
            naive = next(Naive(store, *item) for item in store.items() if item[0] == repository.name)
            going = naive.held_by(tag.name)
            store.metadata.delete("tags", repository.name, [tag.name], 2)
            store.metadata.delete("manifests", repository.name, going, 2)
            collect(store.metadata, store.content)
            after = stored(store.metadata, store.content)
            freed = before.blobs - after.blobs + before.manifests - after.manifests
            assert tag.exclusive == freed, (seed, repository.name, tag.name)
            assert tag.exclusive <= tag.total, seed
        store.metadata.close()


@pytest.mark.parametrize("first", range(0, GRAPHS // 10, CHUNK))
def test_a_repository_frees_its_exclusive_bytes(first: int) -> None:
    for seed in range(first, first + CHUNK):
        store = random_store(seed)
        collect(store.metadata, store.content)
        usage = store.inventory().usage()
        before = stored(store.metadata, store.content)
        gone = usage.repositories[seed % len(usage.repositories)]
        for blob in store.metadata.delete_repository(gone.name):
            store.content.remove(blob)
        after = stored(store.metadata, store.content)
        freed = before.blobs - after.blobs + before.manifests - after.manifests
        assert gone.exclusive == freed, seed
        store.metadata.close()


def image(store: Store, repository: str, *layers: bytes, tag: str | None = None, **more: object) -> Digest:
    config = store.put_blob(repository, b"{}")
    fields = {
        "mediaType": media_types.OCI_MANIFEST,
        "config": {"mediaType": media_types.OCI_CONFIG, "digest": str(config), "size": 2},
        "layers": [
            {
                "mediaType": media_types.OCI_LAYER,
                "digest": str(store.put_blob(repository, layer)),
                "size": len(layer),
            }
            for layer in layers
        ],
        **more,
    }
    return store.put(repository, fields, tag)


def test_what_has_no_known_time_has_no_age() -> None:
    """The registry tells nothing of some hidden manifests. A blob is as old as the manifest whose time is known."""
    builder = Builder()
    layer = NewLink(b"l" * 32, Kind.LAYER, media_types.OCI_LAYER, 7)
    lonely = NewLink(b"m" * 32, Kind.LAYER, media_types.OCI_LAYER, 11)
    day = 86_400_000_000
    images = [
        NewManifest(content=b"a" * 32, size=1, created=UNKNOWN, links=[layer, lonely]),
        NewManifest(content=b"b" * 32, size=2, created=20_000 * day, links=[layer]),
    ]
    counts = {"created": 0, "updated": 0, "manifest_count": 2, "tag_count": 0, "flags": 15}
    builder.add(NewRepository(name="app", **counts, manifests=images, tags=[]))
    usage = Inventory(builder.build(registry="r", started=20_001 * day, finished=20_001 * day, catalog=["app"])).usage()
    assert {name: size for name, size in usage.by_age.items() if size} == {"0-6 days": 9, "unknown": 12}
    assert dict(usage.by_month) == {"2024-10": 9, "unknown": 12}


def test_two_tags_of_one_manifest_free_nothing() -> None:
    store = Store()
    digest = image(store, "app", b"layer", tag="v1")
    store.tag("app", digest, "latest")
    (repository,) = store.inventory().usage().repositories
    assert [tag.exclusive for tag in repository.tags] == [0, 0]
    assert len({tag.total for tag in repository.tags}) == 1
    assert repository.exclusive == repository.total == repository.tags[0].total


def test_a_foreign_layer_counts_as_nothing() -> None:
    store = Store()
    layer = {"mediaType": FOREIGN, "digest": str(Digest.of(b"windows")), "size": 10**9}
    store.put("app", {"mediaType": media_types.OCI_MANIFEST, "layers": [layer]}, "v1")
    usage = store.inventory().usage()
    assert usage.blobs == 0
    assert any("oreign" in caveat for caveat in usage.caveats)


def test_what_streaming_adds_is_told_apart() -> None:
    store = Store()
    subject = image(store, "app", b"layer", tag="v1")
    image(
        store,
        "app",
        b"overlay",
        artifactType="application/vnd.azure.artifact.streaming.v1",
        subject={"mediaType": media_types.OCI_MANIFEST, "digest": str(subject), "size": 1},
    )
    usage = store.inventory().usage()
    assert usage.streaming == usage.manifests - len(store.metadata.content("app", subject)) + len(b"overlay")
    assert usage.untagged == 0
    assert usage.repositories[0].tags[0].exclusive == usage.unique


@pytest.mark.parametrize("suffix", ["", ".sig", ".att.1", "-vex", "_sbom", "ff"])
def test_a_signature_belongs_to_its_image_and_an_orphan_to_nobody(suffix: str) -> None:
    """With any suffix: cosign has some, and other tools have their own."""
    store = Store()
    signed = image(store, "app", b"layer", tag="v1")
    image(store, "app", b"signature", tag=f"{named_after(signed)}{suffix}")
    image(store, "app", b"lonely", tag=f"{named_after(Digest.of(b'gone'))}{suffix}")
    usage = store.inventory().usage()
    by_total = {tag.name: tag for tag in usage.repositories[0].tags}
    assert by_total[f"{named_after(signed)}{suffix}"].exclusive == 0
    assert by_total["v1"].total == by_total["v1"].exclusive + 2  # the config {} is that of the orphan, too
    assert usage.orphaned == by_total[f"{named_after(Digest.of(b'gone'))}{suffix}"].exclusive > 0


def test_a_part_of_a_registry_says_so() -> None:
    store = Store()
    image(store, "app", b"layer", tag="v1")
    assert not any("part" in caveat for caveat in store.inventory().usage().caveats)
    assert any("part of the registry" in caveat for caveat in store.inventory(is_whole=False).usage().caveats)


def test_rows_and_text_and_html() -> None:
    store = Store()
    for name in ("app", "base"):
        image(store, name, b"layer", tag="v1")
    usage = store.inventory().usage()
    assert [row["repository"] for row in usage.rows()] == ["app", "base"]
    assert usage.rows("tag")[0] == {
        "repository": "app",
        "tag": "v1",
        "total": usage.unique,
        "exclusive": 0,
        "shared": usage.unique,
    }
    assert "made.up stores" in str(usage)
    assert usage._repr_html_().startswith("<p>made.up stores")

"""Inventories of registries that lie, contradict themselves, or hold what somebody put there to do harm.

None of it stops the reading of all the rest, and nothing is taken for what it is not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import acr
from acr import media_types
from acr._inventory.blobs import Wrong, findings, fingerprint, uses
from acr._inventory.inventory import tables_of
from acr._outside.checkpoint import open_checkpoint
from acr.emulator import Emulator
from acr.emulator._store.items import NewManifest
from tests.armed import ALWAYS
from tests.client.test_inventory import Hour, paths, read
from tests.content import image_manifest, push_image, push_index
from tests.inventory.pages import registry_of
from tests.makes.registry import OtherMake
from tests.twin import Twin

JSON = {"Content-Type": "application/json"}


def item(digest: str, **more: Any) -> dict[str, Any]:
    """A manifest or a tag, as a listing has it."""
    time = "2026-01-02T03:04:05Z"
    return {"digest": digest, "createdTime": time, "lastUpdateTime": time, **more}


def lies(emulator: Emulator, path: str, body: object, *, times: int = 1, **headers: str) -> None:
    """Let the registry answer with something else."""
    content = json.dumps(body).encode()
    emulator.fail(times=times, method="GET", path_contains=path, status=200, headers={**JSON, **headers}, body=content)


def listing(**items: Any) -> dict[str, Any]:
    """A page of the repository `app`."""
    return {"registry": "r", "imageName": "app", **items}


def counted(manifests: int, tags: int) -> dict[str, Any]:
    """The properties of the repository `app`."""
    time = {"createdTime": "2026-01-02T03:04:05Z", "lastUpdateTime": "2026-01-02T03:04:05Z"}
    return listing(**time, changeableAttributes={}, manifestCount=manifests, tagCount=tags)


def test_a_registry_of_another_make_is_not_empty(twin: Twin) -> None:
    """It has a catalog, and no metadata: nothing can be told of its repositories."""
    with OtherMake(catalog=True) as make:
        make.add_image("app", b"layer", tag="v1")
        with pytest.raises(acr.NoMetadataApi):
            read(twin.connect(make.url))


def test_a_repository_that_the_catalog_has_and_that_is_said_to_be_missing(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    """Only if the catalog has it no more, it was deleted."""
    for name in ("a", "b"):
        push_image(registry.repository(name), tag="v1")
    unknown = b'{"errors":[{"code":"NAME_UNKNOWN","message":"no"}]}'
    acr_emulator.fail(times=1, path_contains="/acr/v1/a", status=404, headers=JSON, body=unknown)
    with pytest.raises(acr.IncompleteInventory) as caught:
        read(registry)
    assert list(caught.value.unread) == ["a"]


def test_a_catalog_with_a_name_that_no_repository_can_have(registry: acr.Registry, acr_emulator: Emulator) -> None:
    push_image(registry.repository("a"), tag="v1")
    lies(acr_emulator, "/acr/v1/_catalog", {"repositories": ["../../a\x1b[2J", "a"]})
    with pytest.raises(acr.IncompleteInventory, match="no repository can have") as caught:
        read(registry)
    assert "\x1b" not in str(caught.value)
    assert list(caught.value.unread) == ["../../a\x1b[2J"]


def test_a_tag_that_is_listed_twice_counts_once(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """A tag that moves between two pages can be on both of them. The later answer counts."""
    app = registry.repository("app")
    old = push_image(app, tag="v1", layer=b"old").digest
    new = push_image(app, tag="v2", layer=b"new").digest
    twice = [item(old, name="v1"), item(new, name="v2"), item(new, name="v1")]
    lies(acr_emulator, "/app/_tags", listing(tags=twice))
    assert [(tag.name, tag.digest) for tag in read(registry).tags()] == [("v1", new), ("v2", new)]


@pytest.mark.parametrize("count", [2**70, -5])
def test_counts_that_cannot_be(registry: acr.Registry, acr_emulator: Emulator, count: int) -> None:
    push_image(registry.repository("app"), tag="v1")
    for wrong in (counted(count, 1), counted(1, count)):
        lies(acr_emulator, "/acr/v1/app", wrong)
        with pytest.raises(acr.IncompleteInventory, match=rf"counts {count} (manifests|tags)"):
            read(registry)


def test_an_answer_about_another_repository_does_not_rename_this_one(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    for name in ("a", "b"):
        push_image(registry.repository(name), tag="v1")
    lies(acr_emulator, "/acr/v1/b", {**counted(1, 1), "imageName": "a"})
    assert [one.name for one in read(registry).repositories()] == ["a", "b"]


@pytest.mark.parametrize("size", [2**70, -5])
def test_an_image_size_that_cannot_be(registry: acr.Registry, acr_emulator: Emulator, size: int) -> None:
    digest = push_image(registry.repository("app"), tag="v1").digest
    lies(
        acr_emulator,
        "/app/_manifests",
        listing(manifests=[item(digest, imageSize=size)]),
    )
    (manifest,) = read(registry).manifests()
    assert manifest.image_size is None


def odd_manifests() -> dict[str, bytes]:
    """Manifests that cannot be read, or not wholly."""
    x = str(acr.Digest.of(b"x"))
    entry = {"mediaType": media_types.OCI_MANIFEST, "digest": x, "size": 1}
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX}
    image: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST}
    many = b'{"layers":[],"annotations":[' + b"{}," * 1_000_000 + b"{}]}"
    found = {
        "annotations that are no object": {**index, "manifests": [{**entry, "annotations": 1}]},
        "a size beyond all disks": {**image, "layers": [{**entry, "size": 2**61}, {**entry, "size": 2**61}]},
        "a size below nothing": {**image, "layers": [{**entry, "size": -1}]},
        "a number for a type": {**image, "artifactType": 1, "layers": []},
        "an algorithm that nobody knows": {**image, "layers": [{**entry, "digest": f"blake3:{'a' * 64}"}]},
        "a list": [],
    }
    deep = b'{"layers":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    return {
        "heavy": many,
        "deep": deep,
        "empty": b"",
        **{name: json.dumps(one).encode() for name, one in found.items()},
    }


ODD = odd_manifests()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_manifest_does_not_stop_the_rest(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, name: str
) -> None:
    """Whoever may push one must not keep all others from knowing what is in the registry."""
    good = push_image(registry.repository("good"), tag="v1").digest
    bad = acr.Digest.of(ODD[name])
    push_image(registry.repository("bad"), tag="v1")
    kind = media_types.OCI_INDEX if b"image.index" in ODD[name] else media_types.OCI_MANIFEST
    lies(acr_emulator, "/bad/_manifests", listing(manifests=[item(bad, mediaType=kind, tags=["v1"])]), times=2)
    lies(acr_emulator, "/bad/_tags", listing(tags=[item(bad, name="v1")]), times=2)
    headers = {"Content-Type": kind}
    acr_emulator.fail(path_contains=f"/bad/manifests/{bad}", status=200, headers=headers, body=ODD[name])
    for _ in range(2):  # from the registry, and from the cache
        inventory = read(registry, cache=tmp_path / "cache")
        known = {one.digest: one for one in inventory.manifests()}
        assert known[good].trouble is None
        assert known[bad].trouble is not None
        assert [one.kind for one in inventory.check().findings if one.digest == bad] == ["unreadable"]
        assert any("could not be read" in caveat for caveat in inventory.usage().caveats)
        acr.save_inventory(inventory, tmp_path / "saved")
        assert acr.load_inventory(tmp_path / "saved").rows("manifests") == inventory.rows("manifests")


def test_a_type_that_no_file_can_hold(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    """JSON can have lone surrogates. What the manifest leads to is known all the same."""
    layer = {"mediaType": "a/\ud800", "digest": str(acr.Digest.of(b"layer")), "size": 5}
    content = json.dumps(
        {"mediaType": media_types.OCI_MANIFEST, "artifactType": "b/\ud800", "layers": [layer]}
    ).encode()
    digest = acr.Digest.of(content)
    push_image(registry.repository("app"), tag="v1")
    lies(acr_emulator, "/app/_manifests", listing(manifests=[item(digest)]))
    lies(acr_emulator, "/app/_tags", listing(tags=[]))
    headers = {"Content-Type": media_types.OCI_MANIFEST}
    acr_emulator.fail(path_contains=f"/app/manifests/{digest}", status=200, headers=headers, body=content)
    inventory = read(registry)
    assert [(one.artifact_type, one.blobs) for one in inventory.manifests()] == [("b/?", (acr.Digest.of(b"layer"),))]
    acr.save_inventory(inventory, tmp_path / "saved")
    assert acr.load_inventory(tmp_path / "saved").usage() == inventory.usage()


@pytest.mark.parametrize("field", ["os", "architecture", "mediaType", "quarantineState"])
def test_texts_of_a_listing_that_no_file_can_hold(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, field: str
) -> None:
    digest = push_image(registry.repository("app"), tag="v1").digest
    odd = "\ud800\x1b[2J"
    more = {"changeableAttributes": {field: odd}} if field == "quarantineState" else {field: odd}
    lies(acr_emulator, "/app/_manifests", listing(manifests=[item(digest, **more)]))
    inventory = read(registry)
    assert [one.digest for one in inventory.manifests()] == [digest]
    acr.save_inventory(inventory, tmp_path / "saved")
    assert acr.load_inventory(tmp_path / "saved").rows("manifests") == inventory.rows("manifests")
    assert "\x1b" not in str(inventory.check())


def test_a_tag_with_a_name_that_no_tag_can_have(registry: acr.Registry, acr_emulator: Emulator) -> None:
    digest = push_image(registry.repository("app"), tag="v1").digest
    lies(acr_emulator, "/app/_tags", listing(tags=[item(digest, name="\ud800")]))
    with pytest.raises(acr.IncompleteInventory, match="no tag can have") as caught:
        read(registry)
    assert list(caught.value.unread) == ["app"]


@pytest.mark.parametrize("claimed", [1, 10**9])
def test_what_an_index_says_of_a_manifests_size_is_not_its_size(
    registry: acr.Registry, acr_emulator: Emulator, claimed: int
) -> None:
    app = registry.repository("app")
    image = push_image(app, tag="v1")
    entry = {**image.to_json(), "size": claimed, "platform": {"os": "linux", "architecture": "amd64"}}
    app.put_manifest({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [entry]}, tag="v2")
    acr_emulator.collect()
    inventory = read(registry)
    assert {one.digest: one.size for one in inventory.manifests()}[image.digest] == image.size
    usage = inventory.usage()
    assert usage.manifests == acr_emulator.stored.manifests
    (finding,) = inventory.check().findings
    assert (finding.kind, finding.digest) == ("odd-size", image.digest)
    assert f"says that the manifest has {claimed:,} bytes, but it has {image.size:,}" in finding.text
    joined = acr.Inventory.join(inventory)
    assert joined.usage() == usage
    assert joined.check() == inventory.check()


def test_the_size_of_a_manifest_that_was_not_read_is_not_known(registry: acr.Registry) -> None:
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64"])
    child = app.manifest(index.digest).get().manifests[0].digest
    app.manifest(child).update(can_read=False)
    inventory = read(registry)
    assert {one.digest: one.size for one in inventory.manifests()}[child] is None
    assert {one.digest: one.size for one in acr.Inventory.join(inventory).manifests()}[child] is None


def test_blobs_whose_sizes_nobody_agrees_about_are_a_caveat(registry: acr.Registry) -> None:
    app = registry.repository("app")
    config, layer = app.upload_blob(b"{}"), app.upload_blob(b"layer")
    app.put_manifest(image_manifest(config, [layer]), tag="v1")
    assert not any("disagree" in caveat for caveat in read(registry).usage().caveats)
    wrong = {**layer.to_json(), "mediaType": media_types.OCI_LAYER, "size": 7}
    app.put_manifest({**image_manifest(config, []), "layers": [wrong]}, tag="v2")
    inventory = read(registry)
    assert any("disagree" in caveat for caveat in inventory.usage().caveats)
    (finding,) = registry.verify_blobs(inventory, rate=None).findings
    assert finding.kind == "wrong-size"
    assert "has 5 bytes, and a manifest says 7" in finding.text


def test_a_registry_that_counts_fewer_than_it_lists(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """So does one whose count lags behind."""
    digest = push_image(registry.repository("app"), tag="v1").digest
    lies(acr_emulator, "/app/_manifests", listing(manifests=[item(digest), item(acr.Digest.of(b"x"))]), times=3)
    found = {finding.kind: finding.text for finding in read(registry).check().findings}
    assert found["miscounted"] == "the registry counts 1 manifests, and 2 were found"
    assert "hidden" not in found


def test_hidden_items_are_a_caveat_of_the_usage(registry: acr.Registry) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    assert not any("counts" in caveat for caveat in read(registry).usage().caveats)
    app.manifest(push_image(app, tag=None, layer=b"hidden").digest).update(can_list=False)
    assert any("counts more items" in caveat for caveat in read(registry).usage().caveats)


def test_a_registry_that_throttles_while_hidden_items_are_looked_up(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry
) -> None:
    app = registry.repository("app")
    digest = push_image(app, tag="v1").digest
    app.manifest(digest).update(can_list=False)
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, path_contains=f"/_manifests/{digest}", status=429, body=b"")
    with pytest.raises(acr.RateLimited):
        read(client)


def test_the_start_is_the_earliest_time_that_the_registry_told(twin: Twin) -> None:
    """What is pushed between the first answers of two repositories is newer than the start."""
    now = [2_000_000_000.0]
    with Emulator(clock=lambda: now[0]) as emulator, acr.Registry(emulator.url, emulator.credential()) as other:
        for name in ("a", "b"):
            push_image(other.repository(name), tag="v1")
        times = {"/acr/v1/a": 2_000_000_050.0, "/acr/v1/b": 2_000_000_200.0}

        def then(response: acr.ResponseInfo) -> None:
            now[0] = times.pop(urlsplit(response.request.url).path, now[0])

        now[0] = 2_000_000_100.0
        registry = twin.connect(emulator.url, emulator.credential(), on_response=then)
        assert read(registry, concurrency=1).started.timestamp() == 2_000_000_050
        assert not times


def test_a_part_is_not_told_as_the_whole(registry: acr.Registry) -> None:
    for name in ("a", "b"):
        push_image(registry.repository(name), tag="v1")
    part, whole = read(registry, repositories="a"), read(registry)
    assert (part.usage().is_whole, whole.usage().is_whole) == (False, True)
    assert "read of" not in str(whole.usage())
    for text in (str(part.usage()), part.usage()._repr_html_()):
        assert "1 repository that was read of" in text
    assert "Orphans were not looked for" in str(part.check())
    assert "Orphans" not in str(whole.check())


def test_what_only_one_of_two_parts_has_read_is_neither_new_nor_gone(registry: acr.Registry) -> None:
    for name in ("a", "b", "c"):
        push_image(registry.repository(name), tag="v1")
    first, second = read(registry, repositories=["a", "b"]), read(registry, repositories=["b", "c"])
    changes = second.compare(first)
    assert changes.not_compared == ("a", "c")
    assert (changes.new_repositories, changes.gone_repositories, changes.new_tags, changes.gone_tags) == (
        (),
        (),
        (),
        (),
    )
    assert (changes.new_manifests, changes.gone_manifests, changes.grown) == (0, 0, ())
    assert "2 repositories could not be compared" in str(changes)
    registry.repository("c").delete()
    later = read(registry, repositories="*").compare(second)
    assert (later.gone_repositories, later.gone_tags, later.not_compared) == (("c",), ("c:v1",), ("a",))


def test_a_hidden_index_that_nobody_can_read_may_lead_to_what_seems_untagged(registry: acr.Registry) -> None:
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64"])
    app.manifest(index.digest).update(can_read=False)
    usage = read(registry).usage()
    assert usage.untagged > 0
    assert any("may seem untagged" in caveat for caveat in usage.caveats)


def test_what_was_fetched_before_a_failure_is_in_the_cache(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry, tmp_path: Path
) -> None:
    """A registry that throttles stops a reading, and the next one goes on from there."""
    app = registry.repository("app")
    for number in range(5):
        push_image(app, tag=f"v{number}", layer=str(number).encode())
    last = [one.digest for one in app.manifests()][-1]
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, path_contains=f"/manifests/{last}", status=429, body=b"")
    with pytest.raises(acr.RateLimited):
        read(client, cache=tmp_path, concurrency=1)
    acr_emulator.clear_requests()
    assert len(list(read(registry, cache=tmp_path).manifests())) == 5
    assert [path.rpartition("/")[2] for path in paths(acr_emulator) if path.startswith("/v2/app/manifests/")] == [last]


def test_manifests_that_are_deleted_while_they_are_read(twin: Twin, acr_emulator: Emulator) -> None:
    """The registry says 404 of what it has listed. So the repository is listed again, and is whole then."""
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as other:
        app = other.repository("app")
        kept = push_image(app, tag="v1", layer=b"kept").digest
        gone = [push_image(app, tag=None, layer=str(number).encode()).digest for number in range(3)]

        def after_listing(response: acr.ResponseInfo) -> None:
            if "/_manifests" in response.request.url and gone:
                app.manifest(gone.pop()).delete()

        registry = twin.connect(acr_emulator.url, acr_emulator.credential(), on_response=after_listing)
        inventory = read(registry)
        (repository,) = inventory.repositories()
        assert repository.is_moving
        assert {one.digest: one.trouble for one in inventory.manifests()}[kept] is None
        assert {finding.kind for finding in inventory.check().findings} <= {"moving", "unreadable"}
        again = read(registry)
        assert [one.digest for one in again.manifests()] == [kept]
        assert again.check().findings == ()


@pytest.mark.parametrize(("rate", "is_throttled"), [(90, False), (None, True)])
def test_a_registry_that_throttles_is_read_all_the_same(twin: Twin, rate: float | None, *, is_throttled: bool) -> None:
    """At a pace below its limit it never has to say so."""
    hour = Hour()
    statuses: list[int] = []
    with Emulator(reads_per_minute=100, clock=lambda: 2_000_000_000 + hour.seconds) as emulator:
        for name in ("a", "b"):
            for number in range(60):
                emulator_image(emulator, name, number)
        registry = twin.connect(
            emulator.url,
            emulator.credential(),
            clock=hour.now,
            sleep=hour.sleeping(twin),
            on_response=lambda response: statuses.append(response.status),
        )
        inventory = read(registry, rate=rate, concurrency=2)
    assert len(list(inventory.manifests())) == 120
    assert inventory.check().findings == ()
    assert (429 in statuses) is is_throttled


def emulator_image(emulator: Emulator, repository: str, number: int) -> None:
    """Put an image into the emulator, without a request."""
    content = json.dumps({"mediaType": media_types.OCI_MANIFEST, "layers": [], "number": number}).encode()
    new = NewManifest(
        digest=acr.Digest.of(content),
        media_type=media_types.OCI_MANIFEST,
        content=content,
        image_size=0,
        architecture=None,
        os=None,
        config_media_type=None,
        artifact_type=None,
        subject=None,
        annotations={},
    )
    emulator._registry.metadata.put_manifest(repository, new, f"v{number}", 2_000_000_000_000_000)


def test_a_registry_whose_blobs_do_not_answer_is_not_verified(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry
) -> None:
    push_image(registry.repository("app"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    acr_emulator.fail(times=ALWAYS, method="HEAD", status=503, body=b"")
    with pytest.raises(acr.ServerError):
        client.verify_blobs(read(registry), rate=None)


@pytest.mark.parametrize(
    "damage",
    [
        {"done": -1},
        {"done": 10**9},
        {"done": 1.5},
        {"done": 1.0},
        {"done": None},
        {"wrong": 7},
        {"wrong": [[99, 0, None]]},
        {"wrong": [[0, 99, None]]},
        {"wrong": [[0, 0, "many"]]},
        {"wrong": [[0, 0]]},
    ],
)
def test_a_damaged_checkpoint_begins_anew(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, damage: dict[str, Any]
) -> None:
    push_image(registry.repository("app"), tag="v1")
    inventory = read(registry)
    state = {"inventory": fingerprint(tables_of(inventory)), "done": 1, "wrong": [], **damage}
    checkpoint = open_checkpoint(tmp_path / "state", None)
    assert checkpoint is not None
    checkpoint.save(json.dumps(state))
    acr_emulator.clear_requests()
    check = registry.verify_blobs(inventory, rate=None, checkpoint=tmp_path / "state")
    assert check.findings == ()
    assert len(paths(acr_emulator, "HEAD")) == check.blobs == 2


def test_a_registry_that_lost_all_of_its_blobs() -> None:
    """Each finding names its tags."""
    tables = tables_of(registry_of(400))
    wrong = {(repository, content): Wrong(repository, content, None) for repository, content, _ in uses(tables)}
    found = findings(tables, wrong)
    assert len(found) == len(wrong) > 900
    names = {tag.name for tag in registry_of(400).tags("team0/app00")}
    assert {tag for one in found if one.repository == "team0/app00" for tag in one.tags} == names

"""Inventories: whole, or an error that says why not. Each test runs in sync and in async code, on the emulator."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import push_image, push_index
from tests.twin import Twin
from tests.upkeep import push_nested, push_release


def read(registry: acr.Registry, **options: Any) -> acr.Inventory:
    """Read an inventory without a cache, as fast as it goes."""
    return registry.inventory(**{"cache": False, "rate": None, **options})


def told(inventory: acr.Inventory) -> list[dict[str, Any]]:
    """The manifests of an inventory, without what depends on the time of the reading."""
    return [{**row, "is_new": None, "untagged_since": None} for row in inventory.rows("manifests")]


def paths(emulator: Emulator, method: str = "GET") -> list[str]:
    return [unquote(record.path) for record in emulator.requests if record.method == method]


def manifests_fetched(emulator: Emulator) -> list[str]:
    return [path for path in paths(emulator) if path.startswith("/v2/") and "/manifests/" in path]


def test_everything_is_in_it(registry: acr.Registry) -> None:
    app = registry.repository("team/app")
    index = push_release(app, "v1", fallback=True)
    app.tag("v1").update(can_delete=False)
    inventory = read(registry)
    assert inventory.is_whole
    assert inventory.catalog == ("team/app",)
    (repository,) = inventory.repositories()
    assert (repository.name, repository.is_moving, repository.is_cache) == ("team/app", False, False)
    listed = {one.digest: one for one in app.manifests()}
    known = {one.digest: one for one in inventory.manifests()}
    assert known.keys() == listed.keys()
    for digest, one in known.items():
        manifest = app.manifest(digest).get()
        assert one.size == manifest.size
        assert one.media_type == manifest.media_type
        assert list(one.children) == [child.digest for child in manifest.manifests]
        assert one.subject == (manifest.subject.digest if manifest.subject else None)
        assert (one.created, one.updated) == (listed[digest].created, listed[digest].updated)
        assert one.trouble is None
    tags = {tag.name: tag for tag in inventory.tags("team/app")}
    assert tags.keys() == {tag.name for tag in app.tags()}
    assert tags["v1"].digest == index.digest
    assert tags["v1"].locked
    assert not tags[f"sha256-{index.digest.hex}.sig"].locked
    assert inventory.check().findings == ()
    assert "1 repositories" in repr(inventory)


def test_each_manifest_takes_one_request_and_the_second_time_none(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        push_release(registry.repository(name), "v1")
    count = sum(1 for name in ("a", "b") for _ in registry.repository(name).manifests())
    acr_emulator.clear_requests()
    first = read(registry, cache=tmp_path)
    assert len(set(manifests_fetched(acr_emulator))) == len(manifests_fetched(acr_emulator)) == count
    acr_emulator.clear_requests()
    second = read(registry, cache=tmp_path)
    assert manifests_fetched(acr_emulator) == []
    assert len(paths(acr_emulator)) == 1 + 2 * 4  # the catalog; properties twice, manifests and tags of each
    assert told(second) == told(first)
    assert not any("/referrers/" in path for path in paths(acr_emulator))


def test_untagged_since_is_when_an_inventory_first_saw_it(twin: Twin, tmp_path: Path) -> None:
    now = itertools.count(1_700_000_000)
    with Emulator(clock=lambda: next(now)) as emulator:
        registry = twin.connect(emulator.url, emulator.credential())
        app = registry.repository("app")
        push_image(app, tag="v1", layer=b"1")
        first = read(registry, cache=tmp_path)
        assert [one.untagged_since for one in first.manifests()] == [None]
        app.tag("v1").delete()
        second = read(registry, cache=tmp_path)
        third = read(registry, cache=tmp_path)
        (seen,) = (one.untagged_since for one in second.manifests())
        assert [one.untagged_since for one in third.manifests()] == [seen]
        assert seen is not None
        assert first.finished <= seen <= second.finished <= third.started


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("team/app", ["team/app"]),
        (["team/app", "base"], ["base", "team/app"]),
        ("team/*", ["team/app", "team/deep/er", "team/web"]),
        (["*", "!team/w*", "!base"], ["team/app", "team/deep/er"]),
        (["!base"], ["team/app", "team/deep/er", "team/web"]),
        (["team/[aw]??"], ["team/app", "team/web"]),
    ],
)
def test_repositories_are_chosen(registry: acr.Registry, acr_emulator: Emulator, wanted: Any, names: list[str]) -> None:
    for name in ("base", "team/app", "team/web", "team/deep/er"):
        push_image(registry.repository(name), tag="v1")
    acr_emulator.clear_requests()
    inventory = read(registry, repositories=wanted)
    assert [one.name for one in inventory.repositories()] == names
    has_pattern = any(set(text) & set("*?[!") for text in ([wanted] if isinstance(wanted, str) else wanted))
    assert any("_catalog" in path for path in paths(acr_emulator)) is has_pattern
    assert not inventory.is_whole


def test_repositories_of_a_file(registry: acr.Registry, tmp_path: Path) -> None:
    for name in ("a", "b"):
        push_image(registry.repository(name), tag="v1")
    (tmp_path / "names").write_text("# mine\na\n\n")
    assert [one.name for one in read(registry, repositories=tmp_path / "names").repositories()] == ["a"]
    (tmp_path / "names").write_bytes(b"\xef\xbb\xbfa\r\n")  # as an editor of Windows writes it
    assert [one.name for one in read(registry, repositories=tmp_path / "names").repositories()] == ["a"]
    (tmp_path / "names").write_bytes(b"\xff\xfea")
    for name in ("names", "missing"):
        with pytest.raises(acr.TransferError, match=f"cannot read .*{name}"):
            read(registry, repositories=tmp_path / name)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"repositories": "Team/App"}, "expected a repository name"),
        ({"repositories": []}, "names none"),
        ({"repositories": "nothing/*"}, "none of the 0"),
        ({"repositories": [1]}, "expected a list of texts such as team/"),
        ({"repositories": 1}, "expected a list of texts such as team/"),
        ({"repositories": b"app"}, "got bytes"),
        ({"rate": 0}, "rate=0"),
        ({"rate": "fast"}, "rate='fast': expected requests a minute"),
        ({"rate": True}, "rate=True"),  # one a minute is not what anybody means by it
        ({"rate": float("nan")}, "rate=nan"),
        ({"concurrency": 0}, "concurrency=0: expected a whole number from 1 to 32"),
        ({"concurrency": 1000}, "concurrency=1000"),
        ({"concurrency": "8"}, "concurrency='8'"),
        ({"cache": None}, "cache=None: expected True, False, or the path of a folder"),
        ({"cache": ""}, "cache=''"),
        ({"cache": 5}, "cache=5"),
        ({"progress": 5}, "progress=5: expected a function, or None"),
    ],
)
def test_what_cannot_be_meant(registry: acr.Registry, options: dict[str, Any], match: str) -> None:
    with pytest.raises(acr.InvalidInput, match=match):
        read(registry, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"inventory": "x"}, "inventory='x': expected an Inventory"),
        ({"rate": "fast"}, "rate='fast': expected requests a minute"),
        ({"concurrency": 33}, "concurrency=33: expected a whole number from 1 to 32"),
        ({"progress": 5}, "progress=5: expected a function, or None"),
    ],
)
def test_what_cannot_be_verified(
    registry: acr.Registry, acr_emulator: Emulator, options: dict[str, Any], match: str
) -> None:
    push_image(registry.repository("app"), tag="v1")
    inventory = read(registry)
    acr_emulator.clear_requests()
    with pytest.raises(acr.InvalidInput, match=match):
        registry.verify_blobs(**{"inventory": inventory, **options})
    assert not acr_emulator.requests


def test_an_empty_registry(registry: acr.Registry) -> None:
    inventory = read(registry)
    assert inventory.is_whole
    assert inventory.usage().unique == 0
    assert inventory.check().findings == ()
    assert list(inventory.manifests()) == []
    with pytest.raises(acr.InvalidInput, match="no repository"):
        list(inventory.tags("app"))


def test_a_repository_that_was_named_is_missing(registry: acr.Registry) -> None:
    push_image(registry.repository("app"), tag="v1")
    with pytest.raises(acr.IncompleteInventory, match="'\\*', '!NAME'") as caught:
        read(registry, repositories=["app", "missing"])
    assert list(caught.value.unread) == ["missing"]
    assert isinstance(caught.value.unread["missing"], acr.NotFound)
    travelled = pickle.loads(pickle.dumps(caught.value))
    assert str(travelled.unread["missing"]) == str(caught.value.unread["missing"])


def test_a_catalog_that_breaks_off(twin: Twin) -> None:
    with Emulator(catalog_breaks_after=2) as emulator:
        registry = twin.connect(emulator.url, emulator.credential(), retries=acr.Retries(limit=0))
        for name in ("a", "b", "c"):
            push_image(registry.repository(name), tag="v1")
        with pytest.raises(acr.IncompleteInventory, match="broke off after 2 repositories.*502") as caught:
            read(registry)
        assert isinstance(caught.value.catalog, acr.ServerError)
        assert [one.name for one in read(registry, repositories=["a", "b", "c"]).repositories()] == ["a", "b", "c"]


def test_all_repositories_that_may_not_be_read_are_named(twin: Twin) -> None:
    """ABAC: each repository has a role of its own, and the catalog has one."""
    with Emulator(abac=True) as emulator:
        owner = twin.connect(emulator.url, emulator.credential())
        for name in ("a", "b", "c"):
            push_image(owner.repository(name), tag="v1")
        scopes = ["repository:b:pull,metadata_read", "registry:catalog:*"]
        registry = twin.connect(emulator.url, emulator.credential(scopes=scopes))
        with pytest.raises(acr.IncompleteInventory, match="2 repositories .* not be read: a: .*; c: ") as caught:
            read(registry)
        assert list(caught.value.unread) == ["a", "c"]
        assert all(isinstance(error, acr.Unauthorized) for error in caught.value.unread.values())
        assert not read(registry, repositories=["*", "!a", "!c"]).is_whole
        without_catalog = twin.connect(emulator.url, emulator.credential(scopes=scopes[:1]))
        with pytest.raises(acr.IncompleteInventory, match="catalog of .* could not be read: .*name the repositories"):
            read(without_catalog)
        assert [one.name for one in read(without_catalog, repositories="b").repositories()] == ["b"]


def test_a_403_on_one_repository(registry: acr.Registry, acr_emulator: Emulator) -> None:
    for name in ("a", "b"):
        push_image(registry.repository(name), tag="v1")
    acr_emulator.fail(times=1, path_contains="/a/_manifests", status=403, body=b'{"errors":[{"code":"DENIED"}]}')
    with pytest.raises(acr.IncompleteInventory) as caught:
        read(registry)
    assert isinstance(caught.value.unread["a"], acr.Denied)


def test_no_answer_at_all(twin: Twin, acr_emulator: Emulator, registry: acr.Registry) -> None:
    push_image(registry.repository("a"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, path_contains="_tags", drop=True)
    with pytest.raises(acr.TransportError):
        read(client)


def test_a_listing_that_breaks_off(twin: Twin, acr_emulator: Emulator, registry: acr.Registry) -> None:
    push_image(registry.repository("a"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    acr_emulator.fail(times=1, path_contains="/a/_tags", status=502, body=b"")
    with pytest.raises(acr.IncompleteInventory, match="a: "):
        read(client)


def changing(registry: acr.Registry, times: int) -> Iterator[None]:
    """Push one more image each time."""
    for number in itertools.count():
        if number < times:
            push_image(registry.repository("app"), tag=f"new{number}", layer=f"new {number}".encode())
        yield


@pytest.mark.parametrize(("times", "is_moving"), [(0, False), (1, False), (2, False), (3, True), (100, True)])
def test_a_repository_that_changes_is_read_at_most_three_times(
    twin: Twin, acr_emulator: Emulator, times: int, *, is_moving: bool
) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as other:
        push_image(other.repository("app"), tag="v1")
        changes = changing(other, times)

        def after_tags(response: acr.ResponseInfo) -> None:
            if "/_tags" in response.request.url:
                next(changes)

        registry = twin.connect(acr_emulator.url, acr_emulator.credential(), on_response=after_tags)
        acr_emulator.clear_requests()
        inventory = read(registry)
        readings = sum("_tags" in path for path in paths(acr_emulator))
        assert readings == min(times + 1, 3)
        (repository,) = inventory.repositories()
        assert repository.is_moving is is_moving
        kinds = {finding.kind for finding in inventory.check().findings}
        assert kinds == ({"moving"} if is_moving else set())
        assert any("changed while" in caveat for caveat in inventory.usage().caveats) is is_moving
        names = {tag.name for tag in inventory.tags()}
        assert {f"new{number}" for number in range(min(times, 2))} <= names


def test_what_is_newer_than_the_start_is_marked(twin: Twin) -> None:
    now = itertools.count(1_700_000_000)
    with Emulator(clock=lambda: next(now)) as emulator, acr.Registry(emulator.url, emulator.credential()) as other:
        push_image(other.repository("app"), tag="old")
        changes = changing(other, 1)

        def after_tags(response: acr.ResponseInfo) -> None:
            if "/_tags" in response.request.url:
                next(changes)

        registry = twin.connect(emulator.url, emulator.credential(), on_response=after_tags)
        inventory = read(registry)
        assert {tag.name: tag.is_new for tag in inventory.tags()} == {"old": False, "new0": True}
        assert sorted(one.is_new for one in inventory.manifests()) == [False, True]


def test_a_repository_that_is_deleted_meanwhile_is_not_there(twin: Twin, acr_emulator: Emulator) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as other:
        for name in ("a", "b"):
            push_image(other.repository(name), tag="v1")

        def after_catalog(response: acr.ResponseInfo) -> None:
            if "_catalog" in response.request.url and response.status == 200:
                other.repository("a").delete(missing_ok=True)

        registry = twin.connect(acr_emulator.url, acr_emulator.credential(), on_response=after_catalog)
        inventory = read(registry)
        assert inventory.catalog == ("b",)
        assert inventory.is_whole


def test_a_hidden_index_is_found_by_its_tag(registry: acr.Registry) -> None:
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    app.manifest(index.digest).update(can_list=False)
    inventory = read(registry)
    known = {one.digest: one for one in inventory.manifests()}
    assert len(known) == 3
    assert not known[index.digest].is_listed
    assert not known[index.digest].can_list
    assert len(known[index.digest].children) == 2
    (finding,) = inventory.check().findings
    assert (finding.kind, finding.digest) == ("hidden", index.digest)
    assert inventory.usage().untagged == 0


def test_a_hidden_index_that_nothing_leads_to_is_counted(registry: acr.Registry) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    index = push_index(app, tag="v2", platforms=["linux/arm64"])
    app.tag("v2").update(can_list=False)
    app.manifest(index.digest).update(can_list=False)
    findings = read(registry).check().findings
    assert [finding.kind for finding in findings] == ["hidden", "hidden"]
    assert "counts 3 manifests, but only 2" in findings[0].text
    assert "counts 2 tags, but only 1" in findings[1].text


def test_a_manifest_that_may_not_be_read(registry: acr.Registry) -> None:
    app = registry.repository("app")
    image = push_image(app, tag="v1")
    app.manifest(image.digest).update(can_read=False)
    (finding,) = read(registry).check().findings
    assert (finding.kind, finding.digest, finding.tags) == ("unreadable", image.digest, ("v1",))
    assert "readEnabled" in finding.text


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_child_in_quarantine(twin: Twin, *, is_listed: bool) -> None:
    with Emulator(quarantine=True) as emulator:
        registry = twin.connect(emulator.url, emulator.credential())
        app = registry.repository("app")
        index = push_index(app, tag="v1", platforms=["linux/amd64"])
        release(emulator, "app", index.digest)
        app.manifest(app.manifest("v1").get().manifests[0].digest).update(can_list=is_listed)
        (manifest,) = (one for one in read(registry).manifests() if one.digest != index.digest)
        assert manifest.is_listed is is_listed
        assert manifest.quarantine == "Quarantined"
        assert manifest.trouble is not None
        finding = read(registry).check().findings[0]
        assert (finding.kind, finding.digest, finding.tags) == ("unreadable", manifest.digest, ("v1",))
        assert "Quarantined" in finding.text


def release(emulator: Emulator, repository: str, digest: str) -> None:
    """End the quarantine of a manifest, as a scanner does."""
    import httpx

    answer = httpx.patch(
        f"{emulator.url}/acr/v1/{repository}/_manifests/{digest}",
        auth=(emulator.username, emulator.password),
        json={"quarantineState": "Passed"},
    )
    assert answer.status_code == 200


def test_a_replica_that_lags_is_asked_three_times(twin: Twin) -> None:
    with Emulator(replica_lag=3600) as emulator:
        registry = twin.connect(emulator.url, emulator.credential())
        image = push_image(registry.repository("app"), tag="v1")
        emulator.clear_requests()
        (finding,) = read(registry).check().findings
        assert (finding.kind, finding.digest) == ("unreadable", image.digest)
        assert "replica" in finding.text
        assert len(manifests_fetched(emulator)) == 3


def test_wrong_bytes_are_told(registry: acr.Registry, acr_emulator: Emulator) -> None:
    image = push_image(registry.repository("app"), tag="v1")
    acr_emulator.fail(
        times=1,
        method="GET",
        path_contains=f"manifests/{image.digest}",
        status=200,
        headers={"Content-Type": media_types.OCI_MANIFEST},
        body=b"{}",
    )
    (manifest,) = read(registry).manifests()
    assert manifest.trouble is not None
    assert "expected sha256:" in manifest.trouble


def test_a_child_that_is_missing(registry: acr.Registry, acr_emulator: Emulator) -> None:
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    gone = app.manifest(index.digest).get().manifests[0].digest
    app.manifest(gone).delete()
    acr_emulator.clear_requests()
    (finding,) = read(registry).check().findings
    assert (finding.kind, finding.digest, finding.tags) == ("missing-child", gone, ("v1",))
    assert sum(gone in path for path in manifests_fetched(acr_emulator)) == 1


def test_a_missing_child_is_asked_for_again_only_if_something_was_pushed(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """An index may name thousands. But one that was pushed and hidden since must be found."""
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    first, second = (one.digest for one in app.manifest(index.digest).get().manifests)
    kept = app.manifest(second).get()
    for digest in (first, second):
        app.manifest(digest).delete()
    broken = {("missing-child", digest) for digest in (first, second)}
    for asked in (2, 0, 0):
        acr_emulator.clear_requests()
        findings = read(registry, cache=tmp_path).check().findings
        assert {(one.kind, one.digest) for one in findings} == broken
        assert sum(first in path or second in path for path in manifests_fetched(acr_emulator)) == asked
    app.put_manifest(kept)
    app.manifest(second).update(can_list=False)
    findings = read(registry, cache=tmp_path).check().findings
    assert ("missing-child", second) not in {(one.kind, one.digest) for one in findings}
    assert ("hidden", second) in {(one.kind, one.digest) for one in findings}
    assert ("missing-child", first) in {(one.kind, one.digest) for one in findings}


def test_nested_indexes(registry: acr.Registry) -> None:
    app = registry.repository("app")
    shared = push_image(app, tag=None)
    push_nested(app, "v1", shared)
    inventory = read(registry)
    assert inventory.usage().untagged == 0
    assert {finding.kind for finding in inventory.check().findings} == {"no-platform"}


@pytest.mark.parametrize("cached", [False, True])
def test_a_pull_through_cache_imports_nothing_because_of_it(
    twin: Twin, acr_emulator: Emulator, registry: acr.Registry, tmp_path: Path, *, cached: bool
) -> None:
    """What the cache has not is asked for by nobody: to ask would import it."""
    source = registry.repository("source")
    index = push_index(source, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    child = source.manifest(index.digest).get().manifests[0].digest
    acr_emulator.add_cache("cache", "source")
    mirror = registry.repository("cache")
    mirror.manifest("v1").get()
    mirror.manifest(child).get()
    if cached:
        read(registry, repositories="source", cache=tmp_path)
    inventory = read(registry, repositories="cache", cache=tmp_path)
    (repository,) = inventory.repositories()
    assert repository.is_cache
    assert {one.digest for one in mirror.manifests()} == {index.digest, child}
    assert inventory.check().findings == ()


@pytest.mark.parametrize("how", ["again", "from elsewhere", "pushed since"])
def test_a_pull_through_cache_is_known_although_all_of_its_manifests_are(
    acr_emulator: Emulator, registry: acr.Registry, tmp_path: Path, how: str
) -> None:
    """The answers with manifests tell that it is one, and nobody asked for any."""
    source, mirror = registry.repository("source"), registry.repository("cache")
    push_image(source, tag="v1", layer=b"1")
    push_image(source, tag="v2", layer=b"2")
    acr_emulator.add_cache("cache", "source")
    mirror.manifest("v1").get()
    read(registry, repositories="source" if how == "from elsewhere" else ["cache", "source"], cache=tmp_path)
    if how == "pushed since":
        mirror.manifest("v2").get()
    acr_emulator.clear_requests()
    inventory = read(registry, repositories="cache", cache=tmp_path)
    (repository,) = inventory.repositories()
    assert repository.is_cache
    assert len(manifests_fetched(acr_emulator)) == (how != "again")


def test_a_corrupt_cache_is_not_taken_for_whole(
    registry: acr.Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    push_release(registry.repository("app"), "v1")
    first = read(registry, cache=tmp_path)
    (tmp_path / "manifests-1.sqlite").write_bytes(b"rubbish" * 1000)
    second = read(registry, cache=tmp_path)
    assert told(second) == told(first)
    assert sum("is not used" in record.getMessage() for record in caplog.records) == 1


def test_the_pace_is_kept(twin: Twin, acr_emulator: Emulator, registry: acr.Registry) -> None:
    for number in range(60):
        push_image(registry.repository("app"), tag=f"v{number}", layer=str(number).encode())
    hour = Hour()
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), clock=hour.now, sleep=hour.sleeping(twin))
    acr_emulator.clear_requests()
    told: list[acr.InventoryProgress] = []
    client.inventory(cache=False, rate=60, concurrency=1, progress=told.append)
    assert 60 <= hour.seconds <= 70  # 66 requests, one a second
    assert told[-1].repositories_done == told[-1].repositories == 1
    assert told[-1].manifests == 60
    assert told[-1].seconds_left == 0


class Hour:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleeping(self, twin: Twin) -> Any:
        async def sleep_async(seconds: float) -> None:
            self.seconds += seconds

        def sleep(seconds: float) -> None:
            self.seconds += seconds

        return sleep if twin.colour == "sync" else sleep_async


def test_a_registry_that_throttles_without_end(twin: Twin, acr_emulator: Emulator, registry: acr.Registry) -> None:
    push_image(registry.repository("app"), tag="v1")
    client = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    with_fault = acr_emulator.fail(times=ALWAYS, path_contains="_manifests", status=429, body=b"")
    with pytest.raises(acr.RateLimited):
        read(client)
    assert with_fault.left < ALWAYS


def test_blobs_are_verified_by_one_request_each(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    app = registry.repository("app")
    push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    push_image(registry.repository("other"), tag="v1", layer=b"linux/amd64")
    inventory = read(registry)
    acr_emulator.clear_requests()
    told: list[tuple[int, int]] = []
    check = registry.verify_blobs(inventory, rate=None, progress=lambda *counts: told.append(counts))
    assert (check.findings, check.blobs) == ((), inventory.blob_requests)
    assert len(paths(acr_emulator, "HEAD")) == inventory.blob_requests == 6
    assert sum(record.sent for record in acr_emulator.requests) < 20_000
    assert told[-1] == (6, 6)


def test_a_blob_that_is_missing_names_the_tags_that_it_breaks(registry: acr.Registry) -> None:
    app = registry.repository("app")
    push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    push_image(app, tag="v2")
    gone = acr.Digest.of(b"linux/arm64")
    app.blob(gone).delete()
    (finding,) = registry.verify_blobs(read(registry), rate=None).findings
    assert (finding.kind, finding.digest, finding.tags) == ("missing-blob", gone, ("v1",))


def test_verifying_goes_on_where_it_ended(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acr._core.upkeep.verifying._SLICE", 2)
    app = registry.repository("app")
    for number in range(8):
        push_image(app, tag=f"v{number}", layer=str(number).encode())
    inventory = read(registry)
    first = min(acr.Digest.of(str(number).encode()) for number in range(8))
    app.blob(first).delete()
    last = max(digest for manifest in inventory.manifests() for digest in manifest.blobs)
    fault = acr_emulator.fail(times=1, method="HEAD", path_contains=last, status=403, body=b"")
    with pytest.raises(acr.Denied):
        registry.verify_blobs(inventory, rate=None, checkpoint=tmp_path / "state", concurrency=1)
    assert fault.left == 0
    acr_emulator.clear_requests()
    check = registry.verify_blobs(inventory, rate=None, checkpoint=tmp_path / "state", concurrency=1)
    assert len(paths(acr_emulator, "HEAD")) <= 2
    assert [finding.digest for finding in check.findings] == [first]
    assert list(tmp_path.iterdir()) == []


def test_an_inventory_of_another_registry_is_not_verified(registry: acr.Registry) -> None:
    inventory = read(registry)
    with acr.Registry("other.azurecr.io") as other, pytest.raises(acr.InvalidInput, match="is of 127"):
        other.verify_blobs(inventory)


def test_usage_is_what_the_emulator_stores(registry: acr.Registry, acr_emulator: Emulator) -> None:
    for name in ("team/app", "team/web"):
        push_release(registry.repository(name), "v1")
        push_release(registry.repository(name), f"only in {name}".replace(" ", "-").replace("/", "-"))
    registry.repository("team/app").upload_blob(b"nothing leads to it")
    assert acr_emulator.collect() == len(b"nothing leads to it")
    usage = read(registry).usage()
    assert (usage.blobs, usage.manifests) == (acr_emulator.stored.blobs, acr_emulator.stored.manifests)


def test_exclusive_bytes_are_what_deleting_frees(registry: acr.Registry, acr_emulator: Emulator) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1", layer=b"one" * 100)
    second = push_image(app, tag="v2", layer=b"two" * 200)
    acr_emulator.collect()
    before = acr_emulator.stored
    (repository,) = read(registry).usage().repositories
    (tag,) = (one for one in repository.tags if one.name == "v2")
    app.manifest(second.digest).delete()
    acr_emulator.collect()
    after = acr_emulator.stored
    assert tag.exclusive == before.blobs - after.blobs + before.manifests - after.manifests > 600

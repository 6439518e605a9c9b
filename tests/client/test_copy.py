"""Images from, to and between registries: byte for byte, each part once, and in an order that no tag is ahead of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from acr.emulator._server.records import RequestRecord
from tests.armed import ALWAYS
from tests.content import bytes_of, push_image, push_index
from tests.images import add_image, add_index, attach, contents
from tests.twin import Twin

MIB = 1024 * 1024


@pytest.fixture
def other() -> Iterator[Emulator]:
    """A second registry."""
    with Emulator() as emulator:
        yield emulator


def made(requests: list[RequestRecord], *methods: str) -> list[str]:
    """Methods and paths of the requests to repositories, as they came."""
    return [
        f"{r.method} {r.path}" for r in requests if r.method in methods and r.path.startswith("/v2/") and r.path[4:]
    ]


def moved(requests: list[RequestRecord]) -> int:
    """Bytes of blobs that came in or went out."""
    received = sum(r.received for r in requests if "/blobs/" in r.path)
    return received + sum(r.sent for r in requests if r.origin == "storage")


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("target", ["folder", "folder.tar"])
def test_an_index_goes_round_byte_for_byte(registry: acr.Registry, tmp_path: Path, target: str, docker: bool) -> None:
    source = acr.Memory()
    images = [add_image(source, [b"base", name], docker=docker) for name in (b"amd64", b"arm64")]
    index = add_index(source, images, ["linux/amd64", "linux/arm64"], tag="v1", docker=docker)
    before = contents(source, index.digest)
    assert len(before) == 7  # index, two manifests, one config, three layers

    assert registry.repository("one").push(source, "v1", tag="v2") == index
    assert registry.copy("one:v2", "two") == index
    assert registry.repository("two").pull("v2", acr.Layout(tmp_path / target)) == index

    layout = acr.Layout(tmp_path / target)
    assert list(layout.tags()) == ["v2"]
    assert layout.resolve("v2").digest == index.digest
    assert contents(layout, index.digest) == before
    for name in ("one", "two"):
        assert registry.repository(name).manifest("v2").get().content == before[index.digest]
        assert registry.repository(name).manifest("v2").head().media_type == index.media_type


def test_between_registries_the_bytes_pass_through(twin: Twin, acr_emulator: Emulator, other: Emulator) -> None:
    source = acr.Memory()
    large = bytes_of(9 * MIB)
    image = add_image(source, [large, b"small"], tag="v1")
    one = twin.connect(acr_emulator.url, acr_emulator.credential())
    two = twin.connect(other.url, other.credential())
    one.repository("team/app").push(source, tag="v1")
    acr_emulator.clear_requests()

    assert one.copy("team/app:v1", "prod/app:v9", to=two) == image

    back = acr.Memory()
    two.repository("prod/app").pull("v9", back)
    assert contents(back, image.digest) == contents(source, image.digest)
    assert not made(acr_emulator.requests, "PUT", "POST", "PATCH")


def test_blobs_come_before_manifests_children_before_parents_and_the_tag_last(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    source = acr.Memory()
    images = [add_image(source, [name]) for name in (b"a", b"b")]
    inner = add_index(source, images)
    outer = add_index(source, [inner, add_image(source, [b"c"])], tag="v1")
    acr_emulator.clear_requests()
    registry.repository("app").push(source, tag="v1")
    puts = made(acr_emulator.requests, "PUT")
    manifests = [put for put in puts if "/manifests/" in put]
    assert all("/blobs/uploads/" in put for put in puts[: -len(manifests)])
    assert len(puts) == 4 + 5  # three layers and one config; three images, two indexes
    places = {digest: manifests.index(f"PUT /v2/app/manifests/{digest}") for digest in [i.digest for i in images]}
    assert max(places.values()) < manifests.index(f"PUT /v2/app/manifests/{inner.digest}")
    assert manifests[-1] == "PUT /v2/app/manifests/v1"
    assert f"PUT /v2/app/manifests/{outer.digest}" not in manifests


def test_within_one_registry_blobs_are_mounted_and_no_byte_of_them_moves(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    push_index(registry.repository("team/app"), tag="v1", platforms=["linux/amd64", "linux/arm64"])
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    registry.copy("team/app:v1", "prod/app", progress=events.append)
    requests = acr_emulator.requests
    assert moved(requests) == 0
    mounts = made(requests, "POST")
    assert len(mounts) == 4
    assert all("mount=sha256%3A" in m or "mount=sha256:" in m for m in mounts)
    assert len(made(requests, "PUT")) == 3
    assert not [line for line in made(requests, "GET") if "/blobs/" in line]
    assert len([event for event in events if isinstance(event, acr.Mounted)]) == len(events) == 4
    assert [line for line in made(requests, "HEAD") if "/blobs/" in line] == []  # a mount tells what a HEAD would


def test_where_the_registry_does_not_mount_the_blob_is_uploaded(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """It opens an upload in the place of a mount, which is then used."""
    image = push_image(registry.repository("team/app"), tag="v1")
    for _ in range(2):
        opened = registry.repository("prod/app").start_upload()
        location = {"Location": opened.location}
        acr_emulator.fail(method="POST", path_contains="mount=", status=202, headers=location)
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    assert registry.copy("team/app:v1", "prod/app", progress=events.append) == image
    assert not [event for event in events if isinstance(event, acr.Mounted)]
    assert sum(isinstance(event, acr.Done) for event in events) == 2
    assert len(made(acr_emulator.requests, "POST")) == 2
    assert acr_emulator.open_uploads == []
    assert registry.repository("prod/app").manifest("v1").exists()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_where_a_mount_is_refused_the_blob_is_uploaded(
    registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    image = push_image(registry.repository("team/app"), tag="v1")
    acr_emulator.fail(times=ALWAYS, method="POST", path_contains="mount=", status=status)
    assert registry.copy("team/app:v1", "prod/app") == image
    assert registry.repository("prod/app").manifest("v1").exists()


def test_another_tag_in_the_same_repository_is_one_request(registry: acr.Registry, acr_emulator: Emulator) -> None:
    push_index(registry.repository("app"), tag="v1", platforms=["linux/amd64", "linux/arm64"])
    registry.repository("app").manifest("v1").head()
    acr_emulator.clear_requests()
    registry.copy("app:v1", "app:stable")
    assert made(acr_emulator.requests, "PUT", "POST") == ["PUT /v2/app/manifests/stable"]


def test_what_the_target_has_is_skipped(registry: acr.Registry, acr_emulator: Emulator) -> None:
    source = acr.Memory()
    image = add_image(source, [b"base", b"top"], tag="v1")
    repository = registry.repository("app")
    repository.upload_blob(b"base")
    events: list[acr.ProgressEvent] = []
    repository.push(source, progress=events.append)
    base = acr.Digest.of(b"base")
    assert [e.item.digest for e in events if isinstance(e, acr.Skipped)] == [base]
    assert len([e for e in events if isinstance(e, acr.Done)]) == 2

    acr_emulator.clear_requests()
    events.clear()
    repository.push(source, progress=events.append)
    config = source.manifest(image.digest).config
    assert config is not None
    parts = {image.digest, config.digest, base, acr.Digest.of(b"top")}
    assert len(events) == len(parts)
    assert {e.item.digest for e in events if isinstance(e, acr.Skipped)} == parts
    requests = made(acr_emulator.requests, "HEAD", "GET", "PUT", "POST")
    kinds = {digest: "manifests" if digest == image.digest else "blobs" for digest in parts}
    assert sorted(requests) == sorted(f"HEAD /v2/app/{kind}/{digest}" for digest, kind in kinds.items())


def test_images_that_the_target_has_are_not_put_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    source = acr.Memory()
    old = add_image(source, [b"old"], tag="old")
    index = add_index(source, [old, add_image(source, [b"new"])], tag="v1")
    repository = registry.repository("app")
    repository.push(source, "old")
    acr_emulator.clear_requests()
    assert repository.push(source, "v1") == index
    blobs = [line for line in made(acr_emulator.requests, "HEAD") if "/blobs/" in line]
    assert f"HEAD /v2/app/blobs/{acr.Digest.of(b'old')}" in blobs
    assert len([line for line in made(acr_emulator.requests, "PUT") if "/blobs/" in line]) == 1
    assert len([line for line in made(acr_emulator.requests, "PUT") if "/manifests/" in line]) == 2


def test_a_second_pull_moves_nothing(registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    repository.pull("v1", acr.Layout(tmp_path / "layout"))
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    repository.pull("v1", acr.Layout(tmp_path / "layout"), progress=events.append)
    assert moved(acr_emulator.requests) == 0
    assert [type(event) for event in events] == [acr.Skipped] * 4


def test_what_a_graph_has_twice_moves_once(registry: acr.Registry, acr_emulator: Emulator) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer", b"layer", b"other"])
    again = add_image(source, [b"layer", b"other", b"other"])
    add_index(source, [image, image, again], tag="v1")
    repository = registry.repository("app")
    acr_emulator.clear_requests()
    repository.push(source, tag="v1")
    assert len([line for line in made(acr_emulator.requests, "PUT") if "/blobs/" in line]) == 3
    assert len([line for line in made(acr_emulator.requests, "PUT") if "/manifests/" in line]) == 3
    target = acr.Memory()
    acr_emulator.clear_requests()
    repository.pull("v1", target)
    assert len([r for r in acr_emulator.requests if r.origin == "storage"]) == 3


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_one_platform_of_an_index_is_copied_alone(registry: acr.Registry, way: str) -> None:
    source = acr.Memory()
    names = ["linux/amd64", "linux/arm/v7", "linux/arm64/v8"]
    images = [add_image(source, [name.encode()]) for name in names]
    index = add_index(source, images, names, tag="v1")
    repository = registry.repository("app")
    target = acr.Memory()
    if way == "push":
        got = repository.push(source, platform="linux/arm64", tag="arm")
        repository.pull("arm", target)
    else:
        repository.push(source, tag="v1")
        if way == "pull":
            got = repository.pull("v1", target, platform="linux/arm64")
        else:
            got = registry.copy("app:v1", "two:arm", platform="linux/arm64")
            registry.repository("two").pull("arm", target)
    assert got == images[2]
    assert set(contents(target, got.digest)) == set(contents(source, images[2].digest))
    assert not target.has(images[0])
    assert not target.has(index)


def test_a_platform_that_is_not_there_is_named_with_those_that_are(registry: acr.Registry) -> None:
    repository = registry.repository("app")
    push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    with pytest.raises(acr.InvalidInput, match="linux/amd64, linux/arm64, without linux/s390x: pass platform="):
        repository.pull("v1", acr.Memory(), platform="linux/s390x")


@pytest.mark.parametrize("way", ["pull", "copy", "one platform", "image"])
def test_a_missing_child_is_told_with_its_index_and_what_to_do(registry: acr.Registry, way: str) -> None:
    source = acr.Memory()
    images = [add_image(source, [name]) for name in (b"amd64", b"arm64")]
    index = add_index(source, images, ["linux/amd64", "linux/arm64"], tag="v1")
    app = registry.repository("app")
    app.push(source, "v1", tag="v1")
    app.manifest(images[1].digest).delete()
    told = (
        rf"manifests/{images[1].digest}.*\(the index {index.digest} lists it for linux/arm64, and it is missing:"
        rf" platform= takes .*, restore\('{images[1].digest}'\) brings it back .*, and Inventory.check\(\) finds"
    )
    with pytest.raises(acr.NotFound, match=told):
        if way == "pull":
            app.pull("v1", acr.Memory())
        elif way == "copy":
            registry.copy("app:v1", "other")
        elif way == "one platform":
            app.pull("v1", acr.Memory(), platform="linux/arm64")
        else:
            app.image("v1", platform="linux/arm64")
    assert app.pull("v1", acr.Memory(), platform="linux/amd64").digest == images[0].digest


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_what_is_attached_is_copied_when_asked_for(registry: acr.Registry, way: str) -> None:
    """And what is attached to that."""
    source = acr.Memory()
    image = add_image(source, [b"layer"])
    index = add_index(source, [image], tag="v1")
    sbom = attach(source, image, "application/x-sbom", b"sbom")
    signature = attach(source, sbom, "application/x-signature", b"signature")
    note = attach(source, index, "application/x-note", b"note")
    source.commit()
    repository = registry.repository("app")
    repository.push(source, "v1", tag="v1", referrers=way != "push")
    if way == "push":
        assert list(repository.manifest(image.digest).referrers()) == []
        repository.push(source, "v1", referrers=True)  # although all of the index is there
        place = repository
    elif way == "copy":
        registry.copy("app:v1", "two", referrers=True)
        place = registry.repository("two")
    else:
        target = acr.Memory()
        repository.pull("v1", target, referrers=True)
        found = [target.referrers(subject.digest) for subject in (image, sbom, index)]
        assert [[one.digest for one in some] for some in found] == [[sbom.digest], [signature.digest], [note.digest]]
        return
    found = [list(place.manifest(subject.digest).referrers()) for subject in (image, sbom, index)]
    assert [[one.digest for one in some] for some in found] == [[sbom.digest], [signature.digest], [note.digest]]
    assert [some[0].artifact_type for some in found] == [
        "application/x-sbom",
        "application/x-signature",
        "application/x-note",
    ]


def test_what_is_attached_is_listed_under_a_tag_where_there_is_no_api_for_it(
    registry: acr.Registry, acr_emulator: Emulator
) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    attached = {attach(source, image, f"application/x-{n}", b"%d" % n).digest for n in range(6)}
    source.commit()
    # A registry without the API does not confirm the subject.
    for digest in attached:
        headers = {"Docker-Content-Digest": digest}
        acr_emulator.fail(method="PUT", path_contains=digest, status=201, headers=headers, after=True)
    registry.repository("one").push(source, "v1", tag="v1", referrers=True)
    acr_emulator.fail(times=ALWAYS, path_contains="/referrers/", status=404, body=b"404 page not found\n")
    found = [one.digest for one in registry.repository("one").manifest("v1").referrers()]
    assert (len(found), set(found)) == (6, attached)
    target = acr.Memory()
    registry.repository("one").pull("v1", target, referrers=True)
    assert {one.digest for one in target.referrers(image.digest)} == attached


def test_nothing_attached_is_copied_unasked(registry: acr.Registry, acr_emulator: Emulator) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    sbom = attach(source, image, "application/x-sbom", b"sbom")
    source.commit()
    repository = registry.repository("app")
    repository.push(source, "v1", tag="v1")
    assert not repository.manifest(sbom.digest).exists()
    assert not made(acr_emulator.requests, "GET")


def test_files_are_attached_to_a_manifest(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    subject = push_image(repository, tag="v1")
    (tmp_path / "sbom.json").write_text("{}")
    attached = repository.manifest("v1").attach(
        [tmp_path / "sbom.json"], artifact_type="application/spdx+json", annotations={"made": "here"}
    )
    (found,) = repository.manifest(subject.digest).referrers()
    assert (found.digest, found.artifact_type) == (attached.digest, "application/spdx+json")
    assert dict(found.annotations) == {"made": "here"}
    assert repository.manifest(attached.digest).get().subject == subject


def test_a_tag_is_a_name_in_a_layout_and_a_digest_is_none(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    one = push_image(repository, tag="v1")
    two = push_image(repository, tag="v2", layer=b"two")
    layout = acr.Layout(tmp_path / "layout")
    repository.pull("v1", layout)
    repository.pull(two.digest, layout)
    index = json.loads((tmp_path / "layout/index.json").read_text())
    names = {entry["digest"]: entry.get("annotations") for entry in index["manifests"]}
    assert names == {one.digest: {"org.opencontainers.image.ref.name": "v1"}, two.digest: None}


@pytest.mark.parametrize(
    ("source", "target", "tags"),
    [
        ("app:v1", "two", ["v1"]),
        ("app:v1", "two:v2", ["v2"]),
        ("app@{digest}", "two", []),
        ("app@{digest}", "two:v3", ["v3"]),
        ("app:v1@{digest}", "two", ["v1"]),
    ],
)
def test_the_tag_of_a_copy(registry: acr.Registry, source: str, target: str, tags: list[str]) -> None:
    image = push_image(registry.repository("app"), tag="v1")
    assert registry.copy(source.format(digest=image.digest), target) == image
    assert list(registry.repository("two").tag_names()) == tags
    assert registry.repository("two").manifest(image.digest).exists()


def test_arguments_that_cannot_be_right_are_refused_before_any_request(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    digest = acr.Digest.of(b"")
    for source, target, text in [
        ("app", "two", "names no manifest"),
        ("App:v1", "two", "expected a repository name"),
        ("app:", "two", "expected a tag"),
        ("app:v1", "my.azurecr.io:443/two:v1", "begins with a host"),
        ("app:v1", f"two@{digest}", "the digest is that of what is copied"),
    ]:
        with pytest.raises(acr.InvalidReference, match=text):
            registry.copy(source, target)
    with pytest.raises(acr.InvalidInput, match="concurrency=0"):
        registry.copy("app:v1", "two", concurrency=0)
    with pytest.raises(acr.InvalidInput, match="Layout"):
        registry.repository("app").pull("v1", tmp_path / "files", referrers=True)  # type: ignore[call-overload]
    with pytest.raises(acr.InvalidReference, match="tag"):
        registry.repository("app").push(acr.Memory(), tag="not a tag")
    assert acr_emulator.requests == []

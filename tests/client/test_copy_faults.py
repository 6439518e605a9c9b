"""Copies that something goes wrong with: they end whole, or with an error that tells where, and leave nothing half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.content import bytes_of, push_image, push_index
from tests.images import add_image, add_index, contents
from tests.in_flight import InFlight
from tests.twin import Twin

MIB = 1024 * 1024


@pytest.fixture
def other() -> Iterator[Emulator]:
    """A second registry."""
    with Emulator() as emulator:
        yield emulator


def below(folder: Path) -> list[str]:
    """Names of all files in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("target", ["layout", "layout.tar"])
@pytest.mark.parametrize("old", [False, True])
def test_a_pull_that_fails_leaves_no_name_and_no_temporary_file(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path, target: str, old: bool
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    repository = registry.repository("app")
    source = acr.Memory()
    add_image(source, [b"old"], tag="old")
    add_image(source, [bytes_of(2 * MIB), b"small", b"smaller"], tag="v1")
    for tag in ("old", "v1"):
        repository.push(source, tag, tag=tag)
    path = tmp_path / target
    if old:
        repository.pull("old", acr.Layout(path))
    before = path.read_bytes() if path.is_file() else None
    acr_emulator.fail(origin="storage", drop_after=MIB)
    acr_emulator.fail(times=ALWAYS, origin="storage", drop=True)
    layout = acr.Layout(path)
    with pytest.raises(acr.TransportError):
        repository.pull("v1", layout)
    assert [name for name in below(tmp_path) if name.endswith(".part")] == []
    if old:
        assert list(acr.Layout(path).tags()) == ["old"]
        assert contents(layout, layout.resolve("old").digest)
        assert before is None or path.read_bytes() == before
    else:
        assert "index.json" not in below(path)
        assert target == "layout" or below(tmp_path) == []


def test_a_push_that_fails_leaves_no_tag_and_no_manifest_without_its_parts(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=1))
    source = acr.Memory()
    images = [add_image(source, [b"a"]), add_image(source, [b"b"])]
    index = add_index(source, images, tag="v1")
    repository = registry.repository("app")
    acr_emulator.fail(method="PUT", path_contains=f"/manifests/{images[1].digest}", status=403)
    with pytest.raises(acr.Denied):
        repository.push(source, tag="v1")
    assert not repository.manifest(images[1].digest).exists()
    assert not repository.manifest(index.digest).exists()
    assert list(repository.tag_names()) == []

    acr_emulator.fail(method="PUT", path_contains="/blobs/uploads/", status=403)
    with pytest.raises(acr.Denied):
        registry.repository("two").push(source, tag="v1")
    assert not [r for r in acr_emulator.requests if r.method == "PUT" and "/v2/two/manifests/" in r.path]


def test_what_moved_before_a_failure_does_not_move_again(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    source = acr.Memory()
    image = add_image(source, [bytes_of(MIB), b"small"], tag="v1")
    repository = registry.repository("app")
    acr_emulator.fail(method="PUT", path_contains="/manifests/", status=500)
    with pytest.raises(acr.ServerError):
        repository.push(source, tag="v1")
    acr_emulator.clear_requests()
    assert repository.push(source, tag="v1") == image
    assert [r.path for r in acr_emulator.requests if r.method in ("POST", "PUT") and r.path.startswith("/v2/")] == [
        "/v2/app/manifests/v1"
    ]


UNKNOWN = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'


@pytest.mark.parametrize("status", [400, 404])
def test_a_replica_that_lags_behind_is_asked_again(twin: Twin, acr_emulator: Emulator, status: int) -> None:
    """acr#588: one in ten pushes to a geo-replicated registry failed with MANIFEST_BLOB_UNKNOWN."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(jitter=lambda: 1.0))
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    acr_emulator.fail(times=2, method="PUT", path_contains="/manifests/", status=status, body=UNKNOWN)
    assert registry.repository("app").push(source, tag="v1") == image
    assert registry.repository("app").manifest("v1").exists()
    asked = [r.path.rpartition("/")[2] for r in acr_emulator.requests if r.method == "HEAD" and "/blobs/" in r.path]
    assert asked.count(acr.Digest.of(b"layer")) == 3
    assert twin.slept == [0.5, 1.0]


def test_a_blob_that_got_lost_is_sent_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """The registry says at first that it has it, and it has not."""
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    digest = acr.Digest.of(b"layer")
    headers = {"Content-Length": "5", "Docker-Content-Digest": digest}
    acr_emulator.fail(method="HEAD", path_contains=f"/blobs/{digest}", status=200, headers=headers)
    assert registry.repository("app").push(source, tag="v1") == image
    assert registry.repository("app").blob(digest).exists()
    assert len([r for r in acr_emulator.requests if r.method == "PUT" and "/manifests/" in r.path]) == 2


def test_an_image_that_got_lost_is_put_again(registry: acr.Registry, acr_emulator: Emulator) -> None:
    source = acr.Memory()
    image = add_image(source, [b"layer"])
    index = add_index(source, [image], tag="v1")
    headers = {"Docker-Content-Digest": image.digest}
    acr_emulator.fail(method="PUT", path_contains=f"/manifests/{image.digest}", status=201, headers=headers)
    assert registry.repository("app").push(source, tag="v1") == index
    assert registry.repository("app").manifest(image.digest).exists()


def test_the_registry_is_not_asked_again_for_ever(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=2))
    source = acr.Memory()
    add_image(source, [b"layer"], tag="v1")
    acr_emulator.fail(times=ALWAYS, method="PUT", path_contains="/manifests/", status=400, body=UNKNOWN)
    with pytest.raises(acr.ResponseError, match="MANIFEST_BLOB_UNKNOWN"):
        registry.repository("app").push(source, tag="v1")
    assert len([r for r in acr_emulator.requests if r.method == "PUT" and "/manifests/" in r.path]) == 3


def test_an_upload_that_the_registry_loses_begins_anew_from_the_other_registry(
    twin: Twin, acr_emulator: Emulator, other: Emulator
) -> None:
    one = twin.connect(acr_emulator.url, acr_emulator.credential())
    two = twin.connect(other.url, other.credential())
    source = acr.Memory()
    image = add_image(source, [bytes_of(9 * MIB)], tag="v1")
    one.repository("app").push(source, tag="v1")
    body = b'{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"blob upload invalid"}]}'
    other.fail(method="PATCH", status=404, body=body)
    other.fail(method="GET", path_contains="/uploads/", status=404, body=body)
    acr_emulator.fail(origin="storage", drop_after=5 * MIB)  # and the download breaks off, too
    events: list[acr.ProgressEvent] = []
    assert one.copy("app:v1", "app", to=two, progress=events.append) == image
    back = acr.Memory()
    two.repository("app").pull("v1", back)
    assert contents(back, image.digest) == contents(source, image.digest)
    assert any(isinstance(event, acr.Retried) for event in events)


def test_an_error_of_a_copy_names_the_registry_and_the_repository(
    twin: Twin, acr_emulator: Emulator, other: Emulator
) -> None:
    one = twin.connect(acr_emulator.url, acr_emulator.credential())
    two = twin.connect(other.url, other.credential())
    push_image(one.repository("team/app"), tag="v1")
    other.fail(method="POST", path_contains="/uploads/", status=403)
    with pytest.raises(acr.Denied, match=rf"/v2/prod/app/blobs/uploads/ at {other.login_server}"):
        one.copy("team/app:v1", "prod/app", to=two)
    acr_emulator.fail(times=ALWAYS, method="GET", path_contains="/blobs/", status=403)
    with pytest.raises(acr.Denied, match=rf"/v2/team/app/blobs/.* at {acr_emulator.login_server}"):
        one.copy("team/app:v1", "prod/app", to=two)


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_of_the_source_is_not_taken_for_one_of_the_target(
    twin: Twin, acr_emulator: Emulator, other: Emulator, status: int
) -> None:
    """A 404 of the source would be an upload session that is gone, and begun anew."""
    one = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0))
    two = twin.connect(other.url, other.credential())
    push_image(one.repository("team/app"), tag="v1")
    acr_emulator.fail(times=ALWAYS, method="GET", path_contains="/blobs/", status=status)
    with pytest.raises(acr.ResponseError, match=rf"/v2/team/app/blobs/.* at {acr_emulator.login_server}") as caught:
        one.copy("team/app:v1", "prod/app", to=two, concurrency=1)
    assert caught.value.status == status
    assert sum(r.method == "POST" for r in other.requests if r.path.endswith("/uploads/")) == 1
    assert other.open_uploads == []


def test_a_copy_between_two_registries_ends_with_its_first_failure(acr_emulator: Emulator, other: Emulator) -> None:
    """Whichever of the two clients meets it: each has a runtime of its own, and the gathering is of one of them."""
    source = acr.Memory()
    add_image(source, [bytes_of(5 * 1024 * 1024 + n) for n in range(2)], tag="v1")
    with (
        acr.Registry(acr_emulator.url, acr_emulator.credential()) as one,
        acr.Registry(other.url, other.credential()) as two,
    ):
        one.repository("app").push(source, tag="v1")
        two.repository("app").push_artifact([])  # to have a token
        other.fail(method="PATCH", status=429, headers={"Retry-After": "20"})  # whichever comes first has to wait
        other.fail(method="PATCH", status=403)
        with pytest.raises(acr.Denied):
            one.copy("app:v1", "app", to=two)
    assert [r.status for r in other.requests if r.method == "PATCH"] == [429, 403]
    assert other.open_uploads == []


def test_a_target_that_cannot_be_written_is_named(registry: acr.Registry, tmp_path: Path) -> None:
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    (tmp_path / "file").write_text("")
    with pytest.raises(acr.TransferError, match="file") as caught:
        repository.pull("v1", acr.Layout(tmp_path / "file" / "layout"))
    assert caught.value.side == "target"
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "index.json").write_text("{")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    with pytest.raises(acr.AcrError, match="broken"):
        repository.pull("v1", acr.Layout(folder))
    assert (folder / "index.json").read_text() == "{"


def test_the_events_of_a_push_and_a_pull(registry: acr.Registry) -> None:
    source = acr.Memory()
    layer = bytes_of(5 * MIB)
    image = add_image(source, [layer], tag="v1")
    sizes = {digest: len(content) for digest, content in contents(source, image.digest).items()}
    del sizes[str(image.digest)]
    repository = registry.repository("app")
    for way in ("push", "pull"):
        events: list[acr.ProgressEvent] = []
        if way == "push":
            repository.push(source, tag="v1", progress=events.append)
        else:
            repository.pull("v1", acr.Memory(), progress=events.append)
        moved = dict.fromkeys(sizes, 0)
        for event in events:
            if isinstance(event, acr.Moved):
                moved[str(event.item.digest)] += event.count
        assert moved == sizes
        assert {str(event.item.digest) for event in events if isinstance(event, acr.Done)} == set(sizes)
        assert all(event.item.size == sizes[str(event.item.digest)] for event in events)


@pytest.mark.parametrize("status", [429, 503])
def test_fewer_requests_are_under_way_when_the_registry_throttles(
    twin: Twin, acr_emulator: Emulator, status: int
) -> None:
    traffic = InFlight()
    registry = twin.connect(
        acr_emulator.url, acr_emulator.credential(), on_request=traffic.begin, on_response=traffic.end
    )
    source = acr.Memory()
    add_image(source, [b"layer %d" % n for n in range(48)], tag="v1")
    repository = registry.repository("app")
    repository.push(source, tag="v1")
    acr_emulator.fail(times=ALWAYS, origin="storage", delay=0.01)
    traffic.seen.clear()
    repository.pull("v1", acr.Memory(), concurrency=8)
    assert max(traffic.seen) > 4
    acr_emulator.fail(method="GET", path_contains="/blobs/", origin="registry", status=status)
    traffic.seen.clear()
    repository.pull("v1", acr.Memory(), concurrency=8)
    assert max(traffic.seen) > 4
    assert 1 < max(traffic.seen[20:48]) <= 5  # a half, and with the answers of these a little more


def test_files_are_pulled_one_by_one_where_that_is_asked_for(registry: acr.Registry, tmp_path: Path) -> None:
    push_index(registry.repository("app"), tag="v1", platforms=["linux/amd64"])
    pulled = registry.repository("app").pull("v1", tmp_path / "files", concurrency=1)
    assert [path.read_bytes() for path in pulled.files] == [b"linux/amd64"]

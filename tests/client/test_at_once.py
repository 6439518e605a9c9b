"""How much goes at once: connections, blobs and manifests; and less of it while a host throttles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import acr
from acr._shells.room import Room
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.images import add_image, add_index, contents
from tests.in_flight import InFlight
from tests.patience import PATIENCE
from tests.shells.script import Asked, Peer, Script, head
from tests.twin import Twin

MIB = 1024 * 1024


class Registry:
    """Takes or gives an image, and lets requests for blobs wait until as many have come as there should be.

    Args:
        expected: requests for blobs that should be under way together.
        image: what it gives.
        looks: seconds that it waits for one more than that.
    """

    def __init__(self, expected: int, image: acr.Memory | None = None, *, looks: float = 0) -> None:
        self._expected = expected
        self._looks = looks
        self._surplus = threading.Event()
        self._image = image
        self._full = threading.Barrier(expected)
        self._was_full = threading.Event()
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self, peer: Peer, asked: Asked) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        if not self._was_full.is_set():
            if self._now > self._expected:
                self._surplus.set()
                return
            self._full.wait(PATIENCE)
            self._surplus.wait(self._looks)
            self._was_full.set()
        with self._lock:
            self._now -= 1
        answer = self._taken(peer, asked) if self._image is None else given(self._image, asked, "v1")
        peer.send(answer)

    def _taken(self, peer: Peer, asked: Asked) -> bytes:
        peer.read(int(asked.headers.get("content-length", 0)))
        if asked.method == "HEAD":
            return head(0, status="404 Not Found")
        if asked.method == "POST":
            session = asked.target.partition("?")[0] + str(peer.number)
            return head(0, f"Location: {session}", status="202 Accepted")
        return head(0, status="201 Created")


def given(image: acr.Memory, asked: Asked, tag: str) -> bytes:
    """The answer to GET of a blob."""
    content = contents(image, image.resolve(tag).digest)[asked.target.rpartition("/")[2]]
    return head(len(content)) + content


def play(registry: Registry, image: acr.Memory, tag: str) -> Callable[[Peer, Asked], None]:
    """Manifests are answered at once."""

    def plays(peer: Peer, asked: Asked) -> None:
        if "/manifests/" not in asked.target:
            registry(peer, asked)
        elif asked.method == "GET":
            manifest = image.manifest(image.resolve(tag).digest)
            peer.send(head(manifest.size, f"Content-Type: {manifest.media_type}") + manifest.content)
        elif asked.method == "HEAD":
            peer.send(head(0, status="404 Not Found"))
        else:
            peer.read(int(asked.headers["content-length"]))
            peer.send(head(0, status="201 Created"))

    return plays


def image_of(count: int) -> acr.Memory:
    """An image of so many small blobs."""
    image = acr.Memory()
    add_image(image, [b"layer %d" % number for number in range(count - 1)], tag="v1")
    return image


@pytest.mark.parametrize(("concurrency", "expected"), [(None, 16), (5, 5), (32, 32), (1000, 32)])
def test_a_pull_has_as_many_connections_as_it_is_allowed(twin: Twin, concurrency: int | None, expected: int) -> None:
    image = image_of(2 * expected)
    registry = Registry(expected, image)
    with Script(play(registry, image, "v1")) as server:
        options: dict[str, Any] = {} if concurrency is None else {"concurrency": concurrency}
        twin.connect(server.url).repository("app").pull("v1", acr.Memory(), **options)
        assert registry.most == expected
        assert len(set(server.connections)) <= expected + 1  # that of the manifest, in the async client


def test_a_push_has_as_many_connections_as_it_is_allowed(twin: Twin) -> None:
    image, registry = image_of(32), Registry(16)
    with Script(play(registry, image, "v1")) as server:
        twin.connect(server.url).repository("app").push(image, tag="v1")
        assert registry.most == 16
        assert len(set(server.connections)) <= 16


@pytest.mark.parametrize("verb", ["pull", "push", "push_artifact"])
def test_four_large_blobs_go_at_a_time_on_this_machine_and_the_config_beside_them(
    twin: Twin, tmp_path: Path, verb: str
) -> None:
    contents = [bytes([number]) * (8 * MIB) for number in range(7)]
    image = acr.Memory()
    add_image(image, contents, tag="v1")
    registry = Registry(5, image if verb == "pull" else None, looks=0.3)
    with Script(play(registry, image, "v1")) as server:
        repository = twin.connect(server.url).repository("app")
        if verb == "pull":
            repository.pull("v1", acr.Memory())
        elif verb == "push":
            repository.push(image, tag="v1")
        else:
            files = [tmp_path / str(number) for number in range(7)]
            for file, content in zip(files, contents, strict=True):
                file.write_bytes(content)
            repository.push_artifact(files, artifact_type="a/b", tag="v1")
        assert registry.most == 5


@pytest.mark.parametrize(("place", "count"), [("http://127.0.0.1:5000", 4), ("localhost", 4), ("my.azurecr.io", 8)])
def test_a_registry_that_is_somewhere_else_is_asked_for_more(place: str, count: int) -> None:
    with acr.Registry(place) as registry:
        room = Room(16, 12, sizes=[100 * MIB] * 12, large=registry._session.large)
    assert len([index for index in range(12) if room.begin() is not None]) == count


def test_files_of_an_artifact_are_pushed_many_at_once_and_its_config_beside_them(twin: Twin, tmp_path: Path) -> None:
    for number in range(15):
        (tmp_path / f"{number}.txt").write_text(f"file {number}")
    registry = Registry(16)
    with Script(play(registry, acr.Memory(), "v1")) as server:
        files = sorted(tmp_path.iterdir())
        twin.connect(server.url).repository("app").push_artifact(files, artifact_type="a/b", tag="v1")
        assert registry.most == 16


def test_manifests_move_as_many_at_once_as_blobs(twin: Twin) -> None:
    image = acr.Memory()
    children = [add_image(image, [b"same"], tag=f"v{number}", n=number) for number in range(12)]
    add_index(image, children, tag="all")
    together, seen = threading.Barrier(12), []

    def plays(peer: Peer, asked: Asked) -> None:
        reference = asked.target.rpartition("/")[2]
        if "/manifests/" in asked.target:
            manifest = image.manifest(image.resolve("all").digest if reference == "all" else acr.Digest(reference))
            if reference != "all":
                seen.append(reference)
                together.wait(PATIENCE)
            peer.send(head(manifest.size, f"Content-Type: {manifest.media_type}") + manifest.content)
        else:
            peer.send(given(image, asked, "all"))

    with Script(plays) as server:
        twin.connect(server.url).repository("app").pull("all", acr.Memory())
    assert sorted(seen) == sorted(child.digest for child in children)


def test_within_a_registry_a_copy_has_two_connections_for_each_blob(twin: Twin) -> None:
    """One to read from, one to write to: 16 blobs at the most."""
    image, registry = image_of(40), Registry(16)
    reading = Registry(1, image)

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.target.startswith("/v2/there/") or "/manifests/" in asked.target:
            play(registry, image, "v1")(peer, asked)
        else:
            reading(peer, asked)

    with Script(plays) as server:
        twin.connect(server.url).copy("here:v1", "there:v1", concurrency=64)
        assert registry.most == 16
        assert len(set(server.connections)) <= 32


@pytest.fixture
def storage_that_throttled(twin: Twin, acr_emulator: Emulator) -> tuple[acr.Repository, InFlight]:
    """A client that has pulled an image while the storage, and not the registry, had too much to do."""
    traffic = InFlight()
    registry = twin.connect(
        acr_emulator.url, acr_emulator.credential(), on_request=traffic.begin, on_response=traffic.end
    )
    repository = registry.repository("app")
    repository.push(image_of(64), tag="v1")
    acr_emulator.fail(origin="storage", status=503, times=2)
    repository.pull("v1", acr.Memory(), concurrency=1)
    traffic.seen.clear()
    return repository, traffic


@pytest.mark.parametrize("is_push", [False, True])
def test_storage_that_throttles_narrows_what_is_read_from_it_and_nothing_else(
    storage_that_throttled: tuple[acr.Repository, InFlight], acr_emulator: Emulator, *, is_push: bool
) -> None:
    repository, traffic = storage_that_throttled
    acr_emulator.fail(times=ALWAYS, delay=0.02)
    if is_push:
        other = acr.Memory()
        add_image(other, [b"other layer %d" % number for number in range(40)], tag="v2")
        repository.push(other, tag="v2")
        assert max(traffic.seen) > 10
    else:
        repository.pull("v1", acr.Memory())
        assert 1 < max(traffic.seen[:30]) <= 9

"""What a download leaves when it is killed or fails, and how the next one takes it up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.content import bytes_of

fcntl = pytest.importorskip("fcntl", reason="without its locks partial files are not taken up")
posix = pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")

MIB = 1024 * 1024
CONTENT = bytes_of(5 * MIB + 17)


@pytest.fixture
def repository(registry: acr.Registry) -> acr.Repository:
    return registry.repository("team/app")


@pytest.fixture
def digest(repository: acr.Repository) -> acr.Digest:
    return repository.upload_blob(CONTENT).digest


def partial(target: Path, digest: acr.Digest) -> Path:
    return target.with_name(f".{target.name}.{digest.hex[:16]}.part")


def asked(emulator: Emulator) -> list[str | None]:
    """The ranges that were asked for of storage."""
    return [request.headers.get("range") for request in emulator.requests if request.origin == "storage"]


@pytest.mark.parametrize("have", [0, 1, MIB, 4 * MIB + 5])
def test_what_was_left_is_not_fetched_again(
    repository: acr.Repository, digest: acr.Digest, acr_emulator: Emulator, tmp_path: Path, have: int
) -> None:
    target = tmp_path / "model.bin"
    partial(target, digest).write_bytes(CONTENT[:have])
    events: list[acr.ProgressEvent] = []

    assert repository.download_blob(digest, target, progress=events.append).size == len(CONTENT)

    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]
    assert asked(acr_emulator) == [f"bytes={have}-" if have else None]
    assert events[0] == acr.Started(acr.Item(digest, len(CONTENT), digest), have)
    assert sum(event.count for event in events if isinstance(event, acr.Moved)) == len(CONTENT) - have


@pytest.mark.parametrize(
    "left", [b"wrong", bytes(len(CONTENT)), CONTENT + b"more"], ids=["damaged", "of the right size", "too long"]
)
def test_what_was_left_and_is_wrong_is_fetched_anew(
    repository: acr.Repository, digest: acr.Digest, tmp_path: Path, left: bytes
) -> None:
    target = tmp_path / "model.bin"
    partial(target, digest).write_bytes(left)

    repository.download_blob(digest, target)

    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


def test_what_was_left_whole_only_gets_its_name(
    repository: acr.Repository, digest: acr.Digest, acr_emulator: Emulator, tmp_path: Path
) -> None:
    target = tmp_path / "model.bin"
    partial(target, digest).write_bytes(CONTENT)
    events: list[acr.ProgressEvent] = []

    repository.download_blob(digest, target, progress=events.append)

    assert target.read_bytes() == CONTENT
    assert asked(acr_emulator) == [f"bytes={len(CONTENT)}-"]  # it was asked for twice
    assert not [event for event in events if isinstance(event, acr.Moved)]


def test_what_another_process_writes_is_left_to_it(
    repository: acr.Repository, digest: acr.Digest, tmp_path: Path
) -> None:
    target = tmp_path / "model.bin"
    theirs = partial(target, digest)
    with theirs.open("wb") as file:
        file.write(b"theirs")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        repository.download_blob(digest, target)
        assert theirs.read_bytes() == b"theirs"

    assert target.read_bytes() == CONTENT
    assert sorted(tmp_path.iterdir()) == [theirs, target]


@posix
def test_a_link_in_its_place_is_not_written_through(
    repository: acr.Repository, digest: acr.Digest, tmp_path: Path
) -> None:
    target, victim = tmp_path / "model.bin", tmp_path / "victim"
    victim.write_bytes(b"untouched")
    partial(target, digest).symlink_to(victim)

    repository.download_blob(digest, target)

    assert target.read_bytes() == CONTENT
    assert victim.read_bytes() == b"untouched"


def test_a_failed_download_leaves_what_came_where_that_is_wished(
    repository: acr.Repository, digest: acr.Digest, acr_emulator: Emulator, tmp_path: Path
) -> None:
    target = tmp_path / "model.bin"
    acr_emulator.fail(origin="storage", drop_after=3 * MIB)
    acr_emulator.fail(origin="storage", status=403)
    with pytest.raises(acr.Denied):
        repository.download_blob(digest, target, keep_partial=True)
    left = partial(target, digest).stat().st_size
    assert 0 < left <= 3 * MIB

    repository.download_blob(digest, target)

    assert target.read_bytes() == CONTENT
    assert asked(acr_emulator)[-1] == f"bytes={left}-"


def test_a_failed_download_leaves_nothing_where_it_is_not(
    repository: acr.Repository, digest: acr.Digest, acr_emulator: Emulator, tmp_path: Path
) -> None:
    acr_emulator.fail(origin="storage", drop_after=3 * MIB)
    acr_emulator.fail(origin="storage", status=403)

    with pytest.raises(acr.Denied):
        repository.download_blob(digest, tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_never_kept(
    repository: acr.Repository, digest: acr.Digest, acr_emulator: Emulator, tmp_path: Path
) -> None:
    acr_emulator.fail(origin="storage", status=200, body=bytes(1000))

    with pytest.raises(acr.DigestMismatch):
        repository.download_blob(digest, tmp_path / "model.bin", keep_partial=True)
    assert list(tmp_path.iterdir()) == []

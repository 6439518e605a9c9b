"""Uploads to registries of other makes: chunks too large, too small or too many, and sessions that tell nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import acr
from tests.content import bytes_of
from tests.makes.registry import OtherMake
from tests.twin import Twin
from tests.uploading import SOURCES

MIB = 1024 * 1024
LARGE = bytes_of(21 * MIB + 17)
DIGEST = acr.Digest.of(LARGE)
REFUSALS = [400, 403, 405, 410, 501]


class Stop(BaseException):
    """As Ctrl-C."""


def uploaded(make: OtherMake, content: bytes = LARGE, name: str = "app") -> bool:
    return make.blobs.get(name, {}).get(acr.Digest.of(content)) == content


# Chunks.


@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("known", [True, False])
def test_chunks_are_halved_where_a_larger_one_stays_refused(
    twin: Twin, tmp_path: Path, kind: str, *, known: bool
) -> None:
    """GHCR refuses what has over 4 MiB with 416, and the session stays as it was."""
    with OtherMake(largest=4 * MIB) as make:
        repository = twin.connect(make.url).repository("app")
        digest = DIGEST if known else None
        repository.upload_blob(SOURCES[kind](LARGE, tmp_path / "blob"), digest=digest)
        assert uploaded(make)
        assert sum(size > 4 * MIB for size in make.chunks) <= 1
        assert make.uploads == {}
        assert make.count("POST") == 1


def test_what_a_registry_refuses_is_not_tried_with_the_next_blob(twin: Twin, tmp_path: Path) -> None:
    with OtherMake(largest=4 * MIB) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES["path"](LARGE, tmp_path / "blob"))
        make.chunks.clear()
        other = LARGE + b"more"
        repository.upload_blob(SOURCES["path"](other, tmp_path / "other"))
        assert uploaded(make, other)
        assert max(make.chunks) == 4 * MIB


@pytest.mark.parametrize("largest", [4 * MIB, MIB, 300_000])
@pytest.mark.parametrize("wanted", [None, 16 * MIB])
def test_chunks_are_halved_until_they_are_taken(twin: Twin, tmp_path: Path, largest: int, wanted: int | None) -> None:
    """Also where the first of them is too large already."""
    with OtherMake(largest=largest) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES["path"](LARGE, tmp_path / "blob"), chunk_size=wanted)
        assert uploaded(make)
        assert make.uploads == {}


def test_a_small_blob_that_is_too_large_for_one_request_goes_in_chunks(twin: Twin) -> None:
    content = bytes_of(3 * MIB)
    with OtherMake(largest=MIB) as make:
        twin.connect(make.url).repository("app").upload_blob(content)
        assert uploaded(make, content)


@pytest.mark.parametrize("status", [202, 503])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
def test_a_registry_that_takes_next_to_nothing_of_each_chunk_is_given_up(
    twin: Twin, tmp_path: Path, kind: str, status: int
) -> None:
    """Two bytes a request are progress, but no end. With 503 they are there all the same, as its status says."""
    content = bytes_of(40_000)
    with OtherMake(crumb=32, statuses={"patch": status}) as make:
        repository = twin.connect(make.url, retries=acr.Retries(limit=3)).repository("app")
        with pytest.raises(acr.ProtocolViolation if status == 202 else acr.ServerError) as caught:
            repository.upload_blob(SOURCES[kind](content, tmp_path / "blob"), chunk_size=8_000)
        assert len(make.chunks) == 4
        assert make.uploads == {}
    if status == 202:
        assert str(caught.value) == (
            "an upload to app: the registry took 32 of the 8000 bytes of a chunk, and as little of those before: ask"
            " those who run it, or a proxy before it, how large a chunk may be, and pass chunk_size="
        )


@pytest.mark.parametrize("status", [202, 503])
def test_a_chunk_by_hand_of_which_next_to_nothing_is_taken_is_given_up(twin: Twin, status: int) -> None:
    with OtherMake(crumb=32, statuses={"patch": status}) as make:
        repository = twin.connect(make.url, retries=acr.Retries(limit=3)).repository("app")
        with pytest.raises(acr.ProtocolViolation if status == 202 else acr.ServerError):
            repository.start_upload().write(bytes_of(8_000))
        assert len(make.chunks) == 4


def test_a_registry_that_takes_part_of_each_chunk_gets_all_of_it(twin: Twin, tmp_path: Path) -> None:
    content = bytes_of(40_000)
    with OtherMake(crumb=200) as make:
        repository = twin.connect(make.url, retries=acr.Retries(limit=1)).repository("app")
        repository.upload_blob(SOURCES["path"](content, tmp_path / "blob"), chunk_size=8_000)
        assert uploaded(make, content)
        upload = repository.start_upload()
        upload.write(content[:8_000])
        assert upload.commit().digest == acr.Digest.of(content[:8_000])


@pytest.mark.parametrize("wanted", [None, MIB])
@pytest.mark.parametrize("kind", ["path", "list", "once"])
@pytest.mark.parametrize("least", [5 * MIB, 12 * MIB])
def test_chunks_are_as_large_as_a_registry_asks_for(
    twin: Twin, tmp_path: Path, kind: str, least: int, wanted: int | None
) -> None:
    """OCI-Chunk-Min-Length (OCI distribution spec, "Pushing a blob in chunks"): all but the last."""
    with OtherMake(smallest=least) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES[kind](LARGE, tmp_path / "blob"), chunk_size=wanted)
        assert uploaded(make)
        assert min(make.chunks[:-1]) >= least


def test_chunks_are_not_halved_below_what_a_registry_asks_for(twin: Twin, tmp_path: Path) -> None:
    with OtherMake(smallest=5 * MIB, largest=6 * MIB) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES["path"](LARGE, tmp_path / "blob"))
        assert uploaded(make)
        assert min(make.chunks[:-1]) >= 5 * MIB


def test_what_a_registry_asks_for_is_known_to_who_sends_by_hand(twin: Twin) -> None:
    with OtherMake(smallest=5 * MIB) as make:
        repository = twin.connect(make.url).repository("app")
        upload = repository.start_upload()
        assert upload.min_chunk_size == upload.state.min_chunk_size == 5 * MIB
        upload.write(bytes(5 * MIB))
        again = acr.UploadState.from_json(json.loads(json.dumps(upload.state.to_json())))
        assert repository.resume_upload(again).min_chunk_size == 5 * MIB
        upload.write(b"the rest")
        assert upload.commit().size == 5 * MIB + 8


@pytest.mark.parametrize(("kind", "chunks"), [("once", [64, 1]), ("path", [65])])
def test_a_registry_cannot_ask_for_more_than_is_held_in_memory(
    twin: Twin, tmp_path: Path, kind: str, chunks: list[int]
) -> None:
    """A file is not held."""
    content = bytes(65 * MIB)
    with OtherMake(smallest=10**15, insists=False) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES[kind](content, tmp_path / "blob"))
        assert uploaded(make, content)
        assert make.chunks == [size * MIB for size in chunks]


@pytest.mark.parametrize("second", [201, 202, 400, 404, 405, 416])
@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("no_status", [None, 405])
def test_a_registry_that_takes_one_chunk_gets_one(
    twin: Twin, tmp_path: Path, second: int, no_status: int | None, *, created: bool
) -> None:
    """ECR answers a chunk with 201, and drops the second one without a word (aws/containers-roadmap#2831)."""
    statuses = {"patch": 201} if created else {}
    with OtherMake(second=second, statuses=statuses, no_status=no_status) as make:
        repository = twin.connect(make.url).repository("app")
        path = SOURCES["path"](LARGE, tmp_path / "blob")
        assert repository.upload_blob(path, digest=DIGEST, chunk_size=4 * MIB).size == len(LARGE)
        assert uploaded(make)
        assert make.chunks[-1] == len(LARGE)
        # A second chunk may be lost by accident, so the fourth such refusal is believed. Others are believed at once.
        refusals = 4 if second in (404, 416) and not created else 1
        assert make.chunks[:-1] == [4 * MIB] * 2 * refusals
        assert make.uploads == {}
        make.chunks.clear()
        other = LARGE + b"more"
        repository.upload_blob(SOURCES["path"](other, path), chunk_size=4 * MIB)
        assert uploaded(make, other)
        assert make.chunks == [len(other)]  # it is known now


def test_a_registry_that_takes_one_chunk_gets_it_again_where_it_was_lost(twin: Twin, tmp_path: Path) -> None:
    with OtherMake(second=404, statuses={"patch": 201}) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(SOURCES["path"](LARGE, tmp_path / "blob"))
        other = bytes(LARGE)[::-1]
        make.manners.lost = 0
        seen = []

        def progress(event: acr.ProgressEvent) -> None:
            seen.append(event)
            if isinstance(event, acr.Retried):
                make.manners.lost = None

        repository.upload_blob(SOURCES["path"](other, tmp_path / "other"), progress=progress)
        assert uploaded(make, other)
        assert any(isinstance(event, acr.Retried) for event in seen)


@pytest.mark.parametrize("kind", ["once", "list"])
@pytest.mark.parametrize("second", [201, 404, 405])
def test_what_has_no_size_is_told_where_one_chunk_is_taken(twin: Twin, tmp_path: Path, second: int, kind: str) -> None:
    with OtherMake(second=second, statuses={"patch": 201}) as make:
        repository = twin.connect(make.url).repository("app")
        with pytest.raises(acr.AcrError, match="all of a blob in one chunk only: pass a path"):
            repository.upload_blob(SOURCES[kind](LARGE, tmp_path / "blob"))
        assert make.uploads == {}
        make.chunks.clear()
        repository.upload_blob(LARGE, chunk_size=4 * MIB)
        # It is not known yet whether the registry takes all in one: nobody has tried.
        assert make.chunks == [4 * MIB, 4 * MIB, len(LARGE)]


def test_a_registry_that_loses_one_upload_is_not_taken_for_one_that_takes_one_chunk(twin: Twin, tmp_path: Path) -> None:
    with OtherMake() as make:
        repository = twin.connect(make.url).repository("app")
        path = SOURCES["path"](LARGE, tmp_path / "blob")
        make.manners.lost = 1

        def progress(event: acr.ProgressEvent) -> None:
            if isinstance(event, acr.Retried):
                make.manners.lost = None

        repository.upload_blob(path, progress=progress)
        assert uploaded(make)
        assert len(make.chunks) > 3


# What an upload does not say.


@pytest.mark.parametrize("no_status", REFUSALS)
@pytest.mark.parametrize("kind", ["path", "bytes", "list"])
def test_an_upload_that_does_not_tell_how_far_it_got_begins_anew(
    twin: Twin, tmp_path: Path, no_status: int, kind: str
) -> None:
    """The registry of go-containerregistry answers 400."""
    with OtherMake(no_status=no_status) as make:
        repository = twin.connect(make.url).repository("app")
        repository.upload_blob(bytes_of(9 * MIB), chunk_size=2 * MIB)
        make.manners.lost = 2
        events: list[acr.ProgressEvent] = []

        def progress(event: acr.ProgressEvent) -> None:
            events.append(event)
            if isinstance(event, acr.Retried):
                make.manners.lost = None

        repository.upload_blob(SOURCES[kind](LARGE, tmp_path / "blob"), chunk_size=2 * MIB, progress=progress)
        assert uploaded(make)
        assert [event.offset for event in events if isinstance(event, acr.Retried)] == [0]
        assert make.uploads == {}


@pytest.mark.parametrize("no_status", REFUSALS)
def test_the_error_of_a_chunk_is_not_hidden_by_that_of_the_status(twin: Twin, no_status: int) -> None:
    with OtherMake(no_status=no_status, largest=10) as make:
        upload = twin.connect(make.url).repository("app").start_upload()
        with pytest.raises(acr.ResponseError) as caught:
            upload.write(bytes(100))
        assert (caught.value.status, caught.value.codes) == (416, ("SIZE_INVALID",))


@pytest.mark.parametrize("no_status", [*REFUSALS, 404, 500])
def test_no_checkpoint_fails_for_ever(twin: Twin, tmp_path: Path, no_status: int) -> None:
    path, checkpoint = SOURCES["path"](LARGE, tmp_path / "blob"), tmp_path / "state"

    def stop(event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Moved) and len(make.chunks) > 1:
            raise Stop

    with OtherMake() as make:
        repository = twin.connect(make.url).repository("app")
        with pytest.raises(Stop):
            repository.upload_blob(path, chunk_size=2 * MIB, checkpoint=checkpoint, progress=stop)
        assert checkpoint.exists()
        make.manners.no_status = no_status
        repository.upload_blob(path, chunk_size=2 * MIB, checkpoint=checkpoint)
        assert uploaded(make)
        assert not checkpoint.exists()


@pytest.mark.parametrize("second", [400, 405, 409, 410, 416, 404, 501])
def test_a_session_of_a_checkpoint_that_takes_nothing_more_is_begun_anew(
    twin: Twin, tmp_path: Path, second: int
) -> None:
    path, checkpoint = SOURCES["path"](LARGE, tmp_path / "blob"), tmp_path / "state"

    def stop(event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Moved) and len(make.chunks) > 1:
            raise Stop

    with OtherMake() as make:
        repository = twin.connect(make.url).repository("app")
        with pytest.raises(Stop):
            repository.upload_blob(path, chunk_size=2 * MIB, checkpoint=checkpoint, progress=stop)
        make.manners.second = second

        def progress(event: acr.ProgressEvent) -> None:
            if isinstance(event, acr.Retried):
                make.manners.second = None

        repository.upload_blob(path, chunk_size=2 * MIB, checkpoint=checkpoint, progress=progress)
        assert uploaded(make)
        assert not checkpoint.exists()


def test_a_checkpoint_of_an_upload_that_was_refused_for_good_is_removed(twin: Twin, tmp_path: Path) -> None:
    path, checkpoint = SOURCES["path"](LARGE, tmp_path / "blob"), tmp_path / "state"
    with OtherMake(largest=1000, statuses={}) as make:
        repository = twin.connect(make.url, retries=acr.Retries(limit=1)).repository("app")
        with pytest.raises(acr.ResponseError):
            repository.upload_blob(path, chunk_size=2 * MIB, checkpoint=checkpoint)
        assert not checkpoint.exists()


# Mounts.

NO_MOUNTS: list[dict[str, Any]] = [
    *({"no_mount": status} for status in (400, 401, 403, 404, 405, 409, 415, 500, 501, 502, 503)),
    {"mounts_lie": True},
]


@pytest.mark.parametrize("manners", NO_MOUNTS, ids=str)
def test_a_mount_that_is_refused_or_was_a_lie_becomes_an_upload(twin: Twin, manners: dict[str, Any]) -> None:
    content = b"a layer of the base"
    digest = acr.Digest.of(content)
    with OtherMake(**manners) as make:
        make.add("base", content)
        repository = twin.connect(make.url).repository("app")
        assert repository.upload_blob(content, digest=digest, mount_from="base").digest == digest
        assert uploaded(make, content)
        assert make.uploads == {}


@pytest.mark.parametrize("manners", NO_MOUNTS, ids=str)
def test_a_copy_sends_what_cannot_be_mounted(twin: Twin, manners: dict[str, Any]) -> None:
    with OtherMake(**manners) as make:
        image = make.add_image("app", LARGE[:MIB], tag="v1")
        assert twin.connect(make.url).copy("app:v1", "two").digest == image
        assert make.tags["two"]["v1"] == image
        assert make.blobs["two"] == make.blobs["app"]


def test_a_blob_that_a_registry_only_says_that_it_has_is_sent_all_the_same(twin: Twin) -> None:
    """Its mount lies, and so does its HEAD; what it says of the manifest is the truth."""
    with OtherMake(mounts_lie=True) as make:
        image = make.add_image("app", b"a layer", tag="v1")
        registry = twin.connect(make.url)
        make.blobs["two"] = dict(make.blobs["app"])
        shown = make.manners.head_blob

        def head(said: Any) -> Any:
            make.blobs["two"].clear()  # gone, as soon as it was asked for
            return shown(said)

        make.manners.head_blob = head
        assert registry.copy("app:v1", "two").digest == image
        assert make.blobs["two"] == make.blobs["app"]


@pytest.mark.parametrize("manners", [{"no_mount": 400}, {"no_mount": 405}, {"no_mount": 500}, {"mounts_lie": True}])
def test_who_mounts_by_hand_is_told_that_it_is_not_there(twin: Twin, manners: dict[str, Any]) -> None:
    with OtherMake(**manners) as make:
        digest = make.add("base", b"base")
        assert not twin.connect(make.url).repository("app").mount_blob(digest, "base")


def test_a_mount_is_not_tried_for_long_where_it_fails(twin: Twin) -> None:
    with OtherMake(no_mount=500) as make:
        digest = make.add("base", b"base")
        twin.connect(make.url).repository("app").upload_blob(b"base", digest=digest, mount_from="base")
        assert twin.slept == []
        assert make.count("POST /v2/app/blobs/uploads/?") == 1

"""Blobs and manifests of registries of other makes: sizes that HEAD does not tell, and successes of other names."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import acr
from acr import media_types
from tests.content import bytes_of
from tests.makes.registry import HTML, OtherMake, Said, refused
from tests.twin import Twin

CONTENT = bytes_of(200_000)
DIGEST = acr.Digest.of(CONTENT)


def with_length(length: int | None) -> Callable[[Said], Said]:
    return lambda said: attrs.evolve(said, length=length)


def page(_: Said) -> Said:
    return Said(status=200, body=HTML, headers={"Content-Type": "text/html"})


HEADS: dict[str, dict[str, Any]] = {
    "as the spec has it": {},
    "redirected": {"storage_head": 200},
    "redirected to what is signed for GET alone": {"storage_head": 403},
    "redirected to what knows no HEAD": {"storage_head": 405},
    "redirected, and without a length": {"storage_head": 200, "head_blob": with_length(None)},
    "without a length": {"head_blob": with_length(None)},
    "of no bytes": {"head_blob": with_length(0)},
    "refused": {"head_blob": lambda _: refused(405)},
    "not implemented": {"head_blob": lambda _: refused(501)},
    "of something compressed": {
        "head_blob": lambda said: attrs.evolve(said, length=77, headers={"Content-Encoding": "gzip"})
    },
    "without content": {"head_blob": lambda _: Said(status=204)},
}


@pytest.mark.parametrize("head", HEADS)
def test_the_size_of_a_blob_is_found_out_whatever_a_head_tells(twin: Twin, head: str) -> None:
    """distribution#3691: in front of S3, GCS and Azure it redirects a HEAD, too."""
    with OtherMake(**HEADS[head]) as make:
        make.add("app", CONTENT)
        make.add("app", b"")
        repository = twin.connect(make.url).repository("app")
        assert repository.blob(DIGEST).head().size == len(CONTENT)
        assert repository.blob(acr.Digest.of(b"")).head().size == 0
        assert repository.blob(DIGEST).exists()
        assert not repository.blob(acr.Digest.of(b"other")).exists()
        with pytest.raises(acr.NotFound):
            repository.blob(acr.Digest.of(b"other")).head()


@pytest.mark.parametrize("head", HEADS)
def test_a_blob_is_read_at_any_place_whatever_a_head_tells(twin: Twin, head: str) -> None:
    with OtherMake(**HEADS[head]) as make:
        make.add("app", CONTENT)
        with twin.connect(make.url).repository("app").blob(DIGEST).open() as blob:
            assert blob.read() == CONTENT
            blob.seek(-5, io.SEEK_END)
            assert blob.read() == CONTENT[-5:]


@pytest.mark.parametrize("head", HEADS)
def test_a_part_is_looked_for_whatever_a_head_tells(twin: Twin, head: str) -> None:
    with OtherMake(**HEADS[head]) as make:
        make.add("app", CONTENT)
        blob = twin.connect(make.url).repository("app").blob(DIGEST)
        assert blob.has_chunk(len(CONTENT) - 10, 10)
        assert not blob.has_chunk(len(CONTENT) - 10, 11)


@pytest.mark.parametrize("head", HEADS)
def test_what_is_there_is_not_sent_again_whatever_a_head_tells(twin: Twin, head: str) -> None:
    with OtherMake(**HEADS[head]) as make:
        make.add("app", CONTENT)
        repository = twin.connect(make.url).repository("app")
        assert repository.upload_blob(CONTENT, digest=DIGEST).size == len(CONTENT)
        assert repository.upload_blob(iter([CONTENT]), digest=DIGEST).size == len(CONTENT)
        assert make.count("POST") == 0


@pytest.mark.parametrize("wrong", [5, len(CONTENT) - 1, len(CONTENT) + 1, 10**12])
def test_a_length_that_is_wrong_never_becomes_a_size(twin: Twin, wrong: int) -> None:
    with OtherMake(head_blob=with_length(wrong)) as make:
        make.add("app", CONTENT)
        repository = twin.connect(make.url).repository("app")
        assert repository.upload_blob(CONTENT, digest=DIGEST).size == len(CONTENT)
        with repository.blob(DIGEST).open() as blob:
            assert blob.read() == CONTENT
            assert blob.size == len(CONTENT)
        with repository.blob(DIGEST).open() as blob:
            blob.seek(-5, io.SEEK_END)  # nobody can know yet that this is another place
            with pytest.raises(acr.AcrError, match="another size before|ends before its"):
                blob.read(1)


def test_a_copy_takes_no_notice_of_a_wrong_length(twin: Twin) -> None:
    with OtherMake() as source, OtherMake(head_blob=with_length(3)) as target:
        source.add_image("app", CONTENT, tag="v1")
        target.add("app", CONTENT)
        registry, other = twin.connect(source.url), twin.connect(target.url)
        registry.copy("app:v1", "app", to=other)
        assert target.tags["app"]["v1"] == source.tags["app"]["v1"]


def test_a_web_page_is_no_blob(twin: Twin) -> None:
    for manners in ({"head_blob": page}, {"head_blob": page, "storage_head": 200}):
        with OtherMake(**manners) as make:
            make.add("app", CONTENT)
            with pytest.raises(acr.ProtocolViolation, match="a web page"):
                twin.connect(make.url).repository("app").blob(DIGEST).exists()


@pytest.mark.parametrize(
    "head", [with_length(0), with_length(None), with_length(17), lambda _: refused(405), lambda _: Said(status=204)]
)
def test_a_subject_is_written_with_the_size_that_it_has(
    twin: Twin, tmp_path: Path, head: Callable[[Said], Said]
) -> None:
    """It is part of what is attached, and of its digest, for ever."""
    path = tmp_path / "sbom.json"
    path.write_bytes(b"{}")
    with OtherMake(head_manifest=head) as make:
        image = make.add_image("app", tag="v1")
        repository = twin.connect(make.url).repository("app")
        attached = repository.manifest("v1").attach([path], artifact_type="application/spdx+json")
        subject = repository.manifest(attached.digest).get().subject
        assert subject is not None
        assert (subject.digest, subject.size) == (image, len(make.manifests["app"][image][1]))


@pytest.mark.parametrize(
    "head", [with_length(0), with_length(None), lambda _: refused(405), lambda _: Said(status=204)]
)
def test_a_manifest_is_had_by_get_where_a_head_does_not_tell(twin: Twin, head: Callable[[Said], Said]) -> None:
    with OtherMake(head_manifest=head) as make:
        image = make.add_image("app", tag="v1")
        found = twin.connect(make.url).repository("app").manifest("v1").head()
        size = len(make.manifests["app"][image][1])
        assert found == acr.Descriptor(media_types.OCI_MANIFEST, image, size)


# What was done is not told as failed.

SUCCESSES = [
    ("patch", 200),
    ("patch", 201),
    ("patch", 204),
    ("commit", 200),
    ("commit", 202),
    ("commit", 204),
    ("manifest", 200),
    ("manifest", 202),
    ("manifest", 204),
    ("delete", 200),
    ("delete", 204),
    ("cancel", 200),
    ("cancel", 202),
    ("start", 200),
    ("start", 201),
    ("status", 200),
    ("status", 202),
    ("mount", 200),
    ("mount", 204),
]


@pytest.mark.parametrize(("what", "status"), SUCCESSES)
def test_a_success_of_another_name_is_one(twin: Twin, what: str, status: int) -> None:
    with OtherMake(statuses={what: status}) as make:
        make.add("base", b"base")
        repository = twin.connect(make.url).repository("app")
        blob = repository.upload_blob(CONTENT, chunk_size=70_000)
        assert make.blobs["app"][blob.digest] == CONTENT
        assert make.chunks == [70_000, 70_000, 60_000]
        with repository.start_upload() as upload:
            upload.write(b"abc")
            assert upload.status() == 3
            upload.cancel()
        assert repository.mount_blob(acr.Digest.of(b"base"), "base")
        assert repository.upload_blob(b"base", digest=acr.Digest.of(b"base"), mount_from="base").size == 4
        manifest = repository.push_artifact([], tag="v1")
        repository.manifest(manifest.digest).delete()
        assert manifest.digest not in make.manifests["app"]
        repository.blob(blob.digest).delete()
        assert blob.digest not in make.blobs["app"]
        assert make.uploads == {}


@pytest.mark.parametrize(("what", "status"), SUCCESSES)
def test_a_copy_and_a_download_go_through(twin: Twin, tmp_path: Path, what: str, status: int) -> None:
    with OtherMake(statuses={what: status}) as make:
        image = make.add_image("app", CONTENT, tag="v1")
        registry = twin.connect(make.url)
        assert registry.copy("app:v1", "two").digest == image
        assert make.tags["two"]["v1"] == image
        registry.repository("two").download_blob(DIGEST, tmp_path / "blob")
        assert (tmp_path / "blob").read_bytes() == CONTENT

"""A blob read at any place: as a file, by ranges, reading ahead."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

import acr
from acr.emulator import Emulator
from tests.shells.script import Asked, Peer, Script, digest_of, head
from tests.twin import Twin

MIB = 1024 * 1024


def pushed(registry: acr.Registry, content: bytes) -> str:
    return registry.repository("models").upload_blob(content).digest


def test_it_reads_what_a_file_would(twin: Twin, acr_emulator: Emulator) -> None:
    content = random.Random(1).randbytes(300_000)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = pushed(registry, content)
    file, chance = io.BytesIO(content), random.Random(2)

    with registry.repository("models").blob(digest).open() as blob:
        assert blob.size == len(content)
        for _ in range(60):
            offset, count = chance.randrange(310_000), chance.choice([0, 1, 100, 70_000])
            assert blob.seek(offset) == file.seek(offset)
            assert blob.read(count) == file.read(count)
            assert blob.tell() == file.tell()
        assert blob.seek(-5, io.SEEK_END) == len(content) - 5
        assert blob.seek(2, io.SEEK_CUR) == len(content) - 3
        assert blob.read() == content[-3:]
        assert blob.read() == blob.read(5) == b""


def test_it_reads_ahead_and_further_the_longer_it_goes_on(twin: Twin, acr_emulator: Emulator) -> None:
    content = random.Random(1).randbytes(8 * MIB)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = pushed(registry, content)

    with registry.repository("models").blob(digest).open() as blob:
        read = b"".join(iter(lambda: blob.read(10_000), b""))

    assert read == content
    ranges = [r.headers["range"] for r in acr_emulator.requests if r.origin == "storage"]
    sizes = [int(end) - int(begin) + 1 for begin, end in (text.removeprefix("bytes=").split("-") for text in ranges)]
    assert sizes[:4] == [65536, 131072, 262144, 524288]
    assert max(sizes) <= 4 * MIB
    assert len(sizes) < 12


def test_a_jump_fetches_little(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = pushed(registry, bytes(MIB))

    with registry.repository("models").blob(digest).open() as blob:
        for place in (0, 900_000, 100_000):
            blob.seek(place)
            blob.read(10)

    assert sum(r.origin == "storage" for r in acr_emulator.requests) == 3


def test_a_request_that_fails_is_repeated(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = pushed(registry, bytes(MIB))

    with registry.repository("models").blob(digest).open() as blob:
        acr_emulator.fail(method="GET", path_contains="blobs", drop=True)
        acr_emulator.fail(method="GET", path_contains="blobs", status=503)
        assert blob.read(100) == bytes(100)
    assert len(twin.slept) == 2


@pytest.mark.parametrize(("offset", "whence"), [(-1, 0), (-200, 1), (-200, 2), (0, 3)])
def test_a_place_before_the_beginning_is_refused(twin: Twin, acr_emulator: Emulator, offset: int, whence: int) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = pushed(registry, bytes(100))

    with registry.repository("models").blob(digest).open() as blob, pytest.raises(acr.InvalidInput, match="seek"):
        blob.seek(offset, whence)


def test_a_blob_that_is_not_there_is_told_when_it_is_opened(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())

    with pytest.raises(acr.NotFound):
        registry.repository("models").blob(acr.Digest.of(b"nothing")).open()


def test_one_that_is_closed_reads_no_more(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    blob = registry.repository("models").blob(pushed(registry, bytes(100))).open()
    blob.close()

    with pytest.raises(ValueError, match="closed"):
        blob.read(1)


def test_a_member_of_an_archive_is_read_without_the_rest(acr_emulator: Emulator) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("large", random.Random(1).randbytes(5 * MIB))
        archive.writestr("small", b"found")
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        digest = pushed(registry, packed.getvalue())
        with registry.repository("models").blob(digest).open() as blob, zipfile.ZipFile(blob) as archive:
            assert archive.read("small") == b"found"
            assert io.BufferedReader(blob).seek(0) == 0

    assert sum(r.origin == "storage" for r in acr_emulator.requests) < 6


def test_its_repr_does_not_change_what_the_next_read_does(twin: Twin) -> None:
    """A registry may tell a wrong size by HEAD. Nobody has relied on it yet, so the first bytes correct it."""

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.method == "HEAD":
            peer.send(head(5))
        else:
            peer.send(head(3, "Content-Range: bytes 0-2/3", status="206 Partial Content") + b"abc")

    with Script(plays) as script:
        repository = twin.connect(script.url).repository("app")
        blob = repository.blob(digest_of(b"abc")).open()
        assert repr(blob).endswith("at 0 of 5 bytes>")
        assert blob.read() == b"abc"
        relied = repository.blob(digest_of(b"abc")).open()
        assert relied.size == 5
        with pytest.raises(acr.SizeMismatch):
            relied.read()

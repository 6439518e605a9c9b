"""The copy algorithm between two places on this machine: it does not mind that no registry is part of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import acr
from acr._core.images.copying import Options, transfer
from acr._core.images.stores import LocalStore
from acr._core.runtime import Runtime
from acr._shells.asynchronous import AsyncioRuntime
from acr._shells.blocking import BlockingRuntime
from acr._shells.http import Network
from acr._shells.stepping import run
from acr._values.options import Timeouts
from tests.content import bytes_of
from tests.images import add_image, add_index, attach, contents

Copy = Callable[[acr.Local, acr.Local], acr.Descriptor]


@pytest.fixture
def events() -> list[acr.ProgressEvent]:
    """What the progress callback was told."""
    return []


@pytest.fixture(params=["sync", "async"])
def copied(request: pytest.FixtureRequest, events: list[acr.ProgressEvent]) -> Copy:
    """Copies the image of the name `v1`, and what is attached to it, on the runtime of either colour."""
    options = Options(platform=None, referrers=True, concurrency=4, progress=events.append)
    network = Network(timeouts=Timeouts(), proxy=None, ssl_context=None)

    async def body(runtime: Runtime, source: acr.Local, target: acr.Local) -> acr.Descriptor:
        one, other = LocalStore(runtime, source, "source"), LocalStore(runtime, target, "target")
        try:
            return await transfer(runtime, one, other, await one.resolve("v1"), "v2", options)
        finally:
            await runtime.aclose()

    async def on_asyncio(source: acr.Local, target: acr.Local) -> acr.Descriptor:
        return await body(AsyncioRuntime(network), source, target)

    if request.param == "sync":
        return lambda source, target: run(body(BlockingRuntime(network), source, target))
    return lambda source, target: asyncio.run(on_asyncio(source, target))


@pytest.fixture
def source() -> acr.Memory:
    """An index of two images, with an artifact that is attached to it."""
    memory = acr.Memory()
    index = add_index(memory, [add_image(memory, [bytes_of(3_000_000)]), add_image(memory, [b"small"])], tag="v1")
    attach(memory, index, "application/x-note", b"note")
    memory.commit()
    return memory


def test_from_memory_into_a_layout_and_from_there_into_a_tar(
    copied: Copy, source: acr.Memory, tmp_path: Path, events: list[acr.ProgressEvent]
) -> None:
    root = source.resolve("v1")
    folder, tar = acr.Layout(tmp_path / "folder"), acr.Layout(tmp_path / "layout.tar")
    assert copied(source, folder).digest == root.digest
    moved = sum(event.count for event in events if isinstance(event, acr.Moved))
    assert moved == sum(event.item.size or 0 for event in events if isinstance(event, acr.Done))
    folder.tag(folder.resolve("v2"), "v1")
    folder.commit()
    assert copied(folder, tar).digest == root.digest
    for target in (folder, tar):
        assert contents(target, root.digest) == contents(source, root.digest)
        (attached,) = target.referrers(root.digest)
        assert contents(target, attached.digest)


def test_what_was_left_half_by_an_earlier_run_is_begun_anew(copied: Copy, source: acr.Memory, tmp_path: Path) -> None:
    digest = acr.Digest.of(bytes_of(3_000_000))
    folder = tmp_path / "folder"
    (folder / "blobs/sha256").mkdir(parents=True)
    left = folder / "blobs/sha256" / f".{digest.hex[:50]}.{digest.hex[:16]}.part"
    left.write_bytes(b"wrong")
    copied(source, acr.Layout(folder))
    assert (folder / "blobs/sha256" / digest.hex).read_bytes() == bytes_of(3_000_000)
    assert not left.exists()


def test_content_that_is_not_of_its_digest_leaves_nothing(copied: Copy, source: acr.Memory, tmp_path: Path) -> None:
    folder = acr.Layout(tmp_path / "folder")
    copied(source, folder)
    folder.tag(folder.resolve("v2"), "v1")
    folder.commit()
    digest = acr.Digest.of(bytes_of(3_000_000))
    path = tmp_path / "folder/blobs/sha256" / digest.hex
    path.write_bytes(b"!" + path.read_bytes()[1:])
    with pytest.raises(acr.DigestMismatch, match=str(digest)):
        copied(folder, acr.Layout(tmp_path / "target.tar"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_failing_target_is_named_as_such(copied: Copy, source: acr.Memory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(acr.TransferError) as caught:
        copied(source, acr.Layout(tmp_path / "file/layout"))
    assert caught.value.side == "target"

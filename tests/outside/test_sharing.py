"""Layouts that several copies share, or that one gives up: nothing is lost unseen, and nobody waits for the other."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acr import Descriptor, Digest, Layout, Memory, TransferError
from acr._outside.layouts.layout import Store
from acr._outside.layouts.roots import FULL_NAME, REF_NAME
from acr._outside.tar.tar_writer import TarWriter
from tests.outside.stores import described, everything, names_in, write_blob, write_image
from tests.outside.test_layout import index_of, layout_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links as POSIX has them")

EARLIER = bytes(3_000_000)


def tar_with_an_image(path: Path) -> Path:
    layout = Layout(path)
    write_blob(layout, EARLIER)
    layout.tag(write_image(layout, "earlier").descriptor, "earlier")
    layout.commit()
    return path


class Held:
    """Blocks of the old tar are copied when they may be, and not before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        real = TarWriter.copied

        def copied(writer: TarWriter, *args: Any) -> Any:
            for block in real(writer, *args):
                self.begun.set()
                assert self.go_on.wait(10)
                yield block

        monkeypatch.setattr(TarWriter, "copied", copied)


class WaitedFor:
    """A lock that tells when somebody comes to it."""

    def __init__(self, lock: threading.Lock) -> None:
        self.begun = threading.Event()
        self._lock = lock

    def __enter__(self) -> bool:
        self.begun.set()
        return self._lock.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._lock.__exit__(*error)


def beside(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run in a thread; what it raises is in the list when it has ended."""
    raised: list[object] = []

    def run() -> None:
        try:
            function()
        except TransferError as error:
            raised.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


# Two layouts of one tar.


@pytest.mark.parametrize("before", [False, True])
def test_of_two_that_write_one_tar_the_later_is_told_and_the_first_keeps_all(tmp_path: Path, before: bool) -> None:
    path = tmp_path / "x.tar"
    if before:
        tar_with_an_image(path)
    one, other = Layout(path), Layout(path)
    images = {layout: write_image(layout, mark) for layout, mark in ((one, "one"), (other, "other"))}
    one.tag(images[one].descriptor, "one")
    one.commit()
    other.tag(images[other].descriptor, "other")
    with pytest.raises(TransferError, match="was written by somebody else meanwhile: pull again, nothing is lost"):
        other.commit()
    other.abort()
    assert names_in(tmp_path) == ["x.tar"]
    assert Layout(path).tags() == (("earlier", "one") if before else ("one",))

    other.tag(write_image(other, "other").descriptor, "other")
    other.commit()
    found = Layout(path)
    for image in images.values():
        assert all(everything(found, layer) for layer in found.manifest(image.digest).layers)


def test_several_that_end_at_once_write_one_tar_one_after_the_other(tmp_path: Path) -> None:
    gate = threading.Barrier(6)

    def one(number: int) -> None:
        layout = Layout(tmp_path / "x.tar")
        layout.tag(write_image(layout, str(number)).descriptor, f"v{number}")
        gate.wait(10)
        try:
            layout.commit()
        finally:
            layout.abort()

    threads = [beside(lambda number=number: one(number)) for number in range(6)]  # type: ignore[misc]
    for thread, _ in threads:
        thread.join()
    succeeded = [f"v{number}" for number, (_, raised) in enumerate(threads) if not raised]
    layout = Layout(tmp_path / "x.tar")
    if sys.platform != "win32":  # where there are no locks on folders
        assert len(succeeded) == 1
        assert layout.tags() == tuple(succeeded)
    assert all(layout.manifest(layout.resolve(tag).digest) for tag in layout.tags())
    assert names_in(tmp_path) == ["x.tar"]


def test_a_tar_that_was_removed_meanwhile_is_told(tmp_path: Path) -> None:
    layout = Layout(tar_with_an_image(tmp_path / "x.tar"))
    layout.tag(write_image(layout).descriptor, "v1")
    layout.path.unlink()
    with pytest.raises(TransferError, match="by somebody else meanwhile"):
        layout.commit()
    layout.abort()
    assert names_in(tmp_path) == []


# One layout of several copies.


def test_a_blob_that_another_copy_ended_the_tar_of_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x.tar")
    sinks = [layout.sink(described(bytes([i]) * 3000)) for i in range(4)]
    for sink in sinks[:3]:
        sink.open()
    sinks[2].write(bytes([2]) * 3000)
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    layout.commit()
    late: list[Callable[[], object]] = [lambda: sinks[0].write(b"late"), sinks[2].commit, sinks[3].open]
    for step in late:
        with pytest.raises(TransferError, match="one copy at a time goes into a layout") as caught:
            step()
        assert caught.value.side == "target"
    for sink in sinks:
        sink.abort()
    layout.abort()
    assert names_in(tmp_path) == ["x.tar"]
    assert layout.manifest(layout.resolve("v1").digest) == image
    assert all(Digest.of(everything(layout, layer)) == layer.digest for layer in image.layers)
    assert not any(layout.has(described(bytes([i]) * 3000)) for i in range(4))


@pytest.mark.parametrize(
    "make", [lambda path: Layout(path / "x"), lambda path: Layout(path / "x.tar"), lambda _: Memory()]
)
def test_a_copy_whose_name_another_ones_failure_has_dropped_does_not_succeed(
    tmp_path: Path, make: Callable[[Path], Store]
) -> None:
    store = make(tmp_path)
    store.tag(write_image(store).descriptor, "v1")
    store.abort()  # of the other
    with pytest.raises(TransferError, match="one copy at a time goes into a layout") as caught:
        store.commit()
    assert caught.value.side == "target"


# Giving up.


def test_an_abort_does_not_wait_while_the_old_tar_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar_with_an_image(tmp_path / "x.tar")
    before = path.read_bytes()
    held = Held(monkeypatch)
    layout = Layout(path)
    first, told = beside(lambda: layout.sink(described(b"new")))
    assert held.begun.wait(10)
    tree: Any = layout._tree
    waited_for = WaitedFor(tree._beginning)
    monkeypatch.setattr(tree, "_beginning", waited_for)
    second, told_too = beside(lambda: layout.sink(described(b"newer")))
    assert waited_for.begun.wait(10)
    aborting, _ = beside(layout.abort)
    aborting.join(10)
    assert not aborting.is_alive()
    held.go_on.set()
    first.join()
    second.join()
    assert told == told_too == [f"the copy into {path} was given up meanwhile"]
    assert names_in(tmp_path) == ["x.tar"]
    assert path.read_bytes() == before

    layout.tag(write_image(layout, "again").descriptor, "again")
    layout.commit()
    assert layout.tags() == ("earlier", "again")


def test_an_abort_does_not_wait_for_a_commit_that_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar_with_an_image(tmp_path / "x.tar")
    before = path.read_bytes()
    held = Held(monkeypatch)
    layout = Layout(path)
    layout.tag(layout.resolve("earlier"), "another name")
    thread, told = beside(layout.commit)
    assert held.begun.wait(10)
    layout.abort()
    held.go_on.set()
    thread.join()
    assert told == [f"the copy into {path} was given up meanwhile"]
    assert names_in(tmp_path) == ["x.tar"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("make", [lambda path: Layout(path / "x.tar"), lambda _: Memory()])
def test_an_index_does_not_list_what_an_abort_has_just_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Store]
) -> None:
    store = make(tmp_path)
    store.tag(write_image(store).descriptor, "v1")
    size = store._tree.size

    def aborted(name: str) -> int | None:
        store.abort()
        return size(name)

    monkeypatch.setattr(store._tree, "size", aborted)
    with pytest.raises(TransferError, match="was given up meanwhile"):
        store.commit()
    monkeypatch.undo()
    assert names_in(tmp_path) == []
    with pytest.raises(TransferError, match="expected an OCI image layout"):
        store.tags()


# Names and files.


def test_a_name_takes_the_place_of_the_entry_without_one(tmp_path: Path) -> None:
    """Skopeo says of two entries of one digest that they are more than one image."""
    layout = Layout(tmp_path / "x")
    image = write_image(layout)
    for name in (None, "v1", None, "v2"):  # by digest, then by tag, and so on
        layout.tag(image.descriptor, name)
        layout.commit()
    entries = index_of(tmp_path / "x")["manifests"]
    assert [entry["annotations"] for entry in entries] == [{REF_NAME: "v1"}, {REF_NAME: "v2"}]


def test_entries_with_names_and_of_other_digests_stay(tmp_path: Path) -> None:
    layout, (first, _, _) = layout_of(tmp_path, {"a": "b"}, {"c": "d"}, {FULL_NAME: "docker.io/app:v3"})
    layout.tag(layout.resolve(first), "v1")
    layout.tag(layout.resolve("docker.io/app:v3"), "v3")
    layout.commit()
    annotations = [entry["annotations"] for entry in index_of(tmp_path)["manifests"]]
    assert annotations == [{"c": "d"}, {FULL_NAME: "docker.io/app:v3"}, {"a": "b", REF_NAME: "v1"}, {REF_NAME: "v3"}]


def test_what_is_attached_has_one_entry_when_it_gets_a_name(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "x")
    image = write_image(layout)
    sbom = write_image(layout, "sbom", artifactType="text/sbom", subject=image.descriptor.to_json())
    layout.tag(sbom.descriptor, "sbom")
    layout.commit()
    assert [entry["digest"] for entry in index_of(tmp_path / "x")["manifests"]] == [sbom.digest]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_tar_keeps_its_mode_and_is_shown_to_no_more_meanwhile(tmp_path: Path, mode: int) -> None:
    path = tar_with_an_image(tmp_path / "x.tar")
    path.chmod(mode)
    layout = Layout(path)
    layout.tag(write_image(layout, "2").descriptor, "v2")
    (partial,) = tmp_path.glob(".x.tar.*.part")
    assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    layout.commit()
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_tar_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        tar_with_an_image(tmp_path / "x.tar")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.tar").stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("there", [False, True])
def test_a_link_to_a_tar_stays_one(tmp_path: Path, there: bool) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "image.tar", tmp_path / "x.tar"
    if there:
        tar_with_an_image(real)
    link.symlink_to("real/image.tar")
    layout = Layout(link)
    image = write_image(layout)
    layout.tag(image.descriptor, "v1")
    layout.commit()
    assert str(link.readlink()) == "real/image.tar"
    assert Layout(real).tags() == (("earlier", "v1") if there else ("v1",))
    assert names_in(tmp_path) == ["real", "real/image.tar", "x.tar"]


@posix
def test_a_link_that_leads_nowhere_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.tar").symlink_to("x.tar")
    with pytest.raises(TransferError):
        Layout(tmp_path / "x.tar").sink(Descriptor("a/b", described(b"abc").digest, 3))
    assert names_in(tmp_path) == ["x.tar"]

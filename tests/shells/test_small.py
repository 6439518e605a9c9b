"""Small things take little: one thread for a small blob, a buffer of its size, and no module that is not needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

import acr
from acr._shells.async_answers import submit
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.images import add_image
from tests.twin import Twin

COUNT = 40
MIB = 1024 * 1024


def image_of(size: int) -> acr.Memory:
    image = acr.Memory()
    add_image(image, [bytes([number]) * size for number in range(COUNT)], tag="v1")
    return image


def test_a_small_blob_goes_to_a_thread_once(
    acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for its file, and once to see that the layout lacks it; its bytes come on the event loop."""
    given: list[object] = []

    def counted(threads: Executor, function: Callable[[], Any]) -> Future[Any]:
        given.append(function)
        return submit(threads, function)

    monkeypatch.setattr("acr._shells.asynchronous.submit", counted)

    async def main() -> None:
        async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.credential()) as registry:
            await registry.repository("app").push(image_of(1000), tag="v1")
            given.clear()
            await registry.repository("app").pull("v1", acr.Layout(tmp_path / "layout"))

    asyncio.run(main())
    assert len(given) <= 2 * COUNT + 10


def test_a_small_blob_takes_memory_for_its_bytes_alone(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    repository = twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app")
    repository.push(image_of(1000), tag="v1")
    repository.pull("v1", acr.Layout(tmp_path / "first"))
    tracemalloc.start()
    try:
        repository.pull("v1", acr.Layout(tmp_path / "second"))
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_layout_that_was_given_up_can_be_pulled_into_again(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """Giving up removes the folders that are empty, and the next pull makes them anew."""
    repository = twin.connect(acr_emulator.url, acr_emulator.credential(), retries=acr.Retries(limit=0)).repository(
        "app"
    )
    repository.push(image_of(10), tag="v1")
    layout = acr.Layout(tmp_path / "layout")
    acr_emulator.fail(method="GET", path_contains="/blobs/", status=404, times=ALWAYS)
    with pytest.raises(acr.NotFound):
        repository.pull("v1", layout)
    acr_emulator.reset()
    repository.push(image_of(10), tag="v1")
    assert repository.pull("v1", layout).digest == layout.resolve("v1").digest


PROGRAM = """
import sys
import acr

with acr.Registry({url!r}, acr.UsernamePassword({name!r}, {password!r})) as registry:
    print(list(registry.repository("app").tag_names()))
unwanted = ("jwt", "cryptography", "azure", "tarfile", "html", "asyncio", "acr._core.upkeep", "acr._core.images")
print([name for name in unwanted if name in sys.modules])
"""


def test_a_program_with_a_login_loads_no_cryptography_and_nothing_that_it_does_not_use(acr_emulator: Emulator) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        registry.repository("app").push(image_of(10), tag="v1")
    program = PROGRAM.format(url=acr_emulator.url, name=acr_emulator.username, password=acr_emulator.password)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["['v1']", "[]"]

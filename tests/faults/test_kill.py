"""A process is killed in the midst of a transfer, by a seed; the next one finishes without moving anything again."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

import acr
from acr.emulator import Emulator
from tests.faults.seeds import again, seeded, seeds

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL, and the locks of partial files")

SIZE: Final = 40 * 1024 * 1024
RUNS: Final = seeds("ACR_KILL_RUNS", 3)
PROJECT: Final = Path(__file__).resolve().parent.parent.parent

SYNC: Final = """
import sys
import acr
from tests.ranged_store import small

url, username, password, step, verb, *arguments = sys.argv[1:]
with acr.Registry(url, acr.UsernamePassword(username, password)) as registry:
    if int(step):
        registry._session.learned.cutting = small(int(step))
    repository = registry.repository("app")
    if verb == "download":
        repository.download_blob(*arguments)
    else:
        digest, path, state = arguments
        repository.upload_blob(path, digest=digest, checkpoint=state)
"""
ASYNC: Final = """
import asyncio
import sys
import acr
from tests.ranged_store import small

url, username, password, step, verb, *arguments = sys.argv[1:]

async def main():
    async with acr.AsyncRegistry(url, acr.UsernamePassword(username, password)) as registry:
        if int(step):
            registry._session.learned.cutting = small(int(step))
        repository = registry.repository("app")
        if verb == "download":
            await repository.download_blob(*arguments)
        else:
            digest, path, state = arguments
            await repository.upload_blob(path, digest=digest, checkpoint=state)

asyncio.run(main())
"""


def killed(seed: int, emulator: Emulator, verb: str, *arguments: str, when: Callable[[], bool], step: int = 0) -> None:
    """Let a process do something, and kill it as soon as a condition holds; it may be done before.

    Args:
        seed: of the moment.
        emulator: where.
        verb: what to do.
        arguments: with what.
        when: the condition.
        step: bytes of the ranges that it fetches blobs in; 0 for those of large blobs.
    """
    code = ASYNC if seed % 2 else SYNC
    who = [emulator.url, emulator.username, emulator.password, str(step), verb]
    process = subprocess.Popen([sys.executable, "-c", code, *who, *arguments], cwd=PROJECT)
    never = threading.Event()
    while process.poll() is None and not when():
        never.wait(0.0005)
    never.wait(seeded(seed, "moment").random() * 0.004)  # anywhere within what it does then
    process.kill()
    assert process.wait(20) in (0, -9)


@contextmanager
def told(request: pytest.FixtureRequest, seed: int) -> Iterator[None]:
    """A failure names the run that has it again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}; again with:\n  {again(request.node.nodeid.partition('[')[0], seed)}")
        raise


@pytest.mark.parametrize("seed", RUNS)
def test_a_download_goes_on(seed: int, acr_emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    content = seeded(seed, "content").randbytes(SIZE)
    target = tmp_path / "blob"
    with told(request, seed), acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        repository = registry.repository("app")
        digest = repository.upload_blob(content).digest
        partial = tmp_path / f".blob.{digest.hex[:16]}.part"
        wanted = seeded(seed, "size").randrange(SIZE * 9 // 10)

        def has_enough() -> bool:
            with suppress(FileNotFoundError):
                return partial.stat().st_size >= wanted
            return False

        killed(seed, acr_emulator, "download", digest, str(target), when=has_enough)
        have = partial.stat().st_size if partial.exists() else 0
        if target.exists():  # it was quicker
            assert have == 0
        assert target.exists() or have >= wanted
        before = len(acr_emulator.requests)
        repository.download_blob(digest, target)

        asked = [one.headers.get("range") for one in acr_emulator.requests[before:] if one.origin == "storage"]
        assert asked == ([f"bytes={have}-"] if have else [None])
        assert target.read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["blob"]


@pytest.mark.parametrize("seed", RUNS)
def test_a_download_in_ranges_goes_on(
    seed: int, acr_emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content = seeded(seed, "content").randbytes(SIZE)
    step = seeded(seed, "step").choice([256, 1024, 4096]) * 1024
    target = tmp_path / "blob"
    with told(request, seed), acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        repository = registry.repository("app")
        digest = repository.upload_blob(content).digest
        partial = tmp_path / f".blob.{digest.hex[:16]}.part"
        wanted = seeded(seed, "size").randrange(SIZE * 9 // 10)

        def has_enough() -> bool:
            return sum(end - begin for begin, end in noted(partial)) >= wanted

        killed(seed, acr_emulator, "download", digest, str(target), when=has_enough, step=step)
        there = noted(partial)
        assert target.exists() or sum(end - begin for begin, end in there) >= wanted
        before = len(acr_emulator.requests)
        repository.download_blob(digest, target)

        asked = [one.headers.get("range") for one in acr_emulator.requests[before:] if one.origin == "storage"]
        if there:
            fetched = [tuple(one.removeprefix("bytes=").split("-")) for one in asked if one is not None]
            assert len(fetched) == len(asked)
            places = [(int(begin), int(end) + 1 if end else SIZE) for begin, end in fetched]
            assert not [1 for first, last in places for begin, end in there if first < end and begin < last]
        assert target.read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["blob"]


def noted(partial: Path) -> list[tuple[int, int]]:
    """What is noted to be there of a partial file."""
    with suppress(FileNotFoundError):
        return [(begin, end) for begin, end in json.loads(partial.with_suffix(".ranges").read_bytes())["there"]]
    return []


@pytest.mark.parametrize("seed", RUNS)
def test_an_upload_goes_on(seed: int, acr_emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    content = seeded(seed, "content").randbytes(SIZE)
    digest = acr.Digest.of(content)
    source, state = tmp_path / "blob", tmp_path / "state.json"
    source.write_bytes(content)
    wanted = seeded(seed, "size").randrange(SIZE * 9 // 10)

    def has_enough() -> bool:
        with suppress(FileNotFoundError, ValueError):
            return bool(json.loads(state.read_bytes())["offset"] >= wanted)
        return False

    with told(request, seed):
        killed(seed, acr_emulator, "upload", digest, str(source), str(state), when=has_enough)
        with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
            repository = registry.repository("app")
            done = repository.upload_blob(source, digest=digest, checkpoint=state)
            assert (done.digest, done.size) == (digest, SIZE)
            with repository.download_blob(digest) as stream:
                assert stream.read() == content

        taken = [one for one in acr_emulator.requests if one.method == "PATCH" and one.status == 202]
        ranges = [tuple(map(int, one.headers["content-range"].split("-"))) for one in taken]
        assert ranges[0][0] == 0
        assert ranges[-1][1] == SIZE - 1
        # What the registry had confirmed, it was sent once: each chunk begins where the one before ended.
        assert all(begin == end + 1 for (_, end), (begin, _) in itertools.pairwise(ranges))
        assert [path.name for path in tmp_path.iterdir()] == ["blob"]
        assert acr_emulator.open_uploads == []

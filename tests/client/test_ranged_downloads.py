"""Large blobs, fetched over several connections: what is asked for, what goes wrong, what is left and taken up."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import attrs
import pytest

import acr
from acr.emulator import Emulator
from tests.content import push_image
from tests.patience import PATIENCE
from tests.ranged_store import SMALL, Asked, RangedStore, Reply, cut_small, small
from tests.twin import Twin

KIB = 1024
STEP = 64 * KIB
SIZE = 32 * STEP + 17
CONTENT = Random("ranges").randbytes(SIZE)
RETRIES = acr.Retries(limit=2)

posix = pytest.mark.skipif(sys.platform == "win32", reason="partial files with locks, and modes")


class Scene:
    """A store, and a client of it."""

    def __init__(self, twin: Twin, stack: ExitStack, folder: Path) -> None:
        self._twin = twin
        self._stack = stack
        self.target = folder / "model.bin"
        self.events: list[acr.ProgressEvent] = []

    def store(
        self, *more: bytes, reply: Callable[[Asked], Reply | None] = lambda _: None, redirects: bool = True
    ) -> RangedStore:
        self.at = self._stack.enter_context(RangedStore(CONTENT, *more, reply=reply, redirects=redirects))
        return self.at

    def download(self, *, keep_partial: bool = False, cutting: object = SMALL) -> acr.Descriptor:
        registry = self._twin.connect(self.at.url, retries=RETRIES)
        cut_small(registry, cutting)  # type: ignore[arg-type]
        repository = registry.repository("app")
        self.events.clear()
        return repository.download_blob(
            self.at.digest, self.target, keep_partial=keep_partial, progress=self.events.append
        )

    def check(self) -> None:
        """The file is right, nothing is beside it, and the events tell of each byte once."""
        assert self.target.read_bytes() == CONTENT
        assert [path.name for path in self.target.parent.iterdir()] == ["model.bin"]
        assert isinstance(self.events[-1], acr.Done)
        begun = max(index for index, event in enumerate(self.events) if isinstance(event, acr.Started))
        started = self.events[begun]
        assert isinstance(started, acr.Started)
        at = started.offset
        for event in self.events[begun + 1 :]:
            if isinstance(event, acr.Moved):
                assert event.count > 0
                at += event.count
            elif isinstance(event, acr.Retried):
                assert event.offset == at
        assert at == SIZE

    @property
    def partial(self) -> Path:
        return self.target.with_name(f".model.bin.{acr.Digest(self.at.digest).hex[:16]}.part")

    @property
    def sidecar(self) -> Path:
        return self.partial.with_suffix(".ranges")

    def leave(self, there: list[list[int]], /, **other: object) -> None:
        """Leave what a killed process would: those bytes, and a note of them."""
        with self.partial.open("wb") as file:
            for begin, end in there:
                file.seek(begin)
                file.write(CONTENT[begin:end])
        note = {"form": "acr-ranges/1", "digest": self.at.digest, "size": SIZE, "there": there}
        self.sidecar.write_text(json.dumps(note | other))


@pytest.fixture
def scene(twin: Twin, tmp_path: Path) -> object:
    with ExitStack() as stack:
        yield Scene(twin, stack, tmp_path)


def asked_of(store: RangedStore) -> list[tuple[int, int]]:
    """What was asked for behind the first answer, in the order of the blob."""
    return sorted((one.begin, one.end or SIZE) for one in store.asked[1:])


@pytest.mark.parametrize("redirects", [True, False])
def test_a_large_blob_comes_in_ranges(scene: Scene, redirects: bool) -> None:
    others = threading.Event()

    def reply(asked: Asked) -> Reply:
        if asked.end is not None:
            others.set()
        return Reply(wait=None if asked.begin else lambda: others.wait(20))

    store = scene.store(reply=reply, redirects=redirects)

    assert scene.download().size == SIZE

    scene.check()
    assert store.asked[0] == Asked(0, None, 1 if redirects else 0)
    assert store.redirected == (1 if redirects else 0)
    assert 1 < store.most <= 16
    asked = asked_of(store)
    assert len(asked) > 8
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(asked))


def test_a_blob_that_is_not_large_comes_as_one(scene: Scene) -> None:
    store = scene.store()

    scene.download(cutting=attrs.evolve(SMALL, threshold=SIZE + 1))

    scene.check()
    assert store.asked == [Asked(0, None, 1)]


def test_more_connections_stop_where_they_do_not_pay(scene: Scene) -> None:
    store = scene.store()

    scene.download(cutting=attrs.evolve(SMALL, worth=1e9))

    scene.check()
    assert (
        1 < len(store.asked) <= 1 + 2 * (4 + 2 + 2)
    )  # three tries: each fetches a range a connection, and may begin one


def test_one_fast_connection_stays_alone(scene: Scene) -> None:
    store = scene.store()

    scene.download(cutting=attrs.evolve(SMALL, fast=1.0))

    scene.check()
    assert store.asked == [Asked(0, None, 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(cut_after=STEP // 3),
        Reply(cut_after=0),
        Reply(status=503),
        Reply(status=429),
        Reply(status=403),
        Reply(status=401),
        Reply(status=404),
        Reply(whole=True),
        Reply(shift=5),
        Reply(status=416),
        Reply(status=302),
    ],
    ids=lambda reply: str(attrs.asdict(reply, filter=lambda one, value: value not in (None, False, 0))),
)
@pytest.mark.parametrize("number", [1, 2, 7])
def test_one_range_goes_wrong(scene: Scene, wrong: Reply, number: int) -> None:
    replies = {number: wrong}
    store = scene.store(reply=lambda _: replies.pop(len(store.asked) - 1, None))

    scene.download()

    scene.check()
    assert not replies


def test_where_storage_knows_no_ranges_one_connection_fetches_all(scene: Scene) -> None:
    store = scene.store(reply=lambda _: Reply(whole=True))

    scene.download(cutting=attrs.evolve(SMALL, worth=1e9))

    scene.check()
    assert sum(one.begin == 0 for one in store.asked) == 1
    assert store.most <= 4


def test_where_storage_knows_no_ranges_and_the_connection_breaks(scene: Scene) -> None:
    cuts = [10 * STEP + 5]
    scene.store(reply=lambda _: Reply(whole=True, cut_after=cuts.pop() if cuts else None))

    scene.download()

    scene.check()
    assert not cuts


def test_a_signature_is_used_until_it_is_refused(scene: Scene) -> None:
    store = scene.store(
        reply=lambda asked: Reply(status=403) if asked.signature == 1 and len(store.asked) > 6 else None
    )

    scene.download()

    scene.check()
    used = [asked.signature for asked in store.asked]
    assert used[:6] == [1] * 6
    assert set(used) == {1, 2}
    assert store.redirected == 2


def test_a_blob_that_stays_refused_is_an_error(scene: Scene) -> None:
    store = scene.store(reply=lambda _: Reply(status=403) if len(store.asked) > 6 else None)

    with pytest.raises(acr.Denied):
        scene.download()

    assert list(scene.target.parent.iterdir()) == []


def test_a_range_that_breaks_again_and_again_is_an_error(scene: Scene) -> None:
    scene.store(reply=lambda asked: Reply(cut_after=0) if asked.begin >= 16 * STEP else None)

    with pytest.raises(acr.TransportError) as caught:
        scene.download()

    assert caught.value.exhausted
    assert list(scene.target.parent.iterdir()) == []


def test_wrong_bytes_in_one_range_begin_anew_once(scene: Scene) -> None:
    store = scene.store(
        reply=lambda asked: Reply(damaged=True) if asked.begin == 5 * STEP and len(store.asked) > 1 else None
    )

    scene.download()

    scene.check()
    assert [one.begin for one in store.asked].count(0) == 2
    assert store.asked[-1] == Asked(0, None, store.redirected)


def test_wrong_bytes_twice_are_an_error(scene: Scene) -> None:
    scene.store(reply=lambda asked: Reply(damaged=True))

    with pytest.raises(acr.DigestMismatch):
        scene.download(keep_partial=True)

    assert list(scene.target.parent.iterdir()) == []


def test_a_shorter_range_than_was_asked_for_is_never_taken_for_all(scene: Scene) -> None:
    scene.store(reply=lambda asked: Reply(short=100) if asked.begin >= 16 * STEP and asked.end else None)

    scene.download()

    scene.check()


def test_answers_that_are_left_in_the_midst_of_a_range_go_on_to_its_end(twin: Twin, tmp_path: Path) -> None:
    """Found by a fuzz: what was missing was then cut anew, across the end of such an answer, and all began anew."""
    mib = 1024 * KIB
    content = Random("left").randbytes(9 * mib)
    with RangedStore(content) as store:
        repository = cut_small(twin.connect(store.url), small(3 * mib)).repository("app")
        for number in range(5):
            store.asked.clear()
            repository.download_blob(store.digest, tmp_path / str(number))
            assert [asked.begin for asked in store.asked].count(0) == 1


def test_downloads_that_fail_take_no_connections_from_those_that_follow(scene: Scene, twin: Twin) -> None:
    """Found by a fuzz: the async client never gave back those of the tasks that a failure had stopped."""
    store = scene.store(reply=lambda asked: Reply(status=404) if asked.begin >= 16 * STEP else None)
    repository = cut_small(twin.connect(store.url)).repository("app")
    for _ in range(10):
        with pytest.raises(acr.NotFound):
            repository.download_blob(store.digest, scene.target)
    store.reply = lambda _: None
    store.asked.clear()

    repository.download_blob(store.digest, scene.target)

    assert scene.target.read_bytes() == CONTENT
    assert len(store.asked) > 8


@posix
def test_what_came_before_a_failure_is_kept_and_not_fetched_again(scene: Scene) -> None:
    store = scene.store(reply=lambda asked: Reply(status=404) if asked.begin >= 16 * STEP else None)
    with pytest.raises(acr.NotFound):
        scene.download(keep_partial=True)
    assert sorted(path.name for path in scene.target.parent.iterdir()) == [scene.partial.name, scene.sidecar.name]
    assert stat.S_IMODE(scene.sidecar.stat().st_mode) == 0o600
    note = json.loads(scene.sidecar.read_text())
    there = note["there"]
    assert there
    assert sum(end - begin for begin, end in there) >= 8 * STEP
    store.reply = lambda _: None
    store.asked.clear()

    scene.download()

    scene.check()
    started = scene.events[0]
    assert isinstance(started, acr.Started)
    assert started.offset == sum(end - begin for begin, end in there)
    assert not any(asked.begin < end and begin < (asked.end or SIZE) for asked in store.asked for begin, end in there)


@posix
@pytest.mark.parametrize(
    "there",
    [
        [[0, 3 * STEP]],
        [[3 * STEP, 9 * STEP], [10 * STEP + 7, SIZE]],
        [[0, 5], [SIZE - 1, SIZE]],
        [[0, SIZE]],
        [],
    ],
)
def test_only_the_holes_are_fetched(scene: Scene, there: list[list[int]]) -> None:
    store = scene.store()
    scene.leave(there)

    scene.download()

    scene.check()
    holes = [[end, begin] for (_, end), (begin, _) in zip([[0, 0], *there], [*there, [SIZE, SIZE]], strict=True)]
    assert sum((one.end or SIZE) - one.begin for one in store.asked) >= sum(end - begin for begin, end in holes)
    for one in store.asked:
        assert any(begin <= one.begin < end for begin, end in holes)
        if one.end is not None:
            assert any(begin <= one.begin < one.end <= end for begin, end in holes)


@posix
@pytest.mark.parametrize(
    "note",
    [
        "",
        "{",
        "[]",
        "null",
        '{"form": "acr-ranges/1"}',
        '{"form": "acr-ranges/1", "digest": 5, "size": [], "there": {}}',
        "[" * 100_000,
        "x" * 300_000,
    ],
    ids=range(8),
)
def test_a_torn_note_is_ignored(scene: Scene, note: str) -> None:
    scene.store()
    scene.leave([[0, 3 * STEP], [10 * STEP, 20 * STEP]])
    scene.sidecar.write_text(note)
    scene.sidecar.with_suffix(".ranges.new").write_text("half")

    scene.download()

    scene.check()


@posix
def test_half_a_note_is_not_left_behind(scene: Scene) -> None:
    """Found by thinking: of a process that was killed while it wrote its first note."""
    scene.store()
    scene.sidecar.with_suffix(".ranges.new").write_text("half")

    scene.download(cutting=attrs.evolve(SMALL, fast=1.0))

    scene.check()


@posix
@pytest.mark.parametrize(
    "other",
    [
        {"digest": "sha256:" + "0" * 64},
        {"form": "acr-ranges/2"},
        {"size": SIZE + 1, "there": [[0, SIZE]]},
        {"size": SIZE - 1},
        {"size": -1},
        {"size": True},
        {"there": [[0, SIZE + 1]]},
        {"there": [[5, 5]]},
        {"there": [[10, 20], [5, 8]]},
        {"there": [[-5, 20]]},
        {"there": [["0", 20]]},
        {"there": [[0]]},
        {"there": [[0, 1]] * 10_000},
        {"there": [[0, 10 * STEP]]},  # a hole is said to be there
        {"there": [[3 * STEP, 4 * STEP]]},
    ],
    ids=range(15),
)
def test_a_note_that_is_wrong_does_no_harm(scene: Scene, other: dict[str, object]) -> None:
    scene.store()
    scene.leave([[0, 3 * STEP], [10 * STEP, 20 * STEP]], **other)

    scene.download()

    scene.check()


@posix
def test_damaged_bytes_of_an_earlier_process_begin_anew_once(scene: Scene) -> None:
    store = scene.store()
    scene.leave([[0, 3 * STEP], [10 * STEP, 20 * STEP]])
    with scene.partial.open("r+b") as file:
        file.seek(12 * STEP)
        file.write(b"damaged")

    scene.download()

    scene.check()
    assert store.asked[-1] == Asked(0, None, store.redirected)


@posix
def test_a_link_in_the_place_of_the_note_is_not_followed(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("untouched")
    store = scene.store()
    scene.sidecar.symlink_to(victim)
    scene.sidecar.with_suffix(".ranges.new").symlink_to(victim)

    scene.download()

    scene.check()
    assert victim.read_text() == "untouched"
    assert len(store.asked) > 1


def test_what_another_process_writes_is_left_to_it(scene: Scene) -> None:
    fcntl = pytest.importorskip("fcntl")
    scene.store()
    with scene.partial.open("wb") as file:
        file.write(b"theirs")
        file.flush()
        scene.sidecar.write_text("theirs")
        fcntl.flock(file, fcntl.LOCK_EX)
        scene.download()
        assert scene.sidecar.read_text() == "theirs"
        scene.sidecar.unlink()
        scene.partial.unlink()
    scene.check()


def test_a_stream_and_a_file_object_keep_one_connection(scene: Scene, twin: Twin) -> None:
    store = scene.store()
    repository = cut_small(twin.connect(store.url)).repository("app")

    with repository.download_blob(store.digest) as stream:
        assert stream.read() == CONTENT
    with scene.target.open("wb") as file:
        repository.download_blob(store.digest, file)

    assert scene.target.read_bytes() == CONTENT
    assert [str(asked) for asked in store.asked] == ["0-None", "0-None"]


def test_a_layout_and_a_folder_are_filled_in_ranges(
    registry: acr.Registry, acr_emulator: Emulator, tmp_path: Path
) -> None:
    cut_small(registry)
    repository = registry.repository("app")
    push_image(repository, tag="v1", layer=CONTENT)
    (tmp_path / "model.bin").write_bytes(CONTENT)
    repository.push_artifact([tmp_path / "model.bin"], tag="files")
    before = len(acr_emulator.requests)

    repository.pull("v1", acr.Layout(tmp_path / "layout"))
    repository.pull("files", tmp_path / "folder")

    blobs = {path.name: path.read_bytes() for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir()}
    assert blobs[acr.Digest.of(CONTENT).hex] == CONTENT
    assert not any(name.startswith(".") for name in blobs)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["model.bin"]
    assert (tmp_path / "folder" / "model.bin").read_bytes() == CONTENT
    ranges = [one for one in acr_emulator.requests[before:] if one.origin == "storage" and "range" in one.headers]
    assert len(ranges) > 20
    assert {one.status for one in ranges} == {206}


class Silence:
    """The first answer stops in the middle of the second range, and only then are others given."""

    def __init__(self, then: Callable[[], Reply | None]) -> None:
        self.over = threading.Event()
        self.was_waited_for = False
        self._begun = threading.Event()
        self._then = then

    def __call__(self, asked: Asked) -> Reply | None:
        if not asked.begin:
            return Reply(wait=self._keep_silent, wait_at=STEP + STEP // 2)
        assert self._begun.wait(PATIENCE)
        return self._then()

    def _keep_silent(self) -> None:
        self._begun.set()
        self.was_waited_for = not self.over.wait(PATIENCE)


def suffixes_in(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def test_a_failure_ends_a_range_that_nothing_comes_of(scene: Scene) -> None:
    silence = Silence(lambda: Reply(status=404))
    scene.store(reply=silence)

    with pytest.raises(acr.NotFound):
        scene.download()

    assert not silence.was_waited_for
    assert list(scene.target.parent.iterdir()) == []
    silence.over.set()


@posix
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_all_ranges(tmp_path: Path) -> None:
    numbers = itertools.count()

    def interrupt() -> None:
        if next(numbers) == 0:  # a second one would come while the first is dealt with, or after the test
            os.kill(os.getpid(), signal.SIGINT)

    silence = Silence(interrupt)
    with RangedStore(CONTENT, reply=silence) as store, acr.Registry(store.url) as registry:
        repository = cut_small(registry).repository("app")
        with pytest.raises(KeyboardInterrupt):
            repository.download_blob(store.digest, tmp_path / "blob", keep_partial=True)
        assert not silence.was_waited_for
        assert suffixes_in(tmp_path) == [".part", ".ranges"]
        assert registry._session.sender.lines.used == 0
        store.reply = lambda _: None
        repository.download_blob(store.digest, tmp_path / "blob")
        assert (tmp_path / "blob").read_bytes() == CONTENT
        silence.over.set()


@posix
def test_a_cancelled_task_ends_all_ranges(tmp_path: Path) -> None:
    async def main(store: RangedStore) -> None:
        loop = asyncio.get_running_loop()
        async with acr.AsyncRegistry(store.url) as registry:
            registry._session.learned.cutting = SMALL
            repository = registry.repository("app")
            going = asyncio.ensure_future(repository.download_blob(store.digest, tmp_path / "blob", keep_partial=True))

            def cancel() -> None:
                loop.call_soon_threadsafe(going.cancel)

            silence = store.reply = Silence(cancel)
            with pytest.raises(asyncio.CancelledError):
                await going
            assert not silence.was_waited_for
            assert suffixes_in(tmp_path) == [".part", ".ranges"]
            assert registry._session.sender.lines.used == 0
            store.reply = lambda _: None
            await repository.download_blob(store.digest, tmp_path / "blob")
            assert (tmp_path / "blob").read_bytes() == CONTENT
            silence.over.set()

    with RangedStore(CONTENT) as store:
        asyncio.run(main(store))


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_blobs_share_the_connections_of_a_call(scene: Scene, twin: Twin, tmp_path: Path, concurrency: int) -> None:
    more = [Random(number).randbytes(SIZE - number) for number in range(3)]
    store = scene.store(*more)
    repository = cut_small(twin.connect(store.url)).repository("app")

    repository.pull("v1", acr.Layout(tmp_path / "layout"), concurrency=concurrency)

    blobs = tmp_path / "layout" / "blobs" / "sha256"
    assert {path.name for path in blobs.iterdir()} >= {acr.Digest.of(content).hex for content in (CONTENT, *more)}
    assert store.most <= concurrency
    assert concurrency == 2 or (len(store.asked) > 4) == (concurrency > 4)


def test_a_blob_beside_many_others_keeps_its_one_connection(scene: Scene, twin: Twin, tmp_path: Path) -> None:
    """Eight layers of 64 MiB took 3.5 s at 20 ms in ranges, and take 2.0 s in one piece each."""
    more = [Random(number).randbytes(SIZE - number) for number in range(5)]
    begun, first_is_done = threading.Barrier(6), threading.Event()

    def reply(asked: Asked) -> Reply:
        number = len(store.asked)

        def wait() -> None:
            begun.wait(20)
            if number < 6:
                first_is_done.wait(20)

        return Reply(wait=wait, wait_at=1) if number <= 6 else Reply()

    store = scene.store(*more, reply=reply)
    asked: list[list[Asked]] = []

    def see(event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Done) and not asked:
            asked.append(list(store.asked))
            first_is_done.set()

    repository = cut_small(twin.connect(store.url)).repository("app")
    repository.pull("v1", acr.Layout(tmp_path / "layout"), progress=see)
    assert asked[0] == [Asked(0, None, one.signature) for one in asked[0]]
    assert len(asked[0]) == 6

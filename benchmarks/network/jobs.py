"""The jobs: what is there before, what each client does, and how it is seen that it was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Final

import attrs

from benchmarks import content
from benchmarks.measuring import Figures, run, whole
from benchmarks.network.line import SERVERS, Line, Setting, line
from benchmarks.network.origin import Control, origin, write_login
from benchmarks.network.tools import Command, Task, Tool, Verb, curls, environment
from benchmarks.programs import Missing
from benchmarks.stage import SMALL_LAYER, Scale, Stage
from tests.certificate import make_certificate
from tests.peers.images import blob_path

HOST: Final = "acrbench.azurecr.io"
OTHER: Final = "acrbenchother.azurecr.io"
STORAGE: Final = "acrbench.blob.core.windows.net"
"""Names as Azure's, known in our namespaces only: a client may know what is special about these."""

_SOURCE: Final = "team/image"
_TAGS: Final = 20_000


class Scene:
    """What all jobs share: the content, the line, and the registry at its far end.

    Args:
        scale: how much of all.
    """

    def __init__(self, scale: Scale) -> None:
        self.stage = Stage(scale)
        self._opened = ExitStack()
        self._opened.callback(self.stage.close)
        self._numbers = count()
        self._seeded: set[str] = set()

    def close(self) -> None:
        """End it all."""
        self._opened.close()

    def open(self) -> None:
        """Begin with the line and the registry, if they have not begun. Raises Missing where there can be none."""
        assert self.line is not None
        assert self.control is not None

    @cached_property
    def tls(self) -> tuple[Path, Path]:
        """Files of the certificate of all hosts, and of its key."""
        return make_certificate(self.stage.folder, (HOST, OTHER, STORAGE))

    @cached_property
    def line(self) -> Line:
        """The line. Raises Missing where there can be none."""
        hosts: dict[str, str] = dict(zip((HOST, STORAGE, OTHER), SERVERS, strict=True))
        write_login(self.stage.folder / "config.json", (HOST, OTHER))
        return self._opened.enter_context(line(hosts, self.stage.folder))

    @cached_property
    def control(self) -> Control:
        """The registry's."""
        places = {host: f"{address}:443" for host, address in zip((HOST, STORAGE, OTHER), SERVERS, strict=True)}
        return self._opened.enter_context(
            origin(
                self.stage.folder,
                self.tls,
                (STORAGE, places[STORAGE]),
                (HOST, places[HOST]),
                (OTHER, places[OTHER]),
                placed=lambda command: self.line.at("server", command),
            )
        )

    def layout(self, name: str, layers: int, mib: int) -> Path:
        """A layout of an image with so many layers, each of so many MiB, and 1 at the least."""
        folder = self.stage.folder / f"layout-{name}"
        if not folder.exists():
            content.write_image(folder, layers, max(1, mib) * content.MIB, seed=10_000 + len(name) * 100)
        return folder

    def seeded(self, name: str, layout: Path) -> str:
        """The repository that has the image of a layout."""
        repository = f"{_SOURCE}/{name}"
        if name not in self._seeded:
            self.control.seed(HOST, repository, layout)
            self._seeded.add(name)
        return repository

    def fresh(self) -> str:
        """A repository that is not there yet."""
        return f"made/{next(self._numbers)}"

    def measured(self, command: Command) -> Figures:
        """Run a client on the near side of the line, and say what it cost and what the registry saw."""
        environ = environment(self.stage.folder, self.tls[0])
        self.control.reset()
        figures = run(self.line.at("client", [*environ, *whole(command)]))
        seen = self.control.counted()
        more = {"requests": seen.requests, "connections": seen.connections, "at_once": seen.at_once}
        return attrs.evolve(figures, more={**more, "sent": seen.sent, "received": seen.received})


Doing = Callable[[Scene, Tool], "Figures | None"]


@attrs.frozen
class Job:
    """What several clients do.

    Args:
        name: short, for `--jobs`.
        title: for readers.
        do: does it once by a client; None if that has no such job.
        is_special: whether it is also measured on lines that differ by more than latency.
        is_plain: whether it is measured on the others.
        is_near: whether it is also measured at 2 ms.
    """

    name: str
    title: str
    do: Doing
    is_special: bool = False
    is_plain: bool = True
    is_near: bool = False

    def fits(self, setting: Setting) -> bool:
        """Whether it is measured on such a line."""
        if not setting.is_plain:
            return self.is_special
        return self.is_near if setting.rtt_ms < 10 else self.is_plain


def _needs(held: bool, what: str) -> None:
    if not held:
        raise RuntimeError(f"failed: {what}")


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _blob(layout: Callable[[Scene], Path], name: str) -> Doing:
    def do(scene: Scene, tool: Tool) -> Figures | None:
        manifest = json.loads(content.manifest_of(layout(scene)).read_text())
        layer = manifest["layers"][0]
        with _scratch(scene) as path:
            repository = scene.seeded(name, layout(scene))
            task = Task(
                verb="blob",
                host=HOST,
                repository=repository,
                path=path,
                digest=layer["digest"],
                size=layer["size"],
                token=scene.control.token(HOST, f"repository:{repository}:pull"),
                storage=STORAGE,
                certificate=scene.tls[0],
            )
            _warm_up(scene, task)
            figures = _run(scene, tool, task)
            if figures is not None and path.exists():
                found = path if path.is_file() else blob_path(path, layer["digest"])
                _needs(_hash_of(found) == layer["digest"], "the blob is another one")
            return figures

    return do


def _warm_up(scene: Scene, task: Task) -> None:
    """Fetch the blob once before the run that counts, the fastest way there is.

    After the 14 seconds of a client that leaves the machine idle, whoever comes next takes up to 0.8 s longer: a
    virtual machine gives memory that rests back to its host. Without curl nothing is warm.
    """
    with suppress(Missing), _scratch(scene) as path:
        _run(scene, curls, attrs.evolve(task, path=path))


@contextmanager
def _scratch(scene: Scene, name: str = "made") -> Iterator[Path]:
    """A name in a folder of its own, which is deleted afterwards."""
    with scene.stage.scratch() as folder:
        folder.mkdir()
        yield folder / name


def _run(scene: Scene, tool: Tool, task: Task) -> Figures | None:
    command = tool(task)
    return None if command is None else scene.measured(command)


def _names(layout: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (layout / "blobs" / "sha256").iterdir()}


def _pull(layout: Callable[[Scene], Path], name: str) -> Doing:
    def do(scene: Scene, tool: Tool) -> Figures | None:
        source = layout(scene)
        with _scratch(scene, source.name) as path:
            repository = scene.seeded(name, source)
            figures = _run(scene, tool, Task(verb="pull", host=HOST, repository=repository, path=path))
            if figures is not None:
                _needs(_names(source).items() <= _names(path).items(), "what was pulled is not all")
            return figures

    return do


def _push(layout: Callable[[Scene], Path]) -> Doing:
    def do(scene: Scene, tool: Tool) -> Figures | None:
        source, repository = layout(scene), scene.fresh()
        try:
            figures = _run(scene, tool, Task(verb="push", host=HOST, repository=repository, path=source))
            _needs(figures is None or bool(scene.control.tagged(HOST, repository)), "it was not pushed")
        finally:
            scene.control.drop(HOST, repository)
        return figures

    return do


def _copy(layout: Callable[[Scene], Path], name: str, other: str) -> Doing:
    def do(scene: Scene, tool: Tool) -> Figures | None:
        repository, target = scene.seeded(name, layout(scene)), scene.fresh()
        task = Task(verb="copy", host=HOST, repository=repository, other=other, target=target)
        try:
            figures = _run(scene, tool, task)
            same = scene.control.tagged(other, target) == scene.control.tagged(HOST, repository)
            _needs(figures is None or same, "it was not copied")
        finally:
            scene.control.drop(other, target)
        return figures

    return do


def _artifact(scene: Scene, tool: Tool) -> Figures | None:
    repository = scene.fresh()
    with _scratch(scene, "files") as folder:
        folder.mkdir()
        files = tuple(folder / f"file-{number}" for number in range(3))
        for number, file in enumerate(files):
            content.write_random(file, 10_000, seed=number)
        try:
            figures = _run(
                scene, tool, Task(verb="artifact", host=HOST, repository=repository, path=folder, files=files)
            )
            _needs(figures is None or scene.control.blobs(HOST, repository) >= len(files), "a file was not pushed")
        finally:
            scene.control.drop(HOST, repository)
    return figures


def _asked(verb: Verb) -> Doing:
    def do(scene: Scene, tool: Tool) -> Figures | None:
        repository = scene.seeded("index", scene.stage.index_of_6)
        if verb == "tags":
            repository = "team/many"
            scene.control.make_tags(HOST, repository, max(_TAGS * scene.stage.scale.mib // 1024, 250))
        return _run(scene, tool, Task(verb=verb, host=HOST, repository=repository))

    return do


def _small(scene: Scene) -> Path:
    return scene.stage.image_of_200


def _large(scene: Scene) -> Path:
    return scene.layout("large", 8, scene.stage.scale.mib // 16)


def _index(scene: Scene) -> Path:
    return scene.stage.index_of_6


def _eighth(scene: Scene) -> Path:
    return scene.layout("eighth", 1, scene.stage.scale.mib // 8)


def jobs(scale: Scale) -> tuple[Job, ...]:
    """All of them, in the order of the tables."""
    layers, kib = scale.layers, SMALL_LAYER // 1024
    size, eighth = max(1, scale.mib // 16), max(1, scale.mib // 8)
    big = f"{scale.mib // 1024} GiB" if scale.mib >= 1024 else f"{scale.mib} MiB"
    return (
        Job("blob", f"a blob of {big} into a file", _blob(lambda scene: scene.stage.big_image, "big")),
        Job(
            "blob-eighth",
            f"a blob of {eighth} MiB into a file",
            _blob(_eighth, "eighth"),
            is_special=True,
            is_plain=False,
        ),
        Job(
            "pull-small", f"pull of {layers} layers of {kib} KiB", _pull(_small, "small"), is_special=True, is_near=True
        ),
        Job("push-small", f"push of {layers} layers of {kib} KiB", _push(_small), is_special=True, is_near=True),
        Job("mount-small", f"copy of {layers} layers within the registry", _copy(_small, "small", HOST)),
        Job("copy-small", f"copy of {layers} layers to another registry", _copy(_small, "small", OTHER)),
        Job("pull-large", f"pull of 8 layers of {size} MiB", _pull(_large, "large"), is_near=True),
        Job("push-large", f"push of 8 layers of {size} MiB", _push(_large), is_near=True),
        Job("pull-index", "pull of an index of 6 images", _pull(_index, "index")),
        Job("push-index", "push of an index of 6 images", _push(_index)),
        Job("mount-index", "copy of an index of 6 images within the registry", _copy(_index, "index", HOST)),
        Job("artifact", "push of an artifact of 3 small files", _artifact),
        Job("first", "the first small call, with a login", _asked("first")),
        Job("tags", f"list of {max(_TAGS * scale.mib // 1024, 250):,} tags", _asked("tags")),
    )

"""Measures how far a reader must walk to follow a call: files, functions, and moves from file to file (issue 11).

`make flows` runs seven flows against an emulator in this process, and writes down each call into `acr` and `acr_rest`
on the calling thread. A move is a call of a function that stands in another file than the function called before it.
A move is upward if that file is of a higher layer: the core calls what a shell or a facade has handed to it.

An optimisation of httpcore, or a slow machine, changes a figure by a few: compare figures of one machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import acr_rest
import attrs

import acr
from acr.emulator import Emulator

ROOTS = tuple(str(Path(package.__file__ or "").parent) for package in (acr, acr_rest))
EMULATOR = str(Path(ROOTS[0], "emulator"))
HEIGHTS = {"_values": 0, "_core": 1, "_outside": 2, "_shells": 2, "_facades": 3}
"""The layers from the ground. What is not named stands on the ground: `acr.errors`, `acr_rest` and their like."""

MIB = 2**20


@attrs.define
class Walk:
    """What one flow went through."""

    files: set[str] = attrs.field(factory=set)
    functions: set[tuple[str, str]] = attrs.field(factory=set)
    calls: int = 0
    moves: int = 0
    upward: int = 0
    _last: str | None = None

    def see(self, frame: FrameType, event: str, _argument: object) -> None:
        """What `sys.setprofile` calls."""
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(ROOTS) or path.startswith(EMULATOR):
            return
        self.calls += 1
        self.files.add(path)
        self.functions.add((path, frame.f_code.co_qualname))
        if self._last is not None and path != self._last:
            self.moves += 1
            self.upward += height(path) > height(self._last)
        self._last = path


def height(path: str) -> int:
    """The layer of a file.

    >>> height(ROOTS[0] + "/_core/talk/session.py")
    1
    """
    root = next(root for root in ROOTS if path.startswith(root))
    room = Path(path).relative_to(root).parts[0]
    return HEIGHTS.get(room, HEIGHTS.get(f"_{room}", 0))


@contextmanager
def watched() -> Iterator[Walk]:
    """Writes down what this thread calls inside."""
    walk = Walk()
    sys.setprofile(walk.see)
    try:
        yield walk
    finally:
        sys.setprofile(None)


class Flows:
    """The flows, in order. Each prepares what it needs, and gives what its one watched call went through."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    def connect(self) -> acr.Registry:
        """A client that has sent nothing yet."""
        return acr.Registry(self.emulator.url, self.emulator.credential())

    def file(self, name: str) -> Path:
        """A small file."""
        path = self.folder / name
        path.write_text(name)
        return path

    def listing(self, *, warm: bool) -> Walk:
        """Three tags on two pages; a warm client has listed them before."""
        with self.connect() as registry:
            app = registry.repository("app")
            manifest = app.manifest(app.push_artifact([self.file("one.txt")]).digest).get()
            for number in range(3):
                app.put_manifest(manifest.content, tag=f"t{number}", media_type=manifest.media_type)
        with self.connect() as registry:
            if warm:
                list(registry.repository("app").tags(page_size=2))
            with watched() as walk:
                list(registry.repository("app").tags(page_size=2))
        return walk

    def download(self, size: int) -> Walk:
        """A blob into a file."""
        with self.connect() as registry:
            app = registry.repository("app")
            blob = app.upload_blob(bytes(size))
            with watched() as walk:
                app.download_blob(blob.digest, self.folder / f"blob-{size}")
        return walk

    def upload(self) -> Walk:
        """10 MiB of a file, with a checkpoint."""
        source = self.folder / "source"
        source.write_bytes(bytes(10 * MIB))
        with self.connect() as registry, watched() as walk:
            registry.repository("app").upload_blob(source, checkpoint=self.folder / "checkpoint")
        return walk

    def pull(self) -> Walk:
        """An artifact and its referrer into a layout."""
        with self.connect() as registry:
            app = registry.repository("app")
            image = app.push_artifact([self.file("one.txt")], tag="v1")
            app.manifest(image.digest).attach([self.file("sbom.json")], artifact_type="application/sbom")
            with watched() as walk:
                app.pull("v1", acr.Layout(self.folder / "layout"), referrers=True)
        return walk

    def refused_token(self) -> Walk:
        """A chunk whose token the registry refuses: the client exchanges another, and sends it again."""
        with self.connect() as registry:
            upload = registry.repository("app").start_upload()
            realm = f'realm="{self.emulator.url}/oauth2/token",service="{self.emulator.login_server}"'
            challenge = f'Bearer {realm},scope="repository:app:pull,push",error="invalid_token"'
            self.emulator.fail(method="PATCH", status=401, headers={"WWW-Authenticate": challenge})
            with watched() as walk:
                upload.write(b"chunk")
            upload.cancel()
        return walk


FLOWS: dict[str, Callable[[Flows], Walk]] = {
    "tags, cold": lambda flows: flows.listing(warm=False),
    "tags, warm": lambda flows: flows.listing(warm=True),
    "download 12 MiB": lambda flows: flows.download(12 * MIB),
    "download 5 bytes": lambda flows: flows.download(5),
    "upload 10 MiB": Flows.upload,
    "pull with a referrer": Flows.pull,
    "chunk, token refused": Flows.refused_token,
}


def measure(name: str) -> Walk:
    """Run one flow on an emulator of its own."""
    with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        return FLOWS[name](Flows(emulator, Path(folder)))


def main() -> None:
    """Print the table."""
    measure("pull with a referrer")  # imports, which are not part of any flow
    print("flow                  files  functions  calls  moves  upward")
    for name in FLOWS:
        walk = measure(name)
        counts = (len(walk.files), len(walk.functions), walk.calls, walk.moves, walk.upward)
        print(f"{name:20}" + "".join(f"{count:{width}}" for count, width in zip(counts, (7, 11, 7, 7, 8), strict=True)))


if __name__ == "__main__":
    main()

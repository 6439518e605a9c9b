"""The main job from end to end: push, list, lock, pull, verify, delete, on a local emulator or on a real registry.

python examples/demo.py                         # on the emulator, which it starts
python examples/demo.py --registry my.azurecr.io   # on a registry, as the identity that azure-identity finds
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

import acr
from acr.emulator import Emulator

PROJECT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
ARTIFACT_TYPE = "application/vnd.acr-client.demo.v1"


class Bars:
    """Progress bars that are fed with the client's events; where there is no terminal, a line for what is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[acr.Item, TaskID] = {}

    def __call__(self, event: acr.ProgressEvent) -> None:
        """Take an event of the client."""
        item = event.item
        if item not in self._tasks:
            self._tasks[item] = self._progress.add_task(item.name, total=item.size)
        if isinstance(event, acr.Moved):
            self._progress.advance(self._tasks[item], event.count)
        elif isinstance(event, acr.Done) and not self._console.is_terminal:
            self._console.print(f"{item.name}: {(item.size or 0) / MIB:.1f} MiB done")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()


class Report:
    """What was done, and how long it took, as a table."""

    def __init__(self, console: Console, registry: str) -> None:
        self._console = console
        self._table = Table("step", "what came of it", "seconds", title=f"acr-client {acr.__version__} on {registry}")
        self._table.columns[2].justify = "right"
        self._since = time.monotonic()

    def add(self, step: str, outcome: str) -> None:
        """Add a step that has just ended."""
        now = time.monotonic()
        self._table.add_row(step, outcome, f"{now - self._since:.2f}")
        self._since = now

    def show(self) -> None:
        """Print it."""
        self._console.print(self._table)


def build_wheel(folder: Path) -> Path:
    """Build this project's own wheel."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    built = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    if built.returncode != 0:
        raise SystemExit(f"the wheel could not be built:\n{built.stderr}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def generate_file(path: Path, size: int) -> Path:
    """Make a file that nothing can compress."""
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return path


def verify(pulled: acr.Pulled) -> int:
    """Read every pulled file again, and compare its digest with the manifest's. Returns the bytes read."""
    total = 0
    for path, layer in zip(pulled.files, pulled.layers, strict=True):
        hasher = acr.Hasher()
        with path.open("rb") as file:
            while block := file.read(MIB):
                hasher.update(block)
        hasher.verify(layer.digest, str(path))
        total += hasher.size
    return total


def push_and_lock(repository: acr.Repository, files: list[Path], bars: Bars, report: Report) -> None:
    """The sync half: push the files, then show that a locked tag cannot be deleted."""
    pushed = repository.push_artifact(files, tag="v1", artifact_type=ARTIFACT_TYPE, progress=bars)
    size = sum(file.stat().st_size for file in files)
    report.add("push (sync)", f"{len(files)} files, {size / MIB:.0f} MiB, as {pushed.digest[:19]}…")

    tag = repository.tag("v1")
    tag.update(can_write=False, can_delete=False)
    report.add("lock the tag", f"locked: {tag.properties().locked}")
    try:
        tag.delete()
    except acr.Locked as error:
        report.add("delete it all the same", f"refused: {', '.join(error.codes)}")
    else:
        raise SystemExit("the registry deleted a locked tag")
    tag.update(can_write=True, can_delete=True)
    report.add("unlock it", f"locked: {tag.properties().locked}")


async def list_and_pull(registry: acr.AsyncRegistry, name: str, folder: Path, bars: Bars, report: Report) -> acr.Pulled:
    """The async half: list what is there, then pull it."""
    repository = registry.repository(name)
    repositories = [name async for name in registry.repositories()]
    tags = [tag async for tag in repository.tags(order_by="newest")]
    manifests = [manifest async for manifest in repository.manifests()]
    report.add(
        "list (async)",
        f"repositories: {len(repositories)}; tags: {', '.join(tag.name for tag in tags)}; manifests: {len(manifests)}",
    )
    pulled = await repository.pull("v1", folder, progress=bars)
    report.add("pull (async)", f"into {folder.name}/: {', '.join(path.name for path in pulled.files)}")
    return pulled


@contextmanager
def registry_to_use(name: str | None, folder: Path) -> Iterator[tuple[str, acr.Credential]]:
    """The registry that was named, or an emulator that lives as long as the demo."""
    if name is not None:
        yield name, acr.default_credential()
        return
    with Emulator(data=folder / "registry") as emulator:
        yield emulator.url, emulator.credential()


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--registry", help="login server, such as my.azurecr.io; by default an emulator is started")
    parser.add_argument("--size", type=int, default=256, help="MiB of the generated file (256)")
    options = parser.parse_args()
    console = Console()
    name = f"acr-client-demo/run-{os.urandom(4).hex()}"
    with (
        tempfile.TemporaryDirectory(prefix="acr-demo-") as temporary,
        registry_to_use(options.registry or None, Path(temporary)) as (endpoint, credential),
        acr.Registry(endpoint, credential) as registry,
    ):
        folder = Path(temporary)
        report = Report(console, registry.login_server)
        with console.status("building this project's wheel, and a file to push"):
            wheel = build_wheel(folder)
            generated = generate_file(folder / "random.bin", options.size * MIB)
        report.add("build", f"{wheel.name}, {generated.name} of {options.size} MiB")
        repository = registry.repository(name)
        try:
            with Bars(console) as bars:
                push_and_lock(repository, [wheel, generated], bars, report)

            async def second_half() -> acr.Pulled:
                async with acr.AsyncRegistry(endpoint, credential) as twin:
                    with Bars(console) as bars:
                        return await list_and_pull(twin, name, folder / "pulled", bars, report)

            pulled = asyncio.run(second_half())
            report.add("verify", f"every digest is right, {verify(pulled) / MIB:.0f} MiB read again")
        finally:
            with suppress(acr.NotFound):  # if it broke off between locking and unlocking
                repository.tag("v1").update(can_write=True, can_delete=True)
            deleted = repository.delete(missing_ok=True)
        report.add("delete", f"manifests: {len(deleted.manifests)}; tags: {', '.join(deleted.tags)}")
        report.show()


if __name__ == "__main__":
    try:
        main()
    except acr.AcrError as error:
        sys.exit(f"the demo failed: {error}")

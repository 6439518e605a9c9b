"""What the workloads share: the blob, the images and nginx, each made when it is first needed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Final

import attrs

from benchmarks import content
from benchmarks.nginx import BIG, Nginx, nginx
from tests.certificate import make_certificate

FULL: Final = 1024
"""MiB of the blob in a full run."""


@attrs.frozen
class Scale:
    """How much is moved and asked.

    Args:
        mib: of the blob. All else is in proportion to it: less is for trying things out.
    """

    mib: int = FULL

    @property
    def layer(self) -> int:
        """Bytes of each of 8 layers."""
        return max(1, self.mib // 8) * content.MIB

    @property
    def layers(self) -> int:
        """Number of small layers."""
        return max(4, 200 * self.mib // FULL)

    @property
    def calls(self) -> int:
        """Small calls."""
        return max(128, 2000 * self.mib // FULL)

    @property
    def tags(self) -> int:
        """Tags of a listing."""
        return max(1000, 100_000 * self.mib // FULL)


SMALL_LAYER: Final = 64 * 1024
"""Bytes of each of the small layers."""


@attrs.frozen
class Blob:
    """A blob on disk."""

    path: Path
    digest: str


class Stage:
    """A folder on tmpfs with what is moved, and servers beside it. Everything goes when it is closed.

    Args:
        scale: how much of all.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        memory = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made in it
        self.folder = Path(tempfile.mkdtemp(prefix="acr-bench-", dir=memory if memory.is_dir() else None))
        self._opened = ExitStack()
        self._opened.callback(shutil.rmtree, self.folder)
        self._numbers = count()

    def close(self) -> None:
        """End the servers, and delete everything."""
        self._opened.close()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A name for a file or a folder, which is deleted afterwards."""
        path = self.folder / f"scratch-{next(self._numbers)}"
        try:
            yield path
        finally:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @cached_property
    def tls(self) -> tuple[Path, Path]:
        """Files of a certificate for this machine, and of its key."""
        return make_certificate(self.folder)

    @cached_property
    def nginx(self) -> Nginx:
        """nginx, which serves the blob from the repository `BIG`."""
        return self._opened.enter_context(
            nginx(self.folder / "nginx", self._files, self.tls, self.scale.tags),
        )

    @cached_property
    def blob(self) -> Blob:
        """The blob, where nginx serves it."""
        path = self._files / "v2" / BIG / "blobs" / "new"
        digest = content.write_random(path, self.scale.mib * content.MIB, seed=1)
        return Blob(path.rename(path.with_name(digest)), digest)

    @cached_property
    def big_image(self) -> Path:
        """A layout of the image that has the blob as its one layer; nginx serves it, too."""
        layout = content.write_image_of(self.folder / "layout-big", self.blob.path, self.blob.digest)
        manifest = content.manifest_of(layout)
        served = self._files / "v2" / BIG
        for path in (layout / "blobs" / "sha256").iterdir():
            target = served / "blobs" / f"sha256:{path.name}"
            if not target.exists():
                target.hardlink_to(path)
        for name in ("v1", f"sha256:{manifest.name}"):
            target = served / "manifests" / name
            target.parent.mkdir(exist_ok=True)
            target.hardlink_to(manifest)
        return layout

    @cached_property
    def image_of_8(self) -> Path:
        """A layout of an image with 8 large layers."""
        return content.write_image(self.folder / "layout-8", 8, self.scale.layer, seed=100)

    @cached_property
    def image_of_200(self) -> Path:
        """A layout of an image with many small layers."""
        return content.write_image(self.folder / "layout-200", self.scale.layers, SMALL_LAYER, seed=1000)

    @cached_property
    def index_of_6(self) -> Path:
        """A layout of an index of 6 images, each with 4 small layers."""
        return content.write_index(self.folder / "layout-index", 6, 4, SMALL_LAYER, seed=5000)

    @property
    def _files(self) -> Path:
        return self.folder / "files"

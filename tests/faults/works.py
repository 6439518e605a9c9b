"""What the runs of the soak do: each kind of transfer, and how to see afterwards whether nothing wrong came of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import acr
from tests.faults.bare import Bare, check_layout
from tests.faults.images import Image, digest_of, random_image, write_layout
from tests.faults.scene import Scene
from tests.faults.seeds import seeded

_TITLE: Final = "org.opencontainers.image.title"


class Work:
    """A transfer. Made for one run, and done once or twice in it.

    Args:
        scene: where it takes place.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.random: Random = seeded(scene.seed, "work")
        self.prepare()

    def prepare(self) -> None:
        """Put in place what is to be moved, past the proxy."""

    def do(self) -> None:
        """Move it, with the client and through the proxy."""
        raise NotImplementedError

    def check(self, *, done: bool) -> None:
        """See that nothing is wrong; and if it is done, that all is there."""
        raise NotImplementedError

    @property
    def _app(self) -> acr.Repository:
        return self.scene.registry.repository("app")

    def _some_bytes(self) -> bytes:
        top = self.random.choice([1, 2_000, 300_000, 3_000_000, 9_000_000])
        return self.random.randbytes(self.random.randrange(top))


class UploadBlob(Work):
    """A blob from any kind of source, in chunks of any size, its digest known before or not."""

    def prepare(self) -> None:
        """See `Work`."""
        self._content = self._some_bytes()
        self._path = self.scene.folder / "blob"
        self._path.write_bytes(self._content)
        sources: list[Callable[[], Any]] = [self._bytes, self._file, self._in_pieces, lambda: self._path]
        self._open = self.random.choice(sources)
        self._digest = digest_of(self._content) if self.random.random() < 0.5 else None
        self._chunk_size: int = self.random.choice([4_194_304, 1_048_576, 262_144])

    def do(self) -> None:
        """See `Work`."""
        source: Any = self._open()
        try:
            found = self._app.upload_blob(source, digest=self._digest, chunk_size=self._chunk_size)
        finally:
            if isinstance(source, io.IOBase):
                source.close()
        assert (found.digest, found.size) == (digest_of(self._content), len(self._content))

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        with Bare(self.scene.emulator, "app") as bare:
            assert bare.blob(digest_of(self._content)) in ([self._content] if done else [None, self._content])

    def _bytes(self) -> bytes:
        return self._content

    def _file(self) -> io.BufferedReader:
        return self._path.open("rb")

    def _in_pieces(self) -> Iterator[bytes]:
        yield from (self._content[at : at + 100_000] for at in range(0, len(self._content), 100_000))


class DownloadBlob(Work):
    """A blob into a file, which is there already or not, or as a stream."""

    def prepare(self) -> None:
        """See `Work`."""
        self._content = self._some_bytes()
        with Bare(self.scene.emulator, "app") as bare:
            self._digest = bare.put_blob(self._content)
        self._folder = self.scene.folder / "target"
        self._folder.mkdir()
        self._streamed = self.random.random() < 0.3
        self._was_there = self.random.random() < 0.3
        if self._was_there:
            (self._folder / "blob").write_bytes(b"of old")

    def do(self) -> None:
        """See `Work`."""
        if self._streamed:
            with self._app.download_blob(self._digest) as stream:
                content = stream.read()
            assert digest_of(content) == self._digest
            (self._folder / "blob").write_bytes(content)
        else:
            found = self._app.download_blob(self._digest, self._folder / "blob")
            assert (found.digest, found.size) == (self._digest, len(self._content))

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        found = {path.name: path.read_bytes() for path in self._folder.iterdir()}
        before = {"blob": b"of old"} if self._was_there else {}
        assert {name: len(content) for name, content in found.items()} in (
            {"blob": len(self._content)},
            *([] if done else [{name: len(content) for name, content in before.items()}]),
        )
        assert found in ({"blob": self._content}, before)


class PushArtifact(Work):
    """Files, as an artifact, under a tag that may name an older one."""

    def prepare(self) -> None:
        """See `Work`."""
        folder = self.scene.folder / "files"
        folder.mkdir()
        self._files = {f"file{number}": self._some_bytes() for number in range(self.random.randrange(5))}
        for name, content in self._files.items():
            (folder / name).write_bytes(content)
        self._folder = folder
        self._before: str | None = None
        if self.random.random() < 0.4:
            older = random_image(f"{self.scene.seed} older", largest=1_000)
            with Bare(self.scene.emulator, "app") as bare:
                bare.load(older, "v1")
            self._before = older.root.digest
        self._subject = "v1" if self._before and self.random.random() < 0.5 else None

    def do(self) -> None:
        """See `Work`."""
        files = [self._folder / name for name in self._files]
        tag = "v2" if self._subject else "v1"
        self._app.push_artifact(files, tag=tag, subject=self._subject)

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        with Bare(self.scene.emulator, "app") as bare:
            found = bare.manifest("v2" if self._subject else "v1")
            before = None if self._subject else self._before
            if found is None or found.digest == before:
                assert not done
                assert (found and found.digest) == before
                return
            bare.tree(found.digest)
            layers = {layer["digest"] for layer in json.loads(found.content)["layers"]}
            assert layers == {digest_of(content) for content in self._files.values() or [b"{}"]}


class PullArtifact(Work):
    """An artifact's files, into a folder."""

    def prepare(self) -> None:
        """See `Work`."""
        self._files = {f"some/file{number}": self._some_bytes() for number in range(self.random.randrange(1, 6))}
        with Bare(self.scene.emulator, "app") as bare:
            config = {"mediaType": acr.media_types.OCI_EMPTY, "digest": bare.put_blob(b"{}"), "size": 2}
            layers = [
                {
                    "mediaType": "text/plain",
                    "digest": bare.put_blob(content),
                    "size": len(content),
                    "annotations": {_TITLE: name},
                }
                for name, content in self._files.items()
            ]
            bare.put_json({"schemaVersion": 2, "config": config, "layers": layers}, "v1")
        self._folder = self.scene.folder / "target"

    def do(self) -> None:
        """See `Work`."""
        pulled = self._app.pull("v1", self._folder)
        assert {path.relative_to(self._folder).as_posix() for path in pulled.files} == set(self._files)

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        found = [path for path in self._folder.rglob("*") if not path.is_dir()]
        names = {path.relative_to(self._folder).as_posix() for path in found}
        assert names == set(self._files) if done else names <= set(self._files)
        for path in found:
            assert path.read_bytes() == self._files[path.relative_to(self._folder).as_posix()]


class _OfImages(Work):
    """What the transfers of images have in common."""

    def prepare(self) -> None:
        """See `Work`."""
        self._image = random_image(self.scene.seed)
        self._referrers = self.random.random() < 0.5
        self._concurrency = self.random.choice([1, 4, 4, 16])
        self._platform: str | None = None
        if self._image.platforms and self.random.random() < 0.25:
            self._platform = self.random.choice(self._image.platforms)

    @property
    def _wanted(self) -> str:
        """The digest that has to be there in the end."""
        image = self._image
        return image.root.digest if self._platform is None else image.image_for(self._platform).digest

    @property
    def _attached(self) -> list[str]:
        """Digests of the referrers that have to be there, too."""
        return [] if self._platform or not self._referrers else [one.digest for one in self._image.referrers]

    def _options(self) -> dict[str, Any]:
        return {"platform": self._platform, "referrers": self._referrers, "concurrency": self._concurrency}

    def _check_registry(self, bare: Bare, tag: str, before: str | None, *, done: bool) -> None:
        found = bare.manifest(tag)
        digest = None if found is None else found.digest
        assert digest in ((self._wanted,) if done else (self._wanted, before))
        if digest is not None:  # then it is whole, whether it is old or new
            bare.tree(digest)
        for referrer in self._attached if done else []:
            bare.tree(referrer)

    def _older(self, bare: Bare) -> str | None:
        """An image that the tag names already; it may have layers in common."""
        if self.random.random() < 0.6:
            return None
        older: Image = random_image(f"{self.scene.seed} older", largest=1_000)
        bare.load(older, "v1")
        for content in list(self._image.blobs.values())[:2]:
            bare.put_blob(content)
        return older.root.digest


class PushImage(_OfImages):
    """From a layout into a registry."""

    def prepare(self) -> None:
        """See `Work`."""
        super().prepare()
        self._folder = self.scene.folder / "layout"
        write_layout(self._image, self._folder, "v1")
        with Bare(self.scene.emulator, "app") as bare:
            self._before = self._older(bare)

    def do(self) -> None:
        """See `Work`."""
        found = self._app.push(acr.Layout(self._folder), "v1", tag="v1", **self._options())
        assert found.digest == self._wanted

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        with Bare(self.scene.emulator, "app") as bare:
            self._check_registry(bare, "v1", self._before, done=done)
        assert check_layout(self._folder)["v1"] == self._image.root.digest


class PullImage(_OfImages):
    """From a registry into a layout, which may have something in it already."""

    def prepare(self) -> None:
        """See `Work`."""
        super().prepare()
        self._folder = self.scene.folder / "layout"
        with Bare(self.scene.emulator, "app") as bare:
            bare.load(self._image, "v1")
        self._before: str | None = None
        if self.random.random() < 0.3:
            older = random_image(f"{self.scene.seed} older", largest=1_000)
            write_layout(older, self._folder, "v1")
            self._before = older.root.digest

    def do(self) -> None:
        """See `Work`."""
        found = self._app.pull("v1", acr.Layout(self._folder), **self._options())
        assert found.digest == self._wanted

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        found = check_layout(self._folder)
        assert found.get("v1") in ((self._wanted,) if done else (self._wanted, self._before))
        for referrer in self._attached if done else []:
            assert (self._folder / "blobs" / "sha256" / referrer.removeprefix("sha256:")).exists()


class CopyWithin(_OfImages):
    """From one repository of a registry to another one, where blobs need not be moved."""

    def prepare(self) -> None:
        """See `Work`."""
        super().prepare()
        with Bare(self.scene.emulator, "app") as bare:
            bare.load(self._image, "v1")
        with Bare(self.scene.emulator, "team/other") as bare:
            self._before = self._older(bare)

    def do(self) -> None:
        """See `Work`."""
        found = self.scene.registry.copy("app:v1", "team/other:v1", **self._options())
        assert found.digest == self._wanted

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        with Bare(self.scene.emulator, "team/other") as bare:
            self._check_registry(bare, "v1", self._before, done=done)


class CopyAcross(_OfImages):
    """From one registry to another one, both of them behind a proxy."""

    def prepare(self) -> None:
        """See `Work`."""
        super().prepare()
        self._other = self.scene.another_registry()
        with Bare(self.scene.emulator, "app") as bare:
            bare.load(self._image, "v1")
        with Bare(self.scene.emulators[1], "app") as bare:
            self._before = self._older(bare)

    def do(self) -> None:
        """See `Work`."""
        found = self.scene.registry.copy("app:v1", "app:v1", to=self._other, **self._options())
        assert found.digest == self._wanted

    def check(self, *, done: bool) -> None:
        """See `Work`."""
        with Bare(self.scene.emulators[1], "app") as bare:
            self._check_registry(bare, "v1", self._before, done=done)


_OF_FILES: Final[tuple[Callable[[Scene], Work], ...]] = (UploadBlob, DownloadBlob, PushArtifact, PullArtifact)
_OF_IMAGES: Final[tuple[Callable[[Scene], Work], ...]] = (PushImage, PullImage, CopyWithin, CopyAcross)


def work_of(seed: int) -> Callable[[Scene], Work]:
    """The kind of work of a seed; two neighbours have the same, one in each colour."""
    kinds = (*_OF_FILES, *_OF_IMAGES, *_OF_IMAGES)
    return kinds[seed // 2 % len(kinds)]

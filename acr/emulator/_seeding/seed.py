"""Puts into an empty registry what it shall begin with: images of a recipe, or of an OCI image layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from acr._values.digest import Digest
from acr._values.reference import check_repository
from acr.emulator._arguments import said
from acr.emulator._seeding.images import make
from acr.emulator._seeding.layout import FolderLayout, descriptors
from acr.emulator._seeding.recipe import Image, LayoutOf, parse
from acr.emulator._store import manifests
from acr.emulator._store.content import Content
from acr.emulator._store.metadata import Metadata
from acr.emulator._store.pushing import Incomplete, prepare
from acr.emulator._store.uploads import BLOCK, Uploads
from acr.emulator._wire import TICKS
from acr.errors import InvalidInput, InvalidReference

_LARGEST_RECIPE: Final = 1024 * 1024


def plant(seed: Path, metadata: Metadata, content: Content, *, now: int) -> None:
    """Put in what `seed` names, unless the registry has content already.

    Args:
        seed: folder of an OCI image layout, or file of a recipe.
        metadata: where manifests and tags go.
        content: where blobs go.
        now: the time, in ticks.

    Raises:
        OSError: something cannot be read.
        InvalidInput: the seed says what cannot be.
    """
    if not metadata.is_empty():
        return
    try:
        _plant(seed, metadata, content, now)
    except BaseException as error:
        metadata.clear()  # or the next start would take what is there for all
        content.clear()
        if isinstance(error, ValueError) and not isinstance(error, InvalidInput):
            raise InvalidInput(f"seed: {error}") from None
        raise


def _plant(seed: Path, metadata: Metadata, content: Content, now: int) -> None:
    for number, one in enumerate(sorted(_wanted(seed), key=lambda one: -one.age), 1):
        bed = _Bed(metadata, content, one.repository, now - one.age * TICKS)
        if isinstance(one, Image):
            bed.plant_image(one, number)
        else:
            bed.plant_layout(FolderLayout(seed if seed.is_dir() else seed.parent / one.path))


def _wanted(seed: Path) -> list[Image | LayoutOf]:
    if seed.is_dir():
        try:
            return [LayoutOf(repository=check_repository(seed.resolve().name), path="")]
        except InvalidReference as error:
            raise ValueError(f"{error}; the folder names the repository, or else a recipe does: [[layout]]") from None
    try:
        with seed.open("rb") as file:
            text = file.read(_LARGEST_RECIPE + 1)
    except OSError as error:
        raise said(error, f"the seed {seed} cannot be read", "name a layout, or a recipe in TOML") from None
    try:
        if len(text) > _LARGEST_RECIPE:
            raise ValueError(f"it has more than {_LARGEST_RECIPE} bytes")
        return parse(text.decode())
    except ValueError as error:
        raise ValueError(f"{seed} is no recipe: {error}") from None


@attrs.frozen
class _Bed:
    """A repository at a time, where things are put in."""

    _metadata: Metadata
    _content: Content
    _repository: str
    _time: int

    def plant_image(self, image: Image, number: int) -> None:
        """Make up an image, and put it in."""
        *children, top = make(image, number)
        for one in (*children, top):
            for blob in one.blobs:
                self._add_blob(Digest.of(blob), [blob])
            tags = image.tags if one is top else ()
            self._add_manifest(Digest.of(one.content), one.content, one.media_type, tags)

    def plant_layout(self, layout: FolderLayout) -> None:
        """Put in all images of a layout."""
        for digest, media_type, tag in layout.images():
            self._copy(layout, digest, media_type, () if tag is None else (tag,))

    def _copy(self, layout: FolderLayout, digest: Digest, media_type: str, tags: tuple[str, ...]) -> None:
        body = layout.manifest(digest)
        try:
            reading = manifests.read(body, media_type)
            if reading.children:
                for _, child in descriptors(body, digest):
                    self._copy(layout, *child, ())
            for blob in reading.blobs:
                with layout.open(blob) as file:
                    self._add_blob(blob, _blocks(file))
            self._add_manifest(digest, body, media_type, tags)
        except manifests.Malformed as error:
            raise ValueError(f"{digest}: {error}") from None
        except Incomplete as error:
            raise ValueError(f"{digest}: its layout lacks {', '.join(error.missing)}") from None

    def _add_blob(self, digest: Digest, blocks: Iterable[bytes]) -> None:
        uploads = Uploads(self._content)
        upload = uploads.start(self._repository, self._time)
        for block in blocks:
            upload.write(block)
        if upload.digest(digest.algorithm) != digest:
            uploads.cancel(upload)
            raise ValueError(f"{digest} is not what its name says")
        uploads.complete(upload, digest)
        self._metadata.add_blob(self._repository, digest)

    def _add_manifest(self, digest: Digest, body: bytes, media_type: str, tags: tuple[str, ...]) -> None:
        new = prepare(self._metadata, self._content, self._repository, body, media_type, digest=digest)
        for tag in tags or (None,):
            self._metadata.put_manifest(self._repository, new, tag, self._time)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block

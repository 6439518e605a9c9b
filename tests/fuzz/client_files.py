"""The client's parsers of files: tars, archives of docker, OCI image layouts."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import acr
from acr import media_types
from acr._outside.layouts.layout import Layout
from acr._outside.tar.folders import unpack
from acr._outside.tar.tars import TarFiles, members
from acr._values.digest import Digest
from acr._values.manifest import Manifest
from acr._values.unpacking import UnpackLimits
from acr.errors import (
    DigestMismatch,
    InvalidReference,
    LimitExceeded,
    ProtocolViolation,
    TransferError,
    UnsupportedDigest,
)
from tests.fuzz.client_documents import ATTACHED, IMAGE, INDEX
from tests.fuzz.parser import Parser, documents, scratch

_CHECKSUM: Final = slice(148, 156)
_LIMITS: Final = UnpackLimits(size=1024 * 1024)


def tar(form: int, *entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar in one of the forms of tarfile."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", **pax: str
) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime, info.pax_headers = kind, link, 0o644, 1_700_000_000, dict(pax)
    return info, content


def _sealed(data: bytes) -> bytes:
    """A tar whose headers have the sums that they should have: nearly all that is changed would be seen at once."""
    blocks = bytearray(data)
    for at in range(0, len(blocks) - tarfile.BLOCKSIZE + 1, tarfile.BLOCKSIZE):
        block = blocks[at : at + tarfile.BLOCKSIZE]
        if block[257:262] == b"ustar":
            block[_CHECKSUM] = b" " * 8
            blocks[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    return bytes(blocks)


_TREE: Final = (
    entry("app", kind=tarfile.DIRTYPE),
    entry("app/a.txt", b"hello"),
    entry("app/b/c.bin", bytes(range(256)) * 3),
    entry("app/link", kind=tarfile.SYMTYPE, link="b/c.bin"),
    entry("app/hard", kind=tarfile.LNKTYPE, link="app/a.txt"),
)
TARS: Final = (
    tar(tarfile.USTAR_FORMAT, *_TREE),
    tar(tarfile.GNU_FORMAT, entry(f"app/{'n' * 150}", b"long"), entry("app/x", kind=tarfile.SYMTYPE, link="y" * 120)),
    tar(tarfile.PAX_FORMAT, entry("app/é", b"x", mtime="1700000000.5", comment="a b"), entry(f"app/{'d/' * 9}f", b"y")),
)


def _members(data: bytes) -> list[str]:
    file = io.BytesIO(_sealed(data))
    return [member.info.name for member in members(file, "the tar")]


def _tar_files(data: bytes) -> list[bytes]:
    with scratch() as folder:
        path = folder / "a.tar"
        path.write_bytes(_sealed(data))
        files = TarFiles(path)
        found = []
        for name, _ in files.regions():
            if files.find(name) is not None:
                with files.open(name) as file:
                    found.append(file.read(1000))
        return found


def _unpacked(data: bytes) -> bool:
    with scratch() as folder:
        inside = folder / "inside"
        inside.mkdir()
        try:
            unpack(io.BytesIO(_sealed(data)), inside, title="app", limits=_LIMITS)
        finally:
            assert [path.name for path in folder.iterdir()] == ["inside"]
            assert {path.name for path in inside.iterdir()} <= {"app"}
        return True


def _archive(listed: bytes, config: bytes, layer: bytes = b"layer") -> bytes:
    return tar(
        tarfile.USTAR_FORMAT, entry("manifest.json", listed), entry("c.json", config), entry("l/layer.tar", layer)
    )


_ROOTFS: Final = {"type": "layers", "diff_ids": [str(Digest.of(b"layer"))]}
_DOCKER_CONFIG: Final = documents({"architecture": "amd64", "os": "linux", "rootfs": _ROOTFS})
_LISTED: Final = documents(
    [{"Config": "c.json", "Layers": ["l/layer.tar"], "RepoTags": ["team/app:v1", "app:latest"]}],
    [{"Config": "./c.json", "Layers": ["l/../l/layer.tar"], "RepoTags": None}],
)


def _docker_archive(make: Callable[[bytes], bytes]) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        with scratch() as folder:
            path = folder / "saved.tar"
            path.write_bytes(make(data))
            archive = acr.DockerArchive(path)
            archive.tags()
            found = archive.manifest(archive.resolve(None).digest)
            for blob in found.layers:
                archive.open(blob).close()
            return found

    return read


@contextmanager
def _layout(index: bytes, *blobs: bytes) -> Iterator[Layout]:
    with scratch() as folder:
        (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
        (folder / "index.json").write_bytes(index)
        place = folder / "blobs" / "sha256"
        place.mkdir(parents=True)
        for blob in blobs:
            (place / Digest.of(blob).hex).write_bytes(blob)
        yield Layout(folder)


def _layout_index(data: bytes) -> object:
    """All that is done with an index.json: it is listed, searched, and written again with one more root."""
    with _layout(data, *_MANIFESTS) as layout:
        layout.tags()
        layout.referrers(Digest.of(_MANIFESTS[0]))
        new = Manifest.of({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []})
        layout.put(new)
        layout.tag(new.descriptor, "v1")
        layout.commit()
        assert layout.resolve("v1").digest == new.digest
        return layout.tags()


def _layout_manifest(data: bytes) -> object:
    """A manifest of a layout, which says what it is by itself, and what is attached to it."""
    digest = Digest.of(data)
    index = {"manifests": [{"mediaType": media_types.OCI_MANIFEST, "digest": str(digest), "size": len(data)}]}
    with _layout(json.dumps(index).encode(), data) as layout:
        found = layout.manifest(layout.resolve(None).digest)
        layout.referrers(digest)
        return found


_MANIFESTS: Final = documents(IMAGE, ATTACHED)


def _root(content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_types.OCI_MANIFEST, "digest": str(Digest.of(content)), "size": len(content), **more}


_INDEXES: Final = documents(
    {
        "schemaVersion": 2,
        "manifests": [
            _root(_MANIFESTS[0], annotations={"org.opencontainers.image.ref.name": "v1"}),
            _root(_MANIFESTS[1], platform={"os": "linux", "architecture": "amd64"}),
        ],
    },
    {
        "schemaVersion": 2,
        "manifests": [
            _root(_MANIFESTS[0], annotations={"io.containerd.image.name": "docker.io/a:v1", "x": "y"}),
            _root(_MANIFESTS[0], annotations={"org.opencontainers.image.ref.name": "v1"}),
        ],
        "annotations": {"a": "b"},
    },
    {"manifests": None},
)

_FILE: Final = (TransferError, LimitExceeded)
_LAYOUT: Final = (*_FILE, ProtocolViolation, UnsupportedDigest, DigestMismatch)

PARSERS: Final = (
    Parser("tar", _members, TARS, _FILE),
    Parser("tar_files", _tar_files, TARS, _FILE),
    Parser("unpacked", _unpacked, TARS, (*_FILE, InvalidReference)),
    Parser("docker_archive", _docker_archive(lambda data: _archive(data, _DOCKER_CONFIG[0])), _LISTED, _LAYOUT),
    Parser("docker_archive_config", _docker_archive(lambda data: _archive(_LISTED[0], data)), _DOCKER_CONFIG, _LAYOUT),
    Parser("layout_index", _layout_index, _INDEXES, _LAYOUT),
    Parser("layout_manifest", _layout_manifest, documents(IMAGE, ATTACHED, INDEX), _LAYOUT),
)

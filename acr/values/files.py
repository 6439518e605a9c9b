"""Files of an artifact: which file is pushed as which layer, and under which name one may be pulled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

import attrs

from acr.values import media_types
from acr.values.errors import InvalidReference

TITLE: Final = "org.opencontainers.image.title"
"""The annotation that carries a file's name (OCI image spec, "Annotations")."""

UNPACK: Final = "io.deis.oras.content.unpack"
"""The annotation that says, with `true`, that a layer is a folder."""

CONTENT_DIGEST: Final = "io.deis.oras.content.digest"
"""The annotation with the digest of the uncompressed tar."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_WORKING: Final = re.compile(r"\..*\.[0-9a-f]{16}\.(?:part|layer)", re.IGNORECASE)
_LONGEST: Final = 1024


@attrs.frozen
class File:
    """A file to push as a layer of an artifact, or a folder, which is packed as oras does.

    Args:
        path: where it is.
        title: its name in the artifact, relative and with `/`; the file's own name by default.
        media_type: of the layer; a folder has its own, a tar with gzip.
        annotations: of the layer, beside the title.

    Raises:
        InvalidReference: the title is absolute, or leads out of the folder it would be pulled into.
    """

    path: Path = attrs.field(converter=Path)
    title: str = attrs.field(default=attrs.Factory(lambda self: self.path.name, takes_self=True), kw_only=True)
    media_type: str = attrs.field(default=media_types.OCTET_STREAM, kw_only=True)
    annotations: Mapping[str, str] = attrs.field(default=MappingProxyType({}), kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        check_title(self.title)


def check_title(title: str) -> PurePosixPath:
    """The relative path that a title stands for.

    Titles come from the outside: one that is absolute, climbs with `..`, names a Windows drive, holds a control
    character or is the name of another file while that is downloaded never becomes a path.

    Raises:
        InvalidReference: it is such a one.

    >>> check_title("models/model.onnx")
    PurePosixPath('models/model.onnx')
    >>> check_title("../.ssh/authorized_keys")
    Traceback (most recent call last):
    acr.values.errors.InvalidReference: the title '../.ssh/authorized_keys' is no relative file name
    """
    parts = title.split("/")
    plain = title.isprintable() and "\\" not in title and _DRIVE.match(title) is None
    if not plain or len(title) > _LONGEST or any(part in ("", ".", "..") for part in parts):
        raise InvalidReference(f"the title {title[:200]!r} is no relative file name")
    if any(_WORKING.fullmatch(part) for part in parts):
        raise InvalidReference(f"the title {title[:200]!r} is one that files have while they are downloaded")
    return PurePosixPath(title)

"""Files of an artifact: which file is pushed as which layer, and under which name one may be pulled."""

import os
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

import attrs

from acr import media_types
from acr._values.arguments import check_text
from acr._values.home import public_in
from acr._values.media_type import check_media_type
from acr.errors import InvalidInput, InvalidReference

TITLE: Final = "org.opencontainers.image.title"
"""The annotation that carries a file's name (OCI image spec, "Annotations")."""

UNPACK: Final = "io.deis.oras.content.unpack"
"""The annotation that says, with `true`, that a layer is a folder."""

CONTENT_DIGEST: Final = "io.deis.oras.content.digest"
"""The annotation with the digest of the uncompressed tar."""

ON_WINDOWS: Final = os.name == "nt"

_DEVICE: Final = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Windows takes a name with dots, spaces or a stream's name behind it for the name without.
_WORKING: Final = re.compile(r"\..*\.[0-9a-f]{16}\.(?:part|layer)[. ]*(?::.*)?", re.IGNORECASE)
_LONGEST: Final = 1024
_DEEPEST: Final = 200


def _path(value: str | os.PathLike[str]) -> Path:
    try:
        return Path(value)
    except TypeError:
        what = type(value).__name__
        raise InvalidInput(f"expected a path or a File, not {what}: write what is in memory to a file first") from None


@public_in("acr")
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
        InvalidInput: the path is none, the media type is none, or an annotation is no text.
    """

    path: Path = attrs.field(converter=_path)
    title: str = attrs.field(default=attrs.Factory(lambda self: self.path.name, takes_self=True), kw_only=True)
    media_type: str = attrs.field(default=media_types.OCTET_STREAM, kw_only=True)
    annotations: Mapping[str, str] = attrs.field(default=MappingProxyType({}), kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        if self.title == self.path.name and self.title in ("", ".."):
            how = "name the folder itself, or pass File(path, title=...)"
            raise InvalidReference(f"the path {str(self.path)!r} has no name that could be its title: {how}")
        check_title(self.title)
        check_media_type(self.media_type)
        check_annotations(self.annotations)


def windows_misreads(name: str) -> bool:
    """Whether Windows reads the name of a file as a device (`NUL`, `com1.txt`), or as a stream or another name of one.

    See Microsoft's "Naming Files, Paths, and Namespaces".

    >>> [windows_misreads(name) for name in ("aux", "nul.tar.gz", "file:stream", "file.", "console.txt")]
    [True, True, True, True, False]
    """
    return _DEVICE.fullmatch(name) is not None or ":" in name or name.endswith((".", " "))


def check_title(title: str, *, windows: bool = ON_WINDOWS) -> PurePosixPath:
    """The relative path that a title stands for.

    Titles come from the outside: one that is absolute, climbs with `..`, names a Windows drive, holds a control
    character or is the name of another file while that is downloaded never becomes a path.

    Args:
        title: with slashes.
        windows: refuse what Windows takes for a device or a stream, too.

    Raises:
        InvalidReference: it is such a one, has over 1024 characters, or is deeper than 200 folders.

    >>> check_title("models/model.onnx")
    PurePosixPath('models/model.onnx')
    >>> check_title("../.ssh/authorized_keys")
    Traceback (most recent call last):
    acr.errors.InvalidReference: the title '../.ssh/authorized_keys' is no relative file name
    """
    if not isinstance(title, str):
        raise InvalidReference(f"the title {str(title)[:200]!r} is no text, but {type(title).__name__}")
    if len(title) > _LONGEST:
        raise InvalidReference(f"the title {title[:200]!r}… has over {_LONGEST} characters")
    parts = title.split("/")
    plain = title.isprintable() and "\\" not in title and _DRIVE.match(title) is None
    if not plain or any(part in ("", ".", "..") for part in parts):
        raise InvalidReference(f"the title {title[:200]!r} is no relative file name")
    if windows and any(map(windows_misreads, parts)):
        raise InvalidReference(f"the title {title[:200]!r} is one that Windows reads as a device or a stream")
    if len(parts) > _DEEPEST:
        raise InvalidReference(f"the title {title[:200]!r}… is deeper than {_DEEPEST} folders")
    if any(_WORKING.fullmatch(part) for part in parts):
        raise InvalidReference(f"the title {title[:200]!r} is one that files have while they are downloaded")
    return PurePosixPath(title)


def nested(titles: Iterable[PurePosixPath]) -> tuple[PurePosixPath, PurePosixPath] | None:
    """Two titles of which one lies within the other, so that it would have to be a file and a folder; None if all fit.

    >>> nested(map(PurePosixPath, ["a/b", "c", "a"]))
    (PurePosixPath('a'), PurePosixPath('a/b'))
    """
    # Sorted by their parts, what lies within a title comes right behind it.
    for one, other in pairwise(sorted(titles, key=lambda title: title.parts)):
        if other.parts[: len(one.parts)] == one.parts:
            return one, other
    return None


def check_annotations(annotations: Mapping[str, str]) -> None:
    """See that names and values are text, as a manifest has them.

    Raises:
        InvalidInput: they are not.
    """
    if not isinstance(annotations, Mapping):
        raise InvalidInput(f"annotations: expected names and values, not {type(annotations).__name__}")
    for name, value in annotations.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise InvalidInput(f"the annotation {str(name)[:100]!r}: expected text, not {str(value)[:100]!r}")
        check_text("annotations", name)
        check_text(f"annotations[{name[:100]!r}]", value)

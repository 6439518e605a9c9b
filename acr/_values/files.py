"""Files of an artifact: how a file becomes a layer, and which names a pull accepts for files."""

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
from acr._values.travel import travels
from acr.errors import InvalidInput, InvalidReference

TITLE: Final = "org.opencontainers.image.title"
"""The annotation that carries a file's name (OCI image spec, "Annotations")."""

UNPACK: Final = "io.deis.oras.content.unpack"
"""The annotation that says, with `true`, that a layer is a folder."""

CONTENT_DIGEST: Final = "io.deis.oras.content.digest"
"""The annotation with the digest of the uncompressed tar."""

UNKNOWN_ARTIFACT: Final = "application/vnd.unknown.artifact.v1"
"""The type of an artifact whose type nobody named; oras uses it too."""

ON_WINDOWS: Final = os.name == "nt"

_DEVICE: Final = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Windows ignores dots, spaces and the name of a stream at the end of a file's name.
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
@travels
@attrs.frozen
class File:
    """A file to push as one layer of an artifact. A folder is packed into one layer, as oras does it.

    Args:
        path: the file or folder.
        title: its name in the artifact: a relative path with `/`. The default is the name of the file.
        media_type: the type of the layer. For a folder it is ignored: the layer is a tar with gzip.
        annotations: annotations of the layer, in addition to the title.

    Raises:
        InvalidReference: the title is absolute, or would lead out of the folder that somebody pulls into.
        InvalidInput: the path or the media type is malformed, or an annotation is not text.
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
    """Turn a title into a relative path.

    A registry may send any title. This refuses a title that is absolute, climbs with `..`, names a Windows drive,
    contains a control character, or is a name that a file has while it is downloaded.

    Args:
        title: the title, with slashes.
        windows: also refuse a name that Windows reads as a device or a stream.

    Raises:
        InvalidReference: the title is refused, has over 1024 characters, or is deeper than 200 folders.

    >>> check_title("models/model.onnx")
    PurePosixPath('models/model.onnx')
    >>> check_title("../.ssh/authorized_keys")
    Traceback (most recent call last):
    acr.errors.InvalidReference: the title: expected a relative file name, got '../.ssh/authorized_keys'
    """
    if not isinstance(title, str):
        raise InvalidReference(f"the title: expected text, got {type(title).__name__}")
    if len(title) > _LONGEST:
        raise InvalidReference(f"the title {title[:200]!r}… has over {_LONGEST} characters")
    parts = title.split("/")
    plain = title.isprintable() and "\\" not in title and _DRIVE.match(title) is None
    if not plain or any(part in ("", ".", "..") for part in parts):
        raise InvalidReference(f"the title: expected a relative file name, got {title[:200]!r}")
    if windows and any(map(windows_misreads, parts)):
        raise InvalidReference(f"the title {title[:200]!r} is one that Windows reads as a device or a stream")
    if len(parts) > _DEEPEST:
        raise InvalidReference(f"the title {title[:200]!r}… is deeper than {_DEEPEST} folders")
    if any(_WORKING.fullmatch(part) for part in parts):
        raise InvalidReference(f"the title {title[:200]!r} is one that files have while they are downloaded")
    return PurePosixPath(title)


def nested(titles: Iterable[PurePosixPath]) -> tuple[PurePosixPath, PurePosixPath] | None:
    """Find two titles of which one lies inside the other, which would have to be a file and a folder. None if all fit.

    >>> nested(map(PurePosixPath, ["a/b", "c", "a"]))
    (PurePosixPath('a'), PurePosixPath('a/b'))
    """
    # Sorted by parts, a title that lies inside another one follows it.
    for one, other in pairwise(sorted(titles, key=lambda title: title.parts)):
        if other.parts[: len(one.parts)] == one.parts:
            return one, other
    return None


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Check that names and values are text, as a manifest requires.

    Raises:
        InvalidInput: one of them is not.
    """
    if not isinstance(annotations, Mapping):
        raise InvalidInput(f"annotations: expected names and values, not {type(annotations).__name__}")
    for name, value in annotations.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise InvalidInput(f"the annotation {str(name)[:100]!r}: expected text, not {str(value)[:100]!r}")
        check_text("annotations", name)
        check_text(f"annotations[{name[:100]!r}]", value)

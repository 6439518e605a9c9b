"""What is on this machine: layouts and archives by their names on the command line, and files with their types."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

import acr
from acr.cli._exits import Usage

_KINDS: Final = ("oci:", "oci-archive:", "docker-archive:")
_URL: Final = re.compile(r"oci://[^/]")
"""A reference to a registry, as helm writes it, and no layout."""

_END: Final = re.compile(
    r"(?P<path>.+?)(?:@(?P<digest>sha(?:256|512):[0-9a-f]+)|:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
)
_TYPE: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.+-]*/[a-zA-Z0-9][a-zA-Z0-9.+_-]*")


class LocalPlace(NamedTuple):
    """A layout or an archive.

    Args:
        path: where it is.
        reference: tag or digest in it; None for the only image.
        is_docker: it is what `docker save` wrote.
    """

    path: Path
    reference: str | None
    is_docker: bool

    def open(self) -> acr.Layout | acr.DockerArchive:
        """Open it. This reads nothing yet."""
        return acr.DockerArchive(self.path) if self.is_docker else acr.Layout(self.path)

    def check_target(self) -> None:
        """Raise Usage for what can only be read."""
        if self.is_docker:
            hint = f"write oci:{self.path}, which docker loads as well"
            raise Usage("an archive of docker is only a source", hint=hint)

    def __str__(self) -> str:
        kind = "docker-archive" if self.is_docker else "oci"
        end = "" if self.reference is None else f"{'@' if ':' in self.reference else ':'}{self.reference}"
        return f"{kind}:{self.path}{end}"


def local_place(text: str) -> LocalPlace | None:
    """Read the name of a layout or an archive; None if it is none.

    Raises:
        Usage: it names no path, or a registry as helm does.

    >>> str(local_place("oci:images:v1")), local_place("team/app:v1")
    ('oci:images:v1', None)
    """
    kind = next((kind for kind in _KINDS if text.startswith(kind)), None)
    if kind is None:
        return None
    if _URL.match(text):
        raise Usage(
            f"{text!r}: a reference has no oci://", hint=f"write {text.removeprefix('oci://')}; a layout is oci:FOLDER"
        )
    name = text[len(kind) :]
    if "\0" in name or not name:
        raise Usage(f"{text!r} names no path: expected such as oci:FOLDER:TAG or oci:FILE.tar")
    is_docker = kind == "docker-archive:"
    with suppress(OSError, ValueError):
        if Path(name).exists():
            return LocalPlace(Path(name), None, is_docker)
    found = _END.fullmatch(name)
    if found is None:
        raise Usage(f"{text!r} names no path: expected such as oci:FOLDER:TAG or oci:FILE.tar")
    return LocalPlace(Path(found["path"]), found["digest"] or found["tag"], is_docker)


def files_of(texts: Sequence[str]) -> list[acr.File]:
    """Files and folders to push: a path, with a colon and its media type if that is wanted.

    Raises:
        Usage: there is none at a path.
    """
    found = []
    for text in texts:
        if "\0" in text:
            raise Usage(f"{text!r} is no path")
        path, media_type = Path(text), None
        if not exists(path):
            before, _, end = text.rpartition(":")
            if before and _TYPE.fullmatch(end) and exists(Path(before)):
                path, media_type = Path(before), end
            else:
                raise Usage(f"{text!r} is no file and no folder")
        found.append(acr.File(path) if media_type is None else acr.File(path, media_type=media_type))
    return found


def annotations_of(texts: Sequence[str]) -> dict[str, str]:
    """Annotations, written as KEY=VALUE.

    Raises:
        Usage: one has another form.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Usage(f"--annotation {text!r}: expected KEY=VALUE")
        found[key] = value
    return found


def layouts_of(files: Sequence[acr.File]) -> Iterator[Path]:
    """The folders among them that are layouts, so that somebody may mean the images in them."""
    for file in files:
        if exists(file.path / "oci-layout") and exists(file.path / "index.json"):
            yield file.path


@contextmanager
def nothing_left(path: Path) -> Iterator[None]:
    """Let an interrupted pull leave no layout and no folder where there was none before."""
    missing = list(takewhile(lambda one: not exists(one), (path, *path.parents)))
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):
            if missing:
                shutil.rmtree(path / "blobs", ignore_errors=True)
                for name in ("index.json", "oci-layout"):
                    (path / name).unlink(missing_ok=True)
            for folder in missing:
                folder.rmdir()
        raise


def exists(path: Path) -> bool:
    """Whether there is something at a path, which may be none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False

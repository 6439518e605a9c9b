"""Policy file: a policy on disk, with the files that it names."""

import os
from pathlib import Path

from acr._cleanup.policy import Policy
from acr._outside.failures import reason
from acr._outside.regular import open_regular
from acr._values.home import public_in
from acr.errors import InvalidInput, InvalidPolicy

_LARGEST = 1024 * 1024
_LARGEST_NAMED = 256 * 1024 * 1024
"""Bytes of a policy, and of a file that it names: pulls can be many."""


@public_in("acr")
def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Load a policy from a TOML file. Files that it names are relative to its folder.

    Args:
        path: path of the file, of at most 1 MiB. A file that it names may have 256 MiB.

    Raises:
        InvalidPolicy: a file cannot be read, or has a mistake. The error names the file and its line.
    """
    place = Path(path)
    try:
        text = _text(place, str(place), _LARGEST)
    except InvalidPolicy:
        raise
    except InvalidInput as error:
        raise InvalidPolicy(str(error), source=str(place), line=1) from error
    return Policy(text, source=str(place), files=_Folder(place.parent))


class _Folder(dict[str, str]):
    """The files beside a policy, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return _text(self._folder / name, name, _LARGEST_NAMED)


def _text(path: Path, name: str, most: int) -> str:
    try:
        with open_regular(path) as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"it cannot be read: {reason(error)}") from error
    if len(content) > most:
        raise InvalidInput(f"it is larger than {most // 1024 // 1024} MiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidPolicy("the file is no UTF-8", source=name, line=line) from None

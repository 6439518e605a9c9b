"""Section: a table of a policy file, read with care. Whatever is wrong is told with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from acr._policy.lines import Document, Path
from acr._values.durations import parse_duration
from acr.errors import InvalidInput, InvalidPolicy

_MOST = 2**31


class Section:
    """A table. Each key is read at most once, and `finish` refuses those that nobody has read.

    Args:
        document: the file.
        path: of the table.
        data: its content.
    """

    def __init__(self, document: Document, path: Path, data: Mapping[str, Any]) -> None:
        self._document = document
        self._path = path
        self._data = data
        self._read: list[str] = []

    @property
    def source(self) -> str:
        """Name of the file."""
        return self._document.source

    def line(self, *path: str | int) -> int:
        """The line of a value, or of the table."""
        return self._document.line((*self._path, *path))

    def error(self, message: str, *path: str | int) -> InvalidPolicy:
        """An error about a value, or about the table."""
        return InvalidPolicy(message, source=self.source, line=self.line(*path))

    def has(self, key: str) -> bool:
        """Whether the table has a key."""
        return key in self._data

    def _get(self, key: str) -> Any:
        self._read.append(key)
        return self._data.get(key)

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        raise self.error(f"{key}: expected a text, got {_shown(value)}", key)

    def texts(self, key: str) -> Sequence[str]:
        """Several texts; none if the key is missing."""
        value = self._get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            raise self.error(f'{key}: expected a list of texts, such as ["team/*"], got {_shown(value)}', key)
        for at, one in enumerate(value):
            if not isinstance(one, str) or not one.strip():
                raise self.error(f"{key}: expected a text, got {_shown(one)}", key, at)
        return tuple(value)

    def count(self, key: str, *, least: int = 0) -> int | None:
        """A number of things."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise self.error(f"{key}: expected a whole number from {least}, got {_shown(value)}", key)
        return value

    def share(self, key: str) -> float | None:
        """A part of a whole."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise self.error(f"{key}: expected a share above 0 and up to 1, such as 0.5, got {_shown(value)}", key)
        return float(value)

    def switch(self, key: str, default: bool) -> bool:
        """A yes or no."""
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(f"{key}: expected true or false, got {_shown(value)}", key)
        return value

    def duration(self, key: str) -> timedelta | None:
        """A duration."""
        value = self._get(key)
        if value is None:
            return None
        try:
            return parse_duration(value)
        except InvalidInput as error:
            raise self.error(f"{key}: {error}", key) from None

    def table(self, key: str, hint: str = "expected a table") -> Section | None:
        """A table within. The hint is for somebody who wrote something else."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(f"{key}: {hint}; got {_shown(value)}", key)
        return Section(self._document, (*self._path, key), value)

    def tables(self, key: str) -> Iterator[Section]:
        """Tables within, written as `[[key]]`; a single `[key]` counts as one."""
        value = self._get(key)
        if isinstance(value, dict):
            yield Section(self._document, (*self._path, key), value)
            return
        if value is not None and not isinstance(value, list):
            raise self.error(f"{key}: expected tables, written as [[purge.{key}]], got {_shown(value)}", key)
        for at, one in enumerate(value or ()):
            if not isinstance(one, dict):
                raise self.error(f"{key}: expected a table, got {_shown(one)}", key, at)
            yield Section(self._document, (*self._path, key, at), one)

    def finish(self) -> None:
        """Refuse keys that nobody has read.

        Raises:
            InvalidPolicy: there is one.
        """
        for key in self._data:
            if key not in self._read:
                near = get_close_matches(key, self._read, n=1)
                meant = f": did you mean {near[0]}?" if near else f": expected one of {', '.join(self._read)}"
                raise self.error(f"{key[:60]!r} is unknown here{meant}", key)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"

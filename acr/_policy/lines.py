"""Lines: a TOML document with the line of each of its values, so that an error can name it.

tomllib says nothing of places. So it reads the document first, and then a walk over the same text, which is valid by
then, notes where each value begins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import attrs

from acr.errors import InvalidPolicy

Path: TypeAlias = tuple[str | int, ...]

_LARGEST: Final = 1024 * 1024
_AT_LINE: Final = re.compile(r" \(at line ([0-9]+), column [0-9]+\)$")
_AT_END: Final = re.compile(r" \(at end of document\)$")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_SCALAR: Final = re.compile(r"[^,\]}\n#]*")


@attrs.frozen
class Document:
    """A TOML document.

    Args:
        source: name of the file.
        data: its tables.
        lines: where each value begins, by its path, such as `("purge", "rule", 0, "tags")`.
    """

    source: str
    data: Mapping[str, Any]
    lines: Mapping[Path, int] = attrs.field(repr=False)

    def line(self, path: Path) -> int:
        """The line of a value, or of what is around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_toml(text: str, source: str) -> Document:
    """Read a TOML document.

    Raises:
        InvalidPolicy: it is none, or has over a mebibyte.
    """
    if len(text) > _LARGEST:
        raise InvalidPolicy("the file is larger than a mebibyte", source=source, line=1)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        raise _malformed(text, source, error) from None
    walk = _Walk(text)
    with suppress(IndexError, ValueError, RecursionError):  # the lines that are known have to do
        walk.document()
    return Document(source, data, walk.lines)


def _malformed(text: str, source: str, error: Exception) -> InvalidPolicy:
    told, count = str(error), text.count("\n") + 1
    at_line = _AT_LINE.search(told)
    if at_line:
        line = int(at_line[1])
    elif _AT_END.search(told):
        line = max(1, count if not text.endswith("\n") else count - 1)
    else:  # Python's own, about a number or a nesting: look for the line that brings it
        line = _first_line(text, type(error))
    clean = _AT_END.sub(" (at the end of the file)", _AT_LINE.sub("", told))
    what = "too many brackets within each other" if isinstance(error, RecursionError) else clean[:300]
    return InvalidPolicy(f"this is no TOML: {what}", source=source, line=line)


def _first_line(text: str, kind: type[Exception]) -> int:
    lines = text.splitlines(keepends=True)
    low, high = 1, max(1, len(lines))
    while low < high:
        middle = (low + high) // 2
        try:
            tomllib.loads("".join(lines[:middle]))
            low = middle + 1
        except tomllib.TOMLDecodeError:
            low = middle + 1
        except kind:
            high = middle
    return low


class _Walk:
    """One walk over a document that is valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._seen = 0  # up to where lines are counted
        self._counts: dict[Path, int] = {}
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        """All tables and values."""
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        here = self._here()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *before, last = self._key()
        self._at += 2 if is_array else 1
        path: Path = ()
        for part in before:
            path = self._within((*path, part))
        path = (*path, last)
        self.lines.setdefault(path, here)
        if is_array:
            self._counts[path] = self._counts.get(path, 0) + 1
        path = self._within(path)
        self.lines.setdefault(path, here)
        return path

    def _within(self, path: Path) -> Path:
        """The path of a table, or of the last one of an array of tables."""
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _pair(self, table: Path) -> None:
        here = self._here()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, here)
        if self._text[self._at] != "=":
            raise ValueError("a key without a value")
        self._at += 1
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            if self._text[self._at] in "\"'":
                first = self._at
                self._string()
                parts.append(next(iter(tomllib.loads(f"{self._text[first : self._at]} = 0"))))
            else:
                match = _BARE.match(self._text, self._at)
                if match is None:
                    raise ValueError("a key")
                self._at = match.end()
                parts.append(match[0])
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        self.lines.setdefault(path, self._here())
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._items(path)
        elif first == "{":
            self._table(path)
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path) -> None:
        self._at += 1
        count = 0
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == "]":
                break
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._value((*path, count))
            count += 1
        self._at += 1

    def _table(self, path: Path) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == "}":
                break
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        is_long = self._text.startswith(quote * 3, self._at)
        end = quote * 3 if is_long else quote
        self._at += len(end)
        while not self._text.startswith(end, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
            if self._at > len(self._text):
                raise IndexError("the end of a text")
        self._at += len(end)
        while is_long and self._text.startswith(quote, self._at):  # one or two quotes before the end are of the text
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._seen, self._at)
        self._seen = max(self._seen, self._at)
        return self._line

"""Columns: the lines of a plan as columns of numbers. A plan for a million manifests fits in 100 MB so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from acr._inventory.marks import Column, column
from acr._values.digest import Digest

NONE: Final = -1
"""The line that a line refers to, if there is none; a time that nobody knows."""

_WIDTH: Final = 32


class Texts:
    """Texts, each once: names of repositories and rules, media types, reasons."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._texts: list[str] = []

    def row(self, text: str) -> int:
        """The number of a text."""
        row = self._rows.setdefault(text, len(self._texts))
        if row == len(self._texts):
            self._texts.append(text)
        return row

    def __getitem__(self, row: int) -> str:
        return self._texts[row]


@attrs.define(kw_only=True)
class Line:
    """A line that is added.

    Args:
        repository: name of the repository.
        name: name of the tag; empty for a manifest.
        digest: the 32 or 64 bytes of the digest.
        media_type: type of the manifest; empty if nobody knows it, and for a tag.
        updated: when it was pushed or moved, in microseconds since 1970.
        rule: name of the rule; empty if none decides.
        why: the reason.
        via: the line that completes the reason.
        frees: bytes.
        is_bare: whether a manifest that stays loses all of its tags.
        unlocks: whether it is locked, and is unlocked before it is deleted.
    """

    repository: str
    name: str
    digest: bytes
    media_type: str
    updated: int
    rule: str
    why: str
    via: int = NONE
    frees: int = 0
    is_bare: bool = False
    unlocks: bool = False


@attrs.frozen
class Lines:
    """What goes, or what stays: tags and manifests, by repository. Numbers of texts are those of `texts`."""

    texts: Texts
    name: list[str] = attrs.field(factory=list)
    repository: Column = column("I")
    media_type: Column = column("I")
    updated: Column = column("q")
    rule: Column = column("I")
    why: Column = column("I")
    via: Column = column("q")
    frees: Column = column("q")
    is_bare: Column = column("B")
    unlocks: Column = column("B")
    _first: bytearray = attrs.field(factory=bytearray)
    _rest: dict[int, bytes] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.name)

    def add(self, line: Line) -> int:
        """Add a line. Return its number."""
        number = len(self.name)
        text = self.texts.row
        self.name.append(line.name)
        self.repository.append(text(line.repository))
        self.media_type.append(text(line.media_type))
        self.updated.append(line.updated)
        self.rule.append(text(line.rule))
        self.why.append(text(line.why))
        self.via.append(line.via)
        self.frees.append(line.frees)
        self.is_bare.append(line.is_bare)
        self.unlocks.append(line.unlocks)
        self._first.extend(line.digest[:_WIDTH])
        if len(line.digest) > _WIDTH:
            self._rest[number] = line.digest[_WIDTH:]
        return number

    def digest(self, number: int) -> Digest:
        """The digest of a line."""
        packed = bytes(self._first[_WIDTH * number : _WIDTH * (number + 1)]) + self._rest.get(number, b"")
        return Digest(f"{'sha256' if len(packed) == _WIDTH else 'sha512'}:{packed.hex()}")

    def label(self, number: int) -> str:
        """A line for people, within its repository: the tag, or the digest."""
        return self.name[number] or str(self.digest(number))

    def reference(self, number: int) -> str:
        """A line for people: the tag with its repository, or the repository with the digest."""
        repository = self.texts[self.repository[number]]
        return f"{repository}{':' if self.name[number] else '@'}{self.label(number)}"

    def unlocked(self) -> list[str]:
        """What is unlocked before it goes, as references."""
        return [self.reference(number) for number, is_locked in enumerate(self.unlocks) if is_locked]

    def count_tags(self) -> int:
        """How many lines are tags."""
        return sum(map(bool, self.name))

    def of(self, repository: str) -> Iterator[int]:
        """The lines of a repository."""
        row = self.texts.row(repository)
        return (number for number, one in enumerate(self.repository) if one == row)

"""Warnings: what a registry wants its users to know (OCI distribution spec, "Warnings"; RFC 7234, section 5.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from acr._core.talk.redaction import shown

_WARNING: Final = re.compile(r'299 [^\s,"]++ "((?:[^"\\]|\\.)*+)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_LONGEST: Final = 1000
_MOST: Final = 100


class Warnings:
    """The warnings of a registry that a client has told its user. Each is told once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def new(self, header: str | None) -> Iterator[str]:
        """The texts of a Warning header that were not told before, fit to be printed.

        >>> warnings = Warnings()
        >>> list(warnings.new('299 - "read only from May on", 299 - "and gone from June on"'))
        ['read only from May on', 'and gone from June on']
        >>> list(warnings.new('299 - "read only from May on", 110 - "stale"'))
        []
        """
        for found in _WARNING.finditer(header or ""):
            text = shown(_ESCAPED.sub(r"\1", found[1]))[:_LONGEST]
            if text not in self._told and len(self._told) < _MOST:
                self._told.add(text)
                yield text

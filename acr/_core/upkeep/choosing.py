"""Choosing: which repositories are meant, by name, pattern or file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

import attrs

from acr._values.arguments import check_text
from acr._values.reference import check_repository
from acr.errors import InvalidInput

_PATTERN: Final = re.compile(r"[*?\[]")
_EVERYTHING: Final = "*"


@attrs.frozen
class Choice:
    """Which repositories are meant.

    Args:
        wanted: names and patterns, in the order of the caller.
        unwanted: names and patterns of what is left out all the same.
    """

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()

    @classmethod
    def of(cls, repositories: str | Iterable[str] | None) -> Choice:
        """Read what a caller says. Empty lines, and what begins with `#`, count for nothing: the texts may be a file's.

        Args:
            repositories: names (`team/app`) and patterns (`team/*`). One with `!` before it is left out. None for all.

        Raises:
            InvalidInput: there is nothing among them, or something other than text.
            InvalidReference: a name is malformed.

        >>> Choice.of(["team/*", "!team/old-*"]).select(["team/app", "team/old-app", "base"])
        ['team/app']
        """
        if repositories is None:
            return cls((_EVERYTHING,))
        found = _said([repositories] if isinstance(repositories, str) else repositories)
        if not found:
            raise InvalidInput("repositories: it names none; leave it out for all")
        wanted = tuple(_checked(line) for line in found if not line.startswith("!"))
        unwanted = tuple(_checked(line.removeprefix("!")) for line in found if line.startswith("!"))
        return cls(wanted or (_EVERYTHING,), unwanted)

    @property
    def needs_catalog(self) -> bool:
        """Whether the names of all repositories must be known first."""
        return any(_PATTERN.search(one) for one in self.wanted)

    def select(self, catalog: Iterable[str]) -> list[str]:
        """The names that are meant, sorted. `*` stands for any characters, slashes too.

        Raises:
            InvalidInput: there is none for one of the patterns, other than `*`.
        """
        known = list(catalog)
        names = {one for one in self.wanted if not _PATTERN.search(one)}
        for pattern in self.wanted:
            if _PATTERN.search(pattern):
                matching = [name for name in known if fnmatchcase(name, pattern)]
                if not matching and pattern != _EVERYTHING:
                    raise InvalidInput(
                        f"repositories: none of the {len(known)} in the registry matches {pattern[:300]!r}"
                    )
                names.update(matching)
        return sorted(name for name in names if not any(fnmatchcase(name, one) for one in self.unwanted))


def _said(texts: Iterable[str]) -> list[str]:
    """The texts, without empty ones and comments."""
    lines = [(check_text("repositories", text) or "").strip() for text in texts]
    return [line for line in lines if line and not line.startswith("#")]


def _checked(name: str) -> str:
    """A pattern, or a name that is well-formed."""
    return name if _PATTERN.search(name) else check_repository(name)

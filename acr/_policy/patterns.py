"""Patterns: which repositories and tags a rule is about. Each one has to match the whole name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Final

import attrs

from acr._policy.versions import Range
from acr.errors import InvalidInput

_LONGEST: Final = 1000
_GLOB: Final = re.compile(r"[*?\[]")
_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")
_IN_A_TAG: Final = re.compile(r"[A-Za-z0-9_.*?-]+")
_IN_A_REPOSITORY: Final = re.compile(r"[a-z0-9_./*?-]+")
_NEVER: Final = "(?!)"
"""What an empty set, such as [z-a], becomes as a regular expression."""


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression.

    Raises:
        InvalidInput: it is none.
    """
    if len(pattern) > _LONGEST:
        raise InvalidInput(f"{pattern[:40]!r}… has over {_LONGEST} characters")
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        hint = f"; for shell patterns write {{ glob = [{pattern[:40]!r}] }}" if pattern[:1] in "*?" else ""
        raise InvalidInput(f"{pattern[:60]!r} is no regular expression: {error}{hint}") from None


@lru_cache(maxsize=1000)
def _globbed(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def matches_glob(name: str, pattern: str) -> bool:
    """Whether a shell pattern matches a whole name. `*` stands for any characters, slashes too."""
    return _globbed(pattern).match(name) is not None


def is_glob(text: str) -> bool:
    """Whether a text is a pattern, and not a name."""
    return _GLOB.search(text) is not None


def _can_match(pattern: str, letters: re.Pattern[str]) -> bool:
    """Whether a shell pattern can match a name of some letters. What cannot would protect nothing, unseen."""
    if len(pattern) > _LONGEST or letters.fullmatch(_SET.sub("x", pattern)) is None:
        return False
    return _NEVER not in translate(pattern)


def check_tag_glob(pattern: str) -> str:
    """Return a shell pattern for tags.

    Raises:
        InvalidInput: no tag can match it. Often it is a regular expression.
    """
    if not _can_match(pattern, _IN_A_TAG):
        raise InvalidInput(
            f"{pattern[:60]!r} matches no tag, since a shell pattern has letters, digits, . _ - * ? and [...];"
            f" for a regular expression write {{ regex = {pattern[:40]!r} }}"
        )
    return pattern


def check_repository_glob(pattern: str) -> str:
    """Return a shell pattern for repositories, or the name of one.

    Raises:
        InvalidInput: no repository can match it.
    """
    bare = pattern.removeprefix("!")
    if not _can_match(bare, _IN_A_REPOSITORY):
        raise InvalidInput(
            f"{pattern[:60]!r} matches no repository: expected a name or a shell pattern, such as team/app or team/*;"
            " a ! before it leaves repositories out"
        )
    return pattern


@attrs.frozen
class Repositories:
    """Which repositories are meant: names and shell patterns. Those with `!` before them leave repositories out."""

    patterns: Sequence[str] = ("*",)

    def matches(self, name: str) -> bool:
        """Whether a repository is meant.

        >>> both = Repositories(["team/*", "!team/old-*"])
        >>> both.matches("team/app"), both.matches("team/old-app"), Repositories(["!base"]).matches("app")
        (True, False, True)
        """
        wanted = [one for one in self.patterns if not one.startswith("!")]
        unwanted = (one[1:] for one in self.patterns if one.startswith("!"))
        is_wanted = not wanted or any(matches_glob(name, one) for one in wanted)
        return is_wanted and not any(matches_glob(name, one) for one in unwanted)

    def names(self, name: str) -> bool:
        """Whether a repository is meant by its own name, and not by a pattern."""
        return name in self.patterns and self.matches(name)


@attrs.frozen
class Tags:
    """Which tags are meant: by shell patterns, by a regular expression, or by a range of versions; all if by none."""

    globs: Sequence[str] = ()
    regex: re.Pattern[str] | None = None
    versions: Range | None = None

    def matches(self, tag: str) -> bool:
        """Whether a tag is meant.

        >>> Tags(regex=compiled("abc")).matches("xabcx"), Tags(globs=["pr-*"]).matches("pr-7")
        (False, True)
        """
        if self.regex is not None:
            return self.regex.fullmatch(tag) is not None
        if self.versions is not None:
            return self.versions.contains(tag)
        return not self.globs or any(matches_glob(tag, one) for one in self.globs)

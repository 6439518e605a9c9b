"""Versions: those of Semantic Versioning 2.0.0, and ranges of them as npm writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from acr.errors import InvalidInput

_NUMBER: Final = "0|[1-9][0-9]{0,17}"
_WORDS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_WORDS}))?")
_PART: Final = re.compile(
    rf"(>=|<=|>|<|=|\^|~)? *v?({_NUMBER}|[xX*])(?:\.({_NUMBER}|[xX*]))?(?:\.({_NUMBER}|[xX*]))?(?:-({_WORDS}))?"
)
_EXPECTED: Final = "expected a range of versions, such as >=1.0, ^2.1, 1.x, or >=1.2 <2 || >=3"


@attrs.frozen(order=True)
class Version:
    """A version. Versions compare as the standard says (section 11).

    Args:
        numbers: major, minor and patch.
        is_release: whether it is no pre-release. A release comes after its pre-releases.
        words: what its pre-release is called, in a form that compares.
    """

    numbers: tuple[int, int, int]
    is_release: bool = True
    words: tuple[tuple[int, int, str], ...] = ()

    @classmethod
    def of(cls, tag: str) -> Version | None:
        """The version that a tag is; None if it is none. A `v` may stand before it.

        >>> Version.of("v1.2.3-rc.1") < Version.of("1.2.3")
        True
        >>> Version.of("1.2"), Version.of("1.2.3.4"), Version.of("01.2.3")
        (None, None, None)
        """
        match = _VERSION.fullmatch(tag)
        if match is None:
            return None
        words = _words(match[4])
        return None if words is None else cls((int(match[1]), int(match[2]), int(match[3])), match[4] is None, words)


def _words(text: str | None) -> tuple[tuple[int, int, str], ...] | None:
    found = []
    for word in text.split(".") if text else ():
        if word.isdigit():
            if len(word) > 18 or (len(word) > 1 and word[0] == "0"):
                return None
            found.append((0, int(word), ""))
        else:
            found.append((1, 0, word))
    return tuple(found)


@attrs.frozen
class Range:
    """A range of versions.

    Args:
        text: as it was written.
        choices: it contains a version if one of these does. A choice is bounds that all have to hold: an operator of
            `<`, `<=`, `>` and `>=` with a version.
    """

    text: str
    choices: tuple[tuple[tuple[str, Version], ...], ...] = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read a range.

        Raises:
            InvalidInput: it is none.
        """
        return cls(text, tuple(tuple(_bounds(choice)) for choice in text.split("||")))

    def contains(self, tag: str) -> bool:
        """Whether a tag is a version in this range.

        A pre-release is in it if the range names a pre-release of the same three numbers, as with npm.

        >>> rc = Range.parse(">=1.0.0-rc.1 <2")
        >>> [rc.contains(tag) for tag in ("1.0.0-rc.2", "v1.9.3", "1.5.0-rc.1", "2.0.0", "1.0")]
        [True, True, False, False, False]
        """
        version = Version.of(tag)
        return version is not None and any(_holds(version, bounds) for bounds in self.choices)


def _holds(version: Version, bounds: tuple[tuple[str, Version], ...]) -> bool:
    if not version.is_release and not any(
        not bound.is_release and bound.words and bound.numbers == version.numbers for _, bound in bounds
    ):
        return False
    return all(
        version >= bound if sign == ">=" else version > bound if sign == ">" else version < bound if sign == "<"
        else version <= bound
        for sign, bound in bounds
    )  # fmt: skip


def _bounds(choice: str) -> Iterator[tuple[str, Version]]:
    """The bounds of one choice. `*` has one that always holds."""
    at, end = 0, len(choice)
    found = False
    while at < end:
        if choice[at] in " ,":
            at += 1
            continue
        match = _PART.match(choice, at)
        if match is None or (match.end() < end and choice[match.end()] not in " ,"):
            raise InvalidInput(f"{choice.strip()[:60]!r}: {_EXPECTED}")
        at, found = match.end(), True
        yield from _of_part(match)
    if not found:
        raise InvalidInput(f"{choice[:60]!r} is empty: {_EXPECTED}")


def _of_part(match: re.Match[str]) -> Iterator[tuple[str, Version]]:
    sign, words = match[1] or "=", _words(match[5])
    given = [int(part) for part in match.groups()[1:4] if part is not None and part not in "xX*"]
    if any(part is not None and part not in "xX*" for part in match.groups()[1 + len(given) : 4]) or words is None:
        raise InvalidInput(f"{match[0]!r}: {_EXPECTED}")
    if match[5] is not None and len(given) < 3:
        raise InvalidInput(f"{match[0]!r}: a pre-release needs three numbers before it, such as 1.2.0-rc.1")
    low = Version(_filled(given), match[5] is None, words)
    above = _next(given, len(given) - 1) if given else None
    if sign in ("^", "~"):
        yield ">=", low
        if given:
            yield "<", _next(given, min(_place(sign, given), len(given) - 1))
    elif sign == "=" and len(given) < 3:
        yield ">=", low
        if above is not None:
            yield "<", above
    elif sign == "=":
        yield from ((">=", low), ("<=", low))
    elif sign in (">", "<=") and len(given) < 3:
        if above is None:
            raise InvalidInput(f"{match[0]!r}: {_EXPECTED}")
        yield (">=" if sign == ">" else "<"), above
    else:
        yield sign, low


def _place(sign: str, given: list[int]) -> int:
    """Which number a range with a caret or a tilde lets grow no further: 0 is the first."""
    if sign == "^" and (given[0] or len(given) == 1):
        return 0
    return 2 if sign == "^" and len(given) == 3 and not given[1] else 1


def _filled(numbers: list[int]) -> tuple[int, int, int]:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch


def _next(numbers: list[int], place: int) -> Version:
    """The lowest version whose number at a place is larger by one. Its pre-releases are not in the range either."""
    return Version(_filled([*numbers[:place], numbers[place] + 1]), is_release=False)

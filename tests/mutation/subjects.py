"""What is mutated, by which tool, and which tests have to notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen
class Subject:
    """Code that belongs together.

    Args:
        functions: patterns of mutmut's names of mutants.
        files: those whose constants, class bodies and decorated functions cosmic-ray mutates: mutmut leaves them out.
        tests: what is run for a mutant of `files`. Which test is run for a mutant of `functions`, mutmut finds out.
        strict: no mutant may survive, but for those that change nothing.
    """

    functions: tuple[str, ...]
    files: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    strict: bool = True


SUBJECTS: Final[Mapping[str, Subject]] = {
    "digests": Subject(
        functions=(
            "acr._values.digest.*",
            "acr._core.listed.manifests.x_digest_of__*",
            "acr._core.listed.manifests.x__announced__*",
            "acr._core.listed.manifests.x__verified__*",
        ),
        files=("acr/_values/digest.py",),
        tests=("tests/values/test_digest.py", "acr/_values/digest.py", "tests/client/test_manifests.py"),
    ),
    "locks": Subject(
        functions=(
            "acr._values.properties.*",
            "acr._core.listed.locks.*",
            "acr._core.listed.permissions.*",
            "acr._core.listed.*.x_update__*",
        ),
        files=("acr/_values/properties.py", "acr/_core/listed/locks.py"),
        tests=("tests/client/test_locks.py", "tests/client/test_metadata.py", "tests/client/test_listing.py"),
    ),
    "scopes": Subject(functions=("acr._core.talk.scopes.*",)),
    "deletion": Subject(functions=("acr._core.listed.*.x_delete__*", "acr._core.blobs.calls.x_delete__*")),
    "paging": Subject(
        functions=(
            "acr._core.talk.paging.*",
            "acr._core.talk.links.*",
            "acr._core.listed.catalog.x_repositories__*",
            "acr._core.listed.catalog.x__names__*",
            "acr._core.listed.tags.x_order_on_wire__*",
            "acr._core.listed.tags.x_tags__*",
            "acr._core.listed.tags.x_names__*",
            "acr._core.listed.tags.x__names__*",
            "acr._core.listed.manifests.x_manifests__*",
        ),
        strict=False,
    ),
}
"""The order is that of the report; a mutant is of the first subject that fits."""

EXCLUDED_OPERATORS: Final = (
    "core/ReplaceBinaryOperator_.*",  # these files have `|` in annotations, and calculate nothing
    "core/ReplaceComparisonOperator_(Eq|NotEq|Lt|Gt|LtE|GtE)_Is(Not)?",  # the same, for interned values
    "core/ReplaceComparisonOperator_Is_Eq",  # the same, for None
    "core/ReplaceComparisonOperator_IsNot_NotEq",
    "core/RemoveDecorator",  # a class without `public_in`: tests/house finds that
)
"""Of cosmic-ray, as patterns."""

CHANGES_NOTHING: Final[Mapping[str, str]] = {}
"""Survivors that no test could notice: the changed line, and why."""

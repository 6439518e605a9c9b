"""Lacking: what a registry says of a manifest whose blobs or children it lacks, or did not see yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from acr._core.talk.attempts import Problem
from acr.errors import ResponseError

_CODES: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})
"""Error codes for a manifest whose blobs or children are missing, or not replicated yet."""


def is_lacking(problem: Problem) -> bool:
    """Whether a registry refuses a manifest because it lacks something that it lists, or did not see it yet."""
    return isinstance(problem, ResponseError) and not _CODES.isdisjoint(problem.codes)


def named(error: ResponseError) -> Iterator[str]:
    """The digests that the details of an error name: as text, or in a field."""
    for one in error.errors:
        detail = one.detail
        values = detail.values() if isinstance(detail, dict) else detail if isinstance(detail, list) else [detail]
        yield from (value for value in values if isinstance(value, str))

"""Locks: what is forbidden about a repository, tag or manifest. Each command that tells it has this field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import acr
from acr.cli._output.rows import Column

WHAT: Final = ("write", "delete", "read", "list")

LOCKS: Final = Column(
    "locks", "texts", "what is forbidden: write, delete, read, list", 2, lambda row: ",".join(row["locks"]) or "-"
)


def locks_of(item: acr.Permissions) -> Sequence[str]:
    """What is forbidden."""
    return [what for what in WHAT if not getattr(item, f"can_{what}")]

"""Unfinished: the plan of a purge that did not come to its end outlives the next plan of the same name.

A nightly job writes each plan into the same file. A new plan does not find what the old one had begun: a manifest that
lost its tags is of no rule any more. So only the old plan can be carried on.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

import acr

_SHORT: Final = 12
"""Digits of a plan's digest in the name of a plan, as in that of a journal that was put aside."""


def beside(path: str) -> Path:
    """The journal of a plan, if the user names no other."""
    plan = Path(path)
    return plan.with_name(f"{plan.stem}.journal")


def keep_unfinished(path: str) -> str | None:
    """Rename the plan at a path if its journal says that it did not come to its end. Give the new name.

    Args:
        path: where a new plan is about to be written.
    """
    digest = _unfinished(beside(path)) if Path(path).name else None
    kept = None if digest is None else _aside(path, digest)
    if kept is None or os.path.lexists(kept):
        return None
    with suppress(acr.AcrError, OSError):
        if acr.load_plan(path).sha256 == digest:
            Path(path).rename(kept)
            return str(kept)
    return None


def how_to_go_on(path: str, journal: str) -> str | None:
    """The command that carries on the plan of a journal, if a plan of the same name has taken its place.

    Args:
        path: of the plan that is there now.
        journal: of the plan that did not come to its end.
    """
    digest = _unfinished(Path(journal))
    kept = None if digest is None else _aside(path, digest)
    if kept is None or not os.path.lexists(kept):
        return None
    words = shlex.join(["acr", "purge", "apply", str(kept), "--journal", journal])
    return f"`{words}` carries that plan on; --max-age lets it be older than a day"


def _aside(path: str, digest: str) -> Path:
    return Path(f"{path}.{digest[:_SHORT]}")


def _unfinished(journal: Path) -> str | None:
    """The digest of the plan that a journal is of, if that did not come to its end; None if nobody knows."""
    with suppress(acr.AcrError):
        return acr.unfinished_plan(journal)
    return None

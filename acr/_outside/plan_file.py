"""Plan file: a plan as JSON on disk, for a reviewer, and for the program that carries it out."""

import json
import os
from contextlib import suppress
from pathlib import Path

from acr._cleanup.plan import Plan, parts_of
from acr._cleanup.plan_json import text_of
from acr._outside.failures import reason
from acr._outside.regular import open_regular
from acr._values.home import public_in
from acr.errors import ProtocolViolation, TransferError

_LARGEST = 2 * 1024 * 1024 * 1024


@public_in("acr")
def save_plan(plan: Plan, path: str | os.PathLike[str]) -> None:
    """Save a plan to a JSON file, one item a line. Only its owner may read it.

    Args:
        plan: the plan.
        path: path of the file. A file that is there is replaced, after the new one is complete.

    Raises:
        TransferError: the file cannot be written.
    """
    place = Path(path)
    draft = place.parent / f".{place.name[:100]}.part"  # a path may have no name
    try:
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(draft, flags, 0o600), "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
            file.writelines(text_of(*parts_of(plan), plan.sha256))
        draft.replace(place)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            draft.unlink()
        raise TransferError(f"cannot write the plan {place}: {error}", side="target") from error


@public_in("acr")
def load_plan(path: str | os.PathLike[str]) -> Plan:
    """Load a plan from a file that `save_plan` wrote. How the JSON is laid out does not count.

    Args:
        path: path of the file, of at most 2 GiB.

    Raises:
        TransferError: the file cannot be read.
        ProtocolViolation: it is no plan, or one of another version.
        DigestMismatch: somebody changed the plan.
    """
    place = Path(path)
    try:
        with open_regular(place) as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise TransferError(f"cannot read the plan {place}: {reason(error)}", side="source") from error
    if len(content) > _LARGEST:
        raise ProtocolViolation(f"{place} is larger than 2 GiB, and no plan")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise ProtocolViolation(f"{place} is no JSON, or is damaged") from None
    return Plan.from_dict(data)

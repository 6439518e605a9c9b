"""Failures of files, told as this package's errors: which end of a transfer failed, on what, and why."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acr._later import later
from acr.errors import AcrError, TransferError

if TYPE_CHECKING:
    import tarfile
else:
    tarfile = later("tarfile")


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Raise what goes wrong within as a TransferError of the source; `what` names it. Our own errors pass."""
    try:
        yield
    except AcrError:
        raise
    # An archive from the outside may hold what tarfile did not expect: numbers too large, text that is none, headers
    # nested too deep.
    except (OSError, ValueError, OverflowError, EOFError, RecursionError, tarfile.TarError, zlib.error) as error:
        raise TransferError(f"cannot read {what}: {_reason(error)}", side="source") from error


@contextmanager
def writing(what: object) -> Iterator[None]:
    """Raise what goes wrong within as a TransferError of the target; `what` names it. Our own errors pass."""
    try:
        yield
    except AcrError:
        raise
    except (OSError, ValueError, OverflowError) as error:  # a name with a null character is a ValueError
        raise TransferError(f"cannot write {what}: {_reason(error)}", side="target") from error


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error) or type(error).__name__

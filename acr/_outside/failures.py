"""Failures of files, told as this package's errors: which end of a transfer failed, on what, and why."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from acr.errors import AcrError, TransferError

_UNREADABLE: Final = (OSError, ValueError, OverflowError, EOFError, RecursionError, zlib.error)


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Raise what goes wrong within as a TransferError of the source; `what` names it. Our own errors pass."""
    try:
        yield
    except AcrError:
        raise
    # An archive from the outside may hold what tarfile did not expect: numbers too large, text that is none, headers
    # nested too deep.
    except Exception as error:
        if not (isinstance(error, _UNREADABLE) or _is_of_tar(error)):
            raise
        raise TransferError(f"cannot read {what}: {reason(error)}", side="source") from error


@contextmanager
def writing(what: object) -> Iterator[None]:
    """Raise what goes wrong within as a TransferError of the target; `what` names it. Our own errors pass."""
    try:
        yield
    except AcrError:
        raise
    except (OSError, ValueError, OverflowError) as error:  # a name with a null character is a ValueError
        raise TransferError(f"cannot write {what}: {reason(error)}", side="target") from error


def _is_of_tar(error: Exception) -> bool:
    """Whether tarfile has raised it. It is not loaded for that: there may be no file descriptor left to do so."""
    tarfile = sys.modules.get("tarfile")
    return tarfile is not None and isinstance(error, tarfile.TarError)


def reason(error: Exception) -> str:
    """Why a file could not be read or written, without its name and without a number."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or str(error) or type(error).__name__

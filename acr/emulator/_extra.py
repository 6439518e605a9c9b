"""The extra that installs what the emulator runs on, and the sentence that says so when it is missing."""

from __future__ import annotations

from typing import Final

DISTRIBUTION: Final = "acr-client"
"""Name under which this project is installed."""

HINT: Final = f"the emulator needs more packages: pip install '{DISTRIBUTION}[emulator]'"

_PACKAGES: Final = frozenset({"cryptography", "starlette", "uvicorn"})


def is_missing(error: ModuleNotFoundError) -> bool:
    """Whether an import failed for want of the extra, rather than for a fault of ours."""
    return (error.name or "").partition(".")[0] in _PACKAGES

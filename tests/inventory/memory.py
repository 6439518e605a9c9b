"""The most memory that this process had. `ru_maxrss` will not do: a child begins with that of its parent."""

from __future__ import annotations

import re
from pathlib import Path


def peak() -> float:
    """MiB; 0 where the system does not say, as it does on Linux."""
    status = Path("/proc/self/status")
    match = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(match[1]) / 1024 if match else 0.0

"""The rows of docs/from-azure-containerregistry.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "from-azure-containerregistry.md"
ROWS = [
    (theirs, ours) for theirs, ours in re.findall(r"^\| \d+ \| `(.+?)` \| `(.+?)` \|$", PAGE.read_text(), re.MULTILINE)
]

ANSWERS = (2, 3, 5, 6, 9, 10, 15)
"""Rows whose value both must agree on."""

"""Draws the table of `acr/_core/blobs/way_back.py` in docs/architecture.md.

`make drawings` writes it; a test holds the page to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from acr._core.blobs.way_back import TABLE, Has, Row, Sign, Step

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
BEGIN: Final = "<!-- the way back: drawn by tools/way_back.py -->\n"
END: Final = "<!-- end of the drawing -->\n"


def drawing() -> str:
    """The table as a tree: what the error says, and then what the registry has."""
    first = [row for row in TABLE if Has.UNASKED in row.has]
    second = [row for row in TABLE if row not in first]
    asks = next(row for row in first if row.step is Step.ASK)
    lines = ["a chunk or the commit fails: what does the error say?"]
    for row in first:
        lines += _branch(row, _signs(row), "", is_last=row is first[-1])
        if row is asks:
            lines += [line for one in second for line in _branch(one, _found(one), "│  ", is_last=one is second[-1])]
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the drawing in its place."""
    block = f"{BEGIN}\n```text\n{drawing()}\n```\n\n{END}"
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, text, flags=re.DOTALL)


def _branch(row: Row, cause: str, indent: str, *, is_last: bool) -> Sequence[str]:
    condition = f", if {row.says}" if row.says else ""
    step = ": ".join(part for part in (row.step.value, row.chunks.value) if part)
    left = f"{indent}{'└' if is_last else '├'}─ {cause}{condition} "
    return [f"{left:─<84}► {step}"]


def _signs(row: Row) -> str:
    return "any error" if set(row.signs) == set(Sign) else _listed([sign.value for sign in row.signs])


def _found(row: Row) -> str:
    sign = "" if set(row.signs) == set(Sign) else f"{_signs(row)}: "
    return sign + _listed([has.value for has in row.has])


def _listed(parts: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))

"""Reads the YAML that vcrpy writes: nested mappings and lists, plain and single-quoted scalars, and nothing else of it.

One recording is in that format. A whole YAML library would be a dependency for that single file.
"""

from __future__ import annotations

import re
from typing import Any, Final

_KEY: Final = re.compile(r"(?P<key>[A-Za-z-]+):(?: (?P<value>.*))?")
_WORDS: Final[dict[str, object]] = {"null": None, "true": True, "false": False}

Line = tuple[int, str]
"""Indentation, and what follows it."""


def read(text: str) -> Any:
    r"""The value of a document.

    Raises:
        ValueError: it has what this reader does not know.

    >>> read("a:\n- b: 'it''s'\n  c: 1\n- d\ne: null")
    {'a': [{'b': "it's", 'c': 1}, 'd'], 'e': None}
    >>> read("a: {b: 1}")
    Traceback (most recent call last):
    ValueError: cannot read '{b: 1}'
    """
    lines = _unfolded(text)
    value = _block(lines)
    if lines:
        raise ValueError(f"cannot read {lines[0][1]!r}")
    return value


def _unfolded(text: str) -> list[Line]:
    """The lines, a quoted scalar that is folded over several of them as one."""
    found: list[Line] = []
    for line in text.splitlines():
        content = line.lstrip(" ")
        if found and _is_open(found[-1][1]):
            indent, begun = found[-1]
            found[-1] = indent, f"{begun} {content}"
        elif content:
            found.append((len(line) - len(content), content))
    return found


def _is_open(text: str) -> bool:
    return text.partition(": ")[2].startswith("'") and text.count("'") % 2 == 1


def _block(lines: list[Line]) -> Any:
    """The value that begins with the first line; its lines are taken away."""
    indent, text = lines[0]
    if text.startswith("- "):
        items = []
        while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
            lines[0] = indent + 2, lines[0][1][2:]
            items.append(_block(lines))
        return items
    if _KEY.fullmatch(text) is None:
        return _scalar(lines.pop(0)[1])
    found = {}
    while lines and lines[0][0] == indent and (match := _KEY.fullmatch(lines[0][1])):
        lines.pop(0)
        found[match["key"]] = _block(lines) if match["value"] is None else _scalar(match["value"])
    return found


def _scalar(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith(('"', "{", "[", "&", "*", "|", ">")):
        raise ValueError(f"cannot read {text!r}")
    return int(text) if text.isdigit() else _WORDS.get(text, text)

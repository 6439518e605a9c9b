"""Plain: values as JSON has them, and as tables of pandas and polars have them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from acr._text import printable


class Plain:
    """A value that can be written as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them, ready for `json.dumps`.

        Times are RFC 3339 in UTC, bytes are base64, and values within are objects.
        """
        found: dict[str, Any] = plain(self)
        return found


def plain(value: object) -> Any:
    """A value as JSON has it: objects, lists, texts, numbers. Times are RFC 3339 in UTC, bytes are base64.

    >>> plain((datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC), {"a": bytes([255])}))
    ['2026-01-02T03:04:05.000600Z', {'a': '/w=='}]
    """
    if attrs.has(type(value)):
        return {name: plain(item) for name, item in _fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def row_of(value: object) -> dict[str, Any]:
    """A value as a flat row: times stay times, texts become plain texts, and several texts become a list.

    What is no value of attrs, such as the name of a repository, has the one column `name`.
    """
    if not attrs.has(type(value)):
        return {"name": _cell(value)}
    return {name: _cell(item) for name, item in _fields(value)}


def html_table(rows: Iterable[Mapping[str, object]]) -> str:
    """Flat rows as a table of HTML, for notebooks. What is in them is text and nothing else.

    >>> html_table([{"name": "<b>"}])
    '<table><thead><tr><th>name</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    found = list(rows)
    heads = "".join(f"<th>{_shown(name)}</th>" for name in (found[0] if found else ()))
    body = "".join(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row.values())}</tr>" for row in found)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _shown(cell: object) -> str:
    from html import escape  # not needed by most programs

    if cell is None:
        return ""
    text = ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)
    return escape(printable(text)).encode(errors="replace").decode()


def _cell(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    return str(value) if isinstance(value, str) else plain(value)


def _fields(value: Any) -> list[tuple[str, object]]:
    return [(field.name, getattr(value, field.name)) for field in attrs.fields(type(value)) if field.name[0] != "_"]

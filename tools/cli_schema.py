"""Makes docs/cli.schema.json of the fields of the commands: the JSON that they print, and what they print on errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from acr.cli._commands import COMMANDS
from acr.cli._output.rows import Column
from acr.cli._parsing import module_of

_OBJECTS: Final = ("show", "tree", "whoami")
"""Commands whose `-o json` is one object, and not a list of rows."""

_TYPES: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer", "minimum": 0},
    "size": {"type": "integer", "minimum": 0},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    "boolean": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "object": {"type": "object"},
}

_TEXT: Final = {"type": "string"}
_ERROR: Final = {
    "code": {"type": "integer", "description": "the exit code; of a part of the work, the one that it led to"},
    "message": _TEXT,
    "hint": _TEXT,
    "status": {"type": "integer", "description": "of the registry's answer"},
    "codes": {"type": "array", "items": _TEXT, "description": "of the registry's answer"},
    "correlation_id": _TEXT,
}


def schema() -> str:
    """The text of the file."""
    found: dict[str, Any] = {}
    for command in COMMANDS:
        columns: Sequence[Column] | None = getattr(module_of(COMMANDS[command]), "COLUMNS", None)
        name = command.replace(" ", "-")
        if columns is None:
            continue
        if name in _OBJECTS:
            found[name] = _object(columns, name)
        else:
            found[f"{name}-row"] = _object(columns, name)
            found[name] = {"type": "array", "items": {"$ref": f"#/$defs/{name}-row"}}
    found["doctor"] = _closed({"registry": _TEXT, "checks": found["doctor"]}, ["registry", "checks"])
    tokens = {"registry": _TEXT, "access_token": _TEXT, "refresh_token": _TEXT}
    found["token"] = {**_closed(tokens, ["registry"]), "minProperties": 2, "maxProperties": 2}
    said = dict.fromkeys(("note", "warning", "debug"), _TEXT)
    error = _closed(_ERROR, ["code", "message"])
    found["stderr-line"] = {**_closed({"error": error, **said}, []), "minProperties": 1, "maxProperties": 1}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of acr print with -o json; NAME-row is a line of -o jsonl, stderr-line of stderr",
        "$defs": found,
    }
    return json.dumps(whole, indent=2) + "\n"


def _closed(properties: dict[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _object(columns: Sequence[Column], name: str) -> dict[str, Any]:
    properties = {column.key: _value(column, name) for column in columns}
    return _closed(properties, [column.key for column in columns if not column.optional])


def _value(column: Column, name: str) -> dict[str, Any]:
    if column.kind == "objects":
        found: dict[str, Any] = {"type": "array", "items": _object(column.items, name)}
    elif column.kind == "trees":
        found = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
    else:
        found = dict(_TYPES[column.kind])
    if column.null:
        found["type"] = [found["type"], "null"]
    return {"description": column.about, **found} if column.about else found

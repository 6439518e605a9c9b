"""Values that a schema allows: what the proof sends and what it answers with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kinds import Kind
    from .operations import Argument

_PLAIN = {"string": "a", "integer": 1, "number": 1.5, "boolean": True}


class Samples:
    """Makes a JSON value for each schema of a form. It has each property that is not on the way back to itself."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def json(self, schema: dict[str, Any], way: tuple[str, ...] = ()) -> Any:
        """A value that the schema allows."""
        if "ref" in schema:
            name = schema["ref"]
            return self.json(self._schemas.get(name, {}), (*way, name)) if name not in way else None
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("properties") or schema.get("bases"):
            return self._object(schema, way)
        match schema.get("type"):
            case "array":
                item = self.json(schema.get("items", {}), way)
                return [] if item is None else [item]
            case "object":
                return {"other": self.json(schema.get("extra", {}), way)}
            case "string" if schema.get("format") == "date-time":
                return "2026-01-01T00:00:00Z"
            case str() as kind:
                return _PLAIN.get(kind)
        return "anything"

    def _object(self, schema: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for base in schema.get("bases", ()):
            if base not in way:
                inherited = self.json({"ref": base}, way)
                result |= inherited if isinstance(inherited, dict) else {}
        for name, inner in schema.get("properties", {}).items():
            value = self.json(inner, way)
            if value is not None:
                result[name] = value
        return result


def argument(item: Argument) -> Any:
    """A Python value for an argument of build_request."""
    return [_python(item.kind.item)] if item.kind.item else _python(item.kind)


def _python(kind: Kind) -> Any:
    values = {"int": 1, "float": 1.5, "bool": True, "bytes": b"a", "datetime": datetime(2026, 1, 1, tzinfo=UTC)}
    return values.get(kind.annotation, "a")

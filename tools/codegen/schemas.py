"""A schema of Swagger 2.0 in the canonical form: its facts, under the names of JSON Schema, and nothing of AutoRest's.

What is ours: `ref` is the name of a schema, `bases` are those that it extends, `enum_name` is what an enum is called if
it has no name of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nodes import Node

FORMATS = {
    "string": {"binary", "byte", "date-time", "password", "uri", "url", "uuid"},
    "integer": {"int32", "int64"},
    "number": {"double", "float"},
}
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "file", "null")
_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "multipleOf")
_UNREAD = ("anyOf", "oneOf", "not", "patternProperties", "if")


def read_schema(node: Node, notes: list[str], *, parameter: bool = False) -> dict[str, Any]:
    """Read a schema, or what a parameter or header has of one."""
    result: dict[str, Any] = {}
    if not parameter and (text := node.word("description")):
        result["description"] = text
    if node.flag("x-nullable"):
        result["nullable"] = True
    if node.flag("readOnly"):
        result["readOnly"] = True
    if "$ref" in node.value:
        return {**_reference(node, notes), **result}
    for key in _UNREAD:
        if node.get(key) is not None:
            node.need(key).refuse("Swagger 2.0 has no such thing")
    result |= _type(node, notes)
    result |= _limits(node)
    if result.get("type") == "array" or node.get("items") is not None:
        result["type"] = "array"
        inner = node.get("items")
        result["items"] = {} if inner is None else read_schema(inner, notes)
    if not parameter:
        result |= _object(node, notes)
    return result | _enum(node)


def _reference(node: Node, notes: list[str]) -> dict[str, Any]:
    target = node.resolved()
    if re.fullmatch(r"#/definitions/[^/]+", target.pointer):
        return {"ref": target.pointer.removeprefix("#/definitions/").replace("~1", "/").replace("~0", "~")}
    return read_schema(target, notes)  # a part of something else, which has no name


def _type(node: Node, notes: list[str]) -> dict[str, Any]:
    kind, style = node.word("type"), node.word("format")
    if kind and kind not in _TYPES:
        node.need("type").refuse(f"`{kind}` is no type")
    if kind == "null":
        return {"nullable": True}
    if kind == "file" or style in ("file", "binary"):
        return {"type": "string", "format": "binary"}
    result = {"type": kind} if kind else {}
    if style in FORMATS.get(kind, ()):
        result["format"] = style
    elif style:
        notes.append(f"{node.pointer}: the format `{style}` is read as {kind or 'any value'}")
    return result


def _limits(node: Node) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in _LIMITS:
        limit = node.get(key)
        if limit is not None:
            if not isinstance(limit.value, int | float) or isinstance(limit.value, bool):
                limit.refuse("must be a number")
            result[key] = limit.value
    if pattern := node.word("pattern"):
        try:
            re.compile(pattern)
        except (re.error, OverflowError):
            node.need("pattern").refuse("is no regular expression")
        result["pattern"] = pattern
    default = node.get("default")
    if default is not None:
        if isinstance(default.value, dict | list):
            default.refuse("a default that is no plain value")
        result["default"] = default.value
    return result


def _object(node: Node, notes: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    own = node.get("properties")
    properties = {name: read_schema(item, notes) for name, item in (own.members() if own else ())}
    required = node.texts("required") or []
    bases = []
    parts = node.get("allOf")
    for part in parts.items() if parts else ():
        inner = read_schema(part, notes)
        if "ref" in inner:
            bases.append(inner["ref"])
        else:  # a part without a name is a part of this
            properties = {**inner.get("properties", {}), **properties}
            required = [*inner.get("required", []), *required]
            bases += inner.get("bases", [])
    extra = node.get("additionalProperties")
    if extra is not None and extra.value is not False:
        result["extra"] = {} if extra.value is True else read_schema(extra, notes)
    if bases:
        result["bases"] = bases
    if properties:
        result["properties"] = properties
    if properties or bases or "extra" in result:
        result["type"] = "object"
    required = [name for name in dict.fromkeys(required) if name in properties]
    if required:
        result["required"] = required
    return result


def _enum(node: Node) -> dict[str, Any]:
    enum = node.get("enum")
    if enum is None:
        return {}
    values = []
    for item in enum.items():
        if isinstance(item.value, dict | list):
            item.refuse("an enum value that is no plain value")
        values.append(item.value)
    named = node.get("x-ms-enum")
    name = named.word("name") if named is not None else ""
    return {"enum": list(dict.fromkeys(values)), **({"enum_name": name} if name else {})}


def same_enum(form: dict[str, Any]) -> None:
    """Let an enum that stands in a parameter refer to the schema that is the same enum."""

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        if isinstance(node, dict):
            schema = node.get("schema")
            if isinstance(schema, dict) and "enum_name" in schema:
                named = form["schemas"].get(schema["enum_name"], {})
                if named.get("enum") == schema["enum"]:
                    node["schema"] = {"ref": schema["enum_name"]}
            for item in node.values():
                visit(item)

    visit(form["operations"])

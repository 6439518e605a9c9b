"""The operations of spec/openapi.json, with references resolved and schemas made ready to validate with.

The schemas are read more strictly than they are written. OpenAPI lets an object have properties that nobody named; here
that is a violation, or a document whose properties are nearly all optional would forbid nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import jsonschema_rs

SPEC: Final = Path(__file__).resolve().parents[2] / "spec" / "openapi.json"

# The link is the registry's own and opaque (OCI distribution spec, "Pushing a blob in chunks"), so the document says no
# more than that it is a path with a query. ACR's have this form, and these query parameters (recorded).
_LINK_PATH: Final = r"v2/.+/blobs/uploads/[^/]+"
_LINK_QUERY: Final = {"_nouploadcache": {"type": "boolean"}, "_state": {"type": "string"}}


class Checker:
    """Checks values by one schema of the document."""

    def __init__(self, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
        self.schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(
            {**_as_json_schema(schema), "components": {"schemas": schemas}}, validate_formats=True
        )

    def problems(self, value: Any) -> Iterator[str]:
        """What is wrong with a JSON value. It is not repeated: it may be a token."""
        for error in self._validator.iter_errors(value):
            place = "".join(f"[{part!r}]" for part in error.instance_path)
            yield f"{place or 'it'} breaks {'/'.join(map(str, error.schema_path))}"


@attrs.frozen
class Parameter:
    """A parameter of the path, the query or the headers."""

    name: str
    place: str
    required: bool
    checker: Checker

    @property
    def schema(self) -> Mapping[str, Any]:
        """Its schema."""
        return self.checker.schema


@attrs.frozen
class Body:
    """What a request or an answer may carry: a schema for each media type."""

    required: bool
    content: Mapping[str, Checker]


@attrs.frozen
class Answer:
    """A declared answer: its headers, their names in lower case, and its body."""

    headers: Mapping[str, Checker]
    body: Body


@attrs.frozen
class Operation:
    """An operation: one method on one path of the document.

    Args:
        key: the path as the document has it; a fragment tells two operations of one path apart.
        path: which paths are its.
        schemes: of the Authorization that it takes; empty where it takes none.
        answers: by status, or `default`.
    """

    id: str
    method: str
    key: str
    path: re.Pattern[str]
    parameters: tuple[Parameter, ...]
    body: Body | None
    schemes: frozenset[str]
    answers: Mapping[str, Answer]

    def of(self, place: str) -> dict[str, Parameter]:
        """The parameters of one place; those of headers in lower case."""
        return {p.name.lower() if place == "header" else p.name: p for p in self.parameters if p.place == place}


@cache
def load() -> dict[str, Any]:
    """The document as it is."""
    document: dict[str, Any] = json.loads(SPEC.read_text("utf-8"))
    return document


@cache
def operations() -> tuple[Operation, ...]:
    """All operations."""
    document = load()
    found = [
        _operation(document, key, method, raw)
        for key, item in document["paths"].items()
        for method, raw in item.items()
    ]
    return tuple(found)


def _operation(document: dict[str, Any], key: str, method: str, raw: dict[str, Any]) -> Operation:
    schemas = _schemas()
    parameters = []
    for node in raw.get("parameters", []):
        parameter = _resolved(document, node)
        required = parameter.get("required", False)
        parameters.append(
            Parameter(parameter["name"], parameter["in"], required, Checker(parameter["schema"], schemas))
        )
    if "nextBlobUuidLink" in key:
        for name, schema in _LINK_QUERY.items():
            parameters.append(Parameter(name, "query", False, Checker(schema, schemas)))
    declared = document["components"]["securitySchemes"]
    security = raw.get("security", document["security"])
    return Operation(
        id=raw["operationId"],
        method=method.upper(),
        key=key,
        path=_pattern(key, parameters),
        parameters=tuple(parameters),
        body=_body(raw["requestBody"]) if "requestBody" in raw else None,
        schemes=frozenset(declared[name]["scheme"] for requirement in security for name in requirement),
        answers={status: _answer(document, node) for status, node in raw["responses"].items()},
    )


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    resolved: dict[str, Any] = found
    return resolved


def _pattern(key: str, parameters: list[Parameter]) -> re.Pattern[str]:
    by_name = {p.name: p for p in parameters if p.place == "path"}

    def one(match: re.Match[str]) -> str:
        if match[1] == "nextBlobUuidLink":
            return _LINK_PATH
        # Without its anchors, a schema's pattern is a part of the path's.
        return f"(?:{by_name[match[1]].schema.get('pattern', '[^/]+').removeprefix('^').removesuffix('$')})"

    return re.compile(re.sub(r"\{(\w+)\}", one, key.partition("#")[0]))


def _body(raw: dict[str, Any]) -> Body:
    content = {kind: Checker(media["schema"], _schemas()) for kind, media in raw.get("content", {}).items()}
    return Body(raw.get("required", False), content)


def _answer(document: dict[str, Any], node: dict[str, Any]) -> Answer:
    raw = _resolved(document, node)
    headers = {name.lower(): Checker(header["schema"], _schemas()) for name, header in raw.get("headers", {}).items()}
    return Answer(headers, _body(raw))


@cache
def _schemas() -> dict[str, Any]:
    return {name: _as_json_schema(schema) for name, schema in load()["components"]["schemas"].items()}


def _as_json_schema(node: Any) -> Any:
    """An OpenAPI 3.0 schema as a JSON schema: `nullable` becomes a type, and objects have what they declare."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    properties = node.get("properties")
    schema = {key: _as_json_schema(value) for key, value in node.items() if key not in ("nullable", "properties")}
    if properties is not None:
        schema["properties"] = {name: _as_json_schema(value) for name, value in properties.items()}
        schema.setdefault("type", "object")
        if "allOf" not in node:
            schema.setdefault("additionalProperties", False)
    if not node.get("nullable"):
        return schema
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}

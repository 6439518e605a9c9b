"""A form as OpenAPI 3.0: corrected for tests and tools of others (`spec/openapi.json`), prepared for the parser."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .canonical import Form

_SCHEMES: Final[dict[str, dict[str, Any]]] = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "Authorization"},
    "oauth2": {"type": "oauth2", "flows": {}},
}
_OURS: Final = ("ref", "bases", "enum_name", "extra", "joined", "properties", "items", "description")


def openapi(form: Form) -> dict[str, Any]:
    """Write the form as OpenAPI 3.0. The second operation of a path has a fragment, because paths are unique."""
    paths: dict[str, Any] = {}
    used = set()
    for route, operation in form["operations"].items():
        method, path, *number = route.split(" ")
        paths.setdefault(path + "".join(number), {})[method.lower()] = _operation(operation)
        used |= {name for requirement in operation["security"] for name in requirement}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Azure Container Registry", "version": form["version"]},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema_object(schema) for name, schema in form["schemas"].items()},
            "securitySchemes": {name: _SCHEMES[name] for name in sorted(used | {"bearer"})},
        },
    }


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"operationId": operation["id"], **_text(operation)}
    if operation["parameters"]:
        result["parameters"] = [_parameter(key, item) for key, item in operation["parameters"].items()]
    if "body" in operation:
        body = operation["body"]
        result["requestBody"] = {**_text(body), "required": body["required"], "content": _content(body["content"])}
    result["responses"] = {status: _answer(status, answer) for status, answer in operation["answers"].items()}
    if "scopes" in operation:
        result["x-scopes"] = operation["scopes"]
    if operation["security"] != [["bearer"]]:
        result["security"] = [{name: [] for name in requirement} for requirement in operation["security"]]
    return result


def _text(node: dict[str, Any]) -> dict[str, Any]:
    return {"description": node["description"]} if "description" in node else {}


def _parameter(key: str, item: dict[str, Any]) -> dict[str, Any]:
    place, _, name = key.partition(" ")
    result = {
        "name": name,
        "in": place,
        **_text(item),
        "required": item["required"],
        "schema": schema_object(item["schema"]),
    }
    if item.get("joined", "multi") != "multi":
        result["explode"] = False
    return result


def _content(content: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema_object(schema)} for kind, schema in content.items()}


def _answer(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    phrase = "Any other answer." if status == "default" else f"{_phrase(int(status))}."
    result: dict[str, Any] = {"description": answer.get("description", phrase)}
    if "headers" in answer:
        result["headers"] = {name: _header(header) for name, header in answer["headers"].items()}
    if "content" in answer:
        result["content"] = _content(answer["content"])
    return result


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else str(status)


def _header(header: dict[str, Any]) -> dict[str, Any]:
    more = {"deprecated": True} if header.get("deprecated") else {}
    return {**_text(header), **more, "schema": schema_object(header["schema"])}


def schema_object(schema: dict[str, Any]) -> dict[str, Any]:
    """One schema as OpenAPI 3.0."""
    result: dict[str, Any] = {**_text(schema), **{key: value for key, value in schema.items() if key not in _OURS}}
    bases = schema.get("bases", [schema["ref"]] if "ref" in schema else [])
    references = [{"$ref": f"#/components/schemas/{name}"} for name in bases]
    if "ref" in schema and not result:
        return references[0]
    if references:
        result["allOf"] = references  # OpenAPI 3.0 ignores what stands beside a reference
    if "items" in schema:
        result["items"] = schema_object(schema["items"])
    if "properties" in schema:
        result["properties"] = {name: schema_object(inner) for name, inner in schema["properties"].items()}
    if "extra" in schema:
        result["additionalProperties"] = schema_object(schema["extra"])
    return result

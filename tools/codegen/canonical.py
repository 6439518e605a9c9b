"""One form for every description of the API, however upstream writes it.

Nothing but dictionaries, so that a place has a name and order means nothing:

    version, title, host, form ("handwritten" or "typespec")
    operations: "GET /v2/{name}/blobs/{digest}" -> id, description, parameters, body, answers, security
        name, scopes: what corrections add, a name for Python and what a token must allow
        parameters: "query n" -> required, description, schema, and for lists: joined
        body: required, description, content: media type -> schema
        answers: "200" or "default" -> description, headers: name -> (description, schema), content
    schemas: name -> schema

References to parameters and answers are gone; those to schemas are `{"ref": name}`. Parameters of a path are with each
operation. A second operation with the same method and path (`x-ms-paths`) has ` #2` at the end of its route: upstream
sets it apart by a query that is never sent, and that it spells in other ways from form to form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from .nodes import Node
from .problems import Refused
from .schemas import read_schema, same_enum

if TYPE_CHECKING:
    from collections.abc import Iterator

Form: TypeAlias = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_SECURITY = ("basic", "apiKey", "oauth2")
_PLACES = ("query", "header", "path", "formData", "body")


def canonical(document: dict[str, Any]) -> tuple[Form, list[str]]:
    """Bring a Swagger 2.0 document into the canonical form. Also returns what was left out, and where."""
    try:
        return _Reader(document).form()
    except RecursionError:
        raise Refused("#", "nested too deeply") from None


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self._root = Node(document, document)
        self._notes: list[str] = []
        info = self._root.need("info")
        self._version = info.need("version").text()
        self._title = info.word("title")
        self._typespec = info.get("x-typespec-generated") is not None
        base = self._root.word("basePath").rstrip("/")
        self._base = base if base.startswith("/") else ""

    def form(self) -> tuple[Form, list[str]]:
        definitions = self._root.get("definitions")
        schemas = {
            name: read_schema(node, self._notes) for name, node in (definitions.members() if definitions else ())
        }
        operations: dict[str, Any] = {}
        for path, item in self._paths():
            for route, operation in self._operations(path, item):
                number, unique = 1, route
                while unique in operations:
                    number += 1
                    unique = f"{route} #{number}"
                operations[unique] = operation
        if not operations:
            self._root.need("paths").refuse("has no operation")
        form = {
            "version": self._version,
            "title": self._title,
            "host": self._host(),
            "form": "typespec" if self._typespec else "handwritten",
            "operations": operations,
            "schemas": schemas,
        }
        same_enum(form)
        return tidy(form), sorted(set(self._notes))

    def _host(self) -> str:
        template = self._root.get("x-ms-parameterized-host")
        return template.word("hostTemplate") if template else self._root.word("host") + self._base

    # ---- Operations --------------------------------------------------------------------------

    def _paths(self) -> Iterator[tuple[str, Node]]:
        for section in ("paths", "x-ms-paths"):
            found = self._root.need(section) if section == "paths" else self._root.get(section)
            for path, item in found.members() if found else ():
                if path.startswith("/"):
                    yield self._base + path.partition("?")[0], item
                elif not path.startswith("x-"):
                    item.refuse("a path must begin with a slash")

    def _operations(self, path: str, item: Node) -> Iterator[tuple[str, Any]]:
        if re.search(r"""[\s"'\\#]""", path):
            item.refuse("a path with a character that no URL has")
        if "$ref" in item.value if isinstance(item.value, dict) else False:
            item.refuse("a path that is a reference")
        shared = item.get("parameters")
        for method, node in item.members():
            if method in METHODS:
                yield f"{method.upper()} {path}", self._operation(path, node, list(shared.items()) if shared else [])
            elif method != "parameters" and not method.startswith("x-"):
                node.refuse(f"`{method}` is no method")

    def _operation(self, path: str, node: Node, shared: list[Node]) -> dict[str, Any]:
        parameters, body = self._parameters(path, node, shared)
        result: dict[str, Any] = {"id": node.need("operationId").text()}
        if text := node.word("description") or node.word("summary"):
            result["description"] = text
        result["parameters"] = parameters
        if body:
            result["body"] = body
        answers = node.need("responses")
        found = [(status, answer) for status, answer in answers.members() if not status.startswith("x-")]
        result["answers"] = {
            status: self._answer(status, answer, self._media(node, "produces")) for status, answer in found
        }
        result["security"] = self._security(node)
        return result

    def _media(self, node: Node, key: str) -> list[str]:
        own = node.texts(key)
        return (self._root.texts(key) or []) if own is None else own

    def _parameters(self, path: str, node: Node, shared: list[Node]) -> tuple[dict[str, Any], dict[str, Any]]:
        own = node.get("parameters")
        given: dict[str, Node] = {}
        for raw in [*shared, *(own.items() if own else ())]:
            parameter = raw.resolved()
            place = parameter.need("in").text()
            if place not in _PLACES:
                parameter.need("in").refuse(f"`{place}` is no place of a parameter")
            name = parameter.need("name").text()
            if not name:
                parameter.need("name").refuse("is empty")
            given["body" if place == "body" else f"{place} {name}"] = parameter
        names = re.findall(r"\{([^{}]*)\}", path)
        for name in names:
            if f"path {name}" not in given:
                node.refuse(f"no parameter describes {{{name}}} of the path")
        plain = {key: self._parameter(key, item) for key, item in given.items() if key.split()[0] in _PLACES[:2]}
        for key, item in given.items():
            if key.startswith("path ") and key[5:] not in names:
                self._notes.append(f"{item.pointer}: the path has no {{{key[5:]}}}, so it was left out")
        in_path = {f"path {name}": self._parameter("path", given[f"path {name}"]) for name in names}
        return {**in_path, **plain}, self._body(node, given)

    def _parameter(self, key: str, node: Node) -> dict[str, Any]:
        result: dict[str, Any] = {"required": node.flag("required") or key.startswith("path")}
        if text := node.word("description"):
            result["description"] = text
        result["schema"] = schema = read_schema(node, self._notes, parameter=True)
        if schema.get("type") == "array":
            result["joined"] = _joined(node)
        if schema.get("type") == "object":
            node.need("type").refuse("a parameter is a plain value or a list of them")
        return result

    def _body(self, node: Node, given: dict[str, Node]) -> dict[str, Any]:
        consumes = self._media(node, "consumes")
        fields = {key.partition(" ")[2]: item for key, item in given.items() if key.startswith("formData ")}
        if "body" in given and fields:
            node.refuse("has a body and a form")
        if fields:
            return self._form(consumes, fields)
        if "body" not in given:
            return {}
        raw = given["body"]
        schema = read_schema(raw.need("schema"), self._notes)
        result: dict[str, Any] = {"required": raw.flag("required")}
        if text := raw.word("description"):
            result["description"] = text
        result["content"] = dict.fromkeys(_fitting(schema, consumes), schema)
        return result

    def _form(self, consumes: list[str], fields: dict[str, Node]) -> dict[str, Any]:
        properties = {}
        for name, item in fields.items():
            properties[name] = {**read_schema(item, self._notes, parameter=True)}
            if text := item.word("description"):
                properties[name]["description"] = text
            if properties[name].get("type") == "array":
                properties[name]["joined"] = _joined(item)
        files = any(schema.get("format") == "binary" for schema in properties.values())
        kind = next((kind for kind in consumes if kind in FORM_TYPES), FORM_TYPES[files])
        required = [name for name, item in fields.items() if item.flag("required")]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {"required": bool(required), "content": {kind: schema}}

    def _answer(self, status: str, raw: Node, produces: list[str]) -> dict[str, Any]:
        if status != "default" and not re.fullmatch(r"[1-5][0-9]{2}", status):
            raw.refuse(f"`{status}` is no status code")
        node = raw.resolved()
        result: dict[str, Any] = {}
        if text := node.word("description"):
            result["description"] = text
        headers = node.get("headers")
        if headers and headers.value:
            result["headers"] = {name: self._header(header) for name, header in headers.members()}
        body = node.get("schema")
        if body is not None:
            schema = read_schema(body, self._notes)
            result["content"] = dict.fromkeys(_fitting(schema, produces), schema)
        return result

    def _header(self, node: Node) -> dict[str, Any]:
        text = node.word("description")
        return {**({"description": text} if text else {}), "schema": read_schema(node, self._notes, parameter=True)}

    def _security(self, node: Node) -> list[list[str]]:
        declared = self._root.get("securityDefinitions")
        wanted = node.get("security") or self._root.get("security")
        result = []
        for requirement in wanted.items() if wanted else ():
            kinds = []
            for name, _ in requirement.members():
                scheme = declared.get(name) if declared else None
                if scheme is None:
                    requirement.refuse(f"there is no security definition `{name}`")
                kind = scheme.need("type")
                if kind.text() not in _SECURITY:
                    kind.refuse(f"`{kind.value}` is no type of a security definition")
                kinds.append(kind.text())
            result.append(sorted(kinds))
        return result


def _joined(node: Node) -> str:
    """How a list is written in a query or a form: `multi` repeats its name."""
    found = node.word("collectionFormat") or "csv"
    return (
        found if found in ("csv", "ssv", "tsv", "pipes", "multi") else node.refuse(f"`{found}` is no collectionFormat")
    )


def tidy(form: Form) -> Form:
    """Put operations, answers and headers into order, and the version into each `api-version` that has no default."""
    form["operations"] = dict(sorted(form["operations"].items(), key=_order))
    for operation in form["operations"].values():
        operation["answers"] = dict(
            sorted(operation["answers"].items(), key=lambda pair: (pair[0] == "default", pair[0]))
        )
        for answer in operation["answers"].values():
            if "headers" in answer:
                answer["headers"] = dict(sorted(answer["headers"].items(), key=lambda pair: pair[0].lower()))
        parameters = operation["parameters"]
        if "query api-version" in parameters:
            parameters["query api-version"] = version = parameters.pop("query api-version")
            version["schema"].setdefault("default", form["version"])
    form["schemas"] = dict(sorted(form["schemas"].items()))
    return form


def _order(pair: tuple[str, Any]) -> tuple[str, int]:
    method, _, path = pair[0].partition(" ")
    return path, METHODS.index(method.lower())


def _fitting(schema: dict[str, Any], kinds: list[str]) -> list[str]:
    """The media types for which the schema can be meant: bytes are no JSON, and an object is nothing else."""
    binary = schema.get("format") == "binary"
    fitting = [kind for kind in kinds if ("json" in kind) is not binary]
    if not binary and schema.get("type") == "string":
        fitting = kinds
    return fitting or (["application/octet-stream"] if binary else ["application/json"])

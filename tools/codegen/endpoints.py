"""An endpoint that openapi-python-client has read, with what it leaves out, as our templates use it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import names
from .kinds import BYTES, Kind, Kinds
from .operations import Answer, Argument, Body, Operation
from .parsing import media_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openapi_python_client.parser.openapi import Endpoint


def operation(endpoint: Endpoint, route: str, raw: dict[str, Any], schemas: dict[str, Any], kinds: Kinds) -> Operation:
    """Plan an operation that the parser has read. What it leaves out is in `raw`, the operation in the form."""
    placed = {
        "path": endpoint.path_parameters,
        "query": endpoint.query_parameters,
        "header": endpoint.header_parameters,
    }
    taken = set(names.OF_REQUEST)
    arguments = [
        _argument(place, prop, raw["parameters"][f"{place} {_wire(prop)}"], kinds, taken)
        for place, props in placed.items()
        for prop in props
    ]
    body = _body(endpoint, raw, schemas, kinds, taken) if endpoint.bodies else None
    answers, media_types = _answers(endpoint, raw, kinds)
    headers = {
        name: header
        for answer in answers
        for name, header in raw["answers"][str(answer.status)].get("headers", {}).items()
    }
    python = names.fields(headers, names.OF_RESULT)
    numbers = {python[name] for name, header in headers.items() if header["schema"].get("type") == "integer"}
    read = [answer.json for answer in answers if answer.json]
    given = [item.kind for item in [*arguments, *(body.form if body else ())]]
    return Operation(
        route=route,
        id=raw["id"],
        package=str(endpoint.tags[0]),
        module=str(endpoint.name),
        text=raw.get("description") or raw["id"],
        arguments=arguments,
        body=body,
        answers=answers,
        headers={name: (python[name], python[name] in numbers) for name in headers},
        accept=next((kind for kind in media_types if kind != "*/*"), ""),
        raw=raw,
        imports=_used([*read, *given, *([body.kind] if body and body.what == "json" else [])], kinds),
        answer_imports=_used(read, kinds),
        scopes=raw.get("scopes", []),
        veiled={name for name in headers if python[name] not in numbers and name.lower() not in names.OPEN_HEADERS},
    )


def _wire(prop: Any) -> str:
    return str(prop.name.get_untrusted_value())


def _argument(place: str, prop: Any, facts: dict[str, Any], kinds: Kinds, taken: set[str]) -> Argument:
    """An argument; `facts` has what the form says of it."""
    schema = facts.get("schema", facts)
    kind = kinds.kind(prop)
    if place == "form" and schema.get("format") == "binary":
        kind = BYTES
    elif place == "form" and schema.get("items", {}).get("format") == "binary":
        kind = replace(kind, item=BYTES)
    return Argument(
        place=place,
        name=_wire(prop),
        python=names.free(str(prop.python_name), taken),
        kind=kind,
        required=prop.required,
        default=prop.default.raw_value if prop.default else None,
        joined=facts.get("joined", "multi"),
        text=facts.get("description") or schema.get("description") or "",
    )


def _body(endpoint: Endpoint, raw: dict[str, Any], schemas: dict[str, Any], kinds: Kinds, taken: set[str]) -> Body:
    content = raw["body"]["content"]
    chosen = media_type(content)
    schema, prop, form = content[chosen], endpoint.bodies[0].prop, []
    if names.is_form(chosen):
        what = "form" if chosen == "application/x-www-form-urlencoded" else "parts"
        facts = schemas.get(schema.get("ref", ""), {}).get("properties", {})
        fields = [item for key in ("required", "optional") for item in getattr(prop, f"{key}_properties", None) or ()]
        form = [_argument("form", item, facts.get(_wire(item), {}), kinds, taken) for item in fields]
    elif chosen == "*/*":
        what = "document"
    else:
        what = "json" if "json" in chosen and schema.get("format") != "binary" else "blob"
    return Body(what, chosen, raw["body"]["required"], raw["body"].get("description", ""), kinds.kind(prop), form)


def _answers(endpoint: Endpoint, raw: dict[str, Any], kinds: Kinds) -> tuple[list[Answer], list[str]]:
    """The answers that are no failure, and their media types. A failure is `default`, or 400 and more with a body."""
    parsed = {item.status_code.pattern: item.prop for item in endpoint.responses.patterns}
    answers, media_types = [], []
    for status, answer in raw["answers"].items():
        content = answer.get("content", {})
        if status == "default" or (int(status) >= 400 and content):
            continue
        media_types += content
        chosen = media_type(content) if content else ""
        reads = "json" in chosen and content[chosen].get("format") != "binary"
        document = not reads and any(kind != "application/octet-stream" for kind in content)
        answers.append(Answer(int(status), kinds.kind(parsed[status]) if reads else None, document))
    return answers, media_types


def _used(items: Iterable[Kind], kinds: Kinds) -> list[tuple[str, str]]:
    """Module and class of what these kinds use."""
    classes = frozenset[str]().union(*(item.classes for item in items))
    return sorted((kinds.modules[name], name) for name in classes)

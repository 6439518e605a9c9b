"""A corrected form, made ready for the parser of openapi-python-client.

That parser gives up on an operation, or writes over a module, for what other generators take. So before it reads:

- objects and enums that stand inside something else become schemas of their own,
- each schema has the name of its class, which no other schema has, and nothing that our templates import,
- each operation has an id that gives a module of its own,
- members of an enum have names of their own,
- what Python does not use is gone: limits, formats, defaults that do not fit.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import names
from .hoisting import Hoisting, pointer
from .problems import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .canonical import Form

_UNUSED: Final = (
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "multipleOf", "pattern", "readOnly",
)  # fmt: skip
_PLAIN: Final = {"string": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True)
class Prepared:
    """A form that the parser can read.

    Attributes:
        form: The form. Its schemas have the names of their classes.
        schemas: Class -> what the schema is called in the corrected form.
        places: Class -> JSON pointer of what it was made of.
        ids: Route -> module of the operation, which no other has.
        notes: What could not be kept.
    """

    form: Form
    schemas: dict[str, str]
    places: dict[str, str]
    ids: dict[str, str]
    notes: list[str]


def prepare(form: Form) -> Prepared:
    """Make a copy of a form ready."""
    hoisting = Hoisting(copy.deepcopy(form))
    form = hoisting.run()
    notes = hoisting.notes
    _without_aliases(form, notes)
    classes = names.classes(form["schemas"])
    for schema in _tops(form):
        _refer(schema, lambda name: classes[name])
    form["schemas"] = {classes[name]: schema for name, schema in form["schemas"].items()}
    for schema in form["schemas"].values():
        schema.pop("nullable", None)  # whether null may stand somewhere is said there
        if "enum" in schema:
            schema["x-enum-varnames"] = list(names.members(schema["enum"]).values())
    for schema in _tops(form):
        _strip(schema, form["schemas"])
    for route, operation in form["operations"].items():
        for key, parameter in operation["parameters"].items():
            _parameter(key, parameter, pointer(route), form["schemas"], notes)
    originals = {classes[name]: name for name in classes}
    places = {classes[name]: place for name, place in hoisting.places.items() if name in classes}
    return Prepared(form, originals, places, _ids(form, notes), notes)


def inherited(name: str, schemas: dict[str, Any], seen: frozenset[str] = frozenset()) -> tuple[dict[str, Any], Any]:
    """The properties of a schema with those of its bases, which come first; and what else it may have, or None."""
    schema = schemas.get(name, {})
    properties: dict[str, Any] = {}
    extra = None
    for base in schema.get("bases", ()):
        if base not in seen and base != name:
            more, other = inherited(base, schemas, seen | {name})
            properties |= more
            extra = other if extra is None else extra
    return properties | schema.get("properties", {}), schema.get("extra", extra)


def _tops(form: Form) -> list[dict[str, Any]]:
    """Each schema that stands in no other one."""
    result = list(form["schemas"].values())
    for operation in form["operations"].values():
        result += [parameter["schema"] for parameter in operation["parameters"].values()]
        result += operation.get("body", {}).get("content", {}).values()
        for answer in operation["answers"].values():
            result += answer.get("content", {}).values()
    return list({id(schema): schema for schema in result}.values())  # one stands for several media types


def _inner(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [*schema.get("properties", {}).values(), *(schema[key] for key in ("items", "extra") if key in schema)]


def forms(form: Form) -> set[str]:
    """The schemas of forms that nothing else uses. Their fields are arguments, so they need no class."""
    bodies = [pair for raw in form["operations"].values() for pair in raw.get("body", {}).get("content", {}).items()]
    found = [schema for kind, schema in bodies if names.is_form(kind)]
    others = [schema for schema in _tops(form) if not any(schema is body for body in found)]
    return _referred(found) - _referred(others)


def _referred(schemas: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()

    def note(name: str) -> str:
        found.add(name)
        return name

    for schema in schemas:
        _refer(schema, note)
    return found


def _refer(schema: dict[str, Any], rename: Callable[[str], str]) -> None:
    if "ref" in schema:
        schema["ref"] = rename(schema["ref"])
    if "bases" in schema:
        schema["bases"] = [rename(name) for name in schema["bases"]]
    for inner in _inner(schema):
        _refer(inner, rename)


def _without_aliases(form: Form, notes: list[str]) -> None:
    """Let what refers to another name of a schema refer to the schema itself; and what refers to none, be anything."""
    schemas = form["schemas"]

    def end(name: str) -> str:
        seen = {name}
        while "ref" in schemas.get(name, {}):
            name = schemas[name]["ref"]
            if name in seen:
                raise Refused(f"#/definitions/{name}", "a reference that leads to itself")
            seen.add(name)
        return name

    gone = sorted(_referred(_tops(form)) - set(schemas))
    notes += [f"{name}: a correction took this schema away, so it is read as any value" for name in gone]
    schemas |= {name: {} for name in gone}
    for schema in _tops(form):
        _refer(schema, end)
    form["schemas"] = {name: schema for name, schema in schemas.items() if "ref" not in schema}


def _strip(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    for key in _UNUSED:
        schema.pop(key, None)
    if schema.get("format") == "uuid":
        del schema["format"]
    if "type" not in schema and "ref" not in schema:
        schema.pop("nullable", None)
    _default(schema, schemas)
    for inner in _inner(schema):
        _strip(inner, schemas)


def _parameter(key: str, parameter: dict[str, Any], place: str, schemas: dict[str, Any], notes: list[str]) -> None:
    """Leave what can be written in a URL or in a header."""
    schema, (where, _, name) = parameter["schema"], key.partition(" ")
    schema.pop("nullable", None)
    real = schemas.get(schema.get("ref", ""), schema)
    if real.get("type") == "array" and where != "query":
        raise Refused(place, f"the list `{name}` can stand in a query, and not in a {where}")
    time = where == "header" and real.get("format") == "date-time"
    if time:
        notes.append(f"{place}: the date-time `{name}` of a header is read as string")
    if time or real.get("format") == "binary":
        parameter["schema"] = schema = {k: v for k, v in {**real, **schema}.items() if k not in ("format", "ref")}
    if "ref" not in schema:
        schema.setdefault("type", "string")


def _default(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Drop a default that is no value of its type."""
    if "default" not in schema:
        return
    real, value = schemas.get(schema.get("ref", ""), schema), schema["default"]
    fits = type(value) is _PLAIN.get(real.get("type", "")) and real.get("format") != "date-time"
    if not fits or ("enum" in real and value not in real["enum"]):
        del schema["default"]


def _ids(form: Form, notes: list[str]) -> dict[str, str]:
    """The module of each operation. No other has the same, nor a package, because they stand in one list, too.

    It is what a correction calls it, or its id without the prefix. If that is the name of two operations, then both
    keep the prefix.
    """
    operations = form["operations"]
    short = {route: raw.get("name") or names.operation(raw["id"]) for route, raw in operations.items()}
    ids: dict[str, set[str]] = {}
    for route, raw in operations.items():
        ids.setdefault(short[route], set()).add(raw["id"])
    taken = {names.package(raw["id"]) for raw in operations.values()}
    result = {}
    for route, raw in operations.items():
        is_plain = "name" in raw or len(ids[short[route]]) == 1
        wanted = short[route] if is_plain else names.module(raw["id"])
        number, found = 1, names.module(wanted)
        while found in taken:
            number += 1
            found = names.module(f"{wanted}_{number}")
        if number > 1:
            twice = sum(raw["id"] == other["id"] for other in operations.values()) > 1
            what = f"the operationId {raw['id']} is there twice" if twice else f"something else is called {wanted}"
            notes.append(f"{route}: {what}, so this is {found}")
        taken.add(found)
        result[route] = found  # of which the parser and the templates make the same
    return result

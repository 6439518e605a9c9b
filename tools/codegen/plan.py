"""What is to be written: each operation, model and enum with its Python names and types. `render` writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import names
from .hoisting import hoist
from .kinds import Kind, Kinds
from .operations import Operation, operation

if TYPE_CHECKING:
    from .canonical import Form


@dataclass(frozen=True)
class Attribute:
    """A field of a model."""

    name: str  # in JSON
    python: str
    kind: Kind
    required: bool
    secret: bool
    text: str


@dataclass(frozen=True)
class Model:
    """A class for a JSON object."""

    schema: str
    name: str
    module: str
    text: str
    attributes: list[Attribute]
    extra: Kind | None
    imports: list[tuple[str, str]]  # module and class of what can be imported at once
    late: list[tuple[str, str]]  # of what imports this class in turn


@dataclass(frozen=True)
class Enum:
    """A class for a text that has known values."""

    schema: str
    name: str
    module: str
    text: str
    members: dict[str, str]  # value -> name


@dataclass
class Plan:
    """All that is to be written."""

    version: str
    operations: list[Operation]
    models: list[Model]
    enums: list[Enum]
    notes: list[str] = field(default_factory=list)

    @property
    def packages(self) -> dict[str, list[Operation]]:
        """The operations of each package."""
        result: dict[str, list[Operation]] = {}
        for item in self.operations:
            result.setdefault(item.package, []).append(item)
        return result


def plan(form: Form) -> Plan:
    """Plan the package of a corrected form."""
    form, notes = hoist(form)
    kinds = Kinds(form)
    schemas = form["schemas"]
    models = {name: _model(name, schemas, kinds) for name in kinds.classes if "enum" not in schemas[name]}
    enums = [_enum(name, schemas[name], kinds) for name in kinds.classes if "enum" in schemas[name]]
    taken: dict[str, set[str]] = {}
    operations = [
        operation(route, raw, kinds, taken.setdefault(names.package(raw["id"]), set()))
        for route, raw in form["operations"].items()
    ]
    for item in operations:
        notes += item.notes
    return Plan(form["version"], operations, _without_circles(models, kinds), enums, notes)


def _model(name: str, schemas: dict[str, Any], kinds: Kinds) -> Model:
    properties, required, extra = _whole(name, schemas, frozenset())
    python = names.of_model(properties)
    attributes = []
    for key, schema in properties.items():
        kind = kinds.kind(schema)
        needed = key in required and not (kind.nullable and kind.what != "list")
        secret = schema.get("format") == "password"
        attributes.append(Attribute(key, python[key], kind, needed, secret, schema.get("description", "")))
    attributes.sort(key=lambda item: not item.required)
    return Model(
        schema=name,
        name=kinds.classes[name],
        module=kinds.modules[name],
        text=schemas[name].get("description", ""),
        attributes=attributes,
        extra=None if extra is None else kinds.kind(extra),
        imports=[],
        late=[],
    )


def _whole(name: str, schemas: dict[str, Any], seen: frozenset[str]) -> tuple[dict[str, Any], set[str], Any]:
    """The properties of a schema with those of its bases, which come first."""
    schema = schemas.get(name, {})
    properties: dict[str, Any] = {}
    required: set[str] = set()
    extra = None
    for base in schema.get("bases", ()):
        if base not in seen and base != name:
            more, needed, other = _whole(base, schemas, seen | {name})
            properties |= more
            required |= needed
            extra = other if extra is None else extra
    properties |= schema.get("properties", {})
    return properties, required | set(schema.get("required", ())), schema.get("extra", extra)


def _enum(name: str, schema: dict[str, Any], kinds: Kinds) -> Enum:
    text = schema.get("description", "")
    return Enum(name, kinds.classes[name], kinds.modules[name], text, names.members(schema["enum"]))


def _without_circles(models: dict[str, Model], kinds: Kinds) -> list[Model]:
    """Let a model import late what imports it in turn, since Python could not import either first."""
    uses = {
        name: frozenset[str]().union(
            *(item.kind.classes for item in model.attributes), model.extra.classes if model.extra else ()
        )
        for name, model in models.items()
    }

    def reaches(start: str, goal: str) -> bool:
        todo, seen = [start], set()
        while todo:
            for name in uses.get(todo.pop(), ()):
                if name == goal:
                    return True
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
        return False

    result = []
    for name, model in models.items():
        for other in sorted(uses[name] - {name}, key=lambda used: kinds.modules[used]):
            late = model.late if reaches(other, name) else model.imports
            late.append((kinds.modules[other], kinds.classes[other]))
        result.append(model)
    return result

"""What is to be written: each operation, model and enum with its Python names and types. `render` writes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openapi_python_client.parser.properties import EnumProperty

from .endpoints import operation
from .kinds import Kind, Kinds
from .names import OF_MODEL, free, package
from .parsing import media_type, parse
from .prepare import Prepared, forms, inherited, prepare

if TYPE_CHECKING:
    from openapi_python_client.parser import GeneratorData
    from openapi_python_client.parser.properties import ModelProperty

    from .canonical import Form
    from .operations import Operation


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
    notes: list[str]
    failure: Model | None  # what most failures say, if they say something of a form
    form: Form  # as it was prepared
    parsed: GeneratorData  # what openapi-python-client has read; its templates are called with it


def plan(form: Form) -> Plan:
    """Plan the package of a corrected form."""
    prepared = prepare(form)
    parsed = parse(prepared)
    form, notes = prepared.form, list(prepared.notes)
    kinds = Kinds(parsed, form)
    schemas = form["schemas"]
    written = {name for name in kinds.modules if kinds.is_class(name)} - forms(form)
    parsed.models = [model for model in parsed.models if model.class_info.name in written]
    models = {str(item.class_info.name): _model(item, prepared, kinds) for item in parsed.models}
    enums = [_enum(item, prepared) for item in parsed.enums if isinstance(item, EnumProperty)]
    endpoints = {
        (str(item.tags[0]), str(item.name)): item
        for collection in parsed.endpoint_collections_by_tag.values()
        for item in collection.endpoints
    }
    operations = []
    for route, raw in form["operations"].items():
        endpoint = endpoints[package(raw["id"]), prepared.ids[route]]
        operations.append(operation(endpoint, route, raw, schemas, kinds))
        content = raw.get("body", {}).get("content", {})
        if len(content) > 1:
            notes.append(f"{route}: of {len(content)} media types of the body, {media_type(content)} is used")
    if unsaid := unscoped(form):
        more = f" and {len(unsaid) - 1} more" if len(unsaid) > 1 else ""
        notes.append(f"{unsaid[0]}{more}: no correction says which scopes a token needs, so there are none")
    failure = models.get(_failure(form))
    return Plan(form["version"], operations, _without_circles(models, kinds), enums, notes, failure, form, parsed)


def unscoped(form: Form) -> list[str]:
    """The operations of which nobody has said which scopes a token needs."""
    return [route for route, raw in form["operations"].items() if "scopes" not in raw]


def _failure(form: Form) -> str:
    """The schema that most failures have; empty if none has one."""
    found: Counter[str] = Counter()
    for raw in form["operations"].values():
        for status, answer in raw["answers"].items():
            if status == "default" or int(status) >= 400:
                found.update(schema["ref"] for schema in answer.get("content", {}).values() if "ref" in schema)
    return found.most_common(1)[0][0] if found else ""


def _model(model: ModelProperty, prepared: Prepared, kinds: Kinds) -> Model:
    name = str(model.class_info.name)
    facts = inherited(name, prepared.form["schemas"])[0]
    order = list(facts)
    found = [*(model.required_properties or ()), *(model.optional_properties or ())]
    properties = {prop.name.get_untrusted_value(): prop for prop in found}
    attributes, taken = [], set(OF_MODEL)
    for key in sorted(properties, key=order.index):
        prop, schema = properties[key], facts[key]
        kind = kinds.kind(prop)
        needed = prop.required and not (kind.nullable and kind.what != "list")
        python = free(str(prop.python_name), taken)
        secret = schema.get("format") == "password"
        attributes.append(Attribute(key, python, kind, needed, secret, schema.get("description", "")))
    attributes.sort(key=lambda item: not item.required)
    return Model(
        schema=prepared.schemas[name],
        name=name,
        module=str(model.class_info.module_name),
        text=prepared.form["schemas"][name].get("description", ""),
        attributes=attributes,
        extra=None if model.additional_properties is None else kinds.kind(model.additional_properties),
        imports=[],
        late=[],
    )


def _enum(enum: EnumProperty, prepared: Prepared) -> Enum:
    name = str(enum.class_info.name)
    schema = prepared.form["schemas"][name]
    members = dict(zip(schema["enum"], enum.values, strict=True))  # the parser keeps them escaped
    return Enum(prepared.schemas[name], name, str(enum.class_info.module_name), schema.get("description", ""), members)


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
            late.append((kinds.modules[other], other))
        result.append(model)
    return result

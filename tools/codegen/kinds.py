"""A schema as Python has it: its annotation, the decoder of `acr_rest.types` that reads it, the classes it uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from . import names

if TYPE_CHECKING:
    from .canonical import Form

_PLAIN: Final = {
    "string": ("str", "types.string"),
    "integer": ("int", "types.integer"),
    "number": ("float", "types.number"),
    "boolean": ("bool", "types.boolean"),
}


@dataclass(frozen=True)
class Kind:
    """What a value is in Python.

    Attributes:
        annotation: The type.
        decode: The function from JSON to that type; of a list, to that of its items.
        classes: The schemas whose classes it uses.
        item: Of a list, what its items are.
        what: model, enum, list, mapping, or plain.
        nullable: Whether null is a value.
    """

    annotation: str
    decode: str
    classes: frozenset[str] = frozenset()
    item: Kind | None = None
    what: str = "plain"
    nullable: bool = False

    @property
    def whole(self) -> str:
        """The decoder of the value itself, of a list too."""
        return f"types.array({self.decode})" if self.item else self.decode


ANY: Final = Kind("Any", "types.anything")
TIME: Final = Kind("datetime", "types.date_time")


class Kinds:
    """The kinds of all schemas of a form in which every object and enum has a name (see `hoisting`)."""

    def __init__(self, form: Form) -> None:
        self._schemas: dict[str, Any] = form["schemas"]
        classes = [name for name, schema in self._schemas.items() if self._is_class(schema)]
        self.classes = names.classes(classes)
        modules = names.fields(self.classes.values())
        self.modules = {name: modules[found] for name, found in self.classes.items()}

    @staticmethod
    def _is_class(schema: dict[str, Any]) -> bool:
        return bool("enum" in schema or schema.get("properties") or schema.get("bases"))

    def kind(self, schema: dict[str, Any], *, seen: frozenset[str] = frozenset()) -> Kind:
        """What a value of this schema is."""
        found = self._kind(schema, seen)
        return replace(found, nullable=True) if schema.get("nullable") else found

    def _kind(self, schema: dict[str, Any], seen: frozenset[str]) -> Kind:
        if "ref" in schema:
            return self._named(schema["ref"], seen)
        match schema.get("type"):
            case "array":
                item = self.kind(schema.get("items", {}), seen=seen)
                inner = f"{item.annotation} | None" if item.nullable and item is not ANY else item.annotation
                decode = f"types.nullable({item.whole})" if item.nullable else item.whole
                return Kind(f"list[{inner}]", decode, item.classes, item, "list")
            case "object":
                value = self.kind(schema.get("extra", {}), seen=seen)
                annotation = f"dict[str, {value.annotation}]"
                return Kind(annotation, f"types.mapping({value.whole})", value.classes, None, "mapping")
            case "string" if schema.get("format") == "date-time":
                return TIME
            case "string" | "integer" | "number" | "boolean" as plain:
                return Kind(*_PLAIN[plain])
        return ANY

    def _named(self, name: str, seen: frozenset[str]) -> Kind:
        schema = self._schemas.get(name, {})
        if name in self.classes:
            what = "enum" if "enum" in schema else "model"
            read = "from_json" if what == "enum" else "from_dict"
            return Kind(self.classes[name], f"{self.classes[name]}.{read}", frozenset({name}), None, what)
        if name in seen:
            return ANY  # another name of itself
        return self.kind(schema, seen=seen | {name})

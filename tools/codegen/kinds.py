"""A property of openapi-python-client as our templates use it: its annotation, and the decoder that reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openapi_python_client.parser import GeneratorData
    from openapi_python_client.parser.properties import ModelProperty

    from .canonical import Form


@dataclass(frozen=True)
class Kind:
    """What a value is in Python.

    Attributes:
        annotation: The type.
        decode: The function of `acr_rest.types` from JSON to that type; of a list, to that of its items.
        classes: The classes that it uses.
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
    def plain(self) -> str:
        """The class of which each value is one that may be taken as it is; empty if it must be decoded."""
        return _TAKEN.get(self.decode, "") if self.what == "plain" else ""

    @property
    def whole(self) -> str:
        """The decoder of the value itself, of a list too."""
        return f"types.array({self.decode})" if self.item else self.decode


_TAKEN: Final = {"types.boolean": "bool", "types.integer": "int", "types.string": "str"}
ANY: Final = Kind("Any", "types.anything")
BYTES: Final = Kind("bytes", "types.string")
# Property class of the generator -> what it is here. Another class is a KeyError, rather than wrong code.
_PLAIN: Final = {
    "AnyProperty": ANY,
    "NoneProperty": ANY,
    "BooleanProperty": Kind("bool", "types.boolean"),
    "DateTimeProperty": Kind("datetime", "types.date_time"),
    "FileProperty": Kind("str", "types.string"),  # in JSON; it is bytes in a form
    "FloatProperty": Kind("float", "types.number"),
    "IntProperty": Kind("int", "types.integer"),
    "StringProperty": Kind("str", "types.string"),
}


class Kinds:
    """The kinds of all properties that the parser found."""

    def __init__(self, parsed: GeneratorData, form: Form) -> None:
        self._models: dict[str, ModelProperty] = {str(model.class_info.name): model for model in parsed.models}
        self._schemas = form["schemas"]
        classes = [item.class_info for item in [*parsed.models, *parsed.enums]]
        self.modules = {str(item.name): str(item.module_name) for item in classes}

    def is_class(self, name: str) -> bool:
        """Whether a model has a class: an object without properties is a mapping."""
        schema = self._schemas.get(name, {})
        return bool(schema.get("properties") or schema.get("bases"))

    def kind(self, prop: Any, seen: frozenset[str] = frozenset()) -> Kind:
        """What a value of this property is."""
        match type(prop).__name__:
            case "UnionProperty":  # only of null and something else
                inner = [item for item in prop.inner_properties if type(item).__name__ != "NoneProperty"]
                return replace(self.kind(inner[0], seen), nullable=True) if inner else ANY
            case "ListProperty":
                return self._list(self.kind(prop.inner_property, seen))
            case "EnumProperty":
                name = str(prop.class_info.name)
                return Kind(name, f"{name}.from_json", frozenset({name}), None, "enum")
            case "ModelProperty":
                return self._object(str(prop.class_info.name), seen)
            case plain:
                return _PLAIN[plain]

    @staticmethod
    def _list(item: Kind) -> Kind:
        nullable = item.nullable and item.annotation != "Any"
        inner = f"{item.annotation} | None" if nullable else item.annotation
        decode = f"types.nullable({item.whole})" if item.nullable else item.whole
        return Kind(f"list[{inner}]", decode, item.classes, item, "list")

    def _object(self, name: str, seen: frozenset[str]) -> Kind:
        if self.is_class(name):
            return Kind(name, f"{name}.from_dict", frozenset({name}), None, "model")
        extra = self._models[name].additional_properties
        value = ANY if extra is None or name in seen else self.kind(extra, seen | {name})
        return Kind(f"dict[str, {value.annotation}]", f"types.mapping({value.whole})", value.classes, None, "mapping")

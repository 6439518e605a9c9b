"""Names for what has none: objects and enums that stand inside something else become schemas of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import names

if TYPE_CHECKING:
    from .canonical import Form


def pointer(route: str) -> str:
    """The place of an operation in the document."""
    method, path, *_ = route.split(" ")
    return f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method.lower()}"


class Hoisting:
    """Gives each inner object and enum of a form a name.

    Attributes:
        places: Schema -> JSON pointer of what it was made of.
        notes: What an enum could not be made of.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._schemas: dict[str, Any] = form["schemas"]
        self._place = ""
        self._named_already: dict[int, dict[str, Any]] = {}  # one schema may stand for several media types
        self.places = {name: f"#/definitions/{name.replace('~', '~0').replace('/', '~1')}" for name in self._schemas}
        self.notes: list[str] = []

    def run(self) -> Form:
        """Change the form."""
        for name in list(self._schemas):
            self._place = self.places[name]
            self._plain_enum(self._schemas[name], name)
            self._inside(self._schemas[name], name)
        for route, operation in self._form["operations"].items():
            self._place = pointer(route)
            owner = names.pascal(operation["id"])
            for key, parameter in operation["parameters"].items():
                parameter["schema"] = self._named(parameter["schema"], f"{owner} {key.partition(' ')[2]}")
            for kind, schema in operation.get("body", {}).get("content", {}).items():
                # The fields of a form are arguments, so its enums are named after the operation.
                if names.is_form(kind) and "properties" in schema:
                    self._inside(schema, owner)
                    schema["properties"] = dict(sorted(schema["properties"].items()))
                name = f"{owner} {'Form' if names.is_form(kind) else 'Body'}"
                operation["body"]["content"][kind] = self._named(schema, name)
            for status, answer in operation["answers"].items():
                for kind, schema in answer.get("content", {}).items():
                    answer["content"][kind] = self._named(schema, f"{owner} Answer {status}")
        return self._form

    def _inside(self, schema: dict[str, Any], owner: str) -> None:
        for name, inner in schema.get("properties", {}).items():
            schema["properties"][name] = self._named(inner, f"{owner} {name}")
        for key in ("items", "extra"):
            if key in schema:
                schema[key] = self._named(schema[key], f"{owner} {'Item' if key == 'items' else 'Value'}")

    def _named(self, schema: dict[str, Any], name: str) -> dict[str, Any]:
        if id(schema) not in self._named_already:
            self._named_already[id(schema)] = self._name(schema, name)
        return self._named_already[id(schema)]

    def _name(self, schema: dict[str, Any], name: str) -> dict[str, Any]:
        self._plain_enum(schema, name)
        if "enum" in schema:
            name = schema.get("enum_name") or name
        elif schema.get("type") != "object":
            self._inside(schema, name)
            return schema
        facts = {key: value for key, value in schema.items() if key not in ("nullable", "readOnly", "joined")}
        free, number = name, 1
        while free in self._schemas and self._schemas[free].get("enum", ()) != schema.get("enum"):
            number += 1
            free = f"{name} {number}"
        if free not in self._schemas:
            # No default: it is that of the place, and not of the type.
            self._schemas[free] = {key: value for key, value in facts.items() if key != "default"}
            self.places[free] = self._place
            self._inside(self._schemas[free], free)
        kept = {key: value for key, value in schema.items() if key in ("description", "nullable", "default")}
        return {"ref": free, **kept}

    def _plain_enum(self, schema: dict[str, Any], name: str) -> None:
        """Classes are made of enums of texts alone. Others are read as their base type."""
        if "enum" not in schema:
            return
        texts = [value for value in schema["enum"] if isinstance(value, str)]
        if None in schema["enum"]:
            schema["nullable"] = True
        if texts and schema.get("type", "string") == "string":
            schema |= {"type": "string", "enum": texts}
            schema.pop("format", None)
        else:
            self.notes.append(f"{name}: an enum of {schema.get('type', 'values')} is read as its base type")
            del schema["enum"]

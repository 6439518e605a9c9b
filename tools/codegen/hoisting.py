"""Names for what has none: objects and enums that stand inside something else become schemas of their own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from . import names

if TYPE_CHECKING:
    from .canonical import Form


def hoist(form: Form) -> tuple[Form, list[str]]:
    """Give each inner object and enum a name, in a copy. Also returns what an enum could not be made of."""
    hoisting = _Hoisting(copy.deepcopy(form))
    return hoisting.run(), hoisting.notes


class _Hoisting:
    def __init__(self, form: Form) -> None:
        self._form = form
        self._schemas: dict[str, Any] = form["schemas"]
        self.notes: list[str] = []

    def run(self) -> Form:
        for name in list(self._schemas):
            self._plain_enum(self._schemas[name], name)
            self._inside(self._schemas[name], name)
        for operation in self._form["operations"].values():
            owner = names.pascal(operation["id"])
            for key, parameter in operation["parameters"].items():
                parameter["schema"] = self._named(parameter["schema"], f"{owner} {key.partition(' ')[2]}")
            for kind, schema in operation.get("body", {}).get("content", {}).items():
                if "form" in kind:  # its fields are arguments
                    self._inside(schema, owner)
                else:
                    operation["body"]["content"][kind] = self._named(schema, f"{owner} Body")
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
        self._plain_enum(schema, name)
        if "enum" in schema:
            name = schema.get("enum_name") or name
        elif not schema.get("properties") and not schema.get("bases"):
            self._inside(schema, name)
            return schema
        facts = {key: value for key, value in schema.items() if key not in ("description", "nullable", "readOnly")}
        free, number = name, 1
        while free in self._schemas and self._schemas[free].get("enum", ()) != schema.get("enum"):
            number += 1
            free = f"{name} {number}"
        if free not in self._schemas:
            # No default: it is that of the place, and not of the type.
            self._schemas[free] = {key: value for key, value in facts.items() if key != "default"}
            if "description" in schema:
                self._schemas[free]["description"] = schema["description"]
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
        else:
            self.notes.append(f"{name}: an enum of {schema.get('type', 'values')} is read as its base type")
            del schema["enum"]

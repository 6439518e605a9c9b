"""What in two descriptions is the same thing, perhaps under another name.

Operations are matched by their routes, in which names of parameters count for nothing. Schemas are matched by name,
then by where they stand, then by their properties.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .canonical import Form

_ALIKE: Final = 0.6  # of the properties of two schemas that are taken for one with two names


def neutral(route: str) -> str:
    """A route without the names of its parameters."""
    return re.sub(r"\{[^{}]*\}", "{}", route)


class Matching:
    """Two forms, matched.

    Attributes:
        routes: The routes of the old form with those of the new one.
        schemas: The same for the names of schemas.
    """

    def __init__(self, old: Form, new: Form) -> None:
        self.old, self.new = old, new
        theirs = {neutral(route): route for route in new["operations"]}
        self.routes = {route: theirs[neutral(route)] for route in old["operations"] if neutral(route) in theirs}
        self._moved()
        self.schemas: dict[str, str] = {}
        self._match_schemas()

    def _moved(self) -> None:
        """An operation whose route is gone is looked for by its id."""
        free = {raw["id"]: route for route, raw in self.new["operations"].items() if route not in self.routes.values()}
        for route, raw in self.old["operations"].items():
            if route not in self.routes and raw["id"] in free:
                self.routes[route] = free.pop(raw["id"])

    def _match_schemas(self) -> None:
        old, new = self.old["schemas"], self.new["schemas"]
        self.schemas = {name: name for name in old if name in new}
        for before, after in self.routes.items():
            self._pair(self.old["operations"][before], self.new["operations"][after])
        pairs = [
            (_likeness(old[before], new[after]), SequenceMatcher(None, before, after).ratio(), before, after)
            for before in old
            for after in new
            if before not in self.schemas and after not in self.schemas.values()
        ]
        for likeness, _, before, after in sorted(pairs, reverse=True):
            if likeness >= _ALIKE and before not in self.schemas and after not in self.schemas.values():
                self.schemas[before] = after

    def _same(self, before: str, after: str) -> None:
        if before in self.schemas or after in self.schemas.values():
            return
        if before not in self.old["schemas"] or after not in self.new["schemas"]:
            return
        if _likeness(self.old["schemas"][before], self.new["schemas"][after]) < _ALIKE:
            return  # another thing has come into its place
        self.schemas[before] = after
        self._pair(self.old["schemas"][before], self.new["schemas"][after])

    def _pair(self, old: Any, new: Any) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            if isinstance(old.get("ref"), str) and isinstance(new.get("ref"), str):
                self._same(old["ref"], new["ref"])
            for key in old:
                if key in new:
                    self._pair(old[key], new[key])

    def reached(self, *, sent: bool) -> set[str]:
        """The schemas that requests send, or that answers bring, by the names of the new form."""
        return _reached(self.new, sent=sent) | {self.schemas.get(name, name) for name in _reached(self.old, sent=sent)}


def _likeness(old: dict[str, Any], new: dict[str, Any]) -> float:
    """How much of two schemas is the same: properties, or values of an enum."""
    parts = [set(schema.get("enum") or schema.get("properties", ())) for schema in (old, new)]
    if not parts[0] or not parts[1] or ("enum" in old) != ("enum" in new):
        return 0.0
    return len(parts[0] & parts[1]) / len(parts[0] | parts[1])


def _reached(form: Form, *, sent: bool) -> set[str]:
    """The schemas that requests send, or that answers bring."""
    found: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        if isinstance(node, dict):
            for name in [node.get("ref"), *node.get("bases", ())]:
                if isinstance(name, str) and name not in found:
                    found.add(name)
                    visit(form["schemas"].get(name))
            for item in node.values():
                visit(item)

    for operation in form["operations"].values():
        visit([operation["parameters"], operation.get("body")] if sent else operation["answers"])
    return found

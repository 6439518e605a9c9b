"""What differs between two descriptions in their canonical form, and whether it breaks who relies on the first.

`matching` finds what is the same thing. So a renamed thing is one change, and what is in it is compared.

What breaks is judged for a user of the package: a field or an argument that is gone breaks code, also where the server
would not mind. docs/new-version.md says where that differs from oasdiff.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .matching import Matching, neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .canonical import Form

BREAKING, ADDITIVE, TEXT = "breaking", "additive", "text"


@dataclass(frozen=True)
class Change:
    """One fact that differs.

    Attributes:
        level: breaking, additive or text.
        place: Where, as corrections name places; of the new description, or of the old one for what is gone.
        what: What differs there.
    """

    level: str
    place: str
    what: str

    @property
    def top(self) -> str:
        """The operation or the schema."""
        return self.place.partition(" > ")[0]


class Comparison(Matching):
    """What differs between two forms that are matched."""

    def __init__(self, old: Form, new: Form) -> None:
        super().__init__(old, new)
        self._sent, self._read = self.reached(sent=True), self.reached(sent=False)

    # ---- All changes ---------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """Everything that differs."""
        found = [*self._top(), *self._operations(), *self._schemas()]
        return list(dict.fromkeys(found))

    def _top(self) -> Iterator[Change]:
        for key in ("version", "host"):
            if self.old[key] != self.new[key]:
                level = BREAKING if key == "host" and "{" not in self.new[key] else TEXT
                yield Change(level, key, f"{self.old[key] or 'none'} -> {self.new[key] or 'none'}")

    def _operations(self) -> Iterator[Change]:
        for route, raw in self.old["operations"].items():
            if route not in self.routes:
                yield Change(BREAKING, route, f"operation {raw['id']} is gone")
                continue
            yield from self._operation(route, self.routes[route])
        for route, raw in self.new["operations"].items():
            if route not in self.routes.values():
                yield Change(ADDITIVE, route, f"operation {raw['id']} is new")

    def _operation(self, before: str, after: str) -> Iterator[Change]:
        old, new = self.old["operations"][before], self.new["operations"][after]
        if old["id"] != new["id"]:
            yield Change(BREAKING, after, f"operation {old['id']} is called {new['id']}")
        if neutral(before) != neutral(after):
            yield Change(BREAKING, after, f"the route was {before}")
        yield from self._described(after, old, new)
        # A parameter of the path is what stands at its place there.
        names = dict(zip(_in_path(before), _in_path(after), strict=False)) if neutral(before) == neutral(after) else {}
        parameters = {
            f"path {names.get(key[5:], key[5:])}" if key.startswith("path ") else key: value
            for key, value in old["parameters"].items()
        }
        for ours, theirs in names.items():
            if ours != theirs:
                yield Change(
                    BREAKING, f"{after} > parameters > path {theirs}", f"path parameter {ours} is called {theirs}"
                )
        yield from self._parameters(after, parameters, new["parameters"])
        yield from self._bodies(after, old.get("body"), new.get("body"))
        yield from self._answers(after, old["answers"], new["answers"])
        if old["security"] != new["security"]:
            lost = [kinds for kinds in old["security"] if kinds not in new["security"]]
            level = BREAKING if lost or not old["security"] else ADDITIVE
            yield Change(level, f"{after} > security", f"security {_security(old)} -> {_security(new)}")

    def _described(self, place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        if "description" in old and "description" in new and old["description"] != new["description"]:
            yield Change(TEXT, place, "the text differs")

    # ---- Requests --------------------------------------------------------------------------------

    def _parameters(self, route: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        spelt = {key.lower(): key for key in new if key.startswith("header ")}
        for key, before in old.items():
            after_key = key if key in new else spelt.get(key.lower(), key)
            place, label = f"{route} > parameters > {after_key}", _label(key)
            if after_key not in new:
                yield Change(BREAKING, place, f"{label} is gone")
                continue
            after = new[after_key]
            if key != after_key:
                yield Change(TEXT, place, f"{label} is spelt {after_key.partition(' ')[2]}")
            yield from self._required(place, label, before["required"], after["required"])
            yield from self._described(place, before, after)
            yield from self._schema(place, label, before["schema"], after["schema"], sent=True, read=False)
            if before.get("joined") != after.get("joined") and "joined" in before and "joined" in after:
                yield Change(BREAKING, place, f"{label} is written as {after['joined']}, was {before['joined']}")
        for key, after in new.items():
            if key not in old and not any(key.lower() == known.lower() and key.startswith("header ") for known in old):
                level, word = (BREAKING, "required") if after["required"] else (ADDITIVE, "optional")
                yield Change(level, f"{route} > parameters > {key}", f"{_label(key)} is new and {word}")

    def _required(self, place: str, label: str, before: bool, after: bool) -> Iterator[Change]:
        if before != after:
            yield Change(
                BREAKING if after else ADDITIVE, place, f"{label} became {'required' if after else 'optional'}"
            )

    def _bodies(self, route: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[Change]:
        place = f"{route} > body"
        if old is None or new is None:
            if old is not None:
                yield Change(BREAKING, place, "the request has no body any more")
            elif new is not None:
                yield Change(BREAKING if new["required"] else ADDITIVE, place, "the request has a body now")
            return
        yield from self._required(place, "the body", old["required"], new["required"])
        yield from self._contents(f"{place} > content", "the body", old["content"], new["content"], sent=True)

    # ---- Answers -----------------------------------------------------------------------------------

    def _answers(self, route: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        for status, before in old.items():
            place = f"{route} > answers > {status}"
            if status not in new:
                yield Change(BREAKING, place, f"answer {status} is gone")
                continue
            after = new[status]
            yield from self._described(place, before, after)
            yield from self._headers(place, status, before.get("headers", {}), after.get("headers", {}))
            label = f"the body of answer {status}"
            yield from self._contents(
                f"{place} > content", label, before.get("content", {}), after.get("content", {}), sent=False
            )
        for status in new:
            if status not in old:
                yield Change(ADDITIVE, f"{route} > answers > {status}", f"answer {status} is new")

    def _headers(self, place: str, status: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        known = {name.lower(): name for name in new}
        for name, before in old.items():
            at = f"{place} > headers > {name}"
            if name.lower() not in known:
                yield Change(BREAKING, at, f"header {name} of answer {status} is gone")
            else:
                after = new[known[name.lower()]]
                label = f"header {name} of answer {status}"
                yield from self._schema(at, label, before["schema"], after["schema"], sent=False, read=True)
        for name in new:
            if name.lower() not in {known.lower() for known in old}:
                yield Change(ADDITIVE, f"{place} > headers > {name}", f"header {name} of answer {status} is new")

    def _contents(
        self, place: str, label: str, old: dict[str, Any], new: dict[str, Any], *, sent: bool
    ) -> Iterator[Change]:
        gone, more = [kind for kind in old if kind not in new], [kind for kind in new if kind not in old]
        if old and not new:
            yield Change(BREAKING, place, f"{label} is gone, was {_shape(next(iter(old.values())))}")
            return
        if new and not old:
            yield Change(ADDITIVE, place, f"{label} is new, {_shape(next(iter(new.values())))}")
            return
        if gone:
            yield Change(BREAKING, place, f"{label} is {', '.join(new)}, was {', '.join(old)}")
        elif more:
            yield Change(ADDITIVE, place, f"{label} may also be {', '.join(more)}")
        if old and new:
            before, after = next(iter(old.values())), next(iter(new.values()))
            kind = next(iter(new))
            yield from self._schema(f"{place} > {kind}", label, before, after, sent=sent, read=not sent)

    # ---- Schemas -----------------------------------------------------------------------------------

    def _schemas(self) -> Iterator[Change]:
        old, new = self.old["schemas"], self.new["schemas"]
        for name in old:
            if name not in self.schemas:
                yield Change(BREAKING, f"schema {name}", "gone")
                continue
            after = self.schemas[name]
            place = f"schema {after}"
            if name != after:
                yield Change(BREAKING, place, f"renamed: {name} -> {after}")
            yield from self._described(place, old[name], new[after])
            sent, read = after in self._sent, after in self._read
            yield from self._schema(place, "it", old[name], new[after], sent=sent, read=read or not sent)
        for name in new:
            if name not in self.schemas.values():
                yield Change(ADDITIVE, f"schema {name}", "new")

    def _schema(
        self, place: str, label: str, old: dict[str, Any], new: dict[str, Any], *, sent: bool, read: bool
    ) -> Iterator[Change]:
        old, new = self._known(old, new)
        before, after = _shape(self._renamed(old)), _shape(new)
        if before != after:
            yield Change(BREAKING, place, f"{label} is {after}, was {before}")
            return
        if old.get("format") != new.get("format"):
            yield Change(
                ADDITIVE, place, f"{label} has the format {new.get('format', 'none')}, was {old.get('format', 'none')}"
            )
        if bool(old.get("nullable")) != bool(new.get("nullable")):
            wider = bool(new.get("nullable"))
            yield Change(
                BREAKING if wider == read else ADDITIVE, place, f"{label} may {'' if wider else 'not '}be null"
            )
        yield from self._limits(place, label, old, new, sent=sent)
        yield from self._enum(place, label, old.get("enum"), new.get("enum"), sent=sent)
        if "items" in old or "items" in new:
            inner = f"an item of {label}"
            yield from self._schema(
                f"{place} > items", inner, old.get("items", {}), new.get("items", {}), sent=sent, read=read
            )
        yield from self._properties(place, old, new, sent=sent, read=read)
        if ("extra" in old) != ("extra" in new):
            yield Change(ADDITIVE, f"{place} > extra", f"{label} has {'any' if 'extra' in new else 'no'} other members")
        elif "extra" in old:
            yield from self._schema(
                f"{place} > extra", "any other member", old["extra"], new["extra"], sent=sent, read=read
            )

    def _known(self, old: dict[str, Any], new: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """A named schema against one that stands in its place: what is in them is compared."""
        if ("ref" in old) != ("ref" in new):
            ours = self.old["schemas"].get(old.get("ref", ""), old)
            theirs = self.new["schemas"].get(new.get("ref", ""), new)
            return ours, theirs
        return old, new

    def _renamed(self, old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "ref": self.schemas.get(old["ref"], old["ref"])} if "ref" in old else old

    def _limits(
        self, place: str, label: str, old: dict[str, Any], new: dict[str, Any], *, sent: bool
    ) -> Iterator[Change]:
        for key in ("default", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
            if old.get(key) != new.get(key):
                level = BREAKING if sent and key != "default" and key in new else ADDITIVE
                before, after = [f"{key} {side[key]}" if key in side else f"no {key}" for side in (old, new)]
                yield Change(level, place, f"{label} has {after}, was {before}")

    def _enum(
        self, place: str, label: str, old: list[Any] | None, new: list[Any] | None, *, sent: bool
    ) -> Iterator[Change]:
        if old is None and new is not None:
            yield Change(
                BREAKING if sent else ADDITIVE, place, f"{label} is one of {', '.join(map(str, new))}; was any text"
            )
        elif new is None and old is not None:
            yield Change(ADDITIVE, place, f"{label} is any text; was one of {', '.join(map(str, old))}")
        for value in old or ():
            if new is not None and value not in new:
                yield Change(BREAKING, f"{place} > enum", f"value {value} is gone")
        for value in new or ():
            if old is not None and value not in old:
                yield Change(ADDITIVE, f"{place} > enum", f"value {value} is new")

    def _properties(
        self, place: str, old: dict[str, Any], new: dict[str, Any], *, sent: bool, read: bool
    ) -> Iterator[Change]:
        if [self.schemas.get(name, name) for name in old.get("bases", ())] == new.get("bases", []):
            old, new = ({**side, "bases": []} for side in (old, new))  # what is in the bases is told of them
        before, after = _whole(self.old, old), _whole(self.new, new)
        needed, needs = set(before[1]), set(after[1])
        for name, schema in before[0].items():
            at = f"{place} > properties > {name}"
            if name not in after[0]:
                yield Change(BREAKING, at, f"property {name} is gone")
                continue
            yield from self._described(at, schema, after[0][name])
            if (name in needed) != (name in needs):
                now = name in needs
                breaks = now if sent and not read else not now if read and not sent else True
                yield Change(
                    BREAKING if breaks else ADDITIVE, at, f"property {name} became {'required' if now else 'optional'}"
                )
            yield from self._schema(at, f"property {name}", schema, after[0][name], sent=sent, read=read)
        for name in after[0]:
            if name not in before[0]:
                required = name in needs
                word = "required" if required else "optional"
                level = BREAKING if required and sent else ADDITIVE
                yield Change(level, f"{place} > properties > {name}", f"property {name} is new and {word}")


def _in_path(route: str) -> list[str]:
    return re.findall(r"\{([^{}]*)\}", route)


def _label(key: str) -> str:
    place, _, name = key.partition(" ")
    return f"{place} parameter {name}"


def _security(operation: dict[str, Any]) -> str:
    return " or ".join(" and ".join(kinds) or "nothing" for kinds in operation["security"]) or "none"


def _shape(schema: dict[str, Any]) -> str:
    """The type of a schema, in words."""
    if "ref" in schema:
        return str(schema["ref"])
    if schema.get("format") in ("binary", "date-time"):
        return "bytes" if schema["format"] == "binary" else "a time"
    kind = str(schema.get("type", "any value"))
    return {"string": "text", "object": "an object", "array": "a list"}.get(kind, kind)


def _whole(form: Form, schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> tuple[dict[str, Any], list[str]]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for base in schema.get("bases", ()):
        if base not in seen:
            more, needed = _whole(form, form["schemas"].get(base, {}), seen | {base})
            properties |= more
            required += needed
    return properties | schema.get("properties", {}), required + schema.get("required", [])

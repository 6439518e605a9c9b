"""Places in the canonical form, as corrections, texts and the report name them.

GET /v2/ > answers > 204            an operation, by its route; `*` stands for any text
schema TagList > properties > link  a schema, by its name
schema TagList > required > tags    an entry of a list, by its value
info > title                        anything else, from the top
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .canonical import Form

ABSENT = object()

# What may be left out if it is empty.
_GROUPS = {"content": dict, "headers": dict, "parameters": dict, "properties": dict, "required": list}


@dataclass(frozen=True)
class Spot:
    """One place that was found: a member of an object, or an entry of a list, whether it is there or not."""

    name: str
    holder: Any
    key: Any
    parent: Spot | None = None  # which gets the holder with its first member, if it has none yet

    @property
    def value(self) -> Any:
        """What is there, or ABSENT."""
        if isinstance(self.holder, list):
            return self.key if self.key in self.holder else ABSENT
        return self.holder.get(self.key, ABSENT)

    def put(self, value: Any) -> None:
        """Put something there, in the place of what there is."""
        if self.parent is not None and self.parent.value is ABSENT:
            self.parent.put(self.holder)
        if not isinstance(self.holder, list):
            self.holder[self.key] = value
        elif self.key in self.holder:
            self.holder[self.holder.index(self.key)] = value
        elif value not in self.holder:
            self.holder.append(value)

    def drop(self) -> None:
        """Take away what is there; a list that becomes empty says nothing, but it stays."""
        if isinstance(self.holder, list):
            self.holder.remove(self.key)
        else:
            del self.holder[self.key]


def find(form: Form, place: str) -> Iterator[Spot]:
    """All spots of a place whose holder exists. The last step alone may name what is not there."""
    first, *steps = place.split(" > ")
    for spot in list(_tops(form, first)):
        yield from _walk(spot, steps)


def _tops(form: Form, first: str) -> Iterator[Spot]:
    if first.startswith("schema "):
        holder, pattern, prefix = form["schemas"], first.removeprefix("schema "), "schema "
    elif " " in first:
        holder, pattern, prefix = form["operations"], first, ""
    else:
        holder, pattern, prefix = form, first, ""
    for key in _matching(holder, pattern):
        yield Spot(prefix + key, holder, key)


def _matching(holder: dict[str, Any], pattern: str) -> list[str]:
    if "*" not in pattern:
        return [pattern]
    return [key for key in holder if fnmatchcase(key, pattern.replace("[", "[[]"))]


def _walk(spot: Spot, steps: list[str]) -> Iterator[Spot]:
    if not steps:
        yield spot
        return
    holder = spot.value
    if holder is ABSENT and spot.key in _GROUPS and isinstance(spot.holder, dict):
        holder = _GROUPS[spot.key]()
    if isinstance(holder, dict):
        keys: list[Any] = _matching(holder, steps[0])
    elif isinstance(holder, list):
        keys = [steps[0]]
    else:
        return
    for key in keys:
        yield from _walk(Spot(f"{spot.name} > {key}", holder, key, spot), steps[1:])

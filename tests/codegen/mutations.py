"""Descriptions that are nearly right: one of ours, with a few random changes. The same seed makes the same one."""

from __future__ import annotations

import random
from typing import Any

from tests.codegen.making import ours

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e400, "", " ", "x", "string", "object", "array", "file", "date-time", "#/definitions/TagList",
    "#/definitions/Nowhere", "other.json#/x", "multipart/form-data", "{", "}", "{name}", '"""', "\\", "\n", "class",
    "self", "é", "x" * 300, [], {}, [None], {"$ref": "#/definitions/TagList"}, {"type": "array"}, {"type": "object"},
    {"allOf": [{"$ref": "#/definitions/TagList"}]}, {"type": "string", "enum": ["a", 1, None, "a"]}, [{}], ["x", "x"],
)  # fmt: skip


def _places(node: Any, found: list[tuple[Any, Any]], way: tuple[int, ...] = ()) -> list[tuple[Any, Any]]:
    if id(node) in way:
        return found  # a circle, which an earlier change has made
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(pairs):
        found.append((node, key))
        _places(value, found, (*way, id(node)))
    return found


def mutated(seed: int) -> dict[str, Any]:
    """One of ours with one to four changes."""
    chance = random.Random(seed)
    document = ours()
    for _ in range(chance.randint(1, 4)):
        places = _places(document, [])
        holder, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = chance.choice(VALUES)
            case 2:
                other, name = chance.choice(places)
                holder[key] = other[name]  # may be what holds it: a circle, as an alias in YAML makes one
            case 3 if isinstance(holder, dict):
                holder[str(chance.choice(VALUES))] = holder.pop(key)
            case 4 if isinstance(holder, dict):
                _, name = chance.choice(places)
                holder[str(name)] = holder[key]
            case _:
                if isinstance(holder, list):
                    holder.append(holder[key])
                else:
                    holder[key] = [holder[key]]
    return document

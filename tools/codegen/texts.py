"""Our own words for each place of the form. `spec/texts.yaml` has them.

Upstream's texts are not ours to give away, so spec/ has none of them. They are used for a description that is only
tried out, if we have nothing of our own for a place.

A text is found by its place, such as `GET /v2/ > 200 > Link`, or by what places have in common, such as `Link`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .reading import own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .canonical import Form


@dataclass(frozen=True)
class Place:
    """Something that a text can describe."""

    name: str
    common: str  # the name that it shares with its like in other operations; empty if there is none
    node: dict[str, Any]


def places(form: Form) -> Iterator[Place]:
    """Each place of the form that wants a text."""
    for route, operation in form["operations"].items():
        yield Place(route, "", operation)
        for key, parameter in operation["parameters"].items():
            yield Place(f"{route} > {key}", key, parameter)
        if "body" in operation:
            yield Place(f"{route} > body", "", operation["body"])
            for schema in operation["body"]["content"].values():
                for name, inner in schema.get("properties", {}).items():
                    yield Place(f"{route} > body > {name}", f"body > {name}", inner)
        for status, answer in operation["answers"].items():
            yield Place(f"{route} > {status}", status, answer)
            for name, header in answer.get("headers", {}).items():
                yield Place(f"{route} > {status} > {name}", name, header)
    for name, schema in form["schemas"].items():
        yield Place(name, "", schema)
        for key, inner in schema.get("properties", {}).items():
            yield Place(f"{name} > {key}", "", inner)


def load(path: Path) -> dict[str, str]:
    """Read our texts, by place."""
    texts: dict[str, str] = own(path)
    return {str(place): text for place, text in texts.items()}


@dataclass(frozen=True)
class Described:
    """A form with our texts, the places for which we have none, and the texts that have no place."""

    form: Form
    missing: list[str]
    unused: list[str]


def describe(form: Form, texts: dict[str, str]) -> Described:
    """Put our texts into a copy of the form. A place for which we have none keeps what it had."""
    form = copy.deepcopy(form)
    missing, used = [], set()
    for place in places(form):
        found = next((name for name in (place.name, place.common) if name in texts), None)
        if found is None:
            missing.append(place.name)
        else:
            used.add(found)
            place.node["description"] = texts[found]
    return Described(form, missing, [name for name in texts if name not in used])


def strip(node: Any, *, names: bool = False) -> Any:
    """A document of upstream's without its texts and examples: the facts. Under `properties`, keys are names."""
    if isinstance(node, list):
        return [strip(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: strip(value, names=not names and key in ("properties", "definitions", "parameters", "paths", "x-ms-paths"))
        for key, value in node.items()
        if names or key not in ("description", "summary", "title", "example", "examples", "x-ms-examples")
    }

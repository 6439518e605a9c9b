"""What becomes of the names of the package, and who in acr/ uses those that change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .compare import Comparison
    from .operations import Operation
    from .plan import Model, Plan


@dataclass(frozen=True)
class Consequence:
    """A Python name that changes.

    Attributes:
        top: The operation or the schema that it is made of, as `Change.top` has it.
        name: The name, from the package on.
        fate: What becomes of it.
        breaking: Whether a caller must be changed.
        part: The argument or the field; empty if it is the whole.
    """

    top: str
    name: str
    fate: str
    breaking: bool
    part: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.fate}"


def consequences(old: Plan, new: Plan, matched: Comparison) -> list[Consequence]:
    """What becomes of each name; `matched` is of the corrected forms."""
    return [*_operations(old, new, matched), *_models(old, new, matched), *_enums(old, new, matched)]


def _path(operation: Operation) -> str:
    return f"api.{operation.package}.{operation.module}"


def _operations(old: Plan, new: Plan, matched: Comparison) -> Iterator[Consequence]:
    before = {item.route: item for item in old.operations}
    after = {item.route: item for item in new.operations}
    for route, ours in before.items():
        theirs = after.get(matched.routes.get(route, ""))
        if theirs is None:
            yield Consequence(route, _path(ours), "is gone", True)
            continue
        if _path(ours) != _path(theirs):
            yield Consequence(theirs.route, _path(ours), f"is now {_path(theirs)}", True)
        yield from _parts(
            theirs.route, f"{_path(theirs)}.build_request", "argument", _arguments(ours), _arguments(theirs)
        )
        yield from _parts(theirs.route, f"{_path(theirs)}.Result", "field", _result(ours), _result(theirs))
    for route, theirs in after.items():
        if route not in matched.routes.values():
            yield Consequence(route, _path(theirs), "is new", False)


def _arguments(operation: Operation) -> dict[str, tuple[str, bool]]:
    """Each argument with its declaration, and whether it must be given."""
    found = {}
    for declaration in operation.declarations:
        if declaration != "*":
            found[declaration.partition(":")[0]] = (declaration.partition(": ")[2], "=" not in declaration)
    return found


def _result(operation: Operation) -> dict[str, tuple[str, bool]]:
    found = {"body": (operation.body_annotation, False)} if operation.bodies else {}
    found |= {"content": ("bytes", False)} if operation.documents else {}
    return found | {python: ("int" if number else "str", False) for python, number in operation.headers.values()}


def _models(old: Plan, new: Plan, matched: Comparison) -> Iterator[Consequence]:
    before = {item.schema: item for item in old.models}
    after = {item.schema: item for item in new.models}
    for schema, ours in before.items():
        theirs = after.get(matched.schemas.get(schema, schema))
        if theirs is None:
            yield Consequence(f"schema {schema}", f"models.{ours.name}", "is gone", True)
            continue
        if ours.name != theirs.name:
            yield Consequence(f"schema {theirs.schema}", f"models.{ours.name}", f"is now {theirs.name}", True)
        parts = (_fields(ours), _fields(theirs))
        yield from _parts(f"schema {theirs.schema}", f"models.{theirs.name}", "field", *parts)
    for schema, theirs in after.items():
        if schema not in matched.schemas.values() and schema not in before:
            yield Consequence(f"schema {schema}", f"models.{theirs.name}", "is new", False)


def _fields(model: Model) -> dict[str, tuple[str, bool]]:
    return {
        item.python: (
            item.kind.annotation + ("" if item.required or item.kind.what == "list" else " | None"),
            item.required,
        )
        for item in model.attributes
    }


def _enums(old: Plan, new: Plan, matched: Comparison) -> Iterator[Consequence]:
    after = {item.schema: item for item in new.enums}
    for ours in old.enums:
        theirs = after.get(matched.schemas.get(ours.schema, ours.schema))
        if theirs is None:
            yield Consequence(f"schema {ours.schema}", f"models.{ours.name}", "is gone", True)
            continue
        top = f"schema {theirs.schema}"
        if ours.name != theirs.name:
            yield Consequence(top, f"models.{ours.name}", f"is now {theirs.name}", True)
        for value, member in ours.members.items():
            if value not in theirs.members:
                yield Consequence(top, f"models.{theirs.name}.{member}", "is gone", True, member)
        for value, member in theirs.members.items():
            if value not in ours.members:
                yield Consequence(top, f"models.{theirs.name}.{member}", "is new", False, member)
    known = {matched.schemas.get(item.schema, item.schema) for item in old.enums}
    for theirs in new.enums:
        if theirs.schema not in known:
            yield Consequence(f"schema {theirs.schema}", f"models.{theirs.name}", "is new", False)


def _parts(
    top: str, name: str, word: str, old: dict[str, tuple[str, bool]], new: dict[str, tuple[str, bool]]
) -> Iterator[Consequence]:
    for part, (kind, _) in old.items():
        if part not in new:
            yield Consequence(top, name, f"has no {word} {part} any more", True, part)
        elif new[part][0] != kind:
            yield Consequence(top, name, f"{word} {part} is {new[part][0]}, was {kind}", True, part)
    for part, (kind, needed) in new.items():
        if part not in old:
            need = word == "argument" and needed
            yield Consequence(top, name, f"has a new {'required ' if need else ''}{word} {part}: {kind}", need, part)


class Users:
    """Where acr/ uses the package."""

    def __init__(self, folder: Path, package: str) -> None:
        self._files: dict[str, str] = {}
        for path in sorted(folder.rglob("*.py")) if folder.exists() else ():
            text = path.read_text(encoding="utf-8")
            if f"{package}" in text:
                self._files[path.relative_to(folder.parent).as_posix()] = text

    def of(self, consequence: Consequence) -> list[str]:
        """File and line of each use of a name. A field counts in files that use the package at all."""
        if consequence.fate == "is new":
            return []
        kind, *rest = consequence.name.split(".")
        if kind == "api":
            return [line for name in self._files for line in self._of_operation(name, rest[1])]
        if consequence.part:
            part = re.escape(consequence.part)
            return self._lines(rf"\.{part}\b|\b{part}=")
        return self._lines(rf"\b{re.escape(rest[-1])}\b")

    def _of_operation(self, name: str, module: str) -> list[str]:
        """Its lines in a file that imports it, by whatever name the file calls it."""
        imported = re.findall(r"^from \S+\.api\b\S* import (\([^)]*\)|.*)$", self._files[name], flags=re.MULTILINE)
        found = re.search(rf"\b{module}\b(?: as (\w+))?", " ".join(imported))
        return self._lines(rf"\b(?:{module}|{found[1] or module})\b", name) if found else []

    def _lines(self, pattern: str, only: str = "") -> list[str]:
        found = []
        for name, text in self._files.items():
            if only in ("", name):
                lines = text.splitlines()
                found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if re.search(pattern, line)]
        return found

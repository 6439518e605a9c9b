"""docs/from-go.md holds: every row of the Go module's surface is there, and every Python name on the page exists."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest

import acr

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = (PROJECT / "docs" / "from-go.md").read_text()
NAME = re.compile(r"(?P<path>(?:acr|acr_rest|examples)(?:\.\w+)+)(?:\((?P<parameters>\w+(?:, \w+)*)\))?")
KINDS = {"field": 95, "type": 83, "const": 43, "method": 28, "embeds": 14, "func": 12, "example": 6, "error": 2}


class Row(NamedTuple):
    """A row of a table of symbols."""

    kind: str
    go: str
    python: tuple[str, ...]
    note: str

    @property
    def value(self) -> str | None:
        """Of a Go constant, where the row tells it."""
        return self.go.partition(" = ")[2] or None


def rows_of(section: str) -> list[Row]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = []
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| kind "):
            kind, go, python, note = (cell.strip() for cell in line.strip("|").split("|"))
            found.append(Row(kind, go.strip("`"), tuple(re.findall("`(.+?)`", python)), note))
    return found


ROWS = rows_of("Symbols")
FURTHER = rows_of("Further symbols")


def resolve(name: str) -> object:
    """What a name stands for. A field of an attrs class may have no attribute of its class.

    Raises:
        LookupError: there is no such thing.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise LookupError(f"{name}: expected a dotted path, with parameters in parentheses")
    first, *rest = match["path"].split(".")
    found: object = import_module(first)
    place = first
    for part in rest:
        place = f"{place}.{part}"
        found = attribute(found, part, place)
    for parameter in (match["parameters"] or "").split(", "):
        if parameter and not (callable(found) and parameter in inspect.signature(found).parameters):
            raise LookupError(f"{name}: there is no parameter {parameter}")
    return found


def attribute(owner: object, name: str, place: str) -> object:
    if inspect.isclass(owner) and attrs.has(owner) and name in attrs.fields_dict(owner):
        return attrs.fields_dict(owner)[name]
    if hasattr(owner, name):
        return getattr(owner, name)
    if inspect.ismodule(owner):
        try:
            return import_module(place)
        except ModuleNotFoundError:
            pass
    raise LookupError(f"there is no {place}")


def unresolved(names: list[str]) -> list[str]:
    problems = []
    for name in names:
        try:
            resolve(name)
        except LookupError as error:
            problems.append(str(error))
    return problems


def test_the_table_is_complete() -> None:
    assert len(ROWS) == 283
    assert Counter(row.kind for row in ROWS) == KINDS
    assert len({(row.kind, row.go) for row in ROWS}) == len(ROWS)


def test_the_table_has_the_rows_of_the_go_module_in_their_order(shared: Path) -> None:
    surface = (shared / "reference" / "surface.tsv").read_text().splitlines()
    assert [f"{row.kind}\t{row.go}" for row in ROWS] == surface


def test_the_page_of_the_go_module_has_no_field_that_is_in_neither_table(shared: Path) -> None:
    reference = (shared / "reference" / "azcontainerregistry-v0.2.2.txt").read_text()
    fields = set()
    for structure, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", reference, re.MULTILINE | re.DOTALL):
        fields |= {f"{structure}.{field}" for field in re.findall(r"^\t(\w+) +[*\[\]]*[\w.]+$", body, re.MULTILINE)}
    ours = {row.go for row in [*ROWS, *FURTHER] if row.kind == "field"}
    assert fields <= ours
    assert {row.go for row in FURTHER if row.kind == "field"} <= fields


def test_every_python_name_of_the_tables_exists() -> None:
    assert unresolved([name for row in [*ROWS, *FURTHER] for name in row.python]) == []


def test_every_python_name_of_the_page_exists() -> None:
    """Also those in the text and in the notes."""
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    names = [name for name in re.findall(r"`(.+?)`", text) if re.match(r"(acr|acr_rest|examples)\.", name)]
    assert len(names) > 283
    assert unresolved(names) == []


def test_every_name_exists_in_both_colours() -> None:
    twins = []
    for row in ROWS:
        for name in row.python:
            class_name = re.sub(r"^acr\.(\w+).*", r"\1", name)
            if f"Async{class_name}" in dir(acr):
                twins.append(name.replace(f"acr.{class_name}", f"acr.Async{class_name}", 1))
    assert len(twins) > 100
    assert unresolved(twins) == []


def test_a_constant_has_the_value_that_it_has_in_go() -> None:
    compared = 0
    for row in ROWS:
        if row.value is not None and row.python:
            (name,) = row.python
            found = resolve(name)
            assert (found.value if isinstance(found, Enum) else found) == row.value, name
            compared += 1
    assert compared == 40


def test_an_enumeration_has_the_values_that_it_has_in_go() -> None:
    """Those that a registry newer than this package has sent are not among them: iterating gives declared ones."""
    compared = 0
    for row in ROWS:
        if match := re.fullmatch(r"Possible(\w+)Values", row.go):
            expected = {one.value for one in ROWS if one.kind == "const" and one.go.startswith(f"{match[1]}.")}
            found = resolve(row.python[0])
            values = {str(value) for value in found}  # type: ignore[attr-defined]
            assert values == expected if match[1] != "ContentType" else values > expected, row.go
            compared += 1
    assert compared == 7


def test_rows_without_a_python_name_are_few_and_tell_why() -> None:
    without = [row for row in ROWS if not row.python]
    assert len(without) <= 15
    assert all(len(row.note) > 20 for row in without), without


def test_each_example_has_both_colours() -> None:
    examples = [row for row in ROWS if row.kind == "example"]
    for row in examples:
        (name,) = row.python
        module = import_module(name.removesuffix(".run"))
        assert inspect.isfunction(module.run)
        assert inspect.iscoroutinefunction(module.run_async)
        assert f"| {row.go} | [{Path(module.__file__ or '').name}]" in PAGE
    assert len(examples) == 6


@pytest.mark.parametrize(
    "name",
    ["acr.Nothing", "acr.Registry.nothing", "acr.TagProperties.nothing", "acr.Repository.tags(nothing)", "acr.Page()"],
)
def test_a_name_that_does_not_exist_is_found_out(name: str) -> None:
    with pytest.raises(LookupError):
        resolve(name)

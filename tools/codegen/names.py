"""What things are called in Python. All names of generated code are made here."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_RESERVED: Final = (set(dir(builtins)) | {"self", "true", "false", "datetime", "types"}) - {"id"}
# What modules of operations and models import, or define themselves.
_OURS: Final = {
    "Any", "Content", "Literal", "Mapping", "NamedTuple", "OpenEnum", "Request", "Response", "Result", "Self",
    "Sequence",
}  # fmt: skip
_METHODS: Final = {"additional_properties", "field", "from_dict", "to_dict"}
# Fields that each Result may have, and the attributes of a NamedTuple.
_OF_RESULT: Final = {"status", "body", "content", "count", "index"}


def words(name: str) -> list[str]:
    """The words of a name: `createdTime` and `created-time` have two."""
    known = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in ". _-/"))
    if any(letter.isupper() for letter in known):
        known = " ".join(re.split("([A-Z]?[a-z]+)", known))
    return re.findall(r"[^/. _-]+", known)


def snake(name: str, *, prefix: str = "field_") -> str:
    """A name for an argument, a field or a module."""
    found = "_".join(words(name)).lower()
    found = f"{found}_" if found in _RESERVED or keyword.iskeyword(found) else found
    return found if found.isidentifier() else f"{prefix}{found}"


def pascal(name: str) -> str:
    """A name for a class."""
    found = "".join(word if word.isupper() else word.capitalize() for word in words(name))
    if found in _RESERVED or keyword.iskeyword(found) or found in _OURS:
        found += "_"
    return found if found.isidentifier() else f"Model{found}"


def member(value: str) -> str:
    """A name for a value of an enum."""
    found = re.sub(r"[^A-Z0-9_]", "_", value.upper())
    return found if found[:1].isalpha() and not keyword.iskeyword(found) else f"VALUE_{found}"


def fields(names: Iterable[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Names for what stands beside each other, each its own."""
    return _unique(names, snake, taken)


def of_model(properties: Iterable[str]) -> dict[str, str]:
    """The fields of a class, which has methods, too."""
    return fields(properties, taken=_METHODS)


def of_result(headers: Iterable[str]) -> dict[str, str]:
    """The fields of a Result, beside those that it has in any case."""
    return fields(headers, taken=_OF_RESULT)


def members(values: Iterable[str]) -> dict[str, str]:
    """The members of an enum."""
    return _unique(values, member, ())


def classes(schemas: Iterable[str]) -> dict[str, str]:
    """The classes of schemas."""
    return _unique(schemas, pascal, ())


def package(operation_id: str) -> str:
    """The package of an operation: what its id begins with."""
    prefix, separator, _ = operation_id.partition("_")
    return snake(prefix, prefix="api_") if separator and words(prefix) else "default"


def module(operation_id: str) -> str:
    """The module of an operation."""
    return snake(operation_id, prefix="operation_")


def _unique(names: Iterable[str], make: Callable[[str], str], taken: Iterable[str]) -> dict[str, str]:
    used, result = set(taken), {}
    for name in names:
        found = make(name)
        while found in used:
            found += "_"
        used.add(found)
        result[name] = found
    return result

"""Names that openapi-python-client makes, and makes twice for two things: here each gets its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from openapi_python_client.strings import ClassName, PythonIdentifier, pascal_case, snake_case

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "field_"  # of a name that would begin with a digit or an underscore
# What modules of operations and models import, or define themselves.
_OURS: Final = {
    "Any", "Content", "Failure", "Final", "Literal", "Mapping", "OpenEnum", "Request", "Response", "Result", "Self",
    "Sequence",
}  # fmt: skip
OF_MODEL: Final = {"additional_properties", "field", "from_dict", "to_dict", "types", *_OURS}
OF_REQUEST: Final = {"body", "content", "content_type", "parse", "safe", "types", *_OURS}
OF_RESULT: Final = {"status", "body", "content", "field"}
# Headers whose value a repr may show. Others may hold a signed URL, a token or the state of an upload.
OPEN_HEADERS: Final = {
    "accept-ranges", "content-range", "content-type", "docker-content-digest", "docker-distribution-api-version",
    "etag", "oci-filters-applied", "oci-subject", "range",
}  # fmt: skip
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def is_form(media_type: str) -> bool:
    """Whether a body of this media type is a form, whose fields are arguments."""
    return media_type in _FORMS


def pascal(name: str) -> str:
    """A name in the way of classes, for a part of one."""
    return pascal_case(name)


def free(name: str, taken: set[str]) -> str:
    """The name, with as many underscores as it takes to be no other; it is taken from now on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def fields(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Names in the way of arguments for what stands beside each other."""
    used = set(taken)
    return {name: free(PythonIdentifier(name, PREFIX), used) for name in names}


def classes(schemas: Iterable[str]) -> dict[str, str]:
    """The classes of schemas. Two have neither the same name nor the same module."""
    used: set[str] = set()
    result = {}
    for schema in schemas:
        name = _settled(schema)
        if name in _OURS:
            name = _settled(f"{name}Model")
        found, number = name, 1
        while module(found) in used:
            number += 1
            found = _settled(f"{name}{number}")
        used.add(module(found))
        result[schema] = found
    return result


def _settled(name: str) -> str:
    """The name of a class, that of which it is the name itself."""
    found = ClassName(name, PREFIX)
    while (again := ClassName(found, PREFIX)) != found:
        found = again
    return found


def members(values: Iterable[str]) -> dict[str, str]:
    """The members of an enum."""
    used: set[str] = set()
    result = {}
    for value in values:
        plain = re.sub(r"[^A-Z0-9_]", "_", value.upper())
        name = snake_case(plain if plain[:1].isalpha() else f"VALUE_{plain}").upper()
        found, number = name, 1
        while found in used:
            number += 1
            found = f"{name}_{number}"
        used.add(found)
        result[value] = found
    return result


def prefix(operation_id: str) -> str:
    """What the id of an operation begins with: the tag that makes it one of a package."""
    found, separator, _ = operation_id.partition("_")
    return found if separator and snake_case(found) else "default"


def operation(operation_id: str) -> str:
    """The module of an operation: its id without what it begins with, which only says which package it is in."""
    _, separator, rest = operation_id.partition("_")
    return module(rest if separator and snake_case(rest) else operation_id)


def package(operation_id: str) -> str:
    """The package of an operation."""
    return PythonIdentifier(prefix(operation_id), "tag")


def module(name: str) -> str:
    """The module of an operation, or of a class: the name of which it is the name itself."""
    found = PythonIdentifier(name, PREFIX)
    while (again := PythonIdentifier(found, PREFIX)) != found:
        found = again
    return found
